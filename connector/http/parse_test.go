package http

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
)

// wrong parses and gives the problems, "line: message (fix)".
func wrong(text string) []string {
	var r source.Report
	Parse("vendor.yml", []byte(text), &r)
	var all []string
	for _, p := range r.Problems() {
		all = append(all, strings.TrimPrefix(p.String(), "vendor.yml:"))
	}
	return all
}

const whole = `
  description: Everything that the format has.
  user_guide: https://docs.example.com
  replaceable: true
  display_info: {category: crm}
  external_references:
  - {name: account, label: Account, description: "the account's id"}
  test_request: {method: GET, path: /ping, ignore_errors: [404]}
  data_protection_request: {method: POST, path: /forget, body: '{"who": "<mail>", "request": "<privacy_request_id?>"}', param_values: [{name: mail, identity: email}]}
  rate_limit_config: {enabled: true, limits: [{rate: 10, period: second}, {rate: 1000, period: day, custom_key: all}]}
  consent_requests:
    opt_in: {method: PUT, path: "/lists/<item>", param_values: [{name: mail, identity: email}]}
    opt_out:
    - {method: DELETE, path: "/lists/<item>/<mail>", param_values: [{name: mail, identity: email}]}
  endpoints:
  - name: people
    skip_processing: true
    after: [<instance_fides_key>.orders]
    erase_after: [vendor.orders]
    requests:
      read:
      - method: GET
        path: /people
        headers: [{name: X-A, value: "<mail>"}]
        query_params: [{name: page, value: 1}]
        param_values: [{name: mail, identity: email}]
        client_config: {protocol: https, host: other.example.com, authentication: {strategy: basic, configuration: {username: "<secret>"}}}
        data_path: people
        postprocessors:
        - {strategy: unwrap, configuration: {data_path: person}}
        - {strategy: filter, configuration: {field: mail, value: {identity: email}, exact: false, case_sensitive: false}}
        - {strategy: filter, configuration: {field: id, value: {dataset_reference: shop.people.id}}}
        - {strategy: filter, configuration: {field: kind, value: user}}
        - {strategy: extract_for_execution_log, configuration: {path: meta.ticket}}
        pagination: {strategy: offset, configuration: {incremental_param: page, increment_by: 1, limit: {connector_param: domain}}}
        grouped_inputs: []
        ignore_errors: [404, 410]
        rate_limit_config: {limits: [{rate: 1, period: minute}]}
        skip_missing_param_values: true
        correlation_id_path: job
        async_config:
          strategy: polling
          configuration:
            status_request: {method: GET, path: "/jobs/<correlation_id>", status_path: state, status_completed_value: done, status_failed_values: [failed, canceled]}
            result_request: {method: GET, path: "/jobs/<correlation_id>/result", result_path: rows}
            interval: 60
            time_limit: 3600
      - output: '{"mail": "<mail>", <all_object_fields>}'
        param_values: [{name: mail, references: [account, {dataset: shop, field: people.mail, direction: from}], unpack: false}]
      update: {method: PATCH, path: "/people/<id>", body: "{<masked_object_fields>}", ignore_errors: true, async_config: {strategy: callback}, param_values: [{name: id, references: [{dataset: <instance_fides_key>, field: people.id, direction: from}]}, {name: s, connector_param: secret}]}
      delete: {method: DELETE, path: "/people/<id>", param_values: [{name: id, references: [{dataset: vendor, field: people.id}]}]}
`

func TestEveryKeyOfTheFormatIsRead(t *testing.T) { // H1 H2 H3 H4 H5
	d := describe(t, whole)
	e := d.Endpoint("people")
	if d.Type != "vendor" || d.Version != "0.1" || len(d.External) != 1 || d.Test == nil || d.Protection == nil || len(d.Limits) != 2 || len(d.OptIn) != 1 || len(d.OptOut) != 1 {
		t.Errorf("the description is %+v", d)
	}
	if !e.Skip || len(e.After) != 1 || len(e.EraseAfter) != 1 || e.Update == nil || e.Delete == nil || !e.Update.IgnoreAll {
		t.Errorf("the endpoint is %+v", e)
	}
	r := e.Read[0]
	if r.Client.Auth.Strategy != Basic || len(r.Processors) != 5 || r.Pagination.LimitParam != "domain" || len(r.Ignore) != 2 || !r.SkipMissing || r.Async.Every.Minutes() != 1 || r.Async.Completed != "done" || len(r.Async.Failed) != 2 || r.Async.ResultAt != "rows" {
		t.Errorf("the request is %+v", r)
	}
	if f := r.Processors[1]; !f.Inexact || !f.AnyCase || f.Identity != "email" {
		t.Errorf("the filter is %+v", f)
	}
}

func TestEveryProblemIsReportedAtOnceWithItsLine(t *testing.T) { // H4
	got := strings.Join(wrong(described(`
  endpoints:
  - name: people
    requests:
      read:
        method: FETCH
        path: people
        querry_params: []
        param_values:
        - {name: a, identity: email, connector_param: secret}
        - {name: b, connector_param: secrte}
        - {name: c, references: [nowhere]}
        body: '{"x": <unknown>, "y": "<privacy_request.due_dat>"}'
        pagination: {strategy: offsets}
      update: {request_override: vendor_user_update, param_values: [{name: a, identity: email}]}
      delete: {method: DELETE, path: "/x", postprocessors: [{strategy: filter, configuration: {field: a, value: {identity: email, dataset_reference: a.b.c}}}]}
  - name: people
    requests: {}
`)), "\n")
	for _, want := range []string{
		`unknown key "querry_params" (did you mean query_params?)`,
		`18: error: the path does not begin with / (write /people)`,
		`the param value a must have just one of identity, references and connector_param`,
		`the connector param secrte, which is not described (did you mean secret?)`,
		`c takes the external reference nowhere, which is not described`,
		`<unknown> in body stands for nothing`,
		`<privacy_request.due_dat> in body stands for nothing: what is known of a request is id, policy.key, source, location, created_at, requested_at, due_date, identity_verified_at (did you mean due_date?)`,
		`pagination knows no strategy "offsets" (did you mean offset?)`,
		`the function "vendor_user_update" of request_override would have to be in the program`,
		`the value of a filter is text, {identity: TYPE}`,
		`the endpoint people is already described at vendor.yml:14`,
		`17: error: the request has no method that HTTP knows`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("nobody says %q in\n%s", want, got)
		}
	}
}

func TestAFileWithoutADescriptionIsReported(t *testing.T) {
	if got := wrong("dataset: []\n"); len(got) != 1 || !strings.Contains(got[0], "describes no vendor") {
		t.Errorf("problems are %v", got)
	}
}

func TestTheDescriptionOfTheManualRuns(t *testing.T) {
	page, err := os.ReadFile("../../docs/http-connectors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yml\n")
	text, _, _ = strings.Cut(text, "```")
	d := must(t, text)
	var calls []string
	c, err := d.Open(connector.Settings{Key: "k", Secrets: map[string]string{"domain": "eu.letters.example", "api_key": "k-1"}}, Options{Client: &http.Client{Transport: answers(func(r *http.Request) (*http.Response, error) {
		calls = append(calls, r.Method+" "+r.URL.String())
		if r.URL.Query().Get("page") == "1" {
			return answered(200, `{"subscribers": [{"id": 1}]}`), nil
		}
		return answered(200, `{"subscribers": []}`), nil
	})}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Test(t.Context()); err != nil {
		t.Error(err)
	}
	same(t, "rows", read(t, c, "subscribers", match("email", "a@b.c")), []string{`{"id":1}`})
	const host = "https://eu.letters.example/v1/"
	same(t, "calls", calls, []string{"GET " + host + "ping", "GET " + host + "subscribers?email=a%40b.c&page=1", "GET " + host + "subscribers?email=a%40b.c&page=2"})
	if _, err := d.Open(connector.Settings{Key: "k", Secrets: map[string]string{"domain": "letters.evil.test", "api_key": "k-1"}}, Options{}); err == nil {
		t.Error("another host is taken")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(described(whole))
	f.Add("saas_config: {endpoints: [{requests: {read: [1, {path: 2}]}}], client_config: []}")
	f.Fuzz(func(_ *testing.T, text string) {
		var r source.Report
		Parse("x.yml", []byte(text), &r)
	})
}

func TestTheHostsOfADescriptionLead(t *testing.T) { // H18, SE9
	d := describe(t, `
  endpoints:
  - name: people
    requests:
      read: {method: GET, path: /x, client_config: {protocol: https, host: "<secret>.example"}, param_values: [{name: a, identity: email}]}
`)
	d.Params = append(d.Params, Param{Name: "region", Type: "endpoint"}, Param{Name: "key"})
	var leads []string
	for _, s := range d.Settings() {
		if s.Leads {
			leads = append(leads, s.Name)
		}
	}
	same(t, "what calls go by", leads, []string{"domain", "secret", "region"})
}

func TestSecretsAreCheckedAgainstTheDescription(t *testing.T) { // H1
	var r source.Report
	d := Parse("v.yml", []byte(`saas_config:
  fides_key: v
  name: V
  type: v
  connector_params:
  - {name: domain, type: endpoint, allowed_values: ["*.example.com", "example.com"]}
  - {name: region, options: [eu, us], default_value: eu}
  - {name: lists, options: [a, b, c], multiselect: true}
  client_config: {protocol: https, host: <domain>}
  endpoints: []
`), &r)
	if len(r.Problems()) > 0 {
		t.Fatal(r.Problems())
	}
	for _, c := range []struct {
		domain, region, lists string
		says                  string
	}{
		{"api.example.com", "", "a, c", ""},
		{"example.com", "us", "a", ""},
		{"", "", "a", "secrets.domain is missing"},
		{"evilexample.com", "", "a", "secrets.domain must be one of *.example.com"},
		{"a/evil.test?.example.com", "", "a", "secrets.domain must be one of"},
		{"u@h.example.com", "", "a", "secrets.domain must be one of"},
		{"api.example.com", "mars", "a", "secrets.region must be one of eu, us"},
		{"api.example.com", "", "a,d", "secrets.lists must be one of"},
	} {
		v, err := d.secrets("k", map[string]string{"domain": c.domain, "region": c.region, "lists": c.lists})
		if c.says == "" && (err != nil || len(v["lists"].([]any)) == 0 || v["region"] == nil) {
			t.Errorf("%v: %v, %v", c, v, err)
		}
		if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || c.domain != "" && strings.Contains(err.Error(), c.domain)) && c.domain != "example.com" {
			t.Errorf("%v: the error is %v", c, err)
		}
	}
}
