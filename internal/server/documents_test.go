package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"pgregory.net/rapid"

	"volenti.dev/volenti/internal/ferretdbtest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/subject"
)

// Customers are in a table, their chats are documents that several people
// share, and the receipts that posts name are in a table again.

const chatTables = `
CREATE TABLE customer (id INTEGER PRIMARY KEY, email VARCHAR(60), name VARCHAR(40));
CREATE TABLE receipt (no VARCHAR(10) PRIMARY KEY, iban VARCHAR(40));
INSERT INTO customer VALUES (0, 'anna@example.com', 'Anna'), (1, 'ben@example.com', 'Ben'), (2, 'cleo@example.com', 'Cleo');
INSERT INTO receipt VALUES ('r0', 'DE0'), ('r1', 'DE1'), ('r2', 'DE2');
`

const chatDatasets = `
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
    - {name: no, fides_meta: {primary_key: true, references: [{dataset: talk, field: chats.posts.receipt, direction: from}]}}
    - {name: iban, data_categories: [user.financial]}
- fides_key: talk
  collections:
  - name: chats
    fields:
    - {name: _id, fides_meta: {primary_key: true}}
    - name: owner
      fields:
      - {name: mail, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
      - {name: name, data_categories: [user.name]}
    - name: members
      fides_meta: {data_type: "object[]"}
      fields:
      - {name: mail, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
      - {name: phones, data_categories: [user.contact.phone_number], fides_meta: {data_type: "string[]"}}
    - name: posts
      fides_meta: {data_type: "object[]"}
      fields:
      - {name: by, fides_meta: {data_type: integer, references: [{dataset: shop, field: customer.id, direction: from}]}}
      - {name: text, data_categories: [user.content]}
      - {name: likes, data_categories: [user.contact.email], fides_meta: {data_type: "string[]", identity: email}}
      - {name: receipt, fides_meta: {data_type: string}}
`

const chatPolicies = `
policy:
- key: access
  rules:
  - {key: all, action: access, targets: [user]}
- key: erasure
  rules:
  - {key: address, action: erasure, targets: [user.contact], masking: {strategy: string_rewrite, configuration: {rewrite_value: "x"}}}
  - {key: rest, action: erasure, targets: [user.name, user.content, user.financial], masking: {strategy: null_rewrite}}
- key: deletion
  rules:
  - {key: chats, action: erasure, targets: [user.content], masking: {strategy: delete}}
`

// newChats makes the company, with an empty database of documents.
func newChats(t *testing.T) (*world, *mongo.Database) {
	w := newWorld(t, "sqlite", "sqlite")
	w.exec("DROP TABLE customer;\nDROP TABLE orders;\nDROP TABLE note;\n" + chatTables)
	url := ferretdbtest.URL(t)
	client, err := mongo.Connect(options.Client().ApplyURI(url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	w.write(chatDatasets, chatPolicies, fmt.Sprintf("connection:\n- {key: db, type: sqlite, access: write, datasets: [shop], secrets: {url: %q}}\n"+
		"- {key: talk, type: mongodb, access: write, datasets: [talk], secrets: {url: %q}}\n", w.url, url))
	return w, client.Database(url[strings.LastIndex(url, "/")+1:])
}

// fill replaces the chats.
func fill(t testing.TB, db *mongo.Database, chats ...bson.D) {
	t.Helper()
	if _, err := db.Collection("chats").DeleteMany(t.Context(), bson.D{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range chats {
		if _, err := db.Collection("chats").InsertOne(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// chats reads all of them, as Extended JSON, which shows types too.
func chats(t testing.TB, db *mongo.Database) []string {
	t.Helper()
	cursor, err := db.Collection("chats").Find(t.Context(), bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		t.Fatal(err)
	}
	var raw []bson.Raw
	if err := cursor.All(t.Context(), &raw); err != nil {
		t.Fatal(err)
	}
	texts := []string{}
	for _, r := range raw {
		texts = append(texts, r.String())
	}
	return texts
}

func texts(t testing.TB, chats []bson.D) []string {
	t.Helper()
	all := []string{}
	for _, c := range chats {
		b, err := bson.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bson.Raw(b).String())
	}
	return all
}

func TestDocumentsAndTablesFeedEachOther(t *testing.T) { // X18, D14, D18, D19
	t.Parallel()
	w, db := newChats(t)
	chat := func(text any) bson.D {
		return bson.D{{Key: "_id", Value: int64(7)}, {Key: "members", Value: bson.A{
			bson.D{{Key: "mail", Value: "ben@example.com"}, {Key: "phones", Value: bson.A{"1"}}}}},
			{Key: "posts", Value: bson.A{
				bson.D{{Key: "by", Value: int32(1)}, {Key: "text", Value: "hi"}, {Key: "receipt", Value: "r1"}},
				bson.D{{Key: "by", Value: 0.0}, {Key: "text", Value: text}, {Key: "receipt", Value: "r0"}}}}}
	}
	fill(t, db, chat("I am Anna"))
	d := w.open()
	plan, err := d.plan("erasure", person(t, subject.Email, "anna@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	node := plan.Node("talk:chats")
	w.equal("queries", node.Queries, []string{ // D17
		`chats.find({"$or": [{"owner.mail": ?}, {"members.mail": ?}, {"posts.likes": ?}, {"posts.by": ?}]}, {"_id": 1, "members": 1, "owner": 1, "posts": 1})`})
	w.equal("notes", node.Notes, []string{"each document is written by itself, whole or not at all; there is no transaction over several"}) // D23

	w.equal("access", d.run("access", "anna@example.com").Status, request.Complete)
	w.equal("what Anna gets", w.access(), map[string][]map[string]any{
		"shop:customer": {{"name": "Anna"}},
		"talk:chats":    {{"posts": []any{map[string]any{"text": "I am Anna"}}}},
		"shop:receipt":  {{"iban": "DE0"}},
	})
	report := d.run("erasure", "anna@example.com")
	w.equal("status", report.Status, request.Complete)
	w.equal("report", line(report, "talk:chats", request.Erasure).Notes, node.Notes)
	w.equal("chats", chats(t, db), texts(t, []bson.D{chat(nil)}))
	w.equal("receipts", w.table("SELECT * FROM receipt"), []string{"r0|<null>", "r1|DE1", "r2|DE2"})
}

func TestDocumentsThatOthersHaveAPartInAreNotDeleted(t *testing.T) { // D18, D24
	t.Parallel()
	w, db := newChats(t)
	post := func(by int) bson.D { return bson.D{{Key: "by", Value: by}, {Key: "text", Value: "hi"}} }
	shared := bson.D{{Key: "_id", Value: "shared"}, {Key: "posts", Value: bson.A{post(0), post(1)}}}
	fill(t, db, bson.D{{Key: "_id", Value: "own"}, {Key: "posts", Value: bson.A{post(0), post(0)}}}, shared)
	report := w.open().run("deletion", "anna@example.com")
	w.equal("left", chats(t, db), texts(t, []bson.D{shared}))
	w.equal("status", report.Status, request.CompleteWithResidue)
	erased := line(report, "talk:chats", request.Erasure)
	if erased.RowsMasked != 1 || erased.RowsFailed != 1 || !strings.Contains(fmt.Sprint(erased.Fields), "holds elements of others") {
		t.Errorf("%+v", erased)
	}
}

func TestDocumentsThatDoNotFitTheirDescription(t *testing.T) { // D24
	t.Parallel()
	w, db := newChats(t)
	fill(t, db, bson.D{{Key: "_id", Value: "1"}, {Key: "owner", Value: bson.D{{Key: "mail", Value: "anna@example.com"}, {Key: "name", Value: bson.A{"Anna", bson.D{{Key: "last", Value: "A."}}}}}},
		{Key: "members", Value: "nobody"}, {Key: "posts", Value: bson.A{int32(5), bson.D{{Key: "by", Value: int32(0)}, {Key: "text", Value: bson.D{{Key: "html", Value: "hi"}}}}, bson.D{{Key: "by", Value: nil}}}}},
		bson.D{{Key: "_id", Value: "2"}, {Key: "owner", Value: nil}, {Key: "members", Value: bson.D{{Key: "mail", Value: "anna@example.com"}, {Key: "phones", Value: "5"}}}, {Key: "posts", Value: bson.A{}}},
		bson.D{{Key: "_id", Value: "3"}, {Key: "owner", Value: "anna@example.com"}, {Key: "posts", Value: bson.A{bson.D{{Key: "likes", Value: "anna@example.com"}, {Key: "text", Value: int32(5)}}}}})
	d := w.open()
	report := d.run("access", "anna@example.com")
	w.equal("what is not described is told", line(report, "talk:chats", request.Access).Message, "2 rows have a value where parts are described; it was not handed out")
	w.equal("what Anna gets", w.access()["talk:chats"], []map[string]any{
		{"owner": map[string]any{"mail": "anna@example.com", "name": []any{"Anna", map[string]any{"last": "A."}}}, "posts": []any{map[string]any{"text": map[string]any{"html": "hi"}}}},
		{"members": map[string]any{"mail": "anna@example.com", "phones": "5"}},
		{"posts": []any{map[string]any{"text": 5.0, "likes": "anna@example.com"}}},
	})
	report = d.run("erasure", "anna@example.com")
	w.equal("chats", chats(t, db), texts(t, []bson.D{
		{{Key: "_id", Value: "1"}, {Key: "owner", Value: bson.D{{Key: "mail", Value: "x"}, {Key: "name", Value: bson.A{nil, nil}}}},
			{Key: "members", Value: "nobody"}, {Key: "posts", Value: bson.A{int32(5), bson.D{{Key: "by", Value: int32(0)}, {Key: "text", Value: nil}}, bson.D{{Key: "by", Value: nil}}}}},
		{{Key: "_id", Value: "2"}, {Key: "owner", Value: nil}, {Key: "members", Value: bson.D{{Key: "mail", Value: "x"}, {Key: "phones", Value: "x"}}}, {Key: "posts", Value: bson.A{}}},
		{{Key: "_id", Value: "3"}, {Key: "owner", Value: "anna@example.com"}, {Key: "posts", Value: bson.A{bson.D{{Key: "likes", Value: "x"}, {Key: "text", Value: nil}}}}},
	}))
	w.equal("status", report.Status, request.CompleteWithResidue)
	told := map[string]int64{}
	for _, f := range line(report, "talk:chats", request.Erasure).Fields {
		if f.Status == "failed" && strings.Contains(f.Reason, "form of its description") {
			told[f.Field] = f.Rows
		}
	}
	w.equal("fields that do not fit", told, map[string]int64{"members.mail": 1, "members.phones": 1, "owner.mail": 1, "owner.name": 1})
}

func TestElementsThatAppearInAKnownDocumentAreErasedToo(t *testing.T) { // X17
	t.Parallel()
	w, db := newChats(t)
	post := func(text any) bson.D { return bson.D{{Key: "by", Value: int32(0)}, {Key: "text", Value: text}} }
	other := bson.D{{Key: "by", Value: int32(1)}, {Key: "text", Value: "Ben's"}}
	fill(t, db, bson.D{{Key: "_id", Value: "1"}, {Key: "posts", Value: bson.A{other, post("one")}}})
	steps := 0
	w.tell = func(e fulfill.Event) {
		if e.Step != "verification" && e.Step != "erasure" {
			return
		}
		if steps++; steps > 2 {
			return
		}
		_, err := db.Collection("chats").UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "1"}}, bson.D{{Key: "$push", Value: bson.D{{Key: "posts", Value: post(e.Step)}}}})
		if err != nil {
			t.Error(err)
		}
	}
	report := w.open().run("erasure", "anna@example.com")
	w.equal("status", report.Status, request.Complete)
	w.equal("chats", chats(t, db), texts(t, []bson.D{{{Key: "_id", Value: "1"}, {Key: "posts", Value: bson.A{other, post(nil), post(nil), post(nil)}}}}))
	if steps < 3 {
		t.Errorf("%d steps: there was no second round", steps)
	}
}

func TestErasureOfDocumentsGoesOnWhereItWasInterrupted(t *testing.T) { // D23, X7
	t.Parallel()
	w, db := newChats(t)
	w.limits.Batch = 1
	chat := func(id int, text any) bson.D {
		return bson.D{{Key: "_id", Value: id}, {Key: "posts", Value: bson.A{bson.D{{Key: "by", Value: int32(0)}, {Key: "text", Value: text}}}}}
	}
	var before, after []bson.D
	for i := range 6 {
		before, after = append(before, chat(i, "hi")), append(after, chat(i, nil))
	}
	fill(t, db, before...)
	ctx, cancel := context.WithCancel(t.Context())
	w.tell = func(e fulfill.Event) {
		if e.Action == request.Erasure && e.Address == "talk:chats" && e.Rows == 2 {
			cancel()
		}
	}
	d := w.open()
	id := d.submit("erasure", anna)
	if _, err := d.Run(ctx, id); !errors.Is(err, context.Canceled) {
		t.Fatalf("the first run: %v", err)
	}
	if got := strings.Count(strings.Join(chats(t, db), ""), `"hi"`); got == 0 || got == 6 {
		t.Errorf("%d of 6 chats are not masked after the interruption", got)
	}
	d.close()
	d = w.open()
	report, err := d.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	w.equal("status", report.Status, request.Complete)
	w.equal("chats", chats(t, db), texts(t, after))
	w.equal("masked", line(report, "talk:chats", request.Erasure).RowsMasked, int64(6))
}

// A document with many elements of others: Anna's are found, handed out and
// masked, and nothing is kept of it but what is needed.
func TestLongArraysOfOthersAreNotTheDataSubjects(t *testing.T) { // D18
	t.Parallel()
	const n = 10_000
	w, db := newChats(t)
	likes := func(hers string) bson.A {
		all := make(bson.A, n)
		for i := range all {
			all[i] = fmt.Sprintf("p%d@example.org", i)
		}
		all[n-1] = hers
		return all
	}
	chat := func(hers string) bson.D {
		text := any("long")
		if hers == "x" {
			text = nil
		}
		return bson.D{{Key: "_id", Value: "1"}, {Key: "posts", Value: bson.A{bson.D{{Key: "likes", Value: likes(hers)}, {Key: "text", Value: text}}}}}
	}
	fill(t, db, chat(anna))
	d := w.open()
	d.run("access", anna)
	w.equal("handed out", w.access()["talk:chats"], []map[string]any{{"posts": []any{map[string]any{"text": "long", "likes": []any{anna}}}}})
	w.equal("status", d.run("erasure", anna).Status, request.Complete)
	w.equal("left", chats(t, db), texts(t, []bson.D{chat("x")}))
}

// talk is a chat as the test thinks of it. It is written as a document in many
// forms, and what is Anna's of it is said by plain loops.
type talk struct {
	ownerMail, ownerName any // nil for absent
	members              []talker
	posts                []post
}

type talker struct {
	mail   any
	phones []string
}

type post struct {
	by    any // a customer's id as a number of some type
	text  string
	likes []string
}

const anna, annaID = "anna@example.com", 0

var mails = []string{anna, "ben@example.com", "cleo@example.com", "ANNA@example.org", ""}

func drawTalk(t *rapid.T) talk {
	mail := rapid.OneOf(rapid.Just[any](nil), rapid.Map(rapid.SampledFrom(mails), func(s string) any { return s }))
	id := rapid.OneOf(rapid.Just[any](nil), rapid.Map(rapid.Int32Range(0, 2), func(i int32) any { return i }),
		rapid.Map(rapid.Int32Range(0, 2), func(i int32) any { return float64(i) }), rapid.Map(rapid.Int64Range(0, 2), func(i int64) any { return i }))
	return talk{
		ownerMail: mail.Draw(t, "owner"), ownerName: mail.Draw(t, "name"),
		members: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) talker {
			return talker{mail.Draw(t, "mail"), rapid.SliceOfN(rapid.StringN(0, 3, -1), 0, 2).Draw(t, "phones")}
		}), 0, 3).Draw(t, "members"),
		posts: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) post {
			return post{id.Draw(t, "by"), rapid.StringN(0, 3, -1).Draw(t, "text"), rapid.SliceOfN(rapid.SampledFrom(mails), 0, 3).Draw(t, "likes")}
		}), 0, 3).Draw(t, "posts"),
	}
}

func (m talker) annas() bool { return m.mail == anna }

func (p post) annas() bool {
	switch by := p.by.(type) {
	case int32:
		if by == annaID {
			return true
		}
	case int64:
		if by == annaID {
			return true
		}
	case float64:
		if by == annaID {
			return true
		}
	}
	return slices.Contains(p.likes, anna)
}

func (c talk) annas() bool {
	return c.ownerMail == anna || slices.ContainsFunc(c.members, talker.annas) || slices.ContainsFunc(c.posts, post.annas)
}

// document writes the chat; erased as it must be when Anna was erased.
func (c talk) document(id int, erased bool) bson.D {
	mask := func(v, mask any) any {
		if erased && v != nil {
			return mask
		}
		return v
	}
	d := bson.D{{Key: "_id", Value: id}}
	owner := bson.D{{Key: "since", Value: int32(1)}}
	if c.ownerMail != nil {
		owner = append(owner, bson.E{Key: "mail", Value: mask(c.ownerMail, "x")})
	}
	d = append(d, bson.E{Key: "owner", Value: append(owner, bson.E{Key: "name", Value: mask(c.ownerName, nil)})})
	members := bson.A{}
	for _, m := range c.members {
		phones := bson.A{}
		for _, p := range m.phones {
			if erased && m.annas() {
				p = "x"
			}
			phones = append(phones, p)
		}
		if m.annas() {
			m.mail = mask(m.mail, "x")
		}
		members = append(members, bson.D{{Key: "phones", Value: phones}, {Key: "mail", Value: m.mail}})
	}
	posts := bson.A{}
	for _, p := range c.posts {
		var text any = p.text
		likes := bson.A{}
		for _, l := range p.likes {
			if erased && l == anna {
				l = "x"
			}
			likes = append(likes, l)
		}
		if p.annas() {
			text = mask(text, nil)
		}
		posts = append(posts, bson.D{{Key: "by", Value: p.by}, {Key: "likes", Value: likes}, {Key: "text", Value: text}})
	}
	return append(d, bson.E{Key: "members", Value: members}, bson.E{Key: "posts", Value: posts})
}

// handedOut is what Anna gets of the chat: what is in no array, and of arrays
// her own. Nothing is left of what is empty.
func (c talk) handedOut() map[string]any {
	out := map[string]any{}
	owner := map[string]any{"name": c.ownerName}
	if c.ownerMail != nil {
		owner["mail"] = c.ownerMail
	}
	out["owner"] = owner
	var members, posts []any
	for _, m := range c.members {
		if !m.annas() {
			continue
		}
		member := map[string]any{"mail": m.mail}
		var phones []any
		for _, p := range m.phones {
			phones = append(phones, p)
		}
		if phones != nil {
			member["phones"] = phones
		}
		members = append(members, member)
	}
	for _, p := range c.posts {
		if !p.annas() {
			continue
		}
		own := map[string]any{"text": p.text}
		var likes []any
		for _, l := range p.likes {
			if l == anna {
				likes = append(likes, l)
			}
		}
		if likes != nil {
			own["likes"] = likes
		}
		posts = append(posts, own)
	}
	if members != nil {
		out["members"] = members
	}
	if posts != nil {
		out["posts"] = posts
	}
	return out
}

func TestOnlyThePersonsOwnElementsAreHandedOutOrMasked(t *testing.T) { // D14, D18, D20, D21, D28
	t.Parallel()
	rounds := 8
	if os.Getenv("SOAK") != "" {
		rounds = 100
	}
	w, db := newChats(t)
	d := w.open()
	all := rapid.SliceOfN(rapid.Custom(drawTalk), 1, 12)
	for seed := range rounds {
		talks := all.Example(seed)
		var before, after []bson.D
		var own []map[string]any
		for i, c := range talks {
			before = append(before, c.document(i, false))
			after = append(after, c.document(i, c.annas()))
			if c.annas() {
				own = append(own, c.handedOut())
			}
		}
		fill(t, db, before...)
		d.run("access", anna)
		w.equal(fmt.Sprintf("seed %d: handed out", seed), w.access()["talk:chats"], own)

		report := d.run("erasure", anna)
		w.equal(fmt.Sprintf("seed %d: status", seed), report.Status, request.Complete)
		w.equal(fmt.Sprintf("seed %d: erased", seed), chats(t, db), texts(t, after))

		again := d.run("erasure", anna)
		w.equal(fmt.Sprintf("seed %d: masked by a second run", seed), line(again, "talk:chats", request.Erasure).RowsMasked, int64(0))
		w.equal(fmt.Sprintf("seed %d: after a second run", seed), chats(t, db), texts(t, after))
		if t.Failed() {
			return
		}
	}
}
