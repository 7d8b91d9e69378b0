package discover

import (
	"fmt"
	"reflect"
	"slices"

	"volenti.dev/volenti/datamap/catalogue"
)

// Changes tells what differs between two catalogues of one database, a line
// for each difference, in the order of the tables.
func Changes(before, now *catalogue.Catalogue) []string {
	var lines []string
	for i := range before.Tables {
		old := &before.Tables[i]
		if t := now.Table(old.Name); t == nil {
			lines = append(lines, fmt.Sprintf("table %s is gone", shown(old.Name.String())))
		} else if !reflect.DeepEqual(old, t) {
			lines = append(lines, changed(old, t)...)
		}
	}
	for i := range now.Tables {
		if before.Table(now.Tables[i].Name) == nil {
			lines = append(lines, fmt.Sprintf("table %s is new", shown(now.Tables[i].Name.String())))
		}
	}
	return lines
}

func changed(old, now *catalogue.Table) (lines []string) {
	say := func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf("table %s: ", shown(now.Name.String()))+fmt.Sprintf(format, args...))
	}
	for _, c := range old.Columns {
		other := now.Column(c.Name)
		if other != nil {
			c.Comment = other.Comment
		}
		switch {
		case other == nil:
			say("column %s is gone", shown(c.Name))
		case c.Native != other.Native:
			say("column %s was %s and is %s", shown(c.Name), c.Native, other.Native)
		case !reflect.DeepEqual(c, *other):
			say("column %s is declared otherwise", shown(c.Name))
		}
	}
	for _, c := range now.Columns {
		if old.Column(c.Name) == nil {
			say("column %s is new", shown(c.Name))
		}
	}
	if !slices.Equal(old.PrimaryKey, now.PrimaryKey) {
		say("the primary key is another")
	}
	if !reflect.DeepEqual(old.ForeignKeys, now.ForeignKeys) {
		say("its foreign keys have changed")
	}
	if len(lines) == 0 && !(reflect.DeepEqual(old.Unique, now.Unique) && reflect.DeepEqual(old.Checks, now.Checks) && reflect.DeepEqual(old.Triggers, now.Triggers) && old.View == now.View && old.Open == now.Open) {
		say("its constraints or triggers have changed")
	}
	return lines
}
