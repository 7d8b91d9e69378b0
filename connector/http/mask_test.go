package http

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/safehttp"
	"volenti.dev/volenti/subject"
)

func batch(endpoint string, columns []string, changes ...connector.Change) connector.Batch {
	return connector.Batch{Table: table(endpoint), KeyColumns: []string{"id", InputsColumn}, Columns: columns, Changes: changes}
}

func key(id any, inputs map[string]any) connector.Tuple { return connector.Tuple{id, inputs} }

func statuses(all []connector.Outcome) string {
	var texts []string
	for _, o := range all {
		texts = append(texts, string(o.Status))
	}
	return strings.Join(texts, " ")
}

// people is a vendor's store of people by id, of which handlers are made.
type people struct {
	mu  sync.Mutex
	all map[string]string // JSON by id
}

func (p *people) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := strings.TrimPrefix(r.URL.Path, "/people/")
	row, there := p.all[id]
	if !there {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	switch r.Method {
	case http.MethodPatch:
		body, _ := io.ReadAll(r.Body)
		parsed, _ := parseJSON([]byte(row))
		more, err := parseJSON(body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		merged := merge(parsed.(map[string]any), more.(map[string]any))
		p.all[id] = string(appendJSON(nil, merged))
	case http.MethodDelete:
		delete(p.all, id)
	default:
		_, _ = io.WriteString(w, row)
	}
}

func merge(into, from map[string]any) map[string]any {
	for name, v := range from {
		inner, ok := v.(map[string]any)
		if was, both := into[name].(map[string]any); ok && both {
			v = merge(was, inner)
		}
		into[name] = v
	}
	return into
}

const crm = `
  endpoints:
  - name: people
    requests:
      read: {method: GET, path: /people/<who>, param_values: [{name: who, identity: external_id}]}
      update:
        method: PATCH
        path: /people/<person>
        body: '{<masked_object_fields>}'
        headers: [{name: Idempotency-Key, value: <idempotency_key>}]
        param_values: [{name: person, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}]
`

func TestARowIsMaskedAndVerified(t *testing.T) { // H12
	p := &people{all: map[string]string{"7": `{"id":"7","mail":"a@b.c","home":{"city":"Rome","zip":"1"},"plan":"pro"}`}}
	v := newVendor(t, p.ServeHTTP)
	c := v.open(t, describe(t, crm)).About(connector.Facts{RequestID: "r1"}).(*Connector)
	change := connector.Change{
		Key:    key("7", map[string]any{"who": "7"}),
		Before: connector.Row{"mail": "a@b.c", "home": map[string]any{"city": "Rome", "zip": "1"}},
		After:  connector.Row{"mail": nil, "home": map[string]any{"city": "Rome", "zip": "0"}},
	}
	b := batch("people", []string{"mail", "home"}, change)
	if before, err := c.Verify(t.Context(), b); err != nil || statuses(before) != "conflict" {
		t.Errorf("before: %v, %v", before, err)
	}
	guarded := 0
	b.Guard = func(context.Context) error { guarded++; return nil }
	out, err := c.Mask(t.Context(), b)
	if err != nil || statuses(out) != "changed" || guarded != 1 {
		t.Fatalf("%v, %v, guarded %d times", out, err, guarded)
	}
	same(t, "the call", v.made()[1:], []string{`PATCH /people/7 {"home":{"zip":"0"},"mail":null}`})
	if p.all["7"] != `{"home":{"city":"Rome","zip":"0"},"id":"7","mail":null,"plan":"pro"}` {
		t.Errorf("the vendor has %s", p.all["7"])
	}
	if after, err := c.Verify(t.Context(), b); err != nil || statuses(after) != "already_done" || after[0].Reason != "" {
		t.Errorf("after: %v, %v", after, err)
	}
	if _, err := c.Mask(t.Context(), b); err != nil {
		t.Error(err)
	}
	v.mu.Lock()
	first, again := v.heads[1].Get("Idempotency-Key"), v.heads[3].Get("Idempotency-Key")
	v.mu.Unlock()
	if first == "" || first != again {
		t.Errorf("the keys are %q and %q", first, again)
	}
	b.Changes[0].After = b.Changes[0].Before
	calls := len(v.made())
	if out, err := c.Mask(t.Context(), b); err != nil || statuses(out) != "already_done" || len(v.made()) != calls {
		t.Errorf("without a change: %v, %v", out, err)
	}
	b.Changes[0] = connector.Change{Key: key("8", map[string]any{"who": "8"}), Before: connector.Row{"mail": "x"}, After: connector.Row{"mail": nil}}
	if out, err := c.Mask(t.Context(), b); err != nil || statuses(out) != "missing" {
		t.Errorf("a row that is gone: %v, %v", out, err)
	}
	if out, err := c.Verify(t.Context(), b); err != nil || statuses(out) != "already_done" {
		t.Errorf("a row that is gone, verified: %v, %v", out, err)
	}
}

func TestWhatIsReadOnlyIsLeftOutOfAWholeRow(t *testing.T) { // H12
	v := newVendor(t, says(""))
	c := v.open(t, describe(t, strings.NewReplacer("PATCH", "PUT", "{<masked_object_fields>}", `{"row": <all_object_fields>}`).Replace(crm)))
	homes := func(city string) []any {
		return []any{map[string]any{"city": city, "seen": map[string]any{"at": int64(1), "by": "x"}}, map[string]any{"city": city, "checked": true}, "a text"}
	}
	b := batch("people", []string{"homes", "plan"}, connector.Change{
		Key: key("7", map[string]any{"who": "7"}), Before: connector.Row{"homes": homes("Rome"), "plan": "pro"}, After: connector.Row{"homes": homes(""), "plan": "pro"},
	})
	b.Omit = []string{"homes.checked", "homes.seen.at", "plan.none"}
	if out, err := c.Mask(t.Context(), b); err != nil || statuses(out) != "changed" {
		t.Errorf("%v, %v", out, err)
	}
	same(t, "calls", v.made(), []string{`PUT /people/7 {"row": {"homes":[{"city":"","seen":{"by":"x"}},{"city":""},"a text"],"plan":"pro"}}`})
	if fmt.Sprint(b.Changes[0].After["homes"]) != fmt.Sprint(homes("")) {
		t.Error("what is compared later was changed")
	}
}

func TestTheFirstRequestThatCanMasks(t *testing.T) { // H12
	const head = `
  endpoints:
  - name: people
    requests:
      read: {method: GET, path: /people/<who>, param_values: [{name: who, identity: external_id}]}
`
	const erase = `      delete: {method: DELETE, path: /people/<who>, param_values: [{name: who, identity: external_id}]}
`
	const forget = `
  data_protection_request: {method: POST, path: /forget, body: '{"who": "<who>", "all": {<all_object_fields>}, "of": "<privacy_request_id>"}', param_values: [{name: who, identity: external_id}]}`
	change := connector.Change{Key: key("7", map[string]any{"who": "7"}), Before: connector.Row{"mail": "x", "n": int64(1)}, After: connector.Row{"mail": nil, "n": int64(1)}}
	for want, text := range map[string]string{
		"DELETE /people/7": head + erase,
		`POST /forget {"who": "7", "all": {"mail":null,"n":1}, "of": "r1"}`: forget + head + erase,
	} {
		v := newVendor(t, says(`{}`))
		c := v.open(t, describe(t, text)).About(connector.Facts{RequestID: "r1"}).(*Connector)
		out, err := c.Mask(t.Context(), batch("people", []string{"mail", "n"}, change, change))
		if err != nil || statuses(out) != "changed changed" {
			t.Errorf("%v, %v", out, err)
		}
		same(t, "the one call for both", v.made(), []string{want})
	}
	v := newVendor(t, says(`{}`))
	c := v.open(t, describe(t, head))
	if _, err := c.Mask(t.Context(), batch("people", []string{"mail"}, change)); err == nil || !strings.Contains(err.Error(), "no update, no delete and no data_protection_request") {
		t.Errorf("without any request: %v", err)
	}
}

func TestRowsAreDeleted(t *testing.T) { // H12
	p := &people{all: map[string]string{"7": `{"id":"7"}`}}
	v := newVendor(t, p.ServeHTTP)
	c := v.open(t, describe(t, `
  endpoints:
  - name: people
    requests:
      read: {method: GET, path: /people/<who>, ignore_errors: [404], param_values: [{name: who, identity: external_id}]}
      delete: {method: DELETE, path: /people/<who>, param_values: [{name: who, references: [{dataset: <instance_fides_key>, field: people.id}]}]}
`))
	b := batch("people", nil, connector.Change{Key: key("7", map[string]any{"who": "7"})}, connector.Change{Key: key("9", map[string]any{"who": "9"})})
	for _, want := range []string{"changed already_done", "already_done already_done"} {
		if out, err := c.Delete(t.Context(), b); err != nil || statuses(out) != want {
			t.Errorf("%v, %v", out, err)
		}
	}
	if out, err := c.Verify(t.Context(), b); err != nil || statuses(out) != "already_done already_done" {
		t.Errorf("%v, %v", out, err)
	}
	p.all["9"] = `{"id":"9"}`
	if out, err := c.Verify(t.Context(), b); err != nil || statuses(out) != "already_done conflict" {
		t.Errorf("%v, %v", out, err)
	}
	d := describe(t, crm)
	readOnly, err := d.Open(connector.Settings{Key: "k", ReadOnly: true, Secrets: map[string]string{"domain": v.host()}}, Options{Client: safehttp.NewClient(safehttp.Options{AllowPrivate: true})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readOnly.Mask(t.Context(), b); connector.KindOf(err) != connector.Denied {
		t.Errorf("a connection that may only read: %v", err)
	}
}

func TestMasksKnowWhatNoReadIsAskedBy(t *testing.T) { // H12
	v := newVendor(t, says(`{"id": 7, "mails": [{"to": "A@b.c", "n": 1}, {"to": "other@b.c", "n": 2}]}`))
	c := v.open(t, describe(t, `
  endpoints:
  - name: orders
    requests:
      read: {method: GET, path: /orders/<customer>, param_values: [{name: customer, references: [{dataset: shop, field: customers.id}]}]}
      update:
        method: PUT
        path: /orders/<customer>/<n>
        body: '{"mail": "<mail>", "shop": "<shop?>"}'
        data_path: mails
        postprocessors: [{strategy: filter, configuration: {field: to, value: {identity: email}, case_sensitive: false}}]
        param_values:
        - {name: mail, identity: email}
        - {name: customer, references: [{dataset: shop, field: customers.id}]}
        - {name: n, references: [{dataset: <instance_fides_key>, field: orders.n}]}
        - {name: shop, references: [{dataset: shop, field: shops.id}]}
`))
	var names []string
	for _, in := range c.Inputs("orders", "x") {
		names = append(names, fmt.Sprint(in.Name, in.Filter))
	}
	same(t, "the inputs", names, []string{"customerfalse", "mask_mailtrue", "mask_shoptrue"})
	var b connector.Batch
	_, err := c.Read(t.Context(), connector.Read{Table: table("orders"), Where: []connector.Match{match("customer", "c"), match("mask_mail", "a@b.c", "z@b.c")}}, func(r connector.Row) error {
		b = batch("orders", nil, connector.Change{Key: key(r["id"], r[InputsColumn].(map[string]any)), Before: connector.Row{"mails": r["mails"]}})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Mask(t.Context(), b)
	if err != nil || statuses(out) != "changed" {
		t.Fatalf("%v, %v", out, err)
	}
	same(t, "the calls", v.made()[1:], []string{`PUT /orders/c/1 {"mail": "a@b.c", "shop": null}`, `PUT /orders/c/1 {"mail": "z@b.c", "shop": null}`})
}

func TestARowThatIsRefusedFailsAlone(t *testing.T) { // H12
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/7") {
			http.Error(w, "no", http.StatusUnprocessableEntity)
		}
	})
	c := v.open(t, describe(t, crm))
	at := func(id any) connector.Change {
		return connector.Change{Key: key(id, nil), Before: connector.Row{"mail": "a@b.c"}, After: connector.Row{"mail": nil}}
	}
	out, err := c.Mask(t.Context(), batch("people", []string{"mail"}, at("7"), at("8"), at(nil)))
	if err != nil || statuses(out) != "failed changed failed" {
		t.Fatalf("%v, %v", out, err)
	}
	if out[0].Reason != "PATCH /people/<person>: the vendor answered 422" || out[2].Reason != "PATCH /people/<person>: there is no value for <person> in the path" {
		t.Errorf("the reasons are %q and %q", out[0].Reason, out[2].Reason)
	}
	c.about.Endpoints[0].Update.SkipMissing = true
	if out, err = c.Mask(t.Context(), batch("people", []string{"mail"}, at(nil))); err != nil || statuses(out) != "already_done" || !strings.HasPrefix(out[0].Reason, "nothing was sent") {
		t.Errorf("skipped: %v, %v", out, err)
	}
}

func TestAnAddressThatIsWrongIsNotTakenForARowThatIsGone(t *testing.T) { // H12
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	c := v.open(t, describe(t, `
  endpoints:
  - name: asked
    requests:
      read: {output: '{"mail": "<mail>"}', param_values: [{name: mail, identity: email}]}
      delete: {method: POST, path: /erasures, body: '{"mail": "<mail>"}', param_values: [{name: mail, references: [{dataset: <instance_fides_key>, field: asked.mail}]}]}
  - name: later
    requests:
      read: {output: '{"mail": "<mail>"}', param_values: [{name: mail, identity: email}]}
      delete:
        method: POST
        path: /erasures
        body: '{"mail": "<mail>"}'
        param_values: [{name: mail, references: [{dataset: <instance_fides_key>, field: later.mail}]}]
        correlation_id_path: id
        async_config: {strategy: polling, configuration: {status_request: {method: GET, path: "/erasures/<correlation_id>", status_path: done}}}
  - name: named
    requests:
      read: {output: '{"mail": "<mail>"}', param_values: [{name: mail, identity: email}]}
      delete: {method: DELETE, path: /erasures, query_params: [{name: mail, value: <mail>}], param_values: [{name: mail, references: [{dataset: <instance_fides_key>, field: named.mail}]}]}
  - name: verified
    requests:
      read: {method: GET, path: /people, query_params: [{name: mail, value: <mail>}], param_values: [{name: mail, identity: email}]}
      delete: {method: POST, path: /erasures, body: '{"mail": "<mail>"}', param_values: [{name: mail, references: [{dataset: <instance_fides_key>, field: verified.mail}]}]}
`))
	for endpoint, want := range map[string]string{"asked": "failed", "later": "failed", "named": "already_done", "verified": "already_done"} {
		b := batch(endpoint, nil, connector.Change{Key: key("1", map[string]any{"mail": "a@b.c"}), Before: connector.Row{"mail": "a@b.c"}})
		if out, err := c.Delete(t.Context(), b); err != nil || statuses(out) != want || want == "failed" && !strings.Contains(out[0].Reason, "answered 404") {
			t.Errorf("%s: %v, %v, want %s", endpoint, out, err, want)
		}
	}
}

func TestEachRequestHasIdempotencyKeysOfItsOwn(t *testing.T) { // H16
	v := newVendor(t, says(`{}`))
	c := v.open(t, describe(t, crm))
	keyOf := func(request, id, before string, mask any) string {
		b := batch("people", []string{"mail"}, connector.Change{Key: key(id, nil), Before: connector.Row{"mail": before}, After: connector.Row{"mail": mask}})
		if _, err := c.About(connector.Facts{RequestID: request}).(*Connector).Mask(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		return v.heads[len(v.heads)-1].Get("Idempotency-Key")
	}
	first := keyOf("r1", "7", "a@b.c", nil)
	if len(first) < 16 || keyOf("r1", "7", "a@b.c", nil) != first {
		t.Errorf("the same is asked for under %q and another key", first)
	}
	for what, other := range map[string]string{
		"another request": keyOf("r2", "7", "a@b.c", nil), "another row": keyOf("r1", "8", "a@b.c", nil),
		"a value that has come back": keyOf("r1", "7", "new@b.c", nil), "another mask": keyOf("r1", "7", "a@b.c", "x"),
	} {
		if other == first {
			t.Errorf("%s has the same key: the vendor would answer as before, and do nothing", what)
		}
	}
}

func TestALackingPermissionIsOfTheConnectionAndNotOfARow(t *testing.T) { // R6
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	c := v.open(t, describe(t, crm))
	_, err := tryRead(t.Context(), c, "people", match("who", "7"))
	if connector.KindOf(err) != connector.Denied || !strings.Contains(err.Error(), "lack a permission") {
		t.Errorf("read: %v", err)
	}
	out, err := c.Mask(t.Context(), batch("people", []string{"mail"}, connector.Change{Key: key("7", nil), Before: connector.Row{"mail": "a@b.c"}, After: connector.Row{"mail": nil}}))
	if connector.KindOf(err) != connector.Denied {
		t.Errorf("mask: %v, %v", out, err)
	}
}

func TestAnErrorInTheBodyIsNotTakenForDone(t *testing.T) { // H12 H15
	v := newVendor(t, says(`{"message": "success", "errors": ["the id is not known"]}`))
	c := v.open(t, describe(t, crm+`
  consent_requests:
    opt_out: {method: POST, path: /stop, body: '{"mail": "<mail>"}', param_values: [{name: mail, identity: email}]}
`))
	b := batch("people", []string{"mail"}, connector.Change{Key: key("7", nil), Before: connector.Row{"mail": "a@b.c"}, After: connector.Row{"mail": nil}})
	out, err := c.Mask(t.Context(), b)
	if err != nil || statuses(out) != "failed" || !strings.HasPrefix(out[0].Reason, "PATCH /people/<person>: the vendor answered 200 with an error in the body") {
		t.Errorf("%v, %v", out, err)
	}
	mail, err := subject.New("email", "a@b.c")
	if err != nil {
		t.Fatal(err)
	}
	calls, err := c.Prefer(t.Context(), []connector.Preference{{Key: "k", Identities: []subject.Identity{mail}, Purpose: "news"}})
	if err != nil || calls[0][0].Outcome != connector.Rejected {
		t.Errorf("the choice: %v, %v", calls, err)
	}
}

func TestChoicesAreTold(t *testing.T) { // H15 P11
	d := describe(t, `
  consent_requests:
    opt_in: {method: PUT, path: "/lists/<item>", body: '{"mail": "<mail>", "phone": "<phone?>"}', headers: [{name: Idempotency-Key, value: <idempotency_key>}], param_values: [{name: mail, identity: email}, {name: phone, identity: phone_number}]}
    opt_out:
    - {method: DELETE, path: "/lists/<item>/<mail>", param_values: [{name: mail, identity: email}]}
    - {method: POST, path: /suppress, body: '{"mail": "<mail>", "for": "<purpose>", "is": <granted>}', param_values: [{name: mail, identity: email}]}
  endpoints: []
`)
	status := map[string]int{}
	v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
		if s := status[r.URL.Path]; s != 0 {
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(s)
		}
	})
	c := v.open(t, d)
	mail, err := subject.New("email", "a@b.c")
	if err != nil {
		t.Fatal(err)
	}
	wants := func(granted bool) connector.Preference {
		return connector.Preference{Key: "vc_1", Identities: []subject.Identity{mail}, Purpose: "news", Items: []string{"l1", "l2"}, Granted: granted, Since: time.Now()}
	}
	told := func(p connector.Preference) string {
		t.Helper()
		v.calls, v.heads = nil, nil
		calls, err := c.Prefer(t.Context(), []connector.Preference{p})
		if err != nil {
			return string(connector.KindOf(err))
		}
		var texts []string
		for _, call := range calls[0] {
			texts = append(texts, fmt.Sprintf("%s %s %s", call.Name, call.Outcome, call.RetryAfter))
		}
		return strings.Join(texts, ", ")
	}
	if got := told(wants(true)); got != "l1 arrived 0s, l2 arrived 0s" {
		t.Errorf("granted: %s", got)
	}
	same(t, "the calls", v.made(), []string{`PUT /lists/l1 {"mail": "a@b.c", "phone": null}`, `PUT /lists/l2 {"mail": "a@b.c", "phone": null}`})
	if a, b := v.heads[0].Get("Idempotency-Key"), v.heads[1].Get("Idempotency-Key"); a != "vc_1" || b == a || b == "" {
		t.Errorf("the keys are %q and %q", a, b)
	}
	if got := told(wants(false)); got != "l1 arrived 0s, l2 arrived 0s, POST /suppress arrived 0s" {
		t.Errorf("withdrawn: %s", got)
	}
	same(t, "the calls", v.made(), []string{`DELETE /lists/l1/a@b.c`, `DELETE /lists/l2/a@b.c`, `POST /suppress {"mail": "a@b.c", "for": "news", "is": false}`})
	status["/lists/l1"], status["/lists/l2"] = 404, 503
	if got := told(wants(true)); got != "l1 rejected 0s, l2 busy 9s" && got != "l1 rejected 9s, l2 busy 9s" {
		t.Errorf("refused and busy: %s", got)
	}
	status["/lists/l1"], status["/lists/l2"] = 429, 0
	if got := told(wants(true)); got != "l1 busy 9s, l2 not_made 0s" || len(v.made()) != 1 {
		t.Errorf("busy at first: %s", got)
	}
	status["/lists/l1"] = 401
	if got := told(wants(true)); got != "denied" {
		t.Errorf("a wrong secret: %s", got)
	}
	nobody := wants(true)
	nobody.Identities = nil
	if got := told(nobody); got != "l1 unknown_person 0s, l2 unknown_person 0s" || len(v.made()) != 0 {
		t.Errorf("without the identity: %s", got)
	}
	if d.Spec().Prefers != 1 {
		t.Error("the spec takes no preferences")
	}
	v.Close()
	if got := told(wants(true)); got != "unreachable" {
		t.Errorf("a vendor that is down: %s", got)
	}
}
