// Package builtin is the explicit list of the connectors that come with
// Volenti. A new one is added here and nowhere else.
package builtin

import (
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/dynamodb"
	"volenti.dev/volenti/connector/email"
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
	r := make(connector.Registry, len(specs))
	for _, s := range specs {
		r[s.Type] = s
	}
	return r
}
