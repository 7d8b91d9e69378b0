package subject

import (
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what a personal value shows of itself.
const Redacted = "[personal]"

// Personal holds a value about a person and shows nothing of it: not in
// logs, not in errors, not as JSON. Reveal gives the value to the code that
// must have it.
type Personal[T any] struct{ v T }

// Conceal wraps a value about a person.
func Conceal[T any](v T) Personal[T] { return Personal[T]{v} }

// Reveal gives the value. Its result must not reach a log, an error, a
// metric or a URL.
func (p Personal[T]) Reveal() T { return p.v }

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
