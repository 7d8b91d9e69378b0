package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
)

// talk gives what the person sees of a thread, after they have done something.
func (s *site) talk(does, token, more string) (c api.ConversationShown) {
	s.t.Helper()
	got := s.public("requests/messages"+does, fmt.Sprintf(`{"token":%q%s}`, token, more))
	if got.status != http.StatusOK {
		s.t.Fatalf("messages%s: %d %s", does, got.status, got.body)
	}
	s.must(json.Unmarshal([]byte(got.body), &c))
	return c
}

func TestPersonAndOperatorWriteToEachOther(t *testing.T) { // W3, W12, SE16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		const anna, secret = "anna@example.com", "my number is 4711-0815"
		reference := s.askFor(submission("erasure", anna))
		token := s.prove(reference, s.codeFor(reference, anna)).Token
		asks := `,"once":"a random text","text":"` + secret + `"`
		for range 2 { // a browser sends it again
			if c := s.talk("/write", token, asks); len(c.Items) != 1 || !c.Open || !c.Told || c.Items[0].Text != secret || c.Items[0].From != "person" {
				t.Errorf("the person sees %+v", c)
			}
		}
		s.problem("the same key, another text", s.public("requests/messages/write", fmt.Sprintf(`{"token":%q,"once":"a random text","text":"x"}`, token)), http.StatusConflict)

		path := "/api/v1/requests/" + reference + "/messages"
		var shown api.RequestWithReport
		s.ask("GET", "/api/v1/requests/"+reference, "", http.StatusOK, &shown)
		if x := shown.Exchanged; x == nil || x.Messages != 1 || x.Unanswered != 1 || !x.First.Equal(x.Last) {
			t.Errorf("the request says %+v", x)
		}
		var waiting api.RequestPage
		s.ask("POST", "/api/v1/requests/search", `{"unanswered":true}`, http.StatusOK, &waiting)
		var counted api.Overview
		s.ask("GET", "/api/v1/overview", "", http.StatusOK, &counted)
		if len(waiting.Items) != 1 || waiting.Items[0].ID != reference || waiting.Items[0].Exchanged.Unanswered != 1 || counted.Requests.Unanswered != 1 {
			t.Errorf("unanswered: %+v, %d", waiting.Items, counted.Requests.Unanswered)
		}
		var list api.MessageList
		s.ask("GET", path, "", http.StatusOK, &list)
		if len(list.Items) != 1 || list.Items[0].Text != secret || !list.Items[0].New {
			t.Errorf("the operator sees %+v", list)
		}
		answer := s.act(reference, "messages", `{"text":"Which of the two is it?","read":1}`)
		if answer.status != http.StatusCreated || !strings.Contains(answer.body, `"told":true`) {
			t.Errorf("the answer: %d %s", answer.status, answer.body)
		}
		letter := s.letters(store.DefaultTenant)
		last := letter[len(letter)-1]
		if url, _ := last.values["url"].(string); last.kind != message.Answer || last.to != anna || !strings.Contains(url, "/requests/vr_") || strings.Contains(fmt.Sprint(last.values), "Which") {
			t.Errorf("the letter: %s to %s: %v", last.kind, last.to, last.values)
		}
		if c := s.talk("", token, ""); !c.Items[1].New || c.Items[0].New || c.Items[1].From != "company" {
			t.Errorf("what the person finds: %+v", c)
		}
		if c := s.talk("/read", token, `,"number":2`); c.Items[1].New {
			t.Errorf("what was read is new: %+v", c)
		}
		s.world.equal("acts", s.actsOn("request/" + reference)[3:], []string{"message.receive", "request.read_messages", "message.send"})
		var log strings.Builder
		s.must(s.db.Audit().Export(t.Context(), store.DefaultTenant, &log))
		for name, where := range map[string]string{"audit log": log.String(), "log of the server": s.log.String()} {
			if strings.Contains(where, "4711") || strings.Contains(where, "Which of") {
				t.Errorf("the %s says what was written", name) // SE10
			}
		}
	})
}

func TestLinkLeadsToTheMessagesOfItsRequestAlone(t *testing.T) { // SE14, W12
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.openShop()
	token := func(email string) string {
		reference := s.askFor(submission("erasure", email))
		return s.prove(reference, s.codeFor(reference, email)).Token
	}
	annas, bens := token("anna@example.com"), token("ben@example.com")
	s.talk("/write", annas, `,"once":"12345678","text":"Hello"`)
	if c := s.talk("", bens, ""); len(c.Items) != 0 {
		t.Errorf("another person sees %+v", c)
	}
	for does, more := range map[string]string{"": "", "/write": `,"once":"12345678","text":"Hello"`, "/read": `,"number":1`} {
		answers := map[string]bool{}
		for _, wrong := range []string{"vr_x", altered(annas), "vd_" + annas[3:], "vr_" + strings.Repeat("x", 150)} {
			got := s.public("requests/messages"+does, fmt.Sprintf(`{"token":%q%s}`, wrong, more))
			s.problem("messages"+does, got, http.StatusForbidden)
			answers[got.body] = true
		}
		if len(answers) != 1 {
			t.Errorf("messages%s answers %d different things", does, len(answers))
		}
	}
	for name, text := range map[string]string{"empty": " ", "long": strings.Repeat("x", request.MaxText+1), "no text": "a\u0007b"} {
		body, err := json.Marshal(map[string]any{"token": annas, "once": "another text", "text": text})
		s.must(err)
		s.problem(name, s.public("requests/messages/write", string(body)), http.StatusUnprocessableEntity)
	}
	if c := s.talk("", annas, ""); len(c.Items) != 1 {
		t.Errorf("what was refused is there: %+v", c)
	}
}

func TestMessagesAreTakenAfterTheEndAndDestroyedInTime(t *testing.T) { // W12, X16
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.openShop()
	end := func(email string, before bool) (id, token string) {
		id = s.askFor(submission("erasure", email))
		token = s.prove(id, s.codeFor(id, email)).Token
		if before {
			s.talk("/write", token, `,"once":"12345678","text":"Before"`)
		}
		s.must(s.db.Requests().Apply(t.Context(), store.DefaultTenant, id, request.Deny, act("request.deny")))
		return id, token
	}
	known, follow := end("anna@example.com", true)
	if c := s.talk("/write", follow, `,"once":"87654321","text":"I do not agree"`); len(c.Items) != 2 || !c.Told {
		t.Errorf("after the end: %+v", c)
	}
	if got := s.act(known, "messages", `{"text":"We look into it."}`); !strings.Contains(got.body, `"told":true`) {
		t.Errorf("the answer: %d %s", got.status, got.body)
	}
	unknown, other := end("ben@example.com", false)
	if c := s.talk("", other, ""); !c.Open || c.Told {
		t.Errorf("without an address: %+v", c)
	}
	if got := s.act(unknown, "messages", `{"text":"We have a question."}`); got.status != http.StatusCreated || !strings.Contains(got.body, `"told":false`) {
		t.Errorf("the answer: %d %s", got.status, got.body)
	}
	h := &handing{db: s.db.DB, keeps: time.Hour}
	s.must(h.expireMessages(t.Context(), store.DefaultTenant))
	if c := s.talk("", follow, ""); !c.Open || c.Items[0].Text != "Before" {
		t.Errorf("too early: %+v", c)
	}
	h.keeps = 0
	s.must(h.expireMessages(t.Context(), store.DefaultTenant))
	if c := s.talk("", follow, ""); c.Open || c.Destroyed == nil || len(c.Items) != 3 || c.Items[0].Text != "" {
		t.Errorf("when their time is over: %+v", c)
	}
	s.problem("then", s.public("requests/messages/write", fmt.Sprintf(`{"token":%q,"once":"abcdefgh","text":"Again"}`, follow)), http.StatusConflict)
	s.problem("and for us", s.act(known, "messages", `{"text":"Again"}`), http.StatusConflict)
	acts := s.actsOn("request/" + known)
	if acts[len(acts)-1] != "message.destroy" {
		t.Errorf("acts: %v", acts)
	}
}
