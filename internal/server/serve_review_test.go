package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

func TestAnOperatorLooksBeforeThePersonIsTold(t *testing.T) { // X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openDesk(strings.Replace(shopPolicies, "- key: erasure\n", "- key: erasure\n  review: true\n", 1), calendar)
		r := s.submit("erasure", "anna@example.com")
		s.problem("before it is done", s.act(r.ID, "finish", ""), http.StatusConflict)
		s.approve(r)
		s.await(r.ID, request.RequiresFinalization)
		if left := s.world.table(`SELECT id FROM customer WHERE email = 'anna@example.com'`); len(left) != 0 {
			t.Error("it waits before everything was done")
		}
		if got := s.get("/api/v1/requests/" + r.ID + "/package"); got.status != http.StatusOK {
			t.Errorf("the package cannot be looked at: %d", got.status)
		}

		kept, err := db.Requests().Get(t.Context(), store.DefaultTenant, r.ID)
		s.must(err)
		if kept.Step != "review" || len(kept.Parked.Needed) == 0 {
			t.Errorf("it stands at %q, %+v", kept.Step, kept.Parked)
		}
		if got := s.act(r.ID, "finish", ""); got.status != http.StatusOK {
			t.Errorf("finish: %d %s", got.status, got.body)
		}
		s.await(r.ID, request.Complete)
		s.problem("finished again", s.act(r.ID, "finish", ""), http.StatusConflict)
		acts := s.actsOn("request/" + r.ID)
		s.world.equal("the last acts", acts[len(acts)-4:], []string{"request.pause", "request.finish", "request.start", "request.complete"})
	})
}

func TestAnEndedRequestIsSubmittedAgainWithItsHistory(t *testing.T) { // X23, X20
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openDesk(shopPolicies, calendar)
		r := s.submit("access", "anna@example.com")
		_, err := db.Raw(t).ExecContext(t.Context(), `UPDATE requests SET place = 'GB', language = 'de', received = received - $1 WHERE id = $2`, int64(86_400_000_000), r.ID)
		s.must(err)
		body := `{"identities":[{"type":"email","value":"Anna@example.com"}],"note":"canceled by mistake"}`
		s.problem("while it is open", s.act(r.ID, "resubmit", body), http.StatusConflict)
		if got := s.act(r.ID, "cancel", ""); got.status != http.StatusOK {
			t.Fatalf("cancel: %d", got.status)
		}
		for what, wrong := range map[string]string{"nobody": `{}`, "somebody else": `{"identities":[{"type":"email","value":"ben@example.com"}]}`} {
			got := s.act(r.ID, "resubmit", wrong)
			s.problem(what, got, http.StatusUnprocessableEntity)
			if !strings.Contains(got.body, "of the types email") {
				t.Errorf("%s: it does not say what is missing: %s", what, got.body)
			}
		}
		key := uuid.NewString()
		again := func() (now api.Request) {
			t.Helper()
			path := "/api/v1/requests/" + r.ID + "/resubmit"
			got := s.send("POST", path, s.key, strings.NewReader(body), "Idempotency-Key", key, "Content-Type", "application/json")
			if got.status != http.StatusCreated {
				t.Fatalf("resubmit: %d %s", got.status, got.body)
			}
			s.must(json.Unmarshal([]byte(got.body), &now))
			return now
		}
		fresh := again()
		if fresh.Of != r.ID || fresh.ID == r.ID || fresh.Status != string(request.AwaitingApproval) || fresh.Law != "gdpr" {
			t.Errorf("submitted again: %+v", fresh)
		}
		if want := r.Received.AddDate(0, 0, -1); fresh.Received == nil || !fresh.Received.Equal(want) {
			t.Errorf("its time runs from %v, want %s", fresh.Received, want)
		}
		if twice := again(); twice.ID != fresh.ID {
			t.Error("the same key made another one")
		}
		if was := s.await(r.ID, request.Canceled); was.Created != r.Created {
			t.Error("the history of the first is lost")
		}
		s.approve(fresh)
		s.await(fresh.ID, request.Complete)
		s.problem("of one that is complete", s.act(fresh.ID, "resubmit", body), http.StatusConflict)
		all, err := db.Audit().Records(t.Context(), store.DefaultTenant, 0, 1000)
		s.must(err)
		found := false
		for _, record := range all {
			found = found || record.Object == "request/"+fresh.ID && record.Act == "request.vouch" && strings.Contains(string(record.Details), fmt.Sprintf(`"of":%q`, r.ID))
		}
		if !found {
			t.Error("the log does not say which request it was submitted again for")
		}
	})
}
