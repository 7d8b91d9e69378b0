package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/internal/store"
)

type auditExportCommand struct {
	State    string `required:"" help:"Directory that keeps the runs, or the data of the server." placeholder:"DIR"`
	Database string `help:"Database where it is not a file in that directory: postgres://..." placeholder:"URL"`
	Out      string `required:"" help:"File to write." placeholder:"FILE"`
}

// Run writes the log of the default tenant with a fresh checkpoint.
func (c *auditExportCommand) Run(s *session) (err error) {
	house, err := openState(s, c.State, c.Database)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = house.Store.Audit().Export(s.ctx, store.DefaultTenant, f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(c.Out))
	}
	fmt.Fprintf(s.Out, "Wrote %s. Anyone can verify it: volenti audit verify %s\n", c.Out, c.Out)
	return nil
}

// openState opens a data directory that must be there already.
func openState(s *session, dir, database string) (*server.House, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, failure{exitNotFound, err}
	}
	key, _ := s.Env("VOLENTI_MASTER_KEY")
	return server.Open(s.ctx, server.Config{Data: dir, Database: database, MasterKey: key})
}

type auditVerifyCommand struct {
	Source   string `arg:"" help:"Exported log: a file or a URL."`
	Key      string `help:"Verifier key of the tenant, from a source that you trust. Without it the key in the export is used." placeholder:"KEY"`
	Remember string `help:"File of yours that remembers the last checkpoint: the log must be a continuation of it, and when it verifies, its own checkpoint is written there." placeholder:"FILE" type:"path"`
	Token    string `help:"API key to show where the log is at a URL; better in the environment." placeholder:"KEY" env:"VOLENTI_TOKEN"`
	JSON     bool   `help:"Write the result as JSON."`
}

// Run verifies an export with nothing but the export, and what the verifier
// remembers.
func (c *auditVerifyCommand) Run(s *session) (err error) {
	in, err := open(s, c.Source, c.Token)
	if err != nil {
		return err
	}
	defer closing(in, &err)
	options := audit.Options{Verifier: c.Key}
	if c.Remember != "" {
		if options.Remembered, err = os.ReadFile(c.Remember); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	first := options.Remembered == nil
	report, err := audit.Verify(in, options)
	if err != nil {
		return failure{exitProblems, fmt.Errorf("%s does not verify: %w", c.Source, err)}
	}
	if c.Remember != "" {
		if err := replaceFile(c.Remember, report.Checkpoint); err != nil {
			return fmt.Errorf("it verifies, and could not be remembered: %w", err)
		}
	}
	if c.JSON {
		return writeJSON(s, report)
	}
	fmt.Fprintf(s.Out, "Verified: %s of tenant %s, every one in its place and unchanged", count(int(report.Size), "record"), report.Tenant)
	if report.Erased > 0 {
		fmt.Fprintf(s.Out, " (the details of %d were erased, which their proofs survive)", report.Erased)
	}
	fmt.Fprintln(s.Out, ".")
	switch {
	case c.Remember == "":
	case first:
		fmt.Fprintf(s.Out, "Remembered in %s; there was nothing to compare it with yet.\n", c.Remember)
	default:
		fmt.Fprintf(s.Out, "It continues what %s remembered, and is remembered there.\n", c.Remember)
	}
	if !report.KeyFromOutside {
		fmt.Fprintln(s.Out, "The signature was checked with the key in the export; to know who signed, compare it or give --key.")
	}
	return nil
}

// replaceFile writes a file so that it holds the old text or the new one.
func replaceFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func open(s *session, source, token string) (io.ReadCloser, error) {
	if !strings.HasPrefix(source, "http://") && !strings.HasPrefix(source, "https://") {
		f, err := os.Open(source)
		if errors.Is(err, os.ErrNotExist) {
			return nil, failure{exitNotFound, err}
		}
		return f, err
	}
	r, err := http.NewRequestWithContext(s.ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, usage("%s is not a URL", source)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := (&http.Client{Timeout: 5 * time.Minute}).Do(r)
	if err != nil {
		return nil, failure{exitUnreachable, err}
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, failure{exitFailure, fmt.Errorf("%s answered %s", source, answer.Status)}
	}
	return answer.Body, nil
}
