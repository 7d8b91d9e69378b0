package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

const (
	siteID  = "0198c0de-0000-7000-8000-00000000000a"
	shown   = "5d41402abc4b2a76b9719d911017c592ae2f5e4c2b0a0e4c0a6f0f2a3b4c5d6e" // digest of the version
	visits  = "0123456789abcdefghij_-"
	network = "203.0.113.77"
)

// asks is a version with a category that may be refused.
func asks() site.Version {
	return site.Version{
		Site: siteID, Number: 3, Languages: []string{"en"}, Material: 1, Regions: []site.Region{{Key: "all", Mode: site.OptIn}},
		Categories: []site.Asked{
			{Category: site.Category{Key: "necessary", Necessary: true}, Since: 1, Days: 365},
			{Category: site.Category{Key: "statistics"}, Since: 1, Days: 30},
		},
		Vendors: []site.Named{{Vendor: site.Vendor{Key: "counter", Category: "statistics"}, Since: 1}},
	}
}

// sends is a submission of a device about statistics.
func sends(device string, yes bool) site.Submission {
	return site.Submission{
		Device: device, ID: uuid.NewString(), Version: 3, Digest: shown, Language: "en", Region: "all", Source: site.Banner,
		Categories: map[string]bool{"statistics": yes}, Address: network, Agent: "Mozilla/5.0 (iPhone)",
	}
}

func chooses(t testing.TB, db *storetest.Database, s site.Submission) site.Standing {
	t.Helper()
	standing, err := db.SiteConsents().Choose(ctx, tenant, asks(), shown, s)
	must(t, err)
	return standing
}

// withdraws is for those whom what is left does not concern.
func withdraws(_ site.Standing, err error) error { return err }

func trail(t testing.TB, db *storetest.Database, id string) []site.Entry {
	t.Helper()
	all, err := db.SiteConsents().Trail(ctx, tenant, siteID, id)
	must(t, err)
	return all
}

func actsOf(trail []site.Entry) string {
	var all []string
	for _, e := range trail {
		all = append(all, strings.TrimPrefix(e.Act, "banner."))
	}
	return strings.Join(all, " ")
}

func TestAVisitorsChoiceIsARowAndARecord(t *testing.T) { // B1 B2 B4 B16 B23
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		c := db.SiteConsents()
		if _, err := c.Current(ctx, tenant, siteID, visits); !errors.Is(err, site.ErrNotFound) {
			t.Errorf("before: %v", err) // B5
		}
		first := chooses(t, db, sends(visits, true))
		s := sends(visits, false)
		s.Vendors, s.ConsentString = map[string]bool{"counter": true}, "TC"
		second := chooses(t, db, s)
		if second.ID != first.ID || second.Sequence <= first.Sequence || !second.Recorded.Equal(first.Recorded) || second.Updated.Before(first.Updated) {
			t.Errorf("%+v, then %+v", first, second)
		}
		now, err := c.Current(ctx, tenant, siteID, visits)
		must(t, err)
		if d := cmp.Diff(second, now, cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
		kept, all, err := c.Kept(ctx, tenant, siteID, visits)
		must(t, err)
		if kept.ID != first.ID || actsOf(all) != "updated given" {
			t.Errorf("%+v, %s", kept, actsOf(all))
		}
		r := all[0].Record
		if r.Site != siteID || r.Version != 3 || r.Digest != shown || r.ConsentString != "TC" || r.Agent != "mobile" || !r.Vendors["counter"].Granted ||
			r.Prior == nil || r.Prior.Sequence != first.Sequence || !r.Prior.Categories["statistics"] || !r.Expires.Equal(second.Expires) || all[0].Sequence != second.Sequence || all[0].At.IsZero() {
			t.Errorf("%+v", all[0])
		}
		verify(t, db, second.Sequence+1)
	})
}

func TestFirstChoicesAtOnceAreOneRow(t *testing.T) { // B3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				if _, err := db.SiteConsents().Choose(ctx, tenant, asks(), shown, sends(visits, i%2 == 0)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		kept, records, err := db.SiteConsents().Kept(ctx, tenant, siteID, visits)
		must(t, err)
		if n := strings.Count(actsOf(records), "given"); n != 1 || len(records) != 100 || records[99].Act != site.ActGiven {
			t.Errorf("%d of %d records are first ones", n, len(records))
		}
		if rows(t, db, "site_consents") != 1 || kept.Sequence != records[0].Sequence {
			t.Errorf("%d rows; %d stands, the latest is %d", rows(t, db, "site_consents"), kept.Sequence, records[0].Sequence)
		}
		for i, r := range records[:99] { // each knows the one before it
			if r.Record.Prior == nil || r.Record.Prior.Sequence != records[i+1].Sequence {
				t.Fatalf("record %d follows %+v", r.Sequence, r.Record.Prior)
			}
		}
		verify(t, db, 101)
	})
}

func rows(t testing.TB, db *storetest.Database, table string) (n int) {
	t.Helper()
	must(t, db.Look(ctx, `SELECT COUNT(*) FROM `+table, &n))
	return n
}

func TestTheSameSubmissionIsTakenOnce(t *testing.T) { // W17
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := sends(visits, true)
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() { chooses(t, db, s) })
		}
		all.Wait()
		first := chooses(t, db, s)
		s.Address, s.Agent, s.Signal = "198.51.100.1", "", true // on another way
		if again := chooses(t, db, s); again.Sequence != first.Sequence || len(trail(t, db, first.ID)) != 1 {
			t.Errorf("again: %+v", again)
		}
		s.Categories = map[string]bool{"statistics": false}
		if _, err := db.SiteConsents().Choose(ctx, tenant, asks(), shown, s); !errors.Is(err, site.ErrConflict) {
			t.Errorf("another content: %v", err)
		}
		// A yes that comes again late does not undo what was said since.
		chooses(t, db, sends(visits, false))
		s.Categories = map[string]bool{"statistics": true}
		if late := chooses(t, db, s); late.Categories["statistics"].Granted {
			t.Errorf("late: %+v", late)
		}
		other := sends("another_device_0123456789", true)
		other.ID = s.ID // it is this device's own
		if o := chooses(t, db, other); o.ID == first.ID || len(trail(t, db, o.ID)) != 1 {
			t.Errorf("another device: %+v", o)
		}
	})
}

func TestABadChoiceTakesNobodyAlong(t *testing.T) { // B8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				s := sends(fmt.Sprintf("device_%016d", i), true)
				if i%3 == 0 {
					s.Categories["__proto__"] = true
				}
				_, err := db.SiteConsents().Choose(ctx, tenant, asks(), shown, s)
				if (err != nil) != (i%3 == 0) {
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		all.Wait()
		if n := rows(t, db, "site_consents"); n != 40 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestAWithdrawalLeavesTheProof(t *testing.T) { // B2 B5 B6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		c := db.SiteConsents()
		if err := withdraws(db.SiteConsents().Withdraw(ctx, tenant, siteID, visits, uuid.NewString())); !errors.Is(err, site.ErrNotFound) {
			t.Errorf("nothing: %v", err)
		}
		first := chooses(t, db, sends(visits, true))
		id := uuid.NewString()
		for range 2 {
			must(t, withdraws(db.SiteConsents().Withdraw(ctx, tenant, siteID, visits, id)))
		}
		if err := withdraws(db.SiteConsents().Withdraw(ctx, tenant, siteID, visits, uuid.NewString())); !errors.Is(err, site.ErrNotFound) {
			t.Errorf("nothing any more: %v", err)
		}
		if _, err := c.Current(ctx, tenant, siteID, visits); !errors.Is(err, site.ErrNotFound) {
			t.Errorf("it stands: %v", err)
		}
		all := trail(t, db, first.ID)
		if actsOf(all) != "withdrawn given" || all[0].Record.Prior == nil || !all[0].Record.Prior.Categories["statistics"] || all[0].Record.Digest != shown || all[0].Record.Categories["statistics"].Granted {
			t.Errorf("%+v", all[0])
		}
		back := chooses(t, db, sends(visits, true))
		if back.ID != first.ID || actsOf(trail(t, db, first.ID)) != "given withdrawn given" {
			t.Errorf("%+v: %s", back, actsOf(trail(t, db, first.ID)))
		}
		must(t, withdraws(db.SiteConsents().WithdrawConsent(ctx, tenant, siteID, first.ID, "key/1")))
		if last := trail(t, db, first.ID)[0]; last.Act != site.ActWithdrawn || last.Record.By != "key/1" {
			t.Errorf("%+v", last)
		}
		for what, err := range map[string]error{
			"again":          withdraws(db.SiteConsents().WithdrawConsent(ctx, tenant, siteID, first.ID, "key/1")),
			"unknown":        withdraws(db.SiteConsents().WithdrawConsent(ctx, tenant, siteID, uuid.NewString(), "key/1")),
			"of another one": withdraws(db.SiteConsents().WithdrawConsent(ctx, tenant, uuid.NewString(), first.ID, "key/1")),
		} {
			if !errors.Is(err, site.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestConsentsOfAnotherTenantAreNotFound(t *testing.T) { // B33
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const other = "other"
		must(t, db.CreateTenant(ctx, other))
		c := db.SiteConsents()
		own := chooses(t, db, sends(visits, true))
		_, current := c.Current(ctx, other, siteID, visits)
		_, shown := c.Consent(ctx, other, siteID, own.ID)
		_, trail := c.Trail(ctx, other, siteID, own.ID)
		_, elsewhere := c.Trail(ctx, tenant, uuid.NewString(), own.ID)
		_, receipt := c.Receipt(ctx, other, siteID, visits)
		_, _, kept := c.Kept(ctx, tenant, uuid.NewString(), visits)
		for what, err := range map[string]error{
			"current": current, "consent": shown, "trail": trail, "trail of another site": elsewhere, "receipt": receipt, "device at another site": kept,
			"withdraw": withdraws(db.SiteConsents().Withdraw(ctx, other, siteID, visits, uuid.NewString())), "withdraw by id": withdraws(db.SiteConsents().WithdrawConsent(ctx, other, siteID, own.ID, "key/1")),
		} {
			if !errors.Is(err, site.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		n, err := c.Sweep(ctx, other, 10)
		if must(t, err); n != 0 {
			t.Errorf("%d were swept", n)
		}
		if _, err := c.Current(ctx, "no such tenant", siteID, visits); !errors.Is(err, store.ErrNoTenant) { // B7
			t.Errorf("no tenant: %v", err)
		}
	})
}

func TestWhatHasExpiredCountsAsNothingAndIsForgotten(t *testing.T) { // B5 B15
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		c := db.SiteConsents()
		stays := chooses(t, db, sends("stays_0123456789abcdef", true))
		first := chooses(t, db, sends(visits, true))
		receipt, err := c.Receipt(ctx, tenant, siteID, visits)
		must(t, err)
		over(t, db, first.ID)
		if _, err := c.Current(ctx, tenant, siteID, visits); !errors.Is(err, site.ErrNotFound) {
			t.Errorf("it stands: %v", err)
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		swept := 0
		for range 4 { // as four servers
			all.Go(func() {
				n, err := c.Sweep(ctx, tenant, 10)
				mu.Lock()
				defer mu.Unlock()
				swept += n
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		left := trail(t, db, first.ID)
		if swept != 1 || actsOf(left) != "expired given" || left[0].Record.Prior == nil || !left[0].Record.Prior.Categories["statistics"] {
			t.Errorf("%d swept: %s", swept, actsOf(left))
		}
		if _, err := c.Consent(ctx, tenant, siteID, first.ID); !errors.Is(err, site.ErrNotFound) {
			t.Errorf("the row: %v", err)
		}
		if _, err := c.Consent(ctx, tenant, siteID, stays.ID); err != nil {
			t.Errorf("that of another device: %v", err)
		}
		// The receipt that the visitor has proves the same.
		text, err := json.Marshal(receipt)
		must(t, err)
		keys, err := db.Tenant(ctx, tenant)
		must(t, err)
		if e, _, err := site.VerifyReceipt(text, keys.Verifier()); err != nil || e.Act != site.ActGiven || e.Consent != first.ID {
			t.Errorf("%+v, %v", e, err)
		}
		if next := chooses(t, db, sends(visits, true)); next.ID == first.ID {
			t.Error("the device still leads to its former records")
		}
	})
}

// over lets the time of a consent be over.
func over(t testing.TB, db *storetest.Database, id string) {
	t.Helper()
	must(t, db.Statement(ctx, `UPDATE site_consents SET expires = 1000 WHERE id = '`+id+`'`))
}

func TestAChoiceAfterTheEndIsAFirstOne(t *testing.T) { // B5
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		first := chooses(t, db, sends(visits, true))
		over(t, db, first.ID) // and no sweeper has come by
		next := chooses(t, db, sends(visits, true))
		if next.ID == first.ID || actsOf(trail(t, db, first.ID)) != "expired given" || actsOf(trail(t, db, next.ID)) != "given" {
			t.Errorf("%s, then %s", actsOf(trail(t, db, first.ID)), actsOf(trail(t, db, next.ID)))
		}
		must(t, withdraws(db.SiteConsents().Withdraw(ctx, tenant, siteID, visits, uuid.NewString())))
		over(t, db, next.ID)
		n, err := db.SiteConsents().Sweep(ctx, tenant, 10)
		if must(t, err); n != 1 || actsOf(trail(t, db, next.ID)) != "withdrawn given" {
			t.Errorf("%d swept: %s", n, actsOf(trail(t, db, next.ID)))
		}
	})
}

func TestTheDatabaseTellsNothingOfTheVisitor(t *testing.T) { // B9 B10
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := sends(visits, true)
		one := trail(t, db, chooses(t, db, s).ID)[0].Record.Network
		near := sends("near_0123456789abcdefgh", true)
		near.Address = "203.0.113.1"
		far := sends("far_0123456789abcdefghi", true)
		far.Address = "203.0.114.77"
		none := sends("none_0123456789abcdefgh", true)
		none.Address = ""
		same, other, unknown := trail(t, db, chooses(t, db, near).ID)[0].Record.Network, trail(t, db, chooses(t, db, far).ID)[0].Record.Network, trail(t, db, chooses(t, db, none).ID)[0].Record.Network
		if len(one) != 16 || one != same || one == other || unknown != "" {
			t.Errorf("%q, near %q, far %q, unknown %q", one, same, other, unknown)
		}
		if n := rows(t, db, "keys WHERE owner LIKE 'network/%'"); n != 1 {
			t.Errorf("%d keys of networks", n)
		}
		dump := string(db.Dump(t))
		for _, secret := range []string{visits, "203.0.113", s.ID, one} {
			if strings.Contains(dump, secret) {
				t.Errorf("the database shows %q", secret)
			}
		}
		// The key of a month goes after thirteen months, that of this one stays.
		ago := func(months int) string {
			return time.Now().UTC().AddDate(0, -months, 1-time.Now().UTC().Day()).Format("2006-01")
		}
		for _, months := range []int{14, 13} {
			must(t, db.Statement(ctx, `INSERT INTO keys (tenant, owner, wrapped) SELECT tenant, 'network/`+ago(months)+`', wrapped FROM keys WHERE owner LIKE 'network/`+ago(0)+`'`))
		}
		_, err := db.SiteConsents().Sweep(ctx, tenant, 10)
		must(t, err)
		if left := rows(t, db, "keys WHERE owner LIKE 'network/%'"); left != 2 || rows(t, db, "keys WHERE owner = 'network/"+ago(14)+"'") != 0 {
			t.Errorf("%d keys are left", left)
		}
	})
}

func TestSubmissionsAreForgottenAfterAMonth(t *testing.T) { // B15
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		chooses(t, db, sends(visits, true))
		must(t, db.Statement(ctx, fmt.Sprintf(`UPDATE site_submissions SET at = %d`, time.Now().Add(-31*24*time.Hour).UnixMicro())))
		chooses(t, db, sends(visits, false))
		_, err := db.SiteConsents().Sweep(ctx, tenant, 10)
		if must(t, err); rows(t, db, "site_submissions") != 1 {
			t.Errorf("%d are left", rows(t, db, "site_submissions"))
		}
	})
}

func TestAReceiptOfABannerVerifiesOnItsOwn(t *testing.T) { // B6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		for i := range 7 {
			must(t, db.Audit().Append(ctx, tenant, audit.Entry{Act: "test.act", Object: fmt.Sprint(i)}))
		}
		s := chooses(t, db, sends(visits, true))
		must(t, db.Audit().Append(ctx, tenant, audit.Entry{Act: "test.act", Object: "x"}))
		r, err := db.SiteConsents().Receipt(ctx, tenant, siteID, visits)
		must(t, err)
		text, err := json.MarshalIndent(r, "", "  ")
		must(t, err)
		e, size, err := site.VerifyReceipt(text, "")
		if err != nil || size != s.Sequence+2 || e.Sequence != s.Sequence || !e.Record.Categories["statistics"].Granted || e.Record.Digest != shown {
			t.Fatalf("%+v of %d, %v", e, size, err)
		}
		for what, change := range map[string][2]string{
			"a refusal":       {`"granted": true`, `"granted": false`},
			"another version": {`"version": 3`, `"version": 4`},
			"another act":     {site.ActGiven, site.ActWithdrawn},
			"another consent": {s.ID, uuid.NewString()},
			"another form":    {"receipt/1", "receipt/2"},
		} {
			forged := strings.ReplaceAll(string(text), change[0], change[1])
			if _, _, err := site.VerifyReceipt([]byte(forged), ""); err == nil || forged == string(text) {
				t.Errorf("%s verifies", what)
			}
		}
		if _, _, err := site.VerifyReceipt(text, "other+0+x"); err == nil {
			t.Error("it verifies under another key")
		}
	})
}

func TestATrailIsReadByItsIndex(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		// So many of others that reading all of them would be dear.
		for i := range 40 {
			var all sync.WaitGroup
			for n := range 50 {
				all.Go(func() { chooses(t, db, sends(fmt.Sprintf("device_%016d", 50*i+n), true)) })
			}
			all.Wait()
		}
		id := chooses(t, db, sends(visits, true)).ID
		if !db.Embedded() {
			must(t, db.Statement(ctx, `ANALYZE audit_leaves`))
		}
		plan, err := db.Plan(ctx, store.SelectTrail, tenant, site.Object(id))
		if must(t, err); !strings.Contains(plan, "audit_leaves_of_banners ") {
			t.Error(plan)
		}
	})
}

func TestChoicesWhileTheDeviceIsLinkedAndUnlinked(t *testing.T) { // B28, B29
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		v := asks()
		v.Categories[1].Purposes = []string{"analytics"}
		must(t, db.PublishSite(ctx, tenant, siteID, v))
		id := chooses(t, db, sends(visits, true)).ID
		device, err := db.Devices().Known(ctx, tenant, siteID, visits)
		must(t, err)
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for n := range 10 {
					s := chooses(t, db, sends(visits, (i+n)%2 == 0))
					if err := db.Devices().Bridge(ctx, tenant, s.ID); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Go(func() {
			for range 10 {
				if _, err := db.Devices().Link(ctx, tenant, siteID, device, person("anna@example.com"), map[string]any{"how": "vouched"}); err != nil {
					t.Error(err)
				}
				if err := db.Devices().Unlink(ctx, tenant, siteID, device, map[string]any{"how": "vouched"}); err != nil {
					t.Error(err)
				}
			}
			if _, err := db.Devices().Link(ctx, tenant, siteID, device, person("anna@example.com"), map[string]any{"how": "vouched"}); err != nil {
				t.Error(err)
			}
		})
		all.Wait()
		s := chooses(t, db, sends(visits, false)) // a choice takes nobody's link
		must(t, db.Devices().Bridge(ctx, tenant, s.ID))
		subject, err := db.Consents().Find(ctx, tenant, person("anna@example.com")[0])
		must(t, err)
		if got := choices(t, db, subject)["analytics"]; !s.Linked || s.ID != id || got == consent.Granted || got == "" {
			t.Errorf("%+v; the ledger says %q", s, got)
		}
		sound(t, db)
	})
}
