package server

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/task"
	"volenti.dev/volenti/subject"
)

// colleagues asks those who answer what no system can, and keeps what they say.
type colleagues struct {
	db *store.DB
	// connect gives the open connection with a key: who is asked.
	connect   func(key string) (connector.Connector, error)
	publicURL string
	uploads   int64 // the most bytes of files that a request keeps; 0 for defaultUploads
	now       func() time.Time
}

var _ fulfill.Colleagues = colleagues{}

const (
	defaultUploads = 50 << 20
	pieceSize      = 1 << 20 // of a file, in a row
	inputKind      = "input" // papers with answers, by connection
	pieceKind      = "piece"
)

// Prepare implements fulfill.Colleagues.
func (c colleagues) Prepare(_ context.Context, r request.Request, ask task.Ask) (task.Task, []message.Letter, []auth.Pass, error) {
	now := c.now().UTC()
	k := task.Task{Request: r.ID, Connection: ask.Connection, Due: now.AddDate(0, 0, ask.DueDays)}
	if remind := k.Due.AddDate(0, 0, -ask.RemindDays); remind.After(now) && remind.Before(k.Due) {
		k.Remind = remind
	}
	letters, passes, err := c.letters(r.Tenant, message.Task, k, ask, message.Values{})
	return k, letters, passes, err
}

// letters writes to those who are asked about a task, each with a link.
func (c colleagues) letters(tenant string, kind message.Kind, k task.Task, ask task.Ask, also message.Values) (letters []message.Letter, passes []auth.Pass, err error) {
	opened, err := c.connect(ask.Connection)
	if err != nil {
		return nil, nil, err
	}
	asker, ok := opened.(connector.Asker)
	if !ok {
		return nil, nil, fmt.Errorf("people do not answer the connection %s any more", ask.Connection)
	}
	for _, to := range asker.Assignees() {
		pass, token, err := auth.NewPass(tenant, auth.AnswerTask, k.Object(), 1, k.Due, rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		values := message.Values{"connection": cmp.Or(ask.Name, ask.Connection), "due": k.Due.Format(time.DateOnly), "url": c.publicURL + "/tasks/" + token}
		for name, v := range also {
			values[name] = v
		}
		letter, err := message.New(message.Letter{Request: k.Request, Kind: kind, To: to, Values: values})
		if err != nil {
			return nil, nil, err
		}
		letters = append(letters, letter)
		passes = append(passes, pass)
	}
	return letters, passes, nil
}

// Answers implements fulfill.Colleagues.
func (c colleagues) Answers(ctx context.Context, tenant, id string) (map[string]task.Answer, error) {
	papers, err := c.db.Work().Papers(ctx, tenant, id, inputKind)
	if err != nil || len(papers) == 0 {
		return nil, err
	}
	key, err := c.db.Keys().RequestKey(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	given := map[string]task.Answer{}
	for _, p := range papers {
		plain, err := p.Unseal(key, tenant, id)
		if err != nil {
			return nil, err
		}
		var a task.Answer
		if err := json.Unmarshal(plain, &a); err != nil {
			return nil, errors.New("read the answer of a colleague: it is not one")
		}
		given[p.Name] = a
	}
	return given, nil
}

// Contents implements fulfill.Colleagues. What ends early is an error.
func (c colleagues) Contents(ctx context.Context, tenant, id, connection string, given task.Answer, f task.File, w io.Writer) error {
	key, err := c.db.Keys().RequestKey(ctx, tenant, id)
	if err != nil {
		return err
	}
	p := store.Piece{Connection: connection, Upload: given.Upload, File: f.ID}
	for left := f.Size; left > 0; p.N++ {
		sealed, err := c.db.Tasks().Piece(ctx, tenant, id, p)
		if err != nil {
			return err
		}
		plain, err := request.Paper{Kind: pieceKind, Name: pieceName(p), Sealed: sealed}.Unseal(key, tenant, id)
		if err != nil {
			return err
		}
		if _, err := w.Write(plain); err != nil {
			return err
		}
		left -= int64(len(plain))
	}
	return nil
}

// pieceName ties a piece to its row.
func pieceName(p store.Piece) string {
	return fmt.Sprintf("%s/%s/%s/%d", p.Connection, p.Upload, p.File, p.N)
}

// take reads an answer as it arrives and stores it. It says whether the request
// goes on.
func (c colleagues) take(ctx context.Context, tenant, id string, ask task.Ask, form *task.Form, pass *auth.Pass, entry audit.Entry) (resumed bool, err error) {
	key, err := c.db.Keys().RequestKey(ctx, tenant, id)
	if errors.Is(err, request.ErrDestroyed) {
		return false, task.ErrNotWaiting
	}
	if err != nil {
		return false, err
	}
	up := upload{colleagues: c, tenant: tenant, request: id, connection: ask.Connection, id: uuid.NewString(), key: key}
	given, err := form.Answer(ask, func(contents io.Reader) (string, string, error) { return up.keep(ctx, contents) })
	if err != nil {
		return false, err
	}
	return c.give(ctx, tenant, id, ask.Connection, key, &up, given, pass, entry)
}

// give stores an answer whose files were uploaded.
func (c colleagues) give(ctx context.Context, tenant, id, connection string, key request.Key, up *upload, given task.Answer, pass *auth.Pass, entry audit.Entry) (resumed bool, err error) {
	if up.pieces > 0 {
		given.Upload, given.Pieces = up.id, up.pieces
	}
	plain, err := json.Marshal(given)
	if err != nil {
		return false, err
	}
	entry.Details["connection"], entry.Details["nothing"], entry.Details["files"] = connection, given.Nothing, len(given.Files)
	return c.db.Tasks().Answer(ctx, tenant, id, store.Given{
		Connection: connection, Paper: request.NewPaper(key, tenant, id, inputKind, connection, plain),
		Upload: given.Upload, Pieces: given.Pieces, Pass: pass,
	}, entry)
}

// upload is the files of one answer, on their way into the store.
type upload struct {
	colleagues
	tenant, request, connection string
	id                          string
	key                         request.Key
	pieces                      int
}

// sniffed is how many bytes tell the type of a file.
const sniffed = 512

// keep is a task.Keep: it seals a file piece by piece. Nothing looks into it but
// at its first bytes, for its type.
func (u *upload) keep(ctx context.Context, contents io.Reader) (id, mediaType string, err error) {
	head := bufio.NewReaderSize(contents, sniffed)
	first, err := head.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", "", err
	}
	p := store.Piece{Connection: u.connection, Upload: u.id, File: uuid.NewString()}
	err = task.Pieces(head, pieceSize, func(n int, piece []byte) error {
		p.N = n
		p.Sealed = request.NewPaper(u.key, u.tenant, u.request, pieceKind, pieceName(p), piece).Sealed
		if err := u.db.Tasks().Stage(ctx, u.tenant, u.request, p, u.pieces == 0, cmp.Or(u.uploads, defaultUploads)); err != nil {
			return err
		}
		u.pieces++
		return nil
	})
	return p.File, http.DetectContentType(first), err
}

// taskDesk lets operators, and colleagues with a link, answer.
type taskDesk struct {
	colleagues
	wake func() // tells that there is something to carry out
}

var _ api.Tasks = taskDesk{}

// Open implements api.Tasks.
func (d taskDesk) Open(ctx context.Context, tenant string, after task.Task, limit int) ([]task.Task, error) {
	return d.db.Tasks().Open(ctx, tenant, after, limit)
}

// Of implements api.Tasks.
func (d taskDesk) Of(ctx context.Context, tenant, id string) ([]task.Task, error) {
	if _, err := d.db.Requests().Get(ctx, tenant, id); err != nil {
		return nil, err
	}
	return d.db.Tasks().Of(ctx, tenant, id)
}

// find gives a task with what it asks, by the plan that was approved.
func (d taskDesk) find(ctx context.Context, tenant, id, connection string) (k task.Task, ask task.Ask, err error) {
	r, err := d.db.Requests().Get(ctx, tenant, id)
	if err != nil {
		return k, ask, err
	}
	all, err := d.db.Tasks().Of(ctx, tenant, id)
	if err != nil {
		return k, ask, err
	}
	plan := &graph.Plan{}
	if len(r.Plan) > 0 { // it has none before it was planned
		if err := json.Unmarshal(r.Plan, plan); err != nil {
			return k, ask, fmt.Errorf("read the stored plan: %w", err)
		}
	}
	for _, k := range all {
		if a := plan.Ask(connection); k.Connection == connection && a != nil {
			return k, *a, nil
		}
	}
	return k, ask, task.ErrNotWaiting
}

// Show implements api.Tasks.
func (d taskDesk) Show(ctx context.Context, tenant, id, connection string) (api.TaskForm, error) {
	k, ask, err := d.find(ctx, tenant, id, connection)
	if err != nil {
		return api.TaskForm{}, err
	}
	form := api.TaskForm{Task: api.ShownTask(k), Name: ask.Name, Questions: []api.TaskQuestion{}, FilesMax: cmp.Or(d.uploads, defaultUploads)}
	for _, q := range ask.Questions {
		form.Questions = append(form.Questions, api.TaskQuestion{Key: q.Key, Label: q.Label, Type: string(q.Type), Required: q.Required, Erasure: q.Erasure, Max: q.Max})
	}
	form.Person, err = d.person(ctx, tenant, id)
	return form, err
}

// person gives whom a request is about, none of which somebody only claims;
// nobody once it has ended.
func (d taskDesk) person(ctx context.Context, tenant, id string) ([]api.Identity, error) {
	person := []api.Identity{}
	key, err := d.db.Keys().RequestKey(ctx, tenant, id)
	if errors.Is(err, request.ErrDestroyed) {
		return person, nil
	}
	if err != nil {
		return nil, err
	}
	sealed, err := d.db.Requests().Identities(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	for _, s := range sealed {
		if s.Origin == request.Claimed {
			continue
		}
		i, err := s.Unseal(key, tenant, id)
		if err != nil {
			return nil, err
		}
		person = append(person, api.Identity{Type: string(i.Type), Value: shownValue(i)})
	}
	return person, nil
}

// shownValue is how an identity was given, or its normal form.
func shownValue(i subject.Identity) string {
	for _, given := range i.Given {
		return given.Reveal()
	}
	return i.Value.Reveal()
}

// Answer implements api.Tasks.
func (d taskDesk) Answer(ctx context.Context, caller auth.Caller, id, connection string, form *task.Form) (task.Task, error) {
	return d.answer(ctx, caller.Tenant, id, connection, form, nil, caller.By())
}

func (d taskDesk) answer(ctx context.Context, tenant, id, connection string, form *task.Form, pass *auth.Pass, by string) (task.Task, error) {
	k, ask, err := d.find(ctx, tenant, id, connection)
	if err != nil {
		return k, err
	}
	entry := audit.Entry{Act: "task.answer", Object: "request/" + id, Details: map[string]any{"by": by}}
	resumed, err := d.take(ctx, tenant, id, ask, form, pass, entry)
	if err != nil {
		return k, err
	}
	if resumed {
		d.wake()
	}
	k, _, err = d.find(ctx, tenant, id, connection)
	return k, err
}

// ShowTo implements api.Tasks.
func (d taskDesk) ShowTo(ctx context.Context, token string) (api.TaskForm, error) {
	pass, id, connection, err := d.pass(ctx, token)
	if err != nil {
		return api.TaskForm{}, err
	}
	entry := audit.Entry{Act: "task.read", Object: "task/" + id, Details: map[string]any{"by": byLink(pass), "connection": connection}}
	if err := d.db.Audit().Append(ctx, pass.Tenant, entry); err != nil {
		return api.TaskForm{}, fmt.Errorf("%w: the audit log takes no entry: %w", request.ErrUnavailable, err)
	}
	return d.Show(ctx, pass.Tenant, id, connection)
}

// AnswerOf implements api.Tasks.
func (d taskDesk) AnswerOf(ctx context.Context, form *task.Form) (task.Task, error) {
	token, err := form.Token()
	if err != nil {
		return task.Task{}, err
	}
	pass, id, connection, err := d.pass(ctx, token)
	if err != nil {
		return task.Task{}, err
	}
	return d.answer(ctx, pass.Tenant, id, connection, form, &pass, byLink(pass))
}

// pass finds what a token is for.
func (d taskDesk) pass(ctx context.Context, token string) (pass auth.Pass, id, connection string, err error) {
	pass, err = d.db.Passes().Find(ctx, auth.AnswerTask, token)
	if err != nil {
		return pass, "", "", err
	}
	id, connection, ok := task.Parse(pass.Object)
	if !ok {
		return pass, "", "", auth.ErrRefused
	}
	return pass, id, connection, nil
}

// byLink is what the audit log calls who came by a link.
func byLink(p auth.Pass) string { return "pass/" + p.ID }

// mostReminders is how many reminders are written at once.
const mostReminders = 100

// remind writes to colleagues whose time is soon over, for every tenant.
func (s *Server) remind(ctx context.Context) error {
	return everyTenant(ctx, s.House.Store, func(ctx context.Context, tenant string) error {
		due, err := s.House.Store.Tasks().ToRemind(ctx, tenant, mostReminders)
		if err != nil || len(due) == 0 {
			return err
		}
		return s.remindOf(ctx, tenant, due)
	})
}

func (s *Server) remindOf(ctx context.Context, tenant string, due []task.Task) error {
	connect, _, release, err := s.worker().connections(ctx, tenant)
	if err != nil {
		return err
	}
	defer release()
	c := s.colleagues(connect)
	var failed []error
	for _, k := range due {
		_, ask, err := (taskDesk{colleagues: c}).find(ctx, tenant, k.Request, k.Connection)
		var letters []message.Letter
		var passes []auth.Pass
		if err == nil {
			letters, passes, err = c.letters(tenant, message.Reminder, k, ask, message.Values{"of": "task"})
		}
		if err == nil {
			err = s.House.Store.Tasks().Remind(ctx, tenant, k, letters, passes)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (s *Server) colleagues(connect func(string) (connector.Connector, error)) colleagues {
	return s.worker().colleagues(connect)
}

func (w *worker) colleagues(connect func(string) (connector.Connector, error)) colleagues {
	return colleagues{db: w.house.Store, connect: connect, publicURL: w.publicURL, uploads: w.uploads, now: w.now}
}
