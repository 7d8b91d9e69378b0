package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"volenti.dev/volenti/internal/chromiumtest"
)

var (
	keyShown        = regexp.MustCompile(`vk_[A-Za-z0-9_-]+`)
	invitationShown = regexp.MustCompile(`/set-up/vi_[A-Za-z0-9_-]+`)
	passwordShown   = regexp.MustCompile(`/new-password/vn_[A-Za-z0-9_-]+`)
)

// An owner makes a key, which then works, and revokes it; invites a viewer, who cannot
// reach what is not theirs; adds a webhook that is not there, and sees that it is not;
// and verifies the log, in which all of that stands.
func TestOwnerSetsTheHouseUpInABrowser(t *testing.T) { // W10, W18, SE12, SE13
	h := start(t)
	e := eye{chromiumtest.Start(t), t, chromiumtest.Axe(t)}
	e.Screen(1280, "light")
	e.Open(h.url + h.setUp)
	e.Fill("Your name", "Olga Owner")
	e.Fill("E-mail address", "olga@example.org")
	e.Fill("Password", password)
	e.Fill("The same password again", password)
	e.Press("Accept and sign in")

	e.Press("API keys")
	e.Press("Make the key")
	e.says("Choose at least one")
	e.look("keys-refused")
	e.Fill("What it is for", "dashboard")
	e.Touch("requests:read")
	e.Fill("Expires after how many days", "30")
	e.Press("Make the key")
	key := keyShown.FindString(e.Text())
	e.look("keys-made")
	if got := h.call(t, key); got != http.StatusOK {
		t.Errorf("the key that was shown is answered %d", got)
	}
	e.Open(h.url + "/admin/keys")
	if strings.Contains(e.Text(), key) {
		t.Error("a key is shown twice")
	}
	e.Touch("Revoke")
	e.Press("Revoke it for good")
	e.says("revoked")
	if got := h.call(t, key); got != http.StatusUnauthorized {
		t.Errorf("a key that was revoked is answered %d", got)
	}

	e.Open(h.url + "/admin/webhooks")
	e.Fill("Address", "http://127.0.0.1:1/hook")
	e.Press("Add it")
	e.says("https://")
	e.look("webhooks-refused")
	e.Fill("Address", "https://nobody.invalid/hook")
	e.Press("Add it")
	e.says("shown only now")
	e.Press("Send a test event")
	e.says("The test event: not reached")
	e.look("webhook")

	e.Touch("Change it")
	e.Fill("Address", "https://nobody.invalid/other")
	e.Fill("What it is for", "Customer relations")
	e.Press("Save")
	e.says("Say what becomes of the events")
	e.look("webhook-undecided")
	e.Touch("Leave them out, and begin with what happens from now on")
	e.Press("Save")
	e.says("Customer relations", "https://nobody.invalid/other", "Saved")
	e.look("webhook-changed")

	e.Open(h.url + "/admin/operators")
	e.Press("Make a link")
	e.Open(h.url + "/admin/operators")
	e.says("Open invitations", "Olga Owner")
	e.Press("Take it back")
	if text := e.Text(); strings.Contains(text, "Open invitations") {
		t.Errorf("an invitation that was taken back is shown\n%s", text)
	}
	e.Press("Make a link")
	e.look("operators")
	link := invitationShown.FindString(e.Text())

	e.Open(h.url + "/admin/audit?act=apikey")
	e.says("apikey.create", "apikey.revoke", "dashboard")
	e.Press("Verify all of it")
	e.says("It verifies")
	e.look("audit-verified")

	e.Press("Sign out")
	e.Open(h.url + link)
	e.Fill("Your name", "Vera Viewer")
	e.Fill("E-mail address", "vera@example.org")
	e.Fill("Password", password)
	e.Fill("The same password again", password)
	e.Press("Accept and sign in")
	if text := e.Text(); strings.Contains(text, "API keys") || !strings.Contains(text, "Policies") {
		t.Errorf("a viewer is shown\n%s", text)
	}
	for _, page := range []string{"keys", "operators", "webhooks", "audit"} {
		e.Open(h.url + "/admin/" + page)
		e.says("not for your role")
	}

	e.Press("Sign out")
	signIn := func(address, password string) {
		e.Open(h.url + "/sign-in")
		e.Fill("E-mail address", address)
		e.Fill("Password", password)
		e.Press("Sign in")
	}
	signIn("olga@example.org", password)
	e.Open(h.url + "/admin/operators")
	e.Press("New password")
	e.says("Hand this link to Vera Viewer")
	e.look("operators-password")
	fresh := passwordShown.FindString(e.Text())
	e.Press("Sign out")
	e.Press("Forgotten your password?")
	e.says("volenti operator password")
	e.look("forgotten")
	e.Open(h.url + fresh)
	e.Fill("New password", "another four words here")
	e.Fill("The new password again", "another four words here")
	e.look("new-password")
	e.Press("Set it")
	e.says("Your password is set")
	signIn("vera@example.org", "another four words here")
	e.says("Policies")
}

// call asks for the requests with a key.
func (h *house) call(t *testing.T, key string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+"/api/v1/requests", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	return got.StatusCode
}
