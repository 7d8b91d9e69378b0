package web

import (
	"net/http"
	"time"
)

// What the API tells of what colleagues are asked.
type (
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
	for _, tag := range []string{l.Tag, "", spoken[0]} {
		if text := q.Labels[tag]; text != "" {
			return text
		}
	}
	for _, text := range q.Labels {
		return text
	}
	return q.Key
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
	for _, q := range t.Questions {
		f.has(q.Key)
	}
}

// maxFiles bounds what one answer brings, in bytes; the API has its own bounds.
const maxFiles = 256 << 20

// taskView is a task as it is answered. Token is that of the letter.
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

// answerTask hands on what a colleague has entered. What was wrong must be
// entered anew, since files cannot be kept for another try.
func answerTask(v *visit) error {
	v.here = v.r.URL.Path
	var t task
	err := v.forward("/public/tasks/answer", &t)
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
