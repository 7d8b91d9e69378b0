package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Letters keeps what is to be sent to people, and what became of it. An
// attempt is noted before the mail server is called, and its outcome after:
//
//	waiting -> Take -> sending -> Sent, GiveUp
//	   ^                  | PutOff
//	   +------------------+
//
// Where the outcome is not known the letter stays in sending, and is taken from
// there when it is due: that is an attempt which may send it twice, and says so
// (E18).
type Letters struct{ db *DB }

// Letters gives access to the letters.
func (db *DB) Letters() *Letters { return &Letters{db} }

// Post stores a letter that is caused by nothing else in the store.
func (s *Letters) Post(ctx context.Context, tenant string, letter message.Letter) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error { return t.post(ctx, letter) })
}

// contents is what of a letter is sealed.
type contents struct {
	To     string         `json:"to"`
	Values map[string]any `json:"values"`
}

// post stores letters, to be sent once this is committed. One with an id that
// there is already is left as it is.
func (t *tx) post(ctx context.Context, letters ...message.Letter) error {
	for _, l := range letters {
		plain, err := json.Marshal(contents{l.To.Reveal(), l.Values})
		if err != nil {
			return fmt.Errorf("post a letter: %w", err)
		}
		key, wrapped, err := t.keys.NewKey(letterOf(l.ID))
		if err != nil {
			return fmt.Errorf("post a letter: %w", err)
		}
		posted, err := t.exec(ctx, `
			INSERT INTO letters (tenant, id, request, kind, language, state, attempt, due, message, sealed, created, ended)
			VALUES ($1, $2, $3, $4, $5, 'waiting', 0, {now}, '', $6, {now}, 0) ON CONFLICT DO NOTHING`,
			t.tenant, l.ID, l.Request, l.Kind, l.Language, key.Seal(plain, letterPlace(t.tenant, l.ID)))
		if err != nil {
			return fmt.Errorf("post a letter: %w", err)
		}
		if posted == 0 {
			continue
		}
		t.growth.after = append(t.growth.after, func(bool) { t.growth.posted() })
		if err := t.keep(ctx, letterOf(l.ID), wrapped); err != nil {
			return err
		}
	}
	return nil
}

// tell posts letters, and issues the passes whose tokens they hold.
func (t *tx) tell(ctx context.Context, told ...request.Told) error {
	for _, d := range told {
		for _, p := range d.Passes {
			if err := t.issue(ctx, p); err != nil {
				return err
			}
		}
		if err := t.post(ctx, d.Letters...); err != nil {
			return err
		}
	}
	return nil
}

// Changed gives a channel that is closed once this process posts a letter.
// Take it before reading.
func (s *Letters) Changed() <-chan struct{} { return s.db.posts.changed("") }

// Due gives the ids of up to limit letters that are to be sent now, the one
// that has waited longest first.
func (s *Letters) Due(ctx context.Context, tenant string, limit int) ([]string, error) {
	due, err := collect(ctx, s.db.engine, func(row scanner) (id string, err error) {
		return id, row.Scan(&id)
	}, `SELECT id FROM letters WHERE tenant = $1 AND ended = 0 AND due <= {now} ORDER BY due, id LIMIT $2`, tenant, limit)
	if err != nil {
		return nil, fmt.Errorf("find letters to send: %w", err)
	}
	return due, nil
}

// Recover makes due at once what an earlier process was sending, where that
// process must be dead.
func (s *Letters) Recover(ctx context.Context, tenant string) error {
	if !s.db.Exclusive() {
		return nil
	}
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, `UPDATE letters SET due = {now} WHERE tenant = $1 AND ended = 0 AND state = 'sending'`, tenant); err != nil {
			return fmt.Errorf("recover letters: %w", err)
		}
		return nil
	})
}

// Take begins an attempt to send a letter that is due, and opens it. For ttl
// nobody else begins another. It fails with message.ErrTaken when there is no
// attempt to be made, and with message.ErrUnreadable when there is, but the
// letter cannot be opened.
func (s *Letters) Take(ctx context.Context, tenant, id string, ttl time.Duration) (try message.Try, err error) {
	var sealed, wrapped []byte
	held := false
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) (err error) {
		if held, err = t.keepBack(ctx, id); held || err != nil {
			return err
		}
		if try, sealed, err = t.begin(ctx, id, message.Waiting, ttl); errors.Is(err, message.ErrTaken) {
			try, sealed, err = t.begin(ctx, id, message.Sending, ttl)
			if err == nil {
				err = t.log(ctx, letterEntry("email.repeated", try.Letter, try.Attempt))
			}
		}
		if err != nil {
			return err
		}
		err = t.row(ctx, `SELECT wrapped FROM keys WHERE tenant = $1 AND owner = $2`, tenant, letterOf(id)).Scan(&wrapped)
		if err != nil && !errors.Is(err, sql.ErrNoRows) { // without a key it does not open
			return fmt.Errorf("read the key of a letter: %w", err)
		}
		return nil
	})
	if err == nil && held {
		err = message.ErrTaken
	}
	if err != nil {
		return try, err
	}
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return try, err
	}
	key, err := keys.OpenKey(letterOf(id), wrapped)
	if err != nil {
		return try, message.ErrUnreadable
	}
	plain, err := key.Open(sealed, letterPlace(tenant, id))
	var c contents
	if err != nil || json.Unmarshal(plain, &c) != nil {
		return try, message.ErrUnreadable
	}
	try.To, try.Values = subject.Conceal(c.To), c.Values
	return try, nil
}

// begin begins an attempt on a letter in a state.
func (t *tx) begin(ctx context.Context, id string, from message.State, ttl time.Duration) (try message.Try, sealed []byte, err error) {
	var age, doubtful int64
	err = t.row(ctx, `
		UPDATE letters SET state = 'sending', attempt = attempt + 1, due = {now} + $4, doubtful = CASE state WHEN 'sending' THEN 1 ELSE doubtful END
		WHERE tenant = $1 AND id = $2 AND state = $3 AND ended = 0 AND due <= {now}
		RETURNING id, request, kind, language, attempt, doubtful, sealed, {now} - created`, t.tenant, id, from, ttl.Microseconds()).
		Scan(&try.ID, &try.Request, &try.Kind, &try.Language, &try.Attempt, &doubtful, &sealed, &age)
	if errors.Is(err, sql.ErrNoRows) {
		return try, nil, message.ErrTaken
	}
	if err != nil {
		return try, nil, fmt.Errorf("take a letter: %w", err)
	}
	try.Doubtful, try.Age = doubtful == 1, time.Duration(age)*time.Microsecond
	return try, sealed, nil
}

// Hold keeps an attempt that is under way from others, for ttl from now;
// message.ErrTaken when it is not.
func (s *Letters) Hold(ctx context.Context, tenant string, try message.Try, ttl time.Duration) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		return t.settle(ctx, `UPDATE letters SET due = {now} + $4 WHERE `+underWay, try, ttl.Microseconds())
	})
}

// Sent records that a mail server has accepted the letter, and destroys its
// contents. It may be called again; message.ErrTaken when the attempt is not
// the one under way.
func (s *Letters) Sent(ctx context.Context, tenant string, try message.Try) error {
	return s.end(ctx, tenant, try, message.Sent, "", "email.sent")
}

// GiveUp records that the letter is not going to be sent, and why, and
// destroys its contents; else as Sent.
func (s *Letters) GiveUp(ctx context.Context, tenant string, try message.Try, reason string) error {
	return s.end(ctx, tenant, try, message.Failed, reason, "email.failed")
}

func (s *Letters) end(ctx context.Context, tenant string, try message.Try, state message.State, reason, act string) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if err := t.settle(ctx, `UPDATE letters SET state = $4, message = $5, sealed = NULL, due = 0, ended = {now} WHERE `+underWay, try, state, readable(reason)); err != nil {
			return err
		}
		if err := t.destroy(ctx, letterOf(try.ID)); err != nil {
			return err
		}
		entry := letterEntry(act, try.Letter, try.Attempt)
		if reason != "" {
			entry.Details["reason"] = reason
		}
		about, err := t.letterEnded(ctx, try.Letter, state)
		if err != nil {
			return err
		}
		maps.Copy(entry.Details, about)
		if err := t.log(ctx, entry); err != nil {
			return err
		}
		return t.goOnAfter(ctx, try.Letter)
	})
}

// letterEnded notes that the letter has ended as Sent or Failed where it matters
// to what it is about, in the same commit. It gives what the audit log is to say
// of that.
func (t *tx) letterEnded(ctx context.Context, l message.Letter, state message.State) (map[string]any, error) {
	if l.Kind != message.Instructions {
		return nil, nil
	}
	dataset, err := t.instructionEnded(ctx, l.Request, l.ID, state == message.Sent)
	return map[string]any{"dataset": dataset}, err
}

// goOnAfter lets what waits for the letter go on, once its end is in the log.
func (t *tx) goOnAfter(ctx context.Context, l message.Letter) error {
	if l.Kind != message.Instructions {
		return nil
	}
	return t.goOn(ctx, l.Request)
}

// PutOff ends an attempt that did not send the letter, and says why; the next
// is made after a pause. When it is not known whether it was sent, it counts as
// under way until then. message.ErrTaken as for Sent.
func (s *Letters) PutOff(ctx context.Context, tenant string, try message.Try, reason string, known bool, pause time.Duration) error {
	state := message.Waiting
	if !known {
		state = message.Sending
	}
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		return t.settle(ctx, `UPDATE letters SET state = $4, message = $5, due = {now} + $6 WHERE `+underWay, try, state, readable(reason), pause.Microseconds())
	})
}

// underWay is the condition under which an attempt may say how it ended.
const underWay = `tenant = $1 AND id = $2 AND attempt = $3 AND state = 'sending' AND ended = 0`

func (t *tx) settle(ctx context.Context, statement string, try message.Try, args ...any) error {
	settled, err := t.exec(ctx, statement, append([]any{t.tenant, try.ID, try.Attempt}, args...)...)
	if err != nil {
		return fmt.Errorf("record how a letter is: %w", err)
	}
	if settled == 0 {
		return message.ErrTaken
	}
	return nil
}

// Of gives what became of the letters about a request, oldest first, or
// request.ErrNotFound.
func (s *Letters) Of(ctx context.Context, tenant, request string) ([]message.Posted, error) {
	all, err := collect(ctx, s.db.engine, func(row scanner) (p message.Posted, err error) {
		var doubtful, created, due, ended int64
		p.Request = request
		err = row.Scan(&p.ID, &p.Kind, &p.Language, &p.State, &p.Attempts, &p.Reason, &doubtful, &created, &due, &ended)
		p.Doubtful, p.Created, p.Due, p.Ended = doubtful == 1, instant(created), instant(due), instant(ended)
		return p, err
	}, `SELECT id, kind, language, state, attempt, message, doubtful, created, due, ended FROM letters
		WHERE tenant = $1 AND request = $2 ORDER BY id`, tenant, request)
	if err != nil {
		return nil, fmt.Errorf("read the letters of a request: %w", err)
	}
	if len(all) == 0 {
		_, err = s.db.Requests().Get(ctx, tenant, request)
	}
	return all, err
}

// letterEntry is an act on a letter; it says nothing of what is in it.
func letterEntry(act string, l message.Letter, attempt int) audit.Entry {
	object := "letter/" + l.ID
	if l.Request != "" {
		object = "request/" + l.Request
	}
	return audit.Entry{Act: act, Object: object, Details: map[string]any{"letter": l.ID, "kind": l.Kind, "language": l.Language, "attempt": attempt}}
}

func letterOf(id string) string { return "letter/" + id }

// letterPlace ties what is sealed to its row.
func letterPlace(tenant, id string) []byte { return []byte("letter/" + tenant + "/" + id) }
