// Package documents carries the writing half of the connector contract out
// over databases of documents. What differs between them is how values are
// kept, a Format, and how one document is read and written, a Target.
//
//	Mask    the document as it is -> each field compared with Before and After
//	        part by part -> guard -> the parts that differ, on condition that
//	        what was compared still stands; when it does not: again; when it
//	        is refused: field by field
//	Delete  the same, whole
//	Verify  the document as it is, compared with After
//
// There is no transaction: one document at a time is written, whole or not at
// all, with the guard before each.
package documents

import "context"

// Format is how a database keeps values. The zero R is one that is not there.
type Format[R any] interface {
	// Decode gives a value as a read gives it.
	Decode(R) (any, error)
	// Encode gives what to write in place of was. Its error says why the
	// database cannot hold it.
	Encode(v any, was R) (R, error)
	// Split gives the members of an object or the elements of an array; of all
	// else neither.
	Split(R) (members map[string]R, elements []R, err error)
	// Join gives an object or array with other parts in it, which it may keep.
	Join(was R, members map[string]R, elements []R) (R, error)
}

// Target reads and writes the documents of a connector.Batch, each by the
// number of its change.
type Target[R any] interface {
	Format[R]
	// Load gives the fields of a document that its change concerns, as they
	// are now; nil when there is none. A reason says that it cannot be told
	// apart.
	Load(ctx context.Context, change int) (now map[string]R, reason string, err error)
	// Refuse says why a field cannot be written so, "" when it can.
	Refuse(field Field[R], after any) string
	// Update writes what the fields set while all that they compared stands. A
	// reason says why the database would not take it.
	Update(ctx context.Context, change int, fields []Field[R]) (stood bool, reason string, err error)
	// Remove deletes a document while what was compared stands.
	Remove(ctx context.Context, change int, where []Leaf[R]) (stood bool, err error)
}
