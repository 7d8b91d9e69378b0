package consent

import (
	"strings"
	"time"
)

// The first form of receipts, which has no volenti:version and nothing of the
// controller. It is kept as it was, so that those handed out verify.

func (e Evidence) first(r Record) any {
	origin, _, _ := strings.Cut(e.Checkpoint, "\n")
	controller := node{ID: "urn:volenti:" + origin}
	person := node{ID: "urn:uuid:" + r.Subject.String()}
	return firstReceipt{
		Context: map[string]string{
			"dpv": "https://w3id.org/dpv#", "dct": "http://purl.org/dc/terms/",
			"schema": "https://schema.org/", "volenti": "https://volenti.dev/ns#",
		},
		Type: "dpv:ConsentReceipt", Identifier: "urn:uuid:" + r.ID + "#receipt",
		ConformsTo: []string{"https://w3id.org/dpv/schema/dpv-27560#receipt"},
		Created:    r.At, Publisher: controller, Recipient: person,
		Record: []firstRecord{{
			Type: "dpv:ConsentRecord", Identifier: "urn:uuid:" + r.ID,
			ConformsTo: []string{"https://w3id.org/dpv/schema/dpv-27560#record"},
			Subject:    person, Controller: []node{controller},
			Process: []firstProcess{{
				Purpose:    []named{{ID: "urn:volenti:" + origin + ":purpose:" + r.Purpose, Name: r.Purpose}},
				LegalBasis: r.LegalBasis,
			}},
			Notice:   firstShown(origin, r),
			Status:   []status{statusOf(r)},
			Sequence: r.Sequence, Supersedes: r.Supersedes,
		}},
		Evidence: e,
	}
}

func firstShown(origin string, r Record) []firstNotice {
	if r.Notice == "" {
		return []firstNotice{}
	}
	return []firstNotice{{"urn:volenti:" + origin + ":notice:" + r.Notice, r.Notice, r.Language, r.Digest}}
}

type (
	firstReceipt struct {
		Context    map[string]string `json:"@context"`
		Type       string            `json:"@type"`
		Identifier string            `json:"dct:identifier"`
		ConformsTo []string          `json:"dct:conformsTo"`
		Created    time.Time         `json:"dct:created"`
		Publisher  node              `json:"dct:publisher"`
		Recipient  node              `json:"schema:recipient"`
		Record     []firstRecord     `json:"dpv:hasRecordOfActivity"`
		Evidence   Evidence          `json:"volenti:evidence"`
	}
	firstRecord struct {
		Type       string         `json:"@type"`
		Identifier string         `json:"dct:identifier"`
		ConformsTo []string       `json:"dct:conformsTo"`
		Subject    node           `json:"dpv:hasDataSubject"`
		Controller []node         `json:"dpv:hasDataController"`
		Process    []firstProcess `json:"dpv:hasProcess"`
		Notice     []firstNotice  `json:"dpv:hasNotice"`
		Status     []status       `json:"dpv:hasConsentStatus"`
		Sequence   int64          `json:"volenti:sequence"`
		Supersedes int64          `json:"volenti:supersedes"`
	}
	firstProcess struct {
		Purpose    []named `json:"dpv:hasPurpose"`
		LegalBasis string  `json:"dpv:hasLegalBasis"`
	}
	firstNotice struct {
		ID       string `json:"@id"`
		Version  string `json:"schema:version"`
		Language string `json:"dct:language,omitempty"`
		Digest   string `json:"volenti:sha256,omitempty"`
	}
)
