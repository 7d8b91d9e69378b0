package dynamodb_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	volenti "volenti.dev/volenti/connector/dynamodb"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/internal/dynalitetest"
)

// orders is a table with a sort key and indexes of every kind.
func orders(t testing.TB, client *dynamodb.Client) {
	t.Helper()
	all := &types.Projection{ProjectionType: types.ProjectionTypeAll}
	name := func(s string) *string { return &s }
	create(t, client, &dynamodb.CreateTableInput{
		TableName: name("orders"), KeySchema: key("shop", "no"),
		AttributeDefinitions: append(texts("shop", "email", "phone", "state"),
			types.AttributeDefinition{AttributeName: name("no"), AttributeType: types.ScalarAttributeTypeN}),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{
			{IndexName: name("by_email"), KeySchema: key("email"), Projection: all},
			{IndexName: name("by_phone"), KeySchema: key("phone"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}},
		},
		LocalSecondaryIndexes: []types.LocalSecondaryIndex{{IndexName: name("by_state"), KeySchema: key("shop", "state"), Projection: all}},
	})
	for i := range 6 {
		put(t, client, "orders", map[string]any{
			"shop": fmt.Sprint("s", i%2), "no": int64(i), "email": fmt.Sprintf("p%d@example.org", i%3), "phone": fmt.Sprint("+", i%3),
			"state": "open", "buyer": map[string]any{"id": int64(i)}, "items": []any{map[string]any{"for": fmt.Sprint("f", i)}},
		})
	}
}

// opened gives a connector with a proxy before the server, and one table.
func opened(t testing.TB, table string, make func(testing.TB, *dynamodb.Client)) (*volenti.DB, *proxy, *dynamodb.Client, *catalogue.Table) {
	t.Helper()
	url := dynalitetest.URL(t)
	client := raw(url)
	make(t, client)
	p, address := before(t, url)
	db := open(t, address, false)
	c, err := db.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.sent()
	return db, p, client, c.Table(catalogue.Name{Table: table})
}

func match(column string, values ...any) connector.Match {
	m := connector.Match{Columns: []string{column}}
	for _, v := range values {
		m.Tuples = append(m.Tuples, connector.Tuple{v})
	}
	return m
}

func TestDescribeKnowsKeysTheirTypesAndIndexes(t *testing.T) {
	_, _, _, got := opened(t, "orders", orders)
	column := func(name, native string, k value.Kind, notNull bool) catalogue.Column {
		return catalogue.Column{Name: name, Native: native, Type: value.Type{Kind: k}, NotNull: notNull}
	}
	want := &catalogue.Table{
		Name: catalogue.Name{Table: "orders"}, Open: true, PrimaryKey: []string{"shop", "no"},
		Columns: []catalogue.Column{
			column("shop", "S", value.String, true), column("no", "N", value.Number, true), column("email", "S", value.String, false),
			column("phone", "S", value.String, false), column("state", "S", value.String, false),
		},
		Indexes: []catalogue.Index{
			{Name: "by_email", Columns: []string{"email"}, Late: true},
			{Name: "by_phone", Columns: []string{"phone"}, Partial: true, Late: true},
			{Name: "by_state", Columns: []string{"shop", "state"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryMatchTakesTheShortestWayAndPlansShowIt(t *testing.T) { // D17
	db, p, _, table := opened(t, "orders", orders)
	both := connector.Match{Columns: []string{"no", "shop"}, Tuples: []connector.Tuple{{"1", "s1"}, {value.Decimal("2.0"), "s0"}, {1, "s0"}, {"x", "s0"}}}
	for name, c := range map[string]struct {
		where   []connector.Match
		numbers string
		sent    string
		shows   []string
	}{
		"WholeKey":  {[]connector.Match{both}, "1 2", "BatchGetItem", []string{`BatchGetItem "orders" where "shop" = ? and "no" = ? giving "no", "shop"`}},
		"Partition": {[]connector.Match{match("shop", "s0", "gone", "")}, "0 2 4", "Query", []string{`Query "orders" where "shop" = ? giving "no", "shop"`}},
		"PartitionAndMore": {[]connector.Match{{Columns: []string{"buyer.id", "shop"}, Tuples: []connector.Tuple{{2, "s0"}, {3, "s0"}}}}, "2", "Query",
			[]string{`Query "orders" where "shop" = ? and "buyer.id" = ? giving "no", "shop", "buyer"`}},
		"LocalIndex": {[]connector.Match{{Columns: []string{"shop", "state"}, Tuples: []connector.Tuple{{"s0", "open"}, {"s1", "sent"}}}}, "0 2 4", "Query",
			[]string{`Query "orders" index "by_state" where "shop" = ? and "state" = ? giving "no", "shop", "state"`}},
		"Index": {[]connector.Match{match("email", "p1@example.org", "gone")}, "1 4", "Query",
			[]string{`Query "orders" index "by_email" where "email" = ? giving "no", "shop", "email" (the index may miss what was written a moment ago)`}},
		"IndexWithoutTheRest": {[]connector.Match{match("phone", "+2", "+0")}, "0 2 3 5", "BatchGetItem Query",
			[]string{`Query "orders" index "by_phone" where "phone" = ? giving "no", "shop", "phone" (the index may miss what was written a moment ago)`}},
		"Several": {[]connector.Match{match("shop", "s0"), match("email", "p0@example.org")}, "0 2 3 4", "Query", []string{
			`Query "orders" where "shop" = ? giving "no", "shop", "email"`,
			`Query "orders" index "by_email" where "email" = ? giving "no", "shop", "email" (the index may miss what was written a moment ago)`}},
		"OneWithoutAKeyMakesItAScan": {[]connector.Match{match("shop", "s0"), match("items.for", "f1")}, "0 1 2 4", "Scan",
			[]string{`Scan "orders" where "shop" = ? or "items.for" = ? giving "no", "shop", "items" (reads every item of the table)`}},
		"Nested": {[]connector.Match{match("buyer.id", 4.0)}, "4", "Scan", []string{`Scan "orders" where "buyer.id" = ? giving "no", "shop", "buyer" (reads every item of the table)`}},
	} {
		t.Run(name, func(t *testing.T) {
			r := connector.Read{Table: table, Columns: []string{"no"}, Where: c.where}
			shown, err := db.Queries(r)
			if diff := cmp.Diff(c.shows, shown); diff != "" || err != nil {
				t.Errorf("shown, %v (-want +got):\n%s", err, diff)
			}
			if sent := p.sent(); sent != "" {
				t.Errorf("a plan sent %s", sent)
			}
			if got := numbers(t, db, r); got != c.numbers {
				t.Errorf("found %s, want %s", got, c.numbers)
			}
			p.mu.Lock()
			for _, call := range p.calls {
				late := call.body["IndexName"] == "by_email" || call.body["IndexName"] == "by_phone"
				if text := fmt.Sprint(call.body); strings.Contains(text, "ConsistentRead:true") == late {
					t.Errorf("%s: %s", call.operation, text)
				}
			}
			p.mu.Unlock()
			if sent := p.sent(); sent != c.sent {
				t.Errorf("sent %s, want %s", sent, c.sent)
			}
		})
	}
}

// numbers reads the order numbers.
func numbers(t testing.TB, db *volenti.DB, r connector.Read) string {
	t.Helper()
	var all []string
	_, err := db.Read(t.Context(), r, func(row connector.Row) error { all = append(all, fmt.Sprint(row["no"])); return nil })
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestReadsGoOnToTheLastPage(t *testing.T) {
	const n = 250
	db, _, _, table := opened(t, "orders", func(t testing.TB, client *dynamodb.Client) {
		orders(t, client)
		for i := range n { // two and a half megabytes: a page is one
			put(t, client, "orders", map[string]any{"shop": "big", "no": int64(i), "email": "big", "phone": "big", "text": strings.Repeat("x", 10_000)})
		}
	})
	var keys []connector.Tuple
	for i := range n {
		keys = append(keys, connector.Tuple{"big", i}, connector.Tuple{"big", float64(i)})
	}
	for name, m := range map[string]connector.Match{
		"Scan": match("text", strings.Repeat("x", 10_000)), "Query": match("shop", "big"), "Index": match("email", "big"),
		"Partial": match("phone", "big"), "Keys": {Columns: []string{"shop", "no"}, Tuples: keys},
	} {
		r := connector.Read{Table: table, Columns: []string{"no", "text"}, Where: []connector.Match{m}}
		if got, err := db.Count(t.Context(), r); got != n || err != nil {
			t.Errorf("%s: %d items counted, %v", name, got, err)
		}
		if got := len(strings.Fields(numbers(t, db, r))); got != n {
			t.Errorf("%s: %d items", name, got)
		}
	}
}

func TestKeysThatTheServiceLeavesOutAreAskedForAgain(t *testing.T) {
	db, p, _, table := opened(t, "orders", orders)
	left := 0
	p.instead = func(c call, _ func() map[string]any) (int, any) {
		if left++; c.operation != "BatchGetItem" || left > 2 {
			return 0, nil
		}
		return http.StatusOK, map[string]any{"Responses": map[string]any{}, "UnprocessedKeys": c.body["RequestItems"]}
	}
	r := connector.Read{Table: table, Columns: []string{"no"}, Where: []connector.Match{{Columns: table.PrimaryKey, Tuples: []connector.Tuple{{"s1", 1}, {"s0", 4}}}}}
	if got := numbers(t, db, r); got != "1 4" || left != 3 {
		t.Errorf("found %s in %d calls", got, left)
	}
}
