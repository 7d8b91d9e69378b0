package server

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"volenti.dev/volenti/internal/dynalitetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Customers are in a SQL table, their carts are items of DynamoDB under their
// ids, the receipts that carts name are in SQL again, and so are the devices
// that logins name, which are items found by an index.

const cartTables = `
CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(60), name VARCHAR(40));
CREATE TABLE receipt (no VARCHAR(10) PRIMARY KEY, iban VARCHAR(40));
CREATE TABLE device (serial INTEGER PRIMARY KEY, place VARCHAR(40));
INSERT INTO customer VALUES (0, 'anna@example.com', 'Anna'), (1, 'ben@example.com', 'Ben');
INSERT INTO receipt VALUES ('r0', 'DE0'), ('r1', 'DE1'), ('r2', 'DE2');
INSERT INTO device VALUES (5, 'Bern'), (6, 'Basel')
`

const cartDatasets = `
dataset:
- fides_key: shop
  collections:
  - name: customer
    fields:
    - {name: id, fides_meta: {primary_key: true, data_type: integer}}
    - {name: email, fides_meta: {identity: email, data_type: string}}
    - {name: name, data_categories: [user.name]}
  - name: receipt
    fields:
    - {name: no, fides_meta: {primary_key: true, references: [{dataset: web, field: carts.lines.receipt, direction: from}]}}
    - {name: iban, data_categories: [user.financial]}
  - name: device
    fields:
    - {name: serial, fides_meta: {primary_key: true, references: [{dataset: web, field: logins.device, direction: from}]}}
    - {name: place, data_categories: [user.location]}
- fides_key: web
  collections:
  - name: carts
    fields:
    - {name: customer, fides_meta: {primary_key: true, references: [{dataset: shop, field: customer.id, direction: from}]}}
    - {name: day, fides_meta: {primary_key: true}}
    - name: ship
      fields:
      - {name: street, data_categories: [user.contact.address], fides_meta: {data_type: string}}
    - name: lines
      fides_meta: {data_type: "object[]", return_all_elements: true}
      fields:
      - {name: wish, data_categories: [user.content], fides_meta: {data_type: string}}
      - {name: receipt, fides_meta: {data_type: string}}
  - name: logins
    fields:
    - {name: token, fides_meta: {primary_key: true}}
    - {name: mail, fides_meta: {identity: email, data_type: string}}
    - {name: address, data_categories: [user.device.ip_address]}
    - {name: device, fides_meta: {data_type: integer}}
    - {name: tags, data_categories: [user.content], fides_meta: {data_type: "string[]"}}
`

const cartPolicies = `
policy:
- key: access
  rules:
  - {key: all, action: access, targets: [user]}
- key: erasure
  rules:
  - {key: text, action: erasure, targets: [user.content], masking: {strategy: string_rewrite, configuration: {rewrite_value: "x"}}}
  - {key: rest, action: erasure, targets: [user.name, user.contact, user.financial, user.location, user.device], masking: {strategy: null_rewrite}}
- key: deletion
  rules:
  - {key: logins, action: erasure, targets: [user.device], masking: {strategy: delete}}
`

// cartItem is an item as a test writes it.
type cartItem = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func digits(n int) types.AttributeValue  { return &types.AttributeValueMemberN{Value: fmt.Sprint(n)} }

func cart(customer int, day string, street, wish types.AttributeValue) cartItem {
	line := func(n int) types.AttributeValue {
		return &types.AttributeValueMemberM{Value: cartItem{"wish": wish, "receipt": text(fmt.Sprint("r", n)), "pieces": digits(n)}}
	}
	return cartItem{"customer": digits(customer), "day": text(day), "ship": &types.AttributeValueMemberM{Value: cartItem{"street": street}},
		"lines": &types.AttributeValueMemberL{Value: []types.AttributeValue{line(customer), line(2 * customer)}}}
}

func login(token, mail string, address types.AttributeValue, tags ...string) cartItem {
	return cartItem{"token": text(token), "mail": text(mail), "address": address, "device": digits(5 + len(token)%2), "tags": &types.AttributeValueMemberSS{Value: tags}}
}

// newCarts makes the company.
func newCarts(t *testing.T) (*world, *dynamodb.Client) {
	w := newWorld(t, "sqlite", "sqlite")
	w.exec("DROP TABLE customer;\nDROP TABLE orders;\nDROP TABLE note;\n" + cartTables)
	url := dynalitetest.URL(t)
	client := dynamodb.New(dynamodb.Options{Region: "eu-central-1", BaseEndpoint: &url,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		})})
	w.write(cartDatasets, cartPolicies, fmt.Sprintf("connection:\n- {key: db, type: sqlite, access: write, datasets: [shop], secrets: {url: %q}}\n"+
		"- {key: web, type: dynamodb, access: write, datasets: [web], secrets: {region: eu-central-1, access_key_id: test, secret_access_key: test, endpoint: %q}}\n", w.url, url))
	key := func(name string, kind types.KeyType) types.KeySchemaElement {
		return types.KeySchemaElement{AttributeName: &name, KeyType: kind}
	}
	attribute := func(name string, kind types.ScalarAttributeType) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: &name, AttributeType: kind}
	}
	makeTable(t, client, &dynamodb.CreateTableInput{TableName: aws.String("carts"),
		KeySchema:            []types.KeySchemaElement{key("customer", types.KeyTypeHash), key("day", types.KeyTypeRange)},
		AttributeDefinitions: []types.AttributeDefinition{attribute("customer", types.ScalarAttributeTypeN), attribute("day", types.ScalarAttributeTypeS)}},
		cart(0, "monday", text("Hauptweg 1"), text("blue")), cart(0, "tuesday", text("Hauptweg 1"), text("red")), cart(1, "monday", text("Nebenweg 2"), text("green")))
	makeTable(t, client, &dynamodb.CreateTableInput{TableName: aws.String("logins"),
		KeySchema:            []types.KeySchemaElement{key("token", types.KeyTypeHash)},
		AttributeDefinitions: []types.AttributeDefinition{attribute("token", types.ScalarAttributeTypeS), attribute("mail", types.ScalarAttributeTypeS)},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{IndexName: aws.String("by_mail"), KeySchema: []types.KeySchemaElement{key("mail", types.KeyTypeHash)},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}}}},
		login("aa", "anna@example.com", text("10.0.0.1"), "home", "phone"), login("b", "ben@example.com", text("10.0.0.2"), "work"))
	return w, client
}

func makeTable(t *testing.T, client *dynamodb.Client, in *dynamodb.CreateTableInput, items ...cartItem) {
	t.Helper()
	in.BillingMode = types.BillingModePayPerRequest
	if _, err := client.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := dynamodb.NewTableExistsWaiter(client).Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: in.TableName}, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: in.TableName, Item: i}); err != nil {
			t.Fatal(err)
		}
	}
}

// itemIs compares an item on the server.
func (w *world) itemIs(client *dynamodb.Client, table string, key, want cartItem) {
	w.t.Helper()
	got, err := client.GetItem(w.t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key, ConsistentRead: aws.Bool(true)})
	if err != nil {
		w.t.Fatal(err)
	}
	shown := func(i cartItem) any {
		if i == nil {
			return nil
		}
		return plain(&types.AttributeValueMemberM{Value: i})
	}
	w.equal(table, shown(got.Item), shown(want))
}

// plain shows an item with its types.
func plain(a types.AttributeValue) any {
	switch a := a.(type) {
	case *types.AttributeValueMemberM:
		out := map[string]any{}
		for name, v := range a.Value {
			out[name] = plain(v)
		}
		return out
	case *types.AttributeValueMemberL:
		var out []any
		for _, v := range a.Value {
			out = append(out, plain(v))
		}
		return out
	case *types.AttributeValueMemberS:
		return "S " + a.Value
	case *types.AttributeValueMemberN:
		return "N " + a.Value
	case *types.AttributeValueMemberSS:
		return "SS " + fmt.Sprint(a.Value)
	case *types.AttributeValueMemberNULL:
		return nil
	default:
		return fmt.Sprintf("%T", a)
	}
}

func TestItemsAndTablesFeedEachOther(t *testing.T) { // X18, D14, D19, D21
	t.Parallel()
	w, client := newCarts(t)
	d := w.open()
	plan, err := d.plan("erasure", person(t, subject.Email, "anna@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	w.equal("how carts are found", plan.Node("web:carts").Queries, []string{`Query "carts" where "customer" = ? giving "customer", "day", "lines", "ship"`})
	w.equal("how logins are found", plan.Node("web:logins").Queries,
		[]string{`Query "logins" index "by_mail" where "mail" = ? giving "address", "device", "mail", "tags", "token" (the index may miss what was written a moment ago)`})

	w.equal("access", d.run("access", "anna@example.com").Status, request.Complete)
	ordered := func(street string) map[string]any { return map[string]any{"street": street} }
	w.equal("what Anna gets", w.access(), map[string][]map[string]any{
		"shop:customer": {{"name": "Anna"}},
		"shop:receipt":  {{"iban": "DE0"}},
		"shop:device":   {{"place": "Bern"}},
		"web:carts": {
			{"ship": ordered("Hauptweg 1"), "lines": []any{map[string]any{"wish": "blue"}, map[string]any{"wish": "blue"}}},
			{"ship": ordered("Hauptweg 1"), "lines": []any{map[string]any{"wish": "red"}, map[string]any{"wish": "red"}}},
		},
		"web:logins": {{"address": "10.0.0.1", "tags": []any{"home", "phone"}}},
	})

	report := d.run("erasure", "anna@example.com")
	w.equal("erasure", report.Status, request.Complete)
	erased := line(report, "web:carts", request.Erasure)
	if erased.RowsMasked != 2 || !erased.Verified { // D23
		t.Errorf("%+v", erased)
	}
	null := &types.AttributeValueMemberNULL{Value: true}
	monday := func(customer int) cartItem { return cartItem{"customer": digits(customer), "day": text("monday")} }
	w.itemIs(client, "carts", monday(0), cart(0, "monday", null, text("x")))
	w.itemIs(client, "carts", monday(1), cart(1, "monday", text("Nebenweg 2"), text("green")))
	w.itemIs(client, "logins", cartItem{"token": text("aa")}, login("aa", "anna@example.com", null, "x"))
	w.itemIs(client, "logins", cartItem{"token": text("b")}, login("b", "ben@example.com", text("10.0.0.2"), "work"))
	w.equal("receipts", w.table("SELECT * FROM receipt"), []string{"r0|<null>", "r1|DE1", "r2|DE2"})
	w.equal("devices", w.table("SELECT * FROM device"), []string{"5|<null>", "6|Basel"})

	again := d.run("erasure", "anna@example.com")
	w.equal("a second run", again.Status, request.Complete)
	w.equal("writes nothing", line(again, "web:carts", request.Erasure).RowsMasked, int64(0)) // D23

	w.equal("deletion", d.run("deletion", "anna@example.com").Status, request.Complete)
	w.itemIs(client, "logins", cartItem{"token": text("aa")}, nil)
	w.itemIs(client, "logins", cartItem{"token": text("b")}, login("b", "ben@example.com", text("10.0.0.2"), "work"))
}
