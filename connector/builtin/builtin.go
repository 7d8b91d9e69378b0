// Package builtin is the explicit list of the connectors that come with
// Volenti. A new one is added here and nowhere else.
package builtin

import (
	"fmt"
	"io/fs"
	"sync"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/dynamodb"
	"volenti.dev/volenti/connector/email"
	"volenti.dev/volenti/connector/http"
	"volenti.dev/volenti/connector/http/vendors"
	"volenti.dev/volenti/connector/manual"
	"volenti.dev/volenti/connector/mongodb"
	"volenti.dev/volenti/connector/mssql"
	"volenti.dev/volenti/connector/mysql"
	"volenti.dev/volenti/connector/postgres"
	"volenti.dev/volenti/connector/sqlite"
	"volenti.dev/volenti/connector/webhook"
)

// Registry gives all connectors that come with Volenti.
func Registry() connector.Registry {
	specs := []connector.Spec{
		dynamodb.Spec(),
		manual.Spec(),
		email.Spec(),
		mongodb.Spec(),
		mssql.Spec(),
		mysql.Spec(),
		postgres.Spec(),
		sqlite.Spec(),
		webhook.Spec(),
	}
	specs = append(specs, described()...)
	r := make(connector.Registry, len(specs))
	for _, s := range specs {
		r[s.Type] = s
	}
	return r
}

// described are the vendors whose descriptions come with Volenti, each with the
// dataset of what it holds.
var described = sync.OnceValue(func() (specs []connector.Spec) {
	names, err := fs.Glob(vendors.Files, "*.yml")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	for _, name := range names {
		data, err := vendors.Files.ReadFile(name)
		if err != nil {
			panic(err) // it is in the binary
		}
		var report source.Report
		d := http.Parse(name, data, &report)
		if found := report.Problems(); source.Failed(found) {
			panic(fmt.Sprint(found)) // the tests of the descriptions find nothing
		}
		spec := d.Spec()
		spec.Dataset = data
		specs = append(specs, spec)
	}
	return specs
})

// Describe reads the description of a vendor, what stands below saas_config, as a
// kind of connector. False: it is none, and the report says why.
func Describe(n *source.Node, r *source.Report) (connector.Spec, bool) {
	before := r.Errors()
	d := http.Decode(n, r)
	if r.Errors() > before {
		return connector.Spec{}, false
	}
	return d.Spec(), true
}
