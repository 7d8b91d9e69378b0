package store_test

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// awaiting gives a request of a server that waits for the system of a collection,
// and the pass by which that answers.
func awaiting(t *testing.T, db *storetest.Database, pause time.Duration) (request.Lease, auth.Pass, request.Key) {
	t.Helper()
	l := running(t, db)
	_, err := db.Raw(t).Exec(`UPDATE requests SET author = 'key/1' WHERE id = '` + l.Request + `'`)
	must(t, err)
	key, err := db.Keys().RequestKey(ctx, tenant, l.Request)
	must(t, err)
	p, _, err := auth.NewPass(tenant, auth.PostReply, request.ReplyObject(l.Request, "q", 1), 1, time.Now().Add(time.Hour), rand.Reader)
	must(t, err)
	must(t, db.Work().Expect(ctx, l, p))
	w := request.NewWait(key, tenant, l.Request, request.Wait{Address: people, Action: request.Access, Question: "q"}, []byte("state"))
	progress := request.Progress{Address: people, Action: request.Access, Status: request.Waiting, Message: "waits for crm"}
	must(t, db.Work().Wait(ctx, l, progress, []request.Wait{w}, &request.LogLine{Address: people, Action: request.Access, Status: "waiting", Message: "waits for crm"}))
	if pause > 0 {
		must(t, db.Requests().Rest(ctx, l, pause, request.Parked{Needed: []string{"waits for crm"}}))
	}
	return l, p, key
}

func reply(key request.Key, l request.Lease, body string) request.Reply {
	return request.NewReply(key, tenant, l.Request, "q", 1, []byte(body))
}

// isDue says whether a server would take the request, whoever it is.
func isDue(t *testing.T, db *storetest.Database, l request.Lease) bool {
	t.Helper()
	var all []bool
	for _, o := range []struct {
		owner    string
		takeOver bool
	}{{owner, false}, {"another", false}, {"another", true}} {
		ids, err := db.Requests().Due(ctx, tenant, o.owner, o.takeOver, 10)
		must(t, err)
		all = append(all, slices.Contains(ids, l.Request))
	}
	if slices.Contains(all, true) != all[1] {
		t.Errorf("it is due for some: %v", all)
	}
	return all[1]
}

func TestARequestThatWaitsIsInNobodysHandsAndDueInItsTime(t *testing.T) { // H14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l, _, key := awaiting(t, db, time.Hour)
		db.Reopen(t)
		if isDue(t, db, l) {
			t.Error("it is due before its time")
		}
		if err := db.Requests().Renew(ctx, l, ttl); !errors.Is(err, request.ErrFenced) {
			t.Errorf("somebody holds it: %v", err)
		}
		before := records(t, db)
		l = claim(t, db, l.Request, owner)
		if records(t, db) != before {
			t.Error("that it goes on is an entry of its own")
		}
		waits, err := db.Work().Waits(ctx, tenant, l.Request)
		must(t, err)
		if len(waits) != 1 || waits[0].Address != people || waits[0].Action != request.Access {
			t.Fatalf("it waits for %+v", waits)
		}
		if plain, err := waits[0].Unseal(key, tenant, l.Request); err != nil || string(plain) != "state" {
			t.Errorf("%q, %v", plain, err)
		}
		must(t, db.Requests().Rest(ctx, l, 0, request.Parked{}))
		if !isDue(t, db, l) {
			t.Error("it is not due when its time has come")
		}
		l = claim(t, db, l.Request, owner)
		must(t, db.Work().Save(ctx, l, request.Progress{Address: people, Action: request.Access, Status: request.Done}, nil, request.LogLine{}))
		if waits, err = db.Work().Waits(ctx, tenant, l.Request); err != nil || len(waits) != 0 {
			t.Errorf("what is done is waited for: %+v, %v", waits, err)
		}
	})
}

func TestTheFirstReplyCountsAndLetsTheRequestGoOn(t *testing.T) { // H14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l, p, key := awaiting(t, db, time.Hour)
		must(t, db.Requests().Reply(ctx, p, l.Request, reply(key, l, "first"), entry("request.reply")))
		if !isDue(t, db, l) {
			t.Error("it is not due")
		}
		before := records(t, db)
		if err := db.Requests().Reply(ctx, p, l.Request, reply(key, l, "second"), entry("request.reply")); !errors.Is(err, auth.ErrRefused) || records(t, db) != before {
			t.Errorf("a second reply: %v", err)
		}
		l = claim(t, db, l.Request, owner)
		replies, err := db.Work().Replies(ctx, l)
		must(t, err)
		if len(replies) != 1 {
			t.Fatalf("%d replies", len(replies))
		}
		if body, err := replies[0].Unseal(key, tenant, l.Request); err != nil || string(body) != "first" {
			t.Errorf("%q, %v", body, err)
		}
	})
}

// It was not handed to who let the request wait, so that nobody would look at it
// before the time limit.
func TestAReplyThatComesBeforeTheRequestWaitsIsNotLost(t *testing.T) { // H14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l, p, key := awaiting(t, db, 0)
		must(t, db.Requests().Reply(ctx, p, l.Request, reply(key, l, "early"), entry("request.reply")))
		must(t, db.Requests().Rest(ctx, l, time.Hour, request.Parked{}))
		if !isDue(t, db, l) {
			t.Error("it waits although the reply is there")
		}
		l = claim(t, db, l.Request, owner)
		replies, err := db.Work().Replies(ctx, l)
		must(t, err)
		must(t, db.Requests().Rest(ctx, l, time.Hour, request.Parked{}))
		if len(replies) != 1 || isDue(t, db, l) {
			t.Errorf("%d replies, and it does not wait after they were given", len(replies))
		}
	})
}

func TestWhatIsWaitedForGoesWithTheRequest(t *testing.T) { // H14, X16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l, p, key := awaiting(t, db, 0)
		must(t, db.Requests().Reply(ctx, p, l.Request, reply(key, l, "first"), entry("request.reply")))
		second, _, err := auth.NewPass(tenant, auth.PostReply, request.ReplyObject(l.Request, "q", 2), 1, time.Now().Add(time.Hour), rand.Reader)
		must(t, err)
		must(t, db.Work().Expect(ctx, l, second))
		must(t, db.Requests().Rest(ctx, l, time.Hour, request.Parked{}))
		must(t, db.Requests().Apply(ctx, tenant, l.Request, request.Cancel, entry("request.cancel")))
		for _, table := range []string{"request_waits", "request_replies"} {
			var n int
			must(t, db.Raw(t).QueryRow(`SELECT COUNT(*) FROM `+table).Scan(&n))
			if n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
		if err := db.Requests().Reply(ctx, second, l.Request, request.Reply{Question: "q", Number: 2, Sealed: []byte("x")}, entry("request.reply")); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("a reply after the end: %v", err)
		}
	})
}

func TestWhatHasFailedIsAskedAnew(t *testing.T) { // H14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l, p, key := awaiting(t, db, 0)
		must(t, db.Requests().Reply(ctx, p, l.Request, reply(key, l, "nonsense"), entry("request.reply")))
		other := request.NewWait(key, tenant, l.Request, request.Wait{Address: "shop:orders", Action: request.Access, Question: "other"}, []byte("state"))
		must(t, db.Work().Wait(ctx, l, request.Progress{Address: "shop:orders", Action: request.Access, Status: request.Waiting}, []request.Wait{other}, nil))
		must(t, db.Work().Save(ctx, l, request.Progress{Address: people, Action: request.Access, Status: request.Failed}, nil, request.LogLine{}))
		must(t, db.Requests().Move(ctx, l, request.Turn{Event: request.Fail}, entry("request.fail")))
		must(t, db.Requests().Retry(ctx, tenant, l.Request, "", entry("request.retry")))
		l = claim(t, db, l.Request, owner)
		waits, err := db.Work().Waits(ctx, tenant, l.Request)
		must(t, err)
		if len(waits) != 1 || waits[0].Question != "other" {
			t.Errorf("it waits for %+v", waits)
		}
		must(t, db.Work().Expect(ctx, l, p))
		must(t, db.Requests().Reply(ctx, p, l.Request, reply(key, l, "sense"), entry("request.reply")))
	})
}

func TestOnlyWhatWaitsIsSkippedWhileARequestIsCarriedOut(t *testing.T) { // H14, X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l, _, _ := awaiting(t, db, 0)
		skip := func(address string) error {
			return db.Requests().Skip(ctx, tenant, l.Request, address, "the vendor has gone out of business", entry("request.skip"))
		}
		if err := skip(people); !errors.Is(err, request.ErrTransition) {
			t.Errorf("while somebody carries it out: %v", err)
		}
		must(t, db.Requests().Rest(ctx, l, time.Hour, request.Parked{}))
		if err := skip("shop:orders"); !errors.Is(err, request.ErrTransition) || isDue(t, db, l) {
			t.Errorf("one that does not wait: %v", err)
		}
		must(t, skip(people))
		skips, err := db.Work().Skips(ctx, tenant, l.Request)
		must(t, err)
		if !isDue(t, db, l) || skips[people] == "" {
			t.Error("the request does not go on without it")
		}
	})
}

func TestWhoPostsAboutASkippedCollectionIsRefused(t *testing.T) { // H14, X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l, p, key := awaiting(t, db, 0)
		other, _, err := auth.NewPass(tenant, auth.PostReply, request.ReplyObject(l.Request, "other", 1), 1, time.Now().Add(time.Hour), rand.Reader)
		must(t, err)
		must(t, db.Work().Expect(ctx, l, other))
		w := request.NewWait(key, tenant, l.Request, request.Wait{Address: "shop:orders", Action: request.Access, Question: "other"}, []byte("state"))
		must(t, db.Work().Wait(ctx, l, request.Progress{Address: "shop:orders", Action: request.Access, Status: request.Waiting}, []request.Wait{w}, nil))
		must(t, db.Requests().Rest(ctx, l, time.Hour, request.Parked{}))
		must(t, db.Requests().Skip(ctx, tenant, l.Request, people, "the vendor has gone out of business", entry("request.skip")))
		if err := db.Requests().Reply(ctx, p, l.Request, reply(key, l, "late"), entry("request.reply")); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("about the one that was skipped: %v", err)
		}
		must(t, db.Requests().Reply(ctx, other, l.Request, request.NewReply(key, tenant, l.Request, "other", 1, []byte("in time")), entry("request.reply")))
		waits, err := db.Work().Waits(ctx, tenant, l.Request)
		must(t, err)
		if len(waits) != 1 || waits[0].Question != "other" {
			t.Errorf("it waits for %+v", waits)
		}
	})
}

func TestARequestThatWaitsIsFinalisedAndOneThatIsCarriedOutIsNot(t *testing.T) { // H14, X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l, p, key := awaiting(t, db, 0)
		finalise := func() error {
			return db.Requests().Finalise(ctx, tenant, l.Request, "the rest is done by hand", entry("request.finalise"))
		}
		before := records(t, db)
		if err := finalise(); !errors.Is(err, request.ErrTransition) || records(t, db) != before {
			t.Errorf("while somebody carries it out: %v", err)
		}
		must(t, db.Requests().HandBack(ctx, tenant, owner))
		if err := finalise(); !errors.Is(err, request.ErrTransition) {
			t.Errorf("while it was handed back and goes on: %v", err)
		}
		l = claim(t, db, l.Request, owner)
		must(t, db.Requests().Rest(ctx, l, time.Hour, request.Parked{}))
		must(t, finalise())
		r, err := db.Requests().Get(ctx, tenant, l.Request)
		must(t, err)
		if r.Status != request.CompleteWithResidue || r.Message != "the rest is done by hand" || r.Ended.IsZero() {
			t.Errorf("it is %s: %s", r.Status, r.Message)
		}
		if err := db.Requests().Reply(ctx, p, l.Request, reply(key, l, "late"), entry("request.reply")); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("an answer after it: %v", err)
		}
	})
}
