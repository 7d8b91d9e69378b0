package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/subject"
)

// Consents is the consent ledger.
type Consents interface {
	consent.Ledger
	// Find gives the subject of an identity, or consent.ErrNotFound.
	Find(ctx context.Context, tenant string, identity subject.Identity) (consent.SubjectID, error)
	// Alive gives consent.ErrNotFound for who never was, and ErrErased.
	Alive(ctx context.Context, tenant string, id consent.SubjectID) error
	States(ctx context.Context, tenant string, id consent.SubjectID) (map[string]consent.State, error)
	// HistoryFrom gives up to limit records about a subject from a sequence on.
	HistoryFrom(ctx context.Context, tenant string, id consent.SubjectID, from int64, limit int) ([]consent.Record, error)
	// Records gives up to limit records of all subjects from a sequence on.
	Records(ctx context.Context, tenant string, from int64, limit int) ([]consent.Record, error)
	Evidence(ctx context.Context, tenant string, sequence int64) (consent.Evidence, error)
	Tally(ctx context.Context, tenant string) ([]consent.Tally, error)
	EraseSubject(ctx context.Context, tenant string, id consent.SubjectID, entry audit.Entry) error

	Rules(ctx context.Context, tenant string) (*consent.Rules, error)
	Configure(ctx context.Context, tenant string, purposes []consent.Purpose, sources []consent.Source, entry audit.Entry) error
	Describe(ctx context.Context, tenant string, controller consent.Controller, entry audit.Entry) error
	Publish(ctx context.Context, tenant string, v notice.Version, entry audit.Entry) error
	// Notice gives a published version with its texts, or consent.ErrNotFound.
	Notice(ctx context.Context, tenant, version string) (notice.Full, error)
	// Due gives up to limit people behind one who are to be asked again.
	Due(ctx context.Context, tenant string, now time.Time, after consent.SubjectID, limit int) ([]consent.Due, error)
}

// Choices is what somebody chose.
type Choices struct {
	Purposes   map[string]bool `json:"purposes,omitempty" maxProperties:"100" doc:"By purpose: true is a yes. All are recorded in one commit, or none"`
	Groups     map[string]bool `json:"groups,omitempty" maxProperties:"100" doc:"The same for all purposes of a group; what is said of a purpose itself counts more"`
	Notice     string          `json:"notice,omitempty" maxLength:"64" doc:"Version that was shown; the current one unless told"`
	Language   string          `json:"language,omitempty" maxLength:"35" doc:"BCP 47 tag of the text that was shown"`
	Source     string          `json:"source,omitempty" maxLength:"64" doc:"Where the choice was made"`
	LegalBasis string          `json:"legal_basis,omitempty" maxLength:"64" doc:"consent unless told"`
	Reaffirm   bool            `json:"reaffirm,omitempty" doc:"Make a record also where nothing changes"`
	Address    string          `json:"ip_address,omitempty" maxLength:"45" doc:"Of the person's device. Its network is kept, sealed"`
	Agent      string          `json:"user_agent,omitempty" maxLength:"1024" doc:"Of the person's device. Its class is kept, sealed"`
	Note       string          `json:"note,omitempty" maxLength:"1000" doc:"How the person said so, where somebody else records it. It is kept, sealed, and the record commits to it"`
}

// Identity is something that a person is known by.
type Identity struct {
	Type  string `json:"type" minLength:"1" maxLength:"64" doc:"email, phone_number, device_id, external_id, or a type of your own"`
	Value string `json:"value" minLength:"1" maxLength:"1024"`
}

type recordInput struct {
	Body PersonsChoices
}

// PersonsChoices is what somebody chose, and who that is.
type PersonsChoices struct {
	Subject    string     `json:"subject,omitempty" format:"uuid" doc:"Id of the subject"`
	Identities []Identity `json:"identities,omitempty" maxItems:"20" doc:"What the person is known by. Who is not known becomes a new subject; with both, identities are added"`
	Choices
}

type recordOutput struct {
	Status int
	Body   Recorded
}

// Recorded is what became of choices.
type Recorded struct {
	Subject consent.SubjectID `json:"subject" format:"uuid"`
	Choices []Recording       `json:"choices" nullable:"false"`
	// A check that begins after it sees the choices.
	Enforced time.Time `json:"enforced_at" doc:"From here on every check heeds the choices"`
}

// Recording is what became of one choice.
type Recording struct {
	Purpose  string     `json:"purpose"`
	Granted  bool       `json:"granted"`
	Choice   string     `json:"choice" enum:"granted,refused,withdrawn,expired" doc:"What stands now"`
	Record   string     `json:"record" format:"uuid"`
	Sequence int64      `json:"sequence" doc:"Index of the record's leaf in the log"`
	At       *time.Time `json:"recorded_at,omitempty" doc:"Absent when nothing changed and no record was made"`
	// Unchanged: no record was made.
	Unchanged bool `json:"unchanged,omitempty" doc:"The same stands already, and no record was made"`
}

// recordQuickly is recordConsent for a body that is in order beyond doubt.
func recordQuickly(a *API, ctx context.Context, caller auth.Caller, w http.ResponseWriter, r *http.Request) error {
	in := &recordInput{}
	if err := readQuickly(r, in.Body.read); err != nil {
		return err
	}
	out, err := recordConsent(a, ctx, caller, in)
	if err != nil {
		return err
	}
	return answerJSON(w, out.Status, out.Body)
}

// read reads a body, and says whether it holds nothing that the document does
// not allow. It is stricter than the document.
func (c *PersonsChoices) read(body []byte) (sound bool) {
	if !strictly(body, c) {
		return false
	}
	for _, id := range c.Identities {
		if id.Type == "" || id.Value == "" || len(id.Type) > 64 || len(id.Value) > 1024 {
			return false
		}
	}
	_, err := uuid.Parse(c.Subject)
	return (c.Subject == "" || err == nil && len(c.Subject) == 36) && len(c.Identities) <= 20 && len(c.Purposes) <= 100 && len(c.Groups) <= 100 &&
		len(c.Notice) <= 64 && len(c.Language) <= 35 && len(c.Source) <= 64 && len(c.LegalBasis) <= 64 && len(c.Address) <= 45 && len(c.Agent) <= 1024 && len(c.Note) <= 1000
}

func recordConsent(a *API, ctx context.Context, caller auth.Caller, in *recordInput) (*recordOutput, error) {
	var id consent.SubjectID
	identities, wrong := identitiesOf(in.Body.Identities)
	if in.Body.Subject == "" && len(in.Body.Identities) == 0 {
		wrong = append(wrong, Violation{"body", "it is not said whose choice this is: give subject or identities"})
	}
	if len(wrong) > 0 {
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Detail: notValid, Errors: wrong}
	}
	if in.Body.Subject != "" {
		var err error
		if id, err = consent.ParseSubjectID(in.Body.Subject); err != nil {
			return nil, err
		}
	}
	recorded, err := a.record(ctx, caller, idempotency(ctx), id, subject.Together(identities), in.Body.Choices, consent.API)
	if err != nil {
		return nil, err
	}
	return &recordOutput{http.StatusCreated, recorded}, nil
}

type putConsentsInput struct {
	ID   string `path:"id" format:"uuid"`
	Body Choices
}

// putConsents needs no Idempotency-Key: what stands already makes no record.
func putConsents(a *API, ctx context.Context, caller auth.Caller, in *putConsentsInput) (*recordOutput, error) {
	id, err := consent.ParseSubjectID(in.ID)
	if err != nil {
		return nil, err
	}
	recorded, err := a.record(ctx, caller, "", id, nil, in.Body, consent.SettingsPage)
	if err != nil {
		return nil, err
	}
	return &recordOutput{http.StatusOK, recorded}, nil
}

func (a *API) record(ctx context.Context, caller auth.Caller, idempotencyKey string, id consent.SubjectID, identities []subject.Identity, c Choices, source consent.Source) (Recorded, error) {
	if c.Source != "" {
		source = consent.Source(c.Source)
	}
	entry := consent.Entry{
		Subject: id, Identities: identities, Notice: c.Notice, Language: c.Language, LegalBasis: c.LegalBasis,
		Source: source, Reaffirm: c.Reaffirm, Address: subject.Conceal(c.Address), Agent: subject.Conceal(c.Agent), Note: subject.Conceal(c.Note),
	}
	if caller.Role != "" { // an operator, who is not the person
		entry.By = caller.By()
	}
	purposes, err := a.chosen(ctx, caller, c)
	if err != nil {
		return Recorded{}, err
	}
	entries := make([]consent.Entry, 0, len(purposes))
	for _, purpose := range slices.Sorted(maps.Keys(purposes)) { // the order is part of the content
		entry.Purpose, entry.Granted = purpose, purposes[purpose]
		entries = append(entries, entry)
	}
	outcomes, err := a.config.Consents.Append(ctx, caller.Tenant, idempotencyKey, entries)
	if err != nil {
		return Recorded{}, err
	}
	recorded := Recorded{Subject: outcomes[0].Subject, Enforced: a.config.Now().UTC()}
	for _, o := range outcomes {
		r := Recording{
			Purpose: o.Purpose, Granted: o.Choice == consent.Granted, Choice: string(o.Choice),
			Record: o.Record, Sequence: o.Sequence, Unchanged: o.Unchanged,
		}
		if !o.At.IsZero() {
			r.At = &o.At
		}
		recorded.Choices = append(recorded.Choices, r)
	}
	return recorded, nil
}

// chosen puts the purposes of groups beside those that are named.
func (a *API) chosen(ctx context.Context, caller auth.Caller, c Choices) (map[string]bool, error) {
	if len(c.Groups) == 0 && len(c.Purposes) > 0 {
		return c.Purposes, nil
	}
	rules, err := a.config.Consents.Rules(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	all, known := map[string]bool{}, map[string]bool{}
	for _, p := range rules.Purposes {
		if granted, ok := c.Groups[p.Group]; ok && p.Group != "" {
			all[p.Key], known[p.Group] = granted, true
		}
	}
	maps.Copy(all, c.Purposes)
	switch {
	case len(known) < len(c.Groups):
		return nil, invalid("body.groups", "there is no purpose in one of the groups")
	case len(all) == 0:
		return nil, invalid("body.purposes", "nothing is chosen: give purposes or groups")
	}
	return all, nil
}

// identitiesOf reads identities, and tells all that is wrong with them. It
// repeats no value.
func identitiesOf(given []Identity) (all []subject.Identity, wrong []Violation) {
	for i, g := range given {
		id, err := subject.New(subject.Type(g.Type), g.Value)
		if err != nil {
			wrong = append(wrong, Violation{fmt.Sprintf("body.identities[%d]", i), err.Error()})
			continue
		}
		all = append(all, id)
	}
	return all, wrong
}
