package task_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/request/task"
)

var ask = task.Ask{Connection: "archive", Questions: []task.Question{
	{Key: "name", Type: task.Text, Required: true, Max: 5},
	{Key: "sum", Type: task.Number},
	{Key: "day", Type: task.Date},
	{Key: "gone", Type: task.Boolean, Erasure: true},
	{Key: "scan", Type: task.Files, Max: 1000},
}}

// form writes, with the boundary b, name=value parts, and name@file=contents for files.
func form(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		disposition := ""
		if question, file, isFile := strings.Cut(name, "@"); isFile {
			name, disposition = question, fmt.Sprintf("; filename=%q", file)
		}
		fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=%q%s\r\n\r\n%s\r\n", name, disposition, value)
	}
	return b.String() + "--b--\r\n"
}

// read reads a form, and keeps files in a map.
func read(text io.Reader) (task.Answer, map[string]string, error) {
	kept := map[string]string{}
	f := task.NewForm(text, "b")
	a, err := f.Answer(ask, func(contents io.Reader) (string, string, error) {
		b, err := io.ReadAll(contents)
		id := fmt.Sprint(len(kept))
		kept[id] = string(b)
		return id, "text/plain", err
	})
	return a, kept, err
}

func TestAnswersAreKeptInOneForm(t *testing.T) {
	got, kept, err := read(strings.NewReader(form("name= Ann\r\na", "sum=12.50", "day=2026-02-28", "gone=Yes", `scan@C:\tmp\..\a.pdf=one`, "scan@../../b.pdf=two", "scan@=")))
	if err != nil {
		t.Fatal(err)
	}
	want := task.Answer{
		Values: map[string]string{"name": "Ann\na", "sum": "12.50", "day": "2026-02-28", "gone": "true"},
		Files:  map[string][]task.File{"scan": {{ID: "0", Name: "a.pdf", Type: "text/plain", Size: 3}, {ID: "1", Name: "b.pdf", Type: "text/plain", Size: 3}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if kept["0"] != "one" || kept["1"] != "two" {
		t.Error("the files are others")
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", got, got, got, got); strings.Contains(shown, "Ann") {
		t.Errorf("an answer shows itself: %s", shown)
	}
}

func TestAllThatIsWrongWithAnAnswerIsSaidAtOnce(t *testing.T) { // SE7
	_, kept, err := read(strings.NewReader(form("name=longer", "sum=1e5", "day=2026-02-30", "gone=perhaps", "scan@a=x", "canary=canary")))
	var wrong *task.Wrong
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	var keys []string
	for _, v := range wrong.Violations {
		keys = append(keys, v.Key)
	}
	if d := cmp.Diff([]string{"name", "sum", "day", "gone", ""}, keys); d != "" {
		t.Error(d)
	}
	if len(kept) != 0 {
		t.Error("a file of an answer that is refused anyway was kept")
	}
	for _, value := range []string{"longer", "1e5", "2026-02-30", "perhaps", "canary"} {
		if strings.Contains(err.Error(), value) {
			t.Errorf("the error repeats %s: %v", value, err)
		}
	}
}

func TestFormThatEndsEarlyIsNoAnswer(t *testing.T) { // SE7
	whole := form("name=Ann", "gone=no", "scan@a.pdf="+strings.Repeat("x", 600))
	for n := range len(whole) - len("--\r\n") {
		if _, _, err := read(strings.NewReader(whole[:n])); !errors.Is(err, task.ErrForm) {
			t.Fatalf("cut after %d bytes of %d: %v", n, len(whole), err)
		}
	}
	broken := errors.New("the line is gone")
	if _, _, err := read(io.MultiReader(strings.NewReader(whole[:len(whole)-100]), iotest.ErrReader(broken))); !errors.Is(err, task.ErrForm) || !errors.Is(err, broken) {
		t.Errorf("a line that breaks: %v", err)
	}
}

func TestErasureIsConfirmedByYesOrByNothing(t *testing.T) {
	for parts, want := range map[string]int{"name=a,gone=yes": 0, "name=a,gone=no": 1, "nothing=true": 0} {
		a, _, err := read(strings.NewReader(form(strings.Split(parts, ",")...)))
		if err != nil {
			t.Fatal(err)
		}
		if got := ask.Unconfirmed(a); got != want {
			t.Errorf("%s: %d", parts, got)
		}
	}
	if ask.Unconfirmed(task.Answer{}) != 1 {
		t.Error("no answer at all confirms something")
	}
}

func TestPiecesAreTheWholeInOrder(t *testing.T) {
	for _, size := range []int{0, 1, 6, 7, 8, 14, 15} {
		whole := bytes.Repeat([]byte("abc"), size)[:size]
		var got []byte
		last := -1
		err := task.Pieces(iotest.OneByteReader(bytes.NewReader(whole)), 7, func(n int, piece []byte) error {
			if n != last+1 || len(piece) == 0 || len(piece) > 7 {
				t.Errorf("piece %d behind %d, of %d bytes", n, last, len(piece))
			}
			last = n
			got = append(got, piece...)
			return nil
		})
		if err != nil || !bytes.Equal(got, whole) || last+1 != (size+6)/7 {
			t.Errorf("%d bytes: %d in %d pieces, %v", size, len(got), last+1, err)
		}
	}
	if err := task.Pieces(iotest.ErrReader(io.ErrUnexpectedEOF), 7, func(int, []byte) error { return nil }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a source that ends early: %v", err)
	}
}

func TestLabelIsInTheLanguageThatComesClosest(t *testing.T) {
	both := task.Label{"en": "Name", "de": "Vorname"}
	for language, want := range map[string]string{"de-AT": "Vorname", "de": "Vorname", "fr": "Name", "": "Name"} {
		if got := both.In(language); got != want {
			t.Errorf("%q: %q", language, got)
		}
	}
	if (task.Label{"": "Any", "de": "x"}).In("fr") != "Any" || (task.Label{"it": "Nome", "pl": "x"}).In("fr") != "Nome" || (task.Label{}).In("fr") != "" {
		t.Error("a label that has neither the language nor English")
	}
}

// FuzzForm: whatever arrives, it is an answer that keeps to the questions, what
// a person can mend, or no form.
func FuzzForm(f *testing.F) {
	f.Add([]byte(form("name=Ann", "gone=no", "scan@a.pdf=x")))
	f.Add([]byte(form("nothing=true")))
	f.Add([]byte(form("name=Ann", "gone=no", "scan@a.pdf="+strings.Repeat("x", 1001))))
	f.Add([]byte(form("name=\xff", "sum=..", "name=2", "scan=text")))
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=name\r\nContent-Transfer-Encoding: base64\r\n\r\nQQ==\r\n--b--"))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, kept, err := read(bytes.NewReader(text))
		var wrong *task.Wrong
		switch {
		case errors.As(err, &wrong):
			if len(wrong.Violations) == 0 {
				t.Error("nothing is wrong with it")
			}
			return
		case errors.Is(err, task.ErrForm):
			return
		case err != nil:
			t.Fatal(err)
		}
		if a.Nothing == (len(a.Values)+len(a.Files) > 0) {
			t.Errorf("%d values, %d files, nothing: %v", len(a.Values), len(a.Files), a.Nothing)
		}
		for key := range a.Values {
			if q := ask.Question(key); q == nil || q.Type == task.Files || q.Value(a) == nil {
				t.Errorf("an answer to %q", key)
			}
		}
		for key, files := range a.Files {
			for _, file := range files {
				if key != "scan" || int64(len(kept[file.ID])) != file.Size || file.Size == 0 || file.Size > 1000 || strings.ContainsAny(file.Name, "/\\\x00\n") {
					t.Errorf("a file of %q: %d bytes", key, file.Size)
				}
			}
		}
	})
}
