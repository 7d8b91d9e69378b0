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

// What the API tells of how a connection stands, and of what its type reaches.
type (
	connectionStanding struct {
		Tried         *pastTrial     `json:"tried"`
		Authorization *authorization `json:"authorization"`
	}
	// trial is what came of trying a connection out.
	trial struct {
		Succeeded bool   `json:"succeeded"`
		Kind      string `json:"kind"`
		Reason    string `json:"reason"`
	}
	pastTrial struct {
		At time.Time `json:"at"`
		trial
	}
	// authorization is whether a person lets a connection be used.
	authorization struct {
		Stands bool       `json:"stands"`
		Since  *time.Time `json:"since"`
		Until  *time.Time `json:"until"`
		At     *time.Time `json:"refused_at"`
		Reason string     `json:"reason"`
	}
	reachedCollection struct {
		Name       string   `json:"name"`
		Identities []string `json:"identities"`
		Fields     []string `json:"fields"`
		Erases     string   `json:"erases"`
		Skipped    bool     `json:"skip_processing"`
	}
	callRate struct {
		Calls    int64  `json:"calls"`
		Seconds  int64  `json:"seconds"`
		Together string `json:"together"`
	}
)

// Per is the key of the word for the time of a rate, "" where it has none of its own.
func (r callRate) Per() string {
	if slices.Contains([]int64{1, 60, 3600, 86400}, r.Seconds) {
		return "rate." + strconv.FormatInt(r.Seconds, 10)
	}
	return ""
}

// Entered is the name of the secret that a host is, "" where it is known which.
func (connectorType) Entered(host string) string {
	if name, is := strings.CutSuffix(strings.TrimPrefix(host, "<"), ">"); is {
		return name
	}
	return ""
}

// todo is a next step with a connection: the key of its words, and where it is done.
type todo struct{ Word, Path string }

// Todo is what is left to be done until the connection is of use, in its order.
func (c connectionView) Todo() (all []todo) {
	if !c.May {
		return nil
	}
	a, tried := c.Standing.Authorization, c.Standing.Tried
	if a != nil && !a.Stands {
		all = append(all, todo{"todo.authorize", "#access"})
	}
	switch {
	case !c.Kind.Tests():
	case tried == nil:
		all = append(all, todo{"todo.try", "#works"})
	case !tried.Succeeded:
		all = append(all, todo{"todo.mend", "#works"})
	}
	if c.Kind.Holds() && len(c.Datasets) == 0 {
		all = append(all, todo{"todo.describe", c.describeAt()})
	}
	if c.System() == "" && c.Systems != nil {
		all = append(all, todo{"todo.link", "#link"})
	}
	return all
}

// describeAt is where what it holds is described: a database can be looked at.
func (c connectionView) describeAt() string {
	if c.Kind.group() == "type.databases" {
		return "/admin/connections/" + url.PathEscape(c.Key) + "/describe"
	}
	return "/admin/new/dataset?connection=" + url.QueryEscape(c.Key)
}

// testConnection shows what came of trying a connection out.
func testConnection(v *visit) error {
	var result trial
	err := v.post("/connections/"+url.PathEscape(v.r.PathValue("key"))+"/test", nil, &result)
	if err == nil {
		return v.connectionOf(http.StatusOK, connectionView{Tested: &result})
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.connection(status, "test", f)
}

// tryConnection shows what came of trying out what a connection would say. Its secrets
// are in nobody's page: a script leaves the form as it is, and else they are entered
// again.
func tryConnection(v *visit) error {
	v.here = "/admin/new/connection/" + url.PathEscape(v.r.PathValue("type"))
	t, err := v.typeOf(v.r.PathValue("type"))
	if err != nil {
		return err
	}
	says, f := v.connectionSays(t, nil)
	if f != nil {
		return v.newForm(http.StatusUnprocessableEntity, t, nil, f)
	}
	if key := v.value("key"); key != "" {
		says["key"] = key
	}
	var result trial
	err = v.post("/connections/try", says, &result)
	if err == nil {
		return v.newForm(http.StatusOK, t, &result, blank(v.r.PostForm))
	}
	f, status, err := v.mistaken(err, t.placesOf(err))
	if err != nil {
		return err
	}
	return v.newForm(status, t, nil, f)
}

// newForm shows the form of a new connection, with what came of trying it out.
func (v *visit) newForm(status int, t connectorType, tried *trial, f *form) error {
	return v.show(status, "admin/connection-new", connectionForm{connectorType: t, New: true, Tried: tried, Form: f}, f)
}

// authorizing is where a person goes to let a connection be used.
type authorizing struct {
	Key   string
	URL   string    `json:"url"`
	Until time.Time `json:"until"`
}

// authorizeConnection shows where a person lets a connection be used. It is another
// site, which no form may lead to.
func authorizeConnection(v *visit) error {
	at := authorizing{Key: v.r.PathValue("key")}
	v.here = "/admin/connections/" + url.PathEscape(at.Key)
	err := v.post("/connections/"+url.PathEscape(at.Key)+"/authorize", nil, &at)
	if err == nil {
		return v.show(http.StatusOK, "admin/connection-authorize", at, nil)
	}
	f, status, err := v.mistaken(err, nil)
	if err != nil {
		return err
	}
	return v.connection(status, "authorize", f)
}

// about reads what belongs to a connection and lies beside it.
func (v *visit) about(c *connectionView) error {
	if c.May = v.session.May(auth.ManageSystems); v.session.May(auth.WriteLinks) {
		var all systemList
		if err := v.get("/systems", &all); err != nil {
			return err
		}
		c.Systems = all.Items
	}
	var sets datasetList
	if err := v.get("/datasets", &sets); err != nil {
		return err
	}
	for _, d := range sets.Items {
		if d.Connection == c.Key {
			c.Datasets = append(c.Datasets, d)
		}
	}
	var err error
	if c.Kind, err = v.typeOf(c.Type); is(err, http.StatusNotFound) {
		c.Kind, err = connectorType{Type: c.Type}, nil // nobody describes it any more
	}
	return err
}
