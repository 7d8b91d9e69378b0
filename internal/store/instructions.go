package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Instructions keeps what third parties were told to erase, and what they
// answer.
type Instructions struct{ db *DB }

// Instructions gives access to the instructions.
func (db *DB) Instructions() *Instructions { return &Instructions{db} }

// Instructed gives what became of the instructions of a request, by dataset,
// without the text of questions.
func (w *Work) Instructed(ctx context.Context, tenant, id string) ([]request.Instruction, error) {
	return collect(ctx, w.db.engine, scanInstruction, selectInstructions+` WHERE tenant = $1 AND request = $2 ORDER BY dataset`, tenant, id)
}

const selectInstructions = `SELECT request, dataset, connection, letter, attempt, state, due, sent, answer, answered, reminders FROM instructions`

func scanInstruction(row scanner) (i request.Instruction, err error) {
	var due, sent, answered int64
	err = row.Scan(&i.Request, &i.Dataset, &i.Connection, &i.Letter, &i.Attempt, &i.State, &due, &sent, &i.Answer, &answered, &i.Reminded)
	i.Due, i.Sent, i.Answered = instant(due), instant(sent), instant(answered)
	return i, err
}

// instruct stores that a letter tells what is to be erased for a request, in
// the place of one that was given up.
func (t *tx) instruct(ctx context.Context, id string, all ...request.Instruction) error {
	for _, i := range all {
		if _, err := t.exec(ctx, `
			INSERT INTO instructions (tenant, request, dataset, connection, letter, attempt, state, due, sent, answer, answered, reminders)
			VALUES ($1, $2, $3, $4, $5, $6, 'posted', $7, 0, '', 0, 0)
			ON CONFLICT (tenant, request, dataset) DO UPDATE SET
				connection = excluded.connection, letter = excluded.letter, attempt = excluded.attempt, state = excluded.state, due = excluded.due
			WHERE instructions.state = 'given_up'`,
			t.tenant, id, i.Dataset, i.Connection, i.Letter, i.Attempt, micros(i.Due)); err != nil {
			return fmt.Errorf("store instructions: %w", err)
		}
	}
	return t.goOn(ctx, id)
}

// instructionEnded notes that the letter with instructions was sent or given
// up, and gives the dataset that they are for; "" when that is noted already, or
// the letter is not the last one. Once sent, the instructions are gone.
func (t *tx) instructionEnded(ctx context.Context, id, letter string, sent bool) (dataset string, err error) {
	state := request.GivenUp
	if sent {
		state = request.Mailed
	}
	err = t.row(ctx, `UPDATE instructions SET state = $4, sent = CASE WHEN $5 THEN {now} ELSE 0 END
		WHERE tenant = $1 AND request = $2 AND letter = $3 AND state = 'posted' RETURNING dataset`, t.tenant, id, letter, state, sent).Scan(&dataset)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("note that instructions were sent: %w", err)
	}
	if sent {
		if _, err := t.exec(ctx, `DELETE FROM request_papers WHERE tenant = $1 AND request = $2 AND kind = 'instructions' AND SUBSTR(name, 1, $3) = $4`,
			t.tenant, id, len(dataset)+1, dataset+":"); err != nil {
			return "", fmt.Errorf("forget instructions: %w", err)
		}
	}
	return dataset, nil
}

// goOn lets a request that waits for its instructions to be sent go on when all
// are, and fail when one cannot be. It stays at its step.
func (t *tx) goOn(ctx context.Context, id string) error {
	var status request.Status
	err := t.row(ctx, `SELECT status FROM requests WHERE tenant = $1 AND id = $2 {lock}`, t.tenant, id).Scan(&status)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("go on with a request: %w", err)
	}
	if status != request.AwaitingEmailSend {
		return nil
	}
	var lost []string
	posted := 0
	if err := t.each(ctx, func(row scanner) error {
		var dataset string
		var state request.InstructionState
		err := row.Scan(&dataset, &state)
		if state == request.GivenUp {
			lost = append(lost, dataset)
		} else {
			posted++
		}
		return err
	}, `SELECT dataset, state FROM instructions WHERE tenant = $1 AND request = $2 AND state <> 'sent' ORDER BY dataset`, t.tenant, id); err != nil {
		return fmt.Errorf("go on with a request: %w", err)
	}
	event, reason, parked := request.Resume, "", request.Parked{}
	switch {
	case len(lost) > 0:
		event, reason = request.Fail, "emails: the instructions could not be sent: "+strings.Join(lost, ", ")
		parked.Needed = []string{"see why in the letters of the request", "mend the address or the mail server", "retry the request"}
	case posted > 0:
		return nil
	}
	if err := t.apply(ctx, id, event); err != nil {
		return err
	}
	text, err := parked.Text()
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, `UPDATE requests SET message = $3, parked = $4 WHERE tenant = $1 AND id = $2`, t.tenant, id, reason, text); err != nil {
		return fmt.Errorf("%s request: %w", event, err)
	}
	entry := audit.Entry{Act: "request.resume", Object: "request/" + id, Details: map[string]any{"why": "instructions_sent"}}
	if event == request.Fail {
		entry = audit.Entry{Act: "request.fail", Object: "request/" + id, Details: map[string]any{"step": "emails", "reason": reason}}
	}
	return t.log(ctx, entry)
}

// heldPause is how long a letter waits before it is asked again whether a hold
// is on what it would have erased.
const heldPause = time.Hour

// keepBack puts off a letter with instructions for what is under legal hold,
// and says so. One that is under way when a hold is placed may arrive.
func (t *tx) keepBack(ctx context.Context, letter string) (bool, error) {
	var id string
	err := t.row(ctx, `SELECT request FROM letters WHERE tenant = $1 AND id = $2 AND kind = 'instructions' AND ended = 0 AND due <= {now}`, t.tenant, letter).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("keep instructions back: %w", err)
	}
	addresses, err := collect(ctx, t, func(row scanner) (address string, err error) { return address, row.Scan(&address) }, `
		SELECT p.name FROM request_papers p JOIN instructions i ON i.tenant = p.tenant AND i.request = p.request AND SUBSTR(p.name, 1, LENGTH(i.dataset) + 1) = i.dataset || ':'
		WHERE p.tenant = $1 AND p.request = $2 AND p.kind = 'instructions' AND i.letter = $3`, t.tenant, id, letter)
	if err != nil {
		return false, fmt.Errorf("keep instructions back: %w", err)
	}
	holds, err := held(ctx, t, t.keys, t.tenant, id, addresses)
	if err != nil || len(holds) == 0 {
		return false, err
	}
	if _, err := t.exec(ctx, `UPDATE letters SET due = {now} + $3, message = $4 WHERE tenant = $1 AND id = $2`,
		t.tenant, letter, heldPause.Microseconds(), readable((&request.HeldError{Holds: holds}).Error())); err != nil {
		return false, fmt.Errorf("keep instructions back: %w", err)
	}
	return true, nil
}

// withdraw keeps back the instructions of a request that has ended before they
// were sent. A letter that is under way by then may arrive.
func (t *tx) withdraw(ctx context.Context, id string) error {
	letters, err := collect(ctx, t, func(row scanner) (letter string, err error) { return letter, row.Scan(&letter) },
		`UPDATE instructions SET state = 'given_up' WHERE tenant = $1 AND request = $2 AND state = 'posted' RETURNING letter`, t.tenant, id)
	if err != nil {
		return fmt.Errorf("withdraw instructions: %w", err)
	}
	for _, letter := range letters {
		withdrawn, err := t.exec(ctx, `UPDATE letters SET state = 'failed', due = 0, ended = {now}, sealed = NULL, message = 'its request has ended'
			WHERE tenant = $1 AND id = $2 AND state = 'waiting'`, t.tenant, letter)
		if err != nil {
			return fmt.Errorf("withdraw instructions: %w", err)
		}
		if withdrawn == 0 {
			continue
		}
		if err := t.destroy(ctx, letterOf(letter)); err != nil {
			return err
		}
	}
	return nil
}

// Of gives the instructions of a request with the text of questions;
// request.ErrNotFound where the tenant has no such request.
func (s *Instructions) Of(ctx context.Context, tenant, id string) ([]request.Instruction, error) {
	if _, err := s.db.Requests().Get(ctx, tenant, id); err != nil {
		return nil, err
	}
	all, err := s.db.Work().Instructed(ctx, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read instructions: %w", err)
	}
	for k := range all {
		if all[k].Answer == request.Questioned {
			if all[k].Question, err = s.question(ctx, tenant, all[k]); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (s *Instructions) question(ctx context.Context, tenant string, i request.Instruction) (none subject.Personal[string], err error) {
	owner := request.InstructionObject(i.Request, i.Dataset)
	var sealed, wrapped []byte
	err = s.db.engine.row(ctx, `SELECT i.question, k.wrapped FROM instructions i JOIN keys k ON k.tenant = i.tenant AND k.owner = $4
		WHERE i.tenant = $1 AND i.request = $2 AND i.dataset = $3`, tenant, i.Request, i.Dataset, owner).Scan(&sealed, &wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		return none, nil // answered meanwhile
	}
	if err != nil {
		return none, fmt.Errorf("read a question: %w", err)
	}
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return none, err
	}
	key, err := keys.OpenKey(owner, wrapped)
	if err != nil {
		return none, fmt.Errorf("read a question: %w", err)
	}
	plain, err := key.Open(sealed, questionPlace(tenant, i))
	if err != nil {
		return none, fmt.Errorf("read a question: %w", err)
	}
	return subject.Conceal(string(plain)), nil
}

// questionPlace ties a sealed question to its row.
func questionPlace(tenant string, i request.Instruction) []byte {
	return []byte("question/" + tenant + "/" + request.InstructionObject(i.Request, i.Dataset))
}

// Find gives the instructions that a token is for, and whose they are;
// auth.ErrRefused when it is for none.
func (s *Instructions) Find(ctx context.Context, token string) (tenant string, i request.Instruction, err error) {
	pass, err := s.db.Passes().Find(ctx, auth.Acknowledge, token)
	if err != nil {
		return "", i, err
	}
	id, dataset, _ := strings.Cut(strings.TrimPrefix(pass.Object, "instructions/"), "/")
	i, err = scanInstruction(s.db.engine.row(ctx, selectInstructions+` WHERE tenant = $1 AND request = $2 AND dataset = $3`, pass.Tenant, id, dataset))
	if errors.Is(err, sql.ErrNoRows) {
		return "", i, auth.ErrRefused
	}
	if err != nil {
		return "", i, fmt.Errorf("find instructions: %w", err)
	}
	return pass.Tenant, i, nil
}

// Answer takes what a third party says to the instructions that its token is
// for. An answer that is given again changes nothing; another one than a final
// one is request.ErrTransition.
func (s *Instructions) Answer(ctx context.Context, token string, answer request.Answer, question string) error {
	if err := request.CheckAnswer(answer, question); err != nil {
		return err
	}
	pass, err := s.db.Passes().Find(ctx, auth.Acknowledge, token)
	if err != nil {
		return err
	}
	tenant, i, err := s.Find(ctx, token)
	if err != nil {
		return err
	}
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if err := t.use(ctx, pass); err != nil {
			return err
		}
		sealed, err := t.sealQuestion(ctx, i, question)
		if err != nil {
			return err
		}
		taken, err := t.exec(ctx, `UPDATE instructions SET answer = $4, question = $5, answered = {now}
			WHERE tenant = $1 AND request = $2 AND dataset = $3 AND answer NOT IN ('done', 'refused')`, tenant, i.Request, i.Dataset, answer, sealed)
		if err != nil {
			return fmt.Errorf("take an answer: %w", err)
		}
		if taken == 0 {
			return t.answeredAlready(ctx, i, answer)
		}
		return t.log(ctx, audit.Entry{Act: "instructions.answer", Object: "request/" + i.Request, Details: map[string]any{"dataset": i.Dataset, "answer": string(answer)}})
	})
}

// sealQuestion seals a question under a key of its own, and destroys that of
// the one before.
func (t *tx) sealQuestion(ctx context.Context, i request.Instruction, question string) ([]byte, error) {
	owner := request.InstructionObject(i.Request, i.Dataset)
	if err := t.destroy(ctx, owner); err != nil || question == "" {
		return nil, err
	}
	key, wrapped, err := t.keys.NewKey(owner)
	if err != nil {
		return nil, fmt.Errorf("seal a question: %w", err)
	}
	return key.Seal([]byte(question), questionPlace(t.tenant, i)), t.keep(ctx, owner, wrapped)
}

func (t *tx) answeredAlready(ctx context.Context, i request.Instruction, answer request.Answer) error {
	var stands request.Answer
	if err := t.row(ctx, `SELECT answer FROM instructions WHERE tenant = $1 AND request = $2 AND dataset = $3`, t.tenant, i.Request, i.Dataset).Scan(&stands); err != nil {
		return fmt.Errorf("take an answer: %w", err)
	}
	if stands != answer {
		return fmt.Errorf("%w: it was answered already: %s", request.ErrTransition, stands)
	}
	return nil
}

// Unanswered gives the instructions of a tenant that are to be reminded of:
// nothing was said to them since they were sent, and for another interval since
// each reminder; at most as often as most. They come in the order of sending.
func (s *Instructions) Unanswered(ctx context.Context, tenant string, interval time.Duration, most, limit int) ([]request.Instruction, error) {
	all, err := collect(ctx, s.db.engine, scanInstruction, selectInstructions+`
		WHERE tenant = $1 AND state = 'sent' AND answer = '' AND reminders < $2 AND sent + (reminders + 1) * $3 <= {now}
		ORDER BY sent LIMIT $4`, tenant, most, interval.Microseconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("read unanswered instructions: %w", err)
	}
	return all, nil
}

// Remind posts a reminder of instructions as they were read, with the pass that
// its link holds. It does nothing where another has, or they were answered
// meanwhile.
func (s *Instructions) Remind(ctx context.Context, tenant string, i request.Instruction, letter message.Letter, pass auth.Pass) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		reminded, err := t.exec(ctx, `UPDATE instructions SET reminders = reminders + 1
			WHERE tenant = $1 AND request = $2 AND dataset = $3 AND state = 'sent' AND answer = '' AND reminders = $4`, tenant, i.Request, i.Dataset, i.Reminded)
		if err != nil {
			return fmt.Errorf("remind of instructions: %w", err)
		}
		if reminded == 0 {
			return nil
		}
		if err := t.issue(ctx, pass); err != nil {
			return err
		}
		if err := t.post(ctx, letter); err != nil {
			return err
		}
		return t.log(ctx, audit.Entry{Act: "instructions.remind", Object: "request/" + i.Request, Details: map[string]any{"dataset": i.Dataset, "reminder": i.Reminded + 1}})
	})
}
