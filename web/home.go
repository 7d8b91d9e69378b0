package web

import (
	"net/http"
	"strings"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
)

// desk is where an operator begins.
const desk = "/admin"

// homePages are what operators see first.
func homePages() []Page {
	return []Page{{Method: http.MethodGet, Path: desk, Scope: auth.OwnSession, Does: "Show what waits for whom", Act: showDesk}}
}

// overview is what the API counts.
type overview struct {
	Requests struct {
		Overdue  int64                    `json:"overdue"`
		DueSoon  int64                    `json:"due_soon"`
		Statuses map[request.Status]int64 `json:"statuses"`
		Most     int64                    `json:"most"`
	} `json:"requests"`
	Connections *struct {
		All     int64 `json:"all"`
		Failing int64 `json:"failing"`
	} `json:"connections"`
	Choices *struct {
		Today     int64 `json:"today"`
		Yesterday int64 `json:"yesterday"`
	} `json:"choices"`
}

// figure is a number with what it counts, and the list of it.
type figure struct {
	Word   string
	Number string
	Kind   string // as of a status; "" where nothing has to be done
	Path   string // "" where the operator may not see the list
	More   string // beside it, in words
}

// deskView is the home page of operators.
type deskView struct {
	Time    []figure // by when something is due
	Waiting []figure // on whom
	House   []figure // how systems and sites stand
	Steps   []step   // of a fresh installation, those that are to be done
}

// step is what one does first.
type step struct{ Key, Path string }

func showDesk(v *visit) error {
	var d deskView
	if v.session.May(auth.ReadRequests) {
		var o overview
		if err := v.get("/overview", &o); err != nil {
			return err
		}
		d.count(o, v.language)
	}
	for _, figures := range [][]figure{d.Time, d.Waiting, d.House} {
		for i, f := range figures {
			if !v.opens(f.Path) {
				figures[i].Path = ""
			}
		}
	}
	var err error
	if d.Steps, err = v.steps(); err != nil {
		return err
	}
	return v.show(http.StatusOK, "admin/home", d, nil)
}

// opens says whether the operator may see a page.
func (v *visit) opens(at string) bool {
	path, _, _ := strings.Cut(at, "?")
	page, there := v.p.paths[path].pages[http.MethodGet]
	return there && v.session.May(page.Scope)
}

func (d *deskView) count(o overview, l *tongue) {
	of := func(text string, n int64, kind, path string) figure {
		f := figure{Word: text, Number: l.number(n), Path: path}
		if n > 0 {
			f.Kind = kind
		}
		if n == o.Requests.Most {
			f.Number += "+"
		}
		return f
	}
	d.Time = []figure{
		of(l.word("desk.overdue"), o.Requests.Overdue, "stop", start+"?due=late"),
		of(l.word("desk.soon"), o.Requests.DueSoon, "wait", start+"?due=7"),
	}
	for _, s := range []struct {
		status request.Status
		kind   string
	}{{request.AwaitingApproval, "wait"}, {request.RequiresInput, "wait"}, {request.AwaitingEmailSend, "wait"}, {request.RequiresFinalization, "wait"}, {request.Paused, "wait"}, {request.Errored, "stop"}} {
		d.Waiting = append(d.Waiting, of(l.name("status", string(s.status)), o.Requests.Statuses[s.status], s.kind, start+"?status="+string(s.status)))
	}
	if c := o.Connections; c != nil {
		f := of(l.word("desk.failing"), c.Failing, "stop", "/admin/propagation/connections")
		f.More = l.word("desk.failing.of", l.number(c.All))
		d.House = append(d.House, f)
	}
	if c := o.Choices; c != nil {
		f := of(l.word("desk.choices"), c.Today, "", "/admin/sites")
		f.More = l.word("desk.choices.yesterday", l.number(c.Yesterday))
		d.House = append(d.House, f)
	}
}

// steps gives what a fresh installation lacks, as far as the operator may see it.
func (v *visit) steps() (todo []step, err error) {
	for _, one := range []struct {
		scope auth.Scope
		path  string
		step  step
	}{
		{auth.ReadSystems, "/connections", step{"desk.connect", "/admin/connections"}},
		{auth.ReadRequests, "/public/policies", step{"desk.publish", "/admin/policies"}},
		{auth.ReadConsents, "/sites", step{"desk.site", "/admin/sites"}},
	} {
		var list struct {
			Items []struct{} `json:"items"`
		}
		if !v.session.May(one.scope) || !v.opens(one.step.Path) {
			continue
		}
		if err := v.get(one.path, &list); err != nil {
			return nil, err
		}
		if len(list.Items) == 0 {
			todo = append(todo, one.step)
		}
	}
	return todo, nil
}
