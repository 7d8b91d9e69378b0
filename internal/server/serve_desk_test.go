package server

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/deadline"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

// openShop applies the configuration of the shop for both tenants, once.
func (s *site) openShop() {
	s.t.Helper()
	s.shop.Do(func() {
		w := s.world
		if w == nil {
			w = newWorld(s.t, "sqlite", "sqlite")
			s.world = w
		}
		for _, tenant := range []string{store.DefaultTenant, otherTenant} {
			w.apply(&storeOf{s.db.DB, tenant})
		}
		latest := NewLatest(s.db.DB, config.Options{Registry: builtin.Registry(), Describe: builtin.Describe})
		defer func() { s.must(latest.Close()) }()
		e, release, err := latest.Use(s.t.Context(), store.DefaultTenant)
		s.must(err)
		defer release()
		s.plan, err = e.plan(s.t.Context(), "erasure", []subject.Type{subject.Email}, "2026-11-26")
		s.must(err)
	})
}

type storeOf struct {
	*store.DB
	tenant string
}

// apply makes the configuration directory the latest version of a tenant.
func (w *world) apply(db *storeOf) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "config")
	names, err := os.ReadDir(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	var files []source.File
	for _, n := range names {
		data, err := os.ReadFile(filepath.Join(dir, n.Name()))
		if err != nil {
			w.t.Fatal(err)
		}
		files = append(files, source.File{Name: n.Name(), Data: data})
	}
	seen, err := db.Connections().Seen(w.t.Context(), db.tenant)
	if err != nil {
		w.t.Fatal(err)
	}
	c, _ := config.Read(files, config.Options{Registry: builtin.Registry(), Describe: builtin.Describe})
	if _, err := db.Configurations().Apply(w.t.Context(), db.tenant, files, c.Declared(), seen.Inventory, act("config.apply")); err != nil {
		w.t.Fatal(err)
	}
}

// makeRequestFor makes a request in a status in which the route is possible.
func (s *site) makeRequestFor(route api.Route, tenant string) string {
	s.t.Helper()
	s.openShop()
	plan, err := json.Marshal(s.plan)
	s.must(err)
	r := request.Request{ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: "erasure", Status: request.AwaitingApproval, PlanHash: s.plan.Hash, Plan: plan, Law: "gdpr"}
	r.Received, r.Due = time.Now().UTC(), time.Now().UTC().AddDate(0, 1, 0)
	switch _, does, _ := strings.Cut(route.Path, "{id}/"); does {
	case "retry", "skip", "finalise":
		r.Status = request.Errored
	case "vouch":
		r.Status, r.PlanHash, r.Plan, r.Author = request.IdentityUnverified, "", nil, byPerson
		s.must(s.db.Intake().Submit(s.t.Context(), r, person(s.t, subject.Email, "anna@example.com"), nil, nil, act("request.submit")))
		return r.ID
	case "finish", "values", "values/leave", "values/back", "package/rows", "package/omissions", "package/omissions/remove":
		r.Status = request.RequiresFinalization
	}
	var who []subject.Identity
	if strings.HasSuffix(route.Path, "/resubmit") {
		r.Status, who = request.Canceled, person(s.t, subject.Email, "anna@example.org")
	}
	s.must(s.db.Requests().Create(s.t.Context(), r, who, act("request.vouch")))
	if strings.HasSuffix(route.Path, "/continue") {
		s.must(s.db.Requests().StopClock(s.t.Context(), tenant, r.ID, deadline.Identity, deadline.Rules{}, act("request.stop_clock")))
	}
	if strings.Contains(route.Path, "/package") || strings.Contains(route.Path, "/values") || strings.HasSuffix(route.Path, "/preview") {
		for name, text := range map[string]string{packageName: "the package", accessName: `{"shop:customer":[{"email":"anna@example.com"}]}`, fulfill.AddressName: "anna@example.com"} {
			s.must(shelf{packages: s.packs, tenant: tenant, id: r.ID}.Put(s.t.Context(), name, func(w io.Writer) error {
				_, err := fmt.Fprint(w, text)
				return err
			}))
		}
		if r.Status != request.RequiresFinalization {
			s.must(s.db.Requests().Apply(s.t.Context(), tenant, r.ID, request.Cancel, act("request.cancel")))
		}
	}
	if strings.HasSuffix(route.Path, "/messages/settle") {
		_, _, err := s.db.Messages().Write(s.t.Context(), tenant, r.ID, store.Written{From: request.FromPerson, Text: subject.Conceal("Hello"), Once: "a", Entry: act("message.receive")})
		s.must(err)
	}
	return r.ID
}

// someID is in examples of bodies.
const someID = "0198c0de-0000-7000-8000-000000000001"

// aboutShop makes an example one of the shop.
func (s *site) aboutShop(body string) string {
	s.openShop()
	return strings.NewReplacer("shop:customers", "shop:customer", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", s.plan.Hash).Replace(body)
}

// submission is the body of one.
func submission(policy, email string) string {
	return fmt.Sprintf(`{"policy":%q,"identities":[{"type":"email","value":%q}]}`, policy, email)
}

// submit submits a request, as the holder of s.key.
func (s *site) submit(policy, email string) (r api.Request) {
	s.t.Helper()
	s.ask("POST", "/api/v1/requests", submission(policy, email), http.StatusCreated, &r)
	return r
}

// submitTo is submit by somebody who wants the person to get letters.
func (s *site) submitTo(policy, email string) (r api.Request) {
	s.t.Helper()
	s.ask("POST", "/api/v1/requests", strings.TrimSuffix(submission(policy, email), "}")+`,"deliver":true}`, http.StatusCreated, &r)
	return r
}

// act does something with a request and gives the answer.
func (s *site) act(id, does, body string) reply {
	s.t.Helper()
	return s.actAs(s.key, id, does, body)
}

func (s *site) actAs(key, id, does, body string) reply {
	s.t.Helper()
	return s.send("POST", "/api/v1/requests/"+id+"/"+does, key, strings.NewReader(body), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json")
}

func (s *site) approve(r api.Request) {
	s.t.Helper()
	if got := s.act(r.ID, "approve", `{"plan_hash":"`+r.PlanHash+`"}`); got.status != http.StatusOK {
		s.t.Fatalf("approve: %d %s", got.status, got.body)
	}
}

// await waits until a request is in one of the statuses.
func (s *site) await(id string, in ...request.Status) (r api.RequestWithReport) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		r = api.RequestWithReport{} // what is absent now may have been there before
		s.ask("GET", "/api/v1/requests/"+id, "", http.StatusOK, &r)
		if slices.Contains(in, request.Status(r.Status)) {
			return r
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("request is %s: %s\n%s", r.Status, r.Message, s.log)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// actsOn lists what the audit log says of an object.
func (s *site) actsOn(object string) (acts []string) {
	s.t.Helper()
	all, err := s.db.Audit().Records(s.t.Context(), store.DefaultTenant, 0, 100_000)
	s.must(err)
	for _, r := range all {
		if r.Object == object {
			acts = append(acts, r.Act)
		}
	}
	return acts
}

func TestAccessLivesFromItsSubmissionToTheEndOfItsPackage(t *testing.T) { // X1, X2, X22, SE16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		r := s.submit("access", " ANNA@example.com ")
		if r.Status != string(request.AwaitingApproval) || len(r.PlanHash) != 64 {
			t.Errorf("submitted: %+v", r)
		}
		var plan graph.Plan
		s.ask("GET", "/api/v1/requests/"+r.ID+"/plan", "", http.StatusOK, &plan)
		if plan.Hash != r.PlanHash || len(plan.Nodes) != 3 || plan.Verify() != nil {
			t.Errorf("the plan: %+v", plan)
		}
		s.problem("another hash", s.act(r.ID, "approve", `{"plan_hash":"`+strings.Repeat("0", 64)+`"}`), http.StatusConflict)
		s.approve(r)
		if done := s.await(r.ID, request.Complete); len(done.Report.Collections) != 3 {
			t.Errorf("the report: %+v", done.Report)
		}
		s.problem("approved again", s.act(r.ID, "approve", `{"plan_hash":"`+r.PlanHash+`"}`), http.StatusConflict)

		got := s.get("/api/v1/requests/" + r.ID + "/package")
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/zip" || !strings.Contains(unzipped(t, got.body), "Hauptweg 1") {
			t.Errorf("the package: %d, %v, %d bytes", got.status, got.header, len(got.body))
		}
		s.problem("of a rule that is none", s.get("/api/v1/requests/"+r.ID+"/package?rule=none"), http.StatusNotFound)
		for name, sealed := range filesBelow(t, s.packed) {
			if bytes.Contains(sealed, []byte("Hauptweg")) || bytes.HasPrefix(sealed, []byte("PK")) {
				t.Errorf("%s lies there in the clear", name)
			}
		}
		if got := s.act(r.ID, "package/destroy", ""); got.status != http.StatusOK {
			t.Errorf("destroy: %d %s", got.status, got.body)
		}
		s.problem("destroyed again", s.act(r.ID, "package/destroy", ""), http.StatusNotFound)
		s.problem("read after that", s.get("/api/v1/requests/"+r.ID+"/package"), http.StatusNotFound)
		if left := filesBelow(t, s.packed); len(left) > 0 {
			t.Errorf("files are left: %v", left)
		}

		var log api.LogPage
		s.ask("GET", "/api/v1/requests/"+r.ID+"/log?limit=2", "", http.StatusOK, &log)
		if len(log.Items) != 2 || log.Next == nil || log.Items[0].Address != "shop:customer" || log.Items[0].RowsRead != 1 {
			t.Errorf("the log: %+v", log)
		}
		s.world.equal("acts", s.actsOn("request/"+r.ID), []string{"request.vouch", "request.approve", "request.start", "request.package", "request.complete"})
		s.world.equal("acts on the package", s.actsOn("package/"+r.ID), []string{"package.read", "package.read", "package.destroy", "package.read"})
		for line := range strings.Lines(s.log.String()) {
			if strings.Contains(strings.ToLower(line), "anna") {
				t.Errorf("the log names the person: %s", line)
			}
		}
	})
}

func unzipped(t *testing.T, body string) (all string) {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	return all
}

func filesBelow(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestErasureIsCarriedOutWhenItsPlanIsApproved(t *testing.T) { // X1, X2, X22
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		r, kept := s.submit("erasure", "anna@example.com"), s.submit("erasure", "ben@example.com")
		s.approve(r)
		done := s.await(r.ID, request.Complete)
		for _, c := range done.Report.Collections {
			if c.Action == "erasure" && !c.Verified {
				t.Errorf("%s is not verified", c.Address)
			}
		}
		names := "SELECT id, name FROM customer ORDER BY id"
		s.world.equal("customers", s.world.table(names), []string{"0|<null>", "1|Ben", "2|Cleo"})
		if got := s.act(kept.ID, "deny", `{"reason":"it was not Ben"}`); got.status != http.StatusOK || !strings.Contains(got.body, "it was not Ben") || !strings.Contains(got.body, `"denied"`) {
			t.Errorf("denied: %d %s", got.status, got.body)
		}
		s.problem("approved when it is denied", s.act(kept.ID, "approve", `{"plan_hash":"`+kept.PlanHash+`"}`), http.StatusConflict)
		s.world.equal("acts", s.actsOn("request/"+kept.ID), []string{"request.vouch", "request.deny"})
		s.world.equal("Ben stays", s.world.table(names), []string{"0|<null>", "1|Ben", "2|Cleo"})
	})
}

func TestWhatCannotBeSubmittedIsToldAndNothingIsStored(t *testing.T) { // X1, X28
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		refused := func(what, body string, status int, says string) {
			t.Helper()
			got := s.send("POST", "/api/v1/requests", s.key, strings.NewReader(body), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json")
			s.problem(what, got, status)
			if !strings.Contains(got.body, says) || strings.Contains(got.body, "anna") {
				t.Errorf("%s: it says %s", what, got.body)
			}
			var page api.RequestPage
			s.ask("GET", "/api/v1/requests", "", http.StatusOK, &page)
			if len(page.Items) > 0 {
				t.Errorf("%s: a request was stored", what)
			}
		}
		anna := submission("erasure", "anna@example.com")
		refused("no configuration", anna, http.StatusConflict, "volenti apply")
		s.openShop()
		w, mine := s.world, &storeOf{db.DB, store.DefaultTenant}
		refused("no such policy", submission("nothing", "anna@example.com"), http.StatusUnprocessableEntity, "there are: access, erasure")
		refused("no such type", strings.Replace(anna, `"type":"email"`, `"type":"device_id"`, 1), http.StatusUnprocessableEntity, "there are: email")
		refused("no address", strings.Replace(anna, "@", "", 1), http.StatusUnprocessableEntity, "body.identities[0]")

		l := &Local{House: &House{Store: db.DB}, By: "tester", Now: time.Now}
		holds, err := l.Place(t.Context(), Holding{Identities: person(t, subject.Email, "anna@example.com"), Ground: "a dispute, file 7"})
		s.must(err)
		refused("legal hold", anna, http.StatusConflict, "a dispute, file 7")
		s.must(l.Lift(t.Context(), holds[0].ID))

		w.exec("DROP TABLE note;\nALTER TABLE orders RENAME TO purchase;\n")
		for _, gone := range []string{"no table note", "no table orders"} {
			refused("two tables are gone", anna, http.StatusUnprocessableEntity, gone)
		}

		was := w.url
		w.target, w.url = "postgres", "postgres://nobody@127.0.0.1:1/none?connect_timeout=1"
		w.configure(shopDataset, shopPolicies)
		w.apply(mine)
		refused("nobody answers", anna, http.StatusServiceUnavailable, "db: ")

		w.target, w.url = "sqlite", was
		w.write(shopDataset, shopPolicies, "connection:\n- {key: db, type: sqlite, access: write, datasets: [shop], secrets: {url: '${NOT_SET_ANYWHERE}'}}\n")
		w.apply(mine)
		refused("a secret that is not there", anna, http.StatusConflict, "NOT_SET_ANYWHERE")
	})
}

func TestApprovalIsForThePlanAsItIsNow(t *testing.T) { // X22
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		r := s.submit("erasure", "anna@example.com")
		s.world.configure(shopDataset, strings.Replace(shopPolicies, "user.content, ", "", 1))
		s.world.apply(&storeOf{db.DB, store.DefaultTenant})
		s.problem("the plan of before", s.act(r.ID, "approve", `{"plan_hash":"`+r.PlanHash+`"}`), http.StatusConflict)
		var now api.RequestWithReport
		s.ask("GET", "/api/v1/requests/"+r.ID, "", http.StatusOK, &now)
		if now.Status != string(request.AwaitingApproval) || now.PlanHash == r.PlanHash {
			t.Errorf("it is %s under the plan %s", now.Status, now.PlanHash)
		}
		s.problem("the plan of before again", s.act(r.ID, "approve", `{"plan_hash":"`+r.PlanHash+`"}`), http.StatusConflict)
		s.world.equal("acts", s.actsOn("request/"+r.ID), []string{"request.vouch", "request.replan"})
		s.approve(now.Request)
		s.await(r.ID, request.Complete)
		s.world.equal("what the new plan leaves", s.world.table("SELECT body FROM note WHERE order_no = 10"), []string{"call Anna"})
		s.world.equal("what it masks", s.world.table("SELECT name FROM customer WHERE id = 0"), []string{"<null>"})

		late := s.submit("erasure", "ben@example.com")
		l := &Local{House: &House{Store: db.DB}, By: "tester", Now: time.Now}
		_, err := l.Place(t.Context(), Holding{Identities: person(t, subject.Email, "ben@example.com"), Ground: "file 8"})
		s.must(err)
		s.problem("held since", s.act(late.ID, "approve", `{"plan_hash":"`+late.PlanHash+`"}`), http.StatusConflict)
	})
}

func TestErasureNeedsASecondPerson(t *testing.T) { // X22
	t.Parallel()
	s := newSiteWith(t, storetest.SQLite(t), func(srv *Server) { srv.FourEyes = true })
	s.openShop()
	author := s.session(s.makeOperator(store.DefaultTenant, auth.PrivacyOfficer))
	other := s.session(s.makeOperator(store.DefaultTenant, auth.Approver))
	submit := func(policy string) (r api.Request) {
		t.Helper()
		got := s.send("POST", "/api/v1/requests", author, strings.NewReader(submission(policy, "anna@example.com")), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json")
		s.must(json.Unmarshal([]byte(got.body), &r))
		return r
	}
	erasure, access := submit("erasure"), submit("access")
	approval := func(r api.Request) string { return `{"plan_hash":"` + r.PlanHash + `"}` }
	s.problem("its author", s.actAs(author, erasure.ID, "approve", approval(erasure)), http.StatusForbidden)
	s.problem("a key", s.act(erasure.ID, "approve", approval(erasure)), http.StatusForbidden)
	s.world.equal("acts", s.actsOn("request/"+erasure.ID), []string{"request.vouch"})
	for what, got := range map[string]reply{
		"another person": s.actAs(other, erasure.ID, "approve", approval(erasure)), "nothing is erased": s.actAs(author, access.ID, "approve", approval(access)),
	} {
		if got.status != http.StatusOK {
			t.Errorf("%s: %d %s", what, got.status, got.body)
		}
	}
	s.await(erasure.ID, request.Complete)
}

func TestOfApproveAndCancelAtTheSameMomentWhatIsAnsweredHolds(t *testing.T) { // X22, X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		for range 12 {
			r := s.submit("access", "anna@example.com")
			var approved, canceled reply
			var both sync.WaitGroup
			both.Go(func() { approved = s.act(r.ID, "approve", `{"plan_hash":"`+r.PlanHash+`"}`) })
			both.Go(func() { canceled = s.act(r.ID, "cancel", "") })
			both.Wait()
			want := request.Complete
			if canceled.status == http.StatusOK {
				want = request.Canceled
			}
			s.await(r.ID, want)
			acts := s.actsOn("request/" + r.ID)
			for does, got := range map[string]reply{"request.approve": approved, "request.cancel": canceled} {
				if got.status != http.StatusOK && got.status != http.StatusConflict || (got.status == http.StatusOK) != slices.Contains(acts, does) {
					t.Errorf("%s: %d %s, and the log says %v", does, got.status, got.body, acts)
				}
			}
			if approved.status != http.StatusOK && canceled.status != http.StatusOK {
				t.Error("neither went through")
			}
		}
	})
}

func TestSameSubmissionIsStoredOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		send := func(body string) reply {
			return s.send("POST", "/api/v1/requests", s.key, strings.NewReader(body), "Idempotency-Key", "k", "Content-Type", "application/json")
		}
		replies := make([]reply, 6)
		var all sync.WaitGroup
		for i := range replies {
			all.Go(func() { replies[i] = send(submission("access", "anna@example.com")) })
		}
		all.Wait()
		for _, got := range replies {
			if got.status != http.StatusCreated || got.body != replies[0].body || !strings.HasPrefix(got.header.Get("Location"), "/api/v1/requests/") {
				t.Errorf("%d %s, first %s", got.status, got.body, replies[0].body)
			}
		}
		s.problem("another person", send(submission("access", "ben@example.com")), http.StatusConflict)
		s.problem("another policy", send(submission("erasure", "anna@example.com")), http.StatusConflict)
		var page api.RequestPage
		s.ask("GET", "/api/v1/requests", "", http.StatusOK, &page)
		if len(page.Items) != 1 {
			t.Errorf("%d requests", len(page.Items))
		}
	})
}

func TestOperatorGetsARequestThatHasStoppedToItsEnd(t *testing.T) { // X11, X23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		w, mend := broken(t, "sqlite")
		s := newSite(t, db)
		s.world = w
		s.openShop()
		r, other := s.submit("access", "anna@example.com"), s.submit("access", "anna@example.com")
		s.approve(r)
		s.await(r.ID, request.Errored)
		if got := s.act(r.ID, "retry", `{"collection":"shop:letter"}`); got.status != http.StatusOK {
			t.Fatalf("retry: %d %s", got.status, got.body)
		}
		if again := s.await(r.ID, request.Errored); !strings.Contains(again.Message, "shop:parcel: not tried, since only shop:letter was to be") {
			t.Errorf("the retry of one says %q", again.Message)
		}
		s.problem("no such collection", s.act(r.ID, "retry", `{"collection":"shop:none"}`), http.StatusUnprocessableEntity)
		s.problem("no such collection", s.act(r.ID, "skip", `{"collection":"shop:none","reason":"x"}`), http.StatusUnprocessableEntity)
		if got := s.act(r.ID, "skip", `{"collection":"shop:letter","reason":"it is in the archive"}`); got.status != http.StatusOK {
			t.Fatalf("skip: %d %s", got.status, got.body)
		}
		mend("parcel")
		if starts := count(s.actsOn("request/"+r.ID), "request.start"); starts != 2 {
			t.Errorf("it was tried %d times, once by itself", starts)
		}
		s.act(r.ID, "retry", `{}`)
		done := s.await(r.ID, request.CompleteWithResidue)
		s.world.equal("skipped", count(s.actsOn("request/"+r.ID), "request.skip"), 1)
		if !strings.Contains(fmt.Sprint(done.Report), "it is in the archive") {
			t.Errorf("the report: %+v", done.Report)
		}
		for _, does := range []string{"retry", "cancel", "finalise", "skip", "deny"} {
			body := map[string]string{"retry": `{}`, "finalise": `{"reason":"x"}`, "deny": `{"reason":"x"}`, "skip": `{"collection":"shop:letter","reason":"x"}`}[does]
			s.problem(does+" when it has ended", s.act(r.ID, does, body), http.StatusConflict)
		}
		s.approve(other)
		s.await(other.ID, request.Errored)
		if got := s.act(other.ID, "finalise", `{"reason":"sent by hand"}`); got.status != http.StatusOK || !strings.Contains(got.body, "sent by hand") {
			t.Errorf("finalise: %d %s", got.status, got.body)
		}
	})
}

func count(all []string, what string) (n int) {
	for _, one := range all {
		if one == what {
			n++
		}
	}
	return n
}
