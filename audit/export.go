package audit

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

const format = "volenti-audit/1"

// Header is the first line of an export.
type Header struct {
	Format     string `json:"format"` // set by NewExporter
	Tenant     string `json:"tenant"`
	Verifier   string `json:"verifier"`   // public key, the text of a note key
	Checkpoint string `json:"checkpoint"` // signed note
}

// Exporter writes an export, record by record. It judges nothing: what is
// wrong with a log is for Verify to say.
type Exporter struct{ w *bufio.Writer }

// NewExporter writes the header.
func NewExporter(w io.Writer, h Header) (*Exporter, error) {
	h.Format = format
	line, err := canonical(h)
	if err != nil {
		return nil, errors.New("export the audit log: the header cannot be written as JSON")
	}
	x := &Exporter{bufio.NewWriter(w)}
	return x, x.line(line)
}

// Record writes the next record. Records are due in order, from sequence 0
// to the size of the checkpoint.
func (x *Exporter) Record(r Record) error { return x.line(r.export()) }

// Close writes out what is buffered.
func (x *Exporter) Close() error {
	if err := x.w.Flush(); err != nil {
		return fmt.Errorf("export the audit log: %w", err)
	}
	return nil
}

func (x *Exporter) line(b []byte) error {
	if _, err := x.w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("export the audit log: %w", err)
	}
	return nil
}

// export is the record's line in an export, without the newline.
func (r Record) export() []byte {
	b := append([]byte(`{"leaf":`), r.Leaf.Bytes()...)
	if len(r.Salt) > 0 {
		b = append(b, `,"salt":"`...)
		b = base64.StdEncoding.AppendEncode(b, r.Salt)
		b = append(b, '"')
	}
	if len(r.Details) > 0 {
		b = append(b, `,"details":`...)
		b = append(b, r.Details...)
	}
	return append(b, '}')
}
