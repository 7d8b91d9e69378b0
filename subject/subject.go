// Package subject is the person whose data it is: typed identities in their
// normal form, the keyed digest that they are found by, and the type that
// keeps personal values out of logs.
package subject

// Type is the type of an identity: one of those below or a custom one.
type Type string

// The built-in types.
const (
	Email      Type = "email"
	Phone      Type = "phone_number" // E.164
	DeviceID   Type = "device_id"
	ExternalID Type = "external_id"
)

// Identity is one thing that a person is known by.
type Identity struct {
	Type Type
	// Value is the normal form.
	Value Personal[string]
	// Given is what was handed in, without surrounding space: a database may
	// hold it in that form.
	Given Personal[string]
}
