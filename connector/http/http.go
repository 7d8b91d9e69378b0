// Package http reaches vendors by their HTTP APIs, as descriptions in YAML say:
// the format saas_config. There is no code for a vendor.
//
// A description is parsed and checked once (Parse), and is pure. A connection
// runs it as one pipeline:
//
//	Read    matches -> inputs, multiplied -> calls -> pages -> data_path ->
//	        postprocessors -> rows
//	Mask    changes -> the values of each row -> update, data_protection_request
//	        or delete -> outcomes
//	Prefer  preferences -> opt_in or opt_out -> calls
//
// Every call goes through one function that limits its rate, authenticates it,
// makes it and makes it again while the vendor cannot answer; and only to the
// hosts of the connection. Answers that come later are told by a
// connector.Waiting, which can be kept and resumed.
//
// An endpoint is a table that is open. What it is asked by, its Inputs, is not
// in its rows as such, so that each row holds them besides in the column
// InputsColumn: by them it is found again.
package http

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// InputsColumn holds the inputs that a row was found by, by name.
const InputsColumn = connector.InputsColumn

// Options are what the house gives to all connections.
type Options struct {
	// Client makes the calls. It must judge the addresses that it connects to
	// and follow no redirects, as those of package safehttp do.
	Client connector.Client
	// Limiter counts calls; nil counts those of this process.
	Limiter connector.Limiter
	// Tokens keeps tokens; nil forgets them with the process.
	Tokens connector.TokenKeeper
	// Log takes each attempt of a call; nil takes none.
	Log func(connector.Exchange)
	// TokenHosts are the hosts that the key file of a service account may name;
	// nil are Google's.
	TokenHosts []string
}

// Spec gives the kind of connector that a description is.
func (d *Description) Spec() connector.Spec {
	spec := connector.Spec{
		Type:    d.Type,
		Name:    d.Name,
		Summary: d.summary(),
		Secrets: d.Settings(),
		Digest:  d.digest(),
		Bounds:  d.bounds(),
		Endpoints: func(secrets map[string]string, dataset string) []connector.Endpoint {
			return d.of(dataset).endpoints(secrets)
		},
		New: func(s connector.Settings) (connector.Connector, error) {
			return d.Open(s, Options{Client: s.Client, Limiter: s.Limiter, Tokens: s.Tokens, Log: s.Log})
		},
	}
	spec.Authorized = d.Client.Auth != nil && d.Client.Auth.Strategy == AuthorizationCode
	if spec.NoGrants, spec.NoOptOuts = len(d.OptIn) == 0, len(d.OptOut) == 0; !spec.NoGrants || !spec.NoOptOuts {
		spec.Prefers, spec.PrefersBy = 1, d.prefersBy()
	}
	return spec
}

func (d *Description) summary() string {
	if text := strings.TrimSpace(d.About); text != "" {
		return text
	}
	return d.Name + ", by its HTTP API."
}

// Connector is a way to one account at a vendor.
type Connector struct {
	about    *Description
	key      string
	secrets  values
	options  Options
	readOnly bool
	tokens   *tokens
	facts    connector.Facts
	// anonymous: calls show no secrets, since a recording answers them.
	anonymous bool
}

var (
	_ connector.Tester     = (*Connector)(nil)
	_ connector.Describer  = (*Connector)(nil)
	_ connector.Reader     = (*Connector)(nil)
	_ connector.Masker     = (*Connector)(nil)
	_ connector.Deleter    = (*Connector)(nil)
	_ connector.Verifier   = (*Connector)(nil)
	_ connector.Preferrer  = (*Connector)(nil)
	_ connector.Authorized = (*Connector)(nil)
	_ connector.Requested  = (*Connector)(nil)
	_ connector.Resumer    = (*Connector)(nil)
)

// Open prepares a connection: it checks the secrets, and calls nobody.
func (d *Description) Open(s connector.Settings, o Options) (*Connector, error) {
	secrets, err := d.secrets(s.Key, s.Secrets)
	if err != nil {
		return nil, err
	}
	if o.Limiter == nil {
		o.Limiter = NewLimiter()
	}
	if o.TokenHosts == nil {
		o.TokenHosts = googleHosts
	}
	return &Connector{about: d.of(s.Dataset), key: s.Key, secrets: secrets, options: o, readOnly: s.ReadOnly, tokens: newTokens()}, nil
}

// About implements connector.Requested.
func (c *Connector) About(f connector.Facts) connector.Connector {
	one := *c
	one.facts = f
	return &one
}

// standing are the values that every call has.
func (c *Connector) standing() values {
	v := values{}
	for name, secret := range c.secrets {
		v[name] = secret
	}
	f := c.facts
	if f.RequestID != "" {
		v["privacy_request_id"] = f.RequestID
	}
	if f.Custom != nil {
		v["custom_privacy_request_fields"] = f.Custom
	}
	if f.Request != nil {
		v["privacy_request"] = f.Request
	}
	v["uuid"] = uuid.NewString()
	v["iso_8601_datetime"] = time.Now().UTC().Format(time.RFC3339)
	return v
}

// Close gives the connections back.
func (c *Connector) Close() error {
	if idle, ok := c.options.Client.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
	return nil
}

// Test makes the description's test request.
func (c *Connector) Test(ctx context.Context) error {
	const doing = "test the connection"
	if c.about.Test == nil {
		return nil
	}
	k, err := c.build(c.about.Test, doing, c.withValues(c.about.Test, nil))
	if err != nil {
		return c.wrong(doing, err)
	}
	k.once = true
	a, err := c.send(ctx, k)
	if err != nil {
		return err
	}
	if !a.good() && !c.about.Test.IgnoreAll && !slices.Contains(c.about.Test.Ignore, a.status) {
		return c.refused(k, a)
	}
	return nil
}

// ours is a failure of whoever has asked, and is given back as it is.
type ours struct{ error }

// wrong is a failure before anything was sent.
func (c *Connector) wrong(doing string, err error) error {
	var failure *connector.Error
	var own ours
	switch {
	case errors.As(err, &own):
		return own.error
	case errors.As(err, &failure):
		return err
	}
	return &connector.Error{Kind: connector.Permanent, Connection: c.key, Doing: doing, Reason: err.Error()}
}

// Describe gives a table for each endpoint, out of the description: no vendor
// tells what it has. All that it knows of rows is what they were found by.
func (c *Connector) Describe(context.Context) (catalogue.Catalogue, error) {
	var all catalogue.Catalogue
	for i := range c.about.Endpoints {
		e := &c.about.Endpoints[i]
		all.Tables = append(all.Tables, catalogue.Table{
			Name: catalogue.Name{Table: e.Name}, Open: true, Asked: c.asked(e),
			Columns: []catalogue.Column{{Name: InputsColumn, Native: "inputs", Type: value.Type{Kind: value.Object}, Generated: true}},
		})
	}
	slices.SortFunc(all.Tables, func(a, b catalogue.Table) int { return strings.Compare(a.Name.Table, b.Name.Table) })
	return all, nil
}

// Inputs gives what an endpoint is asked by, with the fields that external
// references name, and the connection's dataset in the place of Instance.
func (c *Connector) Inputs(endpoint, dataset string) []Input {
	e := c.about.Endpoint(endpoint)
	if e == nil {
		return nil
	}
	all := e.Inputs()
	for i := range all {
		all[i].References = slices.Clone(all[i].References)
		for k, ref := range all[i].References {
			if ref.External != "" {
				text, _ := c.secrets[ref.External].(string)
				ref.Dataset, ref.Field, _ = strings.Cut(text, ".")
			}
			if ref.Dataset == Instance {
				ref.Dataset = dataset
			}
			all[i].References[k] = ref
		}
	}
	return all
}
