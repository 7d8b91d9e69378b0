package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/subject"
)

// carried are deliveries in memory, the newest first.
type carried struct {
	Deliveries
	all      []propagate.Delivery
	attempts []propagate.Attempt // of each
	takers   []propagate.Taker
	lanes    []propagate.LaneState
	tables   []propagate.Kept
	left     map[propagate.Reason]int
	retried  []propagate.Ref
	imported []propagate.LegacyMap
}

func (c *carried) List(_ context.Context, _ string, f propagate.Filter) (found []propagate.Delivery, _ error) {
	for _, d := range c.all {
		if f.Connection != "" && d.Connection != f.Connection || f.Purpose != "" && d.Purpose != f.Purpose || f.Record != "" && d.Record != f.Record ||
			f.Subject != "" && d.Subject.String() != f.Subject || len(f.Statuses) > 0 && !slices.Contains(f.Statuses, d.Status) || f.Before > 0 && d.Sequence >= f.Before {
			continue
		}
		if len(found) >= f.Limit && found[len(found)-1].Sequence != d.Sequence {
			break
		}
		found = append(found, d)
	}
	return found, nil
}

func (c *carried) Change(_ context.Context, _, record string) (propagate.View, error) {
	v := propagate.View{Statuses: map[string]propagate.Status{}, Systems: map[string]propagate.Status{}}
	for _, d := range c.all {
		if d.Record == record {
			v.Change, v.Statuses[d.Connection], v.Rows = d.Change, d.Status, append(v.Rows, d)
		}
	}
	if len(v.Rows) == 0 {
		return v, propagate.ErrNotFound
	}
	return v, nil
}

func (c *carried) Attempts(_ context.Context, _, record, connection string) (propagate.Delivery, []propagate.Attempt, error) {
	for _, d := range c.all {
		if d.Record == record && d.Connection == connection {
			return d, c.attempts, nil
		}
	}
	return propagate.Delivery{}, nil, propagate.ErrNotFound
}

func (c *carried) Lanes(context.Context, string) ([]propagate.LaneState, error) { return c.lanes, nil }

func (c *carried) Since(context.Context, string) (map[string]int64, error) {
	since := map[string]int64{}
	for _, l := range c.lanes {
		since[l.Connection] = l.Since
	}
	return since, nil
}

func (c *carried) Tables(context.Context, string) ([]propagate.Kept, error) { return c.tables, nil }

func (c *carried) Takers(context.Context, string) ([]propagate.Taker, error) { return c.takers, nil }

func (c *carried) Retry(_ context.Context, _, _, _ string, all []propagate.Delivery) (int, map[propagate.Reason]int, error) {
	if c.left != nil {
		return 0, c.left, nil
	}
	for _, d := range all {
		if d.Status != propagate.Superseded {
			c.retried = append(c.retried, propagate.Ref{Sequence: d.Sequence, Attempt: d.Attempt})
		}
	}
	return len(c.retried), nil, nil
}

func (c *carried) Import(_ context.Context, _, _ string, all []propagate.LegacyMap) (int, map[int]string, error) {
	wrong := map[int]string{}
	for i, m := range all {
		if m.Statuses["crm"] == "odd" {
			wrong[i] = "odd is no status"
			continue
		}
		c.imported = append(c.imported, m)
	}
	return len(all) - len(wrong), wrong, nil
}

// people are Anna, who has chosen about letters, and somebody who was erased.
type people struct{ Consents }

var anna, erased = consent.SubjectID{1}, consent.SubjectID{2}

func (people) Find(_ context.Context, _ string, i subject.Identity) (consent.SubjectID, error) {
	if i.Type == subject.Email {
		return anna, nil
	}
	return anna, consent.ErrNotFound
}

func (people) Alive(_ context.Context, _ string, id consent.SubjectID) error {
	switch id {
	case anna:
		return nil
	case erased:
		return consent.ErrErased
	}
	return consent.ErrNotFound
}

func (people) States(_ context.Context, _ string, _ consent.SubjectID) (map[string]consent.State, error) {
	return map[string]consent.State{"letters": {Record: record(9), Sequence: 9, Choice: consent.Withdrawn, Given: time.Unix(9, 0)}}, nil
}

func (people) Rules(context.Context, string) (*consent.Rules, error) {
	return &consent.Rules{Purposes: []consent.Purpose{{Key: "letters"}, {Key: "visits"}}}, nil
}

func record(n int64) string { return fmt.Sprintf("0198c0de-0000-7000-8000-%012d", n) }

func deliveryOf(sequence int64, connection string, s propagate.Status, r propagate.Reason) propagate.Delivery {
	d := propagate.Delivery{Connection: connection, Status: s, Reason: r}
	d.Sequence, d.Record, d.Subject, d.Purpose, d.Choice = sequence, record(sequence), anna, "letters", consent.Withdrawn
	return d
}

// acts are what was logged.
type acts struct {
	Audit
	names []string
}

func (a *acts) Append(_ context.Context, _ string, e audit.Entry) error {
	a.names = append(a.names, e.Act)
	return nil
}

func TestPagesOfDeliveriesEndWithAWholeChange(t *testing.T) {
	c := &carried{}
	for n := int64(6); n > 0; n-- {
		for i := range n { // one change for one connection, ... one for six
			c.all = append(c.all, deliveryOf(n, fmt.Sprintf("c%d", i), propagate.Complete, ""))
		}
	}
	ask := asker(t, Config{Deliveries: c}, auth.ReadDeliveries)
	for limit := 1; limit < 25; limit++ {
		var got []string
		for next := int64(0); ; {
			var page ChoiceDeliveryPage
			status, body := ask("GET", fmt.Sprintf("/api/v1/deliveries?limit=%d&before=%d", limit, next), "")
			if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK || len(page.Items) == 0 {
				t.Fatalf("%d %s: %v", status, body, err)
			}
			for _, d := range page.Items {
				got = append(got, d.Record+d.Connection)
			}
			if next = page.Next; next == 0 {
				break
			}
		}
		var want []string
		for _, d := range c.all {
			want = append(want, d.Record+d.Connection)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("with %d a page: %s", limit, d)
		}
	}
	if status, body := ask("GET", "/api/v1/deliveries?status=done", ""); status != http.StatusUnprocessableEntity || !strings.Contains(body, "superseded") {
		t.Errorf("%d %s", status, body)
	}
}

func TestEveryConnectionSaysWhyItDidOrDidNotReceiveAChoice(t *testing.T) { // P4
	c := &carried{
		all: []propagate.Delivery{
			deliveryOf(9, "ads", propagate.Skipped, propagate.NoWriteAccess), deliveryOf(9, "newsletter", propagate.Complete, ""),
			deliveryOf(7, "newsletter", propagate.Superseded, propagate.Newer), deliveryOf(6, "gone", propagate.Complete, ""), deliveryOf(5, "newsletter", propagate.Complete, ""),
		},
		attempts: []propagate.Attempt{{Number: 1, Status: propagate.Complete, Key: "vc_1", Repeats: true, Sent: []propagate.Sent{{Type: subject.Email, Linked: 3}}}},
		takers: []propagate.Taker{
			{Key: "ads", Takes: true}, {Key: "late", Takes: true}, {Key: "newsletter", Name: "Newsletter", Takes: true}, {Key: "new", Takes: true}, {Key: "shop"},
		},
		lanes: []propagate.LaneState{{Connection: "ads"}, {Connection: "newsletter"}, {Connection: "late", Since: 10}},
	}
	ask := asker(t, Config{Deliveries: c, Consents: people{}}, auth.ReadDeliveries)
	explain := func(body string) (out WhyReceived) {
		t.Helper()
		status, text := ask("POST", "/api/v1/deliveries/explain", body)
		if err := json.Unmarshal([]byte(text), &out); err != nil || status != http.StatusOK || strings.Contains(text, "anna@") {
			t.Fatalf("%d %s: %v", status, text, err)
		}
		return out
	}
	byEmail := `{"identities":[{"type":"email","value":"anna@example.org"}],"purpose":"letters"`
	all := explain(byEmail + "}")
	got := map[string]propagate.Case{}
	for _, one := range all.Connections {
		if got[one.Connection] = one.Case; one.Why == "" {
			t.Errorf("%s does not say why", one.Connection)
		}
	}
	want := map[string]propagate.Case{
		"ads": propagate.Carried, "newsletter": propagate.Carried, "late": propagate.AddedLater, "new": propagate.NotPlanned,
		"shop": propagate.TakesNone, "gone": propagate.NoConnection,
	}
	if d := cmp.Diff(want, got); d != "" || all.Person != "known" || all.Choice == nil || all.Choice.Sequence != 9 {
		t.Errorf("%+v %s", all, d)
	}
	ads, letters := all.Connections[0], all.Connections[4]
	if ads.Delivery.Reason != propagate.NoWriteAccess || !strings.Contains(ads.Mend, "access: write") {
		t.Errorf("%+v", ads)
	}
	if letters.Name != "Newsletter" || len(letters.Log) != 1 || !letters.Log[0].Repeats || letters.Log[0].Key != "vc_1" || letters.Log[0].Sent[0].Linked != 3 {
		t.Errorf("%+v", letters)
	}
	if len(letters.Earlier) != 2 || letters.Earlier[0].Superseded != record(9) || letters.Earlier[1].Superseded != "" {
		t.Errorf("%+v", letters.Earlier)
	}
	if one := explain(byEmail + `,"connection":"nowhere"}`); len(one.Connections) != 1 || one.Connections[0].Case != propagate.NoConnection {
		t.Errorf("%+v", one)
	}
	for body, want := range map[string]string{
		`{"identities":[{"type":"phone_number","value":"+4915112345678"}],"purpose":"letters"}`: whyUnknown,
		`{"subject":"` + consent.SubjectID{3}.String() + `","purpose":"letters"}`:               whyUnknown,
		`{"subject":"` + erased.String() + `","purpose":"letters"}`:                             whyErased,
		`{"subject":"` + anna.String() + `","purpose":"visits"}`:                                whyNoChoice,
		`{"subject":"` + anna.String() + `","purpose":"vists"}`:                                 whyNoPurpose,
	} {
		if got := explain(body); got.Why != want || len(got.Connections) != 0 {
			t.Errorf("%s: %+v", body, got)
		}
	}
	c.all[1].Subject = erased
	if got := explain(`{"subject":"` + erased.String() + `","purpose":"letters","connection":"newsletter"}`); got.Person != "erased" || got.Connections[0].Delivery == nil {
		t.Errorf("what was sent about somebody who was erased is not told: %+v", got)
	}
	for _, body := range []string{`{"purpose":"letters"}`, `{"subject":"` + anna.String() + `",` + byEmail[1:] + "}"} {
		if status, text := ask("POST", "/api/v1/deliveries/explain", body); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
}

func TestRetrySaysHowManyAndWhyNot(t *testing.T) { // P2
	c, log := &carried{takers: []propagate.Taker{{Key: "newsletter"}}}, &acts{}
	for n := int64(6000); n > 0; n-- {
		c.all = append(c.all, deliveryOf(n, "newsletter", propagate.Failed, propagate.Unreachable))
	}
	ask := asker(t, Config{Deliveries: c, Audit: log}, auth.RetryDeliveries)
	retry := func(body string, want int) (out Retried, text string) {
		t.Helper()
		status, text := ask("POST", "/api/v1/deliveries/retry", body)
		if err := json.Unmarshal([]byte(text), &out); err != nil || status != want {
			t.Fatalf("%s: %d %s: %v", body, status, text, err)
		}
		return out, text
	}
	if got, text := retry(fmt.Sprintf(`{"connection":"newsletter","record":%q}`, record(1)), 200); got.Retried != 1 || got.Next != 0 || c.retried[0].Sequence != 1 {
		t.Error(text)
	}
	c.retried = nil
	if _, text := retry(`{"connection":"newsletter","statuses":["error"]}`, 200); !strings.Contains(text, `"next":1001`) || len(c.retried) != 5000 {
		t.Errorf("%s, %d retried", text, len(c.retried))
	}
	if _, text := retry(`{"connection":"newsletter","statuses":["error"],"before":1001}`, 200); strings.Contains(text, "next") || len(c.retried) != 6000 {
		t.Errorf("%s, %d retried", text, len(c.retried))
	}
	if d := cmp.Diff([]string{"deliveries.retry", "deliveries.retry"}, log.names); d != "" {
		t.Error(d)
	}
	c.left = map[propagate.Reason]int{propagate.NoWriteAccess: 1}
	if got, _ := retry(`{"connection":"newsletter","statuses":["error"],"before":3}`, 200); got.Left[propagate.NoWriteAccess] != 1 {
		t.Errorf("%+v", got)
	}
	if _, text := retry(fmt.Sprintf(`{"connection":"newsletter","record":%q}`, record(1)), 409); !strings.Contains(text, "access: write") {
		t.Error(text)
	}
	c.left, c.all[0].Status, c.retried = nil, propagate.Superseded, nil
	retry(fmt.Sprintf(`{"connection":"newsletter","record":%q}`, record(6000)), 409)
	if _, text := retry(fmt.Sprintf(`{"connection":"newsletter","record":%q}`, record(7000)), 404); !strings.Contains(text, "no choice has this record") {
		t.Error(text)
	}
	if _, text := retry(`{"connection":"nowhere","statuses":["error"]}`, 404); !strings.Contains(text, noConnection) {
		t.Error(text)
	}
	for _, body := range []string{`{"connection":"newsletter"}`, `{"connection":"newsletter","statuses":["complete"]}`, `{"connection":"newsletter","statuses":["error"],"record":"` + record(1) + `"}`} {
		retry(body, 422)
	}
}

func TestStatusMapsAreTakenOverByLine(t *testing.T) { // C10
	key, token, err := auth.New("default", "", []auth.Scope{auth.RetryDeliveries}, time.Time{}, strings.NewReader(strings.Repeat("x", 100)))
	if err != nil {
		t.Fatal(err)
	}
	send := func(kind, body string) (*carried, int, string) {
		c := &carried{}
		a := New(Config{Keys: oneKey{key}, Deliveries: c, Audit: &acts{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), NewID: func() string { return "id" }, Unavailable: func(error) bool { return false }}, Table())
		r := httptest.NewRequest("POST", "/api/v1/deliveries/import", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return c, w.Code, w.Body.String()
	}
	one := fmt.Sprintf(`{"record":%q,"statuses":{"crm":"complete"}}`, record(1))
	who := `{"identity":{"type":"email","value":"canary@example.org"},"purpose":"letters","statuses":{"crm":"pending"}}`
	bad := map[string]string{
		`{`:                                     "it is not JSON",
		`[1]`:                                   "it must be of another kind than array",
		`{"statuses":{"a":"b"}}`:                "say of which choice",
		one[:len(one)-1] + `,"x":1}`:            "nothing else",
		fmt.Sprintf(`{"record":%q}`, record(1)): "no statuses",
		`{"record":"canary","statuses":{"a":"b"}}`:                                                               "not the id",
		`{"identity":{"type":"email","value":"canary@example.org"},"statuses":{"a":"b"}}`:                        "no purpose",
		`{"identity":{"type":"email","value":"canary"},"purpose":"x","statuses":{"a":"b"}}`:                      "email",
		fmt.Sprintf(`{"record":%q,"purpose":"letters","statuses":{"crm":"complete"}}`, record(1)):                "its own",
		fmt.Sprintf(`{"record":%q,"statuses":{"crm":"odd"}}`, record(1)):                                         "odd is no status",
		`{"record":"x","identity":{"type":"email","value":"canary@example.org"},"statuses":{"a":"b"}} {"a":"b"}`: "more than one",
	}
	lines, order := []string{one, ""}, slices.Sorted(maps.Keys(bad))
	lines = append(lines, order...)
	lines = append(lines, who)
	c, status, body := send("application/jsonl", strings.Join(lines, "\r\n"))
	var got LegacyImported
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if got.Maps != len(bad)+2 || got.Imported != 2 || len(c.imported) != 2 || strings.Contains(body, "canary") {
		t.Errorf("%s", body)
	}
	told := map[int]string{}
	for _, e := range got.Errors {
		told[e.Line] = e.Text
	}
	if !slices.IsSortedFunc(got.Errors, func(a, b LineError) int { return a.Line - b.Line }) {
		t.Errorf("what is wrong is not told in the order of the lines: %v", got.Errors)
	}
	for i, line := range order {
		if !strings.Contains(told[i+3], bad[line]) {
			t.Errorf("line %d, %s: %q", i+3, line, told[i+3])
		}
	}
	if c, status, body := send("application/json", "[\n"+one+",\n\n"+`{"record":"x"}`+",\n"+who+"]\n"); status != http.StatusOK || len(c.imported) != 2 || !strings.Contains(body, `"line":4`) {
		t.Errorf("%d %s", status, body)
	}
	for body, line := range map[string]string{"{}": "[1]", "[" + one + ",\n{]": "[2]", "[" + one: "[1]", "[]\n[]": "[2]", "": "[1]"} {
		if c, status, text := send("application/json", body); status != http.StatusUnprocessableEntity || !strings.Contains(text, "line"+line) || len(c.imported) > 0 {
			t.Errorf("%q: %d %s", body, status, text)
		}
	}
	if _, status, _ := send("application/jsonl", strings.Repeat(" ", maxLegacy+1)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a body that is too large: %d", status)
	}
	if _, status, _ := send("text/csv", one); status != http.StatusUnsupportedMediaType {
		t.Errorf("CSV: %d", status)
	}
}

func TestSystemsAreRolledUp(t *testing.T) { // C13
	c := &carried{lanes: []propagate.LaneState{
		{Connection: "a", System: "crm", Counts: map[propagate.Status]int64{propagate.Complete: 3, propagate.Failed: 0}},
		{Connection: "b", System: "crm", Counts: map[propagate.Status]int64{propagate.Complete: 1, propagate.Partial: 1}},
		{Connection: "c", Counts: map[propagate.Status]int64{propagate.Failed: 1}},
		{Connection: "d", System: "shop", Barred: propagate.NoWriteAccess},
	}}
	ask := asker(t, Config{Deliveries: c}, auth.ReadDeliveries)
	_, body := ask("GET", "/api/v1/deliveries/connections", "")
	var got ConnectionStates
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := []SystemState{
		{"crm", propagate.Partial, map[propagate.Status]int64{propagate.Complete: 4, propagate.Partial: 1, propagate.Failed: 0}},
		{"shop", "", map[propagate.Status]int64{}}, // nothing is no status
	}
	if d := cmp.Diff(want, got.Systems); d != "" || len(got.Items) != 4 || got.Items[0].Why != "" || !strings.Contains(got.Items[3].Mend, "access: write") || strings.Contains(body, "table") {
		t.Errorf("%s %s", body, d)
	}
	if _, failing := ask("GET", "/api/v1/deliveries/connections?failing=true", ""); strings.Count(failing, `"connection":`) != 1 || !strings.Contains(failing, `"connection":"d"`) || !strings.Contains(failing, `"systems":[{"system":"shop"`) { // W1
		t.Error(failing)
	}
	c.tables = []propagate.Kept{{Connection: "c", AsOf: time.Unix(1, 0), Trouble: "it cannot be reached"}, {Connection: "gone"}}
	_, body = ask("GET", "/api/v1/deliveries/connections", "")
	if !strings.Contains(body, `"table":{"as_of":"1970-01-01T00:00:01Z","trouble":"it cannot be reached"}`) || strings.Count(body, "table") != 1 {
		t.Error(body)
	}
}

func TestDeliveriesAreShownWithTheirCalls(t *testing.T) { // P5
	d := deliveryOf(9, "ads", propagate.Partial, propagate.Refused)
	d.Calls = []connector.Call{{Name: "list_42", Outcome: connector.Arrived}, {Name: "list_43", Outcome: connector.Rejected, Reason: "no such list"}}
	c := &carried{all: []propagate.Delivery{d}, attempts: []propagate.Attempt{{Number: 1, At: time.Unix(1, 0).In(time.FixedZone("", 3600)), Took: -1}}}
	ask := asker(t, Config{Deliveries: c}, auth.ReadDeliveries)
	for path, want := range map[string]string{
		"/api/v1/deliveries/changes/" + record(9):          `"statuses":{"ads":"partial"}`,
		"/api/v1/deliveries/changes/" + record(9) + "/ads": `"outcome":"rejected","reason":"no such list"`,
	} {
		if status, body := ask("GET", path, ""); status != http.StatusOK || !strings.Contains(body, want) || strings.Contains(body, "+01:00") || strings.Contains(body, "took_ms") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for _, path := range []string{record(8), record(8) + "/ads", record(9) + "/other"} {
		if status, body := ask("GET", "/api/v1/deliveries/changes/"+path, ""); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
