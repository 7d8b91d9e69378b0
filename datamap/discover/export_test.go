package discover

import (
	"slices"

	"volenti.dev/volenti/datamap/taxonomy"
)

// Categories lists the categories that the lists of words and the detectors
// know.
func Categories() []taxonomy.Category {
	var all []taxonomy.Category
	for _, meanings := range words().fields {
		for _, m := range meanings {
			all = append(all, m.category)
		}
	}
	for _, topics := range words().tables {
		for _, topic := range topics {
			if topic != "person" && topic != "staff" {
				all = append(all, taxonomy.Category(topic))
			}
		}
	}
	for _, d := range detectors {
		all = append(all, d.category)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// IsNational and others for tests by example.
var (
	IsSteuerID, IsDNI, IsCodiceFiscale, IsPESEL = isSteuerID, isDNI, isCodiceFiscale, isPESEL
	IsBSN, IsNIR, IsCPF, IsHETU                 = isBSN, isNIR, isCPF, isHETU
	IsIBAN, IsCard                              = isIBAN, isCard
)
