package store

import (
	"maps"
	"slices"
)

// EventRows is the query for events.
const EventRows = eventRows

// EventActs lists the acts that are known to be events.
func EventActs() []string { return slices.Sorted(maps.Keys(ofAct)) }
