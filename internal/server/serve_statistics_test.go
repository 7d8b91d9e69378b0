package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

func TestServerCountsWhatVisitorsChoose(t *testing.T) { // B24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		id, _ := s.makeSite(store.DefaultTenant, false)
		for i := range 40 {
			s.must(db.Audit().Append(t.Context(), store.DefaultTenant, audit.Entry{Act: banner.ActGiven, Object: banner.Object(fmt.Sprint(i)), Details: map[string]any{
				"site": id, "version": 1, "language": []string{"de", "fr", "is"}[min(i/18, 2)], "source": "banner",
				"categories": map[string]any{"statistics": map[string]any{"granted": i%4 == 0}},
			}}))
		}
		path := "/api/v1/sites/" + id + "/statistics"
		look := func(query string) (got api.SiteStatistics) {
			t.Helper()
			answer := s.get(path + query)
			if answer.status != http.StatusOK {
				t.Fatalf("%d %s", answer.status, answer.body)
			}
			s.must(json.Unmarshal([]byte(answer.body), &got))
			return got
		}
		caughtUp := func() {
			t.Helper()
			for look("").Behind > 0 || look("").Counted < 0 {
				<-time.After(20 * time.Millisecond)
			}
		}
		caughtUp()
		got := look("?by=language")
		told := func(v any) string {
			text, err := json.Marshal(v)
			s.must(err)
			return string(text)
		}
		whole := `{"total":40,"categories":[{"category":"statistics","granted":10,"refused":30,"rate":25}]}`
		want := []string{whole, whole, `[{"value":"fr","total":18,"categories":[{"category":"statistics","granted":null,"refused":null,"rate":null}]}]`, `{"total":22,"categories":[{"category":"statistics","granted":null,"refused":null,"rate":null}]}`}
		if d := cmp.Diff(want, []string{told(got.Standing), told(got.Choices), told(got.Groups), told(got.Others)}); d != "" {
			t.Error(d)
		}
		if days := look(""); len(days.Groups) == 0 || days.By != banner.ByDay || days.To != days.Groups[len(days.Groups)-1].Value {
			t.Errorf("by day: %+v", days)
		}
		if then := look("?from=2020-01-01&to=2020-04-01"); told(then.Choices) != `{"total":0,"categories":[]}` || *then.Standing.Total != 40 {
			t.Errorf("then: %+v", then)
		}
		for _, query := range []string{"?by=person", "?from=x", "?to=2026-13-01", "?from=2026-02-02&to=2026-02-01", "?from=2026-01-01&to=2026-04-03"} {
			s.problem(query, s.get(path+query), http.StatusUnprocessableEntity)
		}
		stranger := s.makeKey(otherTenant, time.Time{}, auth.ReadConsents, auth.ManageConsents)
		for _, c := range []struct{ method, path string }{{"GET", path}, {"POST", path + "/recount"}} { // B33
			theirs, nobodys := s.send(c.method, c.path, stranger, nil), s.send(c.method, strings.Replace(c.path, id, uuid.NewString(), 1), stranger, nil)
			s.problem("theirs", theirs, http.StatusNotFound)
			if theirs.body != nobodys.body {
				t.Errorf("%s and %s", theirs.body, nobodys.body)
			}
		}
		before := s.entries()
		if again := s.send("POST", path+"/recount", s.key, nil); again.status != http.StatusAccepted || s.entries() != before+1 {
			t.Errorf("recount: %d %s", again.status, again.body)
		}
		caughtUp()
		if d := cmp.Diff(got.Choices, look("?by=language").Choices); d != "" {
			t.Error(d)
		}
	})
}
