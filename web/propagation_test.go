package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/auth"
)

// deliveriesAPI answers as the API does, and notes what it was asked.
type deliveriesAPI struct {
	matrix deliveryMatrix
	asked  []string
}

func (a *deliveriesAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer any = session{Operator: "o", Name: "Olga", Role: auth.Auditor, Scopes: auth.Auditor.Scopes()}
	if r.URL.Path != base+"/sessions/current" {
		a.asked = append(a.asked, r.URL.RequestURI())
		answer = a.matrix
	}
	if r.URL.Path == base+"/purposes" {
		answer = purposeList{Purposes: []namedPurpose{{Key: "news", Title: "Our newsletter"}}}
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}

// matrixOf is a page of so many changes at so many connections.
func matrixOf(changes, connections int) (m deliveryMatrix) {
	for i := range connections {
		m.Connections = append(m.Connections, deliveryColumn{Connection: fmt.Sprintf("c-%03d", i), System: []string{"crm", "", "ads"}[i%3]})
	}
	for i := range changes {
		r := deliveryRow{Record: fmt.Sprintf("r-%d", i), Purpose: "news", Choice: "granted", Systems: map[string]string{"crm": "error", "ads": "complete"}}
		for j, c := range m.Connections {
			r.Cells = append(r.Cells, deliveryCell{c.Connection, deliveryStatuses[(i+j)%7], "missing_identity"})
		}
		m.Items = append(m.Items, r)
	}
	return m
}

// open shows a page to an auditor.
func (a *deliveriesAPI) open(t testing.TB, path string) *httptest.ResponseRecorder {
	t.Helper()
	p := New(Config{API: a, PublicURL: "http://127.0.0.1", Log: slog.New(slog.DiscardHandler), Random: bytes.NewReader(make([]byte, 1<<20))}, Table())
	return shownBy(t, p, path)
}

func shownBy(t testing.TB, p *Pages, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: "vs_x"})
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w
}

func TestMatrixPageAsksOnceAndHandsItsFiltersOn(t *testing.T) { // W8
	a := &deliveriesAPI{matrix: matrixOf(2, 4)}
	a.matrix.Next = 7
	page := a.open(t, "/admin/propagation?system=crm&status=error&purpose=news&from=2026-11-01&until=2026-11-30&before=9").Body.String()
	want := []string{"/api/v1/deliveries/changes?before=9&from=2026-11-01T00%3A00%3A00Z&purpose=news&status=error&system=crm&until=2026-12-01T00%3A00%3A00Z", "/api/v1/purposes"}
	if !slices.Equal(a.asked, want) {
		t.Errorf("asked %v", a.asked)
	}
	for _, link := range []string{
		`href="/admin/propagation?before=7&amp;from=2026-11-01&amp;purpose=news&amp;status=error&amp;system=crm&amp;until=2026-11-30"`,
		`href="/admin/propagation?from=2026-11-01&amp;purpose=news&amp;status=error&amp;system=crm&amp;until=2026-11-30"`,
		`href="/admin/propagation/r-1/c-003"`, `aria-label="c-003: failed, the person is not known there"`,
	} {
		if !strings.Contains(page, link) {
			t.Errorf("the page lacks %s", link)
		}
	}
}

func TestPurposesHaveNamesInTheMatrixAndElseAreSeenToBeKeys(t *testing.T) { // W8
	a := &deliveriesAPI{matrix: matrixOf(2, 1)}
	a.matrix.Items[1].Purpose = "loyalty"
	page := a.open(t, "/admin/propagation?purpose=gone").Body.String()
	for _, want := range []string{">Our newsletter, agreed<", "><code>loyalty</code>, agreed<", `<option value="news">Our newsletter</option>`, "<option selected>gone</option>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestMatrixPutsEveryCellBelowItsConnection(t *testing.T) { // W8, C5
	found := matrixOf(3, 9)
	found.Items[1].Cells = found.Items[1].Cells[4:]                                                          // the first four began later
	found.Items[2].Cells = append(found.Items[2].Cells, deliveryCell{Connection: "gone", Status: "skipped"}) // by now it takes none
	m := matrixView{}
	m.arrange(found, loadTongues(loadAssets()).match("en"))
	var heads []string
	for _, c := range m.Columns {
		heads = append(heads, c.Key)
	}
	if want := "c-002 c-005 c-008 c-000 c-003 c-006 c-001 c-004 c-007 gone"; strings.Join(heads, " ") != want {
		t.Errorf("columns %v", heads)
	}
	for i, row := range m.Rows {
		shown := 0
		for j, mark := range row.Marks {
			if mark.Status == "" {
				continue
			}
			if shown++; mark.Connection != m.Columns[j].Key {
				t.Errorf("row %d has %s below %s", i, mark.Connection, m.Columns[j].Key)
			}
		}
		if shown != len(found.Items[i].Cells) {
			t.Errorf("row %d shows %d of %d", i, shown, len(found.Items[i].Cells))
		}
	}
	if !m.Columns[3].Begins || m.Columns[4].Begins || !m.Columns[6].Begins {
		t.Errorf("systems begin elsewhere: %+v", m.Columns)
	}
	by := matrixView{BySystem: true}
	by.arrange(found, loadTongues(loadAssets()).match("en"))
	if len(by.Columns) != 2 || by.Columns[0].System != "ads" || by.Rows[0].Marks[0].Status != "complete" || by.Rows[0].Marks[1].Status != "error" {
		t.Errorf("by system %+v %+v", by.Columns, by.Rows[0].Marks)
	}
}

// BenchmarkMatrixPage measures how long the pages need for 25 changes at 100
// connections, beside what the API needs.
func BenchmarkMatrixPage(b *testing.B) {
	a := &deliveriesAPI{matrix: matrixOf(25, 100)}
	p := New(Config{API: a, PublicURL: "http://127.0.0.1", Log: slog.New(slog.DiscardHandler), Random: zeros{}}, Table())
	for b.Loop() {
		b.ReportMetric(float64(shownBy(b, p, "/admin/propagation").Body.Len()), "bytes")
	}
}

// zeros is random enough for pages that nobody keeps.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
