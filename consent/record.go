package consent

import (
	"encoding/json"
	"errors"
	"strconv"
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
	Facts      string    `json:"facts"` // left out where there are none
}

// Logged is the record as an act of the tenant's audit log.
func (r Record) Logged(tenant string, salt []byte) (audit.Record, error) {
	return audit.Commit(tenant, r.Sequence, r.At, r.act(), r.object(), r.details(), salt)
}

// Committed is the record as an act that was logged, with the commitment that
// was stored: whether it is that of the record is for whoever verifies to say.
func (r Record) Committed(tenant string, version int, commitment string, salt []byte) audit.Record {
	return audit.Record{
		Leaf:    audit.Leaf{Version: version, Tenant: tenant, Sequence: r.Sequence, At: r.At, Act: r.act(), Object: r.object(), Commitment: commitment},
		Salt:    salt,
		Details: r.details(),
	}
}

func (r Record) act() string { return "consent." + string(r.Choice) }

func (r Record) object() string { return "subject/" + r.Subject.String() }

// details are the text that the leaf commits to. It is stored nowhere: a
// change of one byte of it would break every log that exists.
func (r Record) details() []byte {
	b := make([]byte, 0, 512)
	b = append(b, '{')
	if r.Facts != "" { // records of before do not have it
		b = append(audit.AppendText(append(b, `"facts":`...), r.Facts), ',')
	}
	b = audit.AppendTime(append(b, `"given_at":`...), r.Given)
	b = audit.AppendText(append(b, `,"id":`...), r.ID)
	b = audit.AppendText(append(b, `,"language":`...), r.Language)
	b = audit.AppendText(append(b, `,"legal_basis":`...), r.LegalBasis)
	b = audit.AppendText(append(b, `,"notice":`...), r.Notice)
	b = audit.AppendText(append(b, `,"notice_digest":`...), r.Digest)
	b = audit.AppendText(append(b, `,"purpose":`...), r.Purpose)
	b = audit.AppendText(append(b, `,"source":`...), string(r.Source))
	b = strconv.AppendInt(append(b, `,"supersedes":`...), r.Supersedes, 10)
	b = audit.AppendText(append(b, `,"trace":`...), r.Trace)
	return append(b, '}')
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
		Supersedes: d.Supersedes, Trace: d.Trace, Facts: d.Facts,
	}, nil
}
