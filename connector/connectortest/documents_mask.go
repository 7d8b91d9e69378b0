package connectortest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
)

// chat is a document with two people in it.
func chat() object {
	return object{
		"owner": object{"mail": "me", "age": int64(30), "phones": list{"1", "2"}},
		"posts": list{
			object{"by": "me", "text": "hello", "likes": list{"me", "you"}},
			object{"by": "you", "text": "hello", "likes": list{}},
			object{"by": "me", "text": "bye", "at": object{"city": "Bern"}},
		},
		"title": "holiday",
	}
}

func testMaskPositions(t *testing.T, h Documents) {
	for name, c := range map[string]struct{ after object }{
		"Nested":          {object{"owner": object{"mail": "M", "age": int64(30), "phones": list{"1", "2"}}}},
		"SomeElements":    {object{"posts": list{object{"by": "M", "text": nil, "likes": list{"M", "you"}}, chat()["posts"].(list)[1], object{"by": "M", "text": nil, "at": object{"city": "M"}}}}},
		"ScalarsInArrays": {object{"owner": object{"mail": "me", "age": int64(30), "phones": list{"1", nil}}}},
		"ObjectsWhole":    {object{"owner": nil, "posts": list{nil, chat()["posts"].(list)[1], nil}}},
		"ArraysWhole":     {object{"posts": nil}},
		"OtherTypes":      {object{"owner": object{"mail": int64(7), "age": "x", "phones": list{1.5, true}}, "title": object{"was": "M"}}},
		"Shorter":         {object{"posts": list{chat()["posts"].(list)[1]}}},
		"TopLevel":        {object{"title": "M"}},
	} {
		t.Run(name, func(t *testing.T) { // D21, D23
			s := stored(t, h, "chats", h.doc("1", chat()), h.doc("2", chat()))
			before := object{}
			want := chat()
			for column, after := range c.after {
				before[column] = chat()[column]
				want[column] = after
			}
			batch := s.change(t, "chats", "1", before, c.after)
			batch.Changes = append(batch.Changes, connector.Change{Key: connector.Tuple{"9"}, Before: before, After: c.after})
			out, err := s.Mask(t.Context(), batch)
			wants(t, out, err, connector.Changed, connector.Missing)
			same(t, "masked", s.row(t, "chats", "1", "owner", "posts", "title"), want)
			same(t, "another document", s.row(t, "chats", "2", "owner", "posts", "title"), chat())
			out, err = s.Mask(t.Context(), batch)
			wants(t, out, err, connector.AlreadyDone, connector.Missing)
			out, err = s.Verify(t.Context(), batch)
			wants(t, out, err, connector.AlreadyDone, connector.Missing)
		})
	}
	t.Run("AbsentBecomesAValue", func(t *testing.T) {
		s := stored(t, h, "chats", h.doc("1", object{"here": nil}))
		batch := s.change(t, "chats", "1", object{"here": nil}, object{"here": "M", "gone": "M"})
		out, err := s.Mask(t.Context(), batch)
		wants(t, out, err, connector.Changed)
		same(t, "both", s.row(t, "chats", "1", "here", "gone"), object{"here": "M", "gone": "M"})
	})
	t.Run("NothingToDo", func(t *testing.T) {
		s := stored(t, h, "chats", h.doc("1", chat()))
		batch := s.change(t, "chats", "1", nil, nil)
		batch.Changes = nil
		out, err := s.Mask(t.Context(), batch)
		wants(t, out, err, []connector.Status{}...)
	})
}

// DocumentMasks puts every mask that fits on a value of every type, at the top
// and inside an array: it is written once, a second run recognises it and
// writes nothing, and verification finds that it holds.
func DocumentMasks(t *testing.T, h Documents, masks []Mask) {
	s := stored(t, h, "masks", h.doc("none", nil))
	for i, sample := range h.Samples {
		t.Run(sample.Name, func(t *testing.T) {
			collection := fmt.Sprint("masks", i)
			var names []string
			var changes []connector.Change
			for _, m := range masks {
				mask, err := m.Mask(s.table(t, "masks"), "v", sample.Want)
				if m.Fits(s.table(t, "masks"), "v") != nil || err != nil {
					continue
				}
				names = append(names, m.Name)
				s.Put(t, collection, h.doc(m.Name, object{"v": sample.Stored, "in": list{object{"v": sample.Stored}, object{"v": "another"}}}))
				in := func(v any) list { return list{object{"v": v}, object{"v": "another"}} }
				changes = append(changes, connector.Change{Key: connector.Tuple{m.Name},
					Before: connector.Row{"v": sample.Want, "in": in(sample.Want)}, After: connector.Row{"v": mask, "in": in(mask)}})
			}
			s.describe(t)
			batch := s.change(t, collection, "", nil, object{"v": nil, "in": nil})
			batch.Changes = changes
			out, err := s.Mask(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			for k, o := range out {
				if len(o.Fields) > 0 || o.Status != connector.Changed && o.Status != connector.AlreadyDone {
					t.Errorf("%s: %s %s %v", names[k], o.Status, o.Reason, o.Fields)
				}
			}
			out, err = s.Mask(t.Context(), batch)
			wants(t, out, err, all(len(names), connector.AlreadyDone)...) // D25, D28
			out, err = s.Verify(t.Context(), batch)
			wants(t, out, err, all(len(names), connector.AlreadyDone)...)
		})
	}
}

func testDocumentsChanged(t *testing.T, h Documents) {
	post := func(fields object) object {
		out := object{"by": "me", "text": "hello"}
		for name, v := range fields {
			out[name] = v
		}
		return out
	}
	read := object{"posts": list{post(nil), post(object{"by": "you"})}, "title": "holiday", "owner": object{"mail": "me", "city": "Bern"}}
	masks := object{"posts": list{post(object{"text": "M"}), post(object{"by": "you"})}, "title": "M", "owner": object{"mail": "M", "city": "Bern"}}
	for name, c := range map[string]struct {
		now  object
		want connector.Status
	}{
		"AsItWas":                     {object{}, connector.Changed},
		"HalfDone":                    {object{"title": "M"}, connector.Changed},
		"AllDone":                     {masks, connector.AlreadyDone},
		"AnotherField":                {object{"later": "x"}, connector.Changed},
		"BesideTheMask":               {object{"owner": object{"mail": "me", "city": "Basel", "zip": "4000"}}, connector.Changed},
		"AnElementBehind":             {object{"posts": append(slices.Clone(read["posts"].(list)), post(object{"by": "x"}))}, connector.Changed},
		"AnotherValue":                {object{"title": "work"}, connector.Conflict},
		"AnotherType":                 {object{"title": list{"holiday"}}, connector.Conflict},
		"NoLongerAnObject":            {object{"owner": "me"}, connector.Conflict},
		"NoLongerAnArray":             {object{"posts": object{"0": post(nil)}}, connector.Conflict},
		"AnElementThatMoved":          {object{"posts": list{post(object{"by": "new"}), post(nil), post(object{"by": "you"})}}, connector.Conflict},
		"AnElementThatIsGone":         {object{"posts": list{}}, connector.Conflict},
		"TheElementOfAnother":         {object{"posts": list{post(object{"by": "you"}), post(nil)}}, connector.Conflict},
		"SomethingMoreInTheElement":   {object{"posts": list{post(object{"likes": int64(1)}), post(object{"by": "you"})}}, connector.Conflict},
		"TheFieldIsGone":              {object{"title": nil}, connector.Conflict},
		"AnotherElementThanTheMasked": {object{"posts": list{post(nil), post(object{"by": "you", "text": "changed"})}}, connector.Changed},
	} {
		t.Run(name, func(t *testing.T) { // D28
			now := h.doc("1", read)
			for field, v := range c.now {
				now[field] = v
			}
			s := stored(t, h, "chats", now)
			before := s.row(t, "chats", "1", "posts", "title", "owner", "later")
			batch := s.change(t, "chats", "1", read, masks)
			out, err := s.Mask(t.Context(), batch)
			wants(t, out, err, c.want)
			if c.want == connector.Conflict {
				same(t, "written in spite of the conflict", s.row(t, "chats", "1", "posts", "title", "owner", "later"), before)
			}
			out, err = s.Verify(t.Context(), batch)
			if c.want == connector.Changed {
				c.want = connector.AlreadyDone
			}
			wants(t, out, err, c.want)
			out, err = s.Mask(t.Context(), batch)
			wants(t, out, err, c.want)
		})
	}
}

// testDocumentsRaced changes a document after it was compared and before it is
// written: the guard is called just then.
func testDocumentsRaced(t *testing.T, h Documents) {
	post := func(by, text any) object { return object{"by": by, "text": text} }
	read := object{"posts": list{post("me", "hi"), post("you", "hi")}, "title": "holiday", "n": int64(5)}
	masks := object{"posts": list{post("me", nil), post("you", "hi")}, "title": "M", "n": int64(0)}
	for name, c := range map[string]struct {
		now  object
		want connector.Status
	}{
		"AnotherField":       {object{"later": "x"}, connector.Changed},
		"AnotherElement":     {object{"posts": list{post("me", "hi"), post("you", "changed")}}, connector.Changed},
		"AnElementThatMoved": {object{"posts": list{post("new", "hi"), post("me", "hi"), post("you", "hi")}}, connector.Conflict},
		"AnotherValue":       {object{"title": "work"}, connector.Conflict},
		"AnArrayThatHoldsIt": {object{"title": list{"holiday"}}, connector.Conflict},
		"Masked":             {masks, connector.AlreadyDone},
	} {
		t.Run(name, func(t *testing.T) { // D28
			s := stored(t, h, "chats", h.doc("1", read))
			now := h.doc("1", read)
			for field, v := range c.now {
				now[field] = v
			}
			batch := s.change(t, "chats", "1", read, masks)
			calls := 0
			batch.Guard = func(context.Context) error {
				if calls++; calls == 1 {
					s.Put(t, "chats", now)
				}
				return nil
			}
			out, err := s.Mask(t.Context(), batch)
			wants(t, out, err, c.want)
			if c.want == connector.Conflict {
				same(t, "written in spite of the change", s.row(t, "chats", "1", "posts", "title", "n"), object{"posts": now["posts"], "title": now["title"], "n": now["n"]})
			}
			remove := s.change(t, "chats", "1", object{"title": now["title"]}, nil)
			if c.want == connector.Conflict {
				remove.Guard = func(context.Context) error {
					s.Put(t, "chats", h.doc("1", object{"title": "again another"}))
					return nil
				}
				out, err = s.Delete(t.Context(), remove)
				wants(t, out, err, connector.Conflict)
			}
		})
	}
}

// testManyElements masks every second and then all of so many elements that a
// statement may not be able to name them one by one.
func testManyElements(t *testing.T, h Documents) {
	const n = 1200
	elements := func(mask func(i int) bool) object {
		all := make(list, n)
		for i := range all {
			all[i] = object{"no": int64(i), "by": fmt.Sprint("p", i)}
			if mask(i) {
				all[i] = object{"no": int64(i), "by": fmt.Sprint("masked ", i)}
			}
		}
		return object{"all": all, "in": object{"all": all}}
	}
	none, half, whole := elements(func(int) bool { return false }), elements(func(i int) bool { return i%2 == 0 }), elements(func(int) bool { return true })
	s := stored(t, h, "long", h.doc("1", none))
	for _, step := range []object{half, whole} {
		batch := s.change(t, "long", "1", none, step)
		out, err := s.Mask(t.Context(), batch)
		wants(t, out, err, connector.Changed)
		same(t, "masked", s.row(t, "long", "1", "all", "in"), step)
		out, err = s.Mask(t.Context(), batch)
		wants(t, out, err, connector.AlreadyDone)
	}
}

// masks is a batch that masks a part of the first n documents of crowd.
func (s *shelf) masks(t testing.TB, n int) connector.Batch {
	b := s.change(t, "people", "", nil, object{"in": nil})
	b.Changes = nil
	for i := range n {
		b.Changes = append(b.Changes, connector.Change{Key: connector.Tuple{fmt.Sprintf("d%d", i)},
			Before: connector.Row{"in": object{"mail": fmt.Sprint("p", i), "x": "x"}}, After: connector.Row{"in": object{"mail": "M", "x": "x"}}})
	}
	return b
}

// crowd gives n documents.
func crowd(h Documents, n int) []object {
	var all []object
	for i := range n {
		all = append(all, h.doc(fmt.Sprintf("d%d", i), object{"in": object{"mail": fmt.Sprint("p", i), "x": "x"}}))
	}
	return all
}

func testDocumentGuard(t *testing.T, h Documents) {
	s := stored(t, h, "people", crowd(h, 5)...)
	refused := errors.New("the lease is another's")
	batch := s.masks(t, 5)
	batch.Guard = func(context.Context) error { return refused }
	if _, err := s.Mask(t.Context(), batch); !errors.Is(err, refused) {
		t.Errorf("mask: %v", err)
	}
	if _, err := s.Delete(t.Context(), batch); !errors.Is(err, refused) {
		t.Errorf("delete: %v", err)
	}
	same(t, "in spite of the guard", s.row(t, "people", "d0", "in"), object{"in": object{"mail": "p0", "x": "x"}})
	calls := 0
	batch.Guard = func(context.Context) error {
		if calls++; calls > 3 {
			return refused
		}
		return nil
	}
	if _, err := s.Mask(t.Context(), batch); !errors.Is(err, refused) {
		t.Errorf("after three documents: %v", err)
	}
	batch.Guard = nil
	out, err := s.Mask(t.Context(), batch)
	wants(t, out, err, connector.AlreadyDone, connector.AlreadyDone, connector.AlreadyDone, connector.Changed, connector.Changed)
}

func testDocumentsReadOnly(t *testing.T, h Documents) {
	s := stored(t, h, "people", crowd(h, 2)...)
	s.full = connect(t, Database{Open: s.DocumentStore.Open}, true)
	if err := s.Test(t.Context()); err != nil {
		t.Error(err)
	}
	_, err := s.Mask(t.Context(), s.masks(t, 2))
	kind(t, err, connector.Denied) // D26
	_, err = s.Delete(t.Context(), s.masks(t, 2))
	kind(t, err, connector.Denied)
	same(t, "written", s.row(t, "people", "d0", "in"), object{"in": object{"mail": "p0", "x": "x"}})
}

func testDocumentsDelete(t *testing.T, h Documents) {
	s := stored(t, h, "people", crowd(h, 6)...)
	batch := s.masks(t, 3)
	batch.Columns = nil
	batch.Changes[1].Before = connector.Row{"in": object{"mail": "another", "x": "x"}}
	batch.Changes[2].Before = nil
	batch.Changes = append(batch.Changes, connector.Change{Key: connector.Tuple{"d9"}})
	out, err := s.Delete(t.Context(), batch)
	wants(t, out, err, connector.Changed, connector.Conflict, connector.Changed, connector.AlreadyDone)
	out, err = s.Verify(t.Context(), batch)
	wants(t, out, err, connector.AlreadyDone, connector.Conflict, connector.AlreadyDone, connector.AlreadyDone)
	out, err = s.Delete(t.Context(), batch)
	wants(t, out, err, connector.AlreadyDone, connector.Conflict, connector.AlreadyDone, connector.AlreadyDone)
	same(t, "left", s.found(t, "people", match("in.x", "x")), []string{"d1", "d3", "d4", "d5"})
	batch.Changes = []connector.Change{{Key: connector.Tuple{nil}}}
	out, err = s.Delete(t.Context(), batch)
	wants(t, out, err, connector.Failed)
}

func testDocumentsVerify(t *testing.T, h Documents) {
	s := stored(t, h, "people", crowd(h, 2)...)
	batch := s.masks(t, 3)
	out, err := s.Verify(t.Context(), batch)
	wants(t, out, err, connector.Conflict, connector.Conflict, connector.Missing)
	if out[0].Fields["in"] == "" {
		t.Errorf("fields %v, want in", out[0].Fields)
	}
	if _, err = s.Mask(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	s.Put(t, "people", h.doc("d1", object{"in": object{"mail": "new", "x": "x"}}))
	out, err = s.Verify(t.Context(), batch)
	wants(t, out, err, connector.AlreadyDone, connector.Conflict, connector.Missing)
}

func testSample(t *testing.T, h Documents) {
	s := stored(t, h, "people", crowd(h, 9)...)
	sampler, ok := s.full.(connector.Sampler)
	if !ok {
		t.Fatal("the connector lacks samples")
	}
	for limit, want := range map[int]int{0: 0, 1: 1, 4: 4, 9: 9, 100: 9} {
		rows, err := sampler.Sample(t.Context(), s.table(t, "people"), limit)
		if err != nil || len(rows) != want {
			t.Errorf("%d rows for a limit of %d, %v, want %d", len(rows), limit, err, want)
		}
		seen := map[string]bool{}
		for _, row := range rows {
			seen[fmt.Sprint(row[h.Key])] = true
			if in, ok := row["in"].(object); !ok || !strings.HasPrefix(fmt.Sprint(in["mail"]), "p") {
				t.Error("a row is not whole")
			}
		}
		if len(seen) != len(rows) {
			t.Error("a document came twice")
		}
	}
}

func testDocumentsConcurrent(t *testing.T, h Documents) {
	const n = 40
	s := stored(t, h, "people", crowd(h, n)...)
	forward := s.masks(t, n)
	backward := forward
	backward.Changes = slices.Clone(forward.Changes)
	slices.Reverse(backward.Changes)
	written := make([]int, 6)
	var group errgroup.Group
	for i := range written {
		group.Go(func() error {
			batch := forward
			if i%2 == 1 {
				batch = backward
			}
			out, err := s.Mask(t.Context(), batch)
			for _, o := range out {
				if o.Status == connector.Changed {
					written[i]++
				}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	total := 0
	for _, w := range written {
		total += w
	}
	if total != n && !(h.Racy && total > n) {
		t.Errorf("%d masks were written, want each of %d once", total, n)
	}
	out, err := s.Verify(t.Context(), forward)
	wants(t, out, err, all(n, connector.AlreadyDone)...)
}

func testDocumentsCancelled(t *testing.T, h Documents) {
	s := stored(t, h, "people", crowd(h, 3)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	read := connector.Read{Table: s.table(t, "people"), Columns: []string{h.Key}, Where: []connector.Match{match("in.mail", "p1", "p2")}}
	_, err := s.Read(ctx, read, func(connector.Row) error { return nil })
	_, masked := s.Mask(ctx, s.masks(t, 3))
	_, described := s.Describe(ctx)
	for _, err := range []error{err, masked, described} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want a cancelled context", err)
		}
	}
	guarded, cancel := context.WithCancel(t.Context())
	batch := s.masks(t, 3)
	batch.Guard = func(context.Context) error { cancel(); return nil }
	if _, err := s.Mask(guarded, batch); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before a write: %v", err)
	}
	same(t, "written", s.row(t, "people", "d0", "in"), object{"in": object{"mail": "p0", "x": "x"}})
	stop := errors.New("enough")
	if _, err := s.Read(t.Context(), read, func(connector.Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v, want the caller's own error", err)
	}
}

func testDocumentErrorsKeepQuiet(t *testing.T, h Documents) {
	s := stored(t, h, "people", h.doc(canary, object{"in": object{"name": canary, canary: canary}, "list": list{canary}}))
	table := s.table(t, "people")
	broken := *table
	broken.Name.Table = "nowhere"
	var said []string
	keep := func(out []connector.Outcome, err error) { said = append(said, fmt.Sprintf("%+v %v", out, err)) }
	before := s.row(t, "people", canary, "in", "list")
	for _, after := range []object{
		{"in": canary + "\xff"}, {"in": object{"name": canary + "2", canary: struct{}{}}}, {"list": list{struct{}{}}}, {"list": list{strings.Repeat(canary, 40_000)}}, {h.Key: canary + "2"},
	} {
		batch := s.change(t, "people", canary, before, after)
		keep(s.Mask(t.Context(), batch))
		keep(s.Verify(t.Context(), batch))
		batch.Table = &broken
		keep(s.Mask(t.Context(), batch))
		keep(s.Delete(t.Context(), batch))
		batch.Table, batch.KeyColumns = table, []string{"in"}
		keep(s.Mask(t.Context(), batch))
	}
	for _, m := range []connector.Match{match("in.name", canary, canary+"\xff"), match("$where", canary), match("in."+"$x", canary), match("", canary)} {
		for _, table := range []connector.Read{{Table: table}, {Table: &broken}} {
			table.Columns, table.Where = []string{h.Key}, []connector.Match{m}
			table.Partition = []connector.Condition{{Column: "in", Operator: "~", Constant: canary}}
			_, err := s.Read(t.Context(), table, func(connector.Row) error { return nil })
			said = append(said, fmt.Sprint(err))
			table.Partition = nil
			_, err = s.Read(t.Context(), table, func(connector.Row) error { return nil })
			said = append(said, fmt.Sprint(err))
		}
	}
	for _, s := range said {
		if strings.Contains(s, canary) {
			t.Errorf("an error quotes data: %.300s", s)
		}
	}
}

// testHostileFields has 500 names as collections and as fields. What the
// system cannot have is refused with a reason, and nothing else is touched.
func testHostileFields(t *testing.T, h Documents) { // SE5
	s := stored(t, h, "sentinel", h.doc("1", object{"n": int64(7)}))
	fields := func(i int) string { return fmt.Sprint("fields", i/20) }
	id := func(i int) string { return fmt.Sprint("f", i) }
	for i, name := range hostile(0) {
		if h.Collection(name) {
			s.Put(t, name, h.doc("1", object{"x": "before"}))
		}
		if !h.Field(name) {
			continue
		}
		s.Put(t, fields(i), h.doc(id(i), object{"in": object{name: "before", "x": "x"}, "list": list{object{name: "before"}}}))
	}
	s.describe(t)
	for i, name := range hostile(0) {
		if s.schema.Table(catalogue.Name{Table: name}) != nil {
			out, err := s.Mask(t.Context(), s.change(t, name, "1", object{"x": "before"}, object{"x": "after"}))
			wants(t, out, err, connector.Changed)
			same(t, fmt.Sprintf("collection %q", name), s.found(t, name, match("x", "after")), []string{"1"})
		} else if h.Collection(name) {
			t.Errorf("no collection %q", name)
		}
		before := object{"in": object{name: "before", "x": "x"}, "list": list{object{name: "before"}}}
		after := object{"in": object{name: "after", "x": "x"}, "list": list{object{name: "after"}}}
		if !h.Field(name) {
			continue
		}
		out, err := s.Mask(t.Context(), s.change(t, fields(i), id(i), before, after))
		if err != nil || len(out) != 1 {
			t.Fatalf("%q: %v", name, err)
		}
		switch got := s.row(t, fields(i), id(i), "in", "list"); out[0].Status {
		case connector.Changed:
			same(t, fmt.Sprintf("field %q", name), got, after)
		case connector.Failed:
			if out[0].Fields["in"] == "" || out[0].Fields["list"] == "" || len(name) > 3 && strings.Contains(fmt.Sprint(out[0].Fields), name) {
				t.Errorf("%q is refused without a reason, or quoted: %v", name, out[0].Fields)
			}
			same(t, fmt.Sprintf("refused field %q", name), got, before)
		default:
			t.Errorf("%q: %+v", name, out)
		}
	}
	same(t, "the sentinel", s.row(t, "sentinel", "1", "n"), object{"n": int64(7)})
}

func testHostileDocumentValues(t *testing.T, h Documents) { // SE5
	s := stored(t, h, "values", h.doc("1", object{"t": object{"x": "-"}, "n": int64(7)}), h.doc("2", object{"t": object{"x": "other"}}))
	before := "-"
	for _, v := range hostile(0) {
		out, err := s.Mask(t.Context(), s.change(t, "values", "1", object{"t": object{"x": before}}, object{"t": object{"x": v}}))
		wants(t, out, err, connector.Changed)
		before = v
		same(t, fmt.Sprintf("found by %q", v), s.found(t, "values", match("t.x", v)), []string{"1"})
	}
	same(t, "the rest", []any{s.row(t, "values", "1", "n"), s.row(t, "values", "2", "t")}, []any{object{"n": int64(7)}, object{"t": object{"x": "other"}}})
}
