package http

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"volenti.dev/volenti/config/source"
)

// Parse reads the description of a file: what stands below its key
// saas_config. Other keys, such as dataset, are left to others. Nil means that
// there is none; what was reported says why.
func Parse(file string, data []byte, r *source.Report) *Description {
	for _, n := range source.Parse(file, data, r) {
		if m := n.Mapping("a file of descriptions", r); m.Has("saas_config") {
			if n := m.Node("saas_config"); n != nil {
				return Decode(n, r)
			}
		}
	}
	r.Errorf(source.Position{File: file}, "begin it with saas_config:", "the file describes no vendor")
	return nil
}

// Decode reads a saas_config and reports whatever is wrong with it. The
// description is good when no error was added to the report.
func Decode(n *source.Node, r *source.Report) *Description {
	d := decoder{report: r, made: &Description{At: n.At}}
	d.description(n.Mapping("saas_config", r))
	for i := range d.made.Endpoints {
		e := &d.made.Endpoints[i]
		for _, r := range []*Request{e.Update, d.made.Protection, e.Delete} { // H12
			if r != nil {
				e.masks = append(e.masks, r)
			}
		}
	}
	d.check()
	return d.made
}

type decoder struct {
	report *source.Report
	made   *Description
}

func (d decoder) description(m *source.Mapping) {
	m.Need("fides_key", "name", "type", "client_config", "endpoints")
	made := d.made
	made.Key, made.Name, made.Type = m.String("fides_key"), m.String("name"), strings.ToLower(m.String("type"))
	made.About, made.Guide = m.String("description"), m.String("user_guide")
	if n := m.Node("version"); n != nil {
		made.Version = n.Scalar("version", d.report) // 0.1 is a number to YAML
	}
	m.Ignore("replaceable", "display_info")
	for _, n := range m.List("connector_params") {
		made.Params = append(made.Params, d.param(n))
	}
	for _, n := range m.List("external_references") {
		e := n.Mapping("an external reference", d.report)
		e.Need("name")
		made.External = append(made.External, External{e.String("name"), e.String("label"), e.String("description"), n.At})
		e.Done()
	}
	if c := d.client(m.Node("client_config")); c != nil {
		made.Client = *c
	}
	for _, n := range m.List("endpoints") {
		made.Endpoints = append(made.Endpoints, d.endpoint(n))
	}
	made.Test = d.request(m.Node("test_request"), false)
	made.Protection = d.request(m.Node("data_protection_request"), false)
	made.Limits = d.limits(m)
	if c := m.Mapping("consent_requests"); c != nil {
		made.OptIn, made.OptOut = d.requests(c.Node("opt_in"), false), d.requests(c.Node("opt_out"), false)
		c.Done()
	}
	m.Done()
}

func (d decoder) param(n *source.Node) Param {
	m := n.Mapping("a connector param", d.report)
	m.Need("name")
	p := Param{
		Name: m.String("name"), Label: m.String("label"), About: m.String("description"), Type: m.String("type"),
		Options: d.scalars(m, "options"), Allowed: d.scalars(m, "allowed_values"),
		Multiselect: m.Bool("multiselect"), Sensitive: m.Bool("sensitive"), At: n.At,
	}
	if n := m.Node("default_value"); n != nil {
		text := ""
		if n.Kind == source.List {
			text = strings.Join(d.scalars(m, "default_value"), ",")
		} else {
			text = n.Scalar("default_value", d.report)
		}
		p.Default = &text
	}
	if p.Multiselect && len(p.Options) == 0 {
		d.report.Errorf(m.Where("multiselect"), "add options: [...]", "multiselect of %s has no options to choose from", p.Name)
	}
	if p.Default != nil {
		if err := p.Check(*p.Default); err != nil {
			d.report.Errorf(m.Where("default_value"), "make it one of options or allowed_values", "the default of %s %v", p.Name, err)
		}
	}
	m.Done()
	return p
}

func (d decoder) scalars(m *source.Mapping, key string) []string {
	var texts []string
	for _, n := range m.List(key) {
		texts = append(texts, n.Scalar("an entry of "+key, d.report))
	}
	return texts
}

func (d decoder) client(n *source.Node) *Client {
	if n == nil {
		return nil
	}
	m := n.Mapping("client_config", d.report)
	m.Need("protocol", "host")
	c := &Client{Protocol: m.String("protocol"), Host: m.String("host"), Auth: d.auth(m.Node("authentication")), At: n.At}
	if c.Protocol != "" && c.Protocol != "https" && c.Protocol != "http" {
		d.report.Errorf(m.Where("protocol"), "write https", "the protocol %s is not spoken here", c.Protocol)
	}
	m.Done()
	return c
}

// strategy reads {strategy, configuration}.
func (d decoder) strategy(n *source.Node, what string, known ...string) (string, *source.Mapping) {
	m := n.Mapping(what, d.report)
	m.Need("strategy")
	strategy, configuration := m.String("strategy"), m.Mapping("configuration")
	if strategy != "" && !slices.Contains(known, strategy) {
		d.report.Errorf(m.Where("strategy"), source.DidYouMean(strategy, slices.Values(known), "use one of "+strings.Join(known, ", ")), "%s knows no strategy %q", what, strategy)
		configuration.Keys()
	}
	m.Done()
	return strategy, configuration
}

func (d decoder) auth(n *source.Node) *Auth {
	if n == nil {
		return nil
	}
	strategy, m := d.strategy(n, "authentication", APIKey, Basic, Bearer, QueryParam, AuthorizationCode, ClientCredentials, ServiceAccount)
	a := &Auth{Strategy: strategy, At: n.At}
	need := func(keys ...string) {
		if m == nil {
			d.report.Errorf(n.At, "add configuration: with "+strings.Join(keys, ", "), "the authentication %s has no configuration", strategy)
		}
		m.Need(keys...)
	}
	switch strategy {
	case APIKey:
		a.Headers, a.Query, a.Body = d.pairs(m, "headers"), d.pairs(m, "query_params"), m.String("body")
		if len(a.Headers)+len(a.Query) == 0 && a.Body == "" {
			d.report.Errorf(n.At, "add headers, query_params or a body", "the authentication api_key does not say where the key goes")
		}
	case Basic:
		need("username")
		a.Username, a.Password = m.String("username"), m.String("password")
	case Bearer:
		need("token")
		a.Token = m.String("token")
	case QueryParam:
		need("name", "value")
		a.Query = []Pair{{m.String("name"), m.String("value")}}
	case AuthorizationCode, ClientCredentials:
		need("token_request")
		a.TokenRequest, a.Refresh = d.request(m.Node("token_request"), false), d.request(m.Node("refresh_request"), false)
		a.ExpiresIn = time.Duration(m.Int("expires_in")) * time.Second
		if strategy == AuthorizationCode {
			need("authorization_request")
			a.Authorization = d.request(m.Node("authorization_request"), false)
		}
	case ServiceAccount:
		a.Keyfile, a.Scopes = "<keyfile_creds>", d.scalars(m, "scopes")
		if m.Has("keyfile_creds") {
			a.Keyfile = m.String("keyfile_creds")
		}
	}
	m.Done()
	return a
}

func (d decoder) pairs(m *source.Mapping, key string) []Pair {
	var pairs []Pair
	for _, n := range m.List(key) {
		p := n.Mapping("an entry of "+key, d.report)
		p.Need("name", "value")
		pair := Pair{Name: p.String("name")}
		if v := p.Node("value"); v != nil {
			pair.Value = v.Scalar("value", d.report)
		}
		pairs = append(pairs, pair)
		p.Done()
	}
	return pairs
}

func (d decoder) endpoint(n *source.Node) Endpoint {
	m := n.Mapping("an endpoint", d.report)
	m.Need("name", "requests")
	e := Endpoint{Name: m.String("name"), Skip: m.Bool("skip_processing"), After: d.scalars(m, "after"), EraseAfter: d.scalars(m, "erase_after"), At: n.At}
	requests := m.Mapping("requests")
	e.Read = d.requests(requests.Node("read"), true)
	e.Update, e.Delete = d.request(requests.Node("update"), false), d.request(requests.Node("delete"), false)
	for _, r := range e.Read {
		if !slices.Equal(r.Grouped, e.Read[0].Grouped) {
			d.report.Errorf(r.At, "give all of them the same", "the read requests of %s differ in grouped_inputs", e.Name)
		}
	}
	requests.Done()
	m.Done()
	return e
}

// requests reads one request or a list of them.
func (d decoder) requests(n *source.Node, read bool) []Request {
	if n == nil {
		return nil
	}
	var all []Request
	if n.Kind != source.List {
		return append(all, *d.request(n, read))
	}
	for _, one := range n.List("requests", d.report) {
		all = append(all, *d.request(one, read))
	}
	return all
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions}

// request reads a request, nil when there is none.
func (d decoder) request(n *source.Node, read bool) *Request {
	if n == nil {
		return nil
	}
	m := n.Mapping("a request", d.report)
	r := &Request{At: n.At}
	d.fill(r, m)
	if read {
		r.Output = m.String("output")
	}
	d.whole(r, m)
	return r
}

// fill reads the keys that every request has.
func (d decoder) fill(r *Request, m *source.Mapping) {
	r.Override = m.String("request_override")
	r.Method, r.Path, r.Body = strings.ToUpper(m.String("method")), m.String("path"), m.String("body")
	r.Headers, r.Query = d.pairs(m, "headers"), d.pairs(m, "query_params")
	for _, v := range m.List("param_values") {
		r.Values = append(r.Values, d.value(v))
	}
	r.Client = d.client(m.Node("client_config"))
	r.DataPath = m.String("data_path")
	for _, p := range m.List("postprocessors") {
		r.Processors = append(r.Processors, d.processor(p))
	}
	r.Pagination = d.pagination(m.Node("pagination"))
	r.Grouped = d.scalars(m, "grouped_inputs")
	d.ignored(m, r)
	r.Limits = d.limits(m)
	r.Async = d.async(m.Node("async_config"))
	r.SkipMissing, r.CorrelationAt = m.Bool("skip_missing_param_values"), m.String("correlation_id_path")
}

// whole says what a request lacks, and ends the reading of its mapping.
func (d decoder) whole(r *Request, m *source.Mapping) {
	if m.Has("request_override") {
		d.report.Errorf(m.Where("request_override"), "describe the call by method and path, or leave the request out",
			"the function %q of request_override would have to be in the program, and it is not: code is not run here", r.Override)
		m.Done()
		return
	}
	if r.Path == "" && r.Output == "" {
		d.report.Errorf(r.At, "add path: /...", "the request has no path")
	}
	if r.Path != "" && !strings.HasPrefix(r.Path, "/") && !strings.HasPrefix(r.Path, "<") {
		d.report.Errorf(m.Where("path"), "write /"+r.Path, "the path does not begin with /")
	}
	if r.Path != "" && !slices.Contains(methods, r.Method) {
		d.report.Errorf(m.Where("method"), "use one of "+strings.Join(methods, ", "), "the request has no method that HTTP knows")
	}
	m.Done()
}

func (d decoder) value(n *source.Node) Value {
	m := n.Mapping("a param value", d.report)
	m.Need("name")
	v := Value{Name: m.String("name"), Identity: m.String("identity"), Param: m.String("connector_param"), Unpack: m.Bool("unpack"), At: n.At}
	for _, r := range m.List("references") {
		if r.Kind == source.String {
			v.References = append(v.References, Reference{External: r.String("a reference", d.report)})
			continue
		}
		ref := r.Mapping("a reference", d.report)
		ref.Need("dataset", "field")
		if ref.String("direction") == "to" {
			d.report.Errorf(ref.Where("direction"), "write from", "a param value takes what it refers to, and cannot lead there")
		}
		v.References = append(v.References, Reference{Dataset: ref.String("dataset"), Field: ref.String("field")})
		ref.Done()
	}
	given := 0
	for _, is := range []bool{v.Identity != "", len(v.References) > 0, v.Param != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		d.report.Errorf(n.At, "keep one of them", "the param value %s must have just one of identity, references and connector_param", v.Name)
	}
	m.Done()
	return v
}

func (d decoder) ignored(m *source.Mapping, r *Request) {
	n := m.Node("ignore_errors")
	if n == nil {
		return
	}
	if n.Kind != source.List {
		r.IgnoreAll = m.Bool("ignore_errors")
		return
	}
	for _, text := range d.scalars(m, "ignore_errors") {
		code, err := strconv.Atoi(text)
		if err != nil || code < 100 || code > 599 {
			d.report.Errorf(n.At, "write codes such as 404", "ignore_errors holds what is no status code")
		}
		r.Ignore = append(r.Ignore, code)
	}
}

func (d decoder) processor(n *source.Node) Processor {
	strategy, m := d.strategy(n, "a postprocessor", "unwrap", "filter", "extract_for_execution_log")
	p := Processor{Strategy: strategy, At: n.At}
	switch strategy {
	case "unwrap":
		m.Need("data_path")
		p.Path = m.String("data_path")
	case "extract_for_execution_log":
		p.Path = m.String("path")
	case "filter":
		m.Need("field", "value")
		p.Field = m.String("field")
		p.Inexact = m.Has("exact") && !m.Bool("exact")
		p.AnyCase = m.Has("case_sensitive") && !m.Bool("case_sensitive")
		switch v := m.Node("value"); {
		case v == nil:
		case v.Kind == source.Map:
			of := v.Mapping("value", d.report)
			p.Identity, p.Dataset = of.String("identity"), of.String("dataset_reference")
			if (p.Identity == "") == (p.Dataset == "") {
				d.report.Errorf(v.At, "keep one of them", "the value of a filter is text, {identity: TYPE} or {dataset_reference: DATASET.COLLECTION.FIELD}")
			}
			of.Done()
		default:
			text := v.Scalar("value", d.report)
			p.Literal = &text
		}
	}
	m.Done()
	return p
}

func (d decoder) pagination(n *source.Node) *Pagination {
	if n == nil {
		return nil
	}
	strategy, m := d.strategy(n, "pagination", "offset", "link", "cursor")
	p := &Pagination{Strategy: strategy, At: n.At}
	switch strategy {
	case "offset":
		m.Need("incremental_param", "increment_by")
		p.Param, p.By = m.String("incremental_param"), m.Int("increment_by")
		if p.By < 1 {
			d.report.Errorf(m.Where("increment_by"), "write how much further the next page begins", "increment_by must be 1 or more")
		}
		if l := m.Node("limit"); l != nil && l.Kind == source.Map {
			of := l.Mapping("limit", d.report)
			of.Need("connector_param")
			p.LimitParam = of.String("connector_param")
			of.Done()
		} else {
			p.Limit = m.Int("limit")
		}
	case "link":
		m.Need("source")
		p.Source, p.Rel, p.Path, p.HasNext = m.String("source"), m.String("rel"), m.String("path"), m.String("has_next")
		switch p.Source {
		case "headers":
			m.Need("rel")
		case "body":
			m.Need("path")
		default:
			d.report.Errorf(m.Where("source"), "write headers or body", "a link stands in headers or in the body")
		}
	case "cursor":
		m.Need("cursor_param", "field")
		p.Param, p.Field, p.HasNext = m.String("cursor_param"), m.String("field"), m.String("has_next")
	}
	m.Done()
	return p
}

var periods = map[string]time.Duration{"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}

func (d decoder) limits(m *source.Mapping) []Limit {
	c := m.Mapping("rate_limit_config")
	c.Ignore("enabled")
	var limits []Limit
	for _, n := range c.List("limits") {
		of := n.Mapping("a limit", d.report)
		of.Need("rate", "period")
		l := Limit{Rate: of.Int("rate"), Period: periods[of.String("period")], Key: of.String("custom_key")}
		if l.Rate < 1 || l.Period == 0 {
			d.report.Errorf(n.At, "write, for example, rate: 10 and period: second", "a limit needs a rate of 1 or more and a period of second, minute, hour or day")
		}
		limits = append(limits, l)
		of.Done()
	}
	c.Done()
	return limits
}

// The times of polling where a description does not say.
const (
	pollEvery  = 5 * time.Minute
	pollAtMost = 7 * 24 * time.Hour
)

func (d decoder) async(n *source.Node) *Async {
	if n == nil {
		return nil
	}
	strategy, m := d.strategy(n, "async_config", "callback", "polling")
	a := &Async{Strategy: strategy, Every: time.Second, AtMost: pollAtMost, At: n.At}
	if strategy == "polling" {
		a.Every = pollEvery
		m.Need("status_request")
		a.Status, a.StatusAt = d.later(m.Node("status_request"), "status_path", func(m *source.Mapping) {
			if v := m.Node("status_completed_value"); v != nil {
				a.Completed = v.Scalar("status_completed_value", d.report)
			}
			a.Failed = d.scalars(m, "status_failed_values")
		})
		a.Result, a.ResultAt = d.later(m.Node("result_request"), "result_path", func(*source.Mapping) {})
		if m.Has("interval") {
			a.Every = time.Duration(m.Int("interval")) * time.Second
		}
		if a.Status != nil && a.StatusAt == "" {
			d.report.Errorf(a.Status.At, "add status_path: ...", "the status request does not say where the status stands in its answer")
		}
	}
	if m.Has("time_limit") {
		a.AtMost = time.Duration(m.Int("time_limit")) * time.Second
	}
	if a.Every < time.Second || a.AtMost < a.Every {
		d.report.Errorf(n.At, "write seconds", "interval must be 1 or more, and time_limit no less than interval")
	}
	m.Done()
	return a
}

// later reads the requests of polling, which have keys of their own among
// those of a request.
func (d decoder) later(n *source.Node, pathKey string, more func(*source.Mapping)) (r *Request, path string) {
	if n == nil {
		return nil, ""
	}
	m := n.Mapping("a request", d.report)
	r = &Request{At: n.At}
	d.fill(r, m)
	path = m.String(pathKey)
	more(m)
	d.whole(r, m)
	return r, path
}
