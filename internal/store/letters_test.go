package store_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// What a turn brings along is there with it, once, and nothing of a letter can
// be read in the database.
func TestLetterIsPostedInTheCommitOfItsCause(t *testing.T) { // X15, SE9
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, l := db.Requests(), running(t, db)
		letter := message.Letter{
			ID: uuid.Must(uuid.NewV7()).String(), Request: l.Request, Kind: message.Completion,
			To: subject.Conceal("canary@example.org"), Values: message.Values{"reference": "canary-value"},
		}
		stale := l
		stale.Fence--
		if err := s.Move(ctx, stale, request.Turn{Event: request.Finish, Letters: []message.Letter{letter}}, entry("request.complete")); err == nil {
			t.Error("a fenced turn was made")
		}
		count := func() (n int) {
			must(t, db.Raw(t).QueryRow(`SELECT count(*) FROM letters`).Scan(&n))
			return n
		}
		if n := count(); n != 0 {
			t.Errorf("%d letters of a turn that was refused", n)
		}
		must(t, s.Move(ctx, l, request.Turn{Event: request.Finish, Letters: []message.Letter{letter, letter}}, entry("request.complete")))
		must(t, db.Letters().Post(ctx, tenant, letter))
		if n := count(); n != 1 {
			t.Errorf("%d letters", n)
		}
		if dump := db.Dump(t); bytes.Contains(dump, []byte("canary")) {
			t.Error("the database shows what is in a letter")
		}
	})
}

func TestPapersAreKeptUntilTheRequestEnds(t *testing.T) { // X16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l := running(t, db)
		key, err := db.Keys().RequestKey(ctx, tenant, l.Request)
		must(t, err)
		for _, text := range []string{"first", "second"} {
			must(t, db.Work().PutPaper(ctx, l, request.NewPaper(key, tenant, l.Request, "input", "archive", []byte(text))))
		}
		papers, err := db.Work().Papers(ctx, tenant, l.Request, "input")
		must(t, err)
		if len(papers) != 1 {
			t.Fatalf("%d papers", len(papers))
		}
		if plain, err := papers[0].Unseal(key, tenant, l.Request); err != nil || string(plain) != "second" {
			t.Errorf("%q, %v", plain, err)
		}
		if _, err := papers[0].Unseal(key, tenant, "other"); err == nil {
			t.Error("it opens in another request")
		}
		must(t, db.Requests().Move(ctx, l, request.Turn{Event: request.Cancel}, entry("request.cancel")))
		if papers, err = db.Work().Papers(ctx, tenant, l.Request, "input"); err != nil || len(papers) != 0 {
			t.Errorf("%d papers of a request that has ended, %v", len(papers), err)
		}
	})
}

// post stores a letter of a request and gives it.
func post(t testing.TB, db *storetest.Database, about string) message.Letter {
	t.Helper()
	l := message.Letter{
		ID: uuid.Must(uuid.NewV7()).String(), Request: about, Kind: message.Code, Language: "de",
		To: subject.Conceal("canary@example.org"), Values: message.Values{"code": "canary-value", "minutes": 10},
	}
	must(t, db.Letters().Post(ctx, tenant, l))
	return l
}

// acts gives the acts on an object, in their order.
func acts(t testing.TB, db *storetest.Database, object string) (found []string) {
	t.Helper()
	all, err := db.Audit().Records(ctx, tenant, 0, 1_000)
	must(t, err)
	for _, r := range all {
		if r.Object == object {
			found = append(found, r.Act)
		}
	}
	return found
}

func letters(t testing.TB, db *storetest.Database, about string) []message.Posted {
	t.Helper()
	all, err := db.Letters().Of(ctx, tenant, about)
	must(t, err)
	return all
}

const holding = time.Hour

func TestLetterIsSentOnceAndItsContentsAreDestroyed(t *testing.T) { // E8, E19
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, about := db.Letters(), create(t, db)
		before := acts(t, db, "request/"+about)
		l := post(t, db, about)
		due, err := s.Due(ctx, tenant, 10)
		must(t, err)
		if len(due) != 1 || due[0] != l.ID {
			t.Fatalf("due: %v", due)
		}
		try, err := s.Take(ctx, tenant, l.ID, holding)
		must(t, err)
		if try.To.Reveal() != "canary@example.org" || try.Values["code"] != "canary-value" || try.Kind != l.Kind || try.Language != "de" || try.Request != about || try.Attempt != 1 || try.Doubtful || try.Age < 0 || try.Age > holding {
			t.Errorf("%+v", try)
		}
		if more := acts(t, db, "request/"+about)[len(before):]; len(more) != 0 {
			t.Errorf("the log has %v before anything was sent", more)
		}
		if _, err := s.Take(ctx, tenant, l.ID, holding); !errors.Is(err, message.ErrTaken) {
			t.Errorf("taken twice: %v", err)
		}
		must(t, s.Sent(ctx, tenant, try))
		if err := s.Sent(ctx, tenant, try); !errors.Is(err, message.ErrTaken) {
			t.Errorf("sent twice: %v", err)
		}
		if err := s.PutOff(ctx, tenant, try, "x", true, 0); !errors.Is(err, message.ErrTaken) {
			t.Errorf("put off after it was sent: %v", err)
		}
		if d := cmp.Diff([]string{"email.sent"}, acts(t, db, "request/"+about)[len(before):]); d != "" {
			t.Error(d)
		}
		want := []message.Posted{{ID: l.ID, Request: about, Kind: message.Code, Language: "de", State: message.Sent, Attempts: 1}}
		got := letters(t, db, about)
		if d := cmp.Diff(want, got, cmpopts.IgnoreFields(message.Posted{}, "Created", "Ended")); d != "" || got[0].Ended.Before(got[0].Created) {
			t.Error(d, got)
		}
		var left int
		must(t, db.Raw(t).QueryRow(`SELECT (SELECT count(*) FROM letters WHERE sealed IS NOT NULL) + (SELECT count(*) FROM keys WHERE owner LIKE 'letter/%')`).Scan(&left))
		if left != 0 {
			t.Errorf("%d contents or keys are left", left)
		}
	})
}

// An attempt that has failed is followed by another after the pause; one whose
// outcome nobody knows by one that says so (E18).
func TestOnlyAnUnknownOutcomeMakesALetterDoubtful(t *testing.T) { // E18
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, about := db.Letters(), create(t, db)
		before := len(acts(t, db, "request/"+about))
		l := post(t, db, about)
		take := func() message.Try {
			t.Helper()
			try, err := s.Take(ctx, tenant, l.ID, holding)
			must(t, err)
			return try
		}
		must(t, s.PutOff(ctx, tenant, take(), "not now", true, 0))
		second := take()
		if second.Attempt != 2 || second.Doubtful {
			t.Errorf("%+v", second)
		}
		must(t, s.PutOff(ctx, tenant, second, "no answer", false, 0))
		third := take()
		if third.Attempt != 3 || !third.Doubtful || third.ID != l.ID {
			t.Errorf("%+v", third)
		}
		if err := s.Sent(ctx, tenant, second); !errors.Is(err, message.ErrTaken) {
			t.Errorf("an earlier attempt ended the letter: %v", err)
		}
		must(t, s.PutOff(ctx, tenant, third, "not now", true, holding))
		if _, err := s.Take(ctx, tenant, l.ID, holding); !errors.Is(err, message.ErrTaken) {
			t.Errorf("taken before its time: %v", err)
		}
		if due, err := s.Due(ctx, tenant, 10); err != nil || len(due) != 0 {
			t.Errorf("due before its time: %v, %v", due, err)
		}
		if got := letters(t, db, about)[0]; got.State != message.Waiting || got.Reason != "not now" || !got.Doubtful || got.Attempts != 3 || got.Due.Before(time.Now()) {
			t.Errorf("%+v", got)
		}
		if d := cmp.Diff([]string{"email.repeated"}, acts(t, db, "request/"+about)[before:]); d != "" {
			t.Error(d)
		}
	})
}

func TestLetterThatIsGivenUpSaysWhyAndIsDestroyed(t *testing.T) { // E19
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, about := db.Letters(), create(t, db)
		l := post(t, db, about)
		try, err := s.Take(ctx, tenant, l.ID, holding)
		must(t, err)
		must(t, s.GiveUp(ctx, tenant, try, "no such mailbox: 550 5.1.1"))
		if got := letters(t, db, about)[0]; got.State != message.Failed || got.Reason != "no such mailbox: 550 5.1.1" || got.Ended.IsZero() || !got.Due.IsZero() {
			t.Errorf("%+v", got)
		}
		if found := acts(t, db, "request/"+about); found[len(found)-1] != "email.failed" {
			t.Errorf("%v", found)
		}
		var left int
		must(t, db.Raw(t).QueryRow(`SELECT (SELECT count(*) FROM letters WHERE sealed IS NOT NULL) + (SELECT count(*) FROM keys WHERE owner LIKE 'letter/%')`).Scan(&left))
		if left != 0 {
			t.Errorf("%d contents or keys are left", left)
		}
	})
}

func TestWhoWasSendingAndDiedLeavesADoubtfulLetter(t *testing.T) { // E18, R1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		about := create(t, db)
		l := post(t, db, about)
		if _, err := db.Letters().Take(ctx, tenant, l.ID, holding); err != nil {
			t.Fatal(err)
		}
		db.Reopen(t)
		must(t, db.Letters().Recover(ctx, tenant))
		if !db.Embedded() { // another process may still be sending it
			if _, err := db.Letters().Take(ctx, tenant, l.ID, holding); !errors.Is(err, message.ErrTaken) {
				t.Errorf("taken from another process: %v", err)
			}
			if _, err := db.Raw(t).Exec(`UPDATE letters SET due = 1`); err != nil { // its time is over
				t.Fatal(err)
			}
		}
		try, err := db.Letters().Take(ctx, tenant, l.ID, holding)
		if err != nil || !try.Doubtful || try.Attempt != 2 || try.To.Reveal() != "canary@example.org" {
			t.Errorf("%+v, %v", try, err)
		}
		if found := acts(t, db, "request/"+about); found[len(found)-1] != "email.repeated" {
			t.Errorf("%v", found)
		}
	})
}

func TestAttemptIsHeldAsLongAsItTakes(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l := post(t, db, create(t, db))
		first, err := db.Letters().Take(ctx, tenant, l.ID, 0)
		must(t, err)
		must(t, db.Letters().Hold(ctx, tenant, first, holding))
		if _, err := db.Letters().Take(ctx, tenant, l.ID, holding); !errors.Is(err, message.ErrTaken) {
			t.Errorf("taken while it is held: %v", err)
		}
		must(t, db.Letters().Hold(ctx, tenant, first, 0))
		if _, err := db.Letters().Take(ctx, tenant, l.ID, holding); err != nil {
			t.Fatal(err)
		}
		if err := db.Letters().Hold(ctx, tenant, first, holding); !errors.Is(err, message.ErrTaken) {
			t.Errorf("held by who has lost it: %v", err)
		}
	})
}

func TestEachLetterIsTakenByOne(t *testing.T) { // R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		about := create(t, db)
		var ids []string
		for range 10 {
			ids = append(ids, post(t, db, about).ID)
		}
		taken := make([]atomic.Int64, len(ids))
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for i, id := range ids {
					_, err := db.Letters().Take(ctx, tenant, id, holding)
					if err == nil {
						taken[i].Add(1)
					} else if !errors.Is(err, message.ErrTaken) {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		for i := range taken {
			if n := taken[i].Load(); n != 1 {
				t.Errorf("letter %d was taken %d times", i, n)
			}
		}
	})
}

func TestLetterThatCannotBeOpenedIsToldSo(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		about := create(t, db)
		l, other := post(t, db, about), post(t, db, about)
		if _, err := db.Raw(t).Exec(`UPDATE letters SET sealed = (SELECT sealed FROM letters WHERE id = $1) WHERE id = $2`, other.ID, l.ID); err != nil {
			t.Fatal(err)
		}
		try, err := db.Letters().Take(ctx, tenant, l.ID, holding)
		if !errors.Is(err, message.ErrUnreadable) || strings.Contains(err.Error(), "canary") {
			t.Fatalf("the contents of one letter opened in another: %v", err)
		}
		must(t, db.Letters().GiveUp(ctx, tenant, try, err.Error()))
		if _, err := db.Raw(t).Exec(`DELETE FROM keys WHERE owner = $1`, "letter/"+other.ID); err != nil {
			t.Fatal(err)
		}
		if try, err = db.Letters().Take(ctx, tenant, other.ID, holding); !errors.Is(err, message.ErrUnreadable) || try.Attempt != 1 {
			t.Errorf("a letter whose key is gone: %v", err)
		}
	})
}

func TestPostingWakesWhoWaitsForLetters(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		about := create(t, db)
		changed := db.Letters().Changed()
		create(t, db)
		select {
		case <-changed:
			t.Error("it was woken by what is no letter")
		default:
		}
		post(t, db, about)
		<-changed
	})
}

func TestOtherTenantsLettersAreNotThere(t *testing.T) { // SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		must(t, db.CreateTenant(ctx, "other"))
		about := create(t, db)
		l := post(t, db, about)
		if _, err := db.Letters().Take(ctx, "other", l.ID, holding); !errors.Is(err, message.ErrTaken) {
			t.Errorf("taken: %v", err)
		}
		if due, err := db.Letters().Due(ctx, "other", 10); err != nil || len(due) != 0 {
			t.Errorf("due: %v, %v", due, err)
		}
		if _, err := db.Letters().Of(ctx, "other", about); !errors.Is(err, request.ErrNotFound) {
			t.Errorf("listed: %v", err)
		}
		try, err := db.Letters().Take(ctx, tenant, l.ID, holding)
		must(t, err)
		for what, err := range map[string]error{
			"sent": db.Letters().Sent(ctx, "other", try), "given up": db.Letters().GiveUp(ctx, "other", try, "x"), "put off": db.Letters().PutOff(context.Background(), "other", try, "x", true, 0),
		} {
			if !errors.Is(err, message.ErrTaken) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}
