package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Messages keeps what people and the company write to each other about requests:
// who wrote when for good, the texts until their key is destroyed.
type Messages struct{ db *DB }

// Messages gives access to the messages.
func (db *DB) Messages() *Messages { return &Messages{db} }

// Written is a message to be stored, with what goes with it.
type Written struct {
	From request.Side
	Text subject.Personal[string]
	Once string // digest of the key that it is sent under: what comes again is not stored again
	// Read is the last message of the other side that the writer has read, which
	// needs no answer then; 0 for all.
	Read  int64
	Keeps time.Duration // how long after its end a request takes messages
	// To is where the person can be told of answers. It is kept with the thread,
	// since the request forgets it when it ends.
	To    request.Address
	Told  request.Told
	Entry audit.Entry
}

// Write adds a message to the thread of a request; new is false where it was
// written before under the same key. It fails with request.ErrNotFound,
// request.ErrThreadClosed, request.ErrThreadFull, and with consent.ErrConflict
// where something else was written under the key.
func (s *Messages) Write(ctx context.Context, tenant, id string, w Written) (m request.Message, isNew bool, err error) {
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		isNew = false
		var now int64
		r, err := scanRequestAnd(t.row(ctx, `SELECT `+requestColumns+`, NULL, {now} FROM requests WHERE tenant = $1 AND id = $2 {lock}`, tenant, id), &now)
		if errors.Is(err, sql.ErrNoRows) {
			return request.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		if m, err = t.writtenBefore(ctx, id, w); err != nil || m.N > 0 {
			return err
		}
		thread, err := readThread(ctx, t, tenant, id)
		if err != nil {
			return err
		}
		if err := thread.TakesFrom(w.From, r, w.Keeps, instant(now)); err != nil {
			return err
		}
		m, isNew = request.Message{N: int64(len(thread.Messages)) + 1, From: w.From, At: instant(now), Text: w.Text}, true
		if m.At.Before(thread.Last()) { // it has waited for the one before, or the clock was set back
			m.At = thread.Last()
		}
		if err := t.addMessage(ctx, id, m, w); err != nil {
			return err
		}
		if err := t.tell(ctx, w.Told); err != nil {
			return err
		}
		return t.log(ctx, w.Entry)
	})
	return m, isNew && err == nil, err
}

// writtenBefore gives the message that was sent under the same key; none has N 0.
func (t *tx) writtenBefore(ctx context.Context, id string, w Written) (m request.Message, err error) {
	var at int64
	err = t.row(ctx, `SELECT n, side, at FROM request_messages WHERE tenant = $1 AND request = $2 AND once = $3`, t.tenant, id, w.Once).Scan(&m.N, &m.From, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return request.Message{}, nil
	}
	if err != nil {
		return m, fmt.Errorf("look for a message: %w", err)
	}
	m.At = instant(at)
	key, err := threadKey(ctx, t, t.keys, t.tenant, id)
	if errors.Is(err, request.ErrDestroyed) {
		err = request.ErrThreadClosed
	}
	if err != nil {
		return m, err
	}
	texts, err := textsOf(ctx, t, key, t.tenant, id)
	if err != nil {
		return m, err
	}
	if m.Text = texts[m.N]; m.From != w.From || !m.Text.Equal(w.Text) {
		return m, consent.ErrConflict
	}
	return m, nil
}

// addMessage stores a message, and what it says of those before it. With the first
// one goes the key of the thread.
func (t *tx) addMessage(ctx context.Context, id string, m request.Message, w Written) error {
	key, err := threadKey(ctx, t, t.keys, t.tenant, id)
	if errors.Is(err, request.ErrDestroyed) {
		var wrapped []byte
		if key, wrapped, err = t.keys.NewKey(messagesOf(id)); err == nil {
			err = t.keep(ctx, messagesOf(id), wrapped)
		}
	}
	if err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	var address []byte
	if !w.To.None() {
		address = key.Seal([]byte(w.To.To().Reveal()), addressPlace(t.tenant, id))
	}
	asked, settled, seen := int64(0), int64(0), int64(0)
	if m.From == request.FromPerson {
		asked, seen = m.N, before(w.Read, m.N)
	} else {
		settled = before(w.Read, m.N)
	}
	for _, s := range []statement{
		{text: `INSERT INTO request_threads (tenant, request, asked, settled, seen, address, destroyed) VALUES ($1, $2, $3, $4, $5, $6, 0)
			ON CONFLICT (tenant, request) DO UPDATE SET
				asked = CASE WHEN excluded.asked > request_threads.asked THEN excluded.asked ELSE request_threads.asked END,
				settled = CASE WHEN excluded.settled > request_threads.settled THEN excluded.settled ELSE request_threads.settled END,
				seen = CASE WHEN excluded.seen > request_threads.seen THEN excluded.seen ELSE request_threads.seen END,
				address = COALESCE(excluded.address, request_threads.address)`,
			args: []any{t.tenant, id, asked, settled, seen, address}},
		{text: `INSERT INTO request_messages (tenant, request, n, side, once, at) VALUES ($1, $2, $3, $4, $5, $6)`,
			args: []any{t.tenant, id, m.N, m.From, w.Once, micros(m.At)}},
		{text: `INSERT INTO request_texts (tenant, request, n, sealed) VALUES ($1, $2, $3, $4)`,
			args: []any{t.tenant, id, m.N, key.Seal([]byte(m.Text.Reveal()), textPlace(t.tenant, id, m.N))}},
	} {
		if _, err := t.exec(ctx, s.text, s.args...); err != nil {
			return fmt.Errorf("write a message: %w", err)
		}
	}
	return nil
}

// before bounds what was read by the message that says so.
func before(read, n int64) int64 {
	if read <= 0 || read >= n {
		return n - 1
	}
	return read
}

// Of gives the threads of requests, without their texts; those without a message
// are left out.
func (s *Messages) Of(ctx context.Context, tenant string, ids ...string) (map[string]request.Thread, error) {
	return readThreads(ctx, s.db.engine, tenant, ids)
}

// Read gives the thread of a request with its texts; those that are destroyed are
// empty. request.ErrNotFound where there is no such request.
func (s *Messages) Read(ctx context.Context, tenant, id string) (request.Thread, error) {
	thread, err := readThread(ctx, s.db.engine, tenant, id)
	if err != nil {
		return thread, err
	}
	if len(thread.Messages) == 0 {
		_, err := s.db.Requests().Get(ctx, tenant, id)
		return thread, err
	}
	key, err := s.key(ctx, tenant, id)
	if errors.Is(err, request.ErrDestroyed) {
		return thread, nil
	}
	if err != nil {
		return thread, err
	}
	texts, err := textsOf(ctx, s.db.engine, key, tenant, id)
	for i := range thread.Messages {
		thread.Messages[i].Text = texts[thread.Messages[i].N]
	}
	return thread, err
}

// Address gives where the person is told of answers; none where that is not known.
func (s *Messages) Address(ctx context.Context, tenant, id string) (request.Address, error) {
	none := request.Address{}
	key, err := s.key(ctx, tenant, id)
	if errors.Is(err, request.ErrDestroyed) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	var sealed []byte
	err = s.db.engine.row(ctx, `SELECT address FROM request_threads WHERE tenant = $1 AND request = $2`, tenant, id).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) || err == nil && sealed == nil {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("read the address of a thread: %w", err)
	}
	plain, err := key.Open(sealed, addressPlace(tenant, id))
	if err != nil {
		return none, fmt.Errorf("open the address of a thread: %w", err)
	}
	return request.KeptAddress(string(plain)), nil
}

// Settle says that the messages of the person up to one need no answer any more.
// Where that is so already it does nothing; request.ErrNotFound where there is no
// such message of theirs.
func (s *Messages) Settle(ctx context.Context, tenant, id string, upTo int64, entry audit.Entry) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		settled, err := t.exec(ctx, `UPDATE request_threads SET settled = $3 WHERE tenant = $1 AND request = $2 AND asked >= $3 AND settled < $3`, tenant, id, upTo)
		if err != nil {
			return fmt.Errorf("settle messages: %w", err)
		}
		if settled > 0 {
			return t.log(ctx, entry)
		}
		var there int64
		if err := t.row(ctx, `SELECT COUNT(*) FROM request_threads WHERE tenant = $1 AND request = $2 AND asked >= $3`, tenant, id, upTo).Scan(&there); err != nil {
			return fmt.Errorf("settle messages: %w", err)
		}
		if there == 0 {
			return request.ErrNotFound
		}
		return nil
	})
}

// See says that the person has read what the company wrote up to a message.
func (s *Messages) See(ctx context.Context, tenant, id string, upTo int64) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE request_threads SET seen = $3 WHERE tenant = $1 AND request = $2 AND seen < $3
			AND EXISTS (SELECT 1 FROM request_messages m WHERE m.tenant = $1 AND m.request = $2 AND m.n = $3)`, tenant, id, upTo)
		if err != nil {
			return fmt.Errorf("mark messages as read: %w", err)
		}
		return nil
	})
}

// Outlived gives up to limit requests that ended longer than ago and whose messages
// can still be read, oldest first.
func (s *Messages) Outlived(ctx context.Context, tenant string, ago time.Duration, limit int) ([]string, error) {
	ids, err := collect(ctx, s.db.engine, scanKey, `SELECT r.id FROM request_threads m JOIN requests r ON r.tenant = m.tenant AND r.id = m.request
		WHERE m.tenant = $1 AND m.destroyed = 0 AND r.ended > 0 AND r.ended <= {now} - $2 ORDER BY r.ended, r.id LIMIT $3`, tenant, ago.Microseconds(), limit)
	if err != nil {
		return nil, fmt.Errorf("look for messages that have had their time: %w", err)
	}
	return ids, nil
}

// Destroy destroys the texts of a thread with their key, and the address that is
// kept with it. Where that was done already it does nothing.
func (s *Messages) Destroy(ctx context.Context, tenant, id, reason string) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error { return t.destroyMessages(ctx, id, reason) })
}

func (t *tx) destroyMessages(ctx context.Context, id, reason string) error {
	gone, err := t.exec(ctx, `UPDATE request_threads SET destroyed = {now}, address = NULL WHERE tenant = $1 AND request = $2 AND destroyed = 0`, t.tenant, id)
	if err == nil && gone > 0 {
		_, err = t.exec(ctx, `DELETE FROM request_texts WHERE tenant = $1 AND request = $2`, t.tenant, id)
	}
	if err != nil {
		return fmt.Errorf("destroy messages: %w", err)
	}
	if gone == 0 {
		return nil
	}
	if err := t.destroy(ctx, messagesOf(id)); err != nil {
		return err
	}
	return t.log(ctx, audit.Entry{Act: "message.destroy", Object: "request/" + id, Details: map[string]any{"reason": reason}})
}

// eraseMessages destroys, when an erasure has come to its end, what the same person
// has written about requests that had ended before. Those that are open still need
// theirs, and so does the erasure itself: the person may ask about it.
func (t *tx) eraseMessages(ctx context.Context, id string) error {
	others, err := collect(ctx, t, scanKey, `SELECT DISTINCT m.request FROM requests e
		JOIN request_identities mine ON mine.tenant = e.tenant AND mine.request = e.id AND mine.origin <> 'claimed'
		JOIN request_identities theirs ON theirs.tenant = e.tenant AND theirs.type = mine.type AND theirs.digest = mine.digest AND theirs.origin <> 'claimed' AND theirs.request <> e.id
		JOIN request_threads m ON m.tenant = e.tenant AND m.request = theirs.request AND m.destroyed = 0
		JOIN requests r ON r.tenant = e.tenant AND r.id = m.request AND r.ended > 0
		WHERE e.tenant = $1 AND e.id = $2 AND e.status IN ($3, $4)
		AND EXISTS (SELECT 1 FROM request_progress p WHERE p.tenant = e.tenant AND p.request = e.id AND p.action = $5)
		ORDER BY m.request`, t.tenant, id, request.Complete, request.CompleteWithResidue, request.Erasure)
	if err != nil {
		return fmt.Errorf("look for messages of an erased person: %w", err)
	}
	for _, other := range others {
		if err := t.destroyMessages(ctx, other, "the person was erased by request "+id); err != nil {
			return err
		}
	}
	return nil
}

func readThread(ctx context.Context, q querier, tenant, id string) (request.Thread, error) {
	all, err := readThreads(ctx, q, tenant, []string{id})
	return all[id], err
}

func readThreads(ctx context.Context, q querier, tenant string, ids []string) (map[string]request.Thread, error) {
	all := map[string]request.Thread{}
	if len(ids) == 0 {
		return all, nil
	}
	args, places := []any{tenant}, make([]string, len(ids))
	for i, id := range ids {
		args, places[i] = append(args, id), fmt.Sprintf("$%d", i+2)
	}
	err := q.each(ctx, func(row scanner) error {
		var id string
		var m request.Message
		var at, destroyed int64
		var t request.Thread
		if err := row.Scan(&id, &m.N, &m.From, &at, &t.Settled, &t.Seen, &destroyed); err != nil {
			return err
		}
		m.At, t.Destroyed = instant(at), instant(destroyed)
		t.Messages = append(all[id].Messages, m)
		all[id] = t
		return nil
	}, `SELECT m.request, m.n, m.side, m.at, t.settled, t.seen, t.destroyed FROM request_messages m
		JOIN request_threads t ON t.tenant = m.tenant AND t.request = m.request
		WHERE m.tenant = $1 AND m.request IN (`+strings.Join(places, ", ")+`) ORDER BY m.request, m.n`, args...)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return all, nil
}

// textsOf opens the texts of a thread, by number.
func textsOf(ctx context.Context, q querier, key *seal.Key, tenant, id string) (map[int64]subject.Personal[string], error) {
	texts := map[int64]subject.Personal[string]{}
	err := q.each(ctx, func(row scanner) error {
		var n int64
		var sealed []byte
		if err := row.Scan(&n, &sealed); err != nil {
			return err
		}
		plain, err := key.Open(sealed, textPlace(tenant, id, n))
		texts[n] = subject.Conceal(string(plain))
		return err
	}, `SELECT n, sealed FROM request_texts WHERE tenant = $1 AND request = $2`, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("open messages: %w", err)
	}
	return texts, nil
}

func (s *Messages) key(ctx context.Context, tenant, id string) (*seal.Key, error) {
	keys, err := s.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	return threadKey(ctx, s.db.engine, keys, tenant, id)
}

// threadKey gives the key of a thread; request.ErrDestroyed where there is none.
func threadKey(ctx context.Context, q querier, keys *seal.Tenant, tenant, id string) (*seal.Key, error) {
	var wrapped []byte
	err := q.row(ctx, `SELECT wrapped FROM keys WHERE tenant = $1 AND owner = $2`, tenant, messagesOf(id)).Scan(&wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, request.ErrDestroyed
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of a thread: %w", err)
	}
	return keys.OpenKey(messagesOf(id), wrapped)
}

func messagesOf(request string) string { return "messages/" + request }

// textPlace ties what is sealed to its row.
func textPlace(tenant, id string, n int64) []byte {
	return fmt.Appendf(nil, "message/%s/%s/%d", tenant, id, n)
}

func addressPlace(tenant, id string) []byte { return []byte("thread/" + tenant + "/" + id) }
