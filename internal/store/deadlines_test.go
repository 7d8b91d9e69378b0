package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/deadline"
	"volenti.dev/volenti/subject"
)

// received makes a request under a law that came in so long ago, and is due
// as that law says.
func received(t *testing.T, db *storetest.Database, law string, ago time.Duration) string {
	t.Helper()
	r := request.Request{
		ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: "erasure", Status: request.AwaitingApproval,
		PlanHash: "one", Plan: []byte(`{}`), Author: "apikey/a", Law: law, Received: time.Now().UTC().Add(-ago),
	}
	c, ok, err := deadline.Rules{}.Clock(law, r.Received, time.Time{}, true)
	must(t, err)
	if ok {
		_, r.Due, err = c.Due()
		must(t, err)
	}
	must(t, db.Requests().Create(ctx, r, person(canary), entry("request.vouch")))
	return r.ID
}

const aDay = 24 * time.Hour

// quietly is a notice to nobody.
func quietly(request.Request, value.Date) (request.Told, error) { return request.Told{}, nil }

func refused(t *testing.T, what, why string, err error) {
	t.Helper()
	var r *deadline.Refused
	if !errors.As(err, &r) || !strings.Contains(r.Why, why) {
		t.Errorf("%s: %v, want %q", what, err, why)
	}
}

func TestAClockStandsStillAndTheRequestIsDueLater(t *testing.T) { // X21
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, rules := db.Requests(), deadline.Rules{}
		id := received(t, db, "gdpr", 3*aDay)
		due := func() time.Time {
			t.Helper()
			r, err := s.Get(ctx, tenant, id)
			must(t, err)
			return r.Due
		}
		first := due()
		before := records(t, db)
		refused(t, "a ground that the law does not know", "only for identity", s.StopClock(ctx, tenant, id, deadline.Clarification, rules, entry("request.stop_clock")))
		refused(t, "going on while it goes", "does not stand still", s.StartClock(ctx, tenant, id, rules, entry("request.start_clock")))
		must(t, s.StopClock(ctx, tenant, id, deadline.Identity, rules, entry("request.stop_clock")))
		if !due().IsZero() {
			t.Errorf("due %s while it stands still", due())
		}
		refused(t, "stopped again", "stands still already", s.StopClock(ctx, tenant, id, deadline.Identity, rules, entry("request.stop_clock")))
		refused(t, "put off while it stands still", "let it go on first", s.Extend(ctx, tenant, id, rules, quietly, entry("request.extend")))
		_, err := db.Raw(t).Exec(`UPDATE request_pauses SET began = began - $1`, (2 * aDay).Microseconds())
		must(t, err)
		must(t, s.StartClock(ctx, tenant, id, rules, entry("request.start_clock")))
		r, err := s.Get(ctx, tenant, id)
		must(t, err)
		c := deadline.Clock{Law: lawOf(t, "gdpr"), Received: r.Received, Pauses: []deadline.Pause{{Ground: deadline.Identity, From: time.Now().Add(-2 * aDay), To: time.Now()}}}
		if _, want, err := c.Due(); err != nil || !due().Equal(want) || want.Before(first) {
			t.Errorf("due %s, want %s (%v); it was %s", due(), want, err, first)
		}
		if got := records(t, db) - before; got != 2 {
			t.Errorf("%d acts", got)
		}
		must(t, s.Apply(ctx, tenant, id, request.Cancel, entry("request.cancel")))
		if err := s.StopClock(ctx, tenant, id, deadline.Identity, rules, entry("request.stop_clock")); !errors.Is(err, request.ErrTransition) {
			t.Errorf("after the end: %v", err)
		}
		if err := s.StopClock(ctx, tenant, uuid.NewString(), deadline.Identity, rules, entry("request.stop_clock")); !errors.Is(err, request.ErrNotFound) {
			t.Errorf("of none: %v", err)
		}
		refused(t, "without a law", "no time runs", s.StopClock(ctx, tenant, received(t, db, "", 0), deadline.Identity, rules, entry("request.stop_clock")))
	})
}

func lawOf(t *testing.T, key string) deadline.Law {
	t.Helper()
	l, err := deadline.ByKey(key)
	must(t, err)
	return l
}

func TestAnAnswerIsPutOffOnceInTimeAndThePersonIsTold(t *testing.T) { // X21
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, rules := db.Requests(), deadline.Rules{}
		id := received(t, db, "gdpr", 3*aDay)
		tell := func(r request.Request, due value.Date) (request.Told, error) {
			return request.Told{Letters: []message.Letter{{ID: uuid.NewString(), Request: r.ID, Kind: message.Extension, To: subject.Conceal(canary), Values: message.Values{"due": string(due)}}}}, nil
		}
		must(t, s.Extend(ctx, tenant, id, rules, tell, entry("request.extend")))
		r, err := s.Get(ctx, tenant, id)
		must(t, err)
		c := deadline.Clock{Law: lawOf(t, "gdpr"), Received: r.Received, Extended: true}
		if _, want, err := c.Due(); err != nil || !r.Due.Equal(want) || r.Extended.IsZero() {
			t.Errorf("due %s, want %s (%v), extended %s", r.Due, want, err, r.Extended)
		}
		letters := func() (n int) {
			must(t, db.Look(ctx, `SELECT COUNT(*) FROM letters WHERE kind = 'extension' AND state = 'waiting'`, &n))
			return n
		}
		if letters() != 1 {
			t.Errorf("%d letters", letters())
		}
		before := records(t, db)
		refused(t, "again", "may be once", s.Extend(ctx, tenant, id, rules, tell, entry("request.extend")))
		refused(t, "too late", "the last day to put the answer off was ", s.Extend(ctx, tenant, received(t, db, "gdpr", 60*aDay), rules, tell, entry("request.extend")))
		refused(t, "under a law without", "gives no extension", s.Extend(ctx, tenant, received(t, db, "lgpd", aDay), rules, tell, entry("request.extend")))
		failed := errors.New("no words")
		other := received(t, db, "gdpr", aDay)
		if err := s.Extend(ctx, tenant, other, rules, func(request.Request, value.Date) (request.Told, error) { return request.Told{}, failed }, entry("request.extend")); !errors.Is(err, failed) {
			t.Errorf("a notice that cannot be made: %v", err)
		}
		if r, err := s.Get(ctx, tenant, other); err != nil || !r.Extended.IsZero() || letters() != 1 || records(t, db) != before+3 {
			t.Errorf("what was refused has changed something: %+v, %v, %d letters, %d acts", r.Extended, err, letters(), records(t, db)-before)
		}
	})
}

func TestWhatIsOverdueIsSaidOnceHoweverManyLook(t *testing.T) { // X21
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Requests()
		var late []string
		for range 40 {
			late = append(late, received(t, db, "lgpd", 30*aDay))
		}
		received(t, db, "lgpd", aDay) // has time
		received(t, db, "", 90*aDay)  // without a law
		ended := received(t, db, "lgpd", 30*aDay)
		must(t, s.Apply(ctx, tenant, ended, request.Cancel, entry("request.cancel")))
		stopped := received(t, db, "gdpr", aDay)
		must(t, s.StopClock(ctx, tenant, stopped, deadline.Identity, deadline.Rules{}, entry("request.stop_clock")))
		unproven := request.Request{ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: "p", Status: request.IdentityUnverified, Law: "lgpd", Due: time.Now().Add(-aDay)}
		must(t, s.Create(ctx, unproven, nil, entry("request.claim")))

		var all sync.WaitGroup
		var mu sync.Mutex
		said := 0
		for range 16 {
			all.Go(func() {
				for {
					n, err := s.SweepOverdue(ctx, tenant, 7)
					if err != nil {
						t.Errorf("sweep: %v", err)
					}
					if n == 0 {
						return
					}
					mu.Lock()
					said += n
					mu.Unlock()
				}
			})
		}
		all.Wait()
		var acts []string
		log, err := db.Audit().Records(ctx, tenant, 0, 1000)
		must(t, err)
		for _, r := range log {
			if r.Act == "request.overdue" {
				acts = append(acts, strings.TrimPrefix(r.Object, "request/"))
			}
		}
		slices.Sort(acts)
		slices.Sort(late)
		if said != len(late) || !slices.Equal(acts, late) {
			t.Errorf("%d of %d are said, and the log has %d: %s", said, len(late), len(acts), fmt.Sprint(acts))
		}
	})
}

// The server that takes a request in may be ahead of the database.
func TestAClockIsStoppedAtOnceAlsoWhenTheServersClockIsAhead(t *testing.T) { // X21
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := received(t, db, "gdpr", -time.Minute)
		must(t, db.Requests().StopClock(ctx, tenant, id, deadline.Identity, deadline.Rules{}, entry("request.stop_clock")))
	})
}
