// Package delivery makes the package that a data subject receives: a page to
// read, a spreadsheet per collection, and everything as JSON. Its input are
// rows that have been filtered already; none is held longer than it takes to
// write it.
//
//	index.html      what is held, where, and what is kept and why
//	data.json       {"dataset:collection": [rows]}, complete
//	csv/001.csv     one per collection, in the order of the page
//	files/001.pdf   what colleagues have handed in, as it is
//	consents.json   what the person agreed to, and what they chose in banners
//
// Everything in a row is data of unknown origin: it never becomes markup, a
// formula, or the name of a file.
package delivery

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/datamap/value"
)

// Collection is what one table, document collection or endpoint holds of the
// person.
type Collection struct {
	Address string   // "dataset:collection", once per package
	Title   string   // for people; derived from Address when empty
	Fields  []string // the columns of CSV and page, in order
	// Rows gives the rows to yield and returns its first error. It is called
	// once for each file and must give the same rows every time. A row belongs
	// to the caller again when yield has returned.
	Rows func(yield func(map[string]any) error) error
}

// Package is all that a person receives. Where several access rules apply, a
// collection has the union of their fields.
type Package struct {
	Controller  string // the company's name, as the person knows it
	RequestID   string
	Language    string    // BCP 47, of the page; English where there are no words for it
	Created     time.Time // also the time of every file in it
	Kept        []Kept
	LeftOut     []Omitted
	Collections []Collection
	Files       []File
	Agreed      []byte // consents.json; nil for none
}

// Kept is data that was not erased although that was asked for.
type Kept struct {
	What   string
	Reason string
	Ground string     // the law
	Until  value.Date // the last day; "" where there is no end
}

// WritePackage writes the package as a ZIP file. The same input gives the same
// bytes. Collections without rows are left out. What data.json is goes to also
// as well, so that rows are gathered once for both.
func WritePackage(w io.Writer, p Package, also ...io.Writer) error {
	z := zip.NewWriter(w)
	held, err := writeData(z, p, also)
	if err != nil {
		return err
	}
	for i := range held {
		held[i].File = fmt.Sprintf("csv/%03d.csv", i+1)
		err := writeFile(z, held[i].File, p.Created, func(w io.Writer) error { return WriteCSV(w, held[i].Collection) })
		if err != nil {
			return err
		}
	}
	err = writeFile(z, "index.html", p.Created, func(w io.Writer) error { return writePage(w, p, held) })
	if err != nil {
		return err
	}
	for i, f := range p.Files {
		if err := writeFile(z, FileName(i+1, f), p.Created, f.Write); err != nil {
			return err
		}
	}
	if p.Agreed != nil {
		err := writeFile(z, "consents.json", p.Created, func(w io.Writer) error {
			_, err := w.Write(p.Agreed)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	return nil
}

// section is a collection that has rows.
type section struct {
	Collection
	Count int    // of rows
	File  string // its CSV
}

// writeData writes data.json and learns what there is: how many rows each
// collection has, and fields that its description does not name.
func writeData(z *zip.Writer, p Package, also []io.Writer) ([]section, error) {
	all := make([]section, len(p.Collections))
	surveyed := slices.Clone(p.Collections)
	for i := range surveyed {
		all[i].Collection = p.Collections[i]
		surveyed[i].Rows = all[i].survey
	}
	err := writeFile(z, "data.json", p.Created, func(w io.Writer) error {
		return WriteJSON(io.MultiWriter(append(also, w)...), surveyed)
	})
	return slices.DeleteFunc(all, func(s section) bool { return s.Count == 0 }), err
}

func (s *section) survey(yield func(map[string]any) error) error {
	known := map[string]bool{}
	for _, name := range s.Fields {
		known[name] = true
	}
	extra := map[string]bool{}
	err := s.Rows(func(row map[string]any) error {
		s.Count++
		for name := range row {
			if !known[name] {
				extra[name] = true
			}
		}
		return yield(row)
	})
	s.Fields = append(slices.Clip(s.Fields), slices.Sorted(maps.Keys(extra))...)
	return err
}

func writeFile(z *zip.Writer, name string, at time.Time, write func(io.Writer) error) error {
	f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at.UTC()})
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	b := bufio.NewWriterSize(f, 32<<10)
	if err := errors.Join(write(b), b.Flush()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// name is what people read for the collection.
func (c Collection) name() string {
	if c.Title != "" {
		return c.Title
	}
	_, collection, _ := strings.Cut(c.Address, ":")
	return humanise(collection)
}

// holder is what people read for the system it is in.
func (c Collection) holder() string {
	dataset, _, _ := strings.Cut(c.Address, ":")
	return humanise(dataset)
}
