package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
)

type runCommand struct {
	about
	Out        string `required:"" help:"Directory for access.json, package.zip and report.json." placeholder:"DIR"`
	Yes        bool   `help:"Approve whatever the plan is." xor:"approval"`
	Approve    string `help:"Run only the plan with this hash." placeholder:"HASH" xor:"approval"`
	MaxRows    int64  `help:"Let this request write up to so many rows per collection, instead of 1000 and 1 % of a large table." placeholder:"N"`
	State      string `help:"Directory that keeps the run, so that the same command resumes it. Without it a run that is interrupted begins anew." placeholder:"DIR"`
	Database   string `help:"Keep the run on PostgreSQL instead of in a file: postgres://..." placeholder:"URL" env:"VOLENTI_DATABASE"`
	Controller string `help:"Name of the company, for the package." placeholder:"NAME"`
	Answers    string `help:"File with what people have answered, by connection, where the plan asks them." placeholder:"FILE"`
	JSON       bool   `help:"Write the report as JSON."`
}

// Run carries a request out, or goes on with it.
func (c *runCommand) Run(s *session) (err error) {
	if c.MaxRows < 0 {
		return usage("--max-rows must be a positive number")
	}
	if c.Database != "" && c.State == "" {
		return usage("--database needs --state: the directory keeps the master key")
	}
	s.In = bufio.NewReader(s.In) // several questions read from it
	given, err := readAnswers(c.Answers)
	if err != nil {
		return err
	}
	p, err := c.prepare(s)
	if err != nil {
		return err
	}
	defer p.close()
	key, _ := s.Env("VOLENTI_MASTER_KEY")
	house, err := server.Open(s.ctx, server.Config{Data: c.State, Database: c.Database, MasterKey: key})
	if err != nil {
		return err
	}
	defer closing(house, &err)
	if c.State != "" {
		p.systems.Remember(house.Store.Catalogues(), s.User, c.Refresh)
	}
	house.Share(p.systems, s.log)
	l := &server.Local{House: house, Systems: p.systems, Log: s.log, Out: c.Out, Controller: c.Controller, By: s.User, Now: s.Now}
	if s.Watch {
		l.Tell = (&watch{w: s.Err}).tell
	}
	id, err := c.request(s, l, p, given)
	if err != nil {
		return err
	}
	open, err := l.Unanswered(s.ctx, id)
	if err == nil {
		l.Answers, err = given.complete(s, open)
	}
	if err != nil {
		return err
	}
	report, failed := l.Run(s.ctx, id)
	return ended(s, c.JSON, c.Out, c.State, report, failed)
}

// ended shows what became of a request that was carried out, as far as it
// came.
func ended(s *session, asJSON bool, out, state string, report fulfill.Report, failed error) error {
	if report.Request == "" {
		return failed
	}
	if asJSON {
		if err := writeJSON(s, report); err != nil {
			return err
		}
	} else {
		showReport(s.Out, report, out)
	}
	return errors.Join(failed, verdict(state, report, failed))
}

// verdict turns a request that did not end well into an exit code.
func verdict(state string, r fulfill.Report, failed error) error {
	switch {
	case failed != nil && state == "":
		return errors.New("what was found is destroyed with this run; with --state DIR it could have been resumed")
	case failed != nil && connector.KindOf(failed) == connector.Denied:
		return fmt.Errorf("with the right granted, the same command resumes it; if the plan must change, give it up with volenti request cancel --state %s %s", state, r.Request)
	case failed != nil && connector.KindOf(failed) == connector.Drift:
		return fmt.Errorf("it cannot go on under its plan: give it up with volenti request cancel --state %s %s, and begin anew with --refresh", state, r.Request)
	case failed != nil && !errors.Is(failed, fulfill.ErrPaused):
		return errors.New("the same command resumes it")
	case r.Status == request.CompleteWithResidue:
		return failure{code: exitProblems}
	}
	return nil
}

// request gives the id of the request to carry out: the one that the same
// command began, or a new one under an approved plan.
func (c *runCommand) request(s *session, l *server.Local, p *prepared, given answers) (string, error) {
	old, err := l.Resumable(s.ctx, p.policy.Key, p.identities)
	if err != nil {
		return "", err
	}
	if old != nil {
		if c.Approve != "" && c.Approve != old.PlanHash {
			return "", conflict(old.PlanHash, c.Approve, "the run to be resumed")
		}
		fmt.Fprintf(s.Err, "Resuming request %s under plan %.12s.\n", old.ID, old.PlanHash)
		return old.ID, l.Raise(s.ctx, old, c.MaxRows)
	}
	plan, err := p.plan(s)
	if err != nil {
		return "", err
	}
	if err := p.systems.Stale(s.ctx, plan); err != nil {
		return "", err
	}
	if err := given.check(s, plan.Asks); err != nil {
		return "", err
	}
	if err := c.approved(s, plan); err != nil {
		return "", err
	}
	id, err := l.Submit(s.ctx, plan, p.identities, c.MaxRows)
	if err != nil {
		return "", err
	}
	return id, l.Prepare(s.ctx, id, plan)
}

func (c *runCommand) approved(s *session, plan *graph.Plan) error {
	switch {
	case c.Yes:
		return nil
	case c.Approve != "" && c.Approve != plan.Hash:
		return conflict(plan.Hash, c.Approve, "the plan as of now")
	case c.Approve != "":
		return nil
	}
	showPlan(s.Err, plan)
	if !s.Ask {
		return usage("nobody is here to approve the plan; run with --approve %s, or with --yes", plan.Hash)
	}
	return agreed(s, "Carry this plan out? It cannot be undone.")
}

// agreed asks whoever is there whether to do it, and fails unless they say yes.
func agreed(s *session, question string) error {
	fmt.Fprintf(s.Err, "\n%s [y/N] ", question)
	answer, err := bufio.NewReader(s.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return failure{exitFailure, errors.New("not approved; nothing was done")}
}

func conflict(got, approved, what string) error {
	return failure{exitConflict, fmt.Errorf("%s has the hash %s, not the approved %s; nothing was done. Look at the plan again: configuration, policy, identity types or a database changed", what, got, approved)}
}

// watch tells a person what is going on, a line for what has ended.
type watch struct{ w io.Writer }

func (t *watch) tell(e fulfill.Event) {
	switch {
	case e.Step != "":
		fmt.Fprintf(t.w, "%s\n", e.Step)
	case e.Message != "":
		fmt.Fprintf(t.w, "  %-40s %s, %s: %s\n", e.Address, e.Status, count(int(e.Rows), "row"), e.Message)
	default:
		fmt.Fprintf(t.w, "  %-40s %s, %s\n", e.Address, e.Status, count(int(e.Rows), "row"))
	}
}

// showReport writes what became of a request.
func showReport(w io.Writer, r fulfill.Report, out string) {
	fmt.Fprintf(w, "Request %s: %s\n", r.Request, r.Status)
	if r.Message != "" {
		fmt.Fprintf(w, "  %s\n", r.Message)
	}
	for _, c := range r.Collections {
		fmt.Fprintf(w, "  %-8s %-36s %s\n", c.Action, c.Address, summary(c))
		told := slices.DeleteFunc(slices.Clone(c.Fields), func(f fulfill.FieldReport) bool { return f.Status == "masked" || f.Status == "deleted" })
		for _, line := range together(told, func(f fulfill.FieldReport) (string, string) {
			return cmp.Or(f.Field, "rows"), f.Status + ", " + f.Reason
		}) {
			fmt.Fprintf(w, "           %s\n", line)
		}
	}
	fmt.Fprintf(w, "Written to %s\n", out)
}

func summary(c fulfill.CollectionReport) string {
	if c.Message == fulfill.NothingErased {
		return fmt.Sprintf("kept, all that is targeted of %s", count(int(c.RowsRead), "row"))
	}
	s := string(c.Status)
	if c.Action == request.Access {
		s += ", " + count(int(c.RowsRead), "row")
	} else {
		done := "masked"
		if slices.ContainsFunc(c.Fields, func(f fulfill.FieldReport) bool { return f.Status == "deleted" }) {
			done = "deleted"
		}
		s += fmt.Sprintf(", %d of %s %s", c.RowsMasked, count(int(c.RowsRead), "row"), done)
		if c.RowsAlready > 0 {
			s += fmt.Sprintf(", %d needed nothing", c.RowsAlready)
		}
		if c.Verified {
			s += ", verified"
		}
	}
	if c.Message != "" {
		s += ": " + c.Message
	}
	return s
}
