package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/internal/store"
)

type consentPublishCommand struct {
	atHome
	Version  string   `arg:"" help:"Label of the version."`
	Text     []string `required:"" help:"File with the full text in a language, like en=notice.txt." placeholder:"LANGUAGE=FILE" sep:"none"`
	Summary  string   `help:"What changed, for the people who are asked again." placeholder:"TEXT"`
	Material bool     `help:"Ask those again who agreed to an earlier version."`
	Purpose  []string `help:"Purpose that a material change affects; all unless told." placeholder:"PURPOSE"`
}

// Run publishes a version and queues who is to be asked again.
func (c *consentPublishCommand) Run(s *session) (err error) {
	v := notice.Version{Version: c.Version, Summary: c.Summary, Material: c.Material, Purposes: c.Purpose, ClassifiedBy: s.User}
	for _, text := range c.Text {
		t, err := readText(text)
		if err != nil {
			return err
		}
		v.Texts = append(v.Texts, t)
	}
	house, ledger, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	entry := audit.Entry{Act: "notice.publish", Object: "notice", Details: map[string]any{"version": c.Version, "material": c.Material, "by": s.User}}
	if err := ledger.Publish(s.ctx, store.DefaultTenant, v, entry); err != nil {
		return ofConsent(err)
	}
	total, err := ledger.QueueAll(s.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "Published version %s; %s to be asked for again.\n", c.Version, count(int(total), "grant"))
	return nil
}

type consentDueCommand struct {
	atHome
	JSON  bool   `help:"Write each person as a line of JSON."`
	Limit int    `help:"List so many people at most; 0 is all." placeholder:"N"`
	After string `help:"Go on behind this person: the last one that was listed." placeholder:"ID"`
}

// dueAtOnce is how many people are in memory.
const dueAtOnce = 1000

// Run lists people by their ids, in the order of these.
func (c *consentDueCommand) Run(s *session) (err error) {
	var after consent.SubjectID
	if c.After != "" {
		if after, err = consent.ParseSubjectID(c.After); err != nil {
			return usage("--after is not an id")
		}
	}
	house, ledger, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	for left := c.Limit; c.Limit == 0 || left > 0; {
		most := dueAtOnce
		if c.Limit > 0 {
			most = min(most, left)
		}
		page, err := ledger.Due(s.ctx, store.DefaultTenant, s.Now(), after, most)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, d := range page {
			if err := c.show(s, d); err != nil {
				return err
			}
		}
		after, left = page[len(page)-1].Subject, left-len(page)
	}
	return nil
}

func (c *consentDueCommand) show(s *session, d consent.Due) error {
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(d)
	}
	fmt.Fprintln(s.Out, d.Subject)
	for _, r := range d.Renewals {
		fmt.Fprintf(s.Out, "  %-20s version %s instead of %s, since %s%s\n", r.Purpose, r.To, orUnknown(r.From), r.Since.Format(time.DateOnly), until(r))
	}
	return nil
}

func orUnknown(version string) string {
	if version == "" {
		return "an unknown one"
	}
	return version
}

// until tells when the grant stops to hold.
func until(r consent.Renewal) string {
	if r.BlocksFrom.IsZero() {
		return ""
	}
	return "; holds until " + r.BlocksFrom.Format(time.DateOnly)
}

type consentNoticesCommand struct {
	atHome
	Version string `arg:"" optional:"" help:"Show this version with its texts."`
	JSON    bool   `help:"Write it as JSON."`
}

// Run shows what was published, the current version last.
func (c *consentNoticesCommand) Run(s *session) (err error) {
	house, ledger, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	if c.Version != "" {
		return c.one(s, ledger)
	}
	rules, err := ledger.Rules(s.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, append([]notice.Published{}, rules.Versions...))
	}
	for _, v := range rules.Versions {
		fmt.Fprintf(s.Out, "%-20s %s%s\n", v.Version, v.PublishedAt.Format(time.DateOnly), changed(v))
	}
	return nil
}

func (c *consentNoticesCommand) one(s *session, ledger *store.Consents) error {
	v, err := ledger.Notice(s.ctx, store.DefaultTenant, c.Version)
	if errors.Is(err, consent.ErrNotFound) {
		return failure{exitNotFound, errors.New("no version with this label was published")}
	}
	if err != nil {
		return err
	}
	people, open, err := ledger.Asked(s.ctx, store.DefaultTenant, c.Version)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, struct {
			notice.Full
			ClassifiedBy string `json:"classified_by"`
			Asked        int64  `json:"asked"`
			Open         int64  `json:"open"`
		}{v, v.ClassifiedBy, people, open})
	}
	fmt.Fprintf(s.Out, "Version %s, published %s%s\n", v.Version, v.PublishedAt.Format(time.RFC3339), changed(v.Published))
	if v.ClassifiedBy != "" {
		fmt.Fprintf(s.Out, "Classified by %s\n", v.ClassifiedBy)
	}
	if v.Material {
		fmt.Fprintf(s.Out, "Asks again: %d, who did not answer yet: %d\n", people, open)
	}
	for _, t := range v.Texts {
		fmt.Fprintf(s.Out, "\n%s, SHA-256 %s\n%s\n", t.Language, t.Digest(), t.Body)
	}
	return nil
}

// changed tells what a version changed.
func changed(v notice.Published) string {
	text := ""
	if v.Material {
		text = ", material"
	}
	if len(v.Purposes) > 0 {
		text += " for " + strings.Join(v.Purposes, ", ")
	}
	if v.Summary != "" {
		text += ": " + v.Summary
	}
	return text
}
