package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request/task"
)

// Tasks is what colleagues are asked about requests. Where the request does not
// wait for an answer the error is task.ErrNotWaiting; request.ErrNotFound where
// there is no such request.
type Tasks interface {
	// Open gives up to limit tasks that wait, of all requests, by due date, those
	// behind after; the zero task begins with the first.
	Open(ctx context.Context, tenant string, after task.Task, limit int) ([]task.Task, error)
	// Of gives the tasks of a request.
	Of(ctx context.Context, tenant, id string) ([]task.Task, error)
	// Show gives a task with whom it is about: a privileged read.
	Show(ctx context.Context, tenant, id, connection string) (TaskForm, error)
	// Answer takes an answer in, in the place of an earlier one while the request
	// waits for others: *task.Wrong, task.ErrForm, task.ErrReplaced.
	Answer(ctx context.Context, caller auth.Caller, id, connection string, form *task.Form) (task.Task, error)
	// ShowTo gives a task to who has the token of a letter, once that is in the
	// audit log: auth.ErrRefused.
	ShowTo(ctx context.Context, token string) (TaskForm, error)
	// AnswerOf takes an answer in from who has the token, which is the first part
	// of the form: auth.ErrRefused, task.ErrAnswered.
	AnswerOf(ctx context.Context, form *task.Form) (task.Task, error)
}

// Task is something that colleagues are asked.
type Task struct {
	Request    string     `json:"request" format:"uuid"`
	Connection string     `json:"connection"`
	Asked      time.Time  `json:"asked"`
	Due        time.Time  `json:"due" doc:"Links to it end then; an operator may still answer"`
	Answered   *time.Time `json:"answered,omitempty" doc:"The last time"`
	Closed     *time.Time `json:"closed,omitempty" doc:"When the request ended"`
}

// TaskForm is a task as it is answered.
type TaskForm struct {
	Task
	Name      string         `json:"name,omitempty" doc:"Of the connection"`
	Questions []TaskQuestion `json:"questions" nullable:"false"`
	Person    []Identity     `json:"person" nullable:"false" doc:"Whom it is about"`
	FilesMax  int64          `json:"files_max" doc:"Bytes of all files of the request together"`
}

// TaskQuestion is one thing to be entered.
type TaskQuestion struct {
	Key      string            `json:"key" doc:"The name of the part of the form"`
	Label    map[string]string `json:"label" doc:"By language; the empty one is for any"`
	Type     string            `json:"type" enum:"text,number,date,boolean,file"`
	Required bool              `json:"required"`
	Erasure  bool              `json:"erasure" doc:"It asks to erase something and to confirm it"`
	Max      int64             `json:"max,omitempty" doc:"Characters of a text, bytes of each file"`
}

// TaskPage is a page of tasks.
type TaskPage struct {
	Items []Task `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
}

// ShownTask writes a task as the interface does.
func ShownTask(k task.Task) Task {
	s := Task{Request: k.Request, Connection: k.Connection, Asked: k.Asked, Due: k.Due}
	if !k.Answered.IsZero() {
		s.Answered = &k.Answered
	}
	if !k.Closed.IsZero() {
		s.Closed = &k.Closed
	}
	return s
}

type tasksInput struct {
	Limit  int    `query:"limit" doc:"How many at once" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" doc:"The next of the page before" maxLength:"500"`
}

type tasksOutput struct {
	Body TaskPage
}

func listTasks(a *API, ctx context.Context, caller auth.Caller, in *tasksInput) (*tasksOutput, error) {
	after, err := openTaskCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.config.Tasks.Open(ctx, caller.Tenant, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	page := TaskPage{Items: []Task{}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		page.Next = taskCursor(found[len(found)-1])
	}
	for _, k := range found {
		page.Items = append(page.Items, ShownTask(k))
	}
	return &tasksOutput{page}, nil
}

// taskCursor hides behind which task a page goes on.
func taskCursor(k task.Task) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s %s", k.Due.UnixMicro(), k.Request, k.Connection))
}

func openTaskCursor(text string) (k task.Task, err error) {
	if text == "" {
		return k, nil
	}
	var due int64
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		_, err = fmt.Sscanf(string(b), "%d %36s %256s", &due, &k.Request, &k.Connection)
	}
	if err == nil {
		_, err = uuid.Parse(k.Request)
	}
	if err != nil || !connectionForm.MatchString(k.Connection) {
		return task.Task{}, invalid("query.cursor", "it is not the next of a page")
	}
	k.Due = time.UnixMicro(due)
	return k, nil
}

func listTasksOf(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*tasksOutput, error) {
	found, err := a.config.Tasks.Of(ctx, caller.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	page := TaskPage{Items: []Task{}}
	for _, k := range found {
		page.Items = append(page.Items, ShownTask(k))
	}
	return &tasksOutput{page}, nil
}

// connectionForm is what the keys of connections are made of.
var connectionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

type taskInput struct {
	ID         string `path:"id" format:"uuid"`
	Connection string `path:"connection" maxLength:"256" pattern:"^[A-Za-z0-9][A-Za-z0-9_.-]*$"`
}

type taskOutput struct {
	Body TaskForm
}

func showTask(a *API, ctx context.Context, caller auth.Caller, in *taskInput) (*taskOutput, error) {
	form, err := a.config.Tasks.Show(ctx, caller.Tenant, in.ID, in.Connection)
	if err != nil {
		return nil, err
	}
	return &taskOutput{form}, nil
}

func showTaskTo(a *API, ctx context.Context, _ auth.Caller, in *tokenInput) (*taskOutput, error) {
	form, err := a.config.Tasks.ShowTo(ctx, in.Body.Token)
	if err != nil {
		return nil, ofLink(err)
	}
	return &taskOutput{form}, nil
}

// An answer may bring large files, and take its time to arrive.
const (
	maxAnswer  = 256 << 20 // bytes
	answerTime = 10 * time.Minute
)

type answerInput struct {
	ID         string `path:"id" format:"uuid"`
	Connection string `path:"connection"`
	RawBody    []byte `contentType:"multipart/form-data"`
}

type answerOfInput struct {
	RawBody []byte `contentType:"multipart/form-data"`
}

type answerOutput struct {
	Body Task
}

// answerTask reads a form as it arrives: a part for each question.
func answerTask(a *API, ctx context.Context, caller auth.Caller, w http.ResponseWriter, r *http.Request) error {
	id, connection := r.PathValue("id"), r.PathValue("connection")
	if _, err := uuid.Parse(id); err != nil || !connectionForm.MatchString(connection) {
		return notFound()
	}
	return a.answerWith(w, r, func(form *task.Form) (task.Task, error) {
		return a.config.Tasks.Answer(ctx, caller, id, connection, form)
	})
}

// answerTaskOf is answerTask for who has the token, the first part of the form.
func answerTaskOf(a *API, ctx context.Context, _ auth.Caller, w http.ResponseWriter, r *http.Request) error {
	return a.answerWith(w, r, func(form *task.Form) (task.Task, error) {
		k, err := a.config.Tasks.AnswerOf(ctx, form)
		return k, ofLink(err)
	})
}

func (a *API) answerWith(w http.ResponseWriter, r *http.Request, take func(*task.Form) (task.Task, error)) error {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" || params["boundary"] == "" {
		return &Problem{Status: http.StatusUnsupportedMediaType, Detail: "Send the answer as multipart/form-data."}
	}
	connection := http.NewResponseController(w)
	until := time.Now().Add(answerTime)
	if err := errors.Join(connection.SetReadDeadline(until), connection.SetWriteDeadline(until)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	k, err := take(task.NewForm(r.Body, params["boundary"]))
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, ShownTask(k))
}

// ofTask tells what stands in the way of an answer.
func ofTask(err error) *Problem {
	told := func(status int, detail string) *Problem {
		return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
	}
	var wrong *task.Wrong
	var large *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &wrong):
		p := told(http.StatusUnprocessableEntity, notValid)
		for _, v := range wrong.Violations {
			where := "body"
			if v.Key != "" {
				where += "." + v.Key
			}
			p.Errors = append(p.Errors, Violation{where, v.What})
		}
		return p
	case errors.Is(err, task.ErrNotWaiting):
		return told(http.StatusUnprocessableEntity, "The request does not wait for an answer of this connection.")
	case errors.Is(err, task.ErrAnswered):
		return told(http.StatusConflict, "A colleague has answered this already. An operator may replace the answer while the request waits.")
	case errors.Is(err, task.ErrReplaced):
		return told(http.StatusConflict, "Another answer arrived at the same time. Look at the task, and send it again where it is still open.")
	case !errors.Is(err, task.ErrForm):
		return nil
	case errors.As(err, &large):
		p := tooLarge()
		p.Title = http.StatusText(p.Status)
		return p
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return told(http.StatusRequestTimeout, "The body did not arrive in time.")
	}
	return told(http.StatusBadRequest, "The form cannot be read: send multipart/form-data, whole.")
}
