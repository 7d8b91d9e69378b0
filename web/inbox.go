package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/request"
)

// inbox is the list of requests and how it was narrowed.
type inbox struct {
	sought
	policyList
	Statuses []request.Status
	Items    []privacyRequest
	Views    []savedView
	pages
	// Hidden: there are requests of which it is not known who asks. Anybody can
	// send them, so they are shown only where they are looked for.
	Hidden bool
	// More goes on with all requests about somebody; their address cannot name the
	// person, so it takes a form.
	More string
}

// sought is what is looked for, as the address has it.
type sought struct {
	Status string // one of request.Status, all, or "" for those that are open
	Due    string // late, a number of days, or "" for any
	Policy string
	Law    string
	Place  string
	Origin string
	Sort   string // created, or "" for what is due first
	// Messages is unanswered, or "" for any.
	Messages string
	// Identity is whom it is about. It is never in an address.
	Identity *knownBy
}

type knownBy struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// filter is what is looked for, as the API has it.
type filter struct {
	Statuses   []request.Status `json:"statuses,omitempty"`
	Policy     string           `json:"policy,omitempty"`
	Law        string           `json:"law,omitempty"`
	Place      string           `json:"place,omitempty"`
	Origins    []string         `json:"origins,omitempty"`
	DueWithin  int              `json:"due_within,omitempty"`
	Overdue    bool             `json:"overdue,omitempty"`
	Unanswered bool             `json:"unanswered,omitempty"`
	Identity   *knownBy         `json:"identity,omitempty"`
}

// search asks for a page of what a filter leaves.
type search struct {
	filter
	Sort   string `json:"sort"`
	Limit  int    `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"`
}

const (
	allStatuses = "all"
	late        = "late"
	newestFirst = "created"
	unanswered  = "unanswered"
)

// statuses are those to choose from, in the order in which a request comes by.
var statuses = []request.Status{
	request.IdentityUnverified, request.AwaitingApproval, request.Approved, request.InProcessing, request.RequiresInput, request.Paused,
	request.AwaitingEmailSend, request.RequiresFinalization, request.Errored, request.Complete, request.CompleteWithResidue,
	request.Denied, request.Canceled, request.Duplicate,
}

// known are those of which it is known who asks.
func known(open bool) (some []request.Status) {
	for _, s := range statuses {
		if s != request.IdentityUnverified && !(open && s.Terminal()) {
			some = append(some, s)
		}
	}
	return some
}

// soughtIn reads the fields of a filter.
func soughtIn(q url.Values) sought {
	get := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	s := sought{Status: get("status"), Due: get("due"), Policy: get("policy"), Law: strings.ToLower(get("law")), Place: strings.ToUpper(get("place")), Origin: get("origin"), Sort: get("sort"), Messages: get("messages")}
	if value := get("value"); value != "" {
		s.Identity = &knownBy{get("type"), value}
	}
	return s
}

// Fields are what is in the address, by name; what narrows nothing is not there.
func (s sought) Fields() map[string]string {
	all := map[string]string{"status": s.Status, "due": s.Due, "policy": s.Policy, "law": s.Law, "place": s.Place, "origin": s.Origin, "sort": s.Sort, "messages": s.Messages}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// Path is the address of the list.
func (s sought) Path() string {
	q := url.Values{}
	for name, value := range s.Fields() {
		q.Set(name, value)
	}
	return strings.TrimSuffix(start+"?"+q.Encode(), "?")
}

// Rare says whether one of the filters is used that are not always shown.
func (s sought) Rare() bool {
	return s.Law != "" || s.Place != "" || s.Origin != "" || s.Messages != "" || s.Sort != ""
}

func (s sought) filter() filter {
	f := filter{Policy: s.Policy, Law: s.Law, Place: s.Place, Overdue: s.Due == late, Unanswered: s.Messages == unanswered, Identity: s.Identity}
	switch s.Status {
	case "":
		f.Statuses = known(true)
	case allStatuses:
		f.Statuses = known(false)
	default:
		f.Statuses = []request.Status{request.Status(s.Status)}
	}
	if s.Identity != nil {
		f.Statuses = nil // whoever looks for somebody wants all
	}
	if s.Origin != "" {
		f.Origins = []string{s.Origin}
	}
	if days, err := strconv.Atoi(s.Due); err == nil {
		f.DueWithin = days
	}
	return f
}

// order is that of the API.
func (s sought) order() string {
	if s.Sort == newestFirst {
		return newestFirst
	}
	return "due"
}

// savedView is what an operator looks for under a name.
type savedView struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Filter filter `json:"filter"`
	Sort   string `json:"sort"`
	Here   bool   `json:"-"`
}

// sought is how the list is narrowed for a view. One that was not kept by a page is
// shown as near as a page can.
func (w savedView) sought() sought {
	s := sought{Policy: w.Filter.Policy, Law: w.Filter.Law, Place: w.Filter.Place}
	switch f := w.Filter; {
	case slices.Equal(f.Statuses, known(true)):
	case len(f.Statuses) == 1:
		s.Status = string(f.Statuses[0])
	default:
		s.Status = allStatuses
	}
	if w.Filter.Overdue {
		s.Due = late
	} else if w.Filter.DueWithin > 0 {
		s.Due = strconv.Itoa(w.Filter.DueWithin)
	}
	if w.Filter.Unanswered {
		s.Messages = unanswered
	}
	if len(w.Filter.Origins) == 1 {
		s.Origin = w.Filter.Origins[0]
	}
	if w.Sort != "due" {
		s.Sort = newestFirst
	}
	return s
}

// Path is where the view is shown.
func (w savedView) Path() string { return w.sought().Path() }

func listRequests(v *visit) error {
	return v.inbox(http.StatusOK, soughtIn(v.r.URL.Query()), v.r.URL.Query().Get("cursor"), nil)
}

// inbox shows what is looked for, with the form that was sent and is to be mended.
func (v *visit) inbox(status int, s sought, cursor string, f *form) error {
	if v.r.Method == http.MethodPost {
		v.here = s.Path()
	}
	list := inbox{sought: s, Statuses: statuses}
	if err := v.get("/policies", &list.policyList); err != nil {
		return err
	}
	asked := search{filter: s.filter(), Sort: s.order(), Cursor: cursor}
	if s.Identity != nil {
		asked.Limit = 200 // each page is looked for anew, with an entry in the audit log
	}
	if cursor != "" && s.Identity == nil {
		list.First = s.Path()
	}
	var page requestPage
	err := v.look("/requests/search", asked, &page)
	if is(err, http.StatusUnprocessableEntity) && s.Identity == nil { // a filter that nothing can match
		page, err = requestPage{}, nil
	}
	if err != nil {
		return err
	}
	list.Items = page.Items
	if s.Identity != nil {
		list.More = page.Next
	} else if page.Next != "" {
		list.Next = withChoice(s.Path(), "cursor", page.Next)
	}
	if err := v.beside(&list); err != nil {
		return err
	}
	return v.show(status, "admin/requests", list, f)
}

// beside reads what stands beside a list: views, and whether some are hidden.
func (v *visit) beside(list *inbox) error {
	var kept struct{ Items []savedView }
	if err := v.ask(http.MethodGet, "/sessions/current/views", nil, &kept); err != nil {
		return err
	}
	for i := range kept.Items {
		kept.Items[i].Here = list.Identity == nil && kept.Items[i].sought() == list.sought
	}
	list.Views = kept.Items
	if list.Identity != nil || list.Status == string(request.IdentityUnverified) {
		return nil
	}
	var unproven requestPage
	err := v.ask(http.MethodGet, "/requests?limit=1&status="+string(request.IdentityUnverified), nil, &unproven)
	list.Hidden = len(unproven.Items) > 0
	return err
}

// findRequests looks for requests about somebody. The API has that in the audit log
// before.
func findRequests(v *visit) error {
	s := soughtIn(v.r.PostForm)
	if s.Identity == nil {
		return v.inbox(http.StatusUnprocessableEntity, s, "", v.lacking("value", "find.nobody"))
	}
	err := v.inbox(http.StatusOK, s, v.value("cursor"), blank(v.r.PostForm))
	if !is(err, http.StatusUnprocessableEntity) {
		return err
	}
	f, status, err := v.mistaken(err, map[string]string{"identity": "value", "identity.value": "value"})
	if err != nil {
		return err
	}
	s.Identity = nil
	return v.inbox(status, s, "", f)
}

// exportRequests gives what a list shows, all pages of it, as CSV.
func exportRequests(v *visit) error {
	asked := struct {
		filter
		Format string `json:"format"`
	}{soughtIn(v.r.PostForm).filter(), "csv"}
	return v.relay(http.MethodPost, "/requests/export", asked, "requests.csv")
}

// keepView keeps what is looked for under a name.
func keepView(v *visit) error {
	s := soughtIn(v.r.PostForm)
	s.Identity = nil
	view := map[string]any{"name": v.value("name"), "filter": s.filter(), "sort": s.order()}
	err := v.post("/sessions/current/views", view, nil)
	if err == nil {
		return v.redirect(s.Path())
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.inbox(status, s, "", f)
}

func forgetView(v *visit) error {
	if err := v.post("/sessions/current/views/remove", map[string]string{"id": v.value("view")}, nil); err != nil {
		return err
	}
	return v.redirect(start)
}
