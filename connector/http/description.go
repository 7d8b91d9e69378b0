package http

import (
	"slices"
	"time"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
)

// Description is a vendor's API as its saas_config says it, checked by Decode.
// It holds no secrets and does nothing.
type Description struct {
	Key        string // fides_key
	Name       string
	Type       string // the type of its connections, in lower case
	About      string // description
	Version    string
	Guide      string // user_guide: an address
	Params     []Param
	External   []External
	Client     Client
	Endpoints  []Endpoint
	Test       *Request
	Protection *Request // data_protection_request
	Limits     []Limit
	OptIn      []Request
	OptOut     []Request
	At         source.Position `json:"-"`
}

// Instance stands in a description for the key of the dataset that belongs to
// a connection.
const Instance = connector.Instance

// Param is a connector_param: one of a connection's secrets.
type Param struct {
	Name, Label, About string
	Options            []string // what it may be; none: anything
	Default            *string
	Multiselect        bool            // several of Options, with commas between them
	Sensitive          bool            // never shown
	Type               string          // "endpoint": it is a host
	Allowed            []string        // hosts that it may be; * stands for any letters
	At                 source.Position `json:"-"`
}

// External is an external_reference: a secret that names a field of a dataset,
// as dataset.collection.field.
type External struct {
	Name, Label, About string
	At                 source.Position `json:"-"`
}

// Client is a client_config: where calls go and as whom.
type Client struct {
	Protocol string // "https"; "http" only reaches a private network
	Host     string // with placeholders of Params
	Auth     *Auth
	At       source.Position `json:"-"`
}

// Endpoint is a collection.
type Endpoint struct {
	Name       string
	Read       []Request
	Update     *Request
	Delete     *Request
	Skip       bool     // skip_processing
	After      []string // dataset.collection
	EraseAfter []string
	At         source.Position `json:"-"`

	masks   []*Request // that may mask a row, the first of them does
	dataset string     // the connection's, which references may name in the place of Instance
}

// Request is a call with placeholders in it.
type Request struct {
	Method  string
	Path    string // "" only of a read with an Output
	Headers []Pair
	Query   []Pair
	Body    string
	Values  []Value
	Client  *Client // nil: the description's
	// DataPath leads to the rows in an answer, "" to all of it.
	DataPath      string
	Processors    []Processor
	Pagination    *Pagination
	Grouped       []string // Values that are kept together
	IgnoreAll     bool     // ignore_errors: true
	Ignore        []int    // ignore_errors: status codes
	Limits        []Limit  // instead of the description's
	Async         *Async
	SkipMissing   bool            // skip_missing_param_values
	CorrelationAt string          // correlation_id_path
	Output        string          // of reads: a JSON template of a row
	Override      string          // request_override, which is refused
	At            source.Position `json:"-"`
}

// Pair is a header or a query parameter.
type Pair struct{ Name, Value string }

// Value is one of the param_values. Just one of Identity, References and Param
// is set.
type Value struct {
	Name       string
	Identity   string
	References []Reference
	Param      string
	Unpack     bool            // a list stands for each of its elements
	At         source.Position `json:"-"`
}

// Reference is a field of a dataset, or the name of an External.
type Reference struct {
	Dataset  string // may be Instance
	Field    string // "collection.field"
	External string
}

// Auth is how calls are authenticated.
type Auth struct {
	Strategy string
	// What the strategy takes, with placeholders of Params.
	Headers            []Pair // api_key
	Query              []Pair // api_key, query_param
	Body               string // api_key: a JSON object whose members are added
	Username, Password string // basic
	Token              string // bearer
	Authorization      *Request
	TokenRequest       *Request
	Refresh            *Request
	ExpiresIn          time.Duration // where the vendor does not say
	Keyfile            string        // google_cloud_service_account
	Scopes             []string
	At                 source.Position `json:"-"`
}

// The strategies of authentication.
const (
	APIKey            = "api_key"
	Basic             = "basic"
	Bearer            = "bearer"
	QueryParam        = "query_param"
	AuthorizationCode = "oauth2_authorization_code"
	ClientCredentials = "oauth2_client_credentials"
	ServiceAccount    = "google_cloud_service_account"
)

// Pagination leads from a page to the next.
type Pagination struct {
	Strategy string // "offset", "link" or "cursor"
	Param    string // incremental_param, cursor_param
	By       int64  // offset
	// Limit is the last value of Param, LimitParam names the secret that is it;
	// without them the last page is the first without rows.
	Limit      int64
	LimitParam string
	Source     string          // link: "headers" or "body"
	Rel, Path  string          // link
	Field      string          // cursor: of the last row, or of the answer
	HasNext    string          // a path in the answer; only true goes on
	At         source.Position `json:"-"`
}

// Processor is one of the postprocessors.
type Processor struct {
	Strategy string // "unwrap", "filter" or "extract_for_execution_log"
	Path     string // unwrap: data_path, extract: path
	Field    string // filter
	Literal  *string
	Identity string
	Dataset  string          // dataset_reference: "dataset.collection.field"
	Inexact  bool            // exact: false: it holds the value
	AnyCase  bool            // case_sensitive: false
	At       source.Position `json:"-"`
}

// Limit is how many calls there may be in a time.
type Limit struct {
	Rate   int64
	Period time.Duration
	Key    string // custom_key: limits with the same one count together
}

// Async says that an answer comes later.
type Async struct {
	Strategy  string // "callback" or "polling"
	Status    *Request
	StatusAt  string   // status_path
	Completed string   // status_completed_value; "": anything that is there and not false
	Failed    []string // status_failed_values: it will not be done any more
	Result    *Request
	ResultAt  string // result_path
	Every     time.Duration
	AtMost    time.Duration
	At        source.Position `json:"-"`
}

// of gives the description for a connection with a dataset.
func (d *Description) of(dataset string) *Description {
	one := *d
	one.Endpoints = slices.Clone(d.Endpoints)
	for i := range one.Endpoints {
		one.Endpoints[i].dataset = dataset
	}
	return &one
}

// Endpoint finds an endpoint by name, nil when there is none.
func (d *Description) Endpoint(name string) *Endpoint {
	for i := range d.Endpoints {
		if d.Endpoints[i].Name == name {
			return &d.Endpoints[i]
		}
	}
	return nil
}

// param finds a connector_param by name.
func (d *Description) param(name string) *Param {
	for i := range d.Params {
		if d.Params[i].Name == name {
			return &d.Params[i]
		}
	}
	return nil
}
