package propagate

import (
	"slices"

	"volenti.dev/volenti/datamap/taxonomy"
)

// Route judges how the delivery of a change to a target begins: Pending, or Skipped
// with the first reason that applies. uses are the data uses of the purpose.
func Route(c Change, t Target, uses []taxonomy.Use) (Status, Reason) {
	switch {
	case t.Disabled:
		return Skipped, Disabled
	case t.Off:
		return Skipped, ActionDisabled
	case !t.Write:
		return Skipped, NoWriteAccess
	case !t.concerned(c.Purpose, uses):
		return Skipped, UseMismatch
	case len(t.Items) > 0 && len(t.Items[c.Purpose]) == 0:
		return Skipped, NothingToSend
	case c.OptOut() && t.NoOptOuts, !c.OptOut() && t.NoGrants:
		return Skipped, OneSided
	}
	return Pending, NoReason
}

// Barred gives what keeps every choice from a target, whatever it is about; NoReason
// where some are sent. uses are the data uses of each purpose that there is.
func Barred(t Target, uses map[string][]taxonomy.Use) Reason {
	barred := UseMismatch
	for purpose, of := range uses {
		switch _, reason := Route(Change{Purpose: purpose}, t, of); reason {
		case NoReason, OneSided: // the opposite is sent
			return NoReason
		case UseMismatch:
		default: // it says more: the uses do go together
			barred = reason
		}
	}
	return barred
}

// Fails says whether a connection needs somebody: nothing can be sent to it, or the last
// calls, so many in a row, failed. One that was switched off does not.
func Fails(failing int, barred Reason) bool {
	switch barred {
	case Disabled, ActionDisabled:
		return false
	case NoReason:
		return failing > 0
	}
	return true
}

// concerned says whether a purpose is about what the target uses data for: one of
// its uses covers one of the purpose, or the other way round. A connection that
// belongs to no system and declares no uses says it by naming the purpose.
func (t Target) concerned(purpose string, uses []taxonomy.Use) bool {
	if t.System == "" && len(t.Uses) == 0 {
		_, named := t.Items[purpose]
		return named
	}
	return slices.ContainsFunc(t.Uses, func(own taxonomy.Use) bool {
		return slices.ContainsFunc(uses, func(use taxonomy.Use) bool { return own.Covers(use) || use.Covers(own) })
	})
}

// Words are what the target calls a purpose.
func (t Target) Words(purpose string) []string {
	if items := t.Items[purpose]; len(items) > 0 {
		return items
	}
	return []string{purpose}
}
