package subject

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
)

// Redacted is what a personal value shows of itself.
const Redacted = "[personal]"

// Personal holds a value about a person and shows nothing of it: not in
// logs, not in errors, not as JSON. Reveal gives the value to the code that
// must have it. The zero Personal holds the zero T.
//
// The value stands in a closure because fmt calls no methods on unexported
// fields: it walks them by reflection, which finds no way into a func.
type Personal[T any] struct{ reveal func() T }

// Conceal wraps a value about a person.
func Conceal[T any](v T) Personal[T] { return Personal[T]{func() T { return v }} }

// Reveal gives the value. Its result must not reach a log, an error, a
// metric or a URL.
func (p Personal[T]) Reveal() T {
	if p.reveal == nil {
		var zero T
		return zero
	}
	return p.reveal()
}

// Equal tells whether both hold deeply equal values. Reflective comparison
// (==, reflect.DeepEqual) does not see the value.
func (p Personal[T]) Equal(q Personal[T]) bool { return reflect.DeepEqual(p.Reveal(), q.Reveal()) }

// String hides the value.
func (Personal[T]) String() string { return Redacted }

// GoString hides the value from %#v.
func (Personal[T]) GoString() string { return Redacted }

// Format hides the value under every verb and flag.
func (Personal[T]) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, Redacted) }

// LogValue hides the value from slog.
func (Personal[T]) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalJSON hides the value from JSON.
func (Personal[T]) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalText hides the value from text encodings and from map keys in JSON.
func (Personal[T]) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// Value refuses to go into a query: a driver would otherwise send the text
// Redacted, match no row and report that nothing is held about the person.
func (Personal[T]) Value() (driver.Value, error) {
	return nil, errors.New("a concealed personal value was handed to a database: reveal it, or seal it first")
}
