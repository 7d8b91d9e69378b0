package web

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"volenti.dev/volenti/config/source"
)

type (
	connectorList struct {
		Items []connectorType `json:"items"`
	}
	// connectorType is a type of connection, from which its form is made.
	connectorType struct {
		Type        string              `json:"type"`
		Name        string              `json:"name"`
		Summary     string              `json:"summary"`
		Secrets     []connectorNeed     `json:"secrets"`
		Local       bool                `json:"local"`
		Asks        bool                `json:"asks"`
		Called      bool                `json:"called"`
		Instructed  bool                `json:"instructed"`
		Prefers     int                 `json:"choices_at_once"`
		NoGrants    bool                `json:"no_grants"`
		NoOptOuts   bool                `json:"no_opt_outs"`
		Permits     bool                `json:"permits"`
		Authorized  bool                `json:"authorized"`
		Collections []reachedCollection `json:"collections"`
		Hosts       []string            `json:"hosts"`
		Rates       []callRate          `json:"rates"`
	}
	connectorNeed struct {
		Name     string   `json:"name"`
		Label    string   `json:"label"`
		Required bool     `json:"required"`
		Help     string   `json:"help"`
		Plain    bool     `json:"plain"`
		Options  []string `json:"options"`
		Default  string   `json:"default"`
	}
)

// Title is what a type is called.
func (t connectorType) Title() string { return cmp.Or(t.Name, t.Type) }

// called is what a type is called in this language.
func (l *tongue) called(t connectorType) string { return l.known(t.Title()) }

// about is what helps with a secret, without what it is called.
func (l *tongue) about(s connectorNeed) template.HTML {
	if s.Help == s.Label {
		return ""
	}
	if _, ok := l.translated(s.Help); ok || s.Label == "" {
		return l.tell(s.Help)
	}
	return l.tell(strings.TrimPrefix(strings.TrimPrefix(s.Help, s.Label), ": "))
}

// Tests says whether a connection of it can be tried out.
func (t connectorType) Tests() bool { return !t.Asks && !t.Called && t.Name != "" }

// Holds says whether such a system holds data that requests are about.
func (t connectorType) Holds() bool { return !t.Asks && !t.Called }

// Takes says whether it can take what people choose.
func (t connectorType) Takes() bool { return t.Prefers > 0 || t.Permits }

// types gives those that there are.
func (v *visit) types() ([]connectorType, error) {
	var all connectorList
	err := v.get("/connectors", &all)
	return all.Items, err
}

func (v *visit) typeOf(name string) (connectorType, error) {
	all, err := v.types()
	if err != nil {
		return connectorType{}, err
	}
	for _, t := range all {
		if t.Type == name {
			return t, nil
		}
	}
	return connectorType{}, notFound
}

// typesView is the types to choose from, in groups, and what was looked for.
type typesView struct {
	Query  string
	Groups []typeGroup
}

type typeGroup struct {
	Word  string // its key in the catalogue
	Types []connectorType
}

func chooseType(v *visit) error {
	all, err := v.types()
	if err != nil {
		return err
	}
	view := typesView{Query: strings.TrimSpace(v.r.URL.Query().Get("q"))}
	groups := map[string][]connectorType{}
	for _, t := range all {
		if t.matches(view.Query, v.language) {
			groups[t.group()] = append(groups[t.group()], t)
		}
	}
	for _, word := range []string{"type.databases", "type.vendors", "type.others"} {
		if groups[word] != nil {
			view.Groups = append(view.Groups, typeGroup{word, groups[word]})
		}
	}
	return v.show(http.StatusOK, "admin/connection-types", view, nil)
}

// group is the key of the word for what a type is one of.
func (t connectorType) group() string {
	switch {
	case t.Hosts != nil:
		return "type.vendors"
	case t.Asks, t.Called, t.Instructed:
		return "type.others"
	}
	return "type.databases"
}

// matches says whether all that was looked for is in what is said of the type.
func (t connectorType) matches(query string, l *tongue) bool {
	text := strings.ToLower(strings.Join([]string{t.Type, t.Title(), t.Summary, l.called(t), string(l.tell(t.Summary))}, " "))
	for word := range strings.FieldsSeq(strings.ToLower(query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// connectionForm is what is asked about a connection.
type connectionForm struct {
	connectorType
	New   bool
	Has   []string // secrets that it has
	Tried *trial   // what came of trying it out; nil where nobody has
	Form  *form
}

// Known says whether it has a secret.
func (c connectionForm) Known(secret string) bool { return slices.Contains(c.Has, secret) }

// Kind is its type.
func (c connectionForm) Kind() connectorType { return c.connectorType }

// Field makes the field of a secret, which shows what it is only while it is entered,
// and only where that proves nothing.
func (c connectionForm) Field(s connectorNeed) input {
	name := s.field()
	return input{ID: strings.ReplaceAll(name, ".", "-"), Name: name, Label: s.Name, Value: c.Form.Value(name), Wrong: c.Form.Of(name), Required: s.Required && !c.Known(s.Name)}
}

// secretField begins the names of fields that hold secrets, and plainField of those that
// prove nothing to anybody.
const (
	secretField = "secret."
	plainField  = "plain."
)

func (s connectorNeed) field() string {
	if s.Plain {
		return plainField + s.Name
	}
	return secretField + s.Name
}

// placesOf is placesOf in the form of the type.
func (t connectorType) placesOf(err error) map[string]string {
	fields := placesOf(err)
	for at, name := range fields {
		for _, s := range t.Secrets {
			if name == secretField+s.Name {
				fields[at] = s.field()
			}
		}
	}
	return fields
}

func newConnection(v *visit) error {
	t, err := v.typeOf(v.r.PathValue("type"))
	if err != nil {
		return err
	}
	if t.Local {
		return notFound
	}
	return v.newForm(http.StatusOK, t, nil, blank(nil))
}

func makeConnection(v *visit) error {
	v.here = v.r.URL.Path
	t, err := v.typeOf(v.r.PathValue("type"))
	if err != nil {
		return err
	}
	says, f := v.connectionSays(t, nil)
	if key := v.value("key"); key != "" && f == nil {
		says["key"] = key
	}
	var made connection
	status := http.StatusUnprocessableEntity
	if f == nil {
		err := v.post("/connections", says, &made)
		if err == nil {
			return v.redirect("/admin/connections/" + made.Key)
		}
		if f, status, err = v.mistaken(err, t.placesOf(err)); err != nil {
			return err
		}
	}
	return v.newForm(status, t, nil, f)
}

// connectionView is a connection with what can be done with it.
type connectionView struct {
	connection
	Kind     connectorType
	May      bool // it may be tried out, authorised, changed and removed by the visitor
	Edit     connectionForm
	Systems  []system         // that it may be linked to
	Datasets []datasetSummary // that it serves
	Column   *deliveryColumn  // nil where it takes no choices
	Tested   *trial           // just now
	doing    string
	form     *form
}

// FormOf gives the form of one of the things that can be done.
func (c connectionView) FormOf(does string) *form {
	if does == c.doing {
		return c.form
	}
	return blank(nil)
}

// Whole is the form that was sent, whichever it was.
func (c connectionView) Whole() *form { return c.form }

// Says writes down what the connection says, as in a configuration directory.
func (c connectionView) Says() string { return inYAML(c.Settings) }

func showConnection(v *visit) error { return v.connection(http.StatusOK, "", nil) }

func (v *visit) connection(status int, doing string, f *form) error {
	c := connectionView{doing: doing, form: f}
	return v.connectionOf(status, c)
}

func (v *visit) connectionOf(status int, c connectionView) error {
	at := "/connections/" + url.PathEscape(v.r.PathValue("key"))
	v.here = "/admin" + at
	if err := v.get(at, &c.connection); err != nil {
		return err
	}
	columns, err := v.columns()
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(columns, func(d deliveryColumn) bool { return d.Connection == c.Key }); i >= 0 {
		c.Column = &columns[i]
	}
	if err := v.about(&c); err != nil {
		return err
	}
	if c.form == nil {
		c.form = blank(nil)
	}
	if !c.Managed && c.May {
		c.Edit = connectionForm{connectorType: c.Kind, Has: c.Secrets, Form: c.form}
		if c.doing != "edit" {
			c.Edit.Form = blank(c.entered())
		}
	}
	return v.show(status, "admin/connection", c, c.form)
}

func editConnection(v *visit) error {
	at := "/connections/" + url.PathEscape(v.r.PathValue("key"))
	var is connection
	if err := v.get(at, &is); err != nil {
		return err
	}
	t, err := v.typeOf(is.Type)
	if err != nil {
		return err
	}
	says, f := v.connectionSays(t, is.Secrets)
	if f != nil {
		return v.connection(http.StatusUnprocessableEntity, "edit", f)
	}
	err = v.ask(http.MethodPut, at, says, nil)
	if err == nil {
		return v.redirect("/admin" + at)
	}
	f, status, err := v.mistaken(err, t.placesOf(err))
	if err != nil {
		return err
	}
	return v.connection(status, "edit", f)
}

// linkConnection makes a system the one that a connection belongs to, or none.
func linkConnection(v *visit) error {
	at := "/connections/" + url.PathEscape(v.r.PathValue("key"))
	links := []map[string]string{}
	if system := v.value("system"); system != "" {
		links = append(links, map[string]string{"system_key": system})
	}
	return v.changed(v.ask(http.MethodPut, at+"/links", links, nil), "/admin"+at, "link", v.connection)
}

func removeConnection(v *visit) error {
	if v.value("confirm") != v.r.PathValue("key") {
		return v.connection(http.StatusUnprocessableEntity, "remove", v.lacking("confirm", "systems.unconfirmed"))
	}
	return v.changed(v.ask(http.MethodDelete, "/connections/"+url.PathEscape(v.r.PathValue("key")), nil, nil), "/admin/connections", "remove", v.connection)
}

// asked are the keys of a connection that its form has fields for. What else it says
// stands in the field "more".
var asked = []string{"access", "consent", "data_uses", "datasets", "disabled", "private", "receives"}

// entered gives what a connection says as its form has it.
func (c connection) entered() url.Values {
	consent, _ := c.Settings["consent"].(map[string]any)
	more := maps.Clone(c.Settings)
	maps.DeleteFunc(more, func(key string, _ any) bool { return slices.Contains(asked, key) })
	e := url.Values{
		"name": {c.Name}, "access": {entered(c.Settings["access"])}, "datasets": {entered(c.Settings["datasets"])}, "data_uses": {entered(c.Settings["data_uses"])},
		"disabled": {entered(c.Settings["disabled"])}, "private": {entered(c.Settings["private"])}, "receives": {entered(c.Settings["receives"])},
		"off": {entered(consent["off"])}, "identities": {entered(consent["identities"])}, "schedule": {entered(consent["schedule"])},
		"concurrency": {entered(consent["concurrency"])}, "table": {entered(consent["table"])}, "more": {inYAML(more)},
	}
	if consent != nil {
		e.Set("takes", "true")
	}
	purposes, _ := consent["purposes"].(map[string]any)
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(purposes)) {
		lines = append(lines, key+": "+entered(purposes[key]))
	}
	e.Set("purposes", strings.Join(lines, "\n"))
	return e
}

// entered writes a value, or a list of them, as fields have it.
func entered(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case []any:
		var all []string
		for _, one := range value {
			all = append(all, fmt.Sprint(one))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprint(value)
}

func inYAML(says map[string]any) string {
	if len(says) == 0 {
		return ""
	}
	written, err := yaml.Marshal(says)
	if err != nil {
		return "" // it came as JSON, which YAML has a word for all of
	}
	return string(written)
}

// connectionSays gives what was entered about a connection, which has some secrets
// already, in the words of a configuration directory; or the form, where it cannot be
// said in them.
func (v *visit) connectionSays(t connectorType, has []string) (map[string]any, *form) {
	says, found := v.more()
	says["type"] = t.Type
	for key, value := range map[string]string{
		"name": v.value("name"), "access": v.value("access"), "receives": v.value("receives"),
	} {
		if value != "" {
			says[key] = value
		}
	}
	for _, key := range []string{"datasets", "data_uses"} {
		if all := listOf(v.value(key)); len(all) > 0 {
			says[key] = all
		}
	}
	for _, key := range []string{"disabled", "private"} {
		if v.value(key) != "" {
			says[key] = true
		}
	}
	secrets := map[string]any{}
	for _, s := range t.Secrets {
		name := s.field()
		switch given := v.value(name); {
		case given != "":
			secrets[s.Name] = given
		case v.value("drop."+s.Name) != "":
			secrets[s.Name] = nil
		case s.Required && !slices.Contains(has, s.Name) && v.value("disabled") == "":
			found = append(found, wrong{name, v.language.word("connections.lacking")})
		}
	}
	if len(secrets) > 0 {
		says["secrets"] = secrets
	}
	if v.value("takes") != "" {
		consent, more := v.consentSays()
		says["consent"], found = consent, append(found, more...)
	}
	if len(found) == 0 {
		return says, nil
	}
	f := blank(v.r.PostForm)
	f.Wrong = found
	return nil, f
}

// more reads what the form has no fields for. The reader of configuration directories
// does it: YAML that would cost too much is none for it.
func (v *visit) more() (says map[string]any, found []wrong) {
	says = map[string]any{}
	var report source.Report
	for _, n := range source.Parse("", []byte(v.r.PostForm.Get("more")), &report) {
		if m, ok := n.Value().(map[string]any); ok {
			maps.Copy(says, m)
		} else {
			report.Errorf(n.At, "", "%s", v.language.word("connections.no_mapping"))
		}
	}
	for _, p := range report.Problems() {
		what := p.Message
		if p.Line > 0 {
			what = v.language.word("connections.line", p.Line) + " " + what
		}
		found = append(found, wrong{"more", what})
	}
	return says, found
}

// consentSays gives how the connection takes what people choose.
func (v *visit) consentSays() (says map[string]any, found []wrong) {
	says = map[string]any{}
	if all := listOf(v.value("identities")); len(all) > 0 {
		says["identities"] = all
	}
	if v.value("off") != "" {
		says["off"] = true
	}
	for _, key := range []string{"schedule", "table"} {
		if value := v.value(key); value != "" {
			says[key] = value
		}
	}
	if given := v.value("concurrency"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil {
			found = append(found, wrong{"concurrency", v.language.word("connections.no_number")})
		}
		says["concurrency"] = n
	}
	purposes := map[string]any{}
	for line := range strings.Lines(v.value("purposes")) {
		key, items, ok := strings.Cut(strings.TrimSpace(line), ":")
		if key == "" {
			continue
		}
		if !ok || strings.TrimSpace(items) == "" {
			found = append(found, wrong{"purposes", v.language.word("connections.no_items", key)})
			continue
		}
		var all []string
		for item := range strings.SplitSeq(items, ",") {
			all = append(all, strings.TrimSpace(item))
		}
		purposes[key] = all
	}
	if len(purposes) > 0 {
		says["purposes"] = purposes
	}
	return says, found
}

// placesOf says which fields of a form are meant by the places that a problem names.
func placesOf(err error) map[string]string {
	fields := map[string]string{}
	for _, e := range of(err).Errors {
		at := strings.TrimPrefix(e.Where, "body.")
		plain, _, _ := strings.Cut(at, "[")
		first, rest, deeper := strings.Cut(plain, ".")
		switch {
		case first == "secrets" && deeper:
			fields[at] = secretField + rest
		case first == "consent" && deeper:
			fields[at], _, _ = strings.Cut(rest, ".")
		case first == "consent":
			fields[at] = "identities"
		case slices.Contains(asked, first) || first == "key" || first == "name" || first == "description":
			fields[at] = first
		case at != "body" && first != "secrets" && first != "type":
			fields[at] = "more"
		}
	}
	return fields
}
