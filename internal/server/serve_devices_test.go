package server

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/subject"
)

// theDevice is that of the examples.
const theDevice = "AAAAAAAAAAAAAAAAAAAAAA"

// makeDevice makes a site on which a device has agreed to statistics. The body
// of a route that takes a code has a good one.
func (s *site) makeDevice(route api.Route, tenant string) (id, key string) {
	s.t.Helper()
	id = uuid.NewString()
	key, err := banner.NewKey(rand.Reader)
	s.must(err)
	snapshot, err := json.Marshal(banner.Version{Number: 1, Categories: []banner.Asked{{Category: banner.Category{Key: "statistics", Purposes: []string{"analytics"}}, Since: 1, Days: 90}}})
	s.must(err)
	known, err := s.db.Devices().Known(s.t.Context(), tenant, id, theDevice)
	s.must(err)
	raw, ends := s.db.Raw(s.t), time.Now().AddDate(0, 1, 0)
	answers := fmt.Sprintf(`{"statistics":{"granted":true,"version":1,"expires_at":%q}}`, ends.Format(time.RFC3339))
	for statement, args := range map[string][]any{
		`INSERT INTO sites (tenant, id, key, name, draft, revision, edited, version, origins, created) VALUES ($1, $2, $3, 'Shop', $4, 1, 0, 1, '` + shopOrigin + `', 0)`: {tenant, id, key, []byte(`{}`)},
		`INSERT INTO site_versions (tenant, site, version, digest, snapshot, draft, published, sealed) VALUES ($1, $2, 1, 'd', $3, $4, 1, $4)`:                            {tenant, id, snapshot, []byte(`{}`)},
		`INSERT INTO site_consents (tenant, site, device, id, seq, version, digest, categories, vendors, source, signal, created, updated, expires, person, bridged)
			VALUES ($1, $2, $3, $4, 1, 1, 'd', $5, '{}', 'banner', 0, 1, 1, $6, '', 0)`: {tenant, id, known, uuid.NewString(), answers, ends.UnixMicro()},
	} {
		_, err := raw.ExecContext(s.t.Context(), statement, args...)
		s.must(err)
	}
	if strings.HasSuffix(route.Path, "/prove") {
		if s.ready == nil {
			s.ready = map[string]string{}
		}
		s.ready[route.Does] = strings.Replace(route.Example, "01234567", s.deviceCode(tenant, id, known), 1)
	}
	return id, key
}

func (s *site) deviceCode(tenant, id, known string) string {
	s.t.Helper()
	keys, err := s.db.Tenant(s.t.Context(), tenant)
	s.must(err)
	to, err := subject.New(subject.Email, uuid.NewString()+"@example.org")
	s.must(err)
	c, code, err := banner.NewChallenge(tenant, id, known, to, keys.RecallKey(), rand.Reader)
	s.must(err)
	letter, err := message.New(message.Letter{Kind: message.DeviceCode, To: to.Value})
	s.must(err)
	s.must(s.db.Devices().SendCode(s.t.Context(), store.DeviceCode{Challenge: c, Letter: letter}))
	return code
}

func TestAVisitorProvesAnAddressAndTheirChoiceCounts(t *testing.T) { // B25, B26, B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		caught, tr := mailServer(t, mailcatch.Config{})
		s := mailing(t, db, tr)
		id, key := s.makeDevice(api.Route{}, store.DefaultTenant)
		public := "/api/v1/public/sites/" + key
		post := func(path, body string, status int) {
			t.Helper()
			got := s.send("POST", path, "", strings.NewReader(body), "Content-Type", "application/json", "Origin", shopOrigin)
			if got.status != status {
				t.Fatalf("%s: %d %s", path, got.status, got.body)
			}
		}
		device := `"device":"` + theDevice + `"`
		post(public+"/link", `{`+device+`,"email":"Anna@Example.org","language":"de"}`, http.StatusAccepted)
		letters, err := caught.Wait(t.Context(), 1, nil)
		s.must(err)
		letter := letters[0]
		if letter.To != "anna@example.org" || !strings.Contains(letter.Text, "Shop") || !strings.Contains(letter.Text, "15 Minuten") {
			t.Errorf("the letter: %s", letter.Text)
		}
		code := regexp.MustCompile(`[0-9]{8}`).FindString(letter.Text)
		post(public+"/link/prove", `{`+device+`,"code":"`+code+`"}`, http.StatusOK)
		var found api.DeviceList
		s.ask("POST", "/api/v1/devices/find", `{"identities":[{"type":"email","value":"anna@example.org"}]}`, http.StatusOK, &found)
		if len(found.Items) != 1 || found.Items[0].Site != id || !found.Items[0].Categories["statistics"].Granted {
			t.Errorf("found %+v", found.Items)
		}
		var person api.Found
		s.ask("POST", "/api/v1/subjects/find", `{"identities":[{"type":"email","value":"anna@example.org"}]}`, http.StatusOK, &person)
		allowed := func() string {
			return s.get("/api/v1/subjects/" + person.Subject.String() + "/consents/analytics").body
		}
		if got := allowed(); !strings.Contains(got, `"allowed":true`) {
			t.Errorf("the gate says %s", got)
		}
		post(public+"/link", `{`+device+`,"email":"ben@example.org"}`, http.StatusConflict)
		post(public+"/unlink", `{`+device+`}`, http.StatusOK)
		s.ask("POST", "/api/v1/sites/"+id+"/link", `{`+device+`,"identities":[{"type":"email","value":"ben@example.org"}]}`, http.StatusOK, nil)
		s.ask("POST", "/api/v1/devices/find", `{"identities":[{"type":"email","value":"anna@example.org"}]}`, http.StatusOK, &found)
		if len(found.Items) != 0 {
			t.Errorf("after it was unlinked: %+v", found.Items)
		}
		if strings.Contains(s.log.String(), "example.org") {
			t.Error("the log names an address")
		}
	})
}
