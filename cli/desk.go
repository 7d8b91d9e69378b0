package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
)

type newCommand struct {
	remote
	whom
	Policy string `required:"" help:"Key of the policy." placeholder:"KEY"`
	Note   string `help:"How it is known that the person asks. It is kept in the audit log for good: name nobody." placeholder:"TEXT"`
	Key    string `name:"idempotency-key" help:"The same key gives the same request, however often it is sent; a new one unless told." placeholder:"KEY"`
	JSON   bool   `help:"Write the request as JSON."`
}

// Run submits a request; whoever does vouches for the identities.
func (c *newCommand) Run(s *session) error {
	identities, err := c.identities(s)
	if err != nil {
		return err
	}
	type identity struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	body := struct {
		Policy     string     `json:"policy"`
		Identities []identity `json:"identities"`
		Note       string     `json:"note,omitempty"`
	}{Policy: c.Policy, Note: c.Note}
	for _, i := range identities {
		for _, v := range i.Given {
			body.Identities = append(body.Identities, identity{string(i.Type), v.Reveal()})
		}
	}
	var made api.Request
	if err := c.ask(s, "POST", "/requests", cmp.Or(c.Key, uuid.NewString()), body, &made); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, made)
	}
	fmt.Fprintf(s.Out, "Request %s: %s\n  plan %s\nApprove it with: volenti request approve %s\n", made.ID, made.Status, made.PlanHash, made.ID)
	return nil
}

type listCommand struct {
	remote
	Status string `help:"Only requests in this status." placeholder:"STATUS"`
	Policy string `help:"Only requests under this policy." placeholder:"KEY"`
	Limit  int    `default:"50" help:"How many, the newest first."`
	JSON   bool   `help:"Write the requests as JSON."`
}

// Run lists requests, page by page until there are enough.
func (c *listCommand) Run(s *session) error {
	if c.Limit < 1 {
		return usage("--limit must be at least 1")
	}
	all := []api.Request{}
	for cursor := ""; len(all) < c.Limit; {
		query := url.Values{"limit": {strconv.Itoa(min(c.Limit-len(all), 200))}}
		for name, v := range map[string]string{"status": c.Status, "policy": c.Policy, "cursor": cursor} {
			if v != "" {
				query.Set(name, v)
			}
		}
		var page api.RequestPage
		if err := c.get(s, "/requests?"+query.Encode(), &page); err != nil {
			return err
		}
		all = append(all, page.Items...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if c.JSON {
		return writeJSON(s, all)
	}
	if len(all) == 0 {
		fmt.Fprintln(s.Out, "There is no such request.")
		return nil
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tPOLICY\tSTATUS\tCREATED\tMESSAGE")
	for _, r := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Policy, r.Status, r.Created.UTC().Format(time.RFC3339), r.Message)
	}
	return table.Flush()
}

// there is a request on a server.
type there struct {
	remote
	ID string `arg:"" help:"The request's id."`
}

func (t there) path(more ...string) string { return pathOf(t.ID, more...) }

func pathOf(id string, more ...string) string {
	path := "/requests/" + url.PathEscape(id)
	for _, m := range more {
		path += "/" + m
	}
	return path
}

type showCommand struct {
	there
	Plan bool `help:"Show its plan."`
	JSON bool `help:"Write it as JSON."`
}

// Run shows a request and what became of it, or its plan.
func (c *showCommand) Run(s *session) error {
	if c.Plan {
		plan, err := c.plan(s)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return writeJSON(s, plan)
		}
		showPlan(s.Out, plan)
		return nil
	}
	var r api.RequestWithReport
	if err := c.get(s, c.path(), &r); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, r)
	}
	showRequest(s.Out, r)
	return nil
}

func (t there) plan(s *session) (*graph.Plan, error) {
	plan := &graph.Plan{}
	return plan, t.get(s, t.path("plan"), plan)
}

func showRequest(w io.Writer, r api.RequestWithReport) {
	fmt.Fprintf(w, "Request %s: %s\n", r.ID, r.Status)
	if r.Message != "" {
		fmt.Fprintf(w, "  %s\n", r.Message)
	}
	fmt.Fprintf(w, "  policy %s, plan %s\n  created %s\n", r.Policy, cmp.Or(r.PlanHash, "not made yet"), r.Created.UTC().Format(time.RFC3339))
	if r.Ended != nil {
		fmt.Fprintf(w, "  ended %s\n", r.Ended.UTC().Format(time.RFC3339))
	}
	for _, c := range r.Report.Collections {
		fmt.Fprintf(w, "  %-8s %-36s %s\n", c.Action, c.Address, summary(outcome(c)))
		if c.Waits != nil {
			fmt.Fprintf(w, "  %-8s %-36s %s\n", "", "", patienceOf(*c.Waits))
		}
	}
	for _, k := range r.Report.Skipped {
		fmt.Fprintf(w, "  left out %-36s %s\n", k.Address, k.Reason)
	}
}

// patienceOf says since when a system is waited for, and what happens next.
func patienceOf(w api.Wait) string {
	said, next := "", "it posts its answer"
	if w.Since != nil {
		said = "asked at " + w.Since.UTC().Format(time.RFC3339) + "; "
	}
	if w.Next != nil {
		next = "asked how far it is at " + w.Next.UTC().Format(time.RFC3339)
	}
	return said + next
}

// outcome is a collection's outcome as the local report has it.
func outcome(c api.Collection) fulfill.CollectionReport {
	to := fulfill.CollectionReport{
		Address: c.Address, Action: request.Action(c.Action), Status: request.CollectionStatus(c.Status), RowsRead: c.RowsRead, RowsMasked: c.RowsMasked,
		RowsAlready: c.RowsAlready, RowsFailed: c.RowsFailed, RowsResidue: c.RowsResidue, Verified: c.Verified, Message: c.Message, Attempts: c.Attempts,
	}
	for _, f := range c.Fields {
		to.Fields = append(to.Fields, fulfill.FieldReport(f))
	}
	return to
}

type approveCommand struct {
	there
	Plan    string `name:"plan" help:"Hash of the plan that was seen; without it the plan is shown, and you are asked." placeholder:"HASH"`
	MaxRows int64  `help:"Let it write up to so many rows of a collection." placeholder:"N"`
}

// Run approves a request under the plan that was seen.
func (c *approveCommand) Run(s *session) error {
	hash := c.Plan
	if hash == "" {
		plan, err := c.plan(s)
		if err != nil {
			return err
		}
		if err := consented(s, plan); err != nil {
			return err
		}
		hash = plan.Hash
	}
	body := struct {
		PlanHash string `json:"plan_hash"`
		MaxRows  int64  `json:"max_rows,omitempty"`
	}{hash, c.MaxRows}
	return c.decide(s, "approve", body)
}

// consented shows a plan to who is there and asks.
func consented(s *session, plan *graph.Plan) error {
	showPlan(s.Err, plan)
	if !s.Ask {
		return usage("nobody is here to approve the plan; run with --plan %s", plan.Hash)
	}
	return agreed(s, "Approve this plan? What it erases cannot be brought back.")
}

type denyCommand struct {
	there
	Reason string `required:"" help:"Why. It is kept in the audit log: name no person." placeholder:"TEXT"`
}

// Run denies a request.
func (c *denyCommand) Run(s *session) error {
	return c.decide(s, "deny", map[string]string{"reason": c.Reason})
}

func (t there) decide(s *session, act string, body any) error {
	return t.remote.decide(s, t.ID, act, body)
}

// decide does something with a request and says what it is now.
func (r remote) decide(s *session, id, act string, body any) error {
	var now api.Request
	if err := r.post(s, pathOf(id, act), body, &now); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "Request %s: %s\n", now.ID, now.Status)
	return nil
}

type watchCommand struct {
	there
}

// watchTime is how often a server is asked what has happened.
const watchTime = time.Second

// Run shows what is done for a request until it has ended, or stops and needs
// an operator. Its exit code is that of a run.
func (c *watchCommand) Run(s *session) error {
	w := watching{there: c.there, s: s}
	for {
		r, err := w.look()
		if err != nil {
			return err
		}
		if over, err := watched(r); over {
			showRequest(s.Out, r)
			return err
		}
		select {
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case <-time.After(watchTime):
		}
	}
}

// watching is how far somebody has seen a request come.
type watching struct {
	there
	s      *session
	status string
	line   int64 // of the execution log
}

// look shows what is new.
func (w *watching) look() (r api.RequestWithReport, err error) {
	if err := w.get(w.s, w.path(), &r); err != nil {
		return r, err
	}
	err = logThere(w.s, w.remote, w.ID, w.line, func(l request.LogLine) error {
		w.line = l.Sequence
		(&watch{w.s.Err}).tell(fulfill.Event{Address: string(l.Action) + " " + l.Address, Status: request.CollectionStatus(l.Status), Rows: max(l.RowsRead, l.RowsMasked), Message: l.Message})
		return nil
	})
	if err != nil {
		return r, err
	}
	if w.status != r.Status {
		w.status = r.Status
		fmt.Fprintf(w.s.Err, "%s\n", strings.TrimSuffix(r.Status+": "+r.Message, ": "))
	}
	return r, nil
}

// logThere gives the lines of an execution log on a server behind the one with
// a number.
func logThere(s *session, from remote, id string, after int64, each func(request.LogLine) error) error {
	for {
		var page api.LogPage
		if err := from.get(s, fmt.Sprintf("%s?limit=1000&after=%d", pathOf(id, "log"), after), &page); err != nil {
			return err
		}
		for _, l := range page.Items {
			line := request.LogLine{
				Sequence: l.Sequence, At: l.At, Round: l.Round, Address: l.Address, Action: request.Action(l.Action), Status: l.Status,
				Attempt: l.Attempt, Message: l.Message, Fields: l.Fields, RowsRead: l.RowsRead, RowsMasked: l.RowsMasked,
			}
			for _, c := range l.Calls {
				took := time.Duration(c.Seconds * float64(time.Second))
				line.Calls = append(line.Calls, request.Call{Call: c.Call, Status: c.Status, Times: c.Times, Attempts: c.Attempts, Took: took, Note: c.Note})
			}
			if l.Started != nil {
				line.Started = *l.Started
			}
			if err := each(line); err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		after = *page.Next
	}
}

// watched says whether there is nothing more to see, and how it ended.
func watched(r api.RequestWithReport) (over bool, err error) {
	switch request.Status(r.Status) {
	case request.Complete:
		return true, nil
	case request.CompleteWithResidue:
		return true, failure{code: exitProblems}
	case request.Paused:
		return true, failure{code: exitNotAllowed}
	case request.Errored, request.Denied, request.Canceled, request.Duplicate:
		return true, failure{code: exitFailure}
	}
	return false, nil
}
