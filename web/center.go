package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/unicode/norm"
)

// What the API tells people.
type (
	formList struct {
		Items []publicForm `json:"items"`
	}
	publicForm struct {
		Policy     string     `json:"policy"`
		Name       string     `json:"name"`
		Actions    []string   `json:"actions"`
		Identities []string   `json:"identities"` // types that are known
		Fields     []question `json:"fields"`
	}
	question struct {
		Key      string   `json:"key"`
		Label    string   `json:"label"`
		Type     string   `json:"type"`
		Required bool     `json:"required"`
		Choices  []choice `json:"choices"`
		Max      int      `json:"max"`
	}
	choice struct {
		Key   string `json:"key"`
		Label string `json:"label"`
	}
	// standing is how far a request is, as the person is told.
	standing struct {
		Reference string     `json:"reference"`
		Policy    string     `json:"policy"`
		Status    string     `json:"status"`
		Reason    string     `json:"reason"`
		Received  time.Time  `json:"received"`
		Verified  *time.Time `json:"verified"`
		Due       *time.Time `json:"due"`
		Extended  *time.Time `json:"extended"`
		Ended     *time.Time `json:"ended"`
		Withdraw  bool       `json:"may_be_withdrawn"`
		Token     string     `json:"token"`
		Erased    []struct {
			What    string `json:"what"`
			Entries int64  `json:"entries"`
		} `json:"erased"`
		Kept []struct {
			What   string `json:"what"`
			Reason string `json:"reason"`
			Ground string `json:"ground"`
			Until  string `json:"until"`
		} `json:"kept"`
	}
)

// Title is what the form is called: by its policy, or by what that does.
func (f publicForm) Title(l *tongue) string {
	if f.Name != "" {
		return f.Name
	}
	for _, does := range []string{"erasure", "access", "consent"} {
		if slices.Contains(f.Actions, does) {
			return l.word("ask." + does)
		}
	}
	return f.Policy
}

// forms lists what can be asked for: nothing where nothing is set up yet.
func (v *visit) forms() (list formList, err error) {
	err = v.get("/public/policies?"+url.Values{"language": {v.language.Tag}, "site": {v.cameFrom()}}.Encode(), &list)
	if is(err, http.StatusNotFound, http.StatusConflict) {
		return formList{}, nil
	}
	return list, err
}

func showHome(v *visit) error {
	list, err := v.forms()
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "center/home", list.Items, nil)
}

// askView is a form, and what its fields are made of.
type askView struct {
	publicForm
	Places []choice
	Site   string // whose page led here; "" for none
}

// form finds the form that the path names.
func (v *visit) form() (publicForm, error) {
	list, err := v.forms()
	if err != nil {
		return publicForm{}, err
	}
	at := slices.IndexFunc(list.Items, func(f publicForm) bool { return f.Policy == v.r.PathValue("policy") })
	if at < 0 {
		return publicForm{}, notFound
	}
	return list.Items[at], nil
}

func showAsk(v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "center/ask", askView{f, v.language.places(), v.cameFrom()}, nil)
}

// askFor sends what a person asks for. Whoever they are, a code is on its way
// afterwards.
func askFor(v *visit) error {
	f, err := v.form()
	if err != nil {
		return err
	}
	if v.here = v.r.URL.Path; v.cameFrom() != "" {
		v.here += "?site=" + url.QueryEscape(v.cameFrom())
	}
	body, names := v.asked(f)
	var made struct {
		Reference string `json:"reference"`
	}
	err = v.post("/public/requests", body, &made)
	if err != nil {
		wrong, status, err := v.mistaken(err, names)
		if err != nil {
			return err
		}
		return v.show(status, "center/ask", askView{f, v.language.places(), v.cameFrom()}, wrong)
	}
	return v.redirect(v.again(proveView{Reference: made.Reference, Agent: body["agent"] != nil, Site: v.cameFrom()}))
}

// asked is what was entered as the API takes it, and what its places are called
// in the form.
func (v *visit) asked(f publicForm) (body map[string]any, names map[string]string) {
	names = map[string]string{"identities": "email"}
	known := []map[string]string{}
	for _, kind := range f.Identities {
		if value := v.value(kind); value != "" {
			at := "identities[" + strconv.Itoa(len(known)) + "]"
			names[at], names[at+".value"] = kind, kind
			known = append(known, map[string]string{"type": kind, "value": value})
		}
	}
	answers := map[string]any{}
	for _, q := range f.Fields {
		switch value := v.value("fields." + q.Key); {
		case q.Type == "boolean":
			answers[q.Key] = value != ""
		case value != "":
			answers[q.Key] = value
		}
	}
	body = map[string]any{"policy": f.Policy, "identities": known, "fields": answers, "language": v.language.Tag, "site": v.cameFrom()}
	if place := v.value("place"); place != "" {
		if state := v.value("state"); state != "" {
			place += "-" + state
		}
		body["place"] = place
	}
	agent := map[string]string{}
	for _, name := range []string{"name", "email", "authority"} {
		agent[name], names["agent."+name] = v.value("agent_"+name), "agent_"+name
	}
	if agent["name"]+agent["email"]+agent["authority"] != "" {
		body["agent"] = agent
	}
	return body, names
}

// places lists all countries by their names in the language.
func (l *tongue) places() (all []choice) {
	names := display.Regions(language.MustParse(l.Tag))
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			r, err := language.ParseRegion(string([]rune{a, b}))
			if err == nil && r.IsCountry() && r.Canonicalize() == r && names.Name(r) != "" {
				all = append(all, choice{r.String(), names.Name(r)})
			}
		}
	}
	slices.SortFunc(all, func(a, b choice) int { return strings.Compare(norm.NFD.String(a.Label), norm.NFD.String(b.Label)) })
	return slices.CompactFunc(all, func(a, b choice) bool { return a.Key == b.Key })
}
