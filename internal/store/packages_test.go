package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// packaged gives a running request that has a package.
func packaged(t *testing.T, db *storetest.Database) request.Lease {
	t.Helper()
	l := running(t, db)
	_, err := db.Keys().PackageKey(ctx, tenant, l.Request)
	must(t, err)
	return l
}

func TestPackageOutlivesItsRequestForSoLong(t *testing.T) { // SE3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		keys := db.Keys()
		first, second, under, without := packaged(t, db), packaged(t, db), packaged(t, db), running(t, db)
		for _, l := range []request.Lease{first, second, without} {
			must(t, db.Requests().Move(ctx, l, request.Turn{Event: request.Finish}, entry("request.complete")))
		}
		outlived := func(of string, ago time.Duration, limit int) []string {
			t.Helper()
			ids, err := keys.Outlived(ctx, of, ago, limit)
			must(t, err)
			return ids
		}
		if got := outlived(tenant, time.Hour, 10); len(got) > 0 {
			t.Errorf("after an hour: %v", got)
		}
		if got := outlived(tenant, 0, 10); !slices.Equal(got, []string{first.Request, second.Request}) {
			t.Errorf("at once: %v", got)
		}
		if got := outlived(tenant, 0, 1); !slices.Equal(got, []string{first.Request}) {
			t.Errorf("the oldest: %v", got)
		}
		must(t, db.CreateTenant(ctx, "other"))
		if got := outlived("other", 0, 10); len(got) > 0 {
			t.Errorf("of another tenant: %v", got)
		}

		link, token := pass(t, auth.FetchPackage, 3, time.Hour)
		link.Object = request.PackageObject(first.Request)
		must(t, db.Passes().Issue(ctx, link, entry("package.link")))
		must(t, keys.DestroyPackage(ctx, tenant, first.Request, entry("package.expire")))
		if _, err := db.Passes().Find(ctx, auth.FetchPackage, token); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("the link stands without its package: %v", err)
		}
		if got := outlived(tenant, 0, 10); !slices.Equal(got, []string{second.Request}) {
			t.Errorf("when one is destroyed: %v", got)
		}
		for id, want := range map[string]bool{
			first.Request: true, without.Request: true, second.Request: false, under.Request: false, running(t, db).Request: false, uuid.NewString(): false,
		} {
			if got, err := keys.Orphaned(ctx, tenant, id); got != want || err != nil {
				t.Errorf("%s is orphaned: %v, %v", id, got, err)
			}
		}
		if got, err := keys.Orphaned(ctx, "other", first.Request); got || err != nil {
			t.Errorf("another tenant's is orphaned: %v, %v", got, err)
		}
	})
}

func TestRenewedPassesTakeThePlaceOfTheFormerOnes(t *testing.T) { // SE3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Passes()
		object := request.PackageObject("1")
		of := func(part string, kind auth.PassKind) (auth.Pass, string) {
			p, token := pass(t, kind, 3, time.Hour)
			p.Object, p.Part = object, part
			return p, token
		}
		follow, followToken := of("", auth.FollowRequest)
		old, oldToken := of("a", auth.FetchPackage)
		must(t, s.Issue(ctx, follow, entry("pass.issue")))
		must(t, s.Issue(ctx, old, entry("pass.issue")))
		a, _ := of("a", auth.FetchPackage)
		b, bToken := of("b", auth.FetchPackage)
		letter := message.Letter{ID: uuid.Must(uuid.NewV7()).String(), Request: "1", Kind: message.Completion, To: subject.Conceal("a@example.org")}
		must(t, s.Renew(ctx, tenant, auth.FetchPackage, object, request.Told{Letters: []message.Letter{letter}, Passes: []auth.Pass{b, a}}, entry("package.link")))
		if _, err := s.Find(ctx, auth.FetchPackage, oldToken); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("the former one stands: %v", err)
		}
		if _, err := s.Find(ctx, auth.FollowRequest, followToken); err != nil {
			t.Errorf("another kind went with it: %v", err)
		}
		if p, err := s.Find(ctx, auth.FetchPackage, bToken); err != nil || p.Part != "b" {
			t.Errorf("the new one is for %q, %v", p.Part, err)
		}
		parts := func() (all []string) {
			standing, err := s.Standing(ctx, tenant, auth.FetchPackage, object)
			must(t, err)
			for _, p := range standing {
				all = append(all, p.Part)
			}
			return all
		}
		if got := parts(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("standing: %v", got)
		}
		for range 3 {
			must(t, s.Use(ctx, a, entry("package.fetch")))
		}
		if got := parts(); !slices.Equal(got, []string{"b"}) {
			t.Errorf("standing when one is used up: %v", got)
		}
		var letters int
		must(t, db.Raw(t).QueryRow(`SELECT count(*) FROM letters`).Scan(&letters))
		if letters != 1 {
			t.Errorf("%d letters", letters)
		}
	})
}

// Who decides tells the person in the same commit: a decision that was not
// possible tells nobody.
func TestDecisionsAreToldInTheirCommit(t *testing.T) { // X15
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := db.Requests()
		told := func(kind message.Kind) request.Told {
			p, _ := pass(t, auth.FollowRequest, auth.AnyUses, time.Hour)
			return request.Told{
				Letters: []message.Letter{{ID: uuid.Must(uuid.NewV7()).String(), Request: "1", Kind: kind, To: subject.Conceal("a@example.org")}}, Passes: []auth.Pass{p},
			}
		}
		count := func(want int) {
			t.Helper()
			var letters, passes int
			must(t, db.Raw(t).QueryRow(`SELECT (SELECT count(*) FROM letters), (SELECT count(*) FROM passes)`).Scan(&letters, &passes))
			if letters != want || passes != want {
				t.Errorf("%d letters, %d passes; want %d", letters, passes, want)
			}
		}
		approved, denied := create(t, db), create(t, db)
		r, err := s.Get(ctx, tenant, approved)
		must(t, err)
		if err := s.Approve(ctx, tenant, approved, "another plan", 0, entry("request.approve"), told(message.Approval)); !errors.Is(err, request.ErrOtherPlan) {
			t.Errorf("another plan: %v", err)
		}
		count(0)
		must(t, s.Approve(ctx, tenant, approved, r.PlanHash, 0, entry("request.approve"), told(message.Approval)))
		count(1)
		deny := func(id string) error {
			d := told(message.Denial)
			return s.Decide(ctx, tenant, id, request.Turn{Event: request.Deny, Message: "no", Letters: d.Letters, Passes: d.Passes}, entry("request.deny"))
		}
		if err := deny(approved); !errors.Is(err, request.ErrTransition) {
			t.Errorf("denied when it is approved: %v", err)
		}
		count(1)
		must(t, deny(denied))
		count(2)
	})
}
