package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent/propagate"
)

// propagateCommands are the commands about what became of choices at connections.
type propagateCommands struct {
	Status  propagateStatusCommand  `cmd:"" help:"Show how the connections stand that take choices, and their systems."`
	List    propagateListCommand    `cmd:"" help:"List what became of choices at connections."`
	Explain propagateExplainCommand `cmd:"" help:"Say why connections did, or did not, receive what a person chose."`
	Retry   propagateRetryCommand   `cmd:"" help:"Send again what did not arrive at a connection."`
	Rebuild propagateRebuildCommand `cmd:"" help:"Compare the permission table of a connection with all that stands, and mend it."`
	Import  propagateImportCommand  `cmd:"" help:"Take over the statuses of another platform."`
}

type propagateStatusCommand struct {
	remote
	JSON bool `help:"Write it as JSON."`
}

// Run shows a line for each connection and for each system.
func (c *propagateStatusCommand) Run(s *session) error {
	var all api.ConnectionStates
	if err := c.get(s, "/deliveries/connections", &all); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, all)
	}
	if len(all.Items) == 0 {
		fmt.Fprintln(s.Out, "No connection takes choices: one with `consent:` does.")
		return nil
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CONNECTION\tSYSTEM\tWAITING\tCOMPLETE\tPARTIAL\tERROR\tSKIPPED\tSUPERSEDED\tOLDEST WAITING")
	for _, l := range all.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", l.Connection, cmp.Or(l.System, "-"), counted(l.Counts), moment(l.Oldest))
	}
	if len(all.Systems) > 0 {
		fmt.Fprintln(table, "\nSYSTEM\tSTATUS\tWAITING\tCOMPLETE\tPARTIAL\tERROR\tSKIPPED\tSUPERSEDED")
	}
	for _, y := range all.Systems {
		fmt.Fprintf(table, "%s\t%s\t%s\n", y.System, cmp.Or(y.Status, "-"), counted(y.Counts))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, l := range all.Items {
		switch {
		case l.Quiet.After(s.Now()):
			fmt.Fprintf(s.Out, "\n%s: %s in a row failed. Nothing is sent to it until %s.\n", l.Connection, count(l.Failing, "call"), moment(l.Quiet))
		case l.Failing > 0:
			fmt.Fprintf(s.Out, "\n%s: %s in a row failed.\n", l.Connection, count(l.Failing, "call"))
		}
		if l.Barred != propagate.NoReason {
			fmt.Fprintf(s.Out, "\n%s: nothing is sent to it, whatever people choose. %s\n", l.Connection, strings.TrimSpace(l.Why+" "+l.Mend))
		}
		if l.Table != nil {
			tellTable(s.Out, l.Connection, *l.Table)
		}
	}
	return nil
}

// tellTable says how fresh a permission table is.
func tellTable(w io.Writer, connection string, t api.TableState) {
	told := "its table is not filled yet"
	if t.AsOf != nil {
		told = "its table is right as of " + moment(*t.AsOf)
	}
	if t.Mended > 0 {
		told += fmt.Sprintf("; people whose rows somebody else had changed, and it put right: %d", t.Mended)
	}
	if t.Trouble != "" {
		told += "; it cannot be kept now: " + t.Trouble
	}
	fmt.Fprintf(w, "\n%s: %s.\n", connection, told)
}

// counted are the columns of a table for how many there are in each status.
func counted(counts map[propagate.Status]int64) string {
	columns := []string{strconv.FormatInt(counts[propagate.Pending]+counts[propagate.Sending], 10)}
	for _, s := range []propagate.Status{propagate.Complete, propagate.Partial, propagate.Failed, propagate.Skipped, propagate.Superseded} {
		columns = append(columns, strconv.FormatInt(counts[s], 10))
	}
	return strings.Join(columns, "\t")
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

type propagateListCommand struct {
	remote
	Connection string   `help:"Only at this connection." placeholder:"KEY"`
	System     string   `help:"Only at connections of this system." placeholder:"KEY"`
	Purpose    string   `help:"Only choices about this purpose." placeholder:"KEY"`
	Subject    string   `help:"Only about this subject, by its id." placeholder:"ID"`
	Status     []string `help:"Only in this status: pending, sending, complete, partial, error, skipped or superseded." placeholder:"STATUS"`
	Limit      int      `default:"50" help:"How many changes of a choice at a connection, the newest first."`
	JSON       bool     `help:"Write them as JSON."`
}

// Run lists deliveries, page by page until there are enough.
func (c *propagateListCommand) Run(s *session) error {
	if c.Limit < 1 {
		return usage("--limit must be at least 1")
	}
	all := []api.ChoiceDelivery{}
	for before := int64(0); len(all) < c.Limit; {
		query := url.Values{"limit": {strconv.Itoa(min(c.Limit-len(all), 500))}, "before": {strconv.FormatInt(before, 10)}}
		for name, v := range map[string]string{"connection": c.Connection, "system": c.System, "purpose": c.Purpose, "subject": c.Subject, "status": strings.Join(c.Status, ",")} {
			if v != "" {
				query.Set(name, v)
			}
		}
		var page api.ChoiceDeliveryPage
		if err := c.get(s, "/deliveries?"+query.Encode(), &page); err != nil {
			return err
		}
		all = append(all, page.Items...)
		if before = page.Next; before == 0 {
			break
		}
	}
	if len(all) == 0 {
		if err := c.known(s); err != nil {
			return err
		}
	}
	if c.JSON {
		return writeJSON(s, all)
	}
	if len(all) == 0 {
		fmt.Fprintln(s.Out, "There is none.")
		return nil
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RECORDED\tPURPOSE\tCHOICE\tCONNECTION\tSYSTEM\tSTATUS\tATTEMPTS\tRECORD")
	for _, d := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", moment(d.Recorded), d.Purpose, d.Choice, d.Connection, cmp.Or(d.System, "-"), standing(d), d.Attempts, d.Record)
	}
	return table.Flush()
}

// known fails where no connection that takes choices is the one that was named, or
// belongs to the system.
func (c *propagateListCommand) known(s *session) error {
	var m api.DeliveryMatrix
	if err := c.get(s, "/deliveries/changes?limit=1", &m); err != nil {
		return err
	}
	for _, one := range m.Connections {
		if (c.Connection == "" || c.Connection == one.Connection) && (c.System == "" || c.System == one.System) {
			return nil
		}
	}
	switch {
	case c.Connection != "" && c.System != "":
		return failure{exitNotFound, fmt.Errorf("no connection %s of the system %s takes choices: `volenti propagate status` shows which do", c.Connection, c.System)}
	case c.Connection != "":
		return failure{exitNotFound, fmt.Errorf("no connection %s takes choices: `volenti propagate status` shows which do", c.Connection)}
	case c.System != "":
		return failure{exitNotFound, fmt.Errorf("no connection of a system %s takes choices: `volenti propagate status` shows which do", c.System)}
	}
	return nil
}

// standing is a status with its reason.
func standing(d api.ChoiceDelivery) string {
	if d.Reason == propagate.NoReason || string(d.Reason) == string(d.Status) {
		return string(d.Status)
	}
	return string(d.Status) + ": " + string(d.Reason)
}

type propagateExplainCommand struct {
	remote
	who
	Purpose    string `arg:"" help:"What the choice is about."`
	Connection string `help:"Only this connection." placeholder:"KEY"`
	JSON       bool   `help:"Write it as JSON."`
}

// Run tells it connection by connection.
func (c *propagateExplainCommand) Run(s *session) error {
	body := map[string]any{"purpose": c.Purpose}
	switch id, identities, err := c.who.read(s); {
	case err != nil:
		return err
	case len(identities) == 0:
		body["subject"] = id.String()
	default:
		var given []api.Identity
		for _, i := range identities {
			given = append(given, api.Identity{Type: string(i.Type), Value: i.Given[0].Reveal()})
		}
		body["identities"] = given
	}
	if c.Connection != "" {
		body["connection"] = c.Connection
	}
	var why api.WhyReceived
	if err := c.post(s, "/deliveries/explain", body, &why); err != nil {
		return err
	}
	if c.JSON {
		if err := writeJSON(s, why); err != nil {
			return err
		}
	} else {
		tellWhy(s.Out, why)
	}
	unknown := c.Connection != "" && len(why.Connections) == 1 && why.Connections[0].Case == propagate.NoConnection
	if why.Person == "unknown" || unknown {
		return failure{code: exitNotFound}
	}
	return nil
}

func tellWhy(w io.Writer, why api.WhyReceived) {
	fmt.Fprintln(w, why.Why)
	for _, c := range why.Connections {
		status := "nothing was sent"
		if c.Delivery != nil {
			status = standing(*c.Delivery)
		}
		of := ""
		if c.System != "" {
			of = " of " + c.System
		}
		fmt.Fprintf(w, "\n%s%s: %s\n  %s\n", c.Connection, of, status, strings.TrimSpace(c.Why+" "+c.Mend))
		for _, a := range c.Log {
			tellAttempt(w, a)
		}
		if c.Delivery != nil && c.Delivery.Due != nil {
			fmt.Fprintf(w, "  It is tried next at %s.\n", moment(*c.Delivery.Due))
		}
		for _, e := range c.Earlier {
			took := ""
			if e.Superseded != "" {
				took = ", by record " + e.Superseded
			}
			fmt.Fprintf(w, "  before: record %d, %s: %s%s\n", e.Sequence, e.Choice, e.Status, took)
		}
	}
}

// tellAttempt writes when, what came of it, and what was sent.
func tellAttempt(w io.Writer, a api.ChoiceAttempt) {
	notes := []string{}
	if a.Repeats {
		notes = append(notes, "repeats the one before under the same key, because its outcome is not known")
	}
	for _, sent := range a.Sent {
		since := ""
		if sent.Linked >= 0 {
			since = fmt.Sprintf(", known since record %d", sent.Linked)
		}
		notes = append(notes, fmt.Sprintf("sent %s%s", sent.Type, since))
	}
	what := string(a.Status)
	if a.Status == propagate.Pending {
		what = "to be tried again"
	}
	if a.Reason != propagate.NoReason {
		what += ": " + string(a.Reason)
	}
	fmt.Fprintf(w, "  attempt %d  %s  %s  %s\n", a.Number, moment(a.At), what, a.Key)
	for _, n := range slices.Compact(notes) {
		fmt.Fprintf(w, "    %s\n", n)
	}
	if said := slices.ContainsFunc(a.Calls, func(c connector.Call) bool { return c.Reason == a.Message }); a.Message != "" && !said {
		fmt.Fprintf(w, "    %s\n", a.Message)
	}
	for _, call := range a.Calls {
		fmt.Fprintf(w, "    %s: %s\n", call.Name, strings.TrimSuffix(string(call.Outcome)+", "+call.Reason, ", "))
	}
}

type propagateRetryCommand struct {
	remote
	Connection string   `arg:"" help:"Key of the connection."`
	Record     string   `help:"Only the delivery of this choice, by the id of its record." placeholder:"ID" xor:"which"`
	Status     []string `help:"All in this status: error, partial or skipped; error and partial unless told." placeholder:"STATUS" xor:"which"`
	JSON       bool     `help:"Write how many as JSON."`
}

// Run asks piece by piece until none is left.
func (c *propagateRetryCommand) Run(s *session) error {
	body := map[string]any{"connection": c.Connection}
	if c.Record != "" {
		body["record"] = c.Record
	} else if body["statuses"] = c.Status; len(c.Status) == 0 {
		body["statuses"] = []propagate.Status{propagate.Failed, propagate.Partial}
	}
	all := api.Retried{Left: map[propagate.Reason]int{}}
	for {
		var some api.Retried
		if err := c.post(s, "/deliveries/retry", body, &some); err != nil {
			return err
		}
		all.Retried += some.Retried
		for reason, n := range some.Left {
			all.Left[reason] += n
		}
		if some.Next == 0 {
			break
		}
		if body["before"] = some.Next; s.Watch {
			fmt.Fprintf(s.Err, "%d so far\n", all.Retried)
		}
	}
	if c.JSON {
		return writeJSON(s, all)
	}
	fmt.Fprintf(s.Out, "Sent again: %d.\n", all.Retried)
	for _, reason := range propagate.Reasons() {
		if n := all.Left[reason]; n > 0 {
			fmt.Fprintf(s.Out, "Left as they are: %d. %s %s\n", n, reason.Sentence(), reason.Mend())
		}
	}
	return nil
}

type propagateRebuildCommand struct {
	remote
	Connection string `arg:"" help:"Key of the connection."`
}

// Run asks for it. The server begins within a second or so.
func (c *propagateRebuildCommand) Run(s *session) error {
	if err := c.post(s, "/deliveries/connections/"+url.PathEscape(c.Connection)+"/rebuild", nil, nil); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "The rows of the permission table of %s are compared now. `volenti propagate status` says how many people's were mended.\n", c.Connection)
	return nil
}

type propagateImportCommand struct {
	remote
	File string `arg:"" help:"JSON Lines, or a JSON list (.json): {\"record\": ID, \"statuses\": {KEY: STATUS}}, or identity and purpose in the place of record." type:"path"`
	JSON bool   `help:"Write what became of them as JSON."`
}

// Run sends the file; what is wrong is told by its line.
func (c *propagateImportCommand) Run(s *session) error {
	text, err := os.ReadFile(c.File)
	if errors.Is(err, os.ErrNotExist) {
		return failure{exitNotFound, err}
	}
	if err != nil {
		return err
	}
	kind := "application/jsonl"
	if strings.HasSuffix(c.File, ".json") {
		kind = "application/json"
	}
	var done api.LegacyImported
	if err := c.send(s, http.MethodPost, "/deliveries/import", uuid.NewString(), kind, importTime, bytes.NewReader(text), &done); err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(s, done)
	} else {
		for _, e := range done.Errors {
			fmt.Fprintf(s.Out, "line %d: %s\n", e.Line, e.Text)
		}
		fmt.Fprintf(s.Out, "%s: %d taken over, %s.\n", count(done.Maps, "status map"), done.Imported, count(len(done.Errors)+done.Omitted, "error"))
	}
	if err == nil && len(done.Errors) > 0 {
		return failure{code: exitProblems}
	}
	return err
}

// importTime is how long an import may take.
const importTime = 15 * time.Minute
