package fulfill

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/request/graph"
)

var documents = &catalogue.Table{Name: catalogue.Name{Table: "orders"}, Open: true, PrimaryKey: []string{"_id"}, Columns: []catalogue.Column{{Name: "_id"}}}

func order() connector.Row {
	return connector.Row{"_id": "1", "items": []any{map[string]any{"mail": "a", "no": int64(1)}, map[string]any{"mail": "b", "no": int64(2)}}}
}

func TestElementsOfDocumentsAreTheDataSubjectsOnlyWhereTheyMatch(t *testing.T) { // D18
	byMail := []connector.Match{{Columns: []string{"items.mail"}, Tuples: []connector.Tuple{{"b"}}}}
	keep, err := sift(&graph.Node{}, documents, byMail)(order())
	if err != nil {
		t.Fatal(err)
	}
	want := []any{map[string]any{"mail": "b", "no": int64(2)}}
	if diff := cmp.Diff(any(want), keep.Own(order())["items"]); diff != "" {
		t.Errorf("own elements (-want +got):\n%s", diff)
	}
	keep, err = sift(&graph.Node{WholeArrays: []string{"items"}}, documents, byMail)(order())
	if err != nil || keep != nil {
		t.Errorf("with return_all_elements the whole row is theirs, got %v, %v", keep, err)
	}
}

func TestArraysWhereTheDescriptionHasNoneStopACompositeKeyAndRounds(t *testing.T) { // D14
	n := &graph.Node{Address: "docs:orders", Matches: []graph.Match{{Fields: []string{"items.mail"}}}}
	both := []connector.Match{{Columns: []string{"_id", "items.mail"}, Tuples: []connector.Tuple{{"1", "b"}}}}
	for name, s := range map[string]sifter{"composite key": sift(n, documents, both), "rounds": unsifted(n, documents)} {
		if _, err := s(order()); err == nil || !strings.Contains(err.Error(), "docs:orders holds an array at items.mail") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := s(connector.Row{"_id": "1", "items": map[string]any{"mail": "b"}}); err != nil {
			t.Errorf("%s: an object is refused: %v", name, err)
		}
	}
}
