// Package masktest has every masking strategy in the forms that policies
// write, for the tests of strategies and for those of connectors, which must
// recognise what they wrote.
package masktest

import (
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/connector/connectortest"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/request/masking"
)

// Specs are all strategies, by a name for tests.
func Specs() map[string]masking.Spec {
	return map[string]masking.Spec{
		"null":              spec("null_rewrite"),
		"constant":          spec("string_rewrite", "rewrite_value", "MASKED"),
		"constant long":     spec("string_rewrite", "rewrite_value", strings.Repeat("ä", 300)),
		"constant empty":    spec("string_rewrite", "rewrite_value", ""),
		"constant number":   spec("string_rewrite", "rewrite_value", "40000"),
		"constant false":    spec("string_rewrite", "rewrite_value", "false"),
		"constant day":      spec("string_rewrite", "rewrite_value", "1900-01-01"),
		"constant clock":    spec("string_rewrite", "rewrite_value", "00:00"),
		"constant uuid":     spec("string_rewrite", "rewrite_value", "00000000-0000-0000-0000-000000000000"),
		"constant suffix":   spec("string_rewrite", "rewrite_value", "MASKED", "format_preservation", suffix("@example.com")),
		"random":            spec("random_string_rewrite"),
		"random 5":          spec("random_string_rewrite", "length", 5),
		"random 200 suffix": spec("random_string_rewrite", "length", 200.0, "format_preservation", suffix("@example.com")),
		"hash":              spec("hash"),
		"hash 512":          spec("hash", "algorithm", "SHA-512"),
		"hash suffix":       spec("hash", "algorithm", "SHA-256", "format_preservation", suffix("@example.com")),
		"hmac":              spec("hmac", "algorithm", "SHA-256"),
		"hmac 512":          spec("hmac", "algorithm", "SHA-512"),
		"aes":               spec("aes_encrypt", "mode", "GCM"),
		"digits":            spec("ff1_encrypt"),
		"alphanumeric":      spec("ff1_encrypt", "alphabet", "alphanumeric"),
		"email":             spec("email_rewrite"),
		"email elsewhere":   spec("email_rewrite", "domain", "erased.invalid"),
		"phone":             spec("phone_rewrite"),
		"fake name":         spec("fake_rewrite"),
		"fake first name":   spec("fake_rewrite", "kind", "first_name"),
		"fake last name":    spec("fake_rewrite", "kind", "last_name"),
		"fake street":       spec("fake_rewrite", "kind", "street"),
		"fake city":         spec("fake_rewrite", "kind", "city"),
		"fake company":      spec("fake_rewrite", "kind", "company"),
		"shift":             spec("date_shift", "days", 90),
		"year":              spec("date_generalise"),
		"month":             spec("date_generalise", "to", "month"),
		"decade":            spec("date_generalise", "to", "decade"),
		"zero":              spec("number_zero"),
		"round":             spec("number_round", "step", 10),
		"round finely":      spec("number_round", "step", 0.05),
		"noise":             spec("number_noise", "percent", 20),
		"preserve":          spec("preserve"),
		"delete":            spec("delete"),
	}
}

func spec(strategy string, configuration ...any) masking.Spec {
	s := masking.Spec{Strategy: strategy, Configuration: map[string]any{}}
	for i := 0; i < len(configuration); i += 2 {
		s.Configuration[configuration[i].(string)] = configuration[i+1]
	}
	return s
}

func suffix(s string) map[string]any { return map[string]any{"suffix": s} }

// Masks are the strategies that write values, for connectortest.Masks.
func Masks() []connectortest.Mask {
	var out []connectortest.Mask
	specs := Specs()
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		s := specs[name]
		strategy, err := masking.New(s)
		if err != nil || s.Strategy == masking.Preserve { // it deletes, or nothing is written
			continue
		}
		out = append(out, connectortest.Mask{
			Name: name,
			Fits: func(t *catalogue.Table, column string) error { return masking.Fits(s, shape(t, column)) },
			Mask: func(t *catalogue.Table, column string, v any) (any, error) {
				place := masking.Place{Secret: []byte("a secret of a request, 32 bytes!"), Table: t.Name.Table, Key: name, Column: column}
				return strategy.Mask(v, shape(t, column), place)
			},
		})
	}
	return out
}

func shape(t *catalogue.Table, column string) masking.Column {
	f := &dataset.Field{Path: column}
	if c := t.Column(column); c != nil {
		f.Type = c.Type
	}
	return graph.Shape(t, f)
}
