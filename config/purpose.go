package config

import (
	"fmt"
	"slices"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/consent"
)

// purposes reads what people are asked for. The order of the list is the order
// in which it is shown.
func (l *loader) purposes(key string, n *source.Node) {
	for _, entry := range n.List(key, &l.report) {
		m := entry.Mapping("a purpose", &l.report)
		m.Need("key")
		f := consent.PurposeForm{
			Key: m.String("key"), Title: m.String("title"), Group: m.String("group"),
			ExpiresDays: l.days(m, "expires_days"), Block: m.Bool("block"), PatienceDays: l.days(m, "patience_days"),
		}
		for _, use := range l.uses(m) {
			f.Uses = append(f.Uses, string(use))
		}
		m.Done()
		if f.Key == "" {
			continue
		}
		if !consent.ValidKey(f.Key) {
			l.report.Errorf(m.Where("key"), "use lower-case letters, digits and underscores, a letter first", "%q cannot be the key of a purpose", f.Key)
		}
		if f.Block && f.PatienceDays > 0 {
			l.report.Warnf(m.Where("patience_days"), "remove one of them", "the purpose %s stops at once when people are to be asked again, so its patience means nothing", f.Key)
		}
		if i := slices.IndexFunc(l.config.Purposes, func(p consent.Purpose) bool { return p.Key == f.Key }); i >= 0 {
			l.report.Errorf(entry.At, "rename or remove one of them", "the purpose %s is given twice", f.Key)
			continue
		}
		l.config.Purposes, l.config.purposesAt = append(l.config.Purposes, f.Purpose()), append(l.config.purposesAt, entry.At)
	}
}

func (l *loader) days(m *source.Mapping, key string) int {
	n := m.Int(key)
	if n < 0 || n > consent.MaxDays {
		l.report.Errorf(m.Where(key), fmt.Sprintf("use 0 to %d", consent.MaxDays), "%s cannot be %d", key, n)
		return 0
	}
	return int(n)
}
