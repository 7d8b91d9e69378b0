package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
)

// problem is what the API answers when it does not do something (RFC 9457).
type problem struct {
	Status int         `json:"status"`
	Detail string      `json:"detail"`
	Errors []violation `json:"errors"`
}

// violation is one thing that is wrong with what was sent.
type violation struct {
	Where string `json:"where"`
	What  string `json:"what"`
}

func (p *problem) Error() string { return fmt.Sprintf("%d: %s", p.Status, p.Detail) }

var (
	notFound = &problem{Status: http.StatusNotFound}
	internal = &problem{Status: http.StatusInternalServerError}
)

// of gives the problem that an error is; one of ours where it is none.
func of(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	return internal
}

// is says whether an error is a problem with one of these statuses.
func is(err error, statuses ...int) bool {
	var p *problem
	if !errors.As(err, &p) {
		return false
	}
	for _, s := range statuses {
		if p.Status == s {
			return true
		}
	}
	return false
}

const base = "/api/v1"

// get reads what lies at a path of the API into out.
func (v *visit) get(path string, out any) error {
	v.read = append(v.read, path)
	return v.ask(http.MethodGet, path, nil, out)
}

// look is get of what is asked for by a body.
func (v *visit) look(path string, body, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("ask the API: %w", err)
	}
	v.read = append(v.read, path+"\n"+string(text))
	return v.post(path, body, out)
}

// post sends a body to a path of the API, and reads the answer into out,
// unless that is nil.
func (v *visit) post(path string, body, out any) error {
	return v.ask(http.MethodPost, path, body, out)
}

// ask asks the API as the visitor. It fails with a *problem when the API does
// not do it.
func (v *visit) ask(method, path string, body, out any) error {
	text := []byte(nil)
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return fmt.Errorf("ask the API: %w", err)
		}
	}
	w := &kept{to: v.w, header: http.Header{}}
	if err := v.call(w, method, path, "application/json", bytes.NewReader(text)); err != nil {
		return err
	}
	return v.answered(w, out)
}

// forward hands the body of a form on as it arrives.
func (v *visit) forward(path string, out any) error {
	w := &kept{to: v.w, header: http.Header{}}
	if err := v.call(w, http.MethodPost, path, v.r.Header.Get("Content-Type"), v.r.Body); err != nil {
		return err
	}
	return v.answered(w, out)
}

// answered reads an answer into out, unless that is nil.
func (v *visit) answered(w *kept, out any) error {
	if w.status >= http.StatusBadRequest {
		return refused(w.status, w.body.Bytes())
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(w.body.Bytes(), out); err != nil {
		return fmt.Errorf("read what the API answered to %s: %w", v.page.Path, err)
	}
	return nil
}

// call hands a request on, within the process.
func (v *visit) call(w http.ResponseWriter, method, path, kind string, body io.Reader) error {
	r, err := http.NewRequestWithContext(v.r.Context(), method, base+path, body)
	if err != nil {
		return fmt.Errorf("ask the API: %w", err)
	}
	r.RemoteAddr = v.r.RemoteAddr
	for _, name := range []string{"Forwarded", "X-Forwarded-For"} { // for those who are told to believe them
		r.Header[name] = v.r.Header.Values(name)
	}
	if v.token != "" {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	if method == http.MethodPut {
		r.Header.Set("Content-Type", kind)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", kind)
		if once := v.once(); once != "" {
			r.Header.Set("Idempotency-Key", once)
		}
	}
	v.p.config.API.ServeHTTP(w, r)
	return nil
}

// refused reads a problem. An id that is none is one that nothing has.
func refused(status int, text []byte) error {
	p := &problem{}
	if err := json.Unmarshal(text, p); err != nil || p.Status != status {
		return fmt.Errorf("the API answered %d and not why", status)
	}
	if slices.ContainsFunc(p.Errors, func(v violation) bool { return v.Where == "path.id" }) {
		return notFound
	}
	return p
}

// relay hands a file of the API on to the visitor, under a name.
func (v *visit) relay(method, path string, body any, name string) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("ask the API: %w", err)
	}
	w := &relay{to: v.w, header: http.Header{}, name: name}
	if err := v.call(w, method, path, "application/json", bytes.NewReader(text)); err != nil {
		return err
	}
	if w.status >= http.StatusBadRequest {
		return refused(w.status, w.problem.Bytes())
	}
	return nil
}

// kept keeps an answer.
type kept struct {
	to     http.ResponseWriter // whose connection it is
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *kept) Header() http.Header { return w.header }

func (w *kept) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *kept) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *kept) Unwrap() http.ResponseWriter { return w.to }

// relay passes an answer on as a file to be kept, unless it is a problem.
type relay struct {
	to      http.ResponseWriter
	header  http.Header
	name    string
	status  int
	problem bytes.Buffer
}

func (w *relay) Header() http.Header { return w.header }

func (w *relay) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	if w.status = status; status >= http.StatusBadRequest {
		return
	}
	maps.Copy(w.to.Header(), http.Header{
		"Content-Type":            w.header["Content-Type"],
		"Content-Disposition":     {mime.FormatMediaType("attachment", map[string]string{"filename": w.name})},
		"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'; sandbox"},
	})
	for _, name := range []string{"Content-Length", "Content-Disposition"} { // the API may know a better name
		if said := w.header[name]; said != nil {
			w.to.Header()[name] = said
		}
	}
	w.to.WriteHeader(status)
}

func (w *relay) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.status >= http.StatusBadRequest {
		return w.problem.Write(b)
	}
	return w.to.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *relay) Unwrap() http.ResponseWriter { return w.to }

var ()
