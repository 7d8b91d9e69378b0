package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"volenti.dev/volenti/auth"
)

// peoplePages are about single people, for operators.
func peoplePages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/admin/people", Scope: auth.ReadConsents, Does: "Ask whom to look up", Act: func(v *visit) error { return v.lookUp(http.StatusOK, false, nil) }},
		{Method: http.MethodPost, Path: "/admin/people", Scope: auth.CheckConsents, Does: "Look somebody up by an identity", Act: findPerson},
		{Method: http.MethodGet, Path: "/admin/people/{id}", Scope: auth.ReadConsents, Does: "Show what stands for a person, and what became of it", Act: func(v *visit) error { return v.personPage(http.StatusOK, personView{}) }},
		{Method: http.MethodPost, Path: "/admin/people/{id}/reveal", Scope: auth.ReadPackages, Does: "Show what a person is known by, once that is in the audit log", Act: revealPerson},
		{Method: http.MethodPost, Path: "/admin/people/{id}/requests", Scope: auth.ReadConsents, Does: "Look for the requests of a person, once that is in the audit log", Act: requestsOfPerson},
		{Method: http.MethodPost, Path: "/admin/people/{id}/choose", Scope: auth.WriteConsents, Does: "Record a choice for a person", Act: chooseForPerson},
		{Method: http.MethodPost, Path: "/admin/people/{id}/erase", Scope: auth.EraseSubjects, Does: "Make the records of a person nobody's", Act: erasePerson},
	}
}

// What the API tells of a person.
type (
	standings struct {
		Subject   string         `json:"subject"`
		Purposes  []standingFor  `json:"purposes"`
		Reconsent []renewalOfOne `json:"reconsent"`
	}
	// standingFor is what stands for one purpose, and why.
	standingFor struct {
		Purpose   string  `json:"purpose"`
		Title     string  `json:"title"`
		Granted   bool    `json:"granted"`
		Reason    string  `json:"reason"`
		Choice    *string `json:"choice"`
		Reconsent bool    `json:"reconsent_due"`

		Why    explainedChoice `json:"-"`
		Source string          `json:"-"` // where the choice was made; "" without one
	}
	explainedChoice struct {
		Sequence *int64     `json:"sequence"`
		ChosenAt *time.Time `json:"chosen_at"`
		Notice   string     `json:"policy_version"`
		Expires  *time.Time `json:"expires_at"`
	}
	renewalOfOne struct {
		Purpose string    `json:"purpose"`
		From    string    `json:"from"`
		To      string    `json:"to"`
		Since   time.Time `json:"since"`
		Summary string    `json:"summary"`
		Blocks  time.Time `json:"blocks_from"`
	}
	personDeliveries struct {
		Items []personDelivery `json:"items"`
	}
	personDelivery struct {
		Record     string     `json:"record"`
		Sequence   int64      `json:"sequence"`
		Purpose    string     `json:"purpose"`
		Choice     string     `json:"choice"`
		Recorded   time.Time  `json:"recorded_at"`
		Connection string     `json:"connection"`
		System     string     `json:"system"`
		Status     string     `json:"status"`
		Why        string     `json:"why"`
		Mend       string     `json:"mend"`
		Attempts   int        `json:"attempts"`
		Due        *time.Time `json:"due"`
		Updated    time.Time  `json:"updated_at"`
	}
	purposeList struct {
		Purposes []namedPurpose `json:"purposes"`
		Sources  []string       `json:"sources"`
	}
	namedPurpose struct {
		Key   string   `json:"key"`
		Title string   `json:"title"`
		Uses  []string `json:"data_uses"`
	}
)

// Name is what people call the purpose.
func (p namedPurpose) Name() string {
	if p.Title != "" {
		return p.Title
	}
	return p.Key
}

// Of is the purpose with this key, without a title where it is not known.
func (l purposeList) Of(key string) namedPurpose {
	for _, p := range l.Purposes {
		if p.Key == key {
			return p
		}
	}
	return namedPurpose{Key: key}
}

// Has says whether there is such a purpose.
func (l purposeList) Has(key string) bool {
	return slices.ContainsFunc(l.Purposes, func(p namedPurpose) bool { return p.Key == key })
}

// Useless are the purposes of which no data use is said, though there are connections
// that go by those.
func (l purposeList) Useless() (some []namedPurpose) {
	for _, p := range l.Purposes {
		if len(p.Uses) == 0 {
			some = append(some, p)
		}
	}
	return some
}

// purposes gives those that there are; none where the visitor may not know.
func (v *visit) purposes() (all purposeList, err error) {
	if v.session.May(auth.ReadConsents) {
		err = v.get("/purposes", &all)
	}
	return all, err
}

// Named is the purpose that it is about.
func (s standingFor) Named() namedPurpose { return namedPurpose{Key: s.Purpose, Title: s.Title} }

// Kind groups what a gate says by what it asks of the operator.
func (s standingFor) Kind() string {
	switch {
	case s.Reason == "reconsent_due", s.Granted && s.Reconsent:
		return "wait"
	case s.Granted:
		return "done"
	}
	return "over"
}

// Kind groups statuses by what they ask of the operator.
func (d personDelivery) Kind() string {
	switch d.Status {
	case "pending":
		return "wait"
	case "sending":
		return "work"
	case "complete":
		return "done"
	case "partial", "error":
		return "stop"
	}
	return "over"
}

// changeSent is a choice with what became of it at each connection.
type changeSent struct {
	personDelivery // the first
	At             []personDelivery
}

// byChange puts deliveries together that follow each other and are of one choice.
func byChange(all []personDelivery) (changes []changeSent) {
	for _, d := range all {
		if last := len(changes) - 1; last >= 0 && changes[last].Record == d.Record {
			changes[last].At = append(changes[last].At, d)
			continue
		}
		changes = append(changes, changeSent{d, []personDelivery{d}})
	}
	return changes
}

// lookedUp are what a person can be looked up by.
var lookedUp = []string{"email", "phone_number", "external_id", "device_id"}

// lookUpView is the page that asks whom to look up. Nobody says that somebody was
// looked for, and nobody is known so.
type lookUpView struct {
	Types  []string
	Nobody bool
}

func (v *visit) lookUp(status int, nobody bool, f *form) error {
	return v.show(status, "admin/people", lookUpView{lookedUp, nobody}, f)
}

// findPerson leads to the page of who was looked for. What was entered is in no
// address, and in no page that somebody can come back to.
func findPerson(v *visit) error {
	v.here = "/admin/people"
	if v.value("identity") == "" {
		return v.lookUp(http.StatusUnprocessableEntity, false, v.lacking("identity", "people.nothing"))
	}
	known := map[string]string{"type": v.value("type"), "value": v.value("identity")}
	var found struct {
		Subject string `json:"subject"`
	}
	err := v.post("/subjects/find", map[string]any{"identities": []any{known}}, &found)
	switch {
	case err == nil:
		return v.redirect("/admin/people/" + url.PathEscape(found.Subject))
	case is(err, http.StatusNotFound):
		return v.lookUp(http.StatusOK, true, blank(v.r.PostForm))
	}
	f, status, err := v.mistaken(err, map[string]string{"identities[0]": "identity", "identities[0].value": "identity", "identities[0].type": "type"})
	if err != nil {
		return err
	}
	return v.lookUp(status, false, f)
}

// personView is a person with all that is known of what they chose.
type personView struct {
	ID        string
	Standings []standingFor
	Reconsent []renewalOfOne
	Records   []ledgerRecord
	Older     string // the address of the records before; "" on the last page
	First     bool
	Changes   []changeSent
	// Moving: something was chosen just now, and is still on its way.
	Moving bool
	purposeList
	// What is shown only once it was asked for, and whether it was.
	Known    []identity
	Revealed bool
	Requests []privacyRequest
	Searched bool
	doing    string // the form that was sent
	form     *form
}

// FormOf gives the form of one of the things that can be done.
func (p personView) FormOf(does string) *form {
	if does == p.doing {
		return p.form
	}
	return blank(nil)
}

// Whole is the form that was sent, whichever it was.
func (p personView) Whole() *form {
	if p.form == nil {
		return blank(nil)
	}
	return p.form
}

// How many records and deliveries a page shows, and for how long what is on its way, or
// is not planned yet, is looked at again by itself.
const (
	recordsShown    = 25
	deliveriesShown = 40
	watchedFor      = 2 * time.Minute
	plannedWithin   = 10 * time.Second
)

// onBehalf are where operators record choices from, beside the sources of the company.
var onBehalf = []string{"settings_page", "email_preference_center", "signup_form", "request"}

func (v *visit) personPage(status int, p personView) error {
	p.ID = v.r.PathValue("id")
	at := "/subjects/" + url.PathEscape(p.ID)
	v.here = "/admin/people/" + url.PathEscape(p.ID)
	var stands standings
	if err := v.get(at+"/consents", &stands); err != nil {
		return v.perhapsErased(err, p.ID)
	}
	p.Standings, p.Reconsent = stands.Purposes, stands.Reconsent
	if err := v.explain(at, p.Standings); err != nil {
		return err
	}
	asked := url.Values{"subject": {p.ID}, "limit": {strconv.Itoa(recordsShown)}}
	if before := v.r.URL.Query().Get("before"); before != "" {
		asked.Set("before", before)
	}
	p.First = !asked.Has("before")
	var page ledgerPage
	if err := v.get("/consents?"+asked.Encode(), &page); err != nil {
		return err
	}
	if p.Records = page.Items; page.Next != 0 {
		p.Older = v.here + "?before=" + strconv.FormatInt(page.Next, 10) + "#records"
	}
	if v.session.May(auth.ReadDeliveries) {
		var sent personDeliveries
		if err := v.get("/deliveries?subject="+url.QueryEscape(p.ID)+"&limit="+strconv.Itoa(deliveriesShown), &sent); err != nil {
			return err
		}
		p.Changes = byChange(sent.Items)
		p.Moving = moving(p, sent.Items, time.Now())
	}
	var all purposeList
	if err := v.get("/purposes", &all); err != nil {
		return err
	}
	p.purposeList = purposeList{all.Purposes, append(slices.Clone(onBehalf), all.Sources...)}
	return v.show(status, "admin/person", p, p.Whole())
}

// perhapsErased shows of who is not found that they were erased, where records tell so.
func (v *visit) perhapsErased(err error, id string) error {
	var left ledgerPage
	if is(err, http.StatusNotFound) && v.get("/consents?limit=1&subject="+url.QueryEscape(id), &left) == nil && len(left.Items) > 0 {
		return v.show(http.StatusOK, "admin/person-erased", id, nil)
	}
	return err
}

// moving says whether something was chosen so short a while ago that what becomes of it
// may change by itself; a choice has no delivery before it is planned.
func moving(p personView, sent []personDelivery, now time.Time) bool {
	planned := len(p.Records) == 0 || !p.First || slices.ContainsFunc(sent, func(d personDelivery) bool { return d.Sequence == p.Records[0].Sequence })
	return !planned && now.Sub(p.Records[0].At) < plannedWithin || slices.ContainsFunc(sent, func(d personDelivery) bool {
		return (d.Status == "pending" || d.Status == "sending") && now.Sub(d.Updated) < watchedFor
	})
}

// explain reads why the gate says what it says, and where what stands was chosen.
func (v *visit) explain(at string, all []standingFor) error {
	for i, s := range all {
		if s.Choice == nil {
			continue
		}
		if err := v.ask(http.MethodGet, at+"/consents/"+url.PathEscape(s.Purpose)+"/explain", nil, &all[i].Why); err != nil {
			return err
		}
		if seq := all[i].Why.Sequence; seq != nil {
			var r ledgerRecord
			if err := v.ask(http.MethodGet, "/consents/"+strconv.FormatInt(*seq, 10), nil, &r); err != nil {
				return err
			}
			all[i].Source = r.Source
		}
	}
	return nil
}

// revealPerson shows what a person is known by. The API has it in the audit log
// before; so it takes a form, and is not done by following a link.
func revealPerson(v *visit) error {
	var who struct {
		Identities []identity `json:"identities"`
	}
	if err := v.get("/subjects/"+url.PathEscape(v.r.PathValue("id"))+"/person", &who); err != nil {
		return err
	}
	return v.personPage(http.StatusOK, personView{Known: who.Identities, Revealed: true})
}

func requestsOfPerson(v *visit) error {
	var of requestPage
	if err := v.get("/subjects/"+url.PathEscape(v.r.PathValue("id"))+"/requests", &of); err != nil {
		return err
	}
	return v.personPage(http.StatusOK, personView{Requests: of.Items, Searched: true})
}

// chooseForPerson records what somebody has told the operator.
func chooseForPerson(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.get("/subjects/"+url.PathEscape(id)+"/consents", nil); err != nil { // whoever was erased is not made anew
		return err
	}
	choice := v.value("choice")
	if choice != "yes" && choice != "no" {
		return v.personPage(http.StatusUnprocessableEntity, personView{doing: "choose", form: v.lacking("choice", "people.choose.neither")})
	}
	if v.value("note") == "" {
		return v.personPage(http.StatusUnprocessableEntity, personView{doing: "choose", form: v.lacking("note", "people.note.none")})
	}
	body := map[string]any{
		"subject": id, "purposes": map[string]bool{v.value("purpose"): choice == "yes"}, "source": v.value("source"), "language": v.value("language"),
		"note": v.value("note"), "reaffirm": true, // or the note would be lost where nothing changes
	}
	err := v.post("/consents", body, nil)
	if err == nil {
		return v.redirect("/admin/people/" + url.PathEscape(id) + "#deliveries")
	}
	f, status, err := v.mistaken(err, map[string]string{"purposes": "purpose"})
	if err != nil {
		return err
	}
	return v.personPage(status, personView{doing: "choose", form: f})
}

// erasePerson makes the records of a person nobody's, where that is said in a word.
func erasePerson(v *visit) error {
	at := "/subjects/" + url.PathEscape(v.r.PathValue("id"))
	if err := v.get(at+"/consents", nil); err != nil {
		return err
	}
	if !strings.EqualFold(v.value("confirm"), v.language.word("approve.word")) {
		return v.personPage(http.StatusUnprocessableEntity, personView{doing: "erase", form: v.lacking("confirm", "approve.unconfirmed")})
	}
	if err := v.post(at+"/erase", nil, nil); err != nil {
		return err
	}
	return v.show(http.StatusOK, "admin/person-erased", v.r.PathValue("id"), nil)
}
