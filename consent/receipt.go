package consent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
)

// Evidence is all that proves one record, without the ledger: its leaf, what
// the leaf commits to, the way from the leaf to the root of the tenant's
// tree, and the root, signed. It proves the same after the person's data was
// erased.
type Evidence struct {
	Leaf       audit.Leaf      `json:"leaf"`
	Salt       []byte          `json:"salt"`
	Details    json.RawMessage `json:"details"`
	Proof      []tlog.Hash     `json:"proof"`
	Checkpoint string          `json:"checkpoint"` // signed note, https://c2sp.org/tlog-checkpoint
	Key        string          `json:"key"`        // public key of the signature, the text of a note key
}

// Verified is what a receipt was found to say.
type Verified struct {
	Tenant string
	Record Record
	Size   int64 // of the log that was signed
	// KeyFromOutside: the key was given, not taken from the receipt.
	KeyFromOutside bool
}

// Receipt writes the record as a consent receipt in the sense of ISO/IEC TS
// 27560:2023, as JSON-LD with the terms of the Data Privacy Vocabulary 2. All
// that it says follows from the evidence, which is part of it; so nothing of
// it can be changed unnoticed.
func (e Evidence) Receipt() ([]byte, error) {
	r, err := RecordOf(e.Leaf, e.Details)
	if err != nil {
		return nil, err
	}
	origin, _, _ := strings.Cut(e.Checkpoint, "\n")
	controller := node{ID: "urn:volenti:" + origin}
	person := node{ID: "urn:uuid:" + r.Subject.String()}
	doc := receipt{
		Context: map[string]string{
			"dpv": "https://w3id.org/dpv#", "dct": "http://purl.org/dc/terms/",
			"schema": "https://schema.org/", "volenti": "https://volenti.dev/ns#",
		},
		Type: "dpv:ConsentReceipt", Identifier: "urn:uuid:" + r.ID + "#receipt",
		ConformsTo: []string{"https://w3id.org/dpv/schema/dpv-27560#receipt"},
		Created:    r.At, Publisher: controller, Recipient: person,
		Record: []record{{
			Type: "dpv:ConsentRecord", Identifier: "urn:uuid:" + r.ID,
			ConformsTo: []string{"https://w3id.org/dpv/schema/dpv-27560#record"},
			Subject:    person, Controller: []node{controller},
			Process: []process{{
				Purpose:    []named{{ID: "urn:volenti:" + origin + ":purpose:" + r.Purpose, Name: r.Purpose}},
				LegalBasis: r.LegalBasis,
			}},
			Notice:   shown(origin, r),
			Status:   []status{statusOf(r)},
			Sequence: r.Sequence, Supersedes: r.Supersedes,
		}},
		Evidence: e,
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("write the receipt: %w", err)
	}
	return b.Bytes(), nil
}

// MaxReceipt is the size of the largest receipt in bytes.
const MaxReceipt = 256 << 10

// VerifyReceipt checks a receipt with nothing but the receipt and the public
// key, the text of a note key. With "" it takes the key in the receipt, which
// shows that the receipt is whole, not whose it is.
func VerifyReceipt(text []byte, key string) (Verified, error) {
	if len(text) > MaxReceipt {
		return Verified{}, fmt.Errorf("the file has more than %d bytes: it is not a receipt", MaxReceipt)
	}
	var doc struct {
		Evidence Evidence `json:"volenti:evidence"`
	}
	if json.Unmarshal(text, &doc) != nil || doc.Evidence.Checkpoint == "" {
		return Verified{}, errors.New("this is not a consent receipt, or it was damaged")
	}
	e := doc.Evidence
	if key != "" && key != e.Key {
		return Verified{}, errors.New("the receipt was signed with another key than the one that was given: it is of another tenant or installation, or forged")
	}
	size, err := audit.VerifyRecord(audit.Record{Leaf: e.Leaf, Salt: e.Salt, Details: compact(e.Details)}, e.Proof, e.Checkpoint, e.Key)
	if err != nil {
		return Verified{}, err
	}
	r, err := RecordOf(e.Leaf, e.Details)
	if err != nil {
		return Verified{}, err
	}
	again, err := e.Receipt()
	if err != nil {
		return Verified{}, err
	}
	if !bytes.Equal(compact(again), compact(text)) {
		return Verified{}, errors.New("the receipt says something else than what was signed: it was edited")
	}
	return Verified{Tenant: e.Leaf.Tenant, Record: r, Size: size, KeyFromOutside: key != ""}, nil
}

func compact(text []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return nil
	}
	return b.Bytes()
}

// The document, in the order in which it is written.
type (
	receipt struct {
		Context    map[string]string `json:"@context"`
		Type       string            `json:"@type"`
		Identifier string            `json:"dct:identifier"`
		ConformsTo []string          `json:"dct:conformsTo"`
		Created    time.Time         `json:"dct:created"`
		Publisher  node              `json:"dct:publisher"`
		Recipient  node              `json:"schema:recipient"`
		Record     []record          `json:"dpv:hasRecordOfActivity"`
		Evidence   Evidence          `json:"volenti:evidence"`
	}
	record struct {
		Type       string    `json:"@type"`
		Identifier string    `json:"dct:identifier"`
		ConformsTo []string  `json:"dct:conformsTo"`
		Subject    node      `json:"dpv:hasDataSubject"`
		Controller []node    `json:"dpv:hasDataController"`
		Process    []process `json:"dpv:hasProcess"`
		Notice     []notices `json:"dpv:hasNotice"`
		Status     []status  `json:"dpv:hasConsentStatus"`
		Sequence   int64     `json:"volenti:sequence"`
		Supersedes int64     `json:"volenti:supersedes"`
	}
	node struct {
		ID string `json:"@id"`
	}
	named struct {
		ID   string `json:"@id"`
		Name string `json:"schema:name"`
	}
	process struct {
		Purpose    []named `json:"dpv:hasPurpose"`
		LegalBasis string  `json:"dpv:hasLegalBasis"`
	}
	notices struct {
		ID       string `json:"@id"`
		Version  string `json:"schema:version"`
		Language string `json:"dct:language,omitempty"`
		Digest   string `json:"volenti:sha256,omitempty"`
	}
	status struct {
		Type   []string  `json:"@type"`
		By     node      `json:"dpv:isIndicatedBy"`
		Method string    `json:"dpv:hasIndicationMethod"`
		At     time.Time `json:"dpv:isIndicatedAtTime"`
	}
)

func shown(origin string, r Record) []notices {
	if r.Notice == "" {
		return []notices{}
	}
	return []notices{{"urn:volenti:" + origin + ":notice:" + r.Notice, r.Notice, r.Language, r.Digest}}
}

func statusOf(r Record) status {
	s := status{By: node{"urn:uuid:" + r.Subject.String()}, Method: string(r.Source), At: r.Given}
	switch r.Choice {
	case Granted:
		s.Type = []string{"dpv:ConsentGiven", "dpv:ExpressedConsent"}
	case Refused:
		s.Type = []string{"dpv:ConsentRefused", "dpv:ExpressedConsent"}
	case Withdrawn:
		s.Type = []string{"dpv:ConsentWithdrawn", "dpv:ExpressedConsent"}
	default:
		s.Type = []string{"dpv:ConsentExpired"}
	}
	return s
}
