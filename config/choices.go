package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/subject"
)

// Choices is how a connection takes what people choose: its key consent.
type Choices struct {
	Off bool // off: true
	// Items are what the system calls our purposes: purposes: {KEY: [ITEM, ...]}.
	Items map[string][]string
	// Identities are the types that the system knows people by, best first.
	Identities []subject.Type
	Schedule   propagate.Schedule // schedule: immediate, hourly, daily HH:MM (UTC)
	Limit      int                // concurrency: calls at once; 0 when it does not say
	// Table is the permission table that is kept in this database: table: NAME.
	Table string
}

const (
	mostAtOnce = 64  // of concurrency
	mostItem   = 256 // bytes of what a system calls a purpose
	mostTable  = 48  // bytes of a table's name: one more table is named after it
)

var tableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// choices reads consent, nil where a connection has none.
func (l *loader) choices(of *source.Mapping, c *Connection, spec connector.Spec) *Choices {
	m := of.Mapping("consent")
	if m == nil {
		return nil
	}
	at := of.Where("consent")
	ch := &Choices{Off: m.Bool("off"), Items: l.items(m), Identities: l.identities(m), Limit: l.atOnce(m)}
	if !m.Has("identities") && !ch.Off {
		l.report.Errorf(at, "add identities: [external_id] or others, best first", "the consent of the connection %s does not say by which identities the system knows people", c.Key)
	}
	l.identified(m, c, spec, ch)
	l.schedule(m, c, spec, ch)
	l.table(m, c, spec, ch)
	m.Done()
	if reason, fix := unwritable(c, spec, ch); reason != "" && !ch.Off && !c.Disabled && spec.Type != "" {
		l.report.Warnf(at, fix, "no choice is sent to the connection %s: %s", c.Key, reason)
	}
	return ch
}

// items reads what a system calls purposes.
func (l *loader) items(of *source.Mapping) map[string][]string {
	m := of.Mapping("purposes")
	if m == nil {
		return nil
	}
	known := map[string]bool{}
	for _, p := range l.config.Purposes {
		known[p.Key] = true
	}
	items := map[string][]string{}
	for _, purpose := range m.Keys() {
		if len(known) > 0 && !known[purpose] {
			l.report.Warnf(m.Where(purpose), source.DidYouMean(purpose, maps.Keys(known), "add it to the purposes, or remove it here"), "there is no purpose %q", purpose)
		}
		for _, t := range m.Strings(purpose) {
			switch {
			case t.Value == "" || len(t.Value) > mostItem || strings.ContainsFunc(t.Value, unicode.IsControl):
				l.report.Errorf(t.At, fmt.Sprintf("write 1 to %d bytes without control characters", mostItem), "this cannot be what a system calls the purpose %s", purpose)
			case slices.Contains(items[purpose], t.Value):
				l.report.Errorf(t.At, "remove one of them", "%q is given twice for the purpose %s", t.Value, purpose)
			default:
				items[purpose] = append(items[purpose], t.Value)
			}
		}
		if n := m.Node(purpose); n == nil || n.Kind == source.List && len(m.List(purpose)) == 0 {
			l.report.Errorf(m.Where(purpose), "name what the system calls it, or remove it", "the purpose %s has no words of the system", purpose)
		}
	}
	return items
}

// identities reads the types that a system knows people by. People are found by
// those that a field of a dataset has, and by those that there always are.
func (l *loader) identities(m *source.Mapping) []subject.Type {
	known := append(l.config.Datasets.IdentityTypes(), string(subject.Email), string(subject.Phone), string(subject.DeviceID), string(subject.ExternalID))
	var types []subject.Type
	for _, t := range m.Strings("identities") {
		typ, err := subject.ParseType(t.Value)
		switch {
		case err != nil:
			l.report.Errorf(t.At, "write a type of identity", "%q cannot be one: %v", t.Value, err)
		case slices.Contains(types, typ):
			l.report.Errorf(t.At, "remove one of them", "the identity %s is given twice", typ)
		default:
			if !slices.Contains(known, t.Value) {
				l.report.Warnf(t.At, source.DidYouMean(t.Value, slices.Values(known), "look whether it is written as it was meant"), "no dataset has an identity of type %s", typ)
			}
			types = append(types, typ)
		}
	}
	if n := m.Node("identities"); n != nil && n.Kind == source.List && len(m.List("identities")) == 0 {
		l.report.Errorf(m.Where("identities"), "name at least one, or switch it off by off: true", "there are no identities to send")
	}
	return types
}

// identified warns of a system that is not given what it knows people by.
func (l *loader) identified(m *source.Mapping, c *Connection, spec connector.Spec, ch *Choices) {
	if ch.Off || len(ch.Identities) == 0 {
		return
	}
	for _, t := range spec.PrefersBy {
		if !slices.Contains(ch.Identities, subject.Type(t)) {
			l.report.Warnf(m.Where("identities"), "add "+t, "no choice is sent to the connection %s: type %s knows people by their %s, which identities lacks", c.Key, c.Type, t)
		}
	}
}

func (l *loader) atOnce(m *source.Mapping) int {
	if m.Node("concurrency") == nil {
		return 0
	}
	before := l.report.Errors()
	n := m.Int("concurrency")
	if l.report.Errors() == before && (n < 1 || n > mostAtOnce) {
		l.report.Errorf(m.Where("concurrency"), fmt.Sprintf("use 1 to %d", mostAtOnce), "concurrency cannot be %d", n)
		return 0
	}
	return int(n)
}

// schedule reads when what waits is sent together, which needs a kind that takes
// several choices in one call.
func (l *loader) schedule(m *source.Mapping, c *Connection, spec connector.Spec, ch *Choices) {
	schedule, err := propagate.ParseSchedule(m.String("schedule"))
	switch {
	case err != nil:
		l.report.Errorf(m.Where("schedule"), "use immediate, hourly or, with a time in UTC, daily 06:00", "schedule cannot be %q", m.String("schedule"))
	case schedule != propagate.Schedule{} && m.Has("table"):
		l.report.Errorf(m.Where("schedule"), "remove one of them", "a permission table has no schedule: it is always kept up to date")
	case schedule != propagate.Schedule{} && spec.Prefers <= 1 && spec.Type != "":
		l.report.Errorf(m.Where("schedule"), "remove it", "a connection of type %s is told each choice at once", c.Type)
	default:
		ch.Schedule = schedule
	}
}

func (l *loader) table(m *source.Mapping, c *Connection, spec connector.Spec, ch *Choices) {
	if m.Node("table") == nil {
		return
	}
	switch name := m.String("table"); {
	case !spec.Permits && spec.Type != "":
		l.report.Errorf(m.Where("table"), "remove it", "no permission table is kept in a connection of type %s", c.Type)
	case !tableForm.MatchString(name) || len(name) > mostTable:
		l.report.Errorf(m.Where("table"), fmt.Sprintf("use up to %d letters, digits and _, no digit first", mostTable), "%q cannot be the name of a permission table", name)
	default:
		ch.Table = name
	}
}

// unwritable says why no choice is sent to a connection, and the mend; nothing
// when some are.
func unwritable(c *Connection, spec connector.Spec, ch *Choices) (reason, fix string) {
	switch {
	case spec.Prefers == 0 && !spec.Permits:
		return "connections of type " + c.Type + " do not take any", "remove consent"
	case spec.Prefers == 0 && ch.Table == "":
		return "a database takes them as a permission table", "add table: NAME"
	case spec.Called && !c.Receives:
		return "it may not know who the people are", "add receives: identities"
	case (ch.Table != "" || !spec.Called && !spec.Instructed) && !c.Write:
		return "it may not be written to", "add access: write"
	}
	return "", ""
}

// reached warns of connections whose data uses keep every choice from them, and of
// purposes of which no connection is told (P8). A directory that names no purposes is
// judged by those that there are from the start.
func (ck *checker) reached() {
	purposes := ck.Purposes
	if len(purposes) == 0 {
		purposes = consent.DefaultPurposes()
	}
	uses := map[string][]taxonomy.Use{}
	for _, p := range purposes {
		uses[p.Key] = nil
		for _, u := range p.Uses {
			uses[p.Key] = append(uses[p.Key], taxonomy.Use(u))
		}
	}
	var targets []propagate.Target // whose uses are known
	for _, c := range ck.Connections {
		if c.Choices == nil || c.Choices.Off || c.Disabled {
			continue
		}
		if _, declared := ck.System(c.System); c.System != "" && !declared {
			continue // the loader says so
		}
		t := propagate.Target{Key: c.Key, Write: true, System: c.System, Uses: ck.UsesOf(c), Items: c.Choices.Items}
		targets = append(targets, t)
		if reason, fix := ck.bars(t, uses); reason != "" {
			ck.report.Warnf(c.At, fix, "no choice is sent to the connection %s: %s", c.Key, reason)
		}
	}
	for i, p := range ck.Purposes {
		if len(p.Uses) > 0 || !slices.ContainsFunc(targets, func(t propagate.Target) bool { return len(t.Uses) > 0 }) {
			continue
		}
		told := func(t propagate.Target) bool {
			return propagate.Barred(t, map[string][]taxonomy.Use{p.Key: nil}) == propagate.NoReason
		}
		if !slices.ContainsFunc(targets, told) {
			ck.report.Warnf(ck.purposesAt[i], "add data_uses, of those that systems declare", "no connection is told of choices about the purpose %s: it declares no data_uses", p.Key)
		}
	}
}

// bars says why nothing is sent to a target by the data uses that there are, and the
// mend; nothing when something is.
func (ck *checker) bars(t propagate.Target, uses map[string][]taxonomy.Use) (reason, fix string) {
	barred := propagate.Barred(t, uses)
	switch {
	case t.System != "" && len(t.Uses) == 0:
		return "its system " + t.System + " declares no data_uses", "add data_uses to the system"
	case len(t.Uses) == 0 && len(t.Items) == 0:
		return "it declares no data_uses and names no purposes", "add data_uses, a system that declares some, or purposes to consent"
	case len(t.Uses) == 0: // whether there are the purposes that it names, the loader says
	case barred == propagate.UseMismatch && len(ck.Purposes) == 0:
		return "its data_uses go with those of purposes, and none is named here: those that there are from the start have none", "add purpose: with data_uses, unless the server is given some"
	case barred == propagate.UseMismatch:
		return "its data_uses go with those of no purpose", "add data_uses to the purposes that it is to be told of"
	case barred == propagate.NothingToSend:
		return "the purposes of its consent are none that its data_uses go with", "name other purposes there, or give them data_uses"
	}
	return "", ""
}
