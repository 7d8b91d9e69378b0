package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// valuesView is a part of a package with its values, to leave some out.
type valuesView struct {
	Request     string
	Rule        string // "" where there is one package
	Address     string `json:"address"`
	Rows        []valueRow
	Next        string
	Collections []struct {
		Address string `json:"address"`
		Rows    int64  `json:"rows"`
	}
	Omitted []omission
	Reasons []string
	Cursor  string
	Done    string // the key of the words for what was done
}

type valueRow struct {
	ID     string            `json:"id"`
	Values map[string]string `json:"values"`
}

// omission is a value that is left out, or what is wider than one.
type omission struct {
	Rule    string `json:"rule"`
	Address string `json:"address"`
	Row     string `json:"row"`
	Field   string `json:"field"`
	Reason  string `json:"reason"`
}

// Cell is what a form sends of it.
func (o omission) Cell() string { return o.Row + " " + o.Field }

// Fields are the columns: of all rows that are shown.
func (d valuesView) Fields() (all []string) {
	for _, row := range d.Rows {
		for field := range row.Values {
			all = append(all, field)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Left gives what leaves a value out; row is "" for the field in all rows.
func (d valuesView) Left(row, field string) *omission {
	for i, o := range d.Omitted {
		if o.Address == d.Address && (o.Row == "" || o.Row == row) && (o.Field == "" || o.Field == field) {
			return &d.Omitted[i]
		}
	}
	return nil
}

// omissionReasons are those of the API, in the order in which they are offered.
var omissionReasons = []string{"of_others", "secret", "privileged", "unsafe"}

// showValues shows rows of a package with their values. The API has it in the audit log
// before; so it takes a form.
func showValues(v *visit) error { return v.values(http.StatusOK, "", nil) }

func (v *visit) values(status int, done string, f *form) error {
	id := url.PathEscape(v.r.PathValue("id"))
	at := "/requests/" + id + "/package"
	d := valuesView{Request: v.r.PathValue("id"), Rule: v.value("rule"), Cursor: v.value("cursor"), Reasons: omissionReasons, Done: done}
	v.here = "/admin/requests/" + id
	query := url.Values{}
	for _, name := range []string{"rule", "address", "cursor"} {
		if value := v.value(name); value != "" {
			query.Set(name, value)
		}
	}
	err := v.get(at+"/rows?"+query.Encode(), &d)
	if is(err, http.StatusConflict) {
		f, status, _ := v.mistaken(err, nil)
		return v.detail(status, "values", f)
	}
	if err != nil {
		return err
	}
	var left struct{ Items []omission }
	if err := v.get(at+"/omissions", &left); err != nil {
		return err
	}
	d.Omitted = left.Items
	return v.show(status, "admin/values", d, f)
}

// leaveOut leaves out what is ticked.
func leaveOut(v *visit) error {
	if len(v.r.PostForm["cell"]) == 0 {
		return v.values(http.StatusUnprocessableEntity, "", v.lacking("cell", "values.nothing"))
	}
	if v.value("reason") == "" {
		return v.values(http.StatusUnprocessableEntity, "", v.lacking("reason", "values.no_reason"))
	}
	return v.omit("", v.r.PostForm["cell"], map[string]any{"reason": v.value("reason")}, "values.left")
}

// putBack puts back one thing that was left out.
func putBack(v *visit) error {
	return v.omit("/remove", v.r.PostForm["back"], map[string]any{}, "values.back")
}

func (v *visit) omit(does string, chosen []string, body map[string]any, done string) error {
	cells := []map[string]string{}
	for _, one := range chosen {
		row, field, _ := strings.Cut(one, " ")
		cells = append(cells, map[string]string{"row": row, "field": field})
	}
	body["rule"], body["address"], body["cells"] = v.value("rule"), v.value("address"), cells
	err := v.post("/requests/"+url.PathEscape(v.r.PathValue("id"))+"/package/omissions"+does, body, nil)
	if err == nil {
		return v.values(http.StatusOK, done, nil)
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.values(status, "", f)
}
