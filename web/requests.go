package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
)

// start is the list of requests.
const start = "/admin/requests"

// identities are what a person can be known by, in the order of the form.
var identities = []string{"email", "phone_number", "external_id"}

func newRequest(v *visit) error {
	return v.showNew(http.StatusOK, nil)
}

// showNew shows the form of a request that an operator submits, with the policies
// that there are.
func (v *visit) showNew(status int, f *form) error {
	var list policyList
	if err := v.get("/policies", &list); err != nil {
		return err
	}
	return v.show(status, "admin/new", list.Policies, f)
}

func submitRequest(v *visit) error {
	v.here = v.r.URL.Path
	type identity struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	known, fields := []identity{}, map[string]string{"identities": identities[0]}
	for _, name := range identities {
		if value := v.value(name); value != "" {
			fields["identities["+strconv.Itoa(len(known))+"].value"] = name
			fields["identities["+strconv.Itoa(len(known))+"]"] = name
			known = append(known, identity{name, value})
		}
	}
	if len(known) == 0 {
		return v.showNew(http.StatusUnprocessableEntity, v.lacking(identities[0], "new.nobody"))
	}
	var made privacyRequest
	err := v.post("/requests", map[string]any{"policy": v.value("policy"), "identities": known, "note": v.value("note")}, &made)
	if err == nil {
		return v.redirect("/admin/requests/" + made.ID)
	}
	f, status, err := v.mistaken(err, fields)
	if err != nil {
		return err
	}
	return v.showNew(status, f)
}

// detailView is a request with all that is known of it.
type detailView struct {
	privacyRequest
	policyList
	Plan         plan
	Letters      []letter
	Tasks        []task
	Instructions []instruction
	Links        []link
	Person       *person // only once it was asked for
	Talk         *talk   // only once it was asked for
	Log          []logLine
	Cut          bool // the log is longer than what is shown
	Graph        graphView
	Glimpses     []glimpse // into the package, only once they were asked for
	Seen         string    // the state that is shown, while it may become another one
	Stopped      []collection
	Rules        []string // of access, each with a package
	doing        string   // the form that was sent
	form         *form
	session      *session
}

// FormOf gives the form of one of the things that can be done.
func (d detailView) FormOf(does string) *form {
	if does == d.doing {
		return d.form
	}
	return blank(nil)
}

// May says whether something can be done with the request now, by this
// operator.
func (d detailView) May(scope auth.Scope, e request.Event) bool {
	_, err := d.Status.Next(e)
	rests := d.Status != request.InProcessing || len(d.waiting()) > 0
	return err == nil && d.session.May(scope) && (rests || e != request.Skip && e != request.Finalise)
}

// waiting lists the collections that wait for their systems.
func (d detailView) waiting() (all []string) {
	for _, c := range d.Report.Collections {
		if c.Waits != nil && !slices.Contains(all, c.Address) {
			all = append(all, c.Address)
		}
	}
	return all
}

// Passable says whether a collection can be left out now.
func (d detailView) Passable(v vertex) bool {
	return !v.Over() && d.May(auth.OperateRequests, request.Skip) && slices.Contains(d.Skippable(), v.Address)
}

// Clock says whether this operator may change by when the request is due.
func (d detailView) Clock() bool {
	return d.Law != "" && !d.Status.Terminal() && d.session.May(auth.OperateRequests)
}

// Looked says whether the request waits for this operator's last look.
func (d detailView) Looked() bool {
	return d.Waits() && d.session.May(auth.OperateRequests)
}

// Waits says whether the request waits for somebody's last look.
func (d detailView) Waits() bool { return d.Status == request.RequiresFinalization }

// Begun says whether anything was done in any collection.
func (d detailView) Begun() bool {
	return slices.ContainsFunc(d.Report.Collections, func(c collection) bool { return c.Status != string(request.Pending) })
}

// Acts says whether anything can be done with it.
func (d detailView) Acts() bool {
	if d.Clock() || d.Looked() {
		return true
	}
	for scope, events := range acts {
		for _, e := range events {
			if d.May(scope, e) {
				return true
			}
		}
	}
	return false
}

// acts are what operators do with requests, by the scope that it takes.
var acts = map[auth.Scope][]request.Event{
	auth.ApproveRequests: {request.Approve, request.Deny},
	auth.WriteRequests:   {request.Cancel, request.Verify},
	auth.OperateRequests: {request.Retry, request.Skip, request.Finalise},
}

// Whole is the form that was sent, whichever it was.
func (d detailView) Whole() *form { return d.form }

// Skippable lists the collections of the plan, those that have stopped first; while the
// request is carried out those that wait.
func (d detailView) Skippable() (all []string) {
	if d.Status == request.InProcessing {
		return d.waiting()
	}
	for _, c := range d.Stopped {
		all = append(all, c.Address)
	}
	for _, n := range d.Plan.Nodes {
		if !slices.Contains(all, n.Address) {
			all = append(all, n.Address)
		}
	}
	return all
}

func showRequest(v *visit) error { return v.detail(http.StatusOK, "", nil) }

// logLines is how much of the log is shown, and logRead how much of it is read: its
// beginning.
const (
	logLines = 200
	logRead  = 1000
)

// detail shows a request, with the form that was sent and is to be mended.
func (v *visit) detail(status int, doing string, f *form) error {
	return v.detailOf(status, detailView{doing: doing, form: f})
}

func (v *visit) detailOf(status int, d detailView) error {
	at := "/requests/" + url.PathEscape(v.r.PathValue("id"))
	v.here = "/admin" + at
	d.session = v.session
	if err := v.get(at, &d.privacyRequest); err != nil {
		return err
	}
	if err := v.get("/policies", &d.policyList); err != nil {
		return err
	}
	if d.PlanHash != "" {
		if err := v.get(at+"/plan", &d.Plan); err != nil {
			return err
		}
	}
	if err := v.around(at, &d); err != nil {
		return err
	}
	var log logPage
	if err := v.get(at+"/log?limit="+strconv.Itoa(logRead), &log); err != nil {
		return err
	}
	d.Graph = narrowed(d.graph(log.Items), v.r.URL.Query())
	d.Log, d.Cut = log.Items[:min(len(log.Items), logLines)], log.Next != nil || len(log.Items) > logLines
	for _, c := range d.Report.Collections {
		if c.Status == string(request.Failed) && !slices.ContainsFunc(d.Stopped, func(o collection) bool { return o.Address == c.Address }) {
			d.Stopped = append(d.Stopped, c)
		}
	}
	switch d.Status {
	case request.RequiresFinalization, request.Complete, request.CompleteWithResidue:
		d.Rules = d.Plan.rules()
	}
	if d.renews() {
		var err error
		if d.Seen, err = d.digest(); err != nil {
			return fmt.Errorf("compare what is shown: %w", err)
		}
		if v.r.URL.Query().Get("seen") == d.Seen {
			v.w.WriteHeader(http.StatusNoContent)
			return nil
		}
	}
	if d.form == nil {
		d.form = blank(nil)
	}
	return v.show(status, "admin/request", d, d.form)
}

// around reads what belongs to a request and lies beside it.
func (v *visit) around(at string, d *detailView) error {
	var letters letterList
	var tasks taskPage
	var told instructionList
	var links linkList
	for path, out := range map[string]any{"/letters": &letters, "/tasks": &tasks, "/instructions": &told, "/package/links": &links} {
		if err := v.get(at+path, out); err != nil && !is(err, http.StatusNotFound) { // there may be no package
			return err
		}
	}
	d.Letters, d.Tasks, d.Instructions, d.Links = letters.Items, tasks.Items, told.Items, links.Items
	return nil
}

// showPerson shows who a request is about. The API has it in the audit log
// before; so it takes a form, and is not done by following a link.
func showPerson(v *visit) error {
	var p person
	if err := v.get("/requests/"+url.PathEscape(v.r.PathValue("id"))+"/person", &p); err != nil {
		return err
	}
	return v.detailOf(http.StatusOK, detailView{Person: &p})
}

// glimpse is a collection of the package, with the first rows in disguise.
type glimpse struct {
	Address string              `json:"address"`
	Fields  []string            `json:"fields"`
	Rows    []map[string]string `json:"rows"`
	Count   int64               `json:"count"`
}

// previewPackage shows what the person gets, and no value of it. The API has it in the
// audit log before.
func previewPackage(v *visit) error {
	var found struct {
		Collections []glimpse `json:"collections"`
	}
	query := url.Values{}
	if rule := v.value("rule"); rule != "" {
		query.Set("rule", rule)
	}
	err := v.get("/requests/"+url.PathEscape(v.r.PathValue("id"))+"/package/preview?"+query.Encode(), &found)
	if is(err, http.StatusConflict) {
		f, status, _ := v.mistaken(err, nil)
		return v.detail(status, "preview", f)
	}
	if err != nil {
		return err
	}
	return v.detailOf(http.StatusOK, detailView{Glimpses: append([]glimpse{}, found.Collections...)})
}

// decide does something with a request, with these fields of a form.
func decide(does string, fields ...string) Act {
	return func(v *visit) error {
		body := map[string]any{}
		for _, name := range fields {
			if value := v.value(name); value != "" {
				body[name] = value
			}
		}
		return v.decided(does, body)
	}
}

// decided does something with a request and shows what has become of it.
func (v *visit) decided(does string, body map[string]any) error {
	id := url.PathEscape(v.r.PathValue("id"))
	err := v.post("/requests/"+id+"/"+does, body, nil)
	if err == nil {
		return v.redirect("/admin/requests/" + id)
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.detail(status, does, f)
}

// approveRequest approves the plan that was shown. Where it erases something,
// that must be said in a word.
func approveRequest(v *visit) error {
	var p plan
	if err := v.get("/requests/"+url.PathEscape(v.r.PathValue("id"))+"/plan", &p); err != nil {
		return err
	}
	if p.Erases() && !strings.EqualFold(v.value("confirm"), v.language.word("approve.word")) {
		return v.detail(http.StatusUnprocessableEntity, "approve", v.lacking("confirm", "approve.unconfirmed"))
	}
	body := map[string]any{"plan_hash": v.value("plan_hash")}
	if text := v.value("max_rows"); text != "" {
		rows, err := strconv.ParseInt(text, 10, 64)
		if err != nil || rows < 1 {
			return v.detail(http.StatusUnprocessableEntity, "approve", v.lacking("max_rows", "approve.rows"))
		}
		body["max_rows"] = rows
	}
	return v.decided("approve", body)
}

// readPackage hands out what was found about a person. The API has it in the
// audit log before.
func readPackage(v *visit) error {
	id, query := v.r.PathValue("id"), ""
	name := "package-" + id + ".zip"
	if rule := v.value("rule"); rule != "" {
		query, name = "?rule="+url.QueryEscape(rule), "package-"+id+"-"+rule+".zip"
	}
	return v.relay(http.MethodGet, "/requests/"+url.PathEscape(id)+"/package"+query, nil, name)
}
