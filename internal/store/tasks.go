package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/task"
)

// Tasks keeps what colleagues are asked, their answers and their files.
type Tasks struct{ db *DB }

// Tasks gives access to the tasks.
func (db *DB) Tasks() *Tasks { return &Tasks{db} }

const taskColumns = `request, connection, asked, due, remind, answered, closed`

func scanTask(row scanner) (k task.Task, err error) {
	var asked, due, remind, answered, closed int64
	err = row.Scan(&k.Request, &k.Connection, &asked, &due, &remind, &answered, &closed)
	k.Asked, k.Due, k.Remind, k.Answered, k.Closed = instant(asked), instant(due), instant(remind), instant(answered), instant(closed)
	return k, err
}

// Of gives the tasks of a request, in the order of their connections.
func (s *Tasks) Of(ctx context.Context, tenant, id string) ([]task.Task, error) {
	all, err := collect(ctx, s.db.engine, scanTask,
		`SELECT `+taskColumns+` FROM tasks WHERE tenant = $1 AND request = $2 ORDER BY connection`, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("read tasks: %w", err)
	}
	return all, nil
}

// Open gives up to limit tasks that wait for an answer, by their due dates,
// those behind after; the zero task begins with the first.
func (s *Tasks) Open(ctx context.Context, tenant string, after task.Task, limit int) ([]task.Task, error) {
	page, err := collect(ctx, s.db.engine, scanTask, `SELECT `+taskColumns+` FROM tasks
		WHERE tenant = $1 AND answered = 0 AND closed = 0 AND (due, request, connection) > ($2, $3, $4)
		ORDER BY due, request, connection LIMIT $5`, tenant, micros(after.Due), after.Request, after.Connection, limit)
	if err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	return page, nil
}

// ToRemind gives up to limit tasks of which somebody is to be reminded now.
func (s *Tasks) ToRemind(ctx context.Context, tenant string, limit int) ([]task.Task, error) {
	all, err := collect(ctx, s.db.engine, scanTask, `SELECT `+taskColumns+` FROM tasks
		WHERE tenant = $1 AND remind > 0 AND remind <= {now} ORDER BY remind LIMIT $2`, tenant, limit)
	if err != nil {
		return nil, fmt.Errorf("look for reminders: %w", err)
	}
	return all, nil
}

// Remind stores the letters and passes of a reminder, once for each task: where
// another was quicker, or the task was answered, it stores nothing.
func (s *Tasks) Remind(ctx context.Context, tenant string, k task.Task, letters []message.Letter, passes []auth.Pass) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		due, err := t.exec(ctx, `UPDATE tasks SET remind = 0 WHERE tenant = $1 AND request = $2 AND connection = $3 AND remind > 0 AND remind <= {now}`,
			tenant, k.Request, k.Connection)
		if err != nil {
			return fmt.Errorf("remind of a task: %w", err)
		}
		if due == 0 {
			return nil
		}
		return t.tell(ctx, request.Told{Letters: letters, Passes: passes})
	})
}

// ask stores tasks of a request. One that there is already is left as it is.
func (t *tx) ask(ctx context.Context, id string, tasks []task.Task) error {
	for _, k := range tasks {
		if _, err := t.exec(ctx, `INSERT INTO tasks (tenant, request, connection, asked, due, remind, answered, closed, upload)
			VALUES ($1, $2, $3, {now}, $4, $5, 0, 0, '') ON CONFLICT DO NOTHING`, t.tenant, id, k.Connection, micros(k.Due), micros(k.Remind)); err != nil {
			return fmt.Errorf("store a task: %w", err)
		}
	}
	return nil
}

// closeTasks ends the tasks of a request that has ended, and forgets the files.
func (t *tx) closeTasks(ctx context.Context, id string) error {
	for _, statement := range []string{
		`UPDATE tasks SET closed = {now}, remind = 0 WHERE tenant = $1 AND request = $2 AND closed = 0`,
		`DELETE FROM task_pieces WHERE tenant = $1 AND request = $2`,
		`DELETE FROM passes WHERE tenant = $1 AND kind = '` + string(auth.AnswerTask) + `' AND object IN
			(SELECT 'task/' || request || '/' || connection FROM tasks WHERE tenant = $1 AND request = $2)`,
	} {
		if _, err := t.exec(ctx, statement, t.tenant, id); err != nil {
			return fmt.Errorf("close tasks: %w", err)
		}
	}
	return nil
}

// Piece is a part of a file that arrives, sealed.
type Piece struct {
	Connection string
	Upload     string // of one answer
	File       string
	N          int // from 0
	Sealed     []byte
}

// Stage keeps a piece of a file for an answer that is being given. The first
// of an upload makes way for it: pieces of uploads that came to nothing are
// forgotten. It fails with task.ErrTooMuch when the files of the request would
// have more than most bytes, and with task.ErrNotWaiting.
func (s *Tasks) Stage(ctx context.Context, tenant, id string, p Piece, first bool, most int64) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		if _, err := t.waits(ctx, id, p.Connection); err != nil {
			return err
		}
		if first {
			if _, err := t.exec(ctx, `DELETE FROM task_pieces WHERE tenant = $1 AND request = $2 AND connection = $3 AND upload <>
				(SELECT upload FROM tasks WHERE tenant = $1 AND request = $2 AND connection = $3)`, tenant, id, p.Connection); err != nil {
				return fmt.Errorf("make way for files: %w", err)
			}
		}
		var kept int64
		// What an answer replaces does not count.
		if err := t.row(ctx, `SELECT CAST(COALESCE(SUM(size), 0) AS bigint) FROM task_pieces
			WHERE tenant = $1 AND request = $2 AND (connection <> $3 OR upload = $4)`, tenant, id, p.Connection, p.Upload).Scan(&kept); err != nil {
			return fmt.Errorf("count files: %w", err)
		}
		if kept+int64(len(p.Sealed)) > most {
			return task.ErrTooMuch
		}
		if _, err := t.exec(ctx, `INSERT INTO task_pieces (tenant, request, connection, upload, file, n, size, sealed)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, tenant, id, p.Connection, p.Upload, p.File, p.N, len(p.Sealed), p.Sealed); err != nil {
			return fmt.Errorf("keep a file: %w", err)
		}
		t.growth.bulk += len(p.Sealed)
		return nil
	})
}

// waits says whether a task was answered before. It fails with
// task.ErrNotWaiting where the request does not wait for it, and keeps the
// request from others until the commit.
func (t *tx) waits(ctx context.Context, id, connection string) (answered bool, err error) {
	var status request.Status
	var when int64
	err = t.row(ctx, `SELECT status FROM requests WHERE tenant = $1 AND id = $2 {lock}`, t.tenant, id).Scan(&status)
	if err == nil && status != request.RequiresInput {
		return false, task.ErrNotWaiting
	}
	if err == nil {
		err = t.row(ctx, `SELECT answered FROM tasks WHERE tenant = $1 AND request = $2 AND connection = $3 AND closed = 0`, t.tenant, id, connection).Scan(&when)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return false, task.ErrNotWaiting
	}
	if err != nil {
		return false, fmt.Errorf("look for a task: %w", err)
	}
	return when > 0, nil
}

// Given is an answer to a task, to be stored.
type Given struct {
	Connection string
	Paper      request.Paper // the answer
	Upload     string        // "" for an answer without files
	Pieces     int           // that it must have
	Pass       *auth.Pass    // what let in whoever has no account; their answer must be the first
}

// Answer stores an answer with its entry, ends the links to the task, and lets
// the request go on when it was the last that it waited for: resumed then. It
// fails with task.ErrNotWaiting, task.ErrAnswered, task.ErrReplaced where
// another upload has begun meanwhile, or auth.ErrRefused.
func (s *Tasks) Answer(ctx context.Context, tenant, id string, g Given, entry audit.Entry) (resumed bool, err error) {
	err = s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error {
		resumed = false
		answered, err := t.waits(ctx, id, g.Connection)
		if err != nil {
			return err
		}
		if g.Pass != nil {
			if answered {
				return task.ErrAnswered
			}
			if err := t.use(ctx, *g.Pass); err != nil {
				return err
			}
		}
		if err := t.answer(ctx, id, g); err != nil {
			return err
		}
		if err := t.revoke(ctx, auth.AnswerTask, task.Task{Request: id, Connection: g.Connection}.Object()); err != nil {
			return err
		}
		var open int64
		if err := t.row(ctx, `SELECT COUNT(*) FROM tasks WHERE tenant = $1 AND request = $2 AND answered = 0 AND closed = 0`, tenant, id).Scan(&open); err != nil {
			return fmt.Errorf("count open tasks: %w", err)
		}
		if open == 0 {
			if err := t.apply(ctx, id, request.Resume); err != nil {
				return err
			}
			if _, err := t.exec(ctx, `UPDATE requests SET message = '', parked = '' WHERE tenant = $1 AND id = $2`, tenant, id); err != nil {
				return fmt.Errorf("let a request go on: %w", err)
			}
			resumed = true
		}
		return t.log(ctx, entry)
	})
	return resumed && err == nil, err
}

// answer stores an answer in the place of an earlier one.
func (t *tx) answer(ctx context.Context, id string, g Given) error {
	if _, err := t.exec(ctx, `DELETE FROM task_pieces WHERE tenant = $1 AND request = $2 AND connection = $3 AND upload <> $4`,
		t.tenant, id, g.Connection, g.Upload); err != nil {
		return fmt.Errorf("forget former files: %w", err)
	}
	var pieces int
	if err := t.row(ctx, `SELECT COUNT(*) FROM task_pieces WHERE tenant = $1 AND request = $2 AND connection = $3`, t.tenant, id, g.Connection).Scan(&pieces); err != nil {
		return fmt.Errorf("count pieces of files: %w", err)
	}
	if pieces != g.Pieces {
		return task.ErrReplaced
	}
	if _, err := t.exec(ctx, `UPDATE tasks SET answered = {now}, remind = 0, upload = $4 WHERE tenant = $1 AND request = $2 AND connection = $3`,
		t.tenant, id, g.Connection, g.Upload); err != nil {
		return fmt.Errorf("answer a task: %w", err)
	}
	return t.putPaper(ctx, id, g.Paper)
}

// Piece gives a piece of a file of an answer, sealed; request.ErrDestroyed when
// it is not there any more.
func (s *Tasks) Piece(ctx context.Context, tenant, id string, p Piece) ([]byte, error) {
	var sealed []byte
	err := s.db.engine.row(ctx, `SELECT sealed FROM task_pieces
		WHERE tenant = $1 AND request = $2 AND connection = $3 AND upload = $4 AND file = $5 AND n = $6`,
		tenant, id, p.Connection, p.Upload, p.File, p.N).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, request.ErrDestroyed
	}
	if err != nil {
		return nil, fmt.Errorf("read a file: %w", err)
	}
	return sealed, nil
}
