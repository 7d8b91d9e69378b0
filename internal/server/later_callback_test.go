package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// newVaultSite starts a server on a shop and a vault that is seldom polled.
func newVaultSite(t *testing.T, db *storetest.Database) (*site, *vault) {
	s, v := newSiteWith(t, db, func(srv *Server) {
		srv.Configuration = config.Options{Registry: builtin.Registry(), Describe: builtin.Describe}
		srv.PublicURL = "http://127.0.0.1"
	}), newVault(t)
	s.world = newWorld(t, "sqlite", "sqlite")
	s.world.configure(strings.Replace(vaultDescription, "interval: 1\n", "interval: 3600\n", 1), shopDataset, shopPolicies, v.connection())
	s.openShop()
	return s, v
}

// waitsFor begins a request that waits for the vault, and gives the call that it posts
// the answer to.
func (s *site) waitsFor(v *vault, email string) (api.Request, vaultCall) {
	s.t.Helper()
	r := s.submit("access", email)
	s.approve(r)
	select {
	case c := <-v.begun:
		s.rests(r.ID)
		return r, c
	case <-time.After(time.Minute):
		s.t.Fatalf("the vault is not asked for letters\n%s", s.log)
	}
	panic("not reached")
}

// skips takes a collection out of a request that waits, once nobody carries that out.
func (s *site) skips(r api.Request, address string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(10 * time.Millisecond) {
		got := s.act(r.ID, "skip", `{"collection":"`+address+`","reason":"the vault has lost its key"}`)
		if got.status == http.StatusOK {
			return
		}
		if got.status != http.StatusConflict || time.Now().After(deadline) {
			s.t.Fatalf("skip: %d %s", got.status, got.body)
		}
	}
}

func TestWhatAVendorPostsIsHandedOutAndNothingElseIsTaken(t *testing.T) { // H14, SE10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, v := newVaultSite(t, db)
		anna, hers := s.waitsFor(v, "anna@example.com")
		ben, his := s.waitsFor(v, "ben@example.com")
		if hers.to != "http://127.0.0.1"+api.CallbackPath || hers.who != "anna@example.com" || hers.token == his.token {
			t.Fatalf("the vault was told %+v", hers)
		}
		letters := func(about string, bytes int) string {
			body := `{"access_results": [{"no": "1", "about": "` + about + `"}]}`
			return body + strings.Repeat(" ", max(0, bytes-len(body)))
		}
		s.problem("no JSON", s.replyTo(hers.token, "letters"), http.StatusUnprocessableEntity)
		s.problem("a list", s.replyTo(hers.token, `[{"about": "tulips"}]`), http.StatusUnprocessableEntity)
		s.problem("more than 10 MiB", s.replyTo(hers.token, letters("tulips", 10<<20+1)), http.StatusRequestEntityTooLarge)
		if got := s.replyTo(hers.token, letters("canary tulips", 10<<20)); got.status != http.StatusNoContent {
			t.Fatalf("10 MiB: %d %s", got.status, got.body)
		}
		for _, r := range []api.Request{anna, ben} {
			s.skips(r, "vault:people")
		}
		if got := unzipped(t, s.get("/api/v1/requests/"+s.await(anna.ID, request.CompleteWithResidue).ID+"/package").body); !strings.Contains(got, "canary tulips") {
			t.Error("the package lacks what the vault has posted")
		}
		s.rests(ben.ID)
		s.skips(ben, "vault:letters")
		done := s.await(ben.ID, request.CompleteWithResidue)
		if status, message := statusOf(done, "vault:letters", "access"); status != string(request.Skipped) || !strings.Contains(message, "the vault has lost its key") {
			t.Errorf("the report says %s: %s", status, message)
		}
		refused := map[string]reply{
			"a second one": s.replyTo(hers.token, letters("roses", 0)), "of what was skipped": s.replyTo(his.token, letters("roses", 0)),
			"a token that is wrong": s.replyTo(hers.token[:len(hers.token)-1]+"!", letters("roses", 0)), "none": s.replyTo("", letters("roses", 0)),
			"in the address": s.send("POST", api.CallbackPath+"/"+his.token, "", strings.NewReader(letters("roses", 0)), "Content-Type", "application/json"),
		}
		for what, got := range refused {
			s.problem(what, got, http.StatusConflict)
			if want := problemDetail(refused["none"].body); problemDetail(got.body) != want {
				t.Errorf("%s is told apart: %s", what, got.body)
			}
		}
		if got := unzipped(t, s.get("/api/v1/requests/"+ben.ID+"/package").body); strings.Contains(got, "tulips") || strings.Contains(got, "roses") {
			t.Error("Ben is given what is not his, or came too late")
		}
		told := s.log.String() + s.actsOf("request/"+anna.ID) + s.actsOf("request/"+ben.ID)
		for _, secret := range []string{hers.token, his.token, "tulips", "roses", "anna@"} {
			if strings.Contains(told, secret) {
				t.Errorf("%s is in a log", secret)
			}
		}
	})
}

// The answer overtakes the call: what waits for it begins only then.
func TestAnAnswerThatComesBeforeTheCallReturnsCounts(t *testing.T) { // H14
	t.Parallel()
	s, v := newVaultSite(t, storetest.SQLite(t))
	answers := make(chan int, 10)
	v.early = func(c vaultCall) { answers <- s.replyTo(c.token, c.answer()).status }
	r := s.submit("access", "anna@example.com")
	s.approve(r)
	if got := <-answers; got != http.StatusNoContent {
		t.Fatalf("the answer: %d", got)
	}
	for status := ""; status != string(request.Done); <-time.After(10 * time.Millisecond) {
		status, _ = statusOf(s.await(r.ID, request.InProcessing), "vault:letters", "access")
	}
	s.skips(r, "vault:people")
	s.await(r.ID, request.CompleteWithResidue)
	s.world.equal("it is asked once", v.asked(), []string{"/exports 1", "/letters 1"})
}

func TestWhatIsWaitedForIsShownAndCanBeGivenUp(t *testing.T) { // H14, X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, v := newVaultSite(t, db)
		before := time.Now().Add(-time.Second)
		r, call := s.waitsFor(v, "anna@example.com")
		shown := s.await(r.ID, request.InProcessing)
		waits := func(address string) *api.Wait {
			return shown.Report.Collections[slices.IndexFunc(shown.Report.Collections, func(c api.Collection) bool { return c.Address == address })].Waits
		}
		week := 7 * 24 * time.Hour
		for _, address := range []string{"vault:people", "vault:letters"} {
			if w := waits(address); w == nil || w.Connection != "vault" || w.Since == nil || w.Since.Before(before) || w.Since.After(time.Now()) || w.Until.Sub(*w.Since).Round(time.Hour) != week {
				t.Errorf("%s waits for %+v", address, w)
			}
		}
		if at := waits("vault:people").Next; at == nil || time.Until(*at) > time.Hour || time.Until(*at) < 55*time.Minute {
			t.Errorf("people are asked for again at %v", at)
		}
		if waits("vault:letters").Next != nil || waits("shop:orders") != nil {
			t.Error("what is not polled is to be asked again")
		}
		b := s.as(s.makeOperator(store.DefaultTenant, auth.PrivacyOfficer))
		page := b.get("/admin/requests/" + r.ID).body
		for _, want := range []string{"Waits for vault since", "It is asked again", "It posts its answer.", "The request stops without one", `value="vault:people"`, `value="vault:letters"`, "/finalise"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if strings.Contains(page, `value="shop:orders"`) {
			t.Error("what does not wait can be left out")
		}
		got := b.send("/admin/requests/"+r.ID, "/admin/requests/"+r.ID+"/finalise", "reason", "the vault is gone")
		if got.status != http.StatusSeeOther {
			t.Fatalf("finalise: %d %s", got.status, got.body)
		}
		if ended := s.await(r.ID, request.CompleteWithResidue); ended.Message != "finalised by an operator: the vault is gone" {
			t.Errorf("it says %q", ended.Message)
		}
		s.problem("an answer after that", s.replyTo(call.token, call.answer()), http.StatusConflict)
		if acts := fmt.Sprint(s.actsOn("request/" + r.ID)); !strings.Contains(acts, "request.finalise") {
			t.Errorf("the audit log has %s", acts)
		}
	})
}
