package store_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// told is a request that waits for letters about some datasets to be sent.
type told struct {
	*storetest.Database
	t       *testing.T
	id      string
	letters map[string]string // by dataset
	tokens  map[string]string
}

func tell(t *testing.T, db *storetest.Database, datasets ...string) *told {
	t.Helper()
	l := running(t, db)
	key, err := db.Keys().RequestKey(ctx, tenant, l.Request)
	must(t, err)
	w := &told{Database: db, t: t, id: l.Request, letters: map[string]string{}, tokens: map[string]string{}}
	for _, d := range datasets {
		for _, c := range []string{"guests", "visits"} {
			must(t, db.Work().PutPaper(ctx, l, request.NewPaper(key, tenant, l.Request, "instructions", d+":"+c, []byte("canary of "+d))))
		}
	}
	must(t, db.Requests().Advance(ctx, l, "emails"))
	must(t, db.Requests().Move(ctx, l, w.turn(1, datasets...), entry("request.instruct")))
	return w
}

// turn is what the step does.
func (w *told) turn(attempt int, datasets ...string) request.Turn {
	w.t.Helper()
	turn := request.Turn{Event: request.Mail, Message: "wait"}
	for _, d := range datasets {
		w.letters[d] = uuid.Must(uuid.NewV7()).String()
		pass, token, err := auth.NewPass(tenant, auth.Acknowledge, request.InstructionObject(w.id, d), auth.AnyUses, time.Now().Add(time.Hour), rand.Reader)
		must(w.t, err)
		w.tokens[d] = token
		turn.Passes = append(turn.Passes, pass)
		turn.Letters = append(turn.Letters, message.Letter{ID: w.letters[d], Request: w.id, Kind: message.Instructions, To: subject.Conceal("canary@partner.example")})
		turn.Instructions = append(turn.Instructions, request.Instruction{Dataset: d, Connection: "c", Letter: w.letters[d], Attempt: attempt, Due: time.Now().Add(time.Hour)})
	}
	return turn
}

func (w *told) end(dataset string, sent bool) {
	w.t.Helper()
	try, err := w.Letters().Take(ctx, tenant, w.letters[dataset], time.Minute)
	must(w.t, err)
	if sent {
		must(w.t, w.Letters().Sent(ctx, tenant, try))
	} else {
		must(w.t, w.Letters().GiveUp(ctx, tenant, try, "refused"))
	}
}

func (w *told) is(want request.Status) {
	w.t.Helper()
	if got := status(w.t, w.Database, w.id); got != want {
		w.t.Errorf("the request is %s, want %s", got, want)
	}
}

func (w *told) papers() (names []string) {
	w.t.Helper()
	all, err := w.Work().Papers(ctx, tenant, w.id, "instructions")
	must(w.t, err)
	for _, p := range all {
		names = append(names, p.Name)
	}
	return names
}

func (w *told) states() (all []string) {
	w.t.Helper()
	found, err := w.Work().Instructed(ctx, tenant, w.id)
	must(w.t, err)
	for _, i := range found {
		all = append(all, fmt.Sprintf("%s %s %d %s", i.Dataset, i.State, i.Attempt, i.Answer))
	}
	return all
}

func alike(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestARequestGoesOnWhenTheLastOfItsInstructionsIsSent(t *testing.T) { // E6 E19
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := tell(t, db, "club", "partner")
		w.is(request.AwaitingEmailSend)
		w.end("club", true)
		w.is(request.AwaitingEmailSend)
		alike(t, "papers", w.papers(), "partner:guests", "partner:visits")
		w.end("partner", true)
		w.is(request.Approved)
		alike(t, "papers", w.papers())
		alike(t, "states", w.states(), "club sent 1 ", "partner sent 1 ")
		r, err := db.Requests().Get(ctx, tenant, w.id)
		must(t, err)
		if r.Step != "emails" || r.Message != "" || len(r.Parked.Needed) > 0 {
			t.Errorf("it stands at %q: %s, %v", r.Step, r.Message, r.Parked)
		}
		alike(t, "acts", acts(t, db, "request/"+w.id), "email.sent", "email.sent", "request.resume")
	})
}

func TestInstructionsThatCannotBeSentStopTheRequestAtItsStep(t *testing.T) { // E9 E10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := tell(t, db, "club", "partner")
		w.end("club", false)
		w.is(request.Errored)
		r, err := db.Requests().Get(ctx, tenant, w.id)
		must(t, err)
		if r.Step != "emails" || !strings.Contains(r.Message, "could not be sent: club") || len(r.Parked.Needed) == 0 || r.Parked.Collection != "" {
			t.Errorf("it stands at %q: %s, %v", r.Step, r.Message, r.Parked)
		}
		alike(t, "papers", w.papers(), "club:guests", "club:visits", "partner:guests", "partner:visits")

		w.end("partner", true) // on its way meanwhile
		w.is(request.Errored)

		must(t, db.Requests().Retry(ctx, tenant, w.id, "", entry("request.retry")))
		l := claim(t, db, w.id, owner)
		must(t, db.Requests().Move(ctx, l, w.turn(2, "club"), entry("request.instruct")))
		w.is(request.AwaitingEmailSend)
		alike(t, "states", w.states(), "club posted 2 ", "partner sent 1 ")
		w.end("club", true)
		w.is(request.Approved)
	})
}

// The last letter is sent between the look of the step and its turn.
func TestARequestDoesNotWaitForInstructionsThatWereSentMeanwhile(t *testing.T) { // E9 R1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := tell(t, db, "club", "partner")
		w.end("club", false)
		must(t, db.Requests().Retry(ctx, tenant, w.id, "", entry("request.retry")))
		l := claim(t, db, w.id, owner)
		turn := w.turn(2, "club")
		w.end("partner", true)
		must(t, db.Requests().Move(ctx, l, turn, entry("request.instruct")))
		w.is(request.AwaitingEmailSend)
		w.end("club", true)
		w.is(request.Approved)

		l = claim(t, db, w.id, owner)
		must(t, db.Requests().Move(ctx, l, request.Turn{Event: request.Mail}, entry("request.instruct")))
		w.is(request.Approved)
		if err := db.Requests().Renew(ctx, l, time.Minute); !errors.Is(err, request.ErrFenced) {
			t.Errorf("it waits, and its lease is held: %v", err)
		}
	})
}

func TestInstructionsOfARequestThatEndsAreKeptBack(t *testing.T) { // E19 R1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := tell(t, db, "club")
		must(t, db.Requests().Apply(ctx, tenant, w.id, request.Cancel, entry("request.cancel")))
		alike(t, "states", w.states(), "club given_up 1 ")
		var state string
		var sealed []byte
		must(t, db.Raw(t).QueryRow(`SELECT state, sealed FROM letters WHERE id = $1`, w.letters["club"]).Scan(&state, &sealed))
		if state != "failed" || sealed != nil {
			t.Errorf("the letter is %s, with %d bytes", state, len(sealed))
		}
		var keys int
		must(t, db.Raw(t).QueryRow(`SELECT count(*) FROM keys WHERE owner LIKE 'letter/%'`).Scan(&keys))
		if keys != 0 {
			t.Error("the key of the letter is there")
		}
		if _, err := db.Letters().Take(ctx, tenant, w.letters["club"], time.Minute); !errors.Is(err, message.ErrTaken) {
			t.Errorf("it is sent all the same: %v", err)
		}
	})
}

func TestALegalHoldKeepsInstructionsBack(t *testing.T) { // X28
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := tell(t, db, "club", "partner")
		hold := request.Hold{ID: uuid.Must(uuid.NewV7()).String(), Target: "club:visits", Ground: "HGB 257"}
		must(t, db.Holds().Place(ctx, tenant, []request.Hold{hold}, []audit.Entry{entry("hold.place")}))
		if _, err := db.Letters().Take(ctx, tenant, w.letters["club"], time.Minute); !errors.Is(err, message.ErrTaken) {
			t.Fatalf("it is sent: %v", err)
		}
		for _, l := range letters(t, db, w.id) {
			if held := strings.Contains(l.Reason, "HGB 257"); held != (l.ID == w.letters["club"]) || l.State != message.Waiting || l.Attempts != 0 {
				t.Errorf("%+v", l)
			}
		}
		w.end("partner", true)
		must(t, db.Holds().Lift(ctx, tenant, hold.ID, entry("hold.lift")))
		_, err := db.Raw(t).Exec(`UPDATE letters SET due = 0 WHERE ended = 0`) // in an hour
		must(t, err)
		w.end("club", true)
		w.is(request.Approved)
	})
}

func TestNothingOfInstructionsCanBeReadInTheDatabase(t *testing.T) { // E19 SE9
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := tell(t, db, "club")
		w.end("club", true)
		must(t, db.Instructions().Answer(ctx, w.tokens["club"], request.Questioned, "canary: which brand?"))
		if bytes.Contains(db.Dump(t), []byte("canary")) {
			t.Error("the database shows it")
		}
	})
}

func TestAThirdPartyAnswersByTheLinkInItsLetter(t *testing.T) { // E20
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := tell(t, db, "club", "partner")
		w.end("club", true)
		w.end("partner", true)
		s := db.Instructions()
		who, i, err := s.Find(ctx, w.tokens["club"])
		must(t, err)
		if who != tenant || i.Dataset != "club" || i.Request != w.id {
			t.Errorf("%s, %+v", who, i)
		}
		for _, wrong := range []struct {
			answer request.Answer
			text   string
		}{{"", ""}, {"perhaps", ""}, {request.Carried, "with a text"}, {request.Questioned, ""}, {request.Questioned, strings.Repeat("?", 2001)}} {
			if err := s.Answer(ctx, w.tokens["club"], wrong.answer, wrong.text); !errors.Is(err, request.ErrAnswer) {
				t.Errorf("%q with %d characters: %v", wrong.answer, len(wrong.text), err)
			}
		}
		must(t, s.Answer(ctx, w.tokens["club"], request.Questioned, "which brand?"))
		must(t, s.Answer(ctx, w.tokens["club"], request.Questioned, "which of the two?"))
		all, err := s.Of(ctx, tenant, w.id)
		must(t, err)
		if all[0].Question.Reveal() != "which of the two?" || all[0].Answered.IsZero() || all[1].Answer != "" {
			t.Errorf("%+v", all)
		}
		must(t, s.Answer(ctx, w.tokens["club"], request.Carried, ""))
		must(t, s.Answer(ctx, w.tokens["club"], request.Carried, "")) // by a second click
		if err := s.Answer(ctx, w.tokens["club"], request.Declined, ""); !errors.Is(err, request.ErrTransition) {
			t.Errorf("a final answer was changed: %v", err)
		}
		alike(t, "states", w.states(), "club sent 1 done", "partner sent 1 ")
		if all, err = s.Of(ctx, tenant, w.id); err != nil || all[0].Question.Reveal() != "" {
			t.Errorf("the question is there after the answer: %v", err)
		}
		var answers int
		for _, act := range acts(t, db, "request/"+w.id) {
			if act == "instructions.answer" {
				answers++
			}
		}
		if answers != 3 {
			t.Errorf("%d answers in the audit log", answers)
		}
	})
}

func TestATokenAnswersNothingElse(t *testing.T) { // E20 SE2
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := tell(t, db, "club")
		follow, token, err := auth.NewPass(tenant, auth.FollowRequest, request.InstructionObject(w.id, "club"), auth.AnyUses, time.Now().Add(time.Hour), rand.Reader)
		must(t, err)
		must(t, db.Passes().Issue(ctx, follow, entry("pass.issue")))
		late, old, err := auth.NewPass(tenant, auth.Acknowledge, request.InstructionObject(w.id, "club"), auth.AnyUses, time.Now().Add(-time.Hour), rand.Reader)
		must(t, err)
		must(t, db.Passes().Issue(ctx, late, entry("pass.issue")))
		gone, none, err := auth.NewPass(tenant, auth.Acknowledge, request.InstructionObject(w.id, "other"), auth.AnyUses, time.Now().Add(time.Hour), rand.Reader)
		must(t, err)
		must(t, db.Passes().Issue(ctx, gone, entry("pass.issue")))
		for name, token := range map[string]string{"of another kind": token, "expired": old, "of another dataset": none, "none": "", "cut": w.tokens["club"][:20]} {
			if err := db.Instructions().Answer(ctx, token, request.Carried, ""); !errors.Is(err, auth.ErrRefused) {
				t.Errorf("%s: %v", name, err)
			}
		}
		alike(t, "states", w.states(), "club posted 1 ")
	})
}

func TestWhoSaysNothingIsRemindedOnceInAnInterval(t *testing.T) { // E20
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := tell(t, db, "club", "partner", "waiting")
		w.end("club", true)
		w.end("partner", true)
		must(t, db.Instructions().Answer(ctx, w.tokens["partner"], request.Questioned, "which?"))
		s := db.Instructions()
		due := func(interval time.Duration) (names []string) {
			all, err := s.Unanswered(ctx, tenant, interval, 2, 10)
			must(t, err)
			for _, i := range all {
				names = append(names, fmt.Sprint(i.Dataset, " ", i.Reminded))
			}
			return names
		}
		alike(t, "within the interval", due(time.Hour))
		alike(t, "after it", due(time.Microsecond), "club 0")
		all, err := s.Unanswered(ctx, tenant, time.Microsecond, 2, 10)
		must(t, err)
		var together sync.WaitGroup
		for range 4 { // as many servers
			together.Go(func() {
				pass, _, err := auth.NewPass(tenant, auth.Acknowledge, request.InstructionObject(w.id, "club"), auth.AnyUses, time.Now().Add(time.Hour), rand.Reader)
				if err == nil {
					err = s.Remind(ctx, tenant, all[0], message.Letter{ID: uuid.NewString(), Request: w.id, Kind: message.Reminder}, pass)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		together.Wait()
		var reminders int
		must(t, db.Raw(t).QueryRow(`SELECT count(*) FROM letters WHERE kind = 'reminder'`).Scan(&reminders))
		if reminders != 1 {
			t.Errorf("%d reminders", reminders)
		}
		alike(t, "once more", due(time.Microsecond), "club 1")
		_, err = db.Raw(t).Exec(`UPDATE instructions SET reminders = 2`)
		must(t, err)
		alike(t, "at the most", due(time.Microsecond))
	})
}

func TestInstructionsAreOfOneTenant(t *testing.T) { // SE15
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w := tell(t, db, "club")
		must(t, db.CreateTenant(ctx, "neighbour"))
		if _, err := db.Instructions().Of(ctx, "neighbour", w.id); !errors.Is(err, request.ErrNotFound) {
			t.Errorf("%v", err)
		}
	})
}
