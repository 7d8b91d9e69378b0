package site

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
)

// Entry is a record of a consent as it stands in the audit log.
type Entry struct {
	Act      string    `json:"act"`
	Consent  string    `json:"consent"` // id
	Sequence int64     `json:"sequence"`
	At       time.Time `json:"recorded_at"`
	Record   Record    `json:"record"`
}

// recorded are the acts that are records of a consent.
var recorded = []string{ActGiven, ActUpdated, ActWithdrawn, ActExpired, ActErased}

// EntryOf reads a record of the audit log. It is ErrNotFound when it is no
// record of a consent; one whose details were erased has an empty Record.
func EntryOf(r audit.Record) (Entry, error) {
	id, ok := strings.CutPrefix(r.Object, Object(""))
	if !ok || !slices.Contains(recorded, r.Act) {
		return Entry{}, ErrNotFound
	}
	e := Entry{Act: r.Act, Consent: id, Sequence: r.Sequence, At: r.At}
	if r.Details == nil {
		return e, nil
	}
	if err := json.Unmarshal(r.Details, &e.Record); err != nil {
		return Entry{}, fmt.Errorf("read record %d of a consent: %w", r.Sequence, err)
	}
	return e, nil
}

// receiptForm is what a receipt says that it is.
const receiptForm = "volenti-banner-receipt/1"

// Receipt is all that proves one record, without the server: its leaf, what
// the leaf commits to, the way from the leaf to the root of the tenant's tree,
// and the root, signed. It proves the same when the device is forgotten.
type Receipt struct {
	Form       string          `json:"format"`
	Leaf       audit.Leaf      `json:"leaf"`
	Salt       []byte          `json:"salt"`
	Details    json.RawMessage `json:"details"` // Record
	Proof      []tlog.Hash     `json:"proof"`
	Checkpoint string          `json:"checkpoint"` // signed note, https://c2sp.org/tlog-checkpoint
	Key        string          `json:"key"`        // public key of the signature, the text of a note key
}

// NewReceipt makes the receipt of a record.
func NewReceipt(r audit.Record, proof []tlog.Hash, checkpoint, key string) Receipt {
	return Receipt{receiptForm, r.Leaf, r.Salt, r.Details, proof, checkpoint, key}
}

// Text writes the receipt as JSON. The details stand in it byte for byte, as the
// leaf commits to them.
func (r Receipt) Text() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return nil, fmt.Errorf("write the receipt: %w", err)
	}
	return b.Bytes(), nil
}

// IsReceipt says whether a text says of itself that it is a Receipt.
func IsReceipt(text []byte) bool {
	var r struct {
		Form string `json:"format"`
	}
	return json.Unmarshal(text, &r) == nil && r.Form == receiptForm
}

// VerifyReceipt checks a receipt with nothing but the receipt and the public
// key, the text of a note key. With "" it takes the key in the receipt, which
// shows that the receipt is whole, not whose it is. It gives what was recorded,
// and the size of the log that was signed.
func VerifyReceipt(text []byte, key string) (e Entry, size int64, err error) {
	var r Receipt
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if d.Decode(&r) != nil || r.Form != receiptForm {
		return Entry{}, 0, errors.New("this is not the receipt of a banner, or it was damaged")
	}
	if key != "" && key != r.Key {
		return Entry{}, 0, errors.New("the receipt was signed with another key than the one that was given: it is of another tenant or installation, or forged")
	}
	var details bytes.Buffer
	if err := json.Compact(&details, r.Details); err != nil {
		return Entry{}, 0, errors.New("the details cannot be read: the receipt was damaged")
	}
	record := audit.Record{Leaf: r.Leaf, Salt: r.Salt, Details: details.Bytes()}
	if size, err = audit.VerifyRecord(record, r.Proof, r.Checkpoint, r.Key); err != nil {
		return Entry{}, 0, err
	}
	e, err = EntryOf(record)
	if errors.Is(err, ErrNotFound) {
		err = errors.New("the record is none of a banner")
	}
	return e, size, err
}
