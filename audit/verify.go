package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Options are what the one who verifies knows from elsewhere. Without them
// Verify shows only that the export is whole, not whose it is.
type Options struct {
	// Verifier is the tenant's public key, the text of a note key; "" trusts
	// the key that the export names.
	Verifier string
	// Remembered is the signed checkpoint of an earlier export, which this one
	// must continue; nil when there is none.
	Remembered []byte
}

// Report is what an export was found to be.
type Report struct {
	Tenant         string    `json:"tenant"` // "" when there are no records to show it
	Size           int64     `json:"size"`   // records
	Root           tlog.Hash `json:"root"`
	Checkpoint     string    `json:"checkpoint"`       // signed; to be remembered for the next time
	Erased         int64     `json:"erased"`           // records whose details are gone
	KeyFromOutside bool      `json:"key_from_outside"` // the key was given, not taken from the export
	First          time.Time `json:"first"`
	Last           time.Time `json:"last"`
}

// Finding is the error of an export that does not verify.
type Finding struct {
	Line int // from 1; 0 when it is about Options
	Text string
}

func (f *Finding) Error() string {
	if f.Line == 0 {
		return f.Text
	}
	return fmt.Sprintf("line %d: %s", f.Line, f.Text)
}

// maxLine leaves room for a leaf beside the largest details.
const maxLine = MaxDetails + 8<<10

// Verify checks an export: the signature, that the records are without gap
// those that were signed, and that details which are there are those that
// were logged. It reads in bounded memory. What does not verify gives a
// *Finding; other errors are those of r.
func Verify(r io.Reader, o Options) (Report, error) {
	v := verification{lines: bufio.NewReaderSize(r, maxLine)}
	if err := v.header(o); err != nil {
		return Report{}, err
	}
	for v.tree.size < v.signed.size {
		if err := v.record(); err != nil {
			return Report{}, err
		}
	}
	if _, err := v.next(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = v.finding("there are more records than were signed: something was appended to the export")
		}
		return Report{}, err
	}
	if v.tree.root() != v.signed.root {
		return Report{}, v.finding("the root over all records is not the one that was signed: a record was changed or replaced")
	}
	v.report.Size, v.report.Root = v.signed.size, v.signed.root
	return v.report, nil
}

// verification is the state between lines.
type verification struct {
	lines      *bufio.Reader
	line       int
	tenant     string
	signed     checkpoint
	remembered *checkpoint
	tree       edge
	report     Report
}

func (v *verification) header(o Options) error {
	line, err := v.next()
	if errors.Is(err, io.EOF) {
		v.line = 1
		return v.finding("the export is empty")
	}
	if err != nil {
		return err
	}
	var h Header
	if json.Unmarshal(line, &h) != nil {
		return v.finding("this is not the header of an audit export")
	}
	if h.Format != format {
		return v.finding("the format is not " + format + ": take the version of volenti that wrote the export")
	}
	if again, err := canonical(h); err != nil || !bytes.Equal(again, line) {
		return v.finding("the header is not as it was written: the export was edited")
	}
	if o.Verifier != "" && o.Verifier != h.Verifier {
		return v.finding("the export names another key than the one that was given: it is of another tenant or installation, or forged")
	}
	key, err := openVerifier(h.Verifier)
	if err != nil {
		return v.finding(err.Error())
	}
	if v.signed, err = openCheckpoint(h.Checkpoint, key); err != nil {
		return v.finding(err.Error())
	}
	v.tenant = h.Tenant
	v.report.Checkpoint, v.report.KeyFromOutside = h.Checkpoint, o.Verifier != ""
	return v.remember(o.Remembered, key)
}

func (v *verification) remember(earlier []byte, key note.Verifier) error {
	if earlier == nil {
		return nil
	}
	c, err := openCheckpoint(string(earlier), key)
	if err != nil {
		return &Finding{Text: "the remembered checkpoint is not of this log: " + err.Error()}
	}
	if c.size > v.signed.size {
		return v.finding(fmt.Sprintf("the log has %d records and had %d when it was remembered: it was rolled back, or this is an old export", v.signed.size, c.size))
	}
	v.remembered = &c
	return v.compareRemembered()
}

func (v *verification) record() error {
	line, err := v.next()
	if errors.Is(err, io.EOF) {
		return v.finding(fmt.Sprintf("the export ends after %d of %d records: it was cut off", v.tree.size, v.signed.size))
	}
	if err != nil {
		return err
	}
	var in struct {
		Leaf    Leaf            `json:"leaf"`
		Salt    []byte          `json:"salt"`
		Details json.RawMessage `json:"details"`
	}
	if json.Unmarshal(line, &in) != nil {
		return v.finding("this is not a record of an audit export: the line was changed or damaged")
	}
	r := Record{in.Leaf, in.Salt, in.Details}
	if text := v.judge(r); text != "" {
		return v.finding(text)
	}
	if !bytes.Equal(r.export(), line) {
		return v.finding("the record is not as it was written: the line was edited")
	}
	v.count(r)
	v.tree.add(LeafHash(r.Leaf), nil)
	return v.compareRemembered()
}

// judge tells what is wrong with the next record by itself; "" for nothing.
func (v *verification) judge(r Record) string {
	err := r.Leaf.check()
	switch {
	case err != nil:
		return err.Error() + ": the record was changed"
	case r.Sequence > v.tree.size:
		return fmt.Sprintf("this is record %d where %d is due: records are missing or out of order", r.Sequence, v.tree.size)
	case r.Sequence < v.tree.size:
		return fmt.Sprintf("this is record %d where %d is due: a record was repeated or inserted", r.Sequence, v.tree.size)
	case r.Tenant != v.tenant:
		return "the record is another tenant's than the header says"
	case len(r.Salt) == 0 && len(r.Details) == 0:
		return "" // erased
	case len(r.Salt) != SaltSize:
		return "the salt is missing or of the wrong size: details and salt are erased together or not at all"
	case commitment(r.Salt, r.Details) != r.Commitment:
		return "the details are not those that were logged: details, salt or commitment were changed"
	}
	return ""
}

func (v *verification) count(r Record) {
	if len(r.Salt) == 0 {
		v.report.Erased++
	}
	if r.Sequence == 0 {
		v.report.Tenant, v.report.First = r.Tenant, r.At
	}
	v.report.Last = r.At
}

func (v *verification) compareRemembered() error {
	if c := v.remembered; c != nil && c.size == v.tree.size && c.root != v.tree.root() {
		return v.finding(fmt.Sprintf("the first %d records are not those that were remembered: the log was forked or rewritten", c.size))
	}
	return nil
}

// next gives the next line without its newline, valid until the next call;
// io.EOF after the last.
func (v *verification) next() ([]byte, error) {
	line, err := v.lines.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF) && len(line) == 0:
		return nil, io.EOF
	case errors.Is(err, io.EOF):
		v.line++
		return nil, v.finding("the line is not complete: the export was cut off")
	case errors.Is(err, bufio.ErrBufferFull):
		v.line++
		return nil, v.finding(fmt.Sprintf("the line is longer than %d bytes: this is not an audit export", maxLine))
	case err != nil:
		return nil, fmt.Errorf("read the audit export: %w", err)
	}
	v.line++
	return line[:len(line)-1], nil
}

func (v *verification) finding(text string) error { return &Finding{Line: v.line, Text: text} }
