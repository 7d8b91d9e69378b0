package http

import (
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
)

// builtIn are the placeholders that need no param value.
var builtIn = []string{
	"privacy_request_id", "custom_privacy_request_fields", "privacy_request", "uuid", "iso_8601_datetime",
	"field_list", "reply_to", "reply_to_token", "idempotency_key",
}

// What else stands for something in the requests of one kind.
var (
	ofMasks       = []string{"masked_object_fields", "all_object_fields"}
	ofOutput      = []string{"all_object_fields"}
	ofPreferences = []string{"item", "purpose", "granted", "since"}
	ofPolling     = []string{"correlation_id"}
	ofTokens      = []string{"code", "state", "redirect_uri", "code_challenge", "code_verifier", "refresh_token", "access_token"}
)

// check reports what a description that can be read lacks or contradicts.
func (d decoder) check() {
	made := d.made
	d.unique()
	d.checkClient(&made.Client)
	for i := range made.Endpoints {
		e := &made.Endpoints[i]
		for k := range e.Read {
			d.checkRead(&e.Read[k])
		}
		d.checkRequest(e.Update, ofMasks)
		d.checkRequest(e.Delete, ofMasks)
	}
	d.checkRequest(made.Test, nil)
	d.checkRequest(made.Protection, ofMasks)
	for _, all := range [][]Request{made.OptIn, made.OptOut} {
		for i := range all {
			d.checkRequest(&all[i], ofPreferences)
		}
	}
}

func (d decoder) unique() {
	seen := map[string]source.Position{}
	first := func(what, name string, at source.Position) {
		if before, again := seen[what+name]; again && name != "" {
			d.report.Errorf(at, "rename or remove one of them", "the %s %s is already described at %s", what, name, before)
		}
		seen[what+name] = at
	}
	for _, p := range d.made.Params {
		first("connector param", p.Name, p.At)
	}
	for _, e := range d.made.External {
		first("connector param", e.Name, e.At)
	}
	for _, e := range d.made.Endpoints {
		first("endpoint", e.Name, e.At)
	}
}

func (d decoder) checkRead(r *Request) {
	d.checkRequest(r, nil)
	d.placeholders(r.At, "output", r.Output, r, ofOutput)
	if len(r.Grouped) == 0 {
		return
	}
	of := map[string]bool{}
	for _, name := range r.Grouped {
		v := r.value(name)
		switch {
		case v == nil:
			d.report.Errorf(r.At, "add it to param_values, or leave it out", "grouped_inputs names %s, which is no param value", name)
		case v.Param != "":
			d.report.Errorf(v.At, "leave it out of grouped_inputs", "%s comes from a connector param, and only identities and references are grouped", name)
		case len(v.References) > 0 && v.References[0].External != "":
			d.report.Errorf(v.At, "leave it out of grouped_inputs", "%s is an external reference, of which nobody knows beside what it stands", name)
		case len(v.References) > 0:
			collection, _, _ := strings.Cut(v.References[0].Field, ".")
			of[v.References[0].Dataset+"."+collection] = true
		}
	}
	if len(of) > 1 {
		d.report.Errorf(r.At, "group fields of one collection", "grouped_inputs come from %d collections, so that no row holds them together", len(of))
	}
}

// checkRequest looks at one call and the calls that belong to it.
func (d decoder) checkRequest(r *Request, more []string) {
	if r == nil || r.Override != "" {
		return
	}
	seen := map[string]bool{}
	for _, v := range r.Values {
		if seen[v.Name] {
			d.report.Errorf(v.At, "rename or remove one of them", "the param value %s is there twice", v.Name)
		}
		seen[v.Name] = true
		d.checkValue(v)
	}
	d.placeholders(r.At, "path", r.Path, r, more)
	d.placeholders(r.At, "body", r.Body, r, more)
	for _, p := range slices.Concat(r.Headers, r.Query) {
		d.placeholders(r.At, p.Name, p.Value, r, more)
	}
	d.checkClient(r.Client)
	d.checkPages(r)
	if r.Async != nil && r.Async.Strategy == "polling" {
		if r.CorrelationAt == "" {
			d.report.Errorf(r.Async.At, "add correlation_id_path: ...", "polling needs an id to ask for, and the request does not say where it stands in the answer")
		}
		d.checkRequest(r.Async.Status, slices.Concat(ofPolling, r.names()))
		d.checkRequest(r.Async.Result, slices.Concat(ofPolling, r.names()))
	}
}

func (d decoder) checkValue(v Value) {
	if v.Param != "" && d.made.param(v.Param) == nil {
		d.report.Errorf(v.At, source.DidYouMean(v.Param, d.paramNames(), "add it to connector_params"), "%s takes the connector param %s, which is not described", v.Name, v.Param)
	}
	for _, ref := range v.References {
		switch {
		case ref.External != "" && !slices.ContainsFunc(d.made.External, func(e External) bool { return e.Name == ref.External }):
			d.report.Errorf(v.At, "add it to external_references", "%s takes the external reference %s, which is not described", v.Name, ref.External)
		case ref.External == "" && !strings.Contains(ref.Field, "."):
			d.report.Errorf(v.At, "write collection.field", "the field of a reference of %s does not name a collection and a field", v.Name)
		}
	}
}

func (d decoder) paramNames() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, p := range d.made.Params {
			if !yield(p.Name) {
				return
			}
		}
	}
}

// placeholders reports those that stand for nothing.
func (d decoder) placeholders(at source.Position, where, text string, r *Request, more []string) {
	known := slices.Concat(builtIn, more, slices.Collect(d.paramNames()))
	if r != nil {
		known = append(known, r.names()...)
	}
	for _, hole := range holes.FindAllStringSubmatch(text, -1) {
		name := hole[1]
		first, _, _ := strings.Cut(name, ".")
		if !slices.Contains(known, name) && !slices.Contains(known, first) {
			d.report.Errorf(at, source.DidYouMean(name, slices.Values(known), "add it to param_values"), "<%s> in %s stands for nothing: there is no such param value", name, where)
		}
		if of, dotted := strings.CutPrefix(name, "privacy_request."); dotted && !slices.Contains(connector.RequestFields, of) {
			d.report.Errorf(at, source.DidYouMean(of, slices.Values(connector.RequestFields), "use one of them"), "<%s> in %s stands for nothing: what is known of a request is %s", name, where, strings.Join(connector.RequestFields, ", "))
		}
	}
}

func (d decoder) checkClient(c *Client) {
	if c == nil {
		return
	}
	d.placeholders(c.At, "host", c.Host, nil, nil)
	if c.Auth == nil {
		return
	}
	a := c.Auth
	for _, text := range []string{a.Username, a.Password, a.Token, a.Keyfile, a.Body} {
		if text == "<keyfile_creds>" && d.made.param("keyfile_creds") == nil {
			d.report.Errorf(a.At, "add it to connector_params", "the service account is read from the connector param keyfile_creds, which is not described")
			continue
		}
		d.placeholders(a.At, "authentication", text, nil, nil)
	}
	for _, p := range slices.Concat(a.Headers, a.Query) {
		d.placeholders(a.At, p.Name, p.Value, nil, nil)
	}
	for _, r := range []*Request{a.Authorization, a.TokenRequest, a.Refresh} {
		d.checkRequest(r, ofTokens)
	}
}

// checkPages sees that a param that counts pages is there to begin with.
func (d decoder) checkPages(r *Request) {
	p := r.Pagination
	if p == nil {
		return
	}
	if p.LimitParam != "" && d.made.param(p.LimitParam) == nil {
		d.report.Errorf(p.At, "add it to connector_params", "limit takes the connector param %s, which is not described", p.LimitParam)
	}
	if p.Strategy != "offset" || strings.Contains(r.Body, `"`+p.Param+`"`) {
		return
	}
	for _, q := range r.Query {
		if q.Name == p.Param {
			return
		}
	}
	d.report.Errorf(p.At, "add it to query_params with the value of the first page", "the request has no query parameter %s to count up", p.Param)
}

// names are those of the param values.
func (r *Request) names() []string {
	all := map[string]bool{}
	for _, v := range r.Values {
		all[v.Name] = true
	}
	return slices.Sorted(maps.Keys(all))
}

func (r *Request) value(name string) *Value {
	for i := range r.Values {
		if r.Values[i].Name == name {
			return &r.Values[i]
		}
	}
	return nil
}

// uses says whether a placeholder of the request begins with a name.
func (r *Request) uses(name string) bool {
	texts := []string{r.Path, r.Body}
	for _, p := range slices.Concat(r.Headers, r.Query) {
		texts = append(texts, p.Value)
	}
	for _, text := range texts {
		if holds(text, name, true) {
			return true
		}
	}
	return false
}

// needs says whether the call cannot be made without a value: it stands in the
// path or the body, and is not optional there.
func (r *Request) needs(name string) bool {
	return holds(r.Path, name, true) || holds(r.Body, name, false)
}

func holds(text, name string, optional bool) bool {
	for _, hole := range holes.FindAllStringSubmatch(text, -1) {
		if (hole[1] == name || strings.HasPrefix(hole[1], name+".")) && (optional || hole[2] == "") {
			return true
		}
	}
	return false
}
