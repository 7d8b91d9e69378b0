package consent

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
)

// details are what a record's leaf commits to, beside its own fields. They
// are not personal: the subject is a random id.
type details struct {
	ID         string    `json:"id"`
	Purpose    string    `json:"purpose"`
	Given      time.Time `json:"given_at"`
	Notice     string    `json:"notice"`
	Digest     string    `json:"notice_digest"`
	Language   string    `json:"language"`
	LegalBasis string    `json:"legal_basis"`
	Source     Source    `json:"source"`
	Supersedes int64     `json:"supersedes"`
	Trace      string    `json:"trace"`
}

// Entry is the record as an act of the audit log.
func (r Record) Entry() audit.Entry {
	return audit.Entry{
		Act:    "consent." + string(r.Choice),
		Object: "subject/" + r.Subject.String(),
		Details: map[string]any{
			"id": r.ID, "purpose": r.Purpose, "given_at": r.Given.UTC(), "notice": r.Notice, "notice_digest": r.Digest,
			"language": r.Language, "legal_basis": r.LegalBasis, "source": r.Source, "supersedes": r.Supersedes, "trace": r.Trace,
		},
	}
}

// RecordOf reads a record back from its leaf and what the leaf commits to.
func RecordOf(l audit.Leaf, committed []byte) (Record, error) {
	wrong := errors.New("this is not a consent record")
	choice, ok := strings.CutPrefix(l.Act, "consent.")
	object, isSubject := strings.CutPrefix(l.Object, "subject/")
	id, err := ParseSubjectID(object)
	if !ok || !isSubject || err != nil {
		return Record{}, wrong
	}
	switch Choice(choice) {
	case Granted, Refused, Withdrawn, Expired:
	default:
		return Record{}, wrong
	}
	var d details
	if err := json.Unmarshal(committed, &d); err != nil {
		return Record{}, wrong
	}
	return Record{
		ID: d.ID, Sequence: l.Sequence, Subject: id, Purpose: d.Purpose, Choice: Choice(choice), At: l.At, Given: d.Given,
		Notice: d.Notice, Digest: d.Digest, Language: d.Language, LegalBasis: d.LegalBasis, Source: d.Source,
		Supersedes: d.Supersedes, Trace: d.Trace,
	}, nil
}
