package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/request"
)

// kept says where a request is that was begun.
type kept struct {
	ID       string `arg:"" help:"The request's id, as the run and its report say it."`
	State    string `help:"Directory that keeps the run, for one that was begun here." placeholder:"DIR"`
	Database string `help:"Database where the run is not kept in that directory: postgres://..." placeholder:"URL" env:"VOLENTI_DATABASE"`
	remote
}

// away lets a server do it where the request is there; done says that this was
// all that there was to do.
func (k kept) away(s *session, act string, body any) (done bool, err error) {
	switch {
	case k.State != "":
		return false, nil
	case k.Server == "":
		return true, usage("where is the request? Give --state DIR for one that was begun here, or --server URL")
	}
	return true, k.decide(s, k.ID, act, body)
}

// desk opens what keeps the request. The caller closes the house.
func (k kept) desk(s *session) (*server.Local, error) {
	house, err := openState(s, k.State, k.Database)
	if err != nil {
		return nil, err
	}
	return &server.Local{House: house, Log: s.log, By: s.User, Now: s.Now}, nil
}

type retryCommand struct {
	kept
	Config     string `help:"With --state: configuration directory, for the connections; the plan stays as it was approved." placeholder:"DIR"`
	Out        string `help:"With --state: directory of the run." placeholder:"DIR"`
	Collection string `help:"Try only this collection in the step that had failed; when it was all that was left, the request goes on." placeholder:"DATASET:COLLECTION"`
	Controller string `help:"Name of the company, for the package." placeholder:"NAME"`
	JSON       bool   `help:"With --state: write the report as JSON."`
}

// Run goes on with a request that has stopped.
func (c *retryCommand) Run(s *session) (err error) {
	if done, err := c.away(s, "retry", map[string]string{"collection": c.Collection}); done {
		return err
	}
	if c.Config == "" || c.Out == "" {
		return usage("--state needs --config DIR and --out DIR, too")
	}
	cfg, err := loadSound(s, c.Config)
	if err != nil {
		return err
	}
	l, err := c.desk(s)
	if err != nil {
		return err
	}
	defer closing(l.House, &err)
	l.Systems = connected(cfg)
	l.House.Share(l.Systems, s.log)
	defer closing(l.Systems, &err)
	l.Out, l.Controller = c.Out, c.Controller
	if s.Watch {
		l.Tell = (&watch{w: s.Err}).tell
	}
	report, failed := l.Retry(s.ctx, c.ID, c.Collection)
	return ended(s, c.JSON, c.Out, c.State, report, notFound(failed))
}

// notFound gives the exit code of a collection that the plan does not have.
func notFound(err error) error {
	if errors.Is(err, server.ErrNotInPlan) {
		return failure{exitNotFound, err}
	}
	return err
}

type skipCommand struct {
	kept
	Collection string `arg:"" help:"The collection: dataset:collection."`
	Reason     string `required:"" help:"Why. It stands in the report: name no person." placeholder:"TEXT"`
}

// Run takes a collection out of a request that has stopped. It cannot end as
// plain complete then.
func (c *skipCommand) Run(s *session) (err error) {
	if strings.TrimSpace(c.Reason) == "" {
		return usage("--reason is empty: say why")
	}
	if done, err := c.away(s, "skip", map[string]string{"collection": c.Collection, "reason": c.Reason}); done {
		return err
	}
	l, err := c.desk(s)
	if err != nil {
		return err
	}
	defer closing(l.House, &err)
	if err := l.Skip(s.ctx, c.ID, c.Collection, c.Reason); err != nil {
		return notFound(err)
	}
	fmt.Fprintf(s.Out, "%s is out of request %s, which goes on without it when it is run again.\n", c.Collection, c.ID)
	return nil
}

type finaliseCommand struct {
	kept
	Reason string `required:"" help:"Why. It stands in the report: name no person." placeholder:"TEXT"`
}

// Run ends a request that has stopped, with what it has left undone: its key
// and all that it had found are destroyed. What it has written stays written.
func (c *finaliseCommand) Run(s *session) (err error) {
	if strings.TrimSpace(c.Reason) == "" {
		return usage("--reason is empty: say why")
	}
	if done, err := c.away(s, "finalise", map[string]string{"reason": c.Reason}); done {
		return err
	}
	l, err := c.desk(s)
	if err != nil {
		return err
	}
	defer closing(l.House, &err)
	if err := l.Finalise(s.ctx, c.ID, c.Reason); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "Request %s has ended as it is: %s; what it had found is destroyed.\n", c.ID, request.CompleteWithResidue)
	return nil
}

type cancelCommand struct {
	kept
}

// Run gives a request up that cannot go on: its key and all that it had found
// are destroyed. What it has written stays written.
func (c *cancelCommand) Run(s *session) (err error) {
	if done, err := c.away(s, "cancel", nil); done {
		return err
	}
	l, err := c.desk(s)
	if err != nil {
		return err
	}
	defer closing(l.House, &err)
	if err := l.Cancel(s.ctx, c.ID); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "Request %s is canceled; what it had found is destroyed.\n", c.ID)
	return nil
}

type logCommand struct {
	kept
	JSON bool `help:"Write the lines as JSON."`
}

// logged is a line of the execution log in JSON.
type logged struct {
	Line       int64    `json:"line"`
	At         string   `json:"at"`
	Round      int      `json:"round"`
	Collection string   `json:"collection"`
	Action     string   `json:"action"`
	Attempt    int      `json:"attempt"`
	Status     string   `json:"status"`
	RowsRead   int64    `json:"rows_read"`
	RowsMasked int64    `json:"rows_masked"`
	Fields     []string `json:"fields"`
	Seconds    float64  `json:"seconds"` // since the attempt began
	Message    string   `json:"message"`
	Calls      []called `json:"calls,omitempty"`
}

// called is a kind of call to a vendor.
type called struct {
	Call     string  `json:"call"`
	Status   int     `json:"status"`
	Times    int     `json:"times"`
	Attempts int     `json:"attempts"`
	Seconds  float64 `json:"seconds"`
	Note     string  `json:"note,omitempty"`
}

// Run shows the execution log: a line whenever a collection has come further.
func (c *logCommand) Run(s *session) error {
	lines, err := c.lines(s)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, lines)
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "AT\tROUND\tACTION\tCOLLECTION\tATTEMPT\tSTATUS\tREAD\tMASKED\tSECONDS\tFIELDS\tMESSAGE")
	for _, l := range lines {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%d\t%s\t%d\t%d\t%.3f\t%s\t%s\n", l.At, l.Round, l.Action, l.Collection, l.Attempt,
			l.Status, l.RowsRead, l.RowsMasked, l.Seconds, strings.Join(l.Fields, ","), l.Message)
		for _, c := range l.Calls {
			fmt.Fprintf(table, "  %d times %s: %s in %.3f seconds, %d attempts at most %s\n", c.Times, c.Call, answerOf(c.Status), c.Seconds, c.Attempts, c.Note)
		}
	}
	return table.Flush()
}

func calledOf(all []request.Call) (shown []called) {
	for _, c := range all {
		shown = append(shown, called{c.Call, c.Status, c.Times, c.Attempts, c.Took.Seconds(), c.Note})
	}
	return shown
}

func answerOf(status int) string {
	if status == 0 {
		return "no answer"
	}
	return "status " + strconv.Itoa(status)
}

func (c *logCommand) lines(s *session) (lines []logged, err error) {
	lines = []logged{}
	add := func(line request.LogLine) error {
		seconds := 0.0
		if !line.Started.IsZero() {
			seconds = line.At.Sub(line.Started).Seconds()
		}
		lines = append(lines, logged{
			line.Sequence, line.At.UTC().Format(time.RFC3339Nano), line.Round, line.Address, string(line.Action), line.Attempt,
			line.Status, line.RowsRead, line.RowsMasked, line.Fields, seconds, line.Message, calledOf(line.Calls),
		})
		return nil
	}
	if c.State == "" && c.Server != "" {
		err = logThere(s, c.remote, c.ID, 0, add)
		return lines, err
	}
	if c.State == "" {
		_, err := c.away(s, "", nil)
		return nil, err
	}
	l, err := c.desk(s)
	if err != nil {
		return nil, err
	}
	defer closing(l.House, &err)
	err = l.Lines(s.ctx, c.ID, add)
	return lines, err
}
