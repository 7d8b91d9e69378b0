// Package masking replaces personal values by values that tell nothing. Each
// strategy is a pure function of a secret and the value that was read, so
// that a run that is repeated writes the same mask and recognises its own.
package masking

// Spec is a strategy as a policy or a dataset names it.
type Spec struct {
	Strategy      string         `json:"strategy"`
	Configuration map[string]any `json:"configuration,omitempty"`
}
