package http

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
)

// What is shown of a vendor before it is connected holds for all that is called.
func TestBoundsOfADescriptionAreThoseOfAllItsRequests(t *testing.T) { // H1
	d := must(t, `
saas_config:
  fides_key: v
  name: V
  type: v
  connector_params:
  - {name: domain, type: endpoint, allowed_values: ["*.v.example", eu.v.example]}
  - {name: region, allowed_values: [eu, us]}
  - {name: other, type: endpoint}
  client_config:
    protocol: https
    host: <domain>
    authentication:
      strategy: oauth2_authorization_code
      configuration:
        authorization_request: {method: GET, path: /a, client_config: {protocol: https, host: login.v.example}, query_params: [{name: state, value: <state>}]}
        token_request: {method: POST, path: /t}
  rate_limit_config: {limits: [{rate: 10, period: second}]}
  endpoints:
  - name: people
    requests:
      read: {method: GET, path: /p/<email>, param_values: [{name: email, identity: email}]}
      delete:
        method: DELETE
        path: /p
        client_config: {protocol: https, host: api.<region>.v.example/v2}
        rate_limit_config: {limits: [{rate: 1, period: minute, custom_key: deletions}]}
        correlation_id_path: id
        async_config: {strategy: polling, configuration: {status_request: {method: GET, path: /s, client_config: {protocol: https, host: <other>}, status_path: done}}}
`)
	spec := d.Spec()
	want := connector.Bounds{
		Hosts: []string{"*.v.example", "eu.v.example", "login.v.example", "api.eu.v.example", "api.us.v.example", "<other>"},
		Rates: []connector.Rate{{Calls: 10, Period: time.Second}, {Calls: 1, Period: time.Minute, Together: "deletions"}},
	}
	if diff := cmp.Diff(want, spec.Bounds); diff != "" {
		t.Error(diff)
	}
	if !spec.Authorized {
		t.Error("nobody has to allow it")
	}
	plain := describe(t, `  endpoints: [{name: people, requests: {read: {method: GET, path: /p/<email>, param_values: [{name: email, identity: email}]}}}]`+"\n").Spec()
	if plain.Authorized {
		t.Error("a person would have to allow what has a token")
	}
}
