package store_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/task"
	"volenti.dev/volenti/subject"
)

// awaitingInput makes a request that waits for connections, due one after the other.
func awaitingInput(t *testing.T, db *storetest.Database, connections ...string) string {
	t.Helper()
	id := create(t, db)
	must(t, db.Requests().Apply(ctx, tenant, id, request.Approve, entry("request.approve")))
	lease, _, err := db.Requests().Claim(ctx, tenant, id, owner, ttl, true, entry("request.start"))
	must(t, err)
	turn := request.Turn{Event: request.Ask}
	for i, c := range connections {
		turn.Tasks = append(turn.Tasks, task.Task{Connection: c, Due: time.Now().Add(time.Duration(i+1) * time.Hour).Truncate(time.Microsecond), Remind: time.UnixMicro(1)})
	}
	must(t, db.Requests().Move(ctx, lease, turn, entry("task.wait")))
	return id
}

// given is an answer to a connection.
func given(t *testing.T, db *storetest.Database, id, connection string) store.Given {
	t.Helper()
	key, err := db.Keys().RequestKey(ctx, tenant, id)
	must(t, err)
	return store.Given{Connection: connection, Paper: request.NewPaper(key, tenant, id, "input", connection, []byte(canary))}
}

func TestLastAnswerLetsTheRequestGoOnInItsCommit(t *testing.T) { // X4, R1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := awaitingInput(t, db, "archive", "cellar")
		resumed, err := db.Tasks().Answer(ctx, tenant, id, given(t, db, id, "archive"), entry("task.answer"))
		must(t, err)
		if resumed || status(t, db, id) != request.RequiresInput {
			t.Errorf("after the first: resumed %v, %s", resumed, status(t, db, id))
		}
		before := records(t, db)
		for _, connection := range []string{"attic", ""} {
			if _, err := db.Tasks().Answer(ctx, tenant, id, given(t, db, id, connection), entry("task.answer")); !errors.Is(err, task.ErrNotWaiting) {
				t.Errorf("%q: %v", connection, err)
			}
		}
		if _, err := db.Tasks().Answer(ctx, "neighbour", id, given(t, db, id, "cellar"), entry("task.answer")); err == nil {
			t.Error("another tenant answers")
		}
		if records(t, db) != before {
			t.Error("what was refused is in the log")
		}
		resumed, err = db.Tasks().Answer(ctx, tenant, id, given(t, db, id, "cellar"), entry("task.answer"))
		must(t, err)
		r, err := db.Requests().Get(ctx, tenant, id)
		must(t, err)
		if !resumed || r.Status != request.Approved || r.Message != "" || len(r.Parked.Needed) != 0 {
			t.Errorf("after the last: resumed %v, %+v", resumed, r.Status)
		}
		papers, err := db.Work().Papers(ctx, tenant, id, "input")
		must(t, err)
		if len(papers) != 2 {
			t.Errorf("%d answers", len(papers))
		}
		if _, err := db.Tasks().Answer(ctx, tenant, id, given(t, db, id, "cellar"), entry("task.answer")); !errors.Is(err, task.ErrNotWaiting) {
			t.Errorf("after it went on: %v", err)
		}
	})
}

func TestOfManyWhoAnswerByLinkTheFirstIsKept(t *testing.T) { // X4, R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		id := awaitingInput(t, db, "archive", "cellar")
		var wait sync.WaitGroup
		var heard, refused atomic.Int64
		for range 16 {
			p, _, err := auth.NewPass(tenant, auth.AnswerTask, task.Task{Request: id, Connection: "archive"}.Object(), 1, time.Now().Add(time.Hour), rand.Reader)
			must(t, err)
			must(t, db.Passes().Issue(ctx, p, entry("pass.issue")))
			g := given(t, db, id, "archive")
			g.Pass = &p
			wait.Go(func() {
				switch _, err := db.Tasks().Answer(ctx, tenant, id, g, entry("task.answer")); {
				case err == nil:
					heard.Add(1)
				case errors.Is(err, task.ErrAnswered), errors.Is(err, auth.ErrRefused):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if heard.Load() != 1 || refused.Load() != 15 {
			t.Errorf("heard %d, refused %d", heard.Load(), refused.Load())
		}
		if _, err := db.Tasks().Answer(ctx, tenant, id, given(t, db, id, "archive"), entry("task.answer")); err != nil {
			t.Errorf("an operator replaces it: %v", err)
		}
	})
}

func TestFilesOfAnAnswerAreThereWholeOrTheAnswerIsRefused(t *testing.T) { // SE7
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Tasks()
		id := awaitingInput(t, db, "archive", "cellar")
		stage := func(connection, upload string, n, size int) error {
			return s.Stage(ctx, tenant, id, store.Piece{Connection: connection, Upload: upload, File: "f", N: n, Sealed: make([]byte, size)}, n == 0, 1000)
		}
		must(t, stage("archive", "first", 0, 300))
		must(t, stage("cellar", "other", 0, 300)) // of another connection
		must(t, stage("archive", "second", 0, 300))
		must(t, stage("archive", "first", 1, 300)) // goes on beside it
		g := given(t, db, id, "archive")
		g.Upload, g.Pieces = "first", 2
		if _, err := s.Answer(ctx, tenant, id, g, entry("task.answer")); !errors.Is(err, task.ErrReplaced) {
			t.Errorf("pieces that another upload has replaced: %v", err)
		}
		must(t, stage("archive", "second", 1, 300))
		if err := stage("archive", "second", 2, 101); !errors.Is(err, task.ErrTooMuch) {
			t.Errorf("more than 1000 bytes in all: %v", err)
		}
		must(t, stage("archive", "second", 2, 100))
		g.Upload, g.Pieces = "second", 3
		if _, err := s.Answer(ctx, tenant, id, g, entry("task.answer")); err != nil {
			t.Fatal(err)
		}
		b, err := s.Piece(ctx, tenant, id, store.Piece{Connection: "archive", Upload: "second", File: "f", N: 2})
		if err != nil || len(b) != 100 {
			t.Errorf("a piece: %d bytes, %v", len(b), err)
		}
		if _, err := s.Piece(ctx, "neighbour", id, store.Piece{Connection: "archive", Upload: "second", File: "f", N: 2}); !errors.Is(err, request.ErrDestroyed) {
			t.Errorf("of another tenant: %v", err)
		}
		must(t, stage("archive", "third", 0, 300)) // an answer that is never given leaves the one that was
		if _, err := s.Piece(ctx, tenant, id, store.Piece{Connection: "archive", Upload: "second", File: "f", N: 0}); err != nil {
			t.Errorf("the answer lost its files: %v", err)
		}
		must(t, db.Requests().Apply(ctx, tenant, id, request.Cancel, entry("request.cancel")))
		if _, err := s.Piece(ctx, tenant, id, store.Piece{Connection: "archive", Upload: "second", File: "f", N: 0}); !errors.Is(err, request.ErrDestroyed) {
			t.Errorf("after the request ended: %v", err)
		}
		if err := stage("archive", "fourth", 0, 1); !errors.Is(err, task.ErrNotWaiting) {
			t.Errorf("after the request ended: %v", err)
		}
	})
}

func TestOpenTasksComeByTheirDueDates(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Tasks()
		first := awaitingInput(t, db, "a", "b", "c")
		awaitingInput(t, db, "a", "b")
		_, err := s.Answer(ctx, tenant, first, given(t, db, first, "b"), entry("task.answer"))
		must(t, err)
		gone := awaitingInput(t, db, "a")
		must(t, db.Requests().Apply(ctx, tenant, gone, request.Finalise, entry("request.finalise")))
		var got []string
		for after := (task.Task{}); ; {
			page, err := s.Open(ctx, tenant, after, 1)
			must(t, err)
			if len(page) == 0 {
				break
			}
			after = page[0]
			got = append(got, fmt.Sprint(after.Request == first, " ", after.Connection))
		}
		if d := cmp.Diff([]string{"true a", "false a", "false b", "true c"}, got); d != "" {
			t.Error(d)
		}
		if page, err := s.Open(ctx, "neighbour", task.Task{}, 10); err != nil || len(page) != 0 {
			t.Errorf("another tenant sees %d, %v", len(page), err)
		}
	})
}

func TestReminderIsWrittenOnceByHoweverMany(t *testing.T) { // X4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Tasks()
		id := awaitingInput(t, db, "archive", "cellar")
		_, err := s.Answer(ctx, tenant, id, given(t, db, id, "cellar"), entry("task.answer"))
		must(t, err)
		due, err := s.ToRemind(ctx, tenant, 10)
		must(t, err)
		if len(due) != 1 || due[0].Connection != "archive" {
			t.Fatalf("to be reminded: %d", len(due))
		}
		var wait sync.WaitGroup
		for i := range 8 {
			p, _, err := auth.NewPass(tenant, auth.AnswerTask, due[0].Object(), 1, time.Now().Add(time.Hour), rand.Reader)
			must(t, err)
			letter := message.Letter{ID: fmt.Sprintf("0198c0de-0000-7000-8000-00000000000%d", i), Request: id, Kind: message.Reminder, To: subject.Conceal(canary)}
			wait.Go(func() {
				if err := s.Remind(ctx, tenant, due[0], []message.Letter{letter}, []auth.Pass{p}); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		for table, want := range map[string]int{"letters": 1, "passes": 1} {
			var n int
			must(t, db.Raw(t).QueryRow("SELECT COUNT(*) FROM "+table).Scan(&n))
			if n != want {
				t.Errorf("%d %s", n, table)
			}
		}
		if due, err = s.ToRemind(ctx, tenant, 10); err != nil || len(due) != 0 {
			t.Errorf("again: %d, %v", len(due), err)
		}
	})
}
