package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/request/task"
)

// answers are what people have answered, by connection.
type answers map[string][]answer

// answer is one part of what was answered: text, or a file.
type answer struct{ key, text, file string }

// readAnswers reads a file with a mapping for each connection: its fields with
// what was found, names of files being relative to this one; or the word
// nothing.
func readAnswers(path string) (answers, error) {
	all := answers{}
	if path == "" {
		return all, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("answers: %w", err)
	}
	var report source.Report
	for _, d := range source.Documents([]source.File{{Name: path, Data: data}}, &report) {
		m := d.Mapping("a file of answers", &report)
		for _, connection := range m.Keys() {
			all[connection] = readAnswer(m, connection, filepath.Dir(path), &report)
		}
	}
	if found := report.Problems(); source.Failed(found) {
		return nil, problems(found)
	}
	return all, nil
}

func readAnswer(m *source.Mapping, connection, dir string, report *source.Report) (given []answer) {
	n := m.Node(connection)
	if n == nil {
		report.Errorf(m.Where(connection), "write its fields below it, or nothing", "there is no answer of %s", connection)
		return nil
	}
	if n.Kind == source.String {
		if n.String(connection, report) != "nothing" {
			report.Errorf(n.At, "write its fields below it, or nothing", "the answer of %s is neither fields nor nothing", connection)
		}
		return []answer{{key: "nothing", text: "true"}}
	}
	fields := m.Mapping(connection)
	for _, key := range fields.Keys() {
		switch n := fields.Node(key); {
		case n == nil:
		case n.Kind == source.List:
			for _, file := range fields.Strings(key) {
				given = append(given, answer{key: key, file: filepath.Join(dir, file.Value)})
			}
		default:
			given = append(given, answer{key: key, text: n.Scalar(key, report)})
		}
	}
	return given
}

// check says whether all that a plan asks is answered, or can be by who is
// here, and that it is in order. Nothing is read of any system before that.
func (all answers) check(s *session, asks []task.Ask) error {
	for _, a := range asks {
		given, ok := all[a.Connection]
		if !ok && !s.Ask {
			return usage("the plan asks people about %s, and nobody is here to answer: run with --answers FILE", a.Connection)
		}
		if err := try(a, given); ok && err != nil {
			return usage("the answer of %s: %w", a.Connection, err)
		}
	}
	for connection := range all {
		if !slices.ContainsFunc(asks, func(a task.Ask) bool { return a.Connection == connection }) {
			return usage("there is an answer of %s, which the plan does not ask", connection)
		}
	}
	return nil
}

// complete asks who is here for the answers that are missing, and gives them
// all as forms.
func (all answers) complete(s *session, asks []task.Ask) (func(task.Ask) (*task.Form, error), error) {
	for _, a := range asks {
		for all[a.Connection] == nil {
			if !s.Ask {
				return nil, usage("the plan asks people about %s, and nobody is here to answer: run with --answers FILE", a.Connection)
			}
			given, err := askPerson(s, a)
			if err != nil {
				return nil, err
			}
			if err := try(a, given); err != nil {
				fmt.Fprintf(s.Err, "That cannot be taken: %s\n", err)
				continue
			}
			all[a.Connection] = given
		}
	}
	return func(a task.Ask) (*task.Form, error) { return form(all[a.Connection]), nil }, nil
}

// try reads a form and keeps nothing of it.
func try(a task.Ask, given []answer) error {
	_, err := form(given).Answer(a, func(contents io.Reader) (string, string, error) {
		_, err := io.Copy(io.Discard, contents)
		return "", "", err
	})
	return err
}

// askPerson asks whoever is here.
func askPerson(s *session, a task.Ask) (given []answer, err error) {
	lines := bufio.NewReader(s.In)
	ask := func(format string, args ...any) (string, error) {
		fmt.Fprintf(s.Err, format, args...)
		line, err := lines.ReadString('\n')
		if err != nil && (!errors.Is(err, io.EOF) || line == "") {
			return "", usage("nobody answers any more: run with --answers FILE")
		}
		return strings.TrimSpace(line), nil
	}
	language, _ := s.Env("LANG")
	language, _, _ = strings.Cut(language, "_")
	name := a.Connection
	if a.Name != "" {
		name += " (" + a.Name + ")"
	}
	found, err := ask("\n%s: is there anything about the person? [Y/n] ", name)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(strings.ToLower(found), "n") {
		return []answer{{key: "nothing", text: "true"}}, nil
	}
	for _, q := range a.Questions {
		text, err := ask("  %s (%s%s): ", q.Label.In(language), kindOf(q), optional(q))
		switch {
		case err != nil:
			return nil, err
		case text == "":
		case q.Type == task.Files:
			given = append(given, answer{key: q.Key, file: text})
		default:
			given = append(given, answer{key: q.Key, text: text})
		}
	}
	return given, nil
}

func kindOf(q task.Question) string {
	switch q.Type {
	case task.Boolean:
		return "yes or no"
	case task.Date:
		return "date, 2026-12-31"
	case task.Files:
		return "name of a file"
	}
	return string(q.Type)
}

func optional(q task.Question) string {
	if q.Required {
		return ""
	}
	return ", may be empty"
}

// form gives answers as a form; a file is opened when it is come to.
func form(given []answer) *task.Form {
	var open *os.File
	return task.FormOf(func() (task.Part, error) {
		if open != nil {
			_ = open.Close() // it was only read
			open = nil
		}
		if len(given) == 0 {
			return nil, nil
		}
		next := given[0]
		given = given[1:]
		if next.file == "" {
			return formPart{strings.NewReader(next.text), next}, nil
		}
		var err error
		if open, err = os.Open(next.file); err != nil {
			return nil, err
		}
		return formPart{open, next}, nil
	})
}

type formPart struct {
	io.Reader
	answer
}

func (p formPart) FormName() string { return p.key }

func (p formPart) FileName() string {
	if p.file == "" {
		return ""
	}
	return filepath.Base(p.file)
}

// showAsk writes what people are asked.
func showAsk(w io.Writer, a task.Ask) {
	fmt.Fprintf(w, "\n%s (people are asked, and the request waits for them)\n", a.Connection)
	for _, q := range a.Questions {
		does := "entered"
		if q.Erasure {
			does = "erased"
		}
		fmt.Fprintf(w, "  %-10s %s (%s%s): %s\n", does, q.Key, q.Type, optional(q), q.Label.In(""))
	}
}
