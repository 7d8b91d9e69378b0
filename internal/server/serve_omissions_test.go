package server

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// unpacked gives the files of a request's packages, by access rule and name.
func (s *site) unpacked(id string, rules ...string) map[string]string {
	s.t.Helper()
	all := map[string]string{}
	for _, rule := range rules {
		got := s.get("/api/v1/requests/" + id + "/package?rule=" + rule)
		z, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body)))
		s.must(err)
		for _, f := range z.File {
			r, err := f.Open()
			s.must(err)
			var text bytes.Buffer
			_, err = io.Copy(&text, r)
			s.must(err)
			all[rule+"/"+f.Name] = text.String()
		}
	}
	return all
}

// Of Anna's two orders the street of one is left out, and her telephone number. Both
// are seen in the package of one rule, and are in that of the other as well.
func TestWhatAnOperatorLeavesOutIsInNoPackage(t *testing.T) { // W3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openDesk(strings.Replace(shopPolicies, "- key: access\n  intake: {public: true}\n  rules:\n", "- key: access\n  review: true\n  intake: {public: true}\n  rules:\n  - {key: where, action: access, targets: [user.contact]}\n", 1), calendar)
		r := s.submit("access", "anna@example.com")
		at := "/api/v1/requests/" + r.ID + "/package"
		s.problem("before there is a package", s.get(at+"/rows"), http.StatusConflict)
		s.approve(r)
		s.await(r.ID, request.RequiresFinalization)

		look := func(query string) (page api.PackageRows) {
			t.Helper()
			got := s.get(at + "/rows?rule=all&" + query)
			if got.status != http.StatusOK {
				t.Fatalf("rows: %d %s", got.status, got.body)
			}
			s.must(json.Unmarshal([]byte(got.body), &page))
			return page
		}
		first := look("")
		if first.Address != "shop:customer" || len(first.Rows) != 1 || first.Rows[0].Values["phone"] != "+4930123" || len(first.Collections) < 2 {
			t.Fatalf("the first collection: %+v", first)
		}
		orders := look("address=shop:orders&limit=1")
		next := look("address=shop:orders&limit=1&cursor=" + orders.Next)
		street, other := orders.Rows[0].Values["street"], next.Rows[0].Values["total"]
		if street == "" || other == "" || next.Next != "" {
			t.Fatalf("the pages of orders: %+v, %+v", orders, next)
		}
		cells := func(address, row, field, reason string) string {
			return fmt.Sprintf(`{"rule":"all","address":%q,"cells":[{"row":%q,"field":%q}],"reason":%q}`, address, row, field, reason)
		}
		omit := func(body string) reply { return s.act(r.ID, "package/omissions", body) }
		for what, body := range map[string]string{
			"no such row": cells("shop:orders", first.Rows[0].ID, "street", "of_others"), "no such field": cells("shop:orders", "", "email", "of_others"),
			"no such collection": cells("shop:none", "", "", "of_others"), "no reason": cells("shop:orders", "", "street", "dislike"),
		} {
			s.problem(what, omit(body), http.StatusUnprocessableEntity)
		}
		for _, body := range []string{cells("shop:orders", orders.Rows[0].ID, "street", "of_others"), cells("shop:customer", "", "phone", "unsafe"), cells("shop:customer", "", "name", "secret")} {
			if got := omit(body); got.status != http.StatusNoContent {
				t.Fatalf("leave out: %d %s", got.status, got.body)
			}
		}
		if got := s.act(r.ID, "package/omissions/remove", `{"rule":"all","address":"shop:customer","cells":[{"field":"name"}]}`); got.status != http.StatusNoContent {
			t.Errorf("put back: %d %s", got.status, got.body)
		}
		if before := fmt.Sprint(s.unpacked(r.ID, "all", "where")); !strings.Contains(before, street) {
			t.Error("it was not in the package before")
		}
		if got := s.act(r.ID, "finish", ""); got.status != http.StatusOK {
			t.Fatalf("finish: %d %s", got.status, got.body)
		}
		done := s.await(r.ID, request.Complete)
		files := s.unpacked(r.ID, "all", "where")
		for name, text := range files {
			if strings.Contains(text, street) || strings.Contains(text, "4930123") {
				t.Errorf("%s holds what is left out", name)
			}
		}
		for name, part := range map[string]string{
			"all/data.json": other, "all/index.html": "Anna", "where/data.json": `{"left_out":"of_others"}`, "where/index.html": "whose rights come first", "all/csv/001.csv": "[left_out: unsafe]",
		} {
			if !strings.Contains(files[name], part) {
				t.Errorf("%s does not say %q:\n%s", name, part, files[name])
			}
		}
		s.world.equal("the report", done.Report.LeftOut, []api.Omitted{
			{Address: "shop:customer", Field: "phone", All: true, Reason: "unsafe"}, {Address: "shop:orders", Field: "street", Values: 1, Reason: "of_others"},
		})
		s.problem("left out after the look", omit(cells("shop:customer", "", "email", "secret")), http.StatusConflict)
		s.world.equal("acts on the package", s.actsOn("package/" + r.ID)[4:8], []string{"package.omit", "package.omit", "package.omit", "package.readmit"})
		acts := s.actsOn("request/" + r.ID)
		s.world.equal("the last acts", acts[len(acts)-2:], []string{"package.redact", "request.complete"})
	})
}
