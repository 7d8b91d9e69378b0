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
		Overdue int64 `json:"overdue"`
		DueSoon int64 `json:"due_soon"`
		// Unanswered are requests about which the person has written.
		Unanswered int64                    `json:"unanswered"`
		Statuses   map[request.Status]int64 `json:"statuses"`
		Most       int64                    `json:"most"`
	} `json:"requests"`
	Connections *struct {
		All     int64 `json:"all"`
		Failing int64 `json:"failing"`
	} `json:"connections"`
	Choices *struct {
		Day       string    `json:"day"`
		Today     *int64    `json:"today"` // nil for too few to tell, as yesterday
		Yesterday *int64    `json:"yesterday"`
		Records   dayCounts `json:"records"`
	} `json:"choices"`
	Mail bool `json:"mail"`
}

type dayCounts struct {
	Today     int64 `json:"today"`
	Yesterday int64 `json:"yesterday"`
	Most      int64 `json:"most"`
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
	Steps   []step   // of a fresh installation; none once all of them are done
}

// step is what one does first.
type step struct {
	Key, Path string
	Done      bool
}

// Done counts the steps that are.
func (d deskView) Done() (n int) {
	for _, s := range d.Steps {
		if s.Done {
			n++
		}
	}
	return n
}

// Begun says whether most of the steps are done.
func (d deskView) Begun() bool { return 2*d.Done() > len(d.Steps) }

func showDesk(v *visit) error {
	var d deskView
	var o overview
	if v.session.May(auth.ReadRequests) {
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
	if d.Steps, err = v.steps(o.Mail); err != nil {
		return err
	}
	if d.Done() == len(d.Steps) {
		d.Steps = nil
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
	of := func(text string, n, most int64, kind, path string) figure {
		f := figure{Word: text, Number: l.number(n), Path: path}
		if n > 0 {
			f.Kind = kind
		}
		if n == most && n > 0 { // and there may be more
			f.Number += "+"
		}
		return f
	}
	d.Time = []figure{
		of(l.word("desk.overdue"), o.Requests.Overdue, o.Requests.Most, "stop", start+"?due=late"),
		of(l.word("desk.soon"), o.Requests.DueSoon, o.Requests.Most, "wait", start+"?due=7"),
	}
	for _, s := range []struct {
		status request.Status
		kind   string
	}{{request.AwaitingApproval, "wait"}, {request.RequiresInput, "wait"}, {request.AwaitingEmailSend, "wait"}, {request.RequiresFinalization, "wait"}, {request.Paused, "wait"}, {request.Errored, "stop"}} {
		d.Waiting = append(d.Waiting, of(l.name("status", string(s.status)), o.Requests.Statuses[s.status], o.Requests.Most, s.kind, start+"?status="+string(s.status)))
	}
	d.Waiting = append(d.Waiting, of(l.word("desk.unanswered"), o.Requests.Unanswered, o.Requests.Most, "wait", start+"?messages="+unanswered+"&status="+allStatuses))
	if c := o.Connections; c != nil {
		f := of(l.word("desk.failing"), c.Failing, 0, "stop", "/admin/propagation/connections?failing=true")
		f.More = l.word("desk.failing.of", l.number(c.All))
		d.House = append(d.House, f)
	}
	if c := o.Choices; c != nil {
		told := func(n *int64) string {
			if n == nil {
				return l.word("desk.few")
			}
			return l.number(*n)
		}
		day := "?from=" + c.Day + "&to=" + c.Day
		chosen := figure{Word: l.word("desk.choices"), Number: told(c.Today), Path: "/admin/consent/rates" + day, More: l.word("desk.yesterday", told(c.Yesterday))}
		records := of(l.word("desk.records"), c.Records.Today, c.Records.Most, "", "/admin/consent"+day)
		records.More = l.word("desk.yesterday", l.number(c.Records.Yesterday))
		d.House = append(d.House, chosen, records)
	}
}

// steps gives what a fresh installation lacks or has, as far as the operator may see it.
func (v *visit) steps(mail bool) (all []step, err error) {
	for _, one := range []struct {
		scope auth.Scope
		path  string
		least int // so many there must be
		step  step
	}{
		{auth.ReadSystems, "/connections", 1, step{Key: "desk.connect", Path: "/admin/connections"}},
		{auth.ReadRequests, "/public/policies", 1, step{Key: "desk.publish", Path: "/admin/policies"}},
		{auth.ReadRequests, "", 0, step{Key: "desk.mail", Path: "/admin/letters", Done: mail}},
		{auth.ReadConsents, "/sites", 1, step{Key: "desk.site", Path: "/admin/sites"}},
		{auth.ManageAccess, "/operators", 2, step{Key: "desk.invite", Path: "/admin/operators"}},
	} {
		if !v.session.May(one.scope) || !v.opens(one.step.Path) {
			continue
		}
		if one.path != "" {
			var list struct {
				Items []struct {
					Version *int `json:"version"` // of a site, 0 before it is published
				} `json:"items"`
			}
			if err := v.get(one.path, &list); err != nil {
				return nil, err
			}
			n := len(list.Items)
			for _, i := range list.Items {
				if i.Version != nil && *i.Version == 0 {
					n--
				}
			}
			one.step.Done = n >= one.least
		}
		all = append(all, one.step)
	}
	return all, nil
}
