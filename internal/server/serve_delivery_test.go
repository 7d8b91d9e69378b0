package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/blob"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
)

// link gives the token of a link to a package.
func (s *site) link() string {
	s.t.Helper()
	return s.linkTo(store.DefaultTenant, s.packaged(), 3, time.Hour)
}

// packaged gives a request that has ended, with a package.
func (s *site) packaged() string {
	s.t.Helper()
	return s.makeRequestFor(api.Route{Path: "/api/v1/requests/{id}/package"}, store.DefaultTenant)
}

func (s *site) linkTo(tenant, id string, uses int, lasts time.Duration) string {
	s.t.Helper()
	p, token, err := auth.NewPass(tenant, auth.FetchPackage, request.PackageObject(id), uses, time.Now().Add(lasts), rand.Reader)
	s.must(err)
	s.must(s.db.Passes().Issue(s.t.Context(), p, act("package.link")))
	return token
}

// sentLetter is a letter as it waits to be sent.
type sentLetter struct {
	Kind     message.Kind
	Language string
	To       string         `json:"to"`
	Values   map[string]any `json:"values"`
}

// letters opens the letters about a request.
func (s *site) sentAbout(id string) (all []sentLetter) {
	s.t.Helper()
	keys, err := s.db.Tenant(s.t.Context(), store.DefaultTenant)
	s.must(err)
	rows, err := s.db.Raw(s.t).QueryContext(s.t.Context(), `SELECT l.id, l.kind, l.language, l.sealed, k.wrapped FROM letters l
		JOIN keys k ON k.tenant = l.tenant AND k.owner = 'letter/' || l.id WHERE l.tenant = $1 AND l.request = $2 ORDER BY l.id`, store.DefaultTenant, id)
	s.must(err)
	defer rows.Close()
	for rows.Next() {
		var letter string
		var p sentLetter
		var sealed, wrapped []byte
		s.must(rows.Scan(&letter, &p.Kind, &p.Language, &sealed, &wrapped))
		key, err := keys.OpenKey("letter/"+letter, wrapped)
		s.must(err)
		plain, err := key.Open(sealed, []byte("letter/"+store.DefaultTenant+"/"+letter))
		s.must(err)
		s.must(json.Unmarshal(plain, &p))
		all = append(all, p)
	}
	s.must(rows.Err())
	return all
}

// downloads gives the tokens of the links in a letter.
func (p sentLetter) downloads() (tokens []string) {
	for _, d := range p.Values["downloads"].([]any) {
		tokens = append(tokens, strings.TrimPrefix(d.(map[string]any)["url"].(string), "https://privacy.example.com/packages/"))
	}
	return tokens
}

func (s *site) byLink(does, token string) reply {
	s.t.Helper()
	return s.send("POST", "/api/v1/public/packages/"+does, "", strings.NewReader(fmt.Sprintf(`{"token":%q}`, token)), "Content-Type", "application/json")
}

// deliver submits a request whose answer is to be sent, and waits for its end.
func (s *site) deliver(policy, more string) (api.Request, []sentLetter) {
	s.t.Helper()
	var r api.Request
	body := strings.TrimSuffix(submission(policy, "anna@example.com"), "}") + `,"deliver":true` + more + "}"
	s.ask("POST", "/api/v1/requests", body, http.StatusCreated, &r)
	s.approve(r)
	s.await(r.ID, request.Complete)
	return r, s.sentAbout(r.ID)
}

// inBucket keeps packages in a bucket, by the keys that TestMain sets.
func inBucket(t *testing.T) string {
	t.Helper()
	objects := s3mem.New()
	if err := objects.CreateBucket("packages"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(objects).Server())
	t.Cleanup(server.Close)
	return "s3://packages/volenti?region=eu-central-1&endpoint=" + server.URL
}

// eachDepot runs a test on both databases, with packages in a directory and in
// a bucket.
func eachDepot(t *testing.T, d Downloads, f func(t *testing.T, s *site, h handing)) {
	for _, kind := range []string{"directory", "bucket"} {
		t.Run(kind, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *storetest.Database) {
				var h handing
				s := newSiteWith(t, db, func(server *Server) {
					server.Downloads = d
					if kind == "bucket" {
						server.Packages = inBucket(t)
					}
					h = *server.worker().handing
				})
				s.packs = h.packages
				f(t, s, h)
			})
		})
	}
}

func TestPersonGetsTheAnswerByMailAndThePackageByItsLink(t *testing.T) { // X9, X15, SE3, SE9, SE16
	t.Parallel()
	eachDepot(t, Downloads{}, func(t *testing.T, s *site, _ handing) {
		s.openShop()
		r, letters := s.deliver("erasure", "")
		if len(letters) != 2 || letters[0].Kind != message.Approval || letters[1].Kind != message.Completion || letters[1].To != "anna@example.com" || letters[0].To != "anna@example.com" {
			t.Fatalf("letters: %+v", letters)
		}
		v := letters[1].Values
		want := map[string]any{
			"erased": []any{
				map[string]any{"what": "content", "count": 2.}, map[string]any{"what": "email address", "count": 1.}, map[string]any{"what": "name", "count": 1.},
				map[string]any{"what": "phone number", "count": 1.}, map[string]any{"what": "street", "count": 1.},
			},
			"kept":    []any{map[string]any{"what": "financial data", "reason": "invoices are kept for ten years", "ground": "§ 147 AO", "until": ""}},
			"residue": false, "reference": r.ID, "policy": "erasure",
		}
		for name, is := range want {
			if d := cmp.Diff(is, v[name]); d != "" {
				t.Errorf("%s is another (-want +got):\n%s", name, d)
			}
		}
		tokens := letters[1].downloads()
		if len(tokens) != 1 {
			t.Fatalf("%d links", len(tokens))
		}
		mail, err := message.Render(message.Letter{Kind: message.Completion, Values: v}, "Example Shop", nil)
		s.must(err)
		for _, words := range []string{"/packages/" + tokens[0], "phone number: 1 ", "invoices are kept for ten years (§ 147 AO)"} {
			if !strings.Contains(mail.Text, words) {
				t.Errorf("the letter does not say %q:\n%s", words, mail.Text)
			}
		}
		left := func() (o api.Offer) {
			t.Helper()
			got := s.byLink("look", tokens[0])
			s.must(json.Unmarshal([]byte(got.body), &o))
			return o
		}
		for n := 3; n > 0; n-- {
			for range 2 {
				if o := left(); o.Left != n || o.Name != "package-"+r.ID+".zip" || o.Expires.Format(time.DateOnly) != v["expires"] {
					t.Errorf("it offers %+v, want %d left", o, n)
				}
			}
			got := s.byLink("open", tokens[0])
			if got.status != http.StatusOK || !strings.Contains(unzipped(t, got.body), "Hauptweg 1") {
				t.Errorf("download: %d, %d bytes", got.status, len(got.body))
			}
			for name, want := range map[string]string{
				"Content-Type": "application/zip", "Content-Disposition": `attachment; filename=package-` + r.ID + `.zip`,
				"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
			} {
				if got.header.Get(name) != want {
					t.Errorf("%s: %q", name, got.header.Get(name))
				}
			}
		}
		s.problem("a fourth time", s.byLink("open", tokens[0]), http.StatusForbidden)
		s.world.equal("acts", s.actsOn("package/"+r.ID), []string{"package.fetch", "package.fetch", "package.fetch"})

		dump := s.db.Dump(t)
		for what, text := range map[string]string{"the address": "anna@", "a token": tokens[0], "its secret": tokens[0][len(tokens[0])-43:]} {
			if bytes.Contains(dump, []byte(text)) || strings.Contains(s.log.String(), text) {
				t.Errorf("%s lies in the database or the log", what)
			}
		}
		for name, sealed := range filesBelow(t, s.packed) {
			if bytes.Contains(sealed, []byte("Hauptweg")) || bytes.Contains(sealed, []byte("anna@")) {
				t.Errorf("%s lies there in the clear", name)
			}
		}
	})
}

func TestNobodyIsWrittenToUnlessItWasAskedFor(t *testing.T) { // SE1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		r := s.submit("access", "anna@example.com")
		s.approve(r)
		s.await(r.ID, request.Complete)
		denied := s.submit("access", "ben@example.com")
		s.act(denied.ID, "deny", `{"reason":"no"}`)
		if n := len(s.sentAbout(r.ID)) + len(s.sentAbout(denied.ID)); n > 0 {
			t.Errorf("%d letters", n)
		}
		s.problem("new links", s.act(r.ID, "package/links", ""), http.StatusConflict)
		refused := s.send("POST", "/api/v1/requests", s.key, strings.NewReader(`{"policy":"access","deliver":true,"identities":[{"type":"phone_number","value":"+4930123456"}]}`),
			"Idempotency-Key", "1", "Content-Type", "application/json")
		s.problem("to a telephone", refused, http.StatusUnprocessableEntity)
	})
}

func TestDenialIsToldWithItsReason(t *testing.T) { // X15
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		var r api.Request
		s.ask("POST", "/api/v1/requests", strings.TrimSuffix(submission("access", "anna@example.com"), "}")+`,"deliver":true}`, http.StatusCreated, &r)
		for range 2 {
			s.act(r.ID, "deny", `{"reason":"it was not Anna"}`)
		}
		letters := s.sentAbout(r.ID)
		if len(letters) != 1 || letters[0].Kind != message.Denial || letters[0].Values["reason"] != "it was not Anna" || letters[0].To != "anna@example.com" {
			t.Fatalf("letters: %+v", letters)
		}
		token := strings.TrimPrefix(letters[0].Values["url"].(string), "https://privacy.example.com/requests/")
		if p, err := db.Passes().Find(t.Context(), auth.FollowRequest, token); err != nil || p.Object != "request/"+r.ID {
			t.Errorf("the link to follow leads to %s, %v", p.Object, err)
		}
	})
}

func TestLinkIsUsedAsOftenAsItSaysByHoweverManyAtOnce(t *testing.T) { // SE3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSiteWith(t, db, func(server *Server) {
			all := &together{depot: blob.Directory{Path: server.Packages}}
			all.Add(64)
			server.worker().handing.packages.at = all
		})
		id := s.packaged()
		token := s.linkTo(store.DefaultTenant, id, 3, time.Hour)
		var got, refused atomic.Int64
		var wait sync.WaitGroup
		for range 64 {
			wait.Go(func() {
				switch answer := s.byLink("open", token); {
				case answer.status == http.StatusOK && answer.body == "the package":
					got.Add(1)
				case answer.status == http.StatusForbidden:
					refused.Add(1)
				default:
					t.Errorf("%d %s", answer.status, answer.body)
				}
			})
		}
		wait.Wait()
		if got.Load() != 3 || refused.Load() != 61 {
			t.Errorf("downloaded %d times, refused %d times", got.Load(), refused.Load())
		}
		if acts := s.actsOn("package/" + id); len(acts) != 3 {
			t.Errorf("acts: %v", acts)
		}
	})
}

// together opens files when all who open them have come: each has found the
// link good by then.
type together struct {
	depot
	sync.WaitGroup
}

func (d *together) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	d.Done()
	d.Wait()
	return d.depot.Open(ctx, name)
}

func TestWhateverIsWrongWithALinkIsAnsweredAlike(t *testing.T) { // SE3, SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		officer := auth.Caller{Tenant: store.DefaultTenant}
		h := &handing{db: db.DB, packages: s.packs, writing: request.Correspondence{URL: "x"}}
		revoked, destroyed := s.packaged(), s.packaged()
		tokens := map[string]string{
			"used up": s.linkTo(store.DefaultTenant, s.packaged(), 0, time.Hour), "expired": s.linkTo(store.DefaultTenant, s.packaged(), 3, -time.Second),
			"revoked": s.linkTo(store.DefaultTenant, revoked, 3, time.Hour), "of a package that is gone": s.linkTo(store.DefaultTenant, destroyed, 3, time.Hour),
			"of another tenant's package": s.linkTo(otherTenant, s.packaged(), 3, time.Hour), "of no package": s.linkTo(store.DefaultTenant, "../"+s.packaged(), 3, time.Hour),
			"blank": " ", "no token": "vd_x",
		}
		good := s.link()
		tokens["altered"] = altered(good)
		tokens["of another kind"] = "vr_" + good[3:]
		s.must(h.Revoke(t.Context(), officer, revoked))
		s.must(h.shelf(store.DefaultTenant, destroyed).destroy(t.Context(), act("package.destroy")))
		want := s.byLink("open", strings.Repeat("x", 80))
		for _, does := range []string{"look", "open"} {
			for what, token := range tokens {
				got := s.byLink(does, token)
				s.problem(what, got, http.StatusForbidden)
				if got.body != want.body {
					t.Errorf("%s: %s", what, got.body)
				}
			}
		}
		if got := s.byLink("open", good); got.status != http.StatusOK {
			t.Errorf("a good one: %d", got.status)
		}
	})
}

func TestDownloadThatBreaksOffWasOneAllTheSame(t *testing.T) { // SE3, SE16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		h := &handing{db: db.DB, packages: s.packs}
		id := s.packaged()
		token := s.linkTo(store.DefaultTenant, id, 2, time.Hour)
		handout, err := h.Fetch(t.Context(), token)
		s.must(err)
		s.world.equal("before the first byte", s.actsOn("package/"+id), []string{"package.fetch"})
		s.must(handout.File.Close())
		if o, err := h.Look(t.Context(), token); err != nil || o.Left != 1 {
			t.Errorf("left: %d, %v", o.Left, err)
		}
	})
}

func TestNewLinksGoToTheSameAddressAndEndTheOldOnes(t *testing.T) { // SE3
	t.Parallel()
	eachDepot(t, Downloads{Keep: 1}, func(t *testing.T, s *site, _ handing) {
		s.openShop()
		r, letters := s.deliver("access", "")
		old := letters[len(letters)-1].downloads()[0]
		list := func(does string) (l api.LinkList) {
			t.Helper()
			if does == "" {
				s.ask("GET", "/api/v1/requests/"+r.ID+"/package/links", "", http.StatusOK, &l)
			} else {
				s.ask("POST", "/api/v1/requests/"+r.ID+"/package/"+does, "", http.StatusOK, &l)
			}
			return l
		}
		if got := s.byLink("open", old); got.status != http.StatusOK {
			t.Fatalf("download: %d", got.status)
		}
		if l := list(""); len(l.Items) != 1 || l.Items[0].Left != 2 {
			t.Errorf("links: %+v", l)
		}
		if l := list("links"); len(l.Items) != 1 || l.Items[0].Left != 3 || time.Until(l.Items[0].Expires) > 24*time.Hour { // the package goes before a usual link would
			t.Errorf("new links: %+v", l)
		}
		letters = s.sentAbout(r.ID)
		last := letters[len(letters)-1]
		if last.Kind != message.Completion || last.To != "anna@example.com" || len(last.downloads()) != 1 {
			t.Fatalf("the letter: %+v", last)
		}
		s.problem("the old one", s.byLink("open", old), http.StatusForbidden)
		if got := s.byLink("open", last.downloads()[0]); got.status != http.StatusOK {
			t.Errorf("the new one: %d", got.status)
		}
		if l := list("links/revoke"); len(l.Items) > 0 || len(list("").Items) > 0 {
			t.Errorf("links that were revoked: %+v", l)
		}
		s.problem("when it is revoked", s.byLink("open", last.downloads()[0]), http.StatusForbidden)
		s.act(r.ID, "package/destroy", "")
		s.problem("links to nothing", s.get("/api/v1/requests/"+r.ID+"/package/links"), http.StatusNotFound)
		s.problem("new links to nothing", s.act(r.ID, "package/links", ""), http.StatusNotFound)
	})
}

func TestPackageIsDestroyedWhenItsTimeIsOver(t *testing.T) { // SE3, X16
	t.Parallel()
	eachDepot(t, Downloads{}, func(t *testing.T, s *site, h handing) {
		s.openShop()
		r, letters := s.deliver("access", "")
		running := s.submit("access", "ben@example.com")
		s.must(h.shelf(store.DefaultTenant, running.ID).Put(t.Context(), packageName, func(w io.Writer) error { return nil }))
		token := letters[len(letters)-1].downloads()[0]
		folders := func() []string {
			ids, err := h.packages.at.Folders(t.Context(), store.DefaultTenant)
			s.must(err)
			return ids
		}
		both := []string{r.ID, running.ID}
		keep := func(what string) {
			t.Helper()
			s.must(everyTenant(t.Context(), h.db, h.expire))
			s.must(everyTenant(t.Context(), h.db, h.sweep))
			s.world.equal(what, folders(), both)
		}
		keep("within its time")
		if got := s.byLink("look", token); got.status != http.StatusOK {
			t.Errorf("within its time: %d", got.status)
		}

		// Its key goes first; what is left of it then is removed, and nothing else.
		s.must(h.packages.at.Put(t.Context(), store.DefaultTenant+"/nobody/file", func(io.Writer) error { return nil }))
		both = append(both, "nobody")
		slices.Sort(both)
		h.keeps = 0
		stuck := h
		stuck.packages.at = unremovable{h.packages.at}
		if err := stuck.expire(t.Context(), store.DefaultTenant); err == nil {
			t.Error("its files cannot be removed, and nobody is told")
		}
		s.problem("without its key", s.byLink("open", token), http.StatusForbidden)
		s.world.equal("its files are there", folders(), both)
		s.must(h.sweep(t.Context(), store.DefaultTenant))
		both = slices.DeleteFunc(both, func(id string) bool { return id == r.ID })
		keep("what is left")
		s.world.equal("acts", s.actsOn("package/"+r.ID), []string{"package.expire"})
	})
}

// unremovable is a depot that was cut off before files were removed.
type unremovable struct{ depot }

func (unremovable) Remove(context.Context, string) error { return io.ErrClosedPipe }

func TestPackageForARecipientIsOpenedByNobodyElse(t *testing.T) { // SE3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openShop()
		hers, err := age.GenerateX25519Identity()
		s.must(err)
		theirs, err := age.GenerateX25519Identity()
		s.must(err)
		r, letters := s.deliver("access", `,"recipient":"`+hers.Recipient().String()+`"`)
		fetched := s.byLink("open", letters[len(letters)-1].downloads()[0])
		read := s.get("/api/v1/requests/" + r.ID + "/package")
		for what, got := range map[string]reply{"the person": fetched, "the operator": read} {
			if got.status != http.StatusOK || got.header.Get("Content-Disposition") != "attachment; filename=package-"+r.ID+".zip.age" || !strings.HasPrefix(got.body, "age-encryption.org/v1\n") {
				t.Fatalf("%s: %d, %v", what, got.status, got.header)
			}
			plain, err := age.Decrypt(strings.NewReader(got.body), hers)
			s.must(err)
			text, err := io.ReadAll(plain)
			s.must(err)
			if !strings.Contains(unzipped(t, string(text)), "Hauptweg 1") {
				t.Errorf("%s: there is nothing in it", what)
			}
			if _, err := age.Decrypt(strings.NewReader(got.body), theirs); err == nil {
				t.Errorf("%s: another can open it", what)
			}
		}
		access, err := shelf{packages: s.packs, tenant: store.DefaultTenant, id: r.ID}.open(t.Context(), accessName+ageSuffix)
		s.must(err)
		text, err := io.ReadAll(access)
		s.must(err)
		s.must(access.Close())
		if bytes.Contains(text, []byte("Hauptweg")) {
			t.Error("beside it lies the same in the clear")
		}
		for _, wrong := range []string{"age1", "AGE-SECRET-KEY-1", hers.Recipient().String() + `\n` + theirs.Recipient().String(), "# age1"} {
			body := strings.TrimSuffix(submission("access", "ben@example.com"), "}") + `,"recipient":"` + wrong + `"}`
			s.problem(wrong, s.send("POST", "/api/v1/requests", s.key, strings.NewReader(body), "Idempotency-Key", wrong[:4], "Content-Type", "application/json"), http.StatusUnprocessableEntity)
		}
	})
}

// The server is killed before, in and after the commit that ends the request:
// there is one letter, with links that work, and one package.
func TestKilledAroundTheEndThePersonIsToldOnce(t *testing.T) { // R1, X15
	t.Parallel()
	binary, err := crashing()
	if err != nil {
		t.Fatal(err)
	}
	bothStores(t, func(t *testing.T, kind string) {
		for _, point := range []string{"upload.half", "verified", "finished"} {
			t.Run(point, func(t *testing.T) {
				w := newWorld(t, kind, "sqlite")
				s := &site{t: t, log: w.log, world: w}
				data := w.house.Data
				open := func() func() {
					house, err := Open(t.Context(), Config{Data: data, Database: w.house.Database})
					s.must(err)
					s.db = &storetest.Database{DB: house.Store, Config: store.Config{URL: "sqlite:" + filepath.Join(data, "volenti.db")}}
					if w.house.Database != "" {
						s.db.Config.URL = w.house.Database
					}
					return func() { s.must(house.Close()) }
				}
				closed := open()
				w.apply(&storeOf{s.db.DB, store.DefaultTenant})
				s.key = s.makeKey(store.DefaultTenant, time.Time{}, auth.Scopes()...)
				closed()

				first := s.serving(binary, data, point)
				var r api.Request
				s.ask("POST", "/api/v1/requests", strings.TrimSuffix(submission("erasure", "anna@example.com"), "}")+`,"deliver":true}`, http.StatusCreated, &r)
				s.sendAndDie("/api/v1/requests/"+r.ID+"/approve", `{"plan_hash":"`+r.PlanHash+`"}`, "application/json")
				if err := first.Wait(); err == nil {
					t.Fatal("it was not killed")
				}
				second := s.serving(binary, data, "")
				s.await(r.ID, request.Complete)
				s.must(second.Process.Kill())
				_ = second.Wait()

				defer open()()
				letters := s.sentAbout(r.ID)
				if len(letters) != 2 || letters[0].Kind != message.Approval || letters[1].Kind != message.Completion {
					t.Fatalf("letters: %+v", letters)
				}
				passes, err := s.db.Passes().Standing(t.Context(), store.DefaultTenant, auth.FetchPackage, request.PackageObject(r.ID))
				s.must(err)
				h := &handing{db: s.db.DB, packages: packages{s.db.Keys(), blob.Directory{Path: filepath.Join(data, "packages")}}}
				handout, err := h.Fetch(t.Context(), letters[1].downloads()[0])
				s.must(err)
				text, err := io.ReadAll(handout.File)
				s.must(err)
				s.must(handout.File.Close())
				if len(passes) != 1 || !strings.Contains(unzipped(t, string(text)), "Hauptweg 1") {
					t.Errorf("%d links, a package of %d bytes", len(passes), len(text))
				}
				if files := filesBelow(t, filepath.Join(data, "packages")); len(files) != 3 {
					t.Errorf("files: %v", len(files))
				}
			})
		}
	})
}

// serving starts the program as a server, which is killed at a crash point.
func (s *site) serving(binary, data, crash string) *exec.Cmd {
	s.t.Helper()
	args := []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", "https://privacy.example.com"}
	if s.world.house.Database != "" {
		args = append(args, "--database", s.world.house.Database)
	}
	process := exec.Command(binary, args...)
	process.Env = append(os.Environ(), "VOLENTI_CRASH="+crash)
	process.Stderr = s.log
	out, err := process.StdoutPipe()
	s.must(err)
	s.must(process.Start())
	s.t.Cleanup(func() { _ = process.Process.Kill(); _ = process.Wait() })
	said := bufio.NewScanner(out)
	if !said.Scan() {
		s.t.Fatalf("the server says nothing:\n%s", s.log)
	}
	s.url = strings.TrimPrefix(said.Text(), "Volenti answers on ")
	return process
}
