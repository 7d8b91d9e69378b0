package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// shop is a draft that can be published.
func shop() site.Draft {
	d := site.Start()
	d.Origins = []string{"https://shop.example"}
	d.Categories[2].Purposes = []string{"analytics"}
	return d
}

// newSite stores a site with the draft of a shop.
func newSite(t testing.TB, db *storetest.Database, tenant string) site.Summary {
	t.Helper()
	n := count.Add(1)
	s := site.Summary{ID: uuid.Must(uuid.NewV7()).String(), Key: strings.Repeat("a", 12) + strings.NewReplacer("0", "k", "1", "l", "8", "m", "9", "n").Replace(fmt.Sprintf("%04d", n)), Name: "Shop"}
	must(t, db.Sites().Create(ctx, tenant, s, shop(), entry("site.create")))
	return s
}

func publishSite(t testing.TB, db *storetest.Database, tenant, id string, revision int64, p site.Publication) site.Published {
	t.Helper()
	v, _, err := db.Sites().Publish(ctx, tenant, id, revision, p, canary, entry("site.publish"))
	must(t, err)
	return v
}

var material = site.Publication{Material: true, Summary: map[string]string{"en": "It is wider."}}

func TestSiteIsPublishedWithItsDocumentsAndItsEntry(t *testing.T) { // B17, B21
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db, tenant)
		at, err := db.Sites().Place(ctx, s.Key)
		must(t, err)
		if d := cmp.Diff(site.Place{Tenant: tenant, ID: s.ID, Key: s.Key, Origins: []string{"https://shop.example"}}, at); d != "" {
			t.Error(d)
		}
		v := publishSite(t, db, tenant, s.ID, 1, site.Publication{})
		if v.Number != 1 || v.Digest != v.Version.Digest() || v.Site != s.ID || time.Since(v.Version.Published) > time.Minute {
			t.Errorf("%+v", v)
		}
		db.Reopen(t)
		kept, err := db.Sites().Version(ctx, tenant, s.ID, 1)
		must(t, err)
		if d := cmp.Diff(v, kept); d != "" {
			t.Error(d)
		}
		if kept.ClassifiedBy != canary || bytes.Contains(db.Dump(t), []byte(canary)) {
			t.Error("who classified it is lost, or stands in the clear")
		}
		at, err = db.Sites().Place(ctx, s.Key)
		must(t, err)
		if at.Version != 1 || len(at.Origins) != 1 || at.Origins[0] != "https://shop.example" {
			t.Errorf("%+v", at)
		}
		all, err := site.Render(v.Version, s.Key)
		must(t, err)
		for _, want := range all {
			for range 2 { // from the database, and from memory
				got, err := db.Sites().Document(ctx, tenant, s.ID, 1, want.Language, want.Region)
				must(t, err)
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
			}
		}
		log, err := db.Audit().Records(ctx, tenant, 0, 100)
		must(t, err)
		last := log[len(log)-1]
		var details map[string]any
		must(t, json.Unmarshal(last.Details, &details))
		if last.Act != "site.publish" || details["version"] != 1.0 || details["digest"] != v.Digest || details["material"] != true || details["site"] != s.ID || details["operator"] != canary {
			t.Errorf("%s: %v", last.Act, details)
		}
		editions, err := db.Sites().Versions(ctx, tenant, s.ID)
		must(t, err)
		if d := cmp.Diff([]site.Edition{{Number: 1, Digest: v.Digest, Published: v.Version.Published, Material: true}}, editions); d != "" {
			t.Error(d)
		}
		list, err := db.Sites().List(ctx, tenant)
		must(t, err)
		if len(list) != 1 || list[0].Digest != v.Digest || list[0].Version != 1 || list[0].Revision != 2 || list[0].Key != s.Key {
			t.Errorf("%+v", list)
		}
	})
}

func TestVersionsOfASiteAreNeverChanged(t *testing.T) { // B17
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db, tenant)
		publishSite(t, db, tenant, s.ID, 1, site.Publication{})
		raw := db.Raw(t)
		for _, statement := range []string{
			`UPDATE site_versions SET digest = 'x'`, `DELETE FROM site_versions`, `UPDATE site_documents SET etag = 'x'`, `DELETE FROM site_documents`,
		} {
			if _, err := raw.ExecContext(ctx, statement); err == nil {
				t.Errorf("%s was taken", statement)
			}
		}
	})
}

func TestSnapshotThatIsNotWhatItsDigestSaysIsRefused(t *testing.T) { // B17
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db, tenant)
		publishSite(t, db, tenant, s.ID, 1, site.Publication{})
		raw := db.Raw(t)
		_, err := raw.ExecContext(ctx, `INSERT INTO site_versions (tenant, site, version, digest, snapshot, draft, published, sealed)
			SELECT tenant, site, 2, digest, draft, draft, published, sealed FROM site_versions`)
		must(t, err)
		_, err = raw.ExecContext(ctx, `INSERT INTO site_documents (tenant, site, version, language, region, etag, body)
			SELECT tenant, site, 2, language, region, 'x', body FROM site_documents`)
		must(t, err)
		if _, err := db.Sites().Version(ctx, tenant, s.ID, 2); err == nil || errors.Is(err, site.ErrNotFound) {
			t.Errorf("version: %v", err)
		}
		if _, err := db.Sites().Shown(ctx, tenant, s.ID, 2); err == nil {
			t.Error("it is shown")
		}
		if _, err := db.Sites().Document(ctx, tenant, s.ID, 2, "en", "all"); err == nil {
			t.Error("its document is shown")
		}
	})
}

func TestDraftIsChangedOnlyByWhoHasSeenIt(t *testing.T) { // W7
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db, tenant)
		d := shop()
		d.Languages = []string{"de"}
		entries := records(t, db)
		must(t, db.Sites().Edit(ctx, tenant, s.ID, 1, "Store", d, entry("site.edit")))
		if err := db.Sites().Edit(ctx, tenant, s.ID, 1, "Other", shop(), entry("site.edit")); !errors.Is(err, site.ErrRevision) {
			t.Errorf("a stale edit: %v", err)
		}
		if _, _, err := db.Sites().Publish(ctx, tenant, s.ID, 1, site.Publication{}, "x", entry("site.publish")); !errors.Is(err, site.ErrRevision) {
			t.Errorf("a stale publication: %v", err)
		}
		got, draft, err := db.Sites().Get(ctx, tenant, s.ID)
		must(t, err)
		if got.Name != "Store" || got.Revision != 2 || cmp.Diff(d, draft) != "" || got.Version != 0 {
			t.Errorf("%+v %+v", got, draft)
		}
		if n := records(t, db) - entries; n != 1 {
			t.Errorf("%d entries for one change", n)
		}
		var wrong *site.Invalid
		d.Texts = map[string]map[string]string{"de": {"accept": strings.Repeat("x", site.MaxDraft)}}
		if err := db.Sites().Edit(ctx, tenant, s.ID, 2, "Store", d, entry("site.edit")); !errors.As(err, &wrong) {
			t.Errorf("too much: %v", err)
		}
		if err := db.Sites().Create(ctx, tenant, s, shop(), entry("site.create")); !errors.Is(err, store.ErrExists) {
			t.Errorf("made twice: %v", err)
		}
	})
}

func TestDraftWithProblemsIsKeptAndNotPublished(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db, tenant)
		// The ledger is asked in the same commit: the purpose is gone since.
		must(t, db.Consents().Configure(ctx, tenant, []consent.Purpose{{Key: "research"}}, nil, entry("purposes.set")))
		before := records(t, db)
		var wrong *site.Invalid
		if _, _, err := db.Sites().Publish(ctx, tenant, s.ID, 1, site.Publication{}, "x", entry("site.publish")); !errors.As(err, &wrong) || wrong.Problems[0].Field != "categories[2].purposes[0]" {
			t.Errorf("%v", err)
		}
		got, _, err := db.Sites().Get(ctx, tenant, s.ID)
		must(t, err)
		if got.Version != 0 || got.Revision != 1 || records(t, db) != before {
			t.Error("something was done by halves")
		}
	})
}

func TestSameContentAgainOnlyMovesTheOrigins(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db, tenant)
		first := publishSite(t, db, tenant, s.ID, 1, site.Publication{})
		before := records(t, db)
		v, made, err := db.Sites().Publish(ctx, tenant, s.ID, 2, material, "x", entry("site.publish"))
		must(t, err)
		if made || v.Digest != first.Digest || records(t, db) != before {
			t.Errorf("made %t, %d entries", made, records(t, db)-before)
		}
		d := shop()
		d.Origins = []string{"https://other.example"}
		must(t, db.Sites().Edit(ctx, tenant, s.ID, 2, "Shop", d, entry("site.edit")))
		if v, made, err = db.Sites().Publish(ctx, tenant, s.ID, 3, site.Publication{}, "x", entry("site.publish")); err != nil || made || v.Number != 1 {
			t.Errorf("version %d, made %t, %v", v.Number, made, err)
		}
		at, err := db.Sites().Place(ctx, s.Key)
		must(t, err)
		if at.Version != 1 || at.Origins[0] != "https://other.example" {
			t.Errorf("%+v", at)
		}
	})
}

func TestVersionsSayWhichAskedAgain(t *testing.T) { // B17
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db, tenant)
		publishSite(t, db, tenant, s.ID, 1, site.Publication{})
		d := shop()
		for i, p := range []site.Publication{{}, material, {}} {
			d.Texts = map[string]map[string]string{"en": {"title": fmt.Sprint("Cookies, \"too\" \\ ", i)}}
			must(t, db.Sites().Edit(ctx, tenant, s.ID, int64(2*i+2), "Shop", d, entry("site.edit")))
			publishSite(t, db, tenant, s.ID, int64(2*i+3), p)
		}
		all, err := db.Sites().Versions(ctx, tenant, s.ID)
		must(t, err)
		got := map[int]bool{}
		for _, e := range all {
			got[e.Number] = e.Material
		}
		if d := cmp.Diff(map[int]bool{1: true, 2: false, 3: true, 4: false}, got); d != "" {
			t.Error(d)
		}
	})
}

func TestOriginsOfADraftHoldUntilItIsPublished(t *testing.T) { // B19
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db, tenant)
		origins := func(want ...string) {
			t.Helper()
			at, err := db.Sites().Place(ctx, s.Key)
			must(t, err)
			if d := cmp.Diff(want, at.Origins); d != "" {
				t.Error(d)
			}
		}
		origins("https://shop.example")
		d := shop()
		d.Origins = []string{"null", "*", "https://a.example", "http://b.example", "https://*.c.example"}
		must(t, db.Sites().Edit(ctx, tenant, s.ID, 1, "Shop", d, entry("site.edit")))
		origins("https://a.example")
		d.Origins = d.Origins[2:3]
		must(t, db.Sites().Edit(ctx, tenant, s.ID, 2, "Shop", d, entry("site.edit")))
		publishSite(t, db, tenant, s.ID, 3, site.Publication{})
		d.Origins = []string{"https://d.example"}
		must(t, db.Sites().Edit(ctx, tenant, s.ID, 4, "Shop", d, entry("site.edit")))
		origins("https://a.example")
	})
}

func TestOfManyPublishersOneWins(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db, tenant)
		errs := make(chan error, 50)
		var all sync.WaitGroup
		for range cap(errs) {
			all.Go(func() {
				_, _, err := db.Sites().Publish(ctx, tenant, s.ID, 1, site.Publication{}, "x", entry("site.publish"))
				errs <- err
			})
		}
		all.Wait()
		close(errs)
		won := 0
		for err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, site.ErrRevision):
				t.Error(err)
			}
		}
		versions, err := db.Sites().Versions(ctx, tenant, s.ID)
		must(t, err)
		if won != 1 || len(versions) != 1 {
			t.Errorf("%d have published, and there are %d versions", won, len(versions))
		}
	})
}

func TestVisitorsAtTheMomentOfPublishingSeeOneVersionWhole(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db, tenant)
		publishSite(t, db, tenant, s.ID, 1, site.Publication{})
		d := shop()
		d.Vendors = []site.Vendor{{Key: "ads", Name: "Ads", Category: "marketing"}}
		must(t, db.Sites().Edit(ctx, tenant, s.ID, 2, "Shop", d, entry("site.edit")))
		begin, published := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				<-begin
				if i%2 == 1 {
					<-published
				}
				at, err := db.Sites().Place(ctx, s.Key)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := db.Sites().Document(ctx, at.Tenant, at.ID, at.Version, "en", "all")
				if err != nil {
					t.Error(err)
					return
				}
				var document site.Document
				if err := json.Unmarshal(got.Body, &document); err != nil || document.Version != at.Version || len(document.Vendors) != at.Version-1 {
					t.Errorf("version %d with %d vendors, %v", document.Version, len(document.Vendors), err)
				}
				if i%2 == 1 && at.Version != 2 {
					t.Error("the process that has published still shows the version before")
				}
			})
		}
		close(begin)
		publishSite(t, db, tenant, s.ID, 3, material)
		close(published)
		all.Wait()
	})
}

func TestWhatWasReadBeforeAPublicationIsNotKeptAfterIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db, tenant)
		before, err := db.Sites().Place(ctx, s.Key)
		must(t, err)
		publishSite(t, db, tenant, s.ID, 1, site.Publication{})
		db.Sites().KeepLate(before)
		if at, err := db.Sites().Place(ctx, s.Key); err != nil || at.Version != 1 {
			t.Errorf("version %d is shown for good, %v", at.Version, err)
		}
	})
}

// Another process publishes: this one shows it within a second.
func TestVersionOfAnotherProcessIsSeen(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	s := newSite(t, db, tenant)
	publishSite(t, db, tenant, s.ID, 1, site.Publication{})
	if at, err := db.Sites().Place(ctx, s.Key); err != nil || at.Version != 1 {
		t.Fatal(at, err)
	}
	other := storetest.Open(t, db.Config.URL)
	d := shop()
	d.Languages = []string{"de"}
	must(t, other.Sites().Edit(ctx, tenant, s.ID, 2, "Shop", d, entry("site.edit")))
	publishSite(t, other, tenant, s.ID, 3, site.Publication{})
	for tries := 0; ; tries++ {
		at, err := db.Sites().Place(ctx, s.Key)
		must(t, err)
		if at.Version == 2 {
			return
		}
		if tries > 3000 {
			t.Fatal("it is never seen")
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestSiteOfAnotherTenantIsAsIfItDidNotExist(t *testing.T) { // B33
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const other = "other"
		must(t, db.CreateTenant(ctx, other))
		s := newSite(t, db, tenant)
		publishSite(t, db, tenant, s.ID, 1, site.Publication{})
		for _, id := range []string{s.ID, uuid.NewString()} {
			_, _, err := db.Sites().Get(ctx, other, id)
			noSite(t, "get", err)
			noSite(t, "edit", db.Sites().Edit(ctx, other, id, 2, "x", shop(), entry("site.edit")))
			_, _, err = db.Sites().Publish(ctx, other, id, 2, site.Publication{}, "x", entry("site.publish"))
			noSite(t, "publish", err)
			_, err = db.Sites().Version(ctx, other, id, 1)
			noSite(t, "version", err)
			_, err = db.Sites().Shown(ctx, tenant, id, 1) // now it is in memory
			if id != s.ID {
				noSite(t, "shown", err)
			}
			_, err = db.Sites().Shown(ctx, other, id, 1)
			noSite(t, "shown", err)
			_, err = db.Sites().Document(ctx, other, id, 1, "en", "all")
			noSite(t, "document", err)
			versions, err := db.Sites().Versions(ctx, other, id)
			must(t, err)
			list, err := db.Sites().List(ctx, other)
			must(t, err)
			if len(versions)+len(list) != 0 {
				t.Error("rows of another tenant")
			}
		}
		taken := site.Summary{ID: uuid.NewString(), Key: s.Key, Name: "Theirs"}
		if err := db.Sites().Create(ctx, other, taken, shop(), entry("site.create")); !errors.Is(err, store.ErrExists) {
			t.Errorf("a key names two sites: %v", err)
		}
		for _, key := range []string{"", "a\x00aaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"} {
			_, err := db.Sites().Place(ctx, key)
			noSite(t, "place", err)
		}
	})
}

func noSite(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, site.ErrNotFound) {
		t.Errorf("%s: %v", what, err)
	}
}
