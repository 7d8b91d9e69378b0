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
	"volenti.dev/volenti/message"
)

// settingPages are what holds for the whole house: who may operate it, which programs
// may call it, what is told to others, and by which rules requests are carried out.
func settingPages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/admin/operators", Scope: auth.ManageAccess, Does: "List who operates", Act: listOperators},
		{Method: http.MethodPost, Path: "/admin/operators", Scope: auth.ManageAccess, Does: "Invite somebody to operate", Act: inviteOperator},
		{Method: http.MethodPost, Path: "/admin/operators/invitations/{id}/revoke", Scope: auth.ManageAccess, Does: "Take an invitation back", Act: revokeInvitation},
		{Method: http.MethodPost, Path: "/admin/operators/{id}/password", Scope: auth.ManageAccess, Does: "Make a link by which an operator sets a new password", Act: linkPassword},
		{Method: http.MethodPost, Path: "/admin/operators/{id}/role", Scope: auth.ManageAccess, Does: "Give an operator another role", Act: changeRole},
		{Method: http.MethodPost, Path: "/admin/operators/{id}/disable", Scope: auth.ManageAccess, Does: "Keep an operator out", Act: changeOperator("disable")},
		{Method: http.MethodPost, Path: "/admin/operators/{id}/enable", Scope: auth.ManageAccess, Does: "Let an operator in again", Act: changeOperator("enable")},
		{Method: http.MethodGet, Path: "/admin/keys", Scope: auth.ManageAccess, Does: "List the API keys", Act: listKeys},
		{Method: http.MethodPost, Path: "/admin/keys", Scope: auth.ManageAccess, Does: "Make an API key", Act: createKey},
		{Method: http.MethodPost, Path: "/admin/keys/{id}/revoke", Scope: auth.ManageAccess, Does: "End an API key", Act: revokeKey},
		{Method: http.MethodGet, Path: "/admin/webhooks", Scope: auth.ManageWebhooks, Does: "List where events are sent", Act: listWebhooks},
		{Method: http.MethodPost, Path: "/admin/webhooks", Scope: auth.ManageWebhooks, Does: "Send events to a URL", Act: createWebhook},
		{Method: http.MethodGet, Path: "/admin/webhooks/{id}", Scope: auth.ManageWebhooks, Does: "Show a webhook and its attempts", Act: showWebhook},
		{Method: http.MethodPost, Path: "/admin/webhooks/{id}", Scope: auth.ManageWebhooks, Does: "Change where a webhook is, what it is sent, and what it is for", Act: editWebhook},
		{Method: http.MethodPost, Path: "/admin/webhooks/{id}/disable", Scope: auth.ManageWebhooks, Does: "Send nothing more to a webhook", Act: changeWebhook("disable")},
		{Method: http.MethodPost, Path: "/admin/webhooks/{id}/enable", Scope: auth.ManageWebhooks, Does: "Send to a webhook again", Act: changeWebhook("enable")},
		{Method: http.MethodPost, Path: "/admin/webhooks/{id}/test", Scope: auth.ManageWebhooks, Does: "Send a test event to a webhook", Act: changeWebhook("test")},
		{Method: http.MethodPost, Path: "/admin/webhooks/{id}/replay", Scope: auth.ManageWebhooks, Does: "Send events to a webhook again", Act: replayWebhook},
		{Method: http.MethodPost, Path: "/admin/webhooks/{id}/rotate", Scope: auth.ManageWebhooks, Does: "Exchange the secret of a webhook", Act: rotateWebhook},
		{Method: http.MethodGet, Path: "/admin/policies", Scope: auth.ReadRequests, Does: "Show by which rules requests are carried out", Act: listPolicies},
		{Method: http.MethodGet, Path: "/admin/letters", Scope: auth.ReadRequests, Does: "Show the letters that are sent, with made-up values", Act: showLetters},
		{Method: http.MethodPost, Path: "/admin/letters", Scope: auth.OperateRequests, Does: "Send a letter that is about nobody", Act: tryLetter},
		{Method: http.MethodGet, Path: "/admin/controller", Scope: auth.ReadConsents, Does: "Show what receipts say of the controller", Act: showController},
		{Method: http.MethodPost, Path: "/admin/controller", Scope: auth.ManageConsents, Does: "Set what receipts say of the controller", Act: setController},
		{Method: http.MethodGet, Path: "/admin/audit", Scope: auth.ReadAudit, Does: "Show the audit log", Act: showLog},
		{Method: http.MethodPost, Path: "/admin/audit/verify", Scope: auth.ReadAudit, Streams: true, Does: "Verify the audit log", Act: verifyLog},
		{Method: http.MethodPost, Path: "/admin/audit/export", Scope: auth.ReadAudit, Streams: true, Does: "Download the audit log", Act: exportLog},
	}
}

// mend shows the page that a form is on, with what is wrong with it.
func (v *visit) mend(err error, page func(status int, f *form) error) error {
	v.here = elsewhere
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return page(status, f)
}

type operator struct {
	ID      string    `json:"id"`
	Email   string    `json:"email"`
	Name    string    `json:"name"`
	Role    auth.Role `json:"role"`
	Created time.Time `json:"created"`
	Enabled bool      `json:"enabled"`
}

type invitation struct {
	ID      string     `json:"id"`
	Role    auth.Role  `json:"role"`
	By      string     `json:"by"`
	Created *time.Time `json:"created"`
	Expires time.Time  `json:"expires"`
}

type operatorsView struct {
	Items   []operator
	Invited []invitation
	Roles   []auth.Role // that the visitor may give
	Self    string
	Link    string // that was just made: an invitation, or one to a new password
	For     string // the operator for whom it was; "" for an invitation
	Expires time.Time
}

// May says whether the visitor may change somebody with a role, or take back an
// invitation to it.
func (o operatorsView) May(r auth.Role) bool { return slices.Contains(o.Roles, r) }

// Called gives the name of an operator, as the log names who did something; what else
// it names stands for itself.
func (o operatorsView) Called(by string) string {
	for _, known := range o.Items {
		if by == known.ID || by == "operator/"+known.ID {
			return known.Name
		}
	}
	return by
}

func listOperators(v *visit) error { return v.operators(http.StatusOK, operatorsView{}, nil) }

func (v *visit) operators(status int, view operatorsView, f *form) error {
	var list struct{ Items []operator }
	if err := v.get("/operators", &list); err != nil {
		return err
	}
	var open struct{ Items []invitation }
	if err := v.get("/invitations", &open); err != nil {
		return err
	}
	view.Items, view.Invited, view.Self = list.Items, open.Items, v.session.Operator
	for _, r := range auth.Roles() {
		if r != auth.Owner || v.session.Role == auth.Owner {
			view.Roles = append(view.Roles, r)
		}
	}
	return v.show(status, "admin/operators", view, f)
}

func inviteOperator(v *visit) error {
	var made struct {
		Invitation string
		Expires    time.Time
	}
	if err := v.post("/invitations", map[string]string{"role": v.value("role")}, &made); err != nil {
		return v.mend(err, func(status int, f *form) error { return v.operators(status, operatorsView{}, f) })
	}
	return v.operators(http.StatusCreated, operatorsView{Link: v.p.config.PublicURL + "/set-up/" + made.Invitation, Expires: made.Expires}, nil)
}

func revokeInvitation(v *visit) error {
	return v.operatorChanged(v.post("/invitations/"+url.PathEscape(v.r.PathValue("id"))+"/revoke", nil, nil))
}

func changeRole(v *visit) error {
	err := v.ask(http.MethodPut, "/operators/"+url.PathEscape(v.r.PathValue("id"))+"/role", map[string]string{"role": v.value("role")}, nil)
	return v.operatorChanged(err)
}

func changeOperator(does string) Act {
	return func(v *visit) error {
		return v.operatorChanged(v.post("/operators/"+url.PathEscape(v.r.PathValue("id"))+"/"+does, nil, nil))
	}
}

func (v *visit) operatorChanged(err error) error {
	if err != nil {
		return v.mend(err, func(status int, f *form) error { return v.operators(status, operatorsView{}, f) })
	}
	return v.redirect("/admin/operators")
}

type apiKey struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Scopes  []auth.Scope `json:"scopes"`
	State   string       `json:"state"`
	Created time.Time    `json:"created"`
	Expires *time.Time   `json:"expires"`
	Revoked *time.Time   `json:"revoked"`
}

type keysView struct {
	Items  []apiKey
	Scopes []auth.Scope // that the visitor has
	Chosen []string
	Token  string // of the key that was just made
}

// Has says whether a scope was chosen in the form.
func (k keysView) Has(s auth.Scope) bool { return slices.Contains(k.Chosen, string(s)) }

func listKeys(v *visit) error {
	return v.keys(http.StatusOK, keysView{}, blank(url.Values{"days": {"90"}}))
}

func (v *visit) keys(status int, view keysView, f *form) error {
	var list struct{ Items []apiKey }
	if err := v.get("/apikeys", &list); err != nil {
		return err
	}
	slices.Reverse(list.Items)
	view.Items = list.Items
	for _, s := range auth.Scopes() {
		if v.session.May(s) {
			view.Scopes = append(view.Scopes, s)
		}
	}
	return v.show(status, "admin/keys", view, f)
}

func createKey(v *visit) error {
	chosen := v.r.PostForm["scopes"]
	if len(chosen) == 0 {
		v.here = v.r.URL.Path
		return v.keys(http.StatusUnprocessableEntity, keysView{}, v.lacking("scopes", "keys.scopes.none"))
	}
	body := map[string]any{"name": v.value("name"), "scopes": chosen}
	if days := v.value("days"); days == "" {
		body["never"] = true
	} else if n, err := strconv.Atoi(days); err == nil {
		body["days"] = n
	} else {
		body["days"] = days // refused with what it must be
	}
	var made struct{ Key string }
	if err := v.post("/apikeys", body, &made); err != nil {
		return v.mend(err, func(status int, f *form) error { return v.keys(status, keysView{Chosen: chosen}, f) })
	}
	return v.keys(http.StatusCreated, keysView{Token: made.Key}, nil)
}

func revokeKey(v *visit) error {
	if err := v.post("/apikeys/"+url.PathEscape(v.r.PathValue("id"))+"/revoke", nil, nil); err != nil {
		return err
	}
	return v.redirect("/admin/keys")
}

type policyView struct {
	Key      string `json:"key"`
	Name     string `json:"name"`
	Form     bool   `json:"form"`
	Review   bool   `json:"review"`
	FourEyes *int64 `json:"four_eyes_above_rows"`
	Webhooks int64  `json:"webhooks"`
	Rules    []struct {
		Key      string   `json:"key"`
		Name     string   `json:"name"`
		Action   string   `json:"action"`
		Targets  []string `json:"targets"`
		Strategy string   `json:"strategy"`
		Keep     []struct {
			What, Reason, Ground, Until string
		} `json:"keep"`
	} `json:"rules"`
}

// Title is what people call the policy.
func (p policyView) Title() string { return cmp.Or(p.Name, p.Key) }

// policyList are the policies that there are.
type policyList struct {
	Policies []policyView `json:"items"`
}

// PolicyOf gives the policy with a key, also of one that there is no longer.
func (l policyList) PolicyOf(key string) policyView {
	for _, p := range l.Policies {
		if p.Key == key {
			return p
		}
	}
	return policyView{Key: key}
}

// HasPolicy says whether there is such a policy.
func (l policyList) HasPolicy(key string) bool {
	return slices.ContainsFunc(l.Policies, func(p policyView) bool { return p.Key == key })
}

func listPolicies(v *visit) error {
	var list policyList
	if err := v.get("/policies", &list); err != nil {
		return err
	}
	return v.show(http.StatusOK, "admin/policies", list.Policies, nil)
}

type lettersView struct {
	Kinds   []message.Kind
	Kind    message.Kind
	Tag     string
	Tags    []*tongue
	Subject string `json:"subject"`
	Text    string `json:"text"`
	Sent    bool
	NotSent string
}

func showLetters(v *visit) error { return v.letters(http.StatusOK, lettersView{}, nil) }

func (v *visit) letters(status int, view lettersView, f *form) error {
	asked := v.r.URL.Query()
	view.Kinds, view.Kind, view.Tag, view.Tags = message.Kinds(), message.Kind(asked.Get("kind")), asked.Get("tag"), v.p.languages.all
	if !slices.Contains(view.Kinds, view.Kind) {
		view.Kind = view.Kinds[0]
	}
	if !v.p.languages.has(view.Tag) {
		view.Tag = v.language.Tag
	}
	err := v.post("/letters/preview", map[string]any{"kind": view.Kind, "language": view.Tag}, &view)
	if err != nil {
		return err
	}
	return v.show(status, "admin/letters", view, f)
}

func tryLetter(v *visit) error {
	v.here = "/admin/letters"
	var tried struct {
		Sent    bool
		Message string
	}
	if err := v.post("/letters/trial", map[string]string{"to": v.value("to"), "language": v.value("tag")}, &tried); err != nil {
		return v.mend(err, func(status int, f *form) error { return v.letters(status, lettersView{}, f) })
	}
	return v.letters(http.StatusOK, lettersView{Sent: tried.Sent, NotSent: tried.Message}, nil)
}

// The fields of the controller: texts, and lists of a line each.
var (
	controllerTexts = []string{"name", "contact", "withdraw"}
	controllerLists = []string{"jurisdictions", "laws", "rights"}
)

func showController(v *visit) error {
	var c map[string]any
	if err := v.get("/controller", &c); err != nil {
		return err
	}
	entered := url.Values{}
	for _, name := range controllerTexts {
		text, _ := c[name].(string)
		entered.Set(name, text)
	}
	for _, name := range controllerLists {
		list, _ := c[name].([]any)
		var lines []string
		for _, line := range list {
			lines = append(lines, fmt.Sprint(line))
		}
		entered.Set(name, strings.Join(lines, "\n"))
	}
	return v.show(http.StatusOK, "admin/controller", false, blank(entered))
}

// setController leaves what the form does not show as it is.
func setController(v *visit) error {
	var c map[string]any
	if err := v.get("/controller", &c); err != nil {
		return err
	}
	for _, name := range controllerTexts {
		c[name] = v.value(name)
	}
	for _, name := range controllerLists {
		c[name] = strings.FieldsFunc(v.value(name), func(r rune) bool { return r == '\n' || r == '\r' })
	}
	if err := v.ask(http.MethodPut, "/controller", c, nil); err != nil {
		return v.mend(err, func(status int, f *form) error { return v.show(status, "admin/controller", false, f) })
	}
	v.here = v.r.URL.Path
	return v.show(http.StatusOK, "admin/controller", true, blank(v.r.PostForm))
}
