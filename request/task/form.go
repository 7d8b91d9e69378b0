package task

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"volenti.dev/volenti/datamap/value"
)

// ErrForm: what arrived is no form.
var ErrForm = errors.New("the form cannot be read")

// Wrong is all that is wrong with what was entered. It repeats none of it.
type Wrong struct{ Violations []Violation }

// Violation is one thing that is wrong with an answer.
type Violation struct {
	Key  string // of the question; "" for the form as a whole
	What string
}

func (w *Wrong) Error() string {
	var all []string
	for _, v := range w.Violations {
		all = append(all, strings.TrimPrefix(v.Key+": "+v.What, ": "))
	}
	return strings.Join(all, "; ")
}

func (w *Wrong) add(key, format string, args ...any) {
	w.Violations = append(w.Violations, Violation{key, fmt.Sprintf(format, args...)})
}

// Keep stores the contents of a file, as they arrive, and gives the id that
// they are found by, and the media type that their first bytes speak of. What is
// kept for an answer that is not given is lost.
type Keep func(contents io.Reader) (id, mediaType string, err error)

// Form is an answer as multipart/form-data: a part for each question, with the
// question's key as its name; "nothing" says that there is nothing. A question
// for files may have several parts. Parts are read one after the other, and no
// file is held in memory.
type Form struct {
	parts func() (Part, error)
	count int
}

// Part is one part of a form. Its contents are gone when the next is asked for.
type Part interface {
	io.Reader
	FormName() string
	FileName() string // "" where it is no file
}

// NewForm is a form as multipart/form-data, by its boundary. It reads nothing
// yet.
func NewForm(body io.Reader, boundary string) *Form {
	whole := &ending{r: body, mark: []byte("\n--" + boundary + "--"), tail: []byte("\n")}
	r := multipart.NewReader(whole, boundary)
	return FormOf(func() (Part, error) {
		p, err := r.NextRawPart()
		switch {
		case err == nil:
			return p, nil
		case errors.Is(err, io.EOF) && whole.seen:
			return nil, nil
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	})
}

// ending looks for the mark by which a form ends: the end of what arrives may
// come before it.
type ending struct {
	r    io.Reader
	mark []byte
	tail []byte
	seen bool
}

func (e *ending) Read(b []byte) (int, error) {
	n, err := e.r.Read(b)
	if !e.seen {
		e.tail = append(e.tail, b[:n]...)
		e.seen = bytes.Contains(e.tail, e.mark)
		e.tail = append(e.tail[:0], e.tail[max(0, len(e.tail)-len(e.mark)+1):]...)
	}
	return n, err
}

// FormOf is a form whose parts come from elsewhere; nil behind the last.
func FormOf(next func() (Part, error)) *Form { return &Form{parts: next} }

const (
	mostParts = 500
	mostToken = 200 // bytes
	mostName  = 255 // characters of the name of a file
)

// Token reads the part "token", which must be the first.
func (f *Form) Token() (string, error) {
	p, err := f.next()
	if err != nil || p == nil {
		return "", err
	}
	if p.FormName() != tokenPart {
		return "", &Wrong{[]Violation{{tokenPart, "the token must be the first part of the form"}}}
	}
	text, err := f.text(p, mostToken)
	return string(text), err
}

// next gives the next part, nil behind the last.
func (f *Form) next() (Part, error) {
	p, err := f.parts()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if p == nil {
		return nil, nil
	}
	if f.count++; f.count > mostParts {
		return nil, &Wrong{[]Violation{{"", fmt.Sprintf("it has more than %d parts", mostParts)}}}
	}
	return p, nil
}

// text reads a part, and one byte more than most of a longer one.
func (f *Form) text(p io.Reader, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(p, most+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	return b, nil
}

// Answer reads the parts that are left. The error is *Wrong for what the
// person who entered it can mend, ErrForm, or that of keep.
func (f *Form) Answer(ask Ask, keep Keep) (Answer, error) {
	r := reading{Form: f, ask: ask, keep: keep, answer: Answer{Values: map[string]string{}, Files: map[string][]File{}}}
	for {
		p, err := f.next()
		if err != nil {
			return Answer{}, err
		}
		if p == nil {
			break
		}
		if err := r.part(p); err != nil {
			return Answer{}, err
		}
	}
	Check(ask, r.answer, &r.wrong)
	if len(r.wrong.Violations) > 0 {
		return Answer{}, &r.wrong
	}
	return r.answer, nil
}

// reading is a form of which a part was read.
type reading struct {
	*Form
	ask    Ask
	keep   Keep
	answer Answer
	wrong  Wrong
}

func (r *reading) part(p Part) error {
	name := p.FormName()
	q := r.ask.Question(name)
	if q != nil && q.Type == Files {
		return r.file(q, p)
	}
	most := int64(mostToken)
	if q != nil && q.Type == Text {
		most = q.Max * utf8.UTFMax
	}
	text, err := r.text(p, most)
	switch {
	case err != nil:
		return err
	case int64(len(text)) > most:
		r.wrong.add(known(q), "it is too long")
	case name == nothingPart:
		r.answer.Nothing = len(text) > 0 && string(text) != no
	case q == nil:
		r.wrong.add("", "it has a part that is no question here")
	default:
		if _, twice := r.answer.Values[name]; twice {
			r.wrong.add(name, "it is answered twice")
			return nil
		}
		entered, wrong := q.read(string(text))
		if wrong != "" {
			r.wrong.add(name, "%s", wrong)
		}
		if entered != "" || wrong != "" {
			r.answer.Values[name] = entered
		}
	}
	return nil
}

// known is the key of a question; what is none is not repeated.
func known(q *Question) string {
	if q == nil {
		return ""
	}
	return q.Key
}

// read gives what was entered in the form in which it is kept, "" for nothing,
// and what is wrong with it.
func (q *Question) read(text string) (entered, wrong string) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if text == "" {
		return "", ""
	}
	switch q.Type {
	case Number:
		if _, err := value.Cast(text, value.Type{Kind: value.Number}); err != nil {
			return "", "it must be a number, like 12.50"
		}
		return text, ""
	case Date:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return "", "it must be a date, like 2026-12-31"
		}
		return text, ""
	case Boolean:
		switch strings.ToLower(text) {
		case yes, "yes", "on":
			return yes, ""
		case no, "no", "off":
			return no, ""
		}
		return "", "it must be yes or no"
	case Files:
		return "", "it must be a file"
	}
	strange := func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, strange):
		return "", "it must be plain text in UTF-8"
	case int64(utf8.RuneCountInString(text)) > q.Max:
		return "", fmt.Sprintf("it may have %d characters", q.Max)
	}
	return text, ""
}

// file keeps a file that was uploaded. A browser sends an empty part without a
// name where none was chosen.
func (r *reading) file(q *Question, p Part) error {
	contents := &counting{r: io.LimitReader(p, q.Max+1)}
	head := bufio.NewReader(contents)
	first, err := head.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	name := filename(p)
	switch {
	case len(first) == 0 && name == "":
		return nil
	case len(first) == 0:
		r.wrong.add(q.Key, "a file is empty")
		return nil
	case len(r.wrong.Violations) > 0:
		return nil // it is refused anyway
	}
	kept := File{Name: name}
	kept.ID, kept.Type, err = r.keep(head)
	switch {
	case errors.Is(err, ErrTooMuch):
		r.wrong.add(q.Key, "the files are too large together")
		return nil
	case contents.failed != nil:
		return fmt.Errorf("%w: %w", ErrForm, contents.failed)
	case err != nil:
		return err
	}
	if kept.Size = contents.n; kept.Size > q.Max {
		r.wrong.add(q.Key, "a file is larger than %d bytes", q.Max)
		return nil
	}
	r.answer.Files[q.Key] = append(r.answer.Files[q.Key], kept)
	return nil
}

// counting counts what was read, and keeps why no more could be.
type counting struct {
	r      io.Reader
	n      int64
	failed error
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.failed = err
	}
	return n, err
}

// filename is how a file is called by whoever sent it, fit to be shown.
func filename(p Part) string {
	name := strings.ToValidUTF8(p.FileName(), "\uFFFD")
	name = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) {
			return -1
		}
		return c
	}, path.Base(strings.ReplaceAll(name, `\`, "/")))
	if runes := []rune(name); len(runes) > mostName {
		name = string(runes[:mostName])
	}
	if name == "." || name == "/" {
		return ""
	}
	return name
}

// Check adds what is missing in an answer.
func Check(ask Ask, a Answer, wrong *Wrong) {
	if a.Nothing {
		if len(a.Values) > 0 || len(a.Files) > 0 {
			wrong.add(nothingPart, "it says that there is nothing, and there are answers")
		}
		return
	}
	for _, q := range ask.Questions {
		told := slices.ContainsFunc(wrong.Violations, func(v Violation) bool { return v.Key == q.Key })
		_, given := a.Values[q.Key]
		if q.Required && !given && len(a.Files[q.Key]) == 0 && !told {
			wrong.add(q.Key, "an answer is needed")
		}
	}
	if len(a.Values) == 0 && len(a.Files) == 0 && len(wrong.Violations) == 0 {
		wrong.add("", "enter something, or say that nothing was found")
	}
}

// Pieces cuts what is read into pieces of size bytes; a piece is the caller's
// until each returns.
func Pieces(r io.Reader, size int, each func(n int, piece []byte) error) error {
	piece := make([]byte, size)
	for n := 0; ; n++ {
		got := 0
		var err error
		for got < size && err == nil {
			var more int
			more, err = r.Read(piece[got:])
			got += more
		}
		if got > 0 {
			if err := each(n, piece[:got]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a file: %w", err)
		}
	}
}
