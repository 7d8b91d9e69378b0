package web_test

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/internal/chromiumtest"
	"volenti.dev/volenti/web"
)

// A person withdraws by a link, and takes the receipt along, without any script.
func TestPersonChangesWhatTheyAgreedToInABrowser(t *testing.T) { // W12, W18
	h := openTown(t)
	e := eye{chromiumtest.Start(t), t, chromiumtest.Axe(t)}
	h.move(e)
	link := h.url + h.preferences()[0]
	e.Open(h.url + "/")
	e.Press("See and change what I agreed to")
	e.Fill("E-mail address", "lena.own@example.org")
	e.Press("Send me a link")
	e.says("a link is on its way")
	e.Open(h.url + "/preferences/" + h.mailed("lena.own@example.org", regexp.MustCompile(`vp_[A-Za-z0-9_-]+`)))
	e.says("What you chose, and when", "told by a program")
	e.Open(link) // that of the host application
	e.says("What you chose, and when", "told by a program")
	const called = "(analytics)"
	e.Touch("I do not agree " + called)
	e.Press("Save")
	e.says("It holds from now on", "withdrew", "on this page")
	e.look("preferences-saved")
	if receipt := e.Download(regexp.MustCompile(`Receipt [0-9]+`).FindString(e.Text())); !strings.Contains(string(receipt), "@context") {
		t.Errorf("the receipt is %.200s", receipt)
	}
	e.Open(link + "x")
	e.says("not good any more")
}

// mailed waits for a letter to an address in which a pattern is found, and gives what
// it finds there.
func (h *town) mailed(to string, pattern *regexp.Regexp) string {
	h.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(100 * time.Millisecond) {
		letters, err := filepath.Glob(filepath.Join(h.dir, "mail", "*-"+strings.Replace(to, "@", "-at-", 1)+".txt"))
		if err != nil {
			h.t.Fatal(err)
		}
		for _, name := range letters {
			text, err := os.ReadFile(name)
			if err != nil {
				h.t.Fatal(err)
			}
			if found := pattern.Find(text); found != nil {
				return string(found)
			}
		}
	}
	h.t.Fatalf("no letter to %s has %s", to, pattern)
	return ""
}

// Saving another choice must not agree to what somebody is asked again.
func TestNothingIsTickedForWhoIsAskedAgain(t *testing.T) { // W12
	for due, want := range map[string]int{"false": 1, "true": 0} {
		api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"purposes": [{"purpose": "news", "granted": true, "choice": "granted", "reconsent_due": ` + due + `}]}`))
		})
		w := httptest.NewRecorder()
		web.New(web.Config{API: api, PublicURL: "http://127.0.0.1", Log: slog.New(slog.DiscardHandler), Random: rand.Reader}, web.Table()).
			ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/preferences/vp_any", nil))
		if got := strings.Count(w.Body.String(), " checked"); got != want || !strings.Contains(w.Body.String(), `name="purpose.news"`) {
			t.Errorf("asked again %s: %d answers are ticked, want %d", due, got, want)
		}
	}
}
