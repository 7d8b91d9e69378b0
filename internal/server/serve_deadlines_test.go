package server

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
)

// calendar is one by which a day begins in Berlin.
const calendar = `
calendar:
  zone: Europe/Berlin
  law: gdpr
  holidays: ["2026-04-03", "2026-04-06"]
denial:
- key: unknown_person
  reason: {en: We do not know you., de: Wir kennen Sie nicht.}
`

// openDesk applies the configuration of the shop with more to it.
func (s *site) openDesk(policies, more string) {
	s.t.Helper()
	s.world = newWorld(s.t, "sqlite", "sqlite")
	s.world.configure(shopDataset, policies, more)
	s.openShop()
}

func TestARequestIsDueAsItsLawSays(t *testing.T) { // X21
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		received := time.Date(2026, 1, 31, 22, 30, 0, 0, time.UTC) // it is the 31st in Berlin, too
		var now atomic.Pointer[time.Time]
		now.Store(&received)
		s := newSiteWith(t, db, func(srv *Server) { srv.Now = func() time.Time { return *now.Load() } })
		s.openDesk(shopPolicies, calendar)
		r := s.submit("access", "anna@example.com")
		if r.Law != "gdpr" || r.Received == nil || !r.Received.Equal(received) || r.Overdue {
			t.Errorf("submitted: %+v", r)
		}
		// 28 February is a Saturday, so that 2 March is the last day.
		end := time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)
		if r.Due == nil || !r.Due.Equal(end) {
			t.Errorf("due %v, want %s", r.Due, end)
		}
		now.Store(&end)
		if r := s.await(r.ID, request.AwaitingApproval); !r.Overdue {
			t.Error("it is not overdue when the day has ended")
		}
	})
}

func TestTimeOfARequestIsChangedAsItsLawSays(t *testing.T) { // X21, SE16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openDesk(shopPolicies, calendar)
		r := s.submitTo("access", "anna@example.com")
		due := *r.Due
		change := func(does, body string) (now api.Request) {
			t.Helper()
			s.ask("POST", "/api/v1/requests/"+r.ID+"/"+does, body, http.StatusOK, &now)
			return now
		}
		if got := s.act(r.ID, "pause", `{"ground":"clarification"}`); got.status != http.StatusConflict || !strings.Contains(got.body, "only for identity") {
			t.Errorf("a ground that the law does not know: %d %s", got.status, got.body)
		}
		if now := change("pause", `{"ground":"identity","note":"asked for the contract"}`); now.Due != nil {
			t.Errorf("due %s while the clock stands still", now.Due)
		}
		if now := change("continue", ""); now.Due == nil || !now.Due.Equal(due) {
			t.Errorf("due %v, want %s", now.Due, due)
		}
		if now := change("extend", `{"reason":"many systems"}`); now.Due == nil || now.Due.Before(due.AddDate(0, 1, 20)) || now.Extended == nil {
			t.Errorf("extended: %+v", now)
		}
		s.problem("extended again", s.act(r.ID, "extend", `{"reason":"more"}`), http.StatusConflict)
		s.world.equal("acts", s.actsOn("request/"+r.ID), []string{"request.vouch", "request.stop_clock", "request.start_clock", "request.extend"})
		var letters int
		s.must(db.Raw(t).QueryRowContext(t.Context(), `SELECT count(*) FROM letters WHERE request = $1 AND kind = 'extension'`, r.ID).Scan(&letters))
		if letters != 1 {
			t.Errorf("%d letters tell of the extension", letters)
		}
	})
}

func TestWhoAsksIsWrittenToWhereAnAddressIsKnown(t *testing.T) { // X21, SE1
	t.Parallel()
	db := storetest.SQLite(t)
	s := newSite(t, db)
	s.openDesk(strings.Replace(shopPolicies, "key: access", "key: access\n  name: Your data", 1), calendar)
	submitted := s.submitTo("access", "anna@example.com")
	srv := &Server{House: &House{Store: db.DB}, Now: time.Now, PublicURL: "https://privacy.example.org"}
	srv.Configuration.Registry = builtin.Registry()
	desk := srv.desk()
	defer func() { s.must(desk.latest.Close()) }()
	r, err := db.Requests().Get(t.Context(), store.DefaultTenant, submitted.ID)
	s.must(err)
	told, err := desk.handing.letter(t.Context(), r, message.Extension, message.Values{"reason": "many systems"})
	s.must(err)
	letters, passes := told.Letters, told.Passes
	if len(letters) != 1 || len(passes) != 1 || letters[0].To.Reveal() != "anna@example.com" {
		t.Fatalf("%d letters, %d passes", len(letters), len(passes))
	}
	v := letters[0].Values
	if v["policy"] != "Your data" || v["reference"] != r.ID || !strings.HasPrefix(v["url"].(string), "https://privacy.example.org/requests/vr_") {
		t.Errorf("the letter says %v", map[string]any(v))
	}
	letters[0].Values["due"] = "2026-12-24"
	if mail, err := message.Render(letters[0], "Shop", nil); err != nil || !strings.Contains(mail.Text, "many systems") || !strings.Contains(mail.Text, v["url"].(string)) {
		t.Errorf("the letter cannot be written: %v", err)
	}
	s.must(db.Passes().Issue(t.Context(), passes[0], act("request.test")))
	if _, err := db.Passes().Find(t.Context(), "vr_", strings.TrimPrefix(v["url"].(string), "https://privacy.example.org/requests/")); err != nil {
		t.Errorf("the link leads nowhere: %v", err)
	}
	_, err = db.Raw(t).Exec(`UPDATE request_identities SET origin = 'claimed'`)
	s.must(err)
	if told, err := desk.handing.letter(t.Context(), r, message.Extension, message.Values{}); err != nil || len(told.Letters) != 0 {
		t.Errorf("what was only claimed is written to: %d, %v", len(told.Letters), err)
	}
	s.must(db.Requests().Apply(t.Context(), store.DefaultTenant, r.ID, request.Cancel, audit.Entry{Act: "request.cancel", Object: "request/" + r.ID}))
	if told, err := desk.handing.letter(t.Context(), r, message.Extension, message.Values{}); err != nil || len(told.Letters) != 0 {
		t.Errorf("after its end: %d, %v", len(told.Letters), err)
	}
}

func TestUpkeepSaysWhatIsOverdueInEveryTenant(t *testing.T) { // X21
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		var late []string
		for _, tenant := range []string{store.DefaultTenant, otherTenant} {
			id := s.makeRequestFor(api.Route{}, tenant)
			_, err := db.Raw(t).ExecContext(t.Context(), `UPDATE requests SET due = 1 WHERE id = $1`, id)
			s.must(err)
			late = append(late, id)
		}
		s.must(keepUp(t.Context(), db.DB))
		s.must(keepUp(t.Context(), db.DB))
		for i, tenant := range []string{store.DefaultTenant, otherTenant} {
			all, err := db.Audit().Records(t.Context(), tenant, 0, 1000)
			s.must(err)
			said := slices.DeleteFunc(all, func(r audit.Record) bool { return r.Act != "request.overdue" })
			if len(said) != 1 || said[0].Object != "request/"+late[i] {
				t.Errorf("%s: %v", tenant, said)
			}
		}
	})
}
