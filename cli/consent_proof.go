package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
)

type consentExportCommand struct {
	atHome
	Out string `required:"" help:"File to write." placeholder:"FILE" type:"path"`
}

// Run writes every record of the tenant. Who the subjects are is not in them.
func (c *consentExportCommand) Run(s *session) (err error) {
	house, ledger, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	entry := audit.Entry{Act: "ledger.export", Object: "ledger", Details: map[string]any{"by": s.User}}
	if err := house.Store.Audit().Append(s.ctx, store.DefaultTenant, entry); err != nil {
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := exportRecords(s, ledger, f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(c.Out))
	}
	fmt.Fprintf(s.Out, "Wrote %s to %s.\n", count(n, "record"), c.Out)
	return nil
}

func exportRecords(s *session, ledger *store.Consents, out io.Writer) (n int, err error) {
	w := bufio.NewWriter(out)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for next := int64(0); ; {
		page, err := ledger.Records(s.ctx, store.DefaultTenant, next, 500)
		if err != nil {
			return n, err
		}
		if len(page) == 0 {
			return n, w.Flush()
		}
		for _, r := range page {
			if err := e.Encode(r); err != nil {
				return n, err
			}
			next = r.Sequence + 1
			n++
		}
	}
}

type consentReceiptCommand struct {
	atHome
	who
	Purpose string `help:"The latest choice of the person about this purpose." placeholder:"PURPOSE"`
	Record  int64  `help:"Or the record with this number." default:"-1" placeholder:"N"`
	Out     string `required:"" help:"File to write." placeholder:"FILE" type:"path"`
}

// Run writes a receipt against the log as it is now.
func (c *consentReceiptCommand) Run(s *session) (err error) {
	if (c.Purpose == "") == (c.Record < 0) {
		return usage("which record? Give --record N, or --purpose with --identity or --subject")
	}
	house, ledger, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	seq := c.Record
	if c.Purpose != "" {
		id, err := c.alive(s, ledger)
		if err != nil {
			return ofConsent(err)
		}
		states, err := ledger.States(s.ctx, store.DefaultTenant, id)
		if err != nil {
			return err
		}
		latest, ok := states[c.Purpose]
		if !ok {
			return failure{exitNotFound, errors.New("there is no record about this purpose")}
		}
		seq = latest.Sequence
	}
	evidence, err := ledger.Evidence(s.ctx, store.DefaultTenant, seq)
	if errors.Is(err, consent.ErrNotFound) {
		return failure{exitNotFound, fmt.Errorf("record %d is not a consent record", seq)}
	}
	if err != nil {
		return err
	}
	text, err := evidence.Receipt()
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Out, text, 0o600); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "Wrote %s. Anyone can verify it: volenti receipt verify %s\n", c.Out, c.Out)
	return nil
}

type receiptVerifyCommand struct {
	File string `arg:"" help:"The receipt."`
	Key  string `help:"Verifier key of the tenant, from a source that you trust. Without it the key in the receipt is used." placeholder:"KEY"`
	JSON bool   `help:"Write the result as JSON."`
}

// Run verifies a receipt offline.
func (c *receiptVerifyCommand) Run(s *session) error {
	f, err := os.Open(c.File)
	if errors.Is(err, os.ErrNotExist) {
		return failure{exitNotFound, err}
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, consent.MaxReceipt+1))
	if err != nil {
		return err
	}
	if site.IsReceipt(text) {
		return c.banner(s, text)
	}
	v, err := consent.VerifyReceipt(text, c.Key)
	if err != nil {
		return failure{exitProblems, fmt.Errorf("%s does not verify: %w", c.File, err)}
	}
	if c.JSON {
		return writeJSON(s, v)
	}
	fmt.Fprintf(s.Out, "Verified: record %d of %d in the log of tenant %s.\n", v.Record.Sequence, v.Size, v.Tenant)
	showRecord(s.Out, v.Record)
	c.signedBy(s)
	return nil
}

// signedBy says what no key from outside leaves open.
func (c *receiptVerifyCommand) signedBy(s *session) {
	if c.Key == "" {
		fmt.Fprintln(s.Out, "The signature was checked with the key in the receipt; to know who signed, compare it or give --key.")
	}
}

// banner verifies the receipt of a choice in the banner of a site.
func (c *receiptVerifyCommand) banner(s *session, text []byte) error {
	e, size, err := site.VerifyReceipt(text, c.Key)
	if err != nil {
		return failure{exitProblems, fmt.Errorf("%s does not verify: %w", c.File, err)}
	}
	if c.JSON {
		return writeJSON(s, e)
	}
	fmt.Fprintf(s.Out, "Verified: record %d of %d, %s of site %s, version %d, at %s.\n",
		e.Sequence, size, e.Act, e.Record.Site, e.Record.Version, e.At.Format(time.RFC3339))
	for _, key := range slices.Sorted(maps.Keys(e.Record.Categories)) {
		answer := "no"
		if e.Record.Categories[key].Granted {
			answer = "yes"
		}
		fmt.Fprintf(s.Out, "%-20s %s\n", key, answer)
	}
	c.signedBy(s)
	return nil
}

type consentEraseCommand struct {
	atHome
	who
	Yes bool `help:"Do it; it cannot be undone."`
}

// Run destroys what leads from the records to the person.
func (c *consentEraseCommand) Run(s *session) (err error) {
	if !c.Yes {
		return usage("this cannot be undone; run it with --yes")
	}
	house, ledger, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	id, err := c.find(s, ledger)
	if err != nil {
		return ofConsent(err)
	}
	entry := audit.Entry{Act: "subject.erase", Object: "subject/" + id.String(), Details: map[string]any{"by": s.User}}
	if err := ledger.EraseSubject(s.ctx, store.DefaultTenant, id, entry); err != nil {
		return ofConsent(err)
	}
	fmt.Fprintf(s.Out, "Erased subject %s: the records stay, and lead to nobody.\n", id)
	return nil
}

// readText reads LANGUAGE=FILE.
func readText(arg string) (notice.Text, error) {
	language, path, ok := strings.Cut(arg, "=")
	if !ok {
		return notice.Text{}, usage("--text is LANGUAGE=FILE, like en=notice.txt")
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return notice.Text{}, usage("read the text: %w", err)
	}
	return notice.Text{Language: language, Body: string(body)}, nil
}
