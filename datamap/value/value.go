// Package value says what a field of a record can hold, whatever system it
// came from: when two values are the same, how one is turned into another
// kind, how one is written for a person and how it is kept without loss.
//
// Connectors convert what their driver gives into these Go types, and
// nothing else crosses the connector contract:
//
//	nil              null
//	bool
//	int64
//	float64
//	string           text; also UUIDs, object ids and whatever has no type below
//	Decimal          an exact number as text
//	time.Time        an instant, in UTC
//	Date             a day without a time
//	[]byte
//	[]any            of these
//	map[string]any   of these
package value

// Decimal is an exact decimal number as the database writes it, "12.50".
type Decimal string

// Date is a calendar day, "2006-01-02".
type Date string

// Kind names what a field holds: the data types of a dataset description and,
// more finely, those that a catalogue knows.
type Kind string

// The kinds of the dataset format.
const (
	Unknown  Kind = ""
	String   Kind = "string"
	Integer  Kind = "integer"
	Float    Kind = "float"
	Boolean  Kind = "boolean"
	ObjectID Kind = "object_id"
	Object   Kind = "object"
)

// The further kinds of a live catalogue.
const (
	Number    Kind = "decimal"   // exact: Decimal
	Timestamp Kind = "timestamp" // time.Time
	Day       Kind = "date"      // Date
	Clock     Kind = "time"      // text, HH:MM:SS
	Bytes     Kind = "bytes"
	UUID      Kind = "uuid" // text
	JSON      Kind = "json" // any of the types
	Other     Kind = "other"
)

// Type is a kind, or an array of it.
type Type struct {
	Kind  Kind `json:"kind,omitempty"`
	Array bool `json:"array,omitempty"`
}

// String writes the type as a dataset description does: "string", "string[]".
func (t Type) String() string {
	if t.Array {
		return string(t.Kind) + "[]"
	}
	return string(t.Kind)
}
