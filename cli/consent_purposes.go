package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/store"
)

type consentPurposesCommand struct {
	atHome
	Set string `help:"JSON file with the purposes, and sources of your own: {\"purposes\": [{\"key\", \"title\", \"group\", \"expires_days\", \"block\", \"patience_days\"}], \"sources\": [...]}." placeholder:"FILE" type:"path"`
}

// purposeFile is how purposes are written down.
type purposeFile struct {
	Purposes []consent.PurposeForm `json:"purposes"`
	Sources  []consent.Source      `json:"sources"`
}

// Run shows the purposes, or sets them first.
func (c *consentPurposesCommand) Run(s *session) (err error) {
	house, ledger, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	if c.Set != "" {
		if err := c.set(s, ledger); err != nil {
			return err
		}
	}
	rules, err := ledger.Rules(s.ctx, store.DefaultTenant)
	if err != nil {
		return err
	}
	for _, p := range rules.Purposes {
		fmt.Fprintf(s.Out, "%-20s %s%s\n", p.Key, p.Title, asked(p))
	}
	return nil
}

func (c *consentPurposesCommand) set(s *session, ledger *store.Consents) error {
	text, err := os.ReadFile(c.Set)
	if err != nil {
		return usage("read the purposes: %w", err)
	}
	var file purposeFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return failure{exitProblems, fmt.Errorf("%s: %w", c.Set, err)}
	}
	var purposes []consent.Purpose
	for _, p := range file.Purposes {
		purposes = append(purposes, p.Purpose())
	}
	entry := audit.Entry{Act: "purposes.set", Object: "purposes", Details: map[string]any{"by": s.User}}
	return ofConsent(ledger.Configure(s.ctx, store.DefaultTenant, purposes, file.Sources, entry))
}

// asked tells the rules of a purpose that differ from the usual.
func asked(p consent.Purpose) string {
	text := ""
	if p.Expires > 0 {
		text += fmt.Sprintf("; expires after %d days", int(p.Expires.Hours()/24))
	}
	switch {
	case p.Block:
		text += "; stops when people are to be asked again"
	case p.Patience > 0:
		text += fmt.Sprintf("; stops %d days after people are to be asked again", int(p.Patience.Hours()/24))
	}
	return text
}

type consentSweepCommand struct {
	atHome
}

// sweepAtOnce is how many records one call makes.
const sweepAtOnce = 10_000

// Run makes records of what has expired. Checks do not wait for it.
func (c *consentSweepCommand) Run(s *session) (err error) {
	house, ledger, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	total := 0
	for {
		n, err := ledger.Sweep(s.ctx, store.DefaultTenant, sweepAtOnce)
		if err != nil {
			return err
		}
		if total += n; n < sweepAtOnce {
			fmt.Fprintf(s.Out, "%s expired.\n", count(total, "grant"))
			return nil
		}
	}
}
