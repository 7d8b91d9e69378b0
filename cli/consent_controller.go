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

type consentControllerCommand struct {
	atHome
	Set string `help:"JSON file with what only you know: name, contact, withdraw, jurisdictions, laws, rights, and processing by purpose." placeholder:"FILE" type:"path"`
}

// Run shows what receipts say of the controller, or sets it first.
func (c *consentControllerCommand) Run(s *session) (err error) {
	house, ledger, err := c.existing(s)
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
	return writeJSON(s, rules.Controller)
}

func (c *consentControllerCommand) set(s *session, ledger *store.Consents) error {
	text, err := os.ReadFile(c.Set)
	if err != nil {
		return usage("read what receipts say: %w", err)
	}
	var controller consent.Controller
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&controller); err != nil {
		return failure{exitProblems, fmt.Errorf("%s: %w", c.Set, err)}
	}
	entry := audit.Entry{Act: "controller.set", Object: "controller", Details: map[string]any{"by": s.User}}
	return ofConsent(ledger.Describe(s.ctx, store.DefaultTenant, controller, entry))
}
