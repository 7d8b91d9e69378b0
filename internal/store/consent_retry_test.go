package store_test

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/internal/wiretest"
)

func TestChoicesSentAgainAfterACrashAreRecordedOnce(t *testing.T) { // R3
	db := storetest.Postgres(t)
	s := &senders{t: t, db: db, told: make(chan struct{})}
	s.during(func() {
		for range 3 {
			s.wait(100)
			pgtest.Restart(t)
		}
		s.wait(100) // it goes on by itself
	})
	s.once(db)
}

func TestChoicesWhoseCommitWasNotAnsweredAreRecordedOnce(t *testing.T) { // R3
	t.Parallel()
	db := storetest.Postgres(t)
	wire, address := wiretest.New(t, db.Config.URL)
	s := &senders{t: t, db: storetest.Open(t, address), told: make(chan struct{})}
	s.during(func() {
		for n := int64(1); n <= 20; n++ {
			s.wait(20)
			wire.Swallow.Store(math.MaxInt64)
			for before := s.unknown.Load(); s.unknown.Load() == before; {
				s.wait(1)
			}
			wire.Swallow.Store(0)
		}
	})
	if s.unknown.Load() < 20 {
		t.Errorf("%d outcomes were unknown", s.unknown.Load())
	}
	s.once(db)
}

// senders send choices, each with a key of its own, and send it again with
// the same key until it is acknowledged.
type senders struct {
	t        *testing.T
	db       *storetest.Database
	told     chan struct{} // one for each answer that somebody waits for
	stop     atomic.Bool
	unknown  atomic.Int64
	attempts atomic.Int64

	each [16][]consent.Outcome // acknowledged
}

// during lets them send while f runs.
func (s *senders) during(f func()) {
	var all sync.WaitGroup
	for i := range s.each {
		all.Go(func() { s.send(i) })
	}
	defer all.Wait()
	defer s.stop.Store(true) // also when f gives up
	f()
}

func (s *senders) send(i int) {
	for n := 0; !s.stop.Load(); n++ {
		e := says(fmt.Sprintf("p%d@example.com", i), "analytics", n%2 == 0)
		e.Reaffirm = true // without the key it would be another record
		for {
			s.attempts.Add(1)
			o, err := s.db.Consents().Append(ctx, tenant, fmt.Sprint(i, "/", n), []consent.Entry{e})
			select {
			case s.told <- struct{}{}:
			default:
			}
			if err == nil {
				s.each[i] = append(s.each[i], o[0])
				break
			}
			if errors.Is(err, store.ErrUnknown) {
				s.unknown.Add(1)
			} else if !errors.Is(err, store.ErrUnavailable) {
				s.t.Error(err)
				break
			}
		}
	}
}

// wait waits for n answers of any kind.
func (s *senders) wait(n int) {
	for range n {
		<-s.told
	}
}

// once checks that each choice is there one time, and in its order.
func (s *senders) once(db *storetest.Database) {
	t := s.t
	t.Helper()
	total := 0
	for _, told := range s.each {
		if len(told) == 0 {
			t.Error("somebody was never answered")
			continue
		}
		history, err := db.Consents().History(ctx, tenant, told[0].Subject)
		must(t, err)
		if len(history) != len(told) {
			t.Errorf("%d records, %d were acknowledged", len(history), len(told))
			continue
		}
		for n, r := range history {
			if r.ID != told[n].Record || r.Sequence != told[n].Sequence || r.Choice != told[n].Choice {
				t.Errorf("%+v was acknowledged, the record is %+v", told[n], r)
			}
		}
		total += len(told)
	}
	t.Logf("%d choices in %d attempts, %d with unknown outcome", total, s.attempts.Load(), s.unknown.Load())
	sound(t, db)
	verify(t, db, int64(1+total))
}
