package web

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

// What the API tells of what colleagues are asked.
type (
	taskPage struct {
		Items []task `json:"items"`
		Next  string `json:"next"`
	}
	task struct {
		Request    string         `json:"request"`
		Connection string         `json:"connection"`
		Name       string         `json:"name"` // of the connection
		Asked      time.Time      `json:"asked"`
		Due        time.Time      `json:"due"`
		Answered   *time.Time     `json:"answered"`
		Closed     *time.Time     `json:"closed"`
		Questions  []taskQuestion `json:"questions"`
		Person     []identity     `json:"person"`
		FilesMax   int64          `json:"files_max"` // bytes, of all files of the request
	}
	taskQuestion struct {
		Key      string            `json:"key"`
		Labels   map[string]string `json:"label"` // by language; "" is for any
		Type     string            `json:"type"`
		Required bool              `json:"required"`
		Erasure  bool              `json:"erasure"`
		Max      int64             `json:"max"`
	}
	identity struct {
		Type   string `json:"type"`
		Value  string `json:"value"`
		Origin string `json:"origin"`
	}
)

// Label is the question in a language, else in any.
func (q taskQuestion) Label(l *tongue) string {
	for _, tag := range []string{l.Tag, "", spoken[0].tag} {
		if text := q.Labels[tag]; text != "" {
			return text
		}
	}
	for _, text := range q.Labels {
		return text
	}
	return q.Key
}

// Input is the field that a question is answered in, which says what it takes.
func (t task) Input(q taskQuestion, f *form, l *tongue) input {
	i := input{ID: "q-" + q.Key, Name: q.Key, Type: q.Type, Autocomplete: "off", Label: q.Label(l), Value: f.Value(q.Key), Wrong: f.Of(q.Key), Required: q.Required}
	switch {
	case q.Type == "file":
		i.Hint = l.word("task.limit.file", l.size(min(q.Max, t.FilesMax)), l.size(t.FilesMax))
	case q.Type == "text" && q.Max > 0:
		i.Hint = l.word("task.limit.text", l.number(q.Max))
	}
	return i
}

// size writes a number of bytes as people say it.
func (l *tongue) size(bytes int64) string {
	for _, unit := range []struct {
		bytes int64
		word  string
	}{{1 << 20, "size.megabytes"}, {1 << 10, "size.kilobytes"}} {
		if bytes >= unit.bytes {
			return l.word(unit.word, l.number(bytes/unit.bytes)) // downwards: what is less is taken
		}
	}
	return l.word("size.bytes", l.number(bytes))
}

// Erases says whether something is to be erased, and Gives whether something is to be
// looked up.
func (t task) Erases() bool {
	return slices.ContainsFunc(t.Questions, func(q taskQuestion) bool { return q.Erasure })
}
func (t task) Gives() bool {
	return slices.ContainsFunc(t.Questions, func(q taskQuestion) bool { return !q.Erasure })
}

// Title is what the connection is called.
func (t task) Title() string {
	if t.Name != "" {
		return t.Name
	}
	return t.Connection
}

// within tells a form which fields it has; nil is none.
func (t task) within(f *form) {
	if f == nil {
		return
	}
	f.has("nothing")
	for _, q := range t.Questions {
		f.has(q.Key)
	}
}

// Files says whether one of the questions is answered by files.
func (t task) Files() bool {
	return slices.ContainsFunc(t.Questions, func(q taskQuestion) bool { return q.Type == "file" })
}

// maxFiles bounds what one answer brings, in bytes; the API has its own bounds.
const maxFiles = 256 << 20

// taskView is a task as it is answered. Token is that of the letter; "" for an
// operator.
type taskView struct {
	task
	Token string
	Done  bool
}

func showTask(v *visit) error { return v.task(http.StatusOK, nil) }

func (v *visit) task(status int, f *form) error {
	var t task
	if err := v.post("/public/tasks/show", map[string]string{"token": v.link()}, &t); err != nil {
		return err
	}
	t.within(f)
	return v.show(status, "center/task", taskView{t, v.link(), false}, f)
}

// answerTask hands on what a colleague has entered. Where something is wrong, all
// but files stands in the form again: no page may choose files in somebody's place.
func answerTask(v *visit) error {
	v.here = v.r.URL.Path
	var t task
	err := v.forwardForm("/public/tasks/answer", &t)
	if err == nil {
		return v.show(http.StatusOK, "center/task", taskView{t, "", true}, nil)
	}
	if is(err, http.StatusForbidden, http.StatusConflict) {
		return err
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.task(status, f)
}

// operatorTask is the path of the API for a task that an operator answers.
func (v *visit) operatorTask() string {
	return "/requests/" + url.PathEscape(v.r.PathValue("id")) + "/tasks/" + url.PathEscape(v.r.PathValue("connection"))
}

func showOperatorTask(v *visit) error { return v.showOperatorTask(http.StatusOK, nil) }

func (v *visit) showOperatorTask(status int, f *form) error {
	var t task
	if err := v.get(v.operatorTask(), &t); err != nil {
		return err
	}
	t.within(f)
	return v.show(status, "admin/task", taskView{task: t}, f)
}

func answerOperatorTask(v *visit) error {
	v.here = v.r.URL.Path
	err := v.forwardForm(v.operatorTask(), nil)
	if err == nil {
		return v.redirect("/admin/requests/" + url.PathEscape(v.r.PathValue("id")))
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.showOperatorTask(status, f)
}

// taskList is what waits for colleagues.
type taskList struct {
	Items []task
	Next  string // the address of the next page; "" on the last
}

func listTasks(v *visit) error {
	asked := url.Values{}
	if cursor := v.r.URL.Query().Get("cursor"); cursor != "" {
		asked.Set("cursor", cursor)
	}
	var page taskPage
	if err := v.get("/tasks?"+asked.Encode(), &page); err != nil {
		return err
	}
	list := taskList{Items: page.Items}
	if page.Next != "" {
		list.Next = "/admin/tasks?" + url.Values{"cursor": {page.Next}}.Encode()
	}
	return v.show(http.StatusOK, "admin/tasks", list, nil)
}
