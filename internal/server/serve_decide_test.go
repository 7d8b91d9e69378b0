package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// fourEyes is the policies of the shop where an erasure needs a second person
// above so many rows.
func fourEyes(rows int) string {
	return strings.Replace(shopPolicies, "- key: erasure\n", fmt.Sprintf("- key: erasure\n  four_eyes: {above_rows: %d}\n", rows), 1)
}

// Anna has one row of her own, two orders and two notes.
func TestAuthorApprovesAlsoAnErasureOfFewRows(t *testing.T) { // X22
	t.Parallel()
	for rows, want := range map[int]int{0: http.StatusForbidden, 4: http.StatusForbidden, 5: http.StatusOK} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			s := newSite(t, storetest.SQLite(t))
			s.openDesk(fourEyes(rows), calendar)
			r := s.submit("erasure", "anna@example.com")
			before := s.world.table(`SELECT * FROM customer`)
			if got := s.act(r.ID, "approve", `{"plan_hash":"`+r.PlanHash+`"}`); got.status != want {
				t.Errorf("its author: %d %s", got.status, got.body)
			}
			if want == http.StatusOK {
				s.await(r.ID, request.Complete)
				s.world.equal("acts", s.actsOn("request/" + r.ID)[:3], []string{"request.vouch", "request.survey", "request.approve"})
				return
			}
			s.world.equal("the rows", s.world.table(`SELECT * FROM customer`), before)
			other := s.session(s.makeOperator(store.DefaultTenant, auth.Approver))
			if got := s.actAs(other, r.ID, "approve", `{"plan_hash":"`+r.PlanHash+`"}`); got.status != http.StatusOK {
				t.Errorf("another person: %d %s", got.status, got.body)
			}
			s.await(r.ID, request.Complete)
			if slices.Contains(s.actsOn("request/"+r.ID), "request.survey") != (rows > 0) {
				t.Errorf("acts: %v", s.actsOn("request/"+r.ID))
			}
		})
	}
}

// What cannot be counted needs a second person.
func TestRowsThatCannotBeCountedNeedASecondPerson(t *testing.T) { // X22
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.openDesk(fourEyes(1000), calendar)
	r := s.submit("erasure", "anna@example.com")
	_, err := s.db.Raw(t).Exec(`UPDATE request_identities SET origin = 'claimed'`) // whose rows these are is not known
	s.must(err)
	s.problem("its author", s.act(r.ID, "approve", `{"plan_hash":"`+r.PlanHash+`"}`), http.StatusForbidden)
	if slices.Contains(s.actsOn("request/"+r.ID), "request.approve") {
		t.Error("it is approved")
	}
}

func TestManyAreDecidedOnEachByItself(t *testing.T) { // X22
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openDesk(shopPolicies, calendar)
		first, second, gone := s.submit("access", "anna@example.com"), s.submit("access", "ben@example.com"), s.submit("access", "cleo@example.com")
		s.act(gone.ID, "cancel", "")
		missing, body := uuid.NewString(), strings.NewReplacer("HASH", first.PlanHash)
		sent := body.Replace(fmt.Sprintf(`{"decision":"approve","requests":[{"id":%q,"plan_hash":"HASH"},{"id":%q,"plan_hash":"HASH"},{"id":%q,"plan_hash":"HASH"},{"id":%q,"plan_hash":%q}]}`,
			first.ID, gone.ID, missing, second.ID, strings.Repeat("0", 64)))
		post := func(key string) (out api.RequestDecisions, replayed bool) {
			t.Helper()
			got := s.send("POST", "/api/v1/requests/decide", s.key, strings.NewReader(sent), "Idempotency-Key", key, "Content-Type", "application/json")
			if got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.body)
			}
			s.must(json.Unmarshal([]byte(got.body), &out))
			return out, got.header.Get("Idempotency-Replayed") == "true"
		}
		out, _ := post("one")
		var statuses []int
		for i, r := range out.Results {
			status := http.StatusOK
			if r.Problem != nil {
				status = r.Problem.Status
			}
			if r.Done != (r.Problem == nil) || r.ID != []string{first.ID, gone.ID, missing, second.ID}[i] {
				t.Errorf("result %d: %+v", i, r)
			}
			statuses = append(statuses, status)
		}
		if !slices.Equal(statuses, []int{200, 409, 404, 409}) {
			t.Errorf("the results: %v", statuses)
		}
		s.await(first.ID, request.Complete)
		s.await(second.ID, request.AwaitingApproval)
		again, replayed := post("one")
		if !replayed || !again.Results[0].Done {
			t.Errorf("under the same key: %+v", again)
		}
		var denied api.RequestDecisions
		s.ask("POST", "/api/v1/requests/decide", fmt.Sprintf(`{"decision":"deny","requests":[{"id":%q},{"id":%q}],"template":"unknown_person"}`, second.ID, first.ID), http.StatusOK, &denied)
		if !denied.Results[0].Done || denied.Results[1].Done {
			t.Errorf("denied: %+v", denied)
		}
		for what, bad := range map[string]string{
			"no hash":         fmt.Sprintf(`{"decision":"approve","requests":[{"id":%q}]}`, second.ID),
			"named twice":     fmt.Sprintf(`{"decision":"deny","requests":[{"id":%q},{"id":%q}],"reason":"x"}`, second.ID, second.ID),
			"no reason":       fmt.Sprintf(`{"decision":"deny","requests":[{"id":%q}]}`, second.ID),
			"two reasons":     fmt.Sprintf(`{"decision":"deny","requests":[{"id":%q}],"reason":"x","template":"y"}`, second.ID),
			"reason to agree": body.Replace(fmt.Sprintf(`{"decision":"approve","requests":[{"id":%q,"plan_hash":"HASH"}],"reason":"x"}`, second.ID)),
			"too many":        `{"decision":"deny","reason":"x","requests":[` + strings.TrimSuffix(strings.Repeat(`{"id":"`+second.ID+`"},`, 201), ",") + `]}`,
		} {
			s.problem(what, s.send("POST", "/api/v1/requests/decide", s.key, strings.NewReader(bad), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json"), http.StatusUnprocessableEntity)
		}
	})
}

func TestADenialTellsThePersonInTheirLanguageAndTheLogItsKey(t *testing.T) { // X22, X15
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openDesk(shopPolicies, calendar)
		r := s.submitTo("access", "anna@example.com")
		_, err := db.Raw(t).ExecContext(t.Context(), `UPDATE requests SET language = 'de-AT' WHERE id = $1`, r.ID)
		s.must(err)
		if got := s.act(r.ID, "deny", `{"template":"no_such"}`); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "unknown_person") {
			t.Errorf("a template that is none: %d %s", got.status, got.body)
		}
		var denied api.Request
		s.ask("POST", "/api/v1/requests/"+r.ID+"/deny", `{"template":"unknown_person"}`, http.StatusOK, &denied)
		if denied.Status != string(request.Denied) || denied.Message != "Wir kennen Sie nicht." {
			t.Errorf("denied: %+v", denied)
		}
		var language string
		s.must(db.Raw(t).QueryRowContext(t.Context(), `SELECT language FROM letters WHERE request = $1 AND kind = 'denial'`, r.ID).Scan(&language))
		if language != "de-AT" {
			t.Errorf("the letter is in %q", language)
		}
		all, err := db.Audit().Records(t.Context(), store.DefaultTenant, 0, 1000)
		s.must(err)
		if last := string(all[len(all)-1].Details); !strings.Contains(last, `"template":"unknown_person"`) || strings.Contains(last, "kennen") || !strings.Contains(last, `"told":true`) {
			t.Errorf("the log says %s", last)
		}
		var list api.DenialList
		s.ask("GET", "/api/v1/denials", "", http.StatusOK, &list)
		if len(list.Items) != 1 || list.Items[0].Reason["en"] != "We do not know you." {
			t.Errorf("the templates: %+v", list)
		}
	})
}

func TestOfApproveAndDenyAtTheSameMomentOneWins(t *testing.T) { // X22
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openDesk(shopPolicies, calendar)
		for range 8 {
			r := s.submit("access", "anna@example.com")
			var approved, denied reply
			var both sync.WaitGroup
			both.Go(func() { approved = s.act(r.ID, "approve", `{"plan_hash":"`+r.PlanHash+`"}`) })
			both.Go(func() { denied = s.act(r.ID, "deny", `{"reason":"no"}`) })
			both.Wait()
			if (approved.status == http.StatusOK) == (denied.status == http.StatusOK) {
				t.Fatalf("approve %d %s, deny %d %s", approved.status, approved.body, denied.status, denied.body)
			}
			want := request.Denied
			if approved.status == http.StatusOK {
				want = request.Complete
			}
			s.await(r.ID, want)
		}
	})
}
