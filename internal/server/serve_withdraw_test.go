package server

import (
	"fmt"
	"strings"
	"testing"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// withdrawing are the policies of the shop, and one that withdraws only. The
// erasure withdraws, too.
var withdrawing = strings.Replace(shopPolicies, "- key: erasure\n  intake: {public: true}\n  rules:\n", "- {key: objection, rules: [{key: all-of-it, action: consent}]}\n- key: erasure\n  rules:\n  - {key: agreed, action: consent}\n", 1)

// chosen tells what stands for a person, and from where it came.
func (s *site) chosen(email string) (lines []string) {
	s.t.Helper()
	ledger := s.db.Consents()
	id, err := ledger.Find(s.t.Context(), store.DefaultTenant, person(s.t, subject.Email, email)[0])
	s.must(err)
	all, err := ledger.History(s.t.Context(), store.DefaultTenant, id)
	s.must(err)
	for _, r := range all {
		lines = append(lines, fmt.Sprint(r.Purpose, " ", r.Choice, " ", r.Source))
	}
	return lines
}

func TestRequestWithdrawsWhatStandsGranted(t *testing.T) { // X12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.world = newWorld(t, "sqlite", "sqlite")
		s.world.configure(shopDataset, withdrawing)
		s.openShop()
		for _, who := range []string{"anna@example.com", "ben@example.com"} {
			s.makeConsent(store.DefaultTenant, who, "analytics", true)
			s.makeConsent(store.DefaultTenant, who, "research", true)
			s.makeConsent(store.DefaultTenant, who, "marketing_email", false)
		}
		source := strings.Fields(s.chosen("ben@example.com")[0])[2]
		before := []string{"analytics granted " + source, "research granted " + source, "marketing_email refused " + source}
		after := append(before, "analytics withdrawn request", "research withdrawn request")

		r := s.submit("objection", "anna@example.com")
		s.approve(r)
		done := s.await(r.ID, request.Complete)
		s.world.equal("the report", done.Report.Consent, "withdrawn: analytics, research")
		s.world.equal("Anna", s.chosen("anna@example.com"), after)
		s.world.equal("Ben", s.chosen("ben@example.com"), before)
		s.world.equal("her data", s.world.table("SELECT name FROM customer WHERE id = 0"), []string{"Anna"})

		again := s.submit("objection", "anna@example.com")
		s.approve(again)
		s.world.equal("the report of a second one", s.await(again.ID, request.Complete).Report.Consent, "nothing stood granted")
		nobody := s.submit("objection", "nobody@example.com")
		s.approve(nobody)
		s.world.equal("of somebody who never chose", s.await(nobody.ID, request.Complete).Report.Consent, "nothing stood granted")

		erasure := s.submit("erasure", "ben@example.com")
		s.approve(erasure)
		s.world.equal("the report of an erasure", s.await(erasure.ID, request.Complete).Report.Consent, "withdrawn: analytics, research")
		s.world.equal("Ben", s.chosen("ben@example.com"), after)
		s.world.equal("Anna", s.chosen("anna@example.com"), after)
	})
}

// A webhook says that Ben's address is Anna's, too: his data is found, and what
// he agreed to stands.
func TestWhatAWebhookAddsWithdrawsNothing(t *testing.T) { // SE1, X12
	t.Parallel()
	c := newPrograms(t)
	c.on("crm", says(`{"derived_identity": {"email": "ben@example.com"}}`))
	s := newSite(t, storetest.SQLite(t))
	s.world = newWorld(t, "sqlite", "sqlite")
	s.world.configureFor(c, "    pre: [{key: ask-crm, connection: crm, direction: two_way, derives: [email]}]\n  rules:\n  - {key: agreed, action: consent}\n#")
	s.openShop()
	for _, who := range []string{"anna@example.com", "ben@example.com"} {
		s.makeConsent(store.DefaultTenant, who, "analytics", true)
	}
	r := s.submit("access", "anna@example.com")
	s.approve(r)
	s.await(r.ID, request.Complete)
	if got := unzipped(t, s.get("/api/v1/requests/"+r.ID+"/package").body); !strings.Contains(got, "Nebenweg 2") {
		t.Error("what the webhook led to is not in the package")
	}
	s.world.equal("choices", []int{len(s.chosen("anna@example.com")), len(s.chosen("ben@example.com"))}, []int{2, 1})
}

// Between the withdrawal and its record the process dies, and the person agrees
// again: who goes on withdraws what was to be withdrawn, and not that.
func TestWithdrawalThatIsDoneAgainAfterACrashIsTheSame(t *testing.T) { // X12, R1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.makeConsent(store.DefaultTenant, "anna@example.com", "analytics", true)
		id := s.makeRequest(store.DefaultTenant, "objection", request.Approved)
		lease, _, err := db.Requests().Claim(t.Context(), store.DefaultTenant, id, "test", 1e12, false, act("request.start"))
		s.must(err)
		key, err := db.Keys().RequestKey(t.Context(), store.DefaultTenant, id)
		s.must(err)
		anna := append(person(t, subject.Email, "anna@example.com"), person(t, subject.Email, "nobody@example.com")...)
		withdraw := func() []string {
			t.Helper()
			purposes, err := withdrawals{db.DB}.Withdraw(t.Context(), lease, key, anna)
			s.must(err)
			return purposes
		}
		s.world = &world{t: t}
		s.world.equal("withdrawn", withdraw(), []string{"analytics"})
		s.makeConsent(store.DefaultTenant, "anna@example.com", "analytics", true)
		s.makeConsent(store.DefaultTenant, "anna@example.com", "research", true)
		before := s.chosen("anna@example.com")
		s.world.equal("withdrawn again", withdraw(), []string{"analytics"})
		s.world.equal("what stands", s.chosen("anna@example.com"), before)
		if last := before[len(before)-1]; !strings.HasPrefix(last, "research "+string(consent.Granted)) {
			t.Errorf("the last choice is %s", last)
		}
	})
}
