package store_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// drawn is a code, and what is stored of it.
func drawn(t testing.TB, db *storetest.Database, id string, party request.Party, to subject.Identity) (store.Code, string) {
	t.Helper()
	keys, err := db.Tenant(ctx, tenant)
	must(t, err)
	c, code, err := request.NewChallenge(tenant, id, party, to, keys.RecallKey(), rand.Reader)
	must(t, err)
	return store.Code{Challenge: c, Letter: message.Letter{ID: uuid.NewString(), Request: id, Kind: message.Code, To: to.Value, Values: message.Values{"code": code}}}, code
}

// fromForm stores a request as a form makes one, and gives its id and its code.
func fromForm(t testing.TB, db *storetest.Database, policy string, who []subject.Identity, papers ...store.Paper) (id, code string) {
	t.Helper()
	r := request.Request{ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: policy, Status: request.IdentityUnverified, Author: "person"}
	c, code := drawn(t, db, r.ID, request.Person, who[0])
	must(t, db.Intake().Submit(ctx, r, who, papers, []store.Code{c}, named("request/"+r.ID)))
	return r.ID, code
}

// answered gives the proof that a code makes.
func answered(t testing.TB, db *storetest.Database, id, code string) (request.Proof, error) {
	t.Helper()
	c, err := db.Intake().Judge(ctx, tenant, id, request.Person)
	if err != nil {
		return request.Proof{}, err
	}
	keys, err := db.Tenant(ctx, tenant)
	must(t, err)
	return c.Answer(code, keys.RecallKey())
}

func settling(window time.Duration) store.Settling {
	return store.Settling{Window: window, Tell: func(stands request.Request, to subject.Personal[string]) (p auth.Pass, letters []message.Letter, entry audit.Entry, err error) {
		p, _, err = auth.NewPass(tenant, auth.FollowRequest, "request/"+stands.ID, auth.AnyUses, time.Now().Add(time.Hour), rand.Reader)
		return p, []message.Letter{{ID: uuid.NewString(), Request: stands.ID, Kind: message.Receipt, To: to}}, named("request/" + stands.ID), err
	}}
}

const month = 30 * 24 * time.Hour

// settled lets a request stand, and gives the one that does.
func settled(t testing.TB, db *storetest.Database, id, code string) request.Request {
	t.Helper()
	p, err := answered(t, db, id, code)
	must(t, err)
	stands, err := db.Intake().Prove(ctx, p, settling(month))
	must(t, err)
	return stands
}

func TestOfTenThousandParallelGuessesFiveAreJudged(t *testing.T) { // SE2, R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		who := person("guessed@example.org")
		guess := func(id string, n int) (judged int64) {
			var counted atomic.Int64
			var wait sync.WaitGroup
			for range n {
				wait.Go(func() {
					switch _, err := db.Intake().Judge(ctx, tenant, id, request.Person); {
					case err == nil:
						counted.Add(1)
					case !errors.Is(err, request.ErrRefused):
						t.Error(err)
					}
				})
			}
			wait.Wait()
			return counted.Load()
		}
		first, code := fromForm(t, db, "erase", who)
		if n := guess(first, 10_000); n != request.CodeTries {
			t.Errorf("%d of 10,000 guesses were judged", n)
		}
		if _, err := answered(t, db, first, code); !errors.Is(err, request.ErrRefused) {
			t.Errorf("the right code after that: %v", err)
		}
		total := int64(request.CodeTries)
		var all sync.WaitGroup
		for range 4 {
			id, _ := fromForm(t, db, "erase", who)
			all.Go(func() { atomic.AddInt64(&total, guess(id, 500)) })
		}
		all.Wait()
		if total != 20 {
			t.Errorf("%d guesses about one identity were judged in all", total)
		}
	})
}

func TestFiveCodesAnHourGoToOneIdentity(t *testing.T) { // SE2, R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		who := person("often@example.org")
		id, _ := fromForm(t, db, "erase", who)
		again := func() error {
			c, _ := drawn(t, db, id, request.Person, who[0])
			return db.Intake().Send(ctx, c, named("request/"+id))
		}
		var sent atomic.Int64
		var wait sync.WaitGroup
		for range 64 {
			wait.Go(func() {
				switch err := again(); {
				case err == nil:
					sent.Add(1)
				case !errors.Is(err, request.ErrRefused):
					t.Error(err)
				}
			})
		}
		wait.Wait()
		fromForm(t, db, "erase", who) // is stored, without a code
		var letters, codes int
		must(t, db.Raw(t).QueryRow(`SELECT count(*) FROM letters`).Scan(&letters))
		must(t, db.Raw(t).QueryRow(`SELECT count(*) FROM request_codes`).Scan(&codes))
		if sent.Load() != 4 || letters != 5 || codes != 1 {
			t.Errorf("%d were sent again, %d letters in all, %d requests have a code", sent.Load(), letters, codes)
		}
		_, err := db.Raw(t).Exec(fmt.Sprintf(`UPDATE code_limits SET sent_since = sent_since - %d`, time.Hour.Microseconds()))
		must(t, err)
		must(t, again())
	})
}

func TestCodeIsGoodForTenMinutesAndForOneUse(t *testing.T) { // SE2
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id, code := fromForm(t, db, "erase", person("a@example.org"))
		for range 2 {
			if _, err := answered(t, db, id, "x"+code[1:]); !errors.Is(err, request.ErrRefused) {
				t.Errorf("another code: %v", err)
			}
		}
		settled(t, db, id, code)
		if _, err := answered(t, db, id, code); !errors.Is(err, request.ErrRefused) {
			t.Errorf("a second time: %v", err)
		}
		var wrong int
		must(t, db.Raw(t).QueryRow(`SELECT wrong FROM code_limits`).Scan(&wrong))
		if wrong != 2 {
			t.Errorf("%d tries count as wrong, want the two that were", wrong)
		}
		id, code = fromForm(t, db, "erase", person("b@example.org"))
		_, err := db.Raw(t).Exec(fmt.Sprintf(`UPDATE request_codes SET expires = expires - %d`, request.CodeLasts.Microseconds()))
		must(t, err)
		if _, err := answered(t, db, id, code); !errors.Is(err, request.ErrRefused) {
			t.Errorf("after ten minutes: %v", err)
		}
	})
}

func TestCodesAndWhoTheyAreForCannotBeReadInTheDatabase(t *testing.T) { // SE2, SE9
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id, code := fromForm(t, db, "erase", person(canary), store.Paper{Kind: "agent", Name: "form", Plain: subject.Conceal([]byte(canary))})
		for range 2 {
			dump := db.Dump(t)
			if bytes.Contains(dump, []byte(canary)) || bytes.Contains(dump, []byte(code)) {
				t.Error("the database shows them")
			}
			settled(t, db, id, code)
			id, code = fromForm(t, db, "other", person(canary))
		}
	})
}

func TestProofRaisesOnlyTheIdentityThatWasAnsweredAt(t *testing.T) { // SE1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		phone := subject.Identity{Type: subject.Phone, Value: subject.Conceal("+491701234567")}
		id, code := fromForm(t, db, "erase", append(person("a@example.org"), phone))
		if _, err := db.Intake().Prove(ctx, request.Proof{}, settling(month)); err == nil {
			t.Error("a proof that nobody made is good")
		}
		if got := settled(t, db, id, code); got.ID != id || got.Status != request.AwaitingApproval {
			t.Errorf("%s is %s", got.ID, got.Status)
		}
		all, err := db.Requests().Identities(ctx, tenant, id)
		must(t, err)
		key, err := db.Keys().RequestKey(ctx, tenant, id)
		must(t, err)
		for _, i := range all {
			want := map[subject.Type]request.Origin{subject.Email: request.Proven, subject.Phone: request.Claimed}[i.Type]
			if _, err := i.Unseal(key, tenant, id); err != nil || i.Origin != want {
				t.Errorf("%s is %s, %v", i.Type, i.Origin, err)
			}
		}
		// Who raises it past the program has nothing.
		_, err = db.Raw(t).Exec(`UPDATE request_identities SET origin = 'proven'`)
		must(t, err)
		all, err = db.Requests().Identities(ctx, tenant, id)
		must(t, err)
		for _, i := range all {
			if _, err := i.Unseal(key, tenant, id); (err == nil) != (i.Type == subject.Email) {
				t.Errorf("%s: %v", i.Type, err)
			}
		}
	})
}

func TestOfManyRequestsAboutTheSameThatAreProvenAtOnceOneStands(t *testing.T) { // X20, R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const many = 4 // as many as codes go to one address
		var ids []string
		var proofs []request.Proof
		for range many {
			id, code := fromForm(t, db, "erase", person("a@example.org"))
			p, err := answered(t, db, id, code)
			must(t, err)
			ids, proofs = append(ids, id), append(proofs, p)
		}
		stands := make([]request.Request, many)
		var wait sync.WaitGroup
		for i, p := range proofs {
			wait.Go(func() {
				var err error
				if stands[i], err = db.Intake().Prove(ctx, p, settling(month)); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		standing := 0
		for i, id := range ids {
			r, err := db.Requests().Get(ctx, tenant, id)
			must(t, err)
			switch {
			case r.Status == request.AwaitingApproval && r.Of == "":
				standing++
			case r.Status != request.Duplicate || r.Of != stands[0].ID || r.Ended.IsZero():
				t.Errorf("%d is %s of %q", i, r.Status, r.Of)
			}
			if stands[i].ID != stands[0].ID {
				t.Errorf("%d was told of %s, the first of %s", i, stands[i].ID, stands[0].ID)
			}
		}
		if standing != 1 {
			t.Errorf("%d stand", standing)
		}
		_, err := db.Intake().Prove(ctx, proofs[0], settling(month))
		if !errors.Is(err, request.ErrTransition) {
			t.Errorf("proven again: %v", err)
		}
	})
}

func TestOnlyAnEarlierOneThatIsProvenAndOpenStandsForAnother(t *testing.T) { // X20
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		n := 0
		for what, c := range map[string]struct {
			policy string
			more   []subject.Identity
			before func(id, code string)
			window time.Duration
			stands bool // the earlier one
		}{
			"proven and open": {policy: "erase", before: func(id, code string) { settled(t, db, id, code) }, window: month, stands: true},
			"of the same person, with a claim that proves nothing": {
				policy: "erase", more: []subject.Identity{{Type: subject.Phone, Value: subject.Conceal("+491701234567")}},
				before: func(id, code string) { settled(t, db, id, code) }, window: month, stands: true,
			},
			"not proven":           {policy: "erase", before: func(string, string) {}, window: month},
			"under another policy": {policy: "access", before: func(id, code string) { settled(t, db, id, code) }, window: month},
			"too old":              {policy: "erase", before: func(id, code string) { settled(t, db, id, code) }, window: time.Nanosecond},
			"ended": {policy: "erase", before: func(id, code string) {
				settled(t, db, id, code)
				must(t, db.Requests().Apply(ctx, tenant, id, request.Deny, named("request/"+id)))
			}, window: month},
		} {
			n++
			who := person(fmt.Sprintf("p%d@example.org", n))
			first, code := fromForm(t, db, c.policy, who)
			c.before(first, code)
			second, code := fromForm(t, db, "erase", append(who, c.more...))
			p, err := answered(t, db, second, code)
			must(t, err)
			stands, err := db.Intake().Prove(ctx, p, settling(c.window))
			must(t, err)
			if (stands.ID == first) != c.stands || !c.stands && stands.ID != second {
				t.Errorf("%s: it stands for another: %v", what, stands.ID == first)
			}
			if got := status(t, db, first); what == "not proven" && got != request.IdentityUnverified {
				t.Errorf("%s: it is %s", what, got)
			}
		}
	})
}

func TestWhatNobodyProvesIsGivenUpAfterAWeek(t *testing.T) { // X16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		paper := store.Paper{Kind: "fields", Name: "form", Plain: subject.Conceal([]byte("x"))}
		old, _ := fromForm(t, db, "erase", person("old@example.org"), paper)
		fresh, _ := fromForm(t, db, "erase", person("fresh@example.org"), paper)
		stands, code := fromForm(t, db, "erase", person("proven@example.org"), paper)
		settled(t, db, stands, code)
		ofAgent, _ := fromForm(t, db, "erase", person("client@example.org"), paper)
		agent := person("agent@example.org")[0]
		c, code := drawn(t, db, ofAgent, request.Agent, agent)
		must(t, db.Intake().Send(ctx, c, named("request/"+ofAgent)))
		keys, err := db.Tenant(ctx, tenant)
		must(t, err)
		challenge, err := db.Intake().Judge(ctx, tenant, ofAgent, request.Agent)
		must(t, err)
		proof, err := challenge.Answer(code, keys.RecallKey())
		must(t, err)
		if _, err := db.Intake().Prove(ctx, proof, settling(month)); err == nil {
			t.Error("an agent's proof proves the person")
		}
		must(t, db.Intake().ProveAgent(ctx, proof, "it waits for an operator", named("request/"+ofAgent)))
		_, err = db.Raw(t).Exec(fmt.Sprintf(`UPDATE requests SET created = created - %d WHERE id <> '%s'`, (7 * 24 * time.Hour).Microseconds(), fresh))
		must(t, err)

		before := records(t, db)
		swept, err := db.Intake().Sweep(ctx, tenant, 10, func(id string) audit.Entry { return named("request/" + id) })
		must(t, err)
		if swept != 1 || records(t, db) != before+1 {
			t.Errorf("%d were given up, %d entries", swept, records(t, db)-before)
		}
		for id, want := range map[string]request.Status{old: request.Canceled, fresh: request.IdentityUnverified, stands: request.AwaitingApproval, ofAgent: request.IdentityUnverified} {
			papers, err := db.Work().Papers(ctx, tenant, id, "fields")
			must(t, err)
			if got := status(t, db, id); got != want || (len(papers) == 0) != (want == request.Canceled) {
				t.Errorf("%s, want %s, with %d papers", got, want, len(papers))
			}
		}
		if _, err := db.Keys().RequestKey(ctx, tenant, old); !errors.Is(err, request.ErrDestroyed) {
			t.Errorf("its key: %v", err)
		}
	})
}

func TestPersonGivesARequestUpUntilItsErasureBegan(t *testing.T) { // X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		for _, began := range []bool{false, true} {
			l := running(t, db)
			if began {
				must(t, db.Work().Begin(ctx, l, request.Progress{Address: "shop:people", Action: request.Erasure}))
			}
			before := records(t, db)
			err := db.Intake().Withdraw(ctx, tenant, l.Request, named("request/"+l.Request))
			if got := status(t, db, l.Request); (got == request.Canceled) == began || errors.Is(err, request.ErrTransition) != began || (records(t, db) == before) != began {
				t.Errorf("erasure began: %v; it is %s, %v", began, got, err)
			}
		}
		// Of the person and the executor at once, one is first.
		for range 16 {
			l := running(t, db)
			var wait sync.WaitGroup
			var withdrawn, begun error
			wait.Go(func() { withdrawn = db.Intake().Withdraw(ctx, tenant, l.Request, named("request/"+l.Request)) })
			wait.Go(func() {
				begun = db.Work().Begin(ctx, l, request.Progress{Address: "shop:people", Action: request.Erasure})
			})
			wait.Wait()
			if (withdrawn == nil) == (begun == nil) {
				t.Errorf("withdrawn %v, begun %v", withdrawn, begun)
			}
		}
	})
}

func TestAnotherTenantProvesNothing(t *testing.T) { // SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const other = "other"
		must(t, db.CreateTenant(ctx, other))
		id, _ := fromForm(t, db, "erase", person("a@example.org"))
		for _, id := range []string{id, "0198c0de-0000-7000-8000-000000000000"} {
			if _, err := db.Intake().Judge(ctx, other, id, request.Person); !errors.Is(err, request.ErrRefused) {
				t.Errorf("judge: %v", err)
			}
			_, err := db.Intake().Vouch(ctx, other, id, settling(month))
			notFound(t, "vouch", err)
			notFound(t, "withdraw", db.Intake().Withdraw(ctx, other, id, named("x")))
			c, _ := drawn(t, db, id, request.Person, person("a@example.org")[0])
			c.Tenant = other
			notFound(t, "send", db.Intake().Send(ctx, c, named("x")))
		}
		if _, err := db.Intake().Judge(ctx, "nobody", id, request.Person); !errors.Is(err, request.ErrRefused) {
			t.Errorf("no tenant: %v", err)
		}
		if got := status(t, db, id); got != request.IdentityUnverified {
			t.Errorf("it is %s", got)
		}
	})
}
