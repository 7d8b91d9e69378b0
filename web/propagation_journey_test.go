package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/chromiumtest"
)

// ledger answers as the API does about many changes at many connections. Change n is
// that with the sequence n, and failed at the connection n modulo their number.
type ledger struct {
	connections int

	mu      sync.Mutex
	changes int64
	asked   map[string]int // by path and query
}

func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, base)
	l.asked[strings.TrimPrefix(r.URL.RequestURI(), base)]++
	var answer any
	switch {
	case path == "/sessions/current":
		answer = session{Operator: "o", Name: "Olga", Role: auth.Auditor, Scopes: auth.Auditor.Scopes()}
	case path == "/deliveries/changes":
		answer = l.page(r.URL.Query().Get)
	case path == "/purposes":
		answer = purposeList{}
	case path == "/deliveries/explain":
		answer = map[string]any{"connections": []any{}}
	default:
		parts := strings.Split(path, "/")
		d := delivery{Record: parts[3], Purpose: "news", Choice: "granted"}
		d.Connection, d.Status, d.Log = parts[4], "error", []deliveryAttempt{{Number: 1, Status: "error", Message: "it answered with status 422"}}
		answer = d
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}

// page is a page of the matrix, with at most 25 changes.
func (l *ledger) page(asked func(string) string) (m deliveryMatrix) {
	for i := range l.connections {
		m.Connections = append(m.Connections, deliveryColumn{Connection: fmt.Sprintf("c-%03d", i), System: fmt.Sprintf("s-%02d", i/10)})
	}
	from := l.changes
	if before, err := strconv.ParseInt(asked("before"), 10, 64); err == nil {
		from = before - 1
	}
	for n := from; n > 0; n-- {
		if len(m.Items) == 25 {
			m.Next = n + 1
			break
		}
		row := deliveryRow{Record: fmt.Sprintf("r-%d", n), Sequence: n, Purpose: "news", Choice: "granted"}
		failed := false
		for i, c := range m.Connections {
			if asked("connection") != "" && asked("connection") != c.Connection {
				continue
			}
			cell := deliveryCell{Connection: c.Connection, Status: "complete"}
			if int(n)%l.connections == i {
				cell.Status, cell.Reason, failed = "error", "vendor_refused", true
			}
			row.Cells = append(row.Cells, cell)
		}
		if asked("status") != "error" || failed {
			m.Items = append(m.Items, row)
		}
	}
	return m
}

// count gives how often this was asked for.
func (l *ledger) count(uri string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked[uri]
}

// A hundred connections and ten thousand changes cost what a page of them costs, however
// it is looked at, and a page that renews itself leaves alone who works with it.
func TestMatrixOfTenThousandChangesStaysAPageInABrowser(t *testing.T) { // W8, W18
	l := &ledger{connections: 100, changes: 10_000, asked: map[string]int{}}
	server := httptest.NewUnstartedServer(nil)
	at := "http://" + server.Listener.Addr().String()
	server.Config.Handler = New(Config{API: l, PublicURL: at, Log: slog.New(slog.DiscardHandler), Random: bytes.NewReader(make([]byte, 1<<20))}, Table())
	server.Start()
	t.Cleanup(server.Close)
	b := chromiumtest.StartScripted(t)
	b.Open(at + "/sign-in")
	chromiumtest.Evaluate[string](b, `document.cookie = "`+sessionCookie+`=vs_x; path=/"`)

	const newest = "/deliveries/changes?"
	const mostNodes = 25*(100*2+8) + 1000 // a cell and its link, a head, and the frame around
	open := func(what string, most int, asks string, do func()) {
		t.Helper()
		before := l.count(asks)
		do()
		if nodes := chromiumtest.Evaluate[int](b, `document.getElementsByTagName("*").length`); nodes > most {
			t.Errorf("%s has %d nodes, more than %d", what, nodes, most)
		}
		if asked := l.count(asks) - before; asked != 1 {
			t.Errorf("%s asks for changes %d times", what, asked)
		}
	}
	marks := func() int { return chromiumtest.Evaluate[int](b, `document.querySelectorAll("td .mark").length`) }
	open("the first page", mostNodes, newest, func() { b.Open(at + "/admin/propagation") })
	if n := marks(); n != 25*100 {
		t.Errorf("it shows %d cells", n)
	}
	b.Screen(320, "light")
	if wider := b.Overflow(); wider > 0 {
		t.Errorf("a narrow page is %d pixels wider than the screen", wider)
	}
	if shown := b.Text(); !strings.Contains(shown, "news, agreed") {
		t.Errorf("a narrow page shows %s", shown)
	}
	b.Screen(1280, "light")
	open("the next page", mostNodes, newest+"before=9976", func() { b.Press("Further entries") })
	open("the last page", mostNodes, newest+"before=26", func() { b.Open(at + "/admin/propagation?before=26") })
	if chromiumtest.Evaluate[bool](b, `!!document.querySelector("[rel=next], #live[hx-get]")`) {
		t.Error("the last page leads on, or renews itself")
	}
	open("a filter", 1000, newest+"connection=c-007&status=error", func() { b.Open(at + "/admin/propagation?connection=c-007&status=error") })
	if n := marks(); n != 25 {
		t.Errorf("a filter shows %d cells", n)
	}
	b.Open(at + chromiumtest.Evaluate[string](b, `document.querySelector("td .mark").getAttribute("href")`))
	if text := b.Text(); !strings.Contains(text, "It answered with status 422") || b.Path() != "/admin/propagation/r-9907/c-007" {
		t.Errorf("the cell leads to %s:\n%s", b.Path(), text)
	}

	// What is typed and where the focus is stays, and nothing is touched that is as it was.
	b.Open(at + "/admin/propagation")
	b.Await(`!!window.htmx`)
	chromiumtest.Evaluate[bool](b, `document.getElementById("filter-purpose").value = "typed"; document.getElementById("live").own = true; document.getElementById("9998-98").focus(); document.querySelector(".matrix").scrollLeft = 700; true`)
	polled := l.count(newest)
	await := func(what string, holds func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !holds(); {
			if time.Now().After(end) {
				t.Fatalf("%s: it never comes", what)
			}
			<-time.After(50 * time.Millisecond)
		}
	}
	await("the page asks again", func() bool { return l.count(newest) > polled+1 })
	if !chromiumtest.Evaluate[bool](b, `!!document.getElementById("live").own`) {
		t.Error("the table was replaced by the same one")
	}
	l.mu.Lock()
	l.changes++
	l.mu.Unlock()
	b.Await(`!!document.getElementById("10001")`)
	if kept := chromiumtest.Evaluate[string](b, `[document.activeElement.id, document.getElementById("filter-purpose").value, document.querySelector(".matrix").scrollLeft].join(" ")`); kept != "9998-98 typed 700" {
		t.Errorf("after a new change the page has %q", kept)
	}
	for _, complaint := range b.Complaints() {
		t.Errorf("the console says: %s", complaint)
	}
}
