package config

import (
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/subject"
)

// System is a system of the company, such as its CRM: what connections belong to.
type System struct {
	Key         string
	Name        string
	Description string
	Uses        []taxonomy.Use // data_uses: what it uses data for
	At          source.Position
}

// Choices is how a connection takes what people choose: its key consent.
type Choices struct {
	Off bool // off: true
	// Items are what the system calls our purposes: purposes: {KEY: [ITEM, ...]}.
	Items map[string][]string
	// Identities are the types that the system knows people by, best first.
	Identities []subject.Type
	Schedule   propagate.Schedule // schedule: immediate, hourly, daily HH:MM (UTC)
	Limit      int                // concurrency: calls at once
	// Table is the permission table that is kept in this database: table: NAME.
	Table string
}
