package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
)

// lateSystem is a system over SQLite that answers later what the files beside its
// database say: TABLE.later is how ("polling", "callback", or "never"), TABLE.ready
// lies there when it is done. Each thing that it is asked is a line of the file
// asked. It keeps nothing in memory, so that it is the same in every process.
type lateSystem struct {
	whole
	dir   string
	facts connector.Facts
}

type whole interface {
	connector.Connector
	connector.Describer
	connector.Reader
	connector.Masker
	connector.Deleter
	connector.Verifier
}

// answersLater makes the SQLite of a registry such a system.
func answersLater(r connector.Registry) connector.Registry {
	spec := r["sqlite"]
	inner := spec.New
	spec.New = func(s connector.Settings) (connector.Connector, error) {
		c, err := inner(s)
		if err != nil {
			return nil, err
		}
		return &lateSystem{whole: c.(whole), dir: filepath.Dir(strings.TrimPrefix(s.Secrets["url"], "sqlite:"))}, nil
	}
	r["sqlite"] = spec
	return r
}

func (l *lateSystem) About(f connector.Facts) connector.Connector {
	told := *l
	told.facts = f
	return &told
}

func (l *lateSystem) file(name string) string {
	b, _ := os.ReadFile(filepath.Join(l.dir, name))
	return string(b)
}

// begin gives a Waiting where a table answers later.
func (l *lateSystem) begin(ctx context.Context, does, table string) error {
	w := &connector.Waiting{Again: time.Now().Add(20 * time.Millisecond), Until: time.Now().Add(time.Hour)}
	token := ""
	switch how := l.file(table + ".later"); how {
	case "":
		return nil
	case "never":
		w.Until = w.Again
	case "callback":
		if l.facts.Reply == nil {
			return &connector.Error{Kind: connector.Permanent, Connection: "late", Doing: does, Reason: "nobody can call back"}
		}
		_, given, err := l.facts.Reply(ctx, 1)
		if err != nil {
			return err
		}
		w.Again, token = time.Time{}, " "+given
	}
	w.State, _ = json.Marshal(w.Until)
	f, err := os.OpenFile(filepath.Join(l.dir, "asked"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, does+" "+table+token)
		err = errors.Join(err, f.Close())
	}
	return errors.Join(err, w)
}

// ready gives a Waiting while a table is not done.
func (l *lateSystem) ready(table string, state []byte, answers map[int][]byte) error {
	var until time.Time
	if err := json.Unmarshal(state, &until); err != nil {
		return err
	}
	polled := l.file(table+".later") != "callback"
	switch {
	case !polled && answers[1] != nil, polled && l.file(table+".ready") != "":
		return nil
	case !time.Now().Before(until):
		return &connector.Error{Kind: connector.Permanent, Connection: "late", Doing: "read " + table, Reason: "it has not finished in time"}
	}
	w := &connector.Waiting{Until: until, State: state}
	if polled {
		w.Again = time.Now().Add(20 * time.Millisecond)
	}
	return w
}

func (l *lateSystem) Later(t *catalogue.Table) bool { return l.file(t.Name.Table+".later") != "" }

func (l *lateSystem) Read(ctx context.Context, r connector.Read, each func(connector.Row) error) (connector.ReadResult, error) {
	if err := l.begin(ctx, "read", r.Table.Name.Table); err != nil {
		return connector.ReadResult{}, err
	}
	return l.whole.Read(ctx, r, each)
}

func (l *lateSystem) Resume(ctx context.Context, r connector.Read, state []byte, answers map[int][]byte, each func(connector.Row) error) (connector.ReadResult, error) {
	if err := l.ready(r.Table.Name.Table, state, answers); err != nil {
		return connector.ReadResult{}, err
	}
	return l.whole.Read(ctx, r, each)
}

func (l *lateSystem) Mask(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	if err := l.begin(ctx, "mask", b.Table.Name.Table); err != nil {
		return nil, err
	}
	return l.whole.Mask(ctx, b)
}

func (l *lateSystem) ResumeMask(ctx context.Context, b connector.Batch, state []byte, answers map[int][]byte) ([]connector.Outcome, error) {
	if err := l.ready(b.Table.Name.Table, state, answers); err != nil {
		return nil, err
	}
	b.Guard = nil
	return l.whole.Mask(ctx, b)
}

var _ connector.Resumer = (*lateSystem)(nil)

// later lets a table of the target answer later.
func (w *world) later(table, how string) { w.put(table+".later", how) }
func (w *world) ready(table string)      { w.put(table+".ready", "yes") }

func (w *world) put(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// asked lists what the system was asked and answers later, in order.
func (w *world) asked() []string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "asked"))
	if err != nil && !os.IsNotExist(err) {
		w.t.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(strings.TrimSpace(string(b)), " ", "_"))
}

// token gives the one that the system was sent with a question, once it was asked.
func (w *world) token(question string) string {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		for _, line := range w.asked() {
			if token, ok := strings.CutPrefix(line, question+"_vb_"); ok {
				return "vb_" + token
			}
		}
	}
	w.t.Fatalf("it was not asked to %s", question)
	return ""
}

// latecomers is a shop with leads besides, that are found on their own.
func latecomers(t *testing.T, store string) *world {
	w := newWorld(t, store, "sqlite")
	w.exec("CREATE TABLE lead (id INTEGER PRIMARY KEY, email VARCHAR(60), name VARCHAR(40));\nINSERT INTO lead VALUES (1, 'anna@example.com', 'Anna'), (2, 'ben@example.com', 'Ben');\n")
	w.configure(shopDataset+`  - name: lead
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
    - {name: name, data_categories: [user.name]}
`, shopPolicies)
	return w
}

// newLateSite starts a server on a shop whose system answers later.
func newLateSite(t *testing.T, db *storetest.Database) *site {
	s := newSiteWith(t, db, func(srv *Server) { srv.Configuration.Registry = answersLater(builtin.Registry()) })
	s.world = latecomers(t, "sqlite")
	return s
}

// rests waits until a request is in nobody's hands and waits for its systems.
func (s *site) rests(id string) api.RequestWithReport {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(10 * time.Millisecond) {
		r := s.await(id, request.InProcessing)
		var owner string
		s.must(s.db.Raw(s.t).QueryRow(`SELECT lease_owner FROM requests WHERE id = '` + id + `'`).Scan(&owner))
		if r.Parked != nil && owner == "" {
			return r
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("it does not wait: %+v\n%s", r, s.log)
		}
	}
}

func (s *site) replyTo(token, body string) reply {
	s.t.Helper()
	return s.send("POST", api.CallbackPath, "", strings.NewReader(body), "Content-Type", "application/json", "Reply-To-Token", token)
}

func statusOf(r api.RequestWithReport, address, action string) (status, message string) {
	for _, c := range r.Report.Collections {
		if c.Address == address && c.Action == action {
			return c.Status, c.Message
		}
	}
	return "", ""
}

const anyAnswer = `{"access_results":[]}`

// Customers are polled, leads are called back; each is ready in its own time, and
// the server holds nothing meanwhile.
func TestARequestWaitsForSystemsInNobodysHandsAndGoesOnWithEach(t *testing.T) { // H14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newLateSite(t, db)
		s.world.later("customer", "polling")
		s.world.later("lead", "callback")
		s.openShop()
		r := s.submit("access", "anna@example.com")
		s.approve(r)
		token := s.world.token("read_lead")
		waits := s.rests(r.ID)
		for _, address := range []string{"shop:customer", "shop:lead"} {
			if status, message := statusOf(waits, address, "access"); status != string(request.Waiting) || !strings.HasPrefix(message, "waits for db until 20") {
				t.Errorf("%s is %s: %s", address, status, message)
			}
		}
		if needed := strings.Join(waits.Parked.Needed, ", "); !strings.HasPrefix(needed, "waits for db until 20") {
			t.Errorf("it says %q", needed)
		}
		if status, _ := statusOf(waits, "shop:orders", "access"); status != string(request.Pending) {
			t.Errorf("orders, which follow customers, are %s", status)
		}
		s.problem("nonsense", s.replyTo(token, `{"rows": 1}`), http.StatusUnprocessableEntity)
		if got := s.replyTo(token, anyAnswer); got.status != http.StatusNoContent {
			t.Fatalf("the answer: %d %s", got.status, got.body)
		}
		second, unknown := s.replyTo(token, anyAnswer), s.replyTo("vb_0000", anyAnswer)
		s.problem("a second answer", second, http.StatusConflict)
		if second.status != unknown.status || problemDetail(second.body) != problemDetail(unknown.body) {
			t.Errorf("one that was used says %s, one that is unknown %s", second.body, unknown.body)
		}
		for status := ""; status != string(request.Done); <-time.After(10 * time.Millisecond) {
			status, _ = statusOf(s.await(r.ID, request.InProcessing), "shop:lead", "access")
		}
		s.rests(r.ID)
		s.world.ready("customer")
		done := s.await(r.ID, request.Complete)
		for address, rows := range map[string]int64{"shop:customer": 1, "shop:orders": 2, "shop:note": 2, "shop:lead": 1} {
			if c := done.Report.Collections[slices.IndexFunc(done.Report.Collections, func(c api.Collection) bool { return c.Address == address })]; c.RowsRead != rows || c.Attempts != 1 {
				t.Errorf("%s: %+v", address, c)
			}
		}
		asked := s.world.asked()
		slices.Sort(asked)
		s.world.equal("each was asked once", asked, []string{"read_customer", "read_lead_" + token})
		var log api.LogPage
		s.ask("GET", "/api/v1/requests/"+r.ID+"/log", "", http.StatusOK, &log)
		lines := 0
		for _, l := range log.Items {
			if l.Address == "shop:customer" && l.Status == string(request.Waiting) {
				lines++
			}
		}
		if lines != 1 {
			t.Errorf("the log says %d times that customers are waited for", lines)
		}
		if starts := len(slices.DeleteFunc(s.actsOn("request/"+r.ID), func(act string) bool { return act != "request.start" })); starts != 1 {
			t.Errorf("it began %d times", starts)
		}
		s.problem("an answer after the end", s.replyTo(token, anyAnswer), http.StatusConflict)
	})
}

func problemDetail(body string) string {
	var p struct {
		Detail string `json:"detail"`
	}
	_ = json.Unmarshal([]byte(body), &p)
	return p.Detail
}

// Masks are asked for once, too, and what follows them waits.
func TestAnErasureWaitsForSystemsAndIsVerified(t *testing.T) { // H14, X10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newLateSite(t, db)
		s.openShop()
		s.world.later("lead", "callback")
		r := s.submit("erasure", "anna@example.com")
		s.approve(r)
		answered := map[string]bool{}
		for len(answered) < 4 { // access, recheck, erasure, verification
			s.rests(r.ID)
			for _, line := range s.world.asked() {
				if at := strings.Index(line, "vb_"); !answered[line[at:]] {
					answered[line[at:]] = true
					if got := s.replyTo(line[at:], `{"access_results":[],"rows_masked":1}`); got.status != http.StatusNoContent {
						t.Fatalf("the answer: %d %s", got.status, got.body)
					}
				}
			}
		}
		done := s.await(r.ID, request.Complete)
		c := done.Report.Collections[slices.IndexFunc(done.Report.Collections, func(c api.Collection) bool { return c.Address == "shop:lead" && c.Action == "erasure" })]
		if c.RowsMasked != 1 || c.RowsAlready != 0 || !c.Verified || c.Attempts != 1 {
			t.Errorf("leads: %+v", c)
		}
		var does []string
		for _, line := range s.world.asked() {
			does = append(does, line[:strings.Index(line, "_vb_")])
		}
		s.world.equal("what was asked", does, []string{"read_lead", "read_lead", "mask_lead", "read_lead"})
		s.world.equal("others", s.world.table("SELECT id, name FROM lead ORDER BY id"), []string{"1|<null>", "2|Ben"})
	})
}

func TestASystemThatNeverAnswersStopsTheRequestAndIsAskedAnew(t *testing.T) { // H14, E10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newLateSite(t, db)
		s.openShop()
		s.world.later("lead", "never")
		r := s.submit("access", "anna@example.com")
		s.approve(r)
		stopped := s.await(r.ID, request.Errored)
		if stopped.Parked == nil || stopped.Parked.Collection != "shop:lead" || !strings.Contains(stopped.Message, "not finished in time") {
			t.Errorf("it says %q, %+v", stopped.Message, stopped.Parked)
		}
		s.world.later("lead", "polling")
		s.world.ready("lead")
		s.act(r.ID, "retry", `{}`)
		s.await(r.ID, request.Complete)
		s.world.equal("what was asked", s.world.asked(), []string{"read_lead", "read_lead"})
	})
}

func TestWhatWaitsCanBeSkippedAndTheRequestCanceled(t *testing.T) { // H14, X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newLateSite(t, db)
		s.openShop()
		s.world.later("lead", "callback")
		r := s.submit("access", "anna@example.com")
		s.approve(r)
		s.rests(r.ID)
		if got := s.act(r.ID, "skip", `{"collection":"shop:lead","reason":"the vendor is gone"}`); got.status != http.StatusOK {
			t.Fatalf("skip: %d %s", got.status, got.body)
		}
		if done := s.await(r.ID, request.CompleteWithResidue); len(done.Report.Collections) == 0 {
			t.Errorf("%+v", done.Report)
		}
		other := s.submit("access", "ben@example.com")
		s.approve(other)
		s.rests(other.ID)
		asked := s.world.asked()
		if got := s.act(other.ID, "cancel", ""); got.status != http.StatusOK {
			t.Fatalf("cancel: %d %s", got.status, got.body)
		}
		for _, line := range asked {
			s.problem("an answer after the end", s.replyTo(line[strings.Index(line, "vb_"):], anyAnswer), http.StatusConflict)
		}
	})
}

// The server is killed while a request waits. An embedded one is started again;
// of two on one database the other goes on.
func TestAKilledServersWaitingRequestLosesNothingAndAsksNothingTwice(t *testing.T) { // H14, R1
	t.Parallel()
	bothStores(t, func(t *testing.T, kind string) {
		w := latecomers(t, kind)
		w.later("customer", "polling")
		w.later("lead", "callback")
		s := &site{t: t, log: w.log, world: w}
		data := filepath.Join(w.dir, "data")
		house, err := Open(t.Context(), Config{Data: data, Database: w.house.Database, MasterKey: childsKey})
		s.must(err)
		s.db = &storetest.Database{DB: house.Store}
		w.apply(&storeOf{house.Store, store.DefaultTenant})
		s.key = s.makeKey(store.DefaultTenant, time.Time{}, auth.Scopes()...)
		s.must(house.Close())
		w.put("late", "yes")

		url, first := s.child(data, w.house.Database)
		s.url = url
		r := s.submit("access", "anna@example.com")
		s.approve(r)
		token := w.token("read_lead")
		if w.house.Database != "" {
			s.url, _ = s.child(filepath.Join(w.dir, "other"), w.house.Database)
		}
		for status := ""; status != string(request.Waiting); <-time.After(10 * time.Millisecond) {
			status, _ = statusOf(s.await(r.ID, request.InProcessing), "shop:lead", "access")
		}
		s.must(first.Process.Kill())
		_ = first.Wait()
		if w.house.Database == "" {
			s.url, _ = s.child(data, "")
		}
		if got := s.replyTo(token, anyAnswer); got.status != http.StatusNoContent {
			t.Fatalf("the answer: %d %s", got.status, got.body)
		}
		w.ready("customer")
		done := s.await(r.ID, request.Complete)
		for _, c := range done.Report.Collections {
			if want := map[string]int64{"shop:customer": 1, "shop:orders": 2, "shop:note": 2, "shop:lead": 1}[c.Address]; c.RowsRead != want {
				t.Errorf("%s: %+v", c.Address, c)
			}
		}
		asked := w.asked()
		slices.Sort(asked)
		w.equal("each was asked once", asked, []string{"read_customer", "read_lead_" + token})
	})
}

// The command line waits in place, and asks nobody who would call back.
func TestTheCommandLineWaitsInPlace(t *testing.T) { // H14
	t.Parallel()
	bothStores(t, func(t *testing.T, kind string) {
		w := latecomers(t, kind)
		w.later("customer", "polling")
		var told []string
		w.tell = func(e fulfill.Event) {
			if e.Status == request.Waiting {
				told = append(told, e.Address+" "+e.Message)
				w.ready("customer")
			}
		}
		d := w.open()
		d.Systems = NewSystems(d.config, answersLater(builtin.Registry()))
		report := d.run("access", "anna@example.com")
		if len(told) != 1 || !strings.HasPrefix(told[0], "shop:customer waits for db until 20") || line(report, "shop:orders", request.Access).RowsRead != 2 {
			t.Errorf("it told %v, and found %+v", told, report.Collections)
		}
		w.later("customer", "callback")
		if report, err := d.Run(t.Context(), d.submit("access", "ben@example.com")); err == nil || !strings.Contains(report.Message, "nobody can call back") {
			t.Errorf("%s, %v", report.Message, err)
		}
		w.equal("what was asked", w.asked(), []string{"read_customer"})
	})
}
