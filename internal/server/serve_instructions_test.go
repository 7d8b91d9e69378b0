package server

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// makeInstructions makes a request that waits for instructions to be sent, and
// gives the token that its letter holds.
func (s *site) makeInstructions(tenant string) (id, token string) {
	s.t.Helper()
	id = s.makeRequest(tenant, "erasure", request.Approved)
	requests := s.db.Requests()
	lease, _, err := requests.Claim(s.t.Context(), tenant, id, "somebody", time.Minute, true, act("request.start"))
	s.must(err)
	pass, token, err := auth.NewPass(tenant, auth.Acknowledge, request.InstructionObject(id, "partner"), auth.AnyUses, time.Now().Add(time.Hour), rand.Reader)
	s.must(err)
	letter := message.Letter{
		ID: uuid.Must(uuid.NewV7()).String(), Request: id, Kind: message.Instructions, To: subject.Conceal("privacy@partner.example"),
		Values: message.Values{"collections": []any{}, "due": "", "url": ""},
	}
	s.must(requests.Move(s.t.Context(), lease, request.Turn{
		Event: request.Mail, Letters: []message.Letter{letter}, Passes: []auth.Pass{pass},
		Instructions: []request.Instruction{{Dataset: "partner", Connection: "partner", Letter: letter.ID, Attempt: 1, Due: time.Now().Add(time.Hour)}},
	}, act("request.instruct")))
	return id, token
}

// connectionOf gives a connection that no other tenant has.
func (s *site) connectionOf(tenant string) string {
	s.t.Helper()
	s.openShop()
	if tenant == store.DefaultTenant {
		return "db"
	}
	s.world.configure(shopDataset, shopPolicies, fmt.Sprintf("connection:\n- {key: theirs, type: sqlite, secrets: {url: %q}}\n", s.world.url))
	s.world.apply(&storeOf{s.db.DB, tenant})
	return "theirs"
}

func (s *site) openly(path, body string) reply {
	s.t.Helper()
	return s.send("POST", "/api/v1/public/instructions"+path, "", strings.NewReader(body), "Content-Type", "application/json")
}

func TestAThirdPartyAnswersWithoutAnAccount(t *testing.T) { // E20
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.must(db.Consents().Describe(t.Context(), store.DefaultTenant, consent.Controller{Name: "Example GmbH", Withdraw: "https://example.com/privacy", Jurisdictions: []string{"EU"}}, act("controller.set")))
		id, token := s.makeInstructions(store.DefaultTenant)
		got := s.openly("", `{"token":"`+token+`"}`)
		var notice api.InstructionNotice
		s.must(json.Unmarshal([]byte(got.body), &notice))
		if got.status != http.StatusOK || notice.Organisation != "Example GmbH" || notice.Dataset != "partner" || notice.Reference != id || notice.Answer != "" {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := s.openly("/acknowledge", `{"token":"`+token+`","answer":"question","question":"Which of canary@example.org?"}`); got.status != http.StatusOK || !strings.Contains(got.body, `"answer":"question"`) {
			t.Errorf("a question: %d %s", got.status, got.body)
		}
		var list api.InstructionList
		s.ask("GET", "/api/v1/requests/"+id+"/instructions", "", http.StatusOK, &list)
		if len(list.Items) != 1 || list.Items[0].Question != "Which of canary@example.org?" || list.Items[0].State != "posted" || list.Items[0].Overdue {
			t.Errorf("%+v", list)
		}
		s.problem("a question without text", s.openly("/acknowledge", `{"token":"`+token+`","answer":"question"}`), http.StatusUnprocessableEntity)
		s.problem("a text without question", s.openly("/acknowledge", `{"token":"`+token+`","answer":"done","question":"?"}`), http.StatusUnprocessableEntity)
		s.problem("no such answer", s.openly("/acknowledge", `{"token":"`+token+`","answer":"perhaps"}`), http.StatusUnprocessableEntity)
		for range 2 {
			if got := s.openly("/acknowledge", `{"token":"`+token+`","answer":"done"}`); got.status != http.StatusOK {
				t.Errorf("done: %d %s", got.status, got.body)
			}
		}
		s.problem("refused after that", s.openly("/acknowledge", `{"token":"`+token+`","answer":"refused"}`), http.StatusConflict)
		s.problem("no such token", s.openly("", `{"token":"va_none"}`), http.StatusForbidden)
		s.problem("another one's", s.openly("/acknowledge", `{"token":"`+altered(token)+`","answer":"done"}`), http.StatusForbidden)
		if text := s.log.String(); strings.Contains(text, "canary") || strings.Contains(text, token) {
			t.Error("the log tells what was asked, or the token")
		}
	})
}
