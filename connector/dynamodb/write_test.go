package dynamodb_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

// stored gives an item as it is on the server.
func stored(t testing.TB, client *dynamodb.Client, table string, k map[string]types.AttributeValue) map[string]types.AttributeValue {
	t.Helper()
	yes := true
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: k, ConsistentRead: &yes})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

var hidden = cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{}, types.AttributeValueMemberSS{},
	types.AttributeValueMemberNS{}, types.AttributeValueMemberBS{}, types.AttributeValueMemberM{}, types.AttributeValueMemberL{}, types.AttributeValueMemberNULL{})

func order(shop string, no int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"shop": &types.AttributeValueMemberS{Value: shop}, "no": n(fmt.Sprint(no))}
}

func mask(table *catalogue.Table, k connector.Tuple, before, after connector.Row) connector.Batch {
	b := connector.Batch{Table: table, KeyColumns: table.PrimaryKey, Changes: []connector.Change{{Key: k, Before: before, After: after}}}
	for name := range after {
		b.Columns = append(b.Columns, name)
	}
	return b
}

func TestSetsStaySets(t *testing.T) { // D29
	tags := &types.AttributeValueMemberSS{Value: []string{"a", "b", "c"}}
	numbers := &types.AttributeValueMemberNS{Value: []string{"1", "12345678901234567890"}}
	db, _, client, table := opened(t, "orders", func(t testing.TB, client *dynamodb.Client) {
		orders(t, client)
		put(t, client, "orders", map[string]any{"shop": "x", "no": int64(1), "tags": tags, "in": map[string]any{"ns": numbers, "tags": tags}, "all": tags, "mixed": tags})
	})
	read := []any{"a", "b", "c"}
	row := connector.Row{}
	r := connector.Read{Table: table, Columns: []string{"tags", "in", "all", "mixed"}, Where: []connector.Match{match("tags", "b")}}
	if _, err := db.Read(t.Context(), r, func(got connector.Row) error { row = got; return nil }); err != nil || row["tags"] == nil {
		t.Fatal("not found by an element of a set", err)
	}
	before := connector.Row{"tags": read, "in": row["in"], "all": read, "mixed": read}
	after := connector.Row{"tags": []any{"a", "M", "M"}, "all": []any{nil, nil, nil}, "mixed": []any{"M", int64(1), true},
		"in": map[string]any{"ns": []any{int64(0), int64(7)}, "tags": read}}
	for _, want := range []connector.Status{connector.Changed, connector.AlreadyDone} {
		out, err := db.Mask(t.Context(), mask(table, connector.Tuple{"x", 1}, before, after))
		if err != nil || out[0].Status != want || len(out[0].Fields) != 1 || !strings.Contains(out[0].Fields["mixed"], "one type") {
			t.Errorf("%+v, %v, want %s without mixed", out, err, want)
		}
	}
	got := stored(t, client, "orders", order("x", 1))
	delete(got, "shop")
	delete(got, "no")
	want := map[string]types.AttributeValue{
		"tags": &types.AttributeValueMemberSS{Value: []string{"M", "a"}}, "all": &types.AttributeValueMemberNULL{Value: true}, "mixed": tags,
		"in": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"ns": &types.AttributeValueMemberNS{Value: []string{"0", "7"}}, "tags": tags}},
	}
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(want, got, hidden, sorted); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyTheLeavesThatDifferAreSent(t *testing.T) { // D21, D23
	db, p, _, table := opened(t, "orders", orders)
	buyer := func(v any) connector.Row { return connector.Row{"buyer": map[string]any{"id": v}, "state": "open"} }
	after := buyer("M")
	out, err := db.Mask(t.Context(), mask(table, connector.Tuple{"s0", 2}, buyer(int64(2)), after))
	if err != nil || out[0].Status != connector.Changed {
		t.Fatal(out, err)
	}
	var update map[string]any
	for _, c := range p.calls {
		if c.operation == "UpdateItem" {
			update = c.body
		}
	}
	if update["UpdateExpression"] != "SET #0.#1 = :0" || update["ConditionExpression"] != "attribute_exists(#2) AND #0.#1 = :1" {
		t.Errorf("%v if %v", update["UpdateExpression"], update["ConditionExpression"])
	}
}

func TestExpressionsKeepToFourKilobytes(t *testing.T) {
	const n = 500
	elements := func(text string) []any {
		var all []any
		for i := range n {
			all = append(all, map[string]any{"by": int64(i), "text": text})
		}
		return all
	}
	db, p, client, table := opened(t, "orders", func(t testing.TB, client *dynamodb.Client) {
		orders(t, client)
		put(t, client, "orders", map[string]any{"shop": "x", "no": int64(1), "lines": elements("hello"), "state": "open"})
	})
	before, after := connector.Row{"lines": elements("hello"), "state": "open"}, connector.Row{"lines": elements("M"), "state": "M"}
	out, err := db.Mask(t.Context(), mask(table, connector.Tuple{"x", 1}, before, after))
	if err != nil || out[0].Status != connector.Changed {
		t.Fatal(out, err)
	}
	if diff := cmp.Diff(attribute(t, elements("M")), stored(t, client, "orders", order("x", 1))["lines"], hidden); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var values []any
	for i := range 2000 {
		values = append(values, fmt.Sprint("v", i))
	}
	if _, err := db.Count(t.Context(), connector.Read{Table: table, Where: []connector.Match{match("state2", values...), match("buyer.id", values[:50]...)}}); err != nil {
		t.Error(err)
	}
	for _, c := range p.calls {
		for _, name := range []string{"UpdateExpression", "ConditionExpression", "FilterExpression", "ProjectionExpression"} {
			if s := fmt.Sprint(c.body[name]); len(s) > 4096 {
				t.Errorf("%s: a %s of %d bytes", c.operation, name, len(s))
			}
		}
	}
}

func TestKeysAreNotMaskedAndKeysOfIndexesKeepTheirType(t *testing.T) { // D24, D25
	db, p, client, table := opened(t, "orders", orders)
	before := connector.Row{"no": int64(2), "email": "p2@example.org", "phone": "+2", "state": "open"}
	out, err := db.Mask(t.Context(), mask(table, connector.Tuple{"s0", 2}, before, connector.Row{"no": int64(0), "email": nil, "phone": "", "state": "M"}))
	if err != nil || out[0].Status != connector.Changed || len(out[0].Fields) != 3 {
		t.Errorf("%+v, %v", out, err)
	}
	if !strings.Contains(out[0].Fields["no"], "primary key") || !strings.Contains(out[0].Fields["email"], "of type S") || out[0].Fields["phone"] == "" {
		t.Errorf("%v", out[0].Fields)
	}
	got := stored(t, client, "orders", order("s0", 2))
	if diff := cmp.Diff("M", got["state"].(*types.AttributeValueMemberS).Value); diff != "" {
		t.Error(diff)
	}
	out, err = db.Mask(t.Context(), mask(table, connector.Tuple{"s0", 4}, before, connector.Row{"phone": ""}))
	if err != nil || out[0].Status != connector.Conflict {
		t.Errorf("another's phone: %+v, %v", out, err)
	}
	p.sent()
	for _, k := range []connector.Tuple{{"s0", "x"}, {"", 1}, {nil, 1}, {"s0", nil}, {strings.Repeat("s", 3000), 1}} {
		out, err := db.Delete(t.Context(), mask(table, k, nil, nil))
		if err != nil || out[0].Status != connector.Failed || out[0].Reason == "" {
			t.Errorf("%+v, %v", out, err)
		}
	}
	if sent := p.sent(); sent != "" {
		t.Errorf("sent %s for keys that no item has", sent)
	}
	b := mask(table, connector.Tuple{"s0"}, nil, connector.Row{"state": "M"})
	b.KeyColumns = []string{"shop"}
	if _, err := db.Mask(t.Context(), b); connector.KindOf(err) != connector.Permanent {
		t.Errorf("masked by half a key: %v", err)
	}
}

func TestItemThatWouldBeTooLargeKeepsItsOtherMasks(t *testing.T) { // D24
	db, _, client, table := opened(t, "orders", orders)
	before := connector.Row{"buyer": map[string]any{"id": int64(2)}, "state": "open"}
	out, err := db.Mask(t.Context(), mask(table, connector.Tuple{"s0", 2}, before, connector.Row{"buyer": map[string]any{"id": strings.Repeat("kanarienvogel", 40_000)}, "state": "M"}))
	if err != nil || out[0].Status != connector.Changed || len(out[0].Fields) != 1 || !strings.Contains(out[0].Fields["buyer"], "400 KB") {
		t.Errorf("%+v, %v", out, err)
	}
	got := stored(t, client, "orders", order("s0", 2))
	if diff := cmp.Diff("M", got["state"].(*types.AttributeValueMemberS).Value); diff != "" {
		t.Error(diff)
	}
}

// meanwhile changes an item just before a call of the connector reaches the
// server.
func meanwhile(p *proxy, operation string, change func()) {
	once := false
	p.mu.Lock()
	defer p.mu.Unlock()
	p.instead = func(c call, _ func() map[string]any) (int, any) {
		if c.operation == operation && !once {
			once = true
			change()
		}
		return 0, nil
	}
}

func TestItemThatChangesBetweenComparisonAndWriteIsNotOverwritten(t *testing.T) { // D28
	for name, c := range map[string]struct {
		now  map[string]any // nil: deleted
		want connector.Status
		kept string
	}{
		"AnotherValue": {map[string]any{"state": "sent", "text": "hello"}, connector.Conflict, "hello"},
		"AnotherField": {map[string]any{"state": "open", "text": "hello", "later": "x"}, connector.Changed, "M"},
		"AnotherType":  {map[string]any{"state": "open", "text": []any{"hello"}}, connector.Conflict, ""},
		"Gone":         {nil, connector.Missing, ""},
	} {
		t.Run(name, func(t *testing.T) {
			db, p, client, table := opened(t, "orders", func(t testing.TB, client *dynamodb.Client) {
				orders(t, client)
				put(t, client, "orders", map[string]any{"shop": "x", "no": int64(1), "state": "open", "text": "hello"})
			})
			change := func() {
				if c.now == nil {
					name := "orders"
					if _, err := client.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: &name, Key: order("x", 1)}); err != nil {
						t.Error(err)
					}
					return
				}
				c.now["shop"], c.now["no"] = "x", int64(1)
				put(t, client, "orders", c.now)
			}
			meanwhile(p, "UpdateItem", change)
			before := connector.Row{"state": "open", "text": "hello"}
			out, err := db.Mask(t.Context(), mask(table, connector.Tuple{"x", 1}, before, connector.Row{"state": "M", "text": "M"}))
			if err != nil || out[0].Status != c.want {
				t.Errorf("%+v, %v, want %s", out, err, c.want)
			}
			if text, ok := stored(t, client, "orders", order("x", 1))["text"].(*types.AttributeValueMemberS); ok && text.Value != c.kept {
				t.Errorf("the text is %q, want %q", text.Value, c.kept)
			}
		})
	}
	t.Run("ElementThatMoves", func(t *testing.T) {
		line := func(by string) map[string]any { return map[string]any{"by": by, "text": "hello"} }
		lines := func(by ...string) []any {
			var all []any
			for _, b := range by {
				all = append(all, line(b))
			}
			return all
		}
		db, p, client, table := opened(t, "orders", func(t testing.TB, client *dynamodb.Client) {
			orders(t, client)
			put(t, client, "orders", map[string]any{"shop": "x", "no": int64(1), "lines": lines("me", "you")})
		})
		meanwhile(p, "UpdateItem", func() {
			put(t, client, "orders", map[string]any{"shop": "x", "no": int64(1), "lines": lines("you", "me")})
		})
		masked := []any{map[string]any{"by": "me", "text": "M"}, line("you")}
		out, err := db.Mask(t.Context(), mask(table, connector.Tuple{"x", 1}, connector.Row{"lines": lines("me", "you")}, connector.Row{"lines": masked}))
		if err != nil || out[0].Status != connector.Conflict {
			t.Errorf("%+v, %v", out, err)
		}
		if diff := cmp.Diff(attribute(t, lines("you", "me")), stored(t, client, "orders", order("x", 1))["lines"], hidden); diff != "" {
			t.Errorf("another's element was written (-want +got):\n%s", diff)
		}
	})
	t.Run("GoneIsNotMadeAnew", func(t *testing.T) {
		db, p, client, table := opened(t, "orders", orders)
		meanwhile(p, "UpdateItem", func() {
			name := "orders"
			if _, err := client.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: &name, Key: order("s0", 2)}); err != nil {
				t.Error(err)
			}
		})
		out, err := db.Mask(t.Context(), mask(table, connector.Tuple{"s0", 2}, connector.Row{"never": nil}, connector.Row{"never": "M"}))
		if err != nil || out[0].Status != connector.Missing || stored(t, client, "orders", order("s0", 2)) != nil {
			t.Errorf("%+v, %v", out, err)
		}
	})
	t.Run("Delete", func(t *testing.T) {
		db, p, client, table := opened(t, "orders", orders)
		meanwhile(p, "DeleteItem", func() { put(t, client, "orders", map[string]any{"shop": "s0", "no": int64(2), "state": "sent"}) })
		out, err := db.Delete(t.Context(), mask(table, connector.Tuple{"s0", 2}, connector.Row{"state": "open"}, nil))
		if err != nil || out[0].Status != connector.Conflict || stored(t, client, "orders", order("s0", 2)) == nil {
			t.Errorf("%+v, %v", out, err)
		}
	})
}

func TestWhatTheServiceRefusesIsTriedAgainOrExplained(t *testing.T) { // R6
	db, p, _, table := opened(t, "orders", orders)
	r := connector.Read{Table: table, Columns: []string{"no"}, Where: []connector.Match{match("shop", "s0")}}
	p.refuse("Query", "ProvisionedThroughputExceededException", 1)
	if got := numbers(t, db, r); got != "0 2 4" {
		t.Errorf("after being throttled once: %s", got)
	}
	for code, want := range map[string]connector.Kind{"AccessDeniedException": connector.Denied, "ResourceNotFoundException": connector.Drift, "ValidationException": connector.Permanent} {
		p.refuse("Query", code, -1)
		_, err := db.Read(t.Context(), r, nil)
		if connector.KindOf(err) != want || !strings.Contains(err.Error(), code) || strings.Contains(err.Error(), "kanarienvogel") {
			t.Errorf("%s: %v", code, err)
		}
	}
	p.mu.Lock()
	p.instead = func(call, func() map[string]any) (int, any) { return http.StatusOK, "no answer of the service" }
	p.mu.Unlock()
	if _, err := db.Read(t.Context(), r, nil); !connector.Retryable(err) {
		t.Errorf("a broken answer: %v", err)
	}
}
