package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/auth"
)

// systemPages are about the systems of the company and the ways to them.
func systemPages() []Page {
	return []Page{
		{Method: http.MethodGet, Path: "/admin/systems", Scope: auth.ReadSystems, Does: "List the systems of the company, and how they stand", Act: listSystems},
		{Method: http.MethodGet, Path: "/admin/new/system", Scope: auth.ManageSystems, Does: "Ask what a system is", Act: newSystem},
		{Method: http.MethodPost, Path: "/admin/new/system", Scope: auth.ManageSystems, Does: "Make a system", Act: makeSystem},
		{Method: http.MethodGet, Path: "/admin/systems/{key}", Scope: auth.ReadSystems, Does: "Show a system with its connections", Act: showSystem},
		{Method: http.MethodPost, Path: "/admin/systems/{key}", Scope: auth.ManageSystems, Does: "Replace what is said of a system", Act: editSystem},
		{Method: http.MethodPost, Path: "/admin/systems/{key}/remove", Scope: auth.ManageSystems, Does: "Remove a system with its links", Act: removeSystem},
		{Method: http.MethodGet, Path: "/admin/connections", Scope: auth.ReadSystems, Does: "List the connections", Act: listConnections},
		{Method: http.MethodGet, Path: "/admin/new/connection", Scope: auth.ManageSystems, Does: "Show the types of connections to choose from", Act: chooseType},
		{Method: http.MethodGet, Path: "/admin/new/connection/{type}", Scope: auth.ManageSystems, Does: "Ask what a connection is", Act: newConnection},
		{Method: http.MethodPost, Path: "/admin/new/connection/{type}", Scope: auth.ManageSystems, Does: "Make a connection", Act: makeConnection},
		{Method: http.MethodPost, Path: "/admin/new/connection/{type}/try", Scope: auth.ManageSystems, Does: "Try out what a connection would say", Act: tryConnection},
		{Method: http.MethodGet, Path: "/admin/connections/{key}", Scope: auth.ReadSystems, Does: "Show a connection, without its secrets", Act: showConnection},
		{Method: http.MethodPost, Path: "/admin/connections/{key}", Scope: auth.ManageSystems, Does: "Replace what a connection says", Act: editConnection},
		{Method: http.MethodPost, Path: "/admin/connections/{key}/test", Scope: auth.ManageSystems, Does: "Try a connection out", Act: testConnection},
		{Method: http.MethodPost, Path: "/admin/connections/{key}/authorize", Scope: auth.ManageSystems, Does: "Say where a person lets a connection be used", Act: authorizeConnection},
		{Method: http.MethodPost, Path: "/admin/connections/{key}/link", Scope: auth.WriteLinks, Does: "Say which system a connection belongs to", Act: linkConnection},
		{Method: http.MethodPost, Path: "/admin/connections/{key}/remove", Scope: auth.ManageSystems, Does: "Remove a connection with its link", Act: removeConnection},
	}
}

// What the API tells of systems and connections.
type (
	systemList struct {
		Items []system `json:"items"`
	}
	system struct {
		Key         string       `json:"key"`
		Name        string       `json:"name"`
		Description string       `json:"description"`
		Uses        []string     `json:"data_uses"`
		Managed     bool         `json:"managed"`
		Created     time.Time    `json:"created_at"`
		Connections []connection `json:"connections"`
	}
	connectionList struct {
		Items []connection `json:"items"`
	}
	connection struct {
		Key      string             `json:"key"`
		Name     string             `json:"name"`
		Type     string             `json:"type"`
		Managed  bool               `json:"managed"`
		Created  time.Time          `json:"created_at"`
		Links    []systemLink       `json:"links"`
		Settings map[string]any     `json:"settings"`
		Secrets  []string           `json:"secrets"`
		Standing connectionStanding `json:"standing"`
	}
	systemLink struct {
		System string  `json:"system_key"`
		Name   *string `json:"system_name"`
	}
)

// Title is what a system is called.
func (s system) Title() string { return cmp.Or(s.Name, s.Key) }

// Title is what a connection is called.
func (c connection) Title() string { return cmp.Or(c.Name, c.Key) }

// System is the key of the system that the connection belongs to; "" for none.
func (c connection) System() string {
	for _, l := range c.Links {
		return l.System
	}
	return ""
}

// columns gives how connections stand that take choices; none where the visitor may
// not know.
func (v *visit) columns() (columns []deliveryColumn, err error) {
	if !v.session.May(auth.ReadDeliveries) {
		return nil, nil
	}
	var m deliveryMatrix
	err = v.get("/deliveries/changes?limit=1", &m)
	return m.Connections, err
}

type systemsView struct {
	Systems []system
	columns []deliveryColumn
}

// Stands is the worst that became of choices at the connections of a system; "" where
// there is nothing.
func (s systemsView) Stands(of system) string {
	worst := ""
	for _, c := range s.columns {
		if c.System == of.Key && len(c.Statuses) > 0 && (worst == "" || slices.Index(severity, c.Status) < slices.Index(severity, worst)) {
			worst = c.Status
		}
	}
	return worst
}

func listSystems(v *visit) error {
	var all systemList
	if err := v.get("/systems", &all); err != nil {
		return err
	}
	columns, err := v.columns()
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "admin/systems", systemsView{all.Items, columns}, nil)
}

func newSystem(v *visit) error { return v.show(http.StatusOK, "admin/system-new", nil, nil) }

func makeSystem(v *visit) error {
	v.here = v.r.URL.Path
	said := v.systemSays()
	said["key"] = v.value("key")
	if said["key"] == "" {
		delete(said, "key")
	}
	var made system
	err := v.post("/systems", said, &made)
	if err == nil {
		return v.redirect("/admin/systems/" + made.Key)
	}
	f, status, err := v.mistaken(err, placesOf(err))
	if err != nil {
		return err
	}
	return v.show(status, "admin/system-new", nil, f)
}

func (v *visit) systemSays() map[string]any {
	return map[string]any{"name": v.value("name"), "description": v.value("description"), "data_uses": listOf(v.value("data_uses"))}
}

// listOf gives what is divided by commas or space. It is never nil.
func listOf(text string) []string {
	return append([]string{}, strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })...)
}

type systemView struct {
	system
	columns []deliveryColumn
	doing   string // the form that was sent
	form    *form
}

// FormOf gives the form of one of the things that can be done.
func (s systemView) FormOf(does string) *form {
	if does == s.doing {
		return s.form
	}
	return blank(url.Values{"name": {s.Name}, "description": {s.Description}, "data_uses": {strings.Join(s.Uses, ", ")}})
}

// Whole is the form that was sent, whichever it was.
func (s systemView) Whole() *form { return s.form }

// Stands is the worst that became of choices at a connection; "" where there is nothing.
func (s systemView) Stands(connection string) string { return standsAt(s.columns, connection) }

func standsAt(columns []deliveryColumn, connection string) string {
	for _, c := range columns {
		if c.Connection == connection && len(c.Statuses) > 0 {
			return c.Status
		}
	}
	return ""
}

func showSystem(v *visit) error { return v.system(http.StatusOK, "", nil) }

func (v *visit) system(status int, doing string, f *form) (err error) {
	at := "/systems/" + url.PathEscape(v.r.PathValue("key"))
	v.here = "/admin" + at
	s := systemView{doing: doing, form: f}
	if err := v.get(at, &s.system); err != nil {
		return err
	}
	if s.columns, err = v.columns(); err != nil {
		return err
	}
	if s.form == nil {
		s.form = blank(nil)
	}
	return v.show(status, "admin/system", s, s.form)
}

func editSystem(v *visit) error {
	at := "/systems/" + url.PathEscape(v.r.PathValue("key"))
	return v.changed(v.ask(http.MethodPut, at, v.systemSays(), nil), "/admin"+at, "edit", v.system)
}

func removeSystem(v *visit) error {
	if v.value("confirm") != v.r.PathValue("key") {
		return v.system(http.StatusUnprocessableEntity, "remove", v.lacking("confirm", "systems.unconfirmed"))
	}
	return v.changed(v.ask(http.MethodDelete, "/systems/"+url.PathEscape(v.r.PathValue("key")), nil, nil), "/admin/systems", "remove", v.system)
}

// changed leads on when something was done, and else shows the page with the form that
// was sent.
func (v *visit) changed(err error, to, doing string, again func(status int, doing string, f *form) error) error {
	if err == nil {
		return v.redirect(to)
	}
	f, status, err := v.mistaken(err, placesOf(err))
	if err != nil {
		return err
	}
	return again(status, doing, f)
}

type connectionsView struct {
	Connections []connection
	columns     []deliveryColumn
}

// Stands is the worst that became of choices at a connection; "" where there is nothing.
func (c connectionsView) Stands(connection string) string { return standsAt(c.columns, connection) }

func listConnections(v *visit) error {
	var all connectionList
	if err := v.get("/connections", &all); err != nil {
		return err
	}
	columns, err := v.columns()
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "admin/connections", connectionsView{all.Items, columns}, nil)
}
