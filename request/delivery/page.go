package delivery

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"iter"

	"volenti.dev/volenti/datamap/value"
)

const (
	// mostRows is how many rows of a collection the page shows. Browsers stay
	// quick with this many, and nobody reads more.
	mostRows = 1000
	// mostColumns is how many columns are shown side by side, on a sheet of
	// paper as well; with more, each row becomes a list.
	mostColumns = 7
)

var (
	//go:embed page.css
	style string
	//go:embed page.html
	markup string

	pageTemplate = template.Must(template.New("page").Parse(markup))
)

// page is what page.html shows.
type page struct {
	Say        *tongue
	Controller string
	RequestID  string
	Created    cell
	Total      string
	Style      template.CSS
	Policy     string // the content security policy
	Kept       []kept
	LeftOut    []leftOut
	Files      bool
	Agreed     bool
	Sections   []pageSection
}

type kept struct {
	What, Reason, Ground string
	Until                cell
}

type leftOut struct{ What, Reason, Much string }

type pageSection struct {
	Say     *tongue
	ID      string // our own counter, never from data
	Title   string
	Holder  string
	Address string
	Entries string
	File    string
	Shown   string // how many entries are shown, "" for all
	Columns []string
	Table   bool // else a list for every row
	Single  bool
	Rows    iter.Seq[pageRow]
}

type pageRow struct {
	Number string
	Parts  []part
}

func writePage(w io.Writer, p Package, held []section) error {
	out := &failing{w: w}
	total := 0
	l := tongueOf(p.Language)
	view := page{Say: l, Controller: p.Controller, RequestID: p.RequestID, Style: template.CSS(style), Policy: policy(), Files: len(p.Files) > 0, Agreed: p.Agreed != nil}
	if !p.Created.IsZero() {
		view.Created = l.cell(p.Created, 0)
	}
	for _, k := range p.Kept {
		view.Kept = append(view.Kept, kept{k.What, k.Reason, k.Ground, untilCell(l, k.Until)})
	}
	for _, o := range p.LeftOut {
		much := l.LeftOutAll
		if o.Values > 0 {
			much = fmt.Sprintf(l.ValuesN, l.thousands(o.Values))
		}
		view.LeftOut = append(view.LeftOut, leftOut{o.What, l.reason(o.Reason), much})
	}
	for i, s := range held {
		total += s.Count
		view.Sections = append(view.Sections, sectionOf(l, i, s, out))
	}
	view.Total = l.entries(total)
	return errors.Join(pageTemplate.Execute(out, view), out.err)
}

// policy allows the one style sheet of the page and nothing else, should
// anything ever slip through the escaping.
func policy() string {
	sum := sha256.Sum256([]byte(style))
	return fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'", base64.StdEncoding.EncodeToString(sum[:]))
}

func untilCell(l *tongue, d value.Date) cell {
	if d == "" {
		return cell{}
	}
	return l.cell(d, 0)
}

func sectionOf(l *tongue, i int, s section, out *failing) pageSection {
	view := pageSection{
		Say: l, ID: fmt.Sprintf("c%d", i+1), Title: s.name(), Holder: s.holder(), Address: s.Address, File: s.File,
		Entries: l.entries(s.Count), Single: s.Count == 1, Rows: rowsOf(l, s, out),
	}
	view.Table = !view.Single && len(s.Fields) <= mostColumns
	if s.Count > mostRows {
		view.Shown = fmt.Sprintf(l.ShownN, l.thousands(mostRows), l.thousands(s.Count))
	}
	for _, name := range s.Fields {
		view.Columns = append(view.Columns, humanise(name))
	}
	return view
}

var errEnough = errors.New("enough")

// rowsOf streams the rows that are shown. An error ends the page, and is
// kept in out.
func rowsOf(l *tongue, s section, out *failing) iter.Seq[pageRow] {
	return func(yield func(pageRow) bool) {
		n := 0
		err := s.Rows(func(row map[string]any) error {
			n++
			view := pageRow{Number: l.thousands(n)}
			for _, name := range s.Fields {
				view.Parts = append(view.Parts, part{humanise(name), l.cell(row[name], mostLevels)})
			}
			if !yield(view) || n == mostRows || out.err != nil {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			out.fail(fmt.Errorf("%s: %w", s.Address, err))
		}
	}
}

// failing remembers the first error and writes nothing after it: the template
// must not stop in the middle of somebody's Rows.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(b []byte) (int, error) {
	if f.err == nil {
		_, err := f.w.Write(b)
		f.fail(err)
	}
	return len(b), nil
}

func (f *failing) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}
