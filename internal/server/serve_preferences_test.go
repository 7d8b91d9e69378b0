package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

var preferencesLink = regexp.MustCompile(`https://privacy\.example\.com/preferences/(vp_[A-Za-z0-9_-]+)`)

// Anna sees what she chose by the link in her letter, withdraws, and takes a receipt
// with her. Who is not known gets no letter, and everybody the same answer. Nobody sees
// what is another's, and a link is worth nothing once she is nobody.
func TestPersonSeesAndChangesWhatTheyChoseByALink(t *testing.T) { // W12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		caught, tr := mailServer(t, mailcatch.Config{})
		s := mailing(t, db, tr)
		anna := s.makeConsent(store.DefaultTenant, "anna@example.org", "analytics", true)
		other := s.makeConsent(store.DefaultTenant, "ben@example.org", "analytics", true)
		post := func(path, body string, status int, v any) string {
			t.Helper()
			got := s.send("POST", "/api/v1/public/preferences"+path, "", strings.NewReader(body), "Content-Type", "application/json")
			if got.status != status {
				t.Fatalf("%s %s: %d %s", path, body, got.status, got.body)
			}
			if v != nil {
				s.must(json.Unmarshal([]byte(got.body), v))
			}
			return got.body
		}
		known := post("", `{"email":"Anna@Example.org","language":"de"}`, http.StatusAccepted, nil)
		if nobody := post("", `{"email":"nobody@example.org"}`, http.StatusAccepted, nil); nobody != known {
			t.Errorf("who is not known is told %s, who is %s", nobody, known)
		}
		letters, err := caught.Wait(t.Context(), 1, nil)
		s.must(err)
		link := preferencesLink.FindStringSubmatch(letters[0].Text)
		if letters[0].To != "anna@example.org" || link == nil || !strings.Contains(letters[0].Text, "60 Minuten") {
			t.Fatalf("the letter to %s says\n%s", letters[0].To, letters[0].Text)
		}
		token := `"token":"` + link[1] + `"`
		var shown api.PreferencesOfPerson
		post("/show", `{`+token+`}`, http.StatusOK, &shown)
		if len(shown.Records) != 1 || shown.Records[0].Sequence != anna.Sequence || time.Until(shown.Expires) > time.Hour {
			t.Errorf("shown %+v", shown)
		}
		post("/choose", `{`+token+`,"purposes":{"analytics":false}}`, http.StatusOK, &shown)
		post("/choose", `{`+token+`,"purposes":{"analytics":false}}`, http.StatusOK, &shown) // no record more
		if r := shown.Records[0]; len(shown.Records) != 2 || r.Choice != consent.Withdrawn || r.Source != consent.PreferenceCenter {
			t.Errorf("after the withdrawal %+v", shown.Records)
		}
		for _, p := range shown.Purposes {
			if p.Purpose == "analytics" && p.Granted {
				t.Error("what was withdrawn is granted")
			}
		}
		if receipt := post("/receipt", fmt.Sprintf(`{%s,"sequence":%d}`, token, anna.Sequence), http.StatusOK, nil); !strings.Contains(receipt, anna.Record) {
			t.Errorf("the receipt is %s", receipt)
		}
		post("/receipt", fmt.Sprintf(`{%s,"sequence":%d}`, token, other.Sequence), http.StatusNotFound, nil)
		post("/show", `{"token":"vp_made_up"}`, http.StatusForbidden, nil)

		var made api.PreferencesLink
		s.ask("POST", "/api/v1/subjects/"+other.Subject.String()+"/preferences", `{"minutes":5}`, http.StatusCreated, &made)
		if !strings.HasSuffix(made.URL, "/preferences/"+made.Token) || time.Until(made.Expires) > 5*time.Minute {
			t.Errorf("the link of an application is %+v", made)
		}
		post("/show", `{"token":"`+made.Token+`"}`, http.StatusOK, &shown)
		if shown.Records[0].Sequence != other.Sequence {
			t.Errorf("Ben is shown %+v", shown.Records)
		}
		s.ask("POST", "/api/v1/subjects/"+anna.Subject.String()+"/erase", "", http.StatusOK, nil)
		post("/show", `{`+token+`}`, http.StatusForbidden, nil)
		post("/choose", `{`+token+`,"purposes":{"analytics":true}}`, http.StatusForbidden, nil)
		if strings.Contains(s.log.String(), link[1]) {
			t.Error("the log has the token")
		}
	})
}

// No more letters than codes go to one address.
func TestLinksToPreferencesAreNotMailedWithoutEnd(t *testing.T) { // SE15
	t.Parallel()
	caught, tr := mailServer(t, mailcatch.Config{})
	s := mailing(t, storetest.SQLite(t), tr)
	s.makeConsent(store.DefaultTenant, "anna@example.org", "analytics", true)
	s.makeConsent(store.DefaultTenant, "ben@example.org", "analytics", true)
	for _, to := range []string{"anna", "anna", "anna", "anna", "anna", "anna", "anna", "ben"} {
		got := s.send("POST", "/api/v1/public/preferences", "", strings.NewReader(`{"email":"`+to+`@example.org"}`), "Content-Type", "application/json")
		if got.status != http.StatusAccepted {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	_, err := caught.Wait(t.Context(), 1, func(m mailcatch.Message) bool { return m.To == "ben@example.org" })
	s.must(err)
	letters, err := caught.Wait(t.Context(), 5, func(m mailcatch.Message) bool { return m.To == "anna@example.org" })
	s.must(err)
	if all := caught.Messages(); len(all) != 6 {
		t.Errorf("%d letters, %d of them to Anna", len(all), len(letters))
	}
}
