package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/subject"
)

// consentCommands are the commands of the consent ledger.
type consentCommands struct {
	Consent struct {
		Set        consentSetCommand        `cmd:"" help:"Record what somebody chose."`
		Check      consentCheckCommand      `cmd:"" help:"May this be done to this person? Exit code 0 for yes, 5 for no."`
		Get        consentGetCommand        `cmd:"" help:"Show what stands for somebody, for every purpose."`
		History    consentHistoryCommand    `cmd:"" help:"Show all that somebody ever chose."`
		Publish    consentPublishCommand    `cmd:"" help:"Publish a version of the notice that people are shown."`
		Notices    consentNoticesCommand    `cmd:"" help:"Show the published versions, or one of them with its texts."`
		Due        consentDueCommand        `cmd:"" help:"List who is to be asked again, for a campaign."`
		Controller consentControllerCommand `cmd:"" help:"Show what receipts say of you, or set it."`
		Purposes   consentPurposesCommand   `cmd:"" help:"Show what people are asked for, or set it."`
		Sweep      consentSweepCommand      `cmd:"" help:"Make records of the grants that have expired."`
		Import     consentImportCommand     `cmd:"" help:"Take over choices from elsewhere: CSV or JSON Lines."`
		Export     consentExportCommand     `cmd:"" help:"Write all records as JSON Lines."`
		Receipt    consentReceiptCommand    `cmd:"" help:"Write a receipt that verifies on its own."`
		Erase      consentEraseCommand      `cmd:"" help:"Make the records of somebody nobody's, for good."`
	} `cmd:"" help:"Keep consent as evidence and ask it."`
	Receipt struct {
		Verify receiptVerifyCommand `cmd:"" help:"Verify a consent receipt, with nothing but the file."`
	} `cmd:"" help:"Verify consent receipts."`
}

// atHome is where the ledger is.
type atHome struct {
	State    string `required:"" help:"Directory that keeps the ledger; made when it is not there." placeholder:"DIR" type:"path"`
	Database string `help:"Database where it is not a file in that directory: postgres://..." placeholder:"URL"`
}

// open opens the ledger. The caller closes the house.
func (h atHome) open(s *session) (*server.House, *store.Consents, error) {
	key, _ := s.Env("VOLENTI_MASTER_KEY")
	house, err := server.Open(s.ctx, server.Config{Data: h.State, Database: h.Database, MasterKey: key})
	if err != nil {
		return nil, nil, err
	}
	return house, house.Store.Consents(), nil
}

// existing opens a ledger that must be there already: a misspelt directory is
// no ledger in which nobody agreed to anything.
func (h atHome) existing(s *session) (*server.House, *store.Consents, error) {
	house, err := openState(s, h.State, h.Database)
	if err != nil {
		return nil, nil, err
	}
	return house, house.Store.Consents(), nil
}

// who says whose consent it is about.
type who struct {
	Identity []string `help:"What the person is known by, like email=anna@example.com." placeholder:"TYPE=VALUE" sep:"none"`
	Subject  string   `help:"Or the id of the subject." placeholder:"ID"`
}

func (w who) read(s *session) (id consent.SubjectID, identities []subject.Identity, err error) {
	if w.Subject != "" {
		if id, err = consent.ParseSubjectID(w.Subject); err != nil {
			return id, nil, usage("--subject is not an id")
		}
		if len(w.Identity) == 0 {
			return id, nil, nil
		}
	}
	identities, err = (&whom{Identity: w.Identity}).identities(s)
	return id, identities, err
}

// alive gives the subject that all identities lead to, unless it was erased.
func (w who) alive(s *session, c *store.Consents) (consent.SubjectID, error) {
	id, err := w.find(s, c)
	if err != nil {
		return id, err
	}
	return id, c.Alive(s.ctx, store.DefaultTenant, id)
}

// find gives the subject that all identities lead to. One that is named by its
// id may be erased, or not there.
func (w who) find(s *session, c *store.Consents) (id consent.SubjectID, err error) {
	id, identities, err := w.read(s)
	if err != nil {
		return id, err
	}
	for _, i := range identities {
		found, err := c.Find(s.ctx, store.DefaultTenant, i)
		if err != nil {
			return id, err
		}
		if id != (consent.SubjectID{}) && id != found {
			return id, failure{exitProblems, errors.New("the identities belong to different subjects")}
		}
		id = found
	}
	return id, nil
}

type consentSetCommand struct {
	atHome
	who
	Choices  []string `arg:"" help:"PURPOSE=yes or PURPOSE=no, any number: all of them are recorded or none."`
	Notice   string   `help:"Version that was shown; the current one unless told." placeholder:"VERSION"`
	Language string   `help:"Language in which it was shown." placeholder:"LANGUAGE"`
	Source   string   `help:"Where the choice was made." default:"api"`
	Key      string   `help:"Idempotency key: sent again with the same choices, nothing happens twice." placeholder:"KEY"`
	Reaffirm bool     `help:"Make a record even where nothing changes."`
	Note     string   `help:"How the person said so, where you record it for them. It is kept, sealed." placeholder:"TEXT"`
	JSON     bool     `help:"Write the outcome as JSON."`
}

// Run records choices in one commit.
func (c *consentSetCommand) Run(s *session) (err error) {
	id, identities, err := c.who.read(s)
	if err != nil {
		return err
	}
	by := ""
	if c.Note != "" {
		by = s.User
	}
	var entries []consent.Entry
	for _, choice := range c.Choices {
		purpose, answer, _ := strings.Cut(choice, "=")
		granted, ok := consent.ParseAnswer(answer)
		if !ok {
			return usage("a choice is PURPOSE=yes or PURPOSE=no")
		}
		entries = append(entries, consent.Entry{
			Subject: id, Identities: identities, Purpose: purpose, Granted: granted, Notice: c.Notice,
			Language: c.Language, Source: consent.Source(c.Source), Reaffirm: c.Reaffirm, By: by, Note: subject.Conceal(c.Note),
		})
	}
	house, ledger, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	outcomes, err := ledger.Append(s.ctx, store.DefaultTenant, c.Key, entries)
	if err != nil {
		return ofConsent(err)
	}
	if c.JSON {
		return writeJSON(s, outcomes)
	}
	for _, o := range outcomes {
		note := ""
		if o.Unchanged {
			note = ", as before"
		}
		fmt.Fprintf(s.Out, "%-20s %s%s, record %d\n", o.Purpose, o.Choice, note, o.Sequence)
	}
	return nil
}

type consentCheckCommand struct {
	atHome
	who
	Purpose string `arg:"" help:"What is to be done."`
	JSON    bool   `help:"Write the decision as JSON."`
}

// Run asks the gate. Who is not known has granted nothing.
func (c *consentCheckCommand) Run(s *session) (err error) {
	house, ledger, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	id, err := c.find(s, ledger)
	if err != nil && !errors.Is(err, consent.ErrNotFound) {
		return err
	}
	checks, err := ledger.Checks(s.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	gate := consent.Gate{Tenant: store.DefaultTenant, States: checks, Now: s.Now}
	d := gate.Allowed(s.ctx, id, c.Purpose)
	if c.JSON {
		if err := writeJSON(s, map[string]any{"allowed": d.Allowed, "reason": d.Reason}); err != nil {
			return err
		}
	} else if d.Allowed {
		fmt.Fprintln(s.Out, "yes: granted")
	} else {
		fmt.Fprintf(s.Out, "no: %s\n", d.Reason)
	}
	if !d.Allowed {
		return failure{code: exitNotAllowed}
	}
	return nil
}

type consentGetCommand struct {
	atHome
	who
	JSON bool `help:"Write it as JSON."`
}

// Run shows every purpose, also those that nobody asked about.
func (c *consentGetCommand) Run(s *session) (err error) {
	house, ledger, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	id, err := c.alive(s, ledger)
	if err != nil {
		return ofConsent(err)
	}
	rules, err := ledger.Rules(s.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	states, err := ledger.States(s.ctx, store.DefaultTenant, id)
	if err != nil {
		return err
	}
	all := rules.Standings(states, s.Now())
	if c.JSON {
		return writeJSON(s, map[string]any{"subject": id, "purposes": all, "reconsent": rules.Due(states, s.Now())})
	}
	fmt.Fprintf(s.Out, "Subject %s\n", id)
	for _, g := range all {
		fmt.Fprintf(s.Out, "  %-20s %s\n", g.Purpose, g.Reason)
	}
	for _, r := range rules.Due(states, s.Now()) {
		fmt.Fprintf(s.Out, "To be asked again about %s: version %s. %s\n", r.Purpose, r.To, r.Summary)
	}
	return nil
}

type consentHistoryCommand struct {
	atHome
	who
	JSON bool `help:"Write it as JSON."`
}

// Run shows the records in the order of the ledger.
func (c *consentHistoryCommand) Run(s *session) (err error) {
	house, ledger, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	id, err := c.find(s, ledger)
	if err != nil {
		return ofConsent(err)
	}
	records, err := ledger.History(s.ctx, store.DefaultTenant, id)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, records)
	}
	for _, r := range records {
		showRecord(s.Out, r)
	}
	return nil
}

func showRecord(w io.Writer, r consent.Record) {
	fmt.Fprintf(w, "%6d  %s  %-20s %-9s", r.Sequence, r.Given.Format(time.RFC3339), r.Purpose, r.Choice)
	if r.Notice != "" {
		fmt.Fprintf(w, " version %s", r.Notice)
	}
	fmt.Fprintf(w, " (%s)\n", r.Source)
}

// ofConsent gives errors of the ledger their exit code.
func ofConsent(err error) error {
	var invalid *consent.Invalid
	switch {
	case errors.Is(err, consent.ErrErased):
		return failure{exitNotFound, errors.New("this person was erased: the records are there, and nobody can be found by them")}
	case errors.Is(err, consent.ErrNotFound):
		return failure{exitNotFound, errors.New("nobody is known by this, or the person was erased")}
	case errors.Is(err, consent.ErrConflict), errors.Is(err, consent.ErrPublished), errors.Is(err, consent.ErrManaged):
		return failure{exitConflict, err}
	case errors.As(err, &invalid):
		text := "nothing was recorded:"
		for _, v := range invalid.Violations {
			text += "\n  " + v.Field + ": " + v.Text
		}
		return failure{exitProblems, errors.New(text)}
	}
	return err
}
