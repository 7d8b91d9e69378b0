package masking

import (
	"errors"

	"volenti.dev/volenti/config/source"
)

// Decode reads a masking strategy, {strategy, configuration}; nil when
// the key is absent.
func Decode(parent *source.Mapping, key string, r *source.Report) *Spec {
	m := parent.Mapping(key)
	if m == nil {
		return nil
	}
	m.Need("strategy")
	spec := &Spec{Strategy: m.String("strategy")}
	if n := m.Node("configuration"); n != nil && n.Mapping("configuration", r) != nil {
		spec.Configuration, _ = n.Value().(map[string]any)
	}
	m.Done()
	if spec.Strategy != "" {
		for _, err := range joined(Check(*spec)) {
			r.Errorf(m.At, "", "%v", err)
		}
	}
	return spec
}

// joined takes the errors of errors.Join apart.
func joined(err error) []error {
	var several interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &several):
		return several.Unwrap()
	}
	return []error{err}
}
