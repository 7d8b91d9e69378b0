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
	Facts      json.RawMessage `json:"facts,omitempty"` // of the controller; the record commits to their digest
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

// form counts the forms of receipts, in volenti:version.
const form = 2

// Receipt writes the record as a consent receipt in the sense of ISO/IEC TS
// 27560:2023, as JSON-LD with the terms of the Data Privacy Vocabulary 2. All
// that it says follows from the evidence, which is part of it; so nothing of
// it can be changed unnoticed.
func (e Evidence) Receipt() ([]byte, error) { return e.write(form) }

// write writes the receipt in one of its forms. It fails when the facts are
// not those that the record commits to.
func (e Evidence) write(form int) ([]byte, error) {
	r, err := RecordOf(e.Leaf, e.Details)
	if err != nil {
		return nil, err
	}
	var f facts
	if r.Facts != "" || len(e.Facts) > 0 {
		if digestOf(compact(e.Facts)) != r.Facts {
			return nil, errors.New("the facts of the controller are not those that were signed: they were edited, or left out")
		}
		if err := json.Unmarshal(e.Facts, &f); err != nil {
			return nil, fmt.Errorf("read the facts of the controller: %w", err)
		}
	}
	var doc any = e.first(r)
	if form > 1 {
		doc = e.receipt(r, f)
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

func (e Evidence) receipt(r Record, f facts) receipt {
	origin, _, _ := strings.Cut(e.Checkpoint, "\n")
	controller := party{ID: "urn:volenti:" + origin, Name: f.Controller.Name}
	if f.Controller.Contact != "" {
		controller.Contact = &node{f.Controller.Contact}
	}
	person := node{ID: "urn:uuid:" + r.Subject.String()}
	return receipt{
		Context: map[string]string{
			"dpv": "https://w3id.org/dpv#", "loc": "https://w3id.org/dpv/loc#", "dct": "http://purl.org/dc/terms/",
			"schema": "https://schema.org/", "volenti": "https://volenti.dev/ns#",
		},
		Type: "dpv:ConsentReceipt", Version: form, Identifier: "urn:uuid:" + r.ID + "#receipt",
		ConformsTo: []string{"https://w3id.org/dpv/schema/dpv-27560#receipt"},
		Created:    r.At, Publisher: controller, Recipient: person,
		Record: []record{{
			Type: "dpv:ConsentRecord", Identifier: "urn:uuid:" + r.ID,
			ConformsTo: []string{"https://w3id.org/dpv/schema/dpv-27560#record"},
			Subject:    person, Controller: []party{controller}, Processor: things("dpv:DataProcessor", f.Processing.Processors),
			Jurisdiction: places(f.Controller), Law: things("dpv:Law", f.Controller.Laws),
			Process:  []process{processOf(origin, r, f)},
			Control:  controls(f.Controller),
			Right:    things("dpv:Right", f.Controller.Rights),
			Notice:   shown(origin, r, f),
			Status:   []status{statusOf(r)},
			Sequence: r.Sequence, Supersedes: r.Supersedes,
		}},
		Evidence: e,
	}
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
		Version  int      `json:"volenti:version"`
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
	if doc.Version > form {
		return Verified{}, errors.New("the receipt was written by a newer version of the program: verify it with that one")
	}
	again, err := e.write(doc.Version)
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

// The document, in the order in which it is written. What the controller has
// not told is an empty list.
type (
	receipt struct {
		Context    map[string]string `json:"@context"`
		Type       string            `json:"@type"`
		Version    int               `json:"volenti:version"`
		Identifier string            `json:"dct:identifier"`
		ConformsTo []string          `json:"dct:conformsTo"`
		Created    time.Time         `json:"dct:created"`
		Publisher  party             `json:"dct:publisher"`
		Recipient  node              `json:"schema:recipient"`
		Record     []record          `json:"dpv:hasRecordOfActivity"`
		Evidence   Evidence          `json:"volenti:evidence"`
	}
	record struct {
		Type         string    `json:"@type"`
		Identifier   string    `json:"dct:identifier"`
		ConformsTo   []string  `json:"dct:conformsTo"`
		Subject      node      `json:"dpv:hasDataSubject"`
		Controller   []party   `json:"dpv:hasDataController"`
		Processor    []thing   `json:"dpv:hasDataProcessor,omitempty"`
		Jurisdiction []node    `json:"dpv:hasJurisdiction"`
		Law          []thing   `json:"dpv:hasApplicableLaw"`
		Process      []process `json:"dpv:hasProcess"`
		Control      []control `json:"dpv:hasConsentControl"`
		Right        []thing   `json:"dpv:hasRight"`
		Notice       []notices `json:"dpv:hasNotice"`
		Status       []status  `json:"dpv:hasConsentStatus"`
		Sequence     int64     `json:"volenti:sequence"`
		Supersedes   int64     `json:"volenti:supersedes"`
	}
	node struct {
		ID string `json:"@id"`
	}
	party struct {
		ID      string `json:"@id"`
		Name    string `json:"schema:name,omitempty"`
		Contact *node  `json:"dpv:hasContact,omitempty"`
	}
	named struct {
		ID   string `json:"@id"`
		Name string `json:"schema:name"`
	}
	thing struct {
		ID       string `json:"@id,omitempty"`
		Type     string `json:"@type"`
		Name     string `json:"schema:name,omitempty"`
		Duration string `json:"dpv:hasDuration,omitempty"`
	}
	process struct {
		Purpose    []named `json:"dpv:hasPurpose"`
		LegalBasis []thing `json:"dpv:hasLegalBasis"`
		Recipient  []thing `json:"dpv:hasRecipient"`
		Data       []thing `json:"dpv:hasPersonalData"`
		Storage    []thing `json:"dpv:hasStorageCondition"`
	}
	control struct {
		Type string `json:"@type"`
		At   node   `json:"dpv:isExercisedAt"`
	}
	notices struct {
		ID       string    `json:"@id"`
		Version  string    `json:"schema:version"`
		Date     time.Time `json:"dct:date,omitzero"`
		Language string    `json:"dct:language,omitempty"`
		Coverage []node    `json:"dct:coverage"`
		Digest   string    `json:"volenti:sha256,omitempty"`
	}
	status struct {
		Type   []string  `json:"@type"`
		By     node      `json:"dpv:isIndicatedBy"`
		Method string    `json:"dpv:hasIndicationMethod"`
		At     time.Time `json:"dpv:isIndicatedAtTime"`
	}
)

// things refer to what has an IRI and name the others.
func things(kind string, texts []string) []thing {
	all := make([]thing, len(texts))
	for i, text := range texts {
		if all[i] = (thing{Type: kind, Name: text}); isIRI(text) {
			all[i] = thing{Type: kind, ID: text}
		}
	}
	return all
}

func places(c Controller) []node {
	all := make([]node, len(c.Jurisdictions))
	for i, code := range c.Jurisdictions {
		all[i] = node{"loc:" + code}
	}
	return all
}

func controls(c Controller) []control {
	if c.Withdraw == "" {
		return []control{}
	}
	return []control{{"dpv:WithdrawConsent", node{c.Withdraw}}}
}

func processOf(origin string, r Record, f facts) process {
	name := r.Purpose
	if f.Title != "" {
		name = f.Title
	}
	p := process{
		Purpose:    []named{{ID: "urn:volenti:" + origin + ":purpose:" + r.Purpose, Name: name}},
		LegalBasis: []thing{basis(r.LegalBasis)},
		Recipient:  things("dpv:Recipient", f.Processing.Recipients),
		Data:       things("dpv:PersonalData", f.Processing.Data),
		Storage:    []thing{},
	}
	if text := f.Processing.Location; text != "" {
		p.Storage = append(p.Storage, things("dpv:StorageLocation", []string{text})...)
	}
	if f.Processing.Duration != "" {
		p.Storage = append(p.Storage, thing{Type: "dpv:StorageDuration", Duration: f.Processing.Duration})
	}
	if text := f.Processing.Deletion; text != "" {
		p.Storage = append(p.Storage, things("dpv:StorageDeletion", []string{text})...)
	}
	return p
}

// bases are the legal bases that the vocabulary has a term for.
var bases = map[string]string{
	"consent": "dpv:Consent", "explicit_consent": "dpv:ExplicitlyExpressedConsent", "contract": "dpv:Contract",
	"legal_obligation": "dpv:LegalObligation", "legitimate_interest": "dpv:LegitimateInterest",
	"public_interest": "dpv:PublicInterest", "vital_interest": "dpv:VitalInterest",
}

// basis is the legal basis as a term; one that has none is named.
func basis(key string) thing {
	if term, ok := bases[key]; ok {
		return thing{ID: term, Type: "dpv:LegalBasis"}
	}
	return thing{Type: "dpv:LegalBasis", Name: key}
}

func shown(origin string, r Record, f facts) []notices {
	if r.Notice == "" {
		return []notices{}
	}
	return []notices{{
		ID: "urn:volenti:" + origin + ":notice:" + r.Notice, Version: r.Notice, Date: f.Published,
		Language: r.Language, Coverage: places(f.Controller), Digest: r.Digest,
	}}
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
