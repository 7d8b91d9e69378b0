package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// holdCommands are the commands for legal holds.
type holdCommands struct {
	Place holdPlaceCommand `cmd:"" help:"Forbid to erase somebody's data, or a collection."`
	Lift  holdLiftCommand  `cmd:"" help:"End a hold."`
	List  holdListCommand  `cmd:"" help:"List the holds in force."`
}

// people says whose holds are meant.
type people struct {
	Identity   []string `help:"What the person is known by, like email=anna@example.com. May be given several times." placeholder:"TYPE=VALUE" sep:"none"`
	Identities string   `help:"File with one TYPE=VALUE a line, - for standard input: keeps identities out of the shell's history." placeholder:"FILE"`
}

func (p people) read(s *session) ([]subject.Identity, error) {
	if len(p.Identity) == 0 && p.Identities == "" {
		return nil, nil
	}
	return (&whom{p.Identity, p.Identities}).identities(s)
}

type holdPlaceCommand struct {
	atHome
	people
	Collection []string `help:"Or a collection, or a dataset. May be given several times." placeholder:"DATASET:COLLECTION" sep:"none"`
	Config     string   `help:"Configuration directory, in which the collections must be." placeholder:"DIR"`
	Ground     string   `required:"" help:"Why: the law and the file number. It is shown to operators and stands in reports: name no person." placeholder:"TEXT"`
	Until      string   `help:"Last day of the hold, in UTC; without it until it is lifted." placeholder:"YYYY-MM-DD"`
	JSON       bool     `help:"Write the holds as JSON."`
}

// Run places holds. When it ends, nothing that they are on is erased any more.
func (c *holdPlaceCommand) Run(s *session) (err error) {
	h := server.Holding{Addresses: c.Collection, Ground: strings.TrimSpace(c.Ground)}
	if h.Identities, err = c.read(s); err != nil {
		return err
	}
	switch {
	case len(h.Identities)+len(h.Addresses) == 0:
		return usage("what is to be held? Give --identity, --identities or --collection")
	case h.Ground == "":
		return usage("--ground is empty: say why, with the law and the file number")
	}
	for _, a := range h.Addresses {
		if !isAddress(a) {
			return usage("--collection %q is no dataset and no dataset:collection", a)
		}
	}
	if err := c.known(s); err != nil {
		return err
	}
	if h.Until, err = lastDay(c.Until, s.Now()); err != nil {
		return err
	}
	house, _, err := c.open(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	holds, err := (&server.Local{House: house, By: s.User}).Place(s.ctx, h)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, shownHolds(holds))
	}
	for _, h := range holds {
		fmt.Fprintf(s.Out, "Hold %s: nothing of %s is erased any more.\n", h.ID, h.Subject())
	}
	return nil
}

// known refuses collections that the configuration does not have, where one is
// given: a hold on a name that is misspelt would hold nothing.
func (c *holdPlaceCommand) known(s *session) error {
	if c.Config == "" {
		return nil
	}
	cfg, err := loadSound(s, c.Config)
	if err != nil {
		return err
	}
	for _, a := range c.Collection {
		at := slices.IndexFunc(slices.Collect(cfg.Datasets.Collections()), func(c *dataset.Collection) bool {
			return a == c.Address.String() || a == c.Address.Dataset
		})
		if at < 0 {
			return failure{exitNotFound, fmt.Errorf("there is no dataset and no collection %s in %s", a, c.Config)}
		}
	}
	return nil
}

// isAddress says whether a text can name a dataset or a collection.
func isAddress(text string) bool {
	dataset, collection, both := strings.Cut(text, ":")
	return dataset != "" && (!both || collection != "") && !strings.ContainsAny(text, " \t\n")
}

// lastDay gives the end of a day, zero when there is none.
func lastDay(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, usage("--until %s: write the last day of the hold, as 2031-12-31", text)
	}
	end := day.AddDate(0, 0, 1)
	if !end.After(now) {
		return time.Time{}, usage("--until %s is over: the hold would never be in force", text)
	}
	return end, nil
}

type holdLiftCommand struct {
	atHome
	ID string `arg:"" help:"The hold's id, as the list shows it."`
}

// Run ends a hold.
func (c *holdLiftCommand) Run(s *session) (err error) {
	house, _, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	err = (&server.Local{House: house, By: s.User}).Lift(s.ctx, c.ID)
	if errors.Is(err, store.ErrNoHold) {
		return failure{exitNotFound, err}
	}
	if err == nil {
		fmt.Fprintf(s.Out, "Lifted %s. Requests that it had stopped go on when they are run again.\n", c.ID)
	}
	return err
}

type holdListCommand struct {
	atHome
	people
	All  bool `help:"Also those that are over."`
	JSON bool `help:"Write the list as JSON."`
}

// Run lists holds. Of a person it shows the type of the identity; give the
// identity to see whether one is on it.
func (c *holdListCommand) Run(s *session) (err error) {
	identities, err := c.read(s)
	if err != nil {
		return err
	}
	house, _, err := c.existing(s)
	if err != nil {
		return err
	}
	defer closing(house, &err)
	holds, err := (&server.Local{House: house}).Holds(s.ctx, identities, c.All)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, shownHolds(holds))
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tON\tPLACED\tBY\tENDS\tGROUND")
	for _, h := range holds {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", h.ID, h.Subject(), ends(h.Placed), h.By, endOf(h), strconv.Quote(h.Ground))
	}
	return table.Flush()
}

func endOf(h request.Hold) string {
	if !h.Lifted.IsZero() {
		return "lifted " + ends(h.Lifted)
	}
	return ends(h.Until)
}

// shownHold is a hold in JSON. It does not show the digest of an identity.
type shownHold struct {
	ID       string `json:"id"`
	On       string `json:"on"` // "dataset", "dataset:collection" or "identity:TYPE"
	Ground   string `json:"ground"`
	PlacedBy string `json:"placed_by"`
	Placed   string `json:"placed,omitempty"`
	Until    string `json:"until,omitempty"`
	Lifted   string `json:"lifted,omitempty"`
}

func shownHolds(holds []request.Hold) []shownHold {
	shown := []shownHold{}
	for _, h := range holds {
		on := h.Target
		if kind, _, isIdentity := strings.Cut(h.Target, " "); isIdentity {
			on = "identity:" + kind
		}
		shown = append(shown, shownHold{h.ID, on, h.Ground, h.By, instant(h.Placed), instant(h.Until), instant(h.Lifted)})
	}
	return shown
}

// instant writes a time, "" for none.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
