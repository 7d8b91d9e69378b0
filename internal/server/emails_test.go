package server

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
)

// Three parties that read mail: the partner knows customers by their number
// and by their address, the club the orders, the archive nobody.
const others = `
dataset:
- fides_key: partner
  collections:
  - name: guests
    fields:
    - {name: no, fides_meta: {primary_key: true}}
    - {name: customer, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: mail, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: full_name, data_categories: [user.name]}
  - name: stays
    fields:
    - {name: guest, fides_meta: {references: [{dataset: partner, field: guests.no, direction: from}]}}
    - {name: room}
  - name: remarks
    data_categories: [user.content]
    fides_meta: {masking_strategy_override: {strategy: delete}}
    fields:
    - {name: stay, fides_meta: {references: [{dataset: partner, field: stays.room, direction: from}]}}
    - {name: text, data_categories: [user.content]}
- fides_key: club
  collections:
  - name: members
    fields:
    - {name: order, fides_meta: {references: [{dataset: shop, field: orders.no, direction: from}]}}
    - name: nick
      data_categories: [user.name]
      fides_meta: {masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: nobody}}}
- fides_key: archive
  collections:
  - name: files
    fields:
    - {name: phone, fides_meta: {references: [{dataset: shop, field: customer.phone, direction: from}]}}
    - {name: label, data_categories: [user.name]}
connection:
- {key: partner, type: email, access: write, datasets: [partner], secrets: {to_email: privacy@partner.example, test_email: trial@example.org, due_days: 14}}
- {key: club, type: email, access: write, datasets: [club], secrets: {to_email: privacy@club.example}}
- {key: archive, type: email, access: write, datasets: [archive], secrets: {to_email: privacy@archive.example}}
`

// mailroom is a shop that tells others, and sees what it tells.
type mailroom struct {
	*desk
	mu    sync.Mutex
	turns []request.Turn
	// refuse is why no letter is posted; nil: they are.
	refuse error
}

// told is the shop with the others, changed by replacements.
func told(t *testing.T, store string, replacements ...string) *mailroom {
	t.Helper()
	w := newWorld(t, store, "sqlite")
	w.configure(shopDataset, shopPolicies, strings.NewReplacer(replacements...).Replace(others))
	return &mailroom{desk: w.open()}
}

// begin carries a request out until it waits or ends.
func (m *mailroom) begin(policy, email string) (id string, err error) {
	m.t.Helper()
	who := person(m.t, "email", email)
	plan, err := m.plan(policy, who)
	if err != nil {
		m.t.Fatal(err)
	}
	if id, err = m.Local.submit(m.t.Context(), plan, who, 0); err != nil {
		m.t.Fatal(err)
	}
	return id, m.goOn(id)
}

func (m *mailroom) goOn(id string) error {
	e := m.executor()
	e.Instructions, e.PublicURL = m.House.Store.Work(), "https://privacy.example"
	e.Requests = watched{e.Requests, m}
	return e.Run(m.t.Context(), store.DefaultTenant, id, true)
}

// watched notes the turns of requests.
type watched struct {
	fulfill.Requests
	m *mailroom
}

func (w watched) Move(ctx context.Context, l request.Lease, turn request.Turn, entry audit.Entry) error {
	w.m.mu.Lock()
	w.m.turns = append(w.m.turns, turn)
	w.m.mu.Unlock()
	if turn.Event == request.Mail && w.m.refuse != nil {
		return w.m.refuse
	}
	return w.Requests.Move(ctx, l, turn, entry)
}

func (m *mailroom) letters() (all []message.Letter) {
	for _, turn := range m.turns {
		all = append(all, turn.Letters...)
	}
	return all
}

func (m *mailroom) is(id string, want request.Status) request.Request {
	m.t.Helper()
	r, err := m.House.Store.Requests().Get(m.t.Context(), store.DefaultTenant, id)
	if err != nil {
		m.t.Fatal(err)
	}
	if r.Status != want {
		m.t.Fatalf("the request is %s, want %s: %s\n%s", r.Status, want, r.Message, m.log)
	}
	return r
}

// collections gives what a letter says, as JSON.
func collections(t *testing.T, l message.Letter) string {
	t.Helper()
	text, err := json.Marshal(l.Values["collections"])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEachThirdPartyIsToldInOneLetter(t *testing.T) { // E1 E3 E6 E7 X13
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		m := told(t, store)
		m.exec("UPDATE customer SET phone = NULL WHERE id = 0;\n") // so that nothing finds her in the archive
		id, err := m.begin("erasure", " ANNA@example.com ")
		if err != nil {
			t.Fatal(err)
		}
		m.is(id, request.AwaitingEmailSend)
		all := m.letters()
		if len(all) != 2 {
			t.Fatalf("%d letters", len(all))
		}
		club, partner := all[0], all[1]
		m.equal("to", []string{club.To.Reveal(), partner.To.Reveal()}, []string{"privacy@club.example", "privacy@partner.example"})
		m.equal("to the club", collections(t, club), `[{"locators":[{"field":"order","of":"","their":"","values":["10","11"]}],"name":"members","update":[{"action":"string_rewrite","field":"nick","value":"nobody"}]}]`)
		m.equal("to the partner", collections(t, partner), `[`+
			`{"locators":[{"field":"mail","of":"","their":"","values":["anna@example.com","ANNA@example.com"]},{"field":"customer","of":"","their":"","values":["0"]}],"name":"guests","update":[{"action":"hash","field":"mail","value":""},{"action":"null_rewrite","field":"full_name","value":""}]},`+
			`{"locators":[{"field":"guest","of":"guests","their":"no","values":[]}],"name":"stays","update":[]},`+
			`{"locators":[{"field":"stay","of":"stays","their":"room","values":[]}],"name":"remarks","update":[{"action":"delete","field":"","value":""}]}]`)
		if link, _ := partner.Values["url"].(string); !strings.HasPrefix(link, "https://privacy.example/instructions/va_") {
			t.Errorf("the link is %s", link)
		}
		for _, l := range all {
			if l.Kind != message.Instructions || l.Request != id {
				t.Errorf("%s about %s", l.Kind, l.Request)
			}
		}
	})
}

func TestAnErasureByLetterIsInstructedAndNotVerified(t *testing.T) { // E3 E4 E5
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		m := told(t, store)
		id, err := m.begin("erasure", "anna@example.com")
		if err != nil {
			t.Fatal(err)
		}
		report, err := m.Report(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		read, erased := line(report, "partner:guests", request.Access), line(report, "partner:guests", request.Erasure)
		m.equal("access", []any{read.Status, read.RowsRead, read.Attempts}, []any{request.Done, int64(0), 1})
		m.equal("erasure", []any{erased.Status, erased.RowsMasked, erased.Verified}, []any{request.Instructed, int64(0), false})
		if !strings.Contains(erased.Message, "instructions prepared: 2 values") || !strings.HasSuffix(erased.Message, "instructed, not verified") {
			t.Errorf("it says %q", erased.Message)
		}
		if c := line(report, "shop:customer", request.Erasure); !c.Verified || c.RowsMasked != 1 {
			t.Errorf("the shop: %+v", c)
		}
		log, err := m.House.Store.Work().Log(t.Context(), "default", id, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(log, func(l request.LogLine) bool { return l.Address == "partner:guests" && l.Action == request.Erasure })
		if at < 0 || log[at].Status != "instructed" || !strings.HasPrefix(log[at].Message, "instructions prepared") {
			t.Errorf("the log: %+v", log)
		}
		papers, err := m.House.Store.Work().Papers(t.Context(), "default", id, "instructions")
		if err != nil || len(papers) != 5 {
			t.Errorf("%d papers, %v", len(papers), err)
		}
		if text := m.log.String(); strings.Contains(text, "anna@") || strings.Contains(text, "privacy@") {
			t.Error("the log names people")
		}
	})
}

func TestNobodyIsToldWhereNothingIsFound(t *testing.T) { // E2 E6
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		m := told(t, store, "fides_meta: {identity: email}}\n    - {name: full_name", "fides_meta: {}}\n    - {name: full_name")
		id, err := m.begin("erasure", "nobody@example.com")
		if err != nil || len(m.letters()) > 0 {
			t.Fatalf("%d letters, %v", len(m.letters()), err)
		}
		m.is(id, request.Complete)
	})
}

func TestNobodyIsToldWithoutWriteAccess(t *testing.T) { // E2 D26
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		m := told(t, store, "type: email, access: write", "type: email, access: read")
		id, err := m.begin("erasure", "anna@example.com")
		if err == nil || len(m.letters()) > 0 {
			t.Fatalf("%d letters, %v", len(m.letters()), err)
		}
		r := m.is(id, request.Errored)
		report, err := m.Report(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		c := line(report, "partner:guests", request.Erasure)
		if c.Status != request.Failed || !strings.Contains(c.Message, "read access only") || !strings.Contains(r.Message, "partner:guests") {
			t.Errorf("%s; %+v", r.Message, c)
		}
		if c := line(report, "shop:customer", request.Erasure); c.Status != request.Done {
			t.Errorf("the rest did not proceed: %+v", c)
		}
	})
}

func TestALetterIsTheSameWhenTheStepIsRepeated(t *testing.T) { // E18
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		m := told(t, store)
		m.refuse = errors.New("the database took it not")
		id, err := m.begin("erasure", "anna@example.com")
		if !errors.Is(err, m.refuse) {
			t.Fatal(err)
		}
		if r := m.is(id, request.Errored); r.Step != "emails" {
			t.Errorf("it stands at %s", r.Step)
		}
		m.refuse = nil
		if err := m.goOn(id); err != nil {
			t.Fatal(err)
		}
		m.is(id, request.AwaitingEmailSend)
		again, err := m.begin("erasure", "anna@example.com")
		if err != nil {
			t.Fatal(err)
		}
		m.is(again, request.AwaitingEmailSend)
		ids := map[string][]string{}
		for _, l := range m.letters() {
			ids[l.Request] = append(ids[l.Request], l.ID)
		}
		if n := len(ids[id]); n == 0 || n%2 > 0 || !slices.Equal(ids[id][:n/2], ids[id][n/2:]) {
			t.Errorf("the letters of one request are %v", ids[id])
		}
		if slices.ContainsFunc(ids[again], func(l string) bool { return slices.Contains(ids[id], l) }) {
			t.Error("the letters of another request are the same")
		}
		report, err := m.Report(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if c := line(report, "shop:customer", request.Access); c.Attempts != 1 {
			t.Errorf("access was repeated: %+v", c)
		}
	})
}

// A collection of which nothing is erased leads to the club.
func TestRowsThatAppearMeanwhileAreInTheLetter(t *testing.T) { // X17 E6
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		m := told(t, store, "\nconnection:", "\npolicy:\n- key: names\n  rules:\n  - {key: all, action: erasure, targets: [user.name], masking: {strategy: null_rewrite}}\nconnection:")
		m.at(begins("verification"), "INSERT INTO orders VALUES (77, 0, 'Spätweg', 1);\n")
		if _, err := m.begin("names", "anna@example.com"); err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(m.letters(), func(l message.Letter) bool { return l.To.Reveal() == "privacy@club.example" })
		if at < 0 || !strings.Contains(collections(t, m.letters()[at]), `"values":["10","11","77"]`) {
			t.Errorf("the club is told %s", collections(t, m.letters()[max(at, 0)]))
		}
	})
}

func TestALetterIsHeldBackByALegalHold(t *testing.T) { // X28
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		m := told(t, store)
		var placed error
		m.tell = func(e fulfill.Event) {
			if e.Step == "emails" {
				_, placed = m.Place(t.Context(), Holding{Addresses: []string{"partner"}, Ground: "HGB 257"})
			}
		}
		id, err := m.begin("erasure", "anna@example.com")
		if !errors.Is(err, fulfill.ErrPaused) || placed != nil || len(m.letters()) > 0 {
			t.Fatalf("%d letters, %v, %v", len(m.letters()), err, placed)
		}
		if r := m.is(id, request.Paused); r.Step != "emails" || !strings.Contains(r.Message, "partner") {
			t.Errorf("at %s: %s", r.Step, r.Message)
		}
	})
}

func TestALetterWithMoreValuesThanTheCapWaits(t *testing.T) { // X27
	t.Parallel()
	bothStores(t, func(t *testing.T, store string) {
		m := told(t, store)
		m.Limits.RowsPerCollection = 1
		m.exec("DELETE FROM orders WHERE no = 11;\nDELETE FROM note WHERE id = 'n2';\n")
		id, err := m.begin("erasure", "Anna@example.com") // whose address is written in two ways
		if !errors.Is(err, fulfill.ErrPaused) || len(m.letters()) > 0 {
			t.Fatalf("%d letters, %v", len(m.letters()), err)
		}
		if r := m.is(id, request.Paused); !strings.Contains(r.Message, "partner:guests: instructions would name 3 values") {
			t.Error(r.Message)
		}
	})
}

func TestTheCommandLineRefusesWhatNeedsLetters(t *testing.T) { // E6
	t.Parallel()
	m := told(t, "sqlite")
	who := person(t, "email", "anna@example.com")
	plan, err := m.plan("erasure", who)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Submit(t.Context(), plan, who, 0); err == nil || !strings.Contains(err.Error(), "sends no mail") {
		t.Errorf("it was taken: %v", err)
	}
	id, err := m.Local.submit(t.Context(), plan, who, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Run(t.Context(), id); err == nil || !strings.Contains(err.Error(), "sends no mail") {
		t.Errorf("it was begun: %v", err)
	}
	m.equal("customers", m.table("SELECT email FROM customer WHERE id = 0"), []string{"anna@example.com"})
	if err := m.Count(t.Context(), plan, who); err != nil {
		t.Errorf("rows cannot be counted: %v", err)
	}
	if !slices.ContainsFunc(plan.Nodes, func(n graph.Node) bool { return n.Address == "shop:orders" && n.Rows != nil && *n.Rows == 2 }) {
		t.Errorf("%+v", plan.Nodes)
	}
}
