package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// writes writes a message under a key.
func writes(t *testing.T, db *storetest.Database, id string, from request.Side, text, once string) request.Message {
	t.Helper()
	m, isNew, err := db.Messages().Write(ctx, tenant, id, writing(from, text, once))
	must(t, err)
	if !isNew {
		t.Errorf("%q was written before", once)
	}
	return m
}

func writing(from request.Side, text, once string) store.Written {
	act := "message.send"
	if from == request.FromPerson {
		act = "message.receive"
	}
	return store.Written{From: from, Text: subject.Conceal(text), Once: once, Keeps: time.Hour, To: request.KeptAddress(canary), Entry: entry(act)}
}

func thread(t *testing.T, db *storetest.Database, id string) request.Thread {
	t.Helper()
	all, err := db.Messages().Read(ctx, tenant, id)
	must(t, err)
	return all
}

// toldIn is a thread as a list of lines.
func toldIn(all request.Thread) (lines []string) {
	for _, m := range all.Messages {
		lines = append(lines, fmt.Sprintf("%d %s %s", m.N, m.From, m.Text.Reveal()))
	}
	return lines
}

func TestMessagesAreKeptInTheirOrderAndWaitForAnAnswer(t *testing.T) { // W3, W12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id, quiet := create(t, db), create(t, db)
		writes(t, db, id, request.FromPerson, "Which account "+canary+"?", "a")
		writes(t, db, id, request.FromPerson, "And when?", "b")
		unanswered := func() (ids []string) {
			found, err := db.Requests().Search(ctx, tenant, request.Query{Unanswered: true}, request.Mark{}, 10)
			must(t, err)
			for _, r := range found {
				ids = append(ids, r.ID)
			}
			return ids
		}
		if all := thread(t, db, id); all.Unanswered() != 2 || !cmp.Equal(unanswered(), []string{id}) {
			t.Errorf("unanswered: %d, %v", all.Unanswered(), unanswered())
		}
		answer := writing(request.FromCompany, "The old one.", "c")
		answer.Read = 1 // the second came while it was written
		_, _, err := db.Messages().Write(ctx, tenant, id, answer)
		must(t, err)
		if all := thread(t, db, id); all.Unanswered() != 1 || all.Unread() != 1 {
			t.Errorf("after an answer to the first: %d wait, %d are new", all.Unanswered(), all.Unread())
		}
		before := records(t, db)
		must(t, db.Messages().Settle(ctx, tenant, id, 2, entry("message.settle")))
		must(t, db.Messages().Settle(ctx, tenant, id, 2, entry("message.settle")))
		if got := records(t, db) - before; got != 1 {
			t.Errorf("settled %d times", got)
		}
		must(t, db.Messages().See(ctx, tenant, id, 3))
		for of, n := range map[string]int64{id: 3, quiet: 1, "none": 1} {
			if err := db.Messages().Settle(ctx, tenant, of, n, entry("message.settle")); !errors.Is(err, request.ErrNotFound) {
				t.Errorf("settle %d of %s: %v", n, of, err)
			}
		}
		all := thread(t, db, id)
		if all.Unanswered() != 0 || all.Unread() != 0 || unanswered() != nil {
			t.Errorf("at the end: %d wait, %d are new, %v", all.Unanswered(), all.Unread(), unanswered())
		}
		want := []string{"1 person Which account " + canary + "?", "2 person And when?", "3 company The old one."}
		if d := cmp.Diff(want, toldIn(all)); d != "" {
			t.Error(d)
		}
		without, err := db.Messages().Of(ctx, tenant, id, quiet)
		must(t, err)
		if len(without) != 1 || len(without[id].Messages) != 3 || without[id].Messages[0].Text.Reveal() != "" {
			t.Errorf("without texts: %+v", without)
		}
		if bytes.Contains(db.Dump(t), []byte(canary)) {
			t.Error("a text, or the address, is in the clear") // SE9
		}
	})
}

func TestMessageThatIsSentAgainIsStoredOnce(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := create(t, db)
		letter, err := message.New(message.Letter{Request: id, Kind: message.Answer, To: subject.Conceal(canary)})
		must(t, err)
		w := writing(request.FromCompany, "Which invoice?", "once")
		w.Told.Letters = []message.Letter{letter}
		first, _, err := db.Messages().Write(ctx, tenant, id, w)
		must(t, err)
		before := records(t, db)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				again := w
				other, err := message.New(message.Letter{Request: id, Kind: message.Answer, To: subject.Conceal(canary)})
				if err != nil {
					t.Error(err)
					return
				}
				again.Told.Letters = []message.Letter{other}
				m, isNew, err := db.Messages().Write(ctx, tenant, id, again)
				if err != nil || isNew || m.N != first.N || !m.At.Equal(first.At) {
					t.Errorf("again: %+v, new %v, %v", m, isNew, err)
				}
			})
		}
		wg.Wait()
		w.Text = subject.Conceal("Another one")
		if _, _, err := db.Messages().Write(ctx, tenant, id, w); !errors.Is(err, consent.ErrConflict) {
			t.Errorf("another text under the same key: %v", err)
		}
		letters, err := db.Letters().Of(ctx, tenant, id)
		must(t, err)
		if len(thread(t, db, id).Messages) != 1 || len(letters) != 1 || records(t, db) != before {
			t.Errorf("%d messages, %d letters, %d more records", len(thread(t, db, id).Messages), len(letters), records(t, db)-before)
		}
	})
}

func TestMessagesThatAreWrittenAtOnceHaveNumbersWithoutGaps(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := create(t, db)
		const each = 8
		var wg sync.WaitGroup
		for i := range each {
			for _, from := range []request.Side{request.FromPerson, request.FromCompany} {
				wg.Go(func() {
					if _, _, err := db.Messages().Write(ctx, tenant, id, writing(from, "x", fmt.Sprint(from, i))); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		all := thread(t, db, id)
		for i, m := range all.Messages {
			if m.N != int64(i)+1 || i > 0 && m.At.Before(all.Messages[i-1].At) {
				t.Errorf("at %d: %d, %v", i, m.N, m.At)
			}
		}
		if all.Of(request.FromPerson) != each || all.Of(request.FromCompany) != each {
			t.Errorf("%d of the person, %d of the company", all.Of(request.FromPerson), all.Of(request.FromCompany))
		}
	})
}

func TestMessagesOfOthersAreNotReached(t *testing.T) { // SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := create(t, db)
		writes(t, db, id, request.FromPerson, "Hello", "a")
		before := db.Dump(t)
		if _, _, err := db.Messages().Write(ctx, "neighbour", id, writing(request.FromPerson, "I am another", "b")); err == nil {
			t.Error("another tenant writes")
		}
		if _, err := db.Messages().Read(ctx, "neighbour", id); err == nil {
			t.Error("another tenant reads")
		}
		if all, _ := db.Messages().Of(ctx, "neighbour", id); len(all) != 0 {
			t.Errorf("another tenant sees %v", all)
		}
		if !bytes.Equal(before, db.Dump(t)) {
			t.Error("something was changed")
		}
	})
}

func TestThreadOutlivesTheKeyOfItsRequestAndEndsWithItsOwn(t *testing.T) { // X16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := create(t, db)
		writes(t, db, id, request.FromPerson, canary, "a")
		must(t, db.Requests().Apply(ctx, tenant, id, request.Deny, entry("request.deny")))
		writes(t, db, id, request.FromPerson, "I do not agree", "b")
		to, err := db.Messages().Address(ctx, tenant, id)
		must(t, err)
		if to.To().Reveal() != canary || len(toldIn(thread(t, db, id))) != 2 {
			t.Errorf("after the end: %d messages, an address: %v", len(thread(t, db, id).Messages), !to.None())
		}
		late := writing(request.FromPerson, "Much later", "c")
		late.Keeps = 0
		if _, _, err := db.Messages().Write(ctx, tenant, id, late); !errors.Is(err, request.ErrThreadClosed) {
			t.Errorf("when its time is over: %v", err)
		}
		open := create(t, db)
		writes(t, db, open, request.FromPerson, "Still open", "a")
		if over, err := db.Messages().Outlived(ctx, tenant, time.Hour, 10); err != nil || len(over) != 0 {
			t.Errorf("too early: %v, %v", over, err)
		}
		over, err := db.Messages().Outlived(ctx, tenant, 0, 10)
		must(t, err)
		if !cmp.Equal(over, []string{id}) {
			t.Fatalf("outlived: %v", over)
		}
		for range 2 {
			must(t, db.Messages().Destroy(ctx, tenant, id, "its time is over"))
		}
		all := thread(t, db, id)
		if got := toldIn(all); !cmp.Equal(got, []string{"1 person ", "2 person "}) || all.Destroyed.IsZero() || all.Unanswered() != 0 {
			t.Errorf("destroyed: %q, %+v", got, all)
		}
		var left int
		must(t, db.Raw(t).QueryRow(`SELECT (SELECT COUNT(*) FROM keys WHERE owner = 'messages/`+id+`') + (SELECT COUNT(*) FROM request_texts WHERE request = '`+id+`')
			+ (SELECT COUNT(*) FROM request_threads WHERE request = '`+id+`' AND address IS NOT NULL)`).Scan(&left))
		if to, err = db.Messages().Address(ctx, tenant, id); err != nil || !to.None() || left != 0 {
			t.Errorf("left: %d, an address: %v, %v", left, !to.None(), err)
		}
		for _, once := range []string{"a", "d"} {
			if _, _, err := db.Messages().Write(ctx, tenant, id, writing(request.FromPerson, canary, once)); !errors.Is(err, request.ErrThreadClosed) {
				t.Errorf("%s after that: %v", once, err)
			}
		}
	})
}

func TestErasureReachesWhatThePersonWroteAboutFormerRequests(t *testing.T) { // X16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		former, open, denied := create(t, db), create(t, db), create(t, db)
		others, _ := vouched(t, db, tenant, "apikey/a")
		must(t, db.Requests().Apply(ctx, tenant, others, request.Cancel, entry("request.cancel")))
		erasure := create(t, db)
		for _, id := range []string{former, open, denied, others, erasure} {
			writes(t, db, id, request.FromPerson, "Hello", "a")
		}
		must(t, db.Requests().Apply(ctx, tenant, former, request.Cancel, entry("request.cancel")))
		must(t, db.Requests().Apply(ctx, tenant, denied, request.Deny, entry("request.deny")))
		readable := func() (ids []bool) {
			for _, id := range []string{former, open, denied, others, erasure} {
				ids = append(ids, toldIn(thread(t, db, id))[0] == "1 person Hello")
			}
			return ids
		}
		must(t, db.Requests().Apply(ctx, tenant, erasure, request.Approve, entry("request.approve")))
		l := claim(t, db, erasure, owner)
		must(t, db.Work().Begin(ctx, l, request.Progress{Address: people, Action: request.Erasure}))
		if got := readable(); !cmp.Equal(got, []bool{true, true, true, true, true}) {
			t.Errorf("before the end: %v", got)
		}
		must(t, db.Requests().Move(ctx, l, request.Turn{Event: request.Finish}, entry("request.complete")))
		if got := readable(); !cmp.Equal(got, []bool{false, true, false, differs(t, db, others, erasure), true}) {
			t.Errorf("after the end, of a former one, an open one, a denied one, somebody else's and itself: %v", got)
		}
	})
}

// differs says whether two requests are about different people.
func differs(t *testing.T, db *storetest.Database, a, b string) bool {
	t.Helper()
	of := func(id string) string {
		all, err := db.Requests().Identities(ctx, tenant, id)
		must(t, err)
		return all[0].Digest
	}
	return of(a) != of(b)
}

func TestNobodyIsFloodedWithMessages(t *testing.T) { // SE7
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := create(t, db)
		for i := range 10 {
			writes(t, db, id, request.FromPerson, "x", fmt.Sprint(i))
		}
		if _, _, err := db.Messages().Write(ctx, tenant, id, writing(request.FromPerson, "x", "more")); !errors.Is(err, request.ErrThreadFull) {
			t.Errorf("one too many: %v", err)
		}
		writes(t, db, id, request.FromCompany, "One after the other.", "answer")
		writes(t, db, id, request.FromPerson, "x", "more")
	})
}

func TestWhoWroteWhenIsNotChanged(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		writes(t, db, create(t, db), request.FromPerson, "x", "a")
		statements := []string{`UPDATE request_messages SET side = 'company'`, `DELETE FROM request_messages`}
		if db.Embedded() {
			statements = append(statements, `INSERT OR REPLACE INTO request_messages SELECT * FROM request_messages`)
		}
		for _, s := range statements {
			if _, err := db.Raw(t).Exec(s); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", s, err)
			}
		}
	})
}

func TestThatAPersonHasWrittenIsAnEventWithoutWhatTheyWrote(t *testing.T) { // W12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id, log := vouched(t, db, tenant, "apikey/a")
		asks, answers := writing(request.FromPerson, canary, "a"), writing(request.FromCompany, canary, "b")
		asks.Entry, answers.Entry = log("message.receive"), log("message.send")
		for _, w := range []store.Written{asks, answers} {
			_, _, err := db.Messages().Write(ctx, tenant, id, w)
			must(t, err)
		}
		var got []string
		for _, e := range follow(t, db, tenant, 0, 10) {
			got = append(got, fmt.Sprint(e.Type, " ", e.Data.Request, " ", e.Data.Status))
		}
		if d := cmp.Diff([]string{"request.received " + id + " awaiting_approval", "request.message " + id + " "}, got); d != "" {
			t.Error(d)
		}
	})
}
