package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"volenti.dev/volenti/auth"
)

// propagationPages are about what became of people's choices at connections.
func propagationPages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/admin/propagation", Scope: auth.ReadDeliveries, Does: "Show what became of choices at connections, as a matrix", Act: showMatrix},
		{Method: http.MethodGet, Path: "/admin/propagation/connections", Scope: auth.ReadDeliveries, Does: "Show how the connections and systems stand that take choices", Act: showLanes},
		{Method: http.MethodPost, Path: "/admin/propagation/connections/{key}/retry", Scope: auth.RetryDeliveries, Does: "Send again what failed at a connection", Act: retryFailed},
		{Method: http.MethodGet, Path: "/admin/propagation/{record}", Scope: auth.ReadDeliveries, Does: "Show what became of a choice everywhere", Act: showChange},
		{Method: http.MethodGet, Path: "/admin/propagation/{record}/{connection}", Scope: auth.ReadDeliveries, Does: "Show what became of a choice at a connection, with its attempts", Act: showDelivery},
		{Method: http.MethodPost, Path: "/admin/propagation/{record}/{connection}/retry", Scope: auth.RetryDeliveries, Does: "Send a choice to a connection again", Act: retryDelivery},
	}
}

// What the API tells of deliveries.
type (
	deliveryMatrix struct {
		Connections []deliveryColumn `json:"connections"`
		Items       []deliveryRow    `json:"items"`
		Next        int64            `json:"next"`
	}
	deliveryColumn struct {
		Connection string     `json:"connection"`
		System     string     `json:"system"`
		Status     string     `json:"status"`
		Statuses   []string   `json:"statuses"`
		Failing    int64      `json:"failing"`
		Quiet      *time.Time `json:"quiet_until"`
		Barred     string     `json:"barred"`
		Why        string     `json:"why"`
		Mend       string     `json:"mend"`
	}
	deliveryRow struct {
		Record   string            `json:"record"`
		Sequence int64             `json:"sequence"`
		Purpose  string            `json:"purpose"`
		Choice   string            `json:"choice"`
		Recorded time.Time         `json:"recorded_at"`
		Cells    []deliveryCell    `json:"cells"`
		Systems  map[string]string `json:"systems"`
	}
	deliveryCell struct {
		Connection string `json:"connection"`
		Status     string `json:"status"`
		Reason     string `json:"reason"`
	}
	delivery struct {
		deliveryCell
		Record   string            `json:"record"`
		Subject  string            `json:"subject"`
		Purpose  string            `json:"purpose"`
		Choice   string            `json:"choice"`
		Recorded time.Time         `json:"recorded_at"`
		System   string            `json:"system"`
		Why      string            `json:"why"`
		Mend     string            `json:"mend"`
		Attempts int64             `json:"attempts"`
		Due      *time.Time        `json:"due"`
		Updated  time.Time         `json:"updated_at"`
		Log      []deliveryAttempt `json:"log"`
	}
	deliveryAttempt struct {
		Number  int64          `json:"attempt"`
		At      time.Time      `json:"at"`
		Millis  int64          `json:"took_ms"`
		Status  string         `json:"status"`
		Why     string         `json:"why"`
		Message string         `json:"message"`
		Key     string         `json:"idempotency_key"`
		Repeats bool           `json:"repeats"`
		Sent    []sentIdentity `json:"sent"`
		Calls   []outgoing     `json:"calls"`
	}
	sentIdentity struct {
		Type string `json:"type"`
	}
	outgoing struct {
		Name    string `json:"name"`
		Outcome string `json:"outcome"`
		Reason  string `json:"reason"`
	}
	choiceChange struct {
		Record     string            `json:"record"`
		Purpose    string            `json:"purpose"`
		Choice     string            `json:"choice"`
		Recorded   time.Time         `json:"recorded_at"`
		Systems    map[string]string `json:"systems"`
		Legacy     map[string]string `json:"legacy"`
		Deliveries []delivery        `json:"deliveries"`
	}
)

// severity is the order of statuses for who looks at several, the worst first.
var severity = []string{"error", "pending", "sending", "partial", "complete", "superseded", "skipped"}

// deliveryStatuses are those to filter by, in the order in which a delivery goes.
var deliveryStatuses = []string{"pending", "sending", "complete", "partial", "error", "skipped", "superseded"}

// signOf is what a cell of the matrix shows. What it means is said beside it to who does
// not see it.
func signOf(status string) string {
	return map[string]string{"pending": "…", "sending": "→", "complete": "✓", "partial": "◐", "error": "✕", "skipped": "–", "superseded": "»"}[status]
}

// movingKind groups statuses of deliveries by what they ask of the operator.
func movingKind(status string) string {
	switch status {
	case "complete":
		return "done"
	case "sending":
		return "work"
	case "error", "partial":
		return "stop"
	case "pending":
		return "wait"
	default:
		return "over"
	}
}

// matrixView is a page of the matrix and how it was narrowed.
type matrixView struct {
	Connection, System, Status, Purpose, From, Until string

	purposeList
	BySystem bool // its columns are systems
	All      []deliveryColumn
	Columns  []matrixColumn
	Rows     []matrixRow
	Pages    pages
	Tabs     []tab
	Narrowed bool
	Again    string // where its newest changes are asked for again; "" on further pages
}

// matrixColumn is a connection, or a system.
type matrixColumn struct {
	Key    string
	System string
	Begins bool // it is the first of its system
	Gone   bool // the connection takes no choices any more
}

// matrixRow is a change; its cells are those of the columns, empty where there is none.
type matrixRow struct {
	deliveryRow
	Marks []mark
}

// mark is a cell as it is shown. It is made of whole words here: there are thousands.
type mark struct {
	deliveryCell
	Class string
	Path  string
	Says  string
	Of    string // the connection or system, where no head is above it
	ID    string // it keeps the focus when the page renews itself
}

// fewColumns are so many that each has room for words.
const fewColumns = 6

// Few says whether cells have room for words.
func (m matrixView) Few() bool { return len(m.Columns) <= fewColumns }

// Statuses are those to filter by.
func (matrixView) Statuses() []string { return deliveryStatuses }

// Systems are those to filter by.
func (m matrixView) Systems() (all []string) {
	for _, c := range m.All {
		if c.System != "" && !slices.Contains(all, c.System) {
			all = append(all, c.System)
		}
	}
	slices.Sort(all)
	return all
}

// matrixFilters are the parameters of the page that are the API's too.
var matrixFilters = []string{"connection", "system", "status", "purpose", "before"}

func showMatrix(v *visit) error {
	asked, given := url.Values{}, v.r.URL.Query()
	for _, name := range matrixFilters {
		if value := strings.TrimSpace(given.Get(name)); value != "" {
			asked.Set(name, value)
		}
	}
	m := matrixView{
		Connection: asked.Get("connection"), System: asked.Get("system"), Status: asked.Get("status"), Purpose: asked.Get("purpose"),
		From: given.Get("from"), Until: given.Get("until"), BySystem: given.Get("by") == "system", Tabs: propagationTabs(0),
	}
	for name, day := range map[string]string{"from": m.From, "until": m.Until} {
		if at, err := time.Parse(time.DateOnly, day); err == nil {
			if name == "until" { // the whole day
				at = at.AddDate(0, 0, 1)
			}
			asked.Set(name, at.Format(time.RFC3339))
		}
	}
	var found deliveryMatrix
	err := v.get("/deliveries/changes?"+asked.Encode(), &found)
	if is(err, http.StatusUnprocessableEntity) { // a filter that nothing can match
		found, err = deliveryMatrix{}, nil
	}
	if err != nil {
		return err
	}
	if !asked.Has("before") {
		again, same, err := v.renewal(found)
		if same || err != nil {
			return err
		}
		m.Again = again
	}
	if m.purposeList, err = v.purposes(); err != nil {
		return err
	}
	m.All = found.Connections
	m.arrange(found, v.language)
	here := v.r.URL.Query()
	here.Del("before")
	here.Del("seen")
	m.Narrowed = m.Connection+m.System+m.Status+m.Purpose+m.From+m.Until != ""
	if asked.Has("before") {
		m.Pages.First = "/admin/propagation?" + here.Encode()
	}
	if found.Next > 0 {
		here.Set("before", strconv.FormatInt(found.Next, 10))
		m.Pages.Next = "/admin/propagation?" + here.Encode()
	}
	return v.show(http.StatusOK, "admin/propagation", m, nil)
}

// propagationTabs are the pages about propagation, of which one is shown.
func propagationTabs(here int) []tab {
	all := []tab{{Path: "/admin/propagation", Word: "propagation.changes"}, {Path: "/admin/propagation/connections", Word: "propagation.lanes"}}
	all[here].Here = true
	return all
}

// arrange lays out what was found: a column for each connection that is meant or has
// a cell, by system, or for each system.
func (m *matrixView) arrange(found deliveryMatrix, l *tongue) {
	for _, c := range found.Connections {
		if (m.Connection == "" || c.Connection == m.Connection) && (m.System == "" || c.System == m.System) {
			m.add(matrixColumn{Key: c.Connection, System: c.System})
		}
	}
	for _, r := range found.Items {
		for _, c := range r.Cells {
			m.add(matrixColumn{Key: c.Connection, Gone: true})
		}
		for system := range r.Systems {
			m.add(matrixColumn{System: system, Gone: true})
		}
	}
	slices.SortStableFunc(m.Columns, func(a, b matrixColumn) int {
		return cmp.Or(compareLast(a.System, b.System), cmp.Compare(a.Key, b.Key))
	})
	at := map[string]int{}
	for i, c := range m.Columns {
		m.Columns[i].Begins = i > 0 && !m.BySystem && c.System != m.Columns[i-1].System
		at[cmp.Or(c.Key, c.System)] = i
	}
	for _, r := range found.Items {
		row := matrixRow{r, make([]mark, len(m.Columns))}
		if m.BySystem {
			for system, status := range r.Systems {
				row.Marks[at[system]].deliveryCell = deliveryCell{Status: status}
			}
		} else {
			for _, c := range r.Cells {
				row.Marks[at[c.Connection]].deliveryCell = c
			}
		}
		for i := range row.Marks {
			row.Marks[i].finish(r, i, m.Columns[i], l)
		}
		m.Rows = append(m.Rows, row)
	}
}

func (k *mark) finish(of deliveryRow, at int, below matrixColumn, l *tongue) {
	if below.Begins {
		k.Class = "begins"
	}
	if k.Status == "error" || k.Status == "partial" {
		k.Class = strings.TrimSpace(k.Class + " bad")
	}
	k.Of, k.ID = cmp.Or(below.Key, below.System), fmt.Sprintf("%d-%d", of.Sequence, at)
	k.Path, k.Says = "/admin/propagation/"+of.Record, l.name("delivery", k.Status)
	if k.Connection != "" {
		k.Path += "/" + k.Connection
	}
	if k.Reason != "" {
		k.Says += ", " + l.name("reason", k.Reason)
	}
}

// add adds a column that is not there yet, of the kind that is shown.
func (m *matrixView) add(c matrixColumn) {
	if m.BySystem {
		c.Key = ""
	} else if c.Key == "" {
		return
	}
	known := func(o matrixColumn) bool { return o.Key == c.Key && (o.System == c.System || c.Key != "") }
	if (c.Key != "" || c.System != "") && !slices.ContainsFunc(m.Columns, known) {
		m.Columns = append(m.Columns, c)
	}
}

// compareLast has "" behind all others.
func compareLast(a, b string) int {
	if (a == "") != (b == "") {
		return cmp.Compare(b, a)
	}
	return cmp.Compare(a, b)
}

// lanesView is how connections stand.
type lanesView struct {
	purposeList
	Failing bool   // only those that fail
	Again   string // where it is asked for again; "" after something was done
	Columns []deliveryColumn
	Systems []systemStands
	Tabs    []tab
	Done    *retried
	Key     string // of the connection that something was done with
	form    *form
}

type systemStands struct{ Key, Status string }

// retried is what came of sending again.
type retried struct {
	Retried int64            `json:"retried"`
	Left    map[string]int64 `json:"left"`
	Next    int64            `json:"next"`
}

// Failed says whether something can be sent again.
func (c deliveryColumn) Failed() bool {
	return slices.Contains(c.Statuses, "error") || slices.Contains(c.Statuses, "partial")
}

func showLanes(v *visit) error { return v.lanes(http.StatusOK, lanesView{}) }

func (v *visit) lanes(status int, l lanesView) error {
	v.here = "/admin/propagation/connections"
	asked := "/deliveries/changes?limit=1"
	if l.Failing = v.r.URL.Query().Get("failing") != ""; l.Failing {
		asked += "&failing=true"
	}
	var m deliveryMatrix
	if err := v.get(asked, &m); err != nil {
		return err
	}
	l.Columns, l.Tabs = m.Connections, propagationTabs(1)
	if v.r.Method == http.MethodGet {
		again, same, err := v.renewal(m.Connections)
		if same || err != nil {
			return err
		}
		l.Again = again
	}
	var err error
	if l.purposeList, err = v.purposes(); err != nil {
		return err
	}
	worst := map[string]string{}
	for _, c := range l.Columns {
		before, known := worst[c.System]
		if c.System != "" && len(c.Statuses) > 0 && (!known || slices.Index(severity, c.Status) < slices.Index(severity, before)) {
			worst[c.System] = c.Status
		}
	}
	for key, status := range worst {
		l.Systems = append(l.Systems, systemStands{key, status})
	}
	slices.SortFunc(l.Systems, func(a, b systemStands) int { return cmp.Compare(a.Key, b.Key) })
	return v.show(status, "admin/propagation-connections", l, l.form)
}

func retryFailed(v *visit) error {
	l := lanesView{Key: v.r.PathValue("key"), Done: &retried{}}
	err := v.post("/deliveries/retry", map[string]any{"connection": l.Key, "statuses": []string{"error", "partial"}}, l.Done)
	if err == nil {
		return v.lanes(http.StatusOK, l)
	}
	l.Done = nil
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	l.form = f
	return v.lanes(status, l)
}

func showChange(v *visit) error {
	var c choiceChange
	if err := v.get("/deliveries/changes/"+url.PathEscape(v.r.PathValue("record")), &c); err != nil {
		return noSuch(err, "path.record")
	}
	view := changeView{choiceChange: c}
	if slices.ContainsFunc(c.Deliveries, func(d delivery) bool { return d.moves() }) {
		again, same, err := v.renewal(c)
		if same || err != nil {
			return err
		}
		view.Again = again
	}
	var err error
	if view.purposeList, err = v.purposes(); err != nil {
		return err
	}
	return v.show(http.StatusOK, "admin/propagation-change", view, nil)
}

// changeView is what became of a choice everywhere.
type changeView struct {
	choiceChange
	purposeList
	Again string // where it is asked for again, while something moves
}

// moves says whether something will become of it by itself.
func (d delivery) moves() bool { return d.Status == "pending" || d.Status == "sending" }

// noSuch makes an id that is none one that nothing has.
func noSuch(err error, where string) error {
	if is(err, http.StatusUnprocessableEntity) && slices.ContainsFunc(of(err).Errors, func(e violation) bool { return e.Where == where }) {
		return notFound
	}
	return err
}

// deliveryView is a delivery, and why it is as it is.
type deliveryView struct {
	delivery
	purposeList
	Again string // where it is asked for again, while it moves
	Case  struct {
		Why      string            `json:"why"`
		Mend     string            `json:"mend"`
		Delivery *delivery         `json:"delivery"`
		Earlier  []earlierDelivery `json:"earlier"`
	}
}

type earlierDelivery struct {
	Record     string `json:"record"`
	Choice     string `json:"choice"`
	Status     string `json:"status"`
	Reason     string `json:"reason"`
	Superseded string `json:"superseded_by"`
}

// Newer is the record of the newest choice of the person about the purpose, where that
// is another one; "" where it is not.
func (d deliveryView) Newer() string {
	if d.Case.Delivery == nil || d.Case.Delivery.Record == d.Record {
		return ""
	}
	return d.Case.Delivery.Record
}

// Repeatable says whether it can be sent again.
func (d deliveryView) Repeatable() bool {
	return slices.Contains([]string{"error", "partial", "skipped"}, d.Status)
}

func showDelivery(v *visit) error { return v.delivery(http.StatusOK, nil) }

func (v *visit) delivery(status int, f *form) error {
	at := url.PathEscape(v.r.PathValue("record")) + "/" + url.PathEscape(v.r.PathValue("connection"))
	v.here = "/admin/propagation/" + at
	var d deliveryView
	if err := v.get("/deliveries/changes/"+at, &d.delivery); err != nil {
		return noSuch(err, "path.record")
	}
	var why struct {
		Connections []struct {
			Why      string            `json:"why"`
			Mend     string            `json:"mend"`
			Delivery *delivery         `json:"delivery"`
			Earlier  []earlierDelivery `json:"earlier"`
		} `json:"connections"`
	}
	question := map[string]string{"subject": d.Subject, "purpose": d.Purpose, "connection": d.Connection}
	if err := v.post("/deliveries/explain", question, &why); err != nil {
		return err
	}
	for _, c := range why.Connections {
		d.Case = c
	}
	if d.moves() && v.r.Method == http.MethodGet {
		again, same, err := v.renewal(d)
		if same || err != nil {
			return err
		}
		d.Again = again
	}
	var err error
	if d.purposeList, err = v.purposes(); err != nil {
		return err
	}
	return v.show(status, "admin/propagation-delivery", d, f)
}

func retryDelivery(v *visit) error {
	record, connection := v.r.PathValue("record"), v.r.PathValue("connection")
	err := v.post("/deliveries/retry", map[string]any{"connection": connection, "record": record}, nil)
	if err == nil {
		return v.redirect("/admin/propagation/" + url.PathEscape(record) + "/" + url.PathEscape(connection))
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.delivery(status, f)
}
