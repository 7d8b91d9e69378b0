package store_test

import (
	"bytes"
	"testing"

	"github.com/google/uuid"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// What a turn brings along is there with it, once, and nothing of a letter can
// be read in the database.
func TestLetterIsPostedInTheCommitOfItsCause(t *testing.T) { // X15, SE9
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
