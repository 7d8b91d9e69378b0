package web

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/chromiumtest"
	"volenti.dev/volenti/request"
)

// wideAPI answers as the API does about a request with so many collections, in datasets
// of 50. Each collection is read after the one before it, the tenth has failed, and the
// log has a line with many calls.
type wideAPI struct{ collections int }

func (a wideAPI) at(i int) string { return fmt.Sprintf("ds-%02d:c%d", i/50, i) }

func (a wideAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	detail := privacyRequest{ID: "r", Policy: "access", Status: request.Errored, PlanHash: "h"}
	var p plan
	for i := range a.collections {
		n := node{Address: a.at(i), FieldsReturned: []string{"email"}, Returned: map[string][]string{"all": {"email"}}}
		c := collection{Address: n.Address, Action: "access", Status: "complete", RowsRead: 1}
		if i > 0 {
			n.Upstream = []string{a.at(i - 1)}
		}
		if i == 9 {
			c.Status, c.Message = "error", "it does not answer"
		}
		p.Nodes, detail.Report.Collections = append(p.Nodes, n), append(detail.Report.Collections, c)
	}
	var calls []called
	for i := range 50 {
		calls = append(calls, called{Call: fmt.Sprintf("GET /v1/contacts/%d/{id}", i), Status: 200 + i/49*300, Times: 10, Attempts: 2, Seconds: 0.25})
	}
	answer := map[string]any{
		base + "/sessions/current":         session{Operator: "o", Name: "Olga", Role: auth.Owner, Scopes: auth.Owner.Scopes()},
		base + "/requests/r":               detail,
		base + "/requests/r/plan":          p,
		base + "/requests/r/log":           logPage{Items: []logLine{{Sequence: 7, Address: a.at(0), Action: "access", Status: "complete", Calls: calls}}},
		base + "/requests/r/letters":       letterList{},
		base + "/requests/r/tasks":         taskPage{},
		base + "/requests/r/instructions":  instructionList{},
		base + "/requests/r/package/links": linkList{},
	}[r.URL.Path]
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}

// serve serves its pages to somebody who is signed in.
func (a wideAPI) serve(t *testing.T) string {
	t.Helper()
	p := New(Config{API: a, PublicURL: "http://127.0.0.1", Log: slog.New(slog.DiscardHandler), Random: zeros{}}, Table())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: "vs_x"})
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/admin/requests/r"
}

func TestGraphOfManyCollectionsIsDrawnBySystems(t *testing.T) { // W3, H16
	few, many := wideAPI{drawn}.serve(t), wideAPI{1000}.serve(t)
	b := chromiumtest.StartScripted(t)
	count := func(what string) int {
		t.Helper()
		return chromiumtest.Evaluate[int](b, `document.querySelectorAll("`+what+`").length`)
	}
	const boxes, rows = "#drawing a", "#vertices tbody > tr"
	b.Screen(1280, "light")
	b.Open(few)
	if got := count(boxes); got != drawn || count(rows) != drawn {
		t.Errorf("of %d collections %d are drawn beside %d rows", drawn, got, count(rows))
	}
	b.Picture("graph-few")
	b.Open(many)
	if got := count(boxes); got != 20 || count(rows) != tableRows {
		t.Errorf("of 1000 collections in 20 systems %d boxes are drawn beside %d rows", got, count(rows))
	}
	b.Window("graph-many")
	if text := b.Text(); !strings.Contains(text, "200 of 1,000") {
		t.Errorf("the page does not say how many it shows:\n%.3000s", text)
	}
	for address, want := range map[string]int{"?in=ds-03": 50, "?in=ds-00&state=stop": 1, "?in=none": 20} { // the last are the systems again
		b.Open(many + address)
		if got := count(boxes); got != want {
			t.Errorf("%s: %d boxes are drawn, not %d", address, got, want)
		}
	}
	b.Open(many + "?in=ds-00&state=stop")
	if got := chromiumtest.Evaluate[string](b, `document.querySelector("#drawing .state").textContent`); got != "✕ failed" {
		t.Errorf("without its colour what has failed is %q", got)
	}
	b.Touch("Calls to the vendor: 500 some failed")
	b.Window("calls")
	b.Screen(320, "light")
	if wider := b.Overflow(); wider > 0 {
		t.Errorf("the page is %d pixels wider than a narrow screen", wider)
	}
	b.Open(few)
	for _, finding := range b.Findings(chromiumtest.Axe(t), chromiumtest.Rules()...) {
		t.Error(finding)
	}
}
