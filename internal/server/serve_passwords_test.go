package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// passwordLink gives the token of a link to a new password of somebody.
func (s *site) passwordLink(of auth.Operator) string {
	s.t.Helper()
	p, token, err := newPassword(of.Tenant, of.ID, time.Now().Add(time.Hour))
	s.must(err)
	s.must(s.db.Operators().LinkPassword(s.t.Context(), auth.Console(of.Tenant, "root"), p, act("operator.password_link")))
	return token
}

// renew sets a new password by the token of a link.
func (s *site) renew(token, password string) reply {
	s.t.Helper()
	return s.send("POST", "/api/v1/passwords", "", strings.NewReader(fmt.Sprintf(`{"token":%q,"password":%q}`, token, password)), "Content-Type", "application/json")
}

// A link is good once, its password then is, and nobody stays signed in. What comes
// between a link and its use ends it: another link, another role, being kept out.
func TestForgottenPasswordIsSetAnewByALinkOnce(t *testing.T) { // SE12
	const fresh = "another four words here"
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		owner := s.session(s.makeOperator(store.DefaultTenant, auth.Owner))
		o := s.makeOperatorAt(store.DefaultTenant, auth.PrivacyOfficer, "olga@example.org")
		link := func() string {
			got := s.send("POST", "/api/v1/operators/"+o.ID+"/password-link", owner, nil, "Idempotency-Key", uuid.NewString())
			var l api.PasswordLink
			s.must(json.Unmarshal([]byte(got.body), &l))
			if until := time.Until(l.Expires); got.status != http.StatusCreated || until > auth.PasswordTime || until < auth.PasswordTime-time.Minute {
				t.Fatalf("a link: %d, for %s", got.status, until)
			}
			return l.Token
		}
		mine := s.token("olga@example.org", password)
		for range 10 { // as often as one may
			s.signIn("olga@example.org", "wrong wrong wrong")
		}
		earlier, token := link(), link()
		s.problem("an earlier link", s.renew(earlier, fresh), http.StatusForbidden)
		s.problem("a poor password", s.renew(token, "short"), http.StatusUnprocessableEntity)
		if got := s.renew(token, fresh); got.status != http.StatusNoContent {
			t.Fatalf("%d %s", got.status, got.body)
		}
		s.problem("a second time", s.renew(token, fresh), http.StatusForbidden)
		if got := s.send("GET", "/api/v1/requests", mine, nil); got.status != http.StatusUnauthorized {
			t.Errorf("a session from before is answered %d", got.status)
		}
		s.problem("the old password", s.signIn("olga@example.org", password), http.StatusForbidden)
		s.token("olga@example.org", fresh) // also after so many tries
		for _, change := range [][3]string{{"PUT", "/role", `{"role":"owner"}`}, {"POST", "/disable", ""}} {
			token := link()
			if got := s.send(change[0], "/api/v1/operators/"+o.ID+change[1], owner, strings.NewReader(change[2]), "Content-Type", "application/json"); got.status != http.StatusOK {
				t.Fatalf("%s: %d %s", change[1], got.status, got.body)
			}
			s.problem("a link from before "+change[1], s.renew(token, password), http.StatusForbidden)
		}
		s.problem("a link for whom is kept out", s.send("POST", "/api/v1/operators/"+o.ID+"/password-link", owner, nil, "Idempotency-Key", "k"), http.StatusConflict)
		var log api.AuditEntries
		s.ask("GET", "/api/v1/audit/entries?object=operator/"+o.ID, "", http.StatusOK, &log)
		acts := ""
		for _, e := range log.Items {
			acts = e.Act + " " + acts
		}
		if want := "operator.password_link operator.password_link operator.password session.begin operator.password_link operator.role operator.password_link operator.disable "; !strings.HasSuffix(acts, want) {
			t.Errorf("logged %s", acts)
		}
	})
}

func TestLinkToAPasswordIsNoWayUp(t *testing.T) { // SE13
	s := newSite(t, storetest.SQLite(t))
	owner, admin := s.makeOperator(store.DefaultTenant, auth.Owner), s.makeOperator(store.DefaultTenant, auth.Admin)
	link := func(token string, of auth.Operator) reply {
		return s.send("POST", "/api/v1/operators/"+of.ID+"/password-link", token, nil, "Idempotency-Key", uuid.NewString())
	}
	s.problem("an admin, for an owner", link(s.session(admin), owner), http.StatusForbidden)
	s.problem("a key, for an owner", link(s.key, owner), http.StatusForbidden)
	s.problem("an admin, for themselves", link(s.session(admin), admin), http.StatusConflict)
	if got := link(s.session(owner), admin); got.status != http.StatusCreated {
		t.Errorf("an owner, for an admin: %d %s", got.status, got.body)
	}
}

func TestOpenInvitationIsTakenBack(t *testing.T) { // W10, SE12, SE13
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		owner, admin := s.makeOperator(store.DefaultTenant, auth.Owner), s.makeOperator(store.DefaultTenant, auth.Admin)
		invite := func(by auth.Operator, r auth.Role) string {
			got := s.send("POST", "/api/v1/invitations", s.session(by), strings.NewReader(fmt.Sprintf(`{"role":%q}`, r)), "Content-Type", "application/json", "Idempotency-Key", uuid.NewString())
			var i api.InvitationWithToken
			s.must(json.Unmarshal([]byte(got.body), &i))
			return i.Invitation
		}
		owners, viewers := invite(owner, auth.Owner), invite(admin, auth.Viewer)
		var open api.InvitationList
		s.ask("GET", "/api/v1/invitations", "", http.StatusOK, &open)
		ids := map[auth.Role]string{}
		for _, i := range open.Items {
			ids[i.Role] = i.ID
			by := map[auth.Role]auth.Operator{auth.Owner: owner, auth.Viewer: admin}[i.Role]
			if i.By != "operator/"+by.ID || i.Created == nil || i.Expires.Sub(*i.Created).Round(time.Hour) != auth.InvitationTime {
				t.Errorf("listed %+v", i)
			}
		}
		if len(open.Items) != 2 {
			t.Fatalf("%d are open", len(open.Items))
		}
		back := func(by auth.Operator, id string) reply {
			return s.send("POST", "/api/v1/invitations/"+id+"/revoke", s.session(by), nil, "Idempotency-Key", uuid.NewString())
		}
		s.problem("an owner's, by an admin", back(admin, ids[auth.Owner]), http.StatusForbidden)
		if got := back(admin, ids[auth.Viewer]); got.status != http.StatusNoContent {
			t.Errorf("%d %s", got.status, got.body)
		}
		s.problem("a second time", back(admin, ids[auth.Viewer]), http.StatusNotFound)
		accept := func(token string) reply {
			body := fmt.Sprintf(`{"invitation":%q,"email":"%s@example.org","name":"Olga","password":%q}`, token, uuid.NewString(), password)
			return s.send("POST", "/api/v1/operators", "", strings.NewReader(body), "Content-Type", "application/json")
		}
		s.problem("one that was taken back", accept(viewers), http.StatusForbidden)
		if got := accept(owners); got.status != http.StatusCreated {
			t.Errorf("the other: %d %s", got.status, got.body)
		}
		if s.ask("GET", "/api/v1/invitations", "", http.StatusOK, &open); len(open.Items) != 0 {
			t.Errorf("still open: %+v", open.Items)
		}
	})
}

var passwordLinkMailed = regexp.MustCompile(`https://privacy\.example\.com/new-password/(vn_[A-Za-z0-9_-]+)`)

// Who is not known gets no letter, as who is kept out, and everybody the same answer,
// however often they ask.
func TestLinkToAPasswordIsMailedWithoutTellingWhoOperates(t *testing.T) { // W10, SE2, SE12, SE15
	const fresh = "another four words here"
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		caught, tr := mailServer(t, mailcatch.Config{})
		s := mailing(t, db, tr)
		s.makeOperatorAt(store.DefaultTenant, auth.Viewer, "olga@example.org")
		out := s.makeOperatorAt(store.DefaultTenant, auth.Viewer, "otto@example.org")
		s.ask("POST", "/api/v1/operators/"+out.ID+"/disable", "", http.StatusOK, nil)
		ask := func(email string) string {
			body := fmt.Sprintf(`{"email":%q,"language":"de"}`, email)
			got := s.send("POST", "/api/v1/passwords/mail", "", strings.NewReader(body), "Content-Type", "application/json")
			if got.status != http.StatusAccepted {
				t.Fatalf("%s: %d %s", email, got.status, got.body)
			}
			return got.body
		}
		for _, unknown := range []string{"nobody@example.org", "otto@example.org"} {
			ask(unknown)
		}
		known := ask("Olga@example.org")
		for range 9 {
			if again := ask("olga@example.org"); again != known || again != ask("nobody@example.org") {
				t.Errorf("told %s and %s", known, again)
			}
		}
		letters, err := caught.Wait(t.Context(), 5, nil)
		s.must(err)
		link := passwordLinkMailed.FindStringSubmatch(letters[0].Text)
		if letters[0].To != "olga@example.org" || link == nil || !strings.Contains(letters[0].Text, "60 Minuten") {
			t.Fatalf("the letter to %s says\n%s", letters[0].To, letters[0].Text)
		}
		if got := s.renew(link[1], fresh); got.status != http.StatusNoContent {
			t.Errorf("%d %s", got.status, got.body)
		}
		s.token("olga@example.org", fresh)
		other := passwordLinkMailed.FindStringSubmatch(letters[1].Text)
		s.problem("another link, once one was used", s.renew(other[1], password), http.StatusForbidden)
		s.stop()
		s.must(<-s.ended)
		if posted := caught.Messages(); len(posted) != 5 {
			t.Errorf("%d letters were sent", len(posted))
		}
		if log := s.log.String(); strings.Contains(log, "example.org") || strings.Contains(log, link[1][20:]) {
			t.Error(log)
		}
	})
}
