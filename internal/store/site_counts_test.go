package store_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// The sites of these tests. Their versions do not matter.
const (
	shopSite = "01990000-0000-7000-8000-000000000001"
	blog     = "01990000-0000-7000-8000-000000000002"
)

func addSites(t testing.TB, db *storetest.Database, of string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		_, err := db.Raw(t).ExecContext(ctx, `INSERT INTO sites (tenant, id, key, name, draft, revision, edited, version, origins, created)
			VALUES ($1, $2, $3, 'Shop', $4, 1, 0, 0, '', 0)`, of, id, of+id, []byte("{}"))
		must(t, err)
	}
}

// act is a record about a consent.
type act struct {
	name, consent string
	site.Record
}

func (a act) entry() audit.Entry {
	text, err := json.Marshal(a.Record)
	e := audit.Entry{Act: a.name, Object: site.Object(a.consent)}
	if a.name == site.ActErased {
		return e // nothing is said of it any more
	}
	if err == nil {
		err = json.Unmarshal(text, &e.Details)
	}
	if err != nil {
		panic(err)
	}
	return e
}

func log(t testing.TB, db *storetest.Database, of string, acts ...act) {
	t.Helper()
	for _, a := range acts {
		must(t, db.Audit().Append(ctx, of, a.entry()))
	}
}

// life is what visitors of two sites do, one after the other, at random.
func life(seed uint64, n int) (acts []act) {
	r := rand.New(rand.NewPCG(seed, 0))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	stands := map[string]site.Record{}
	for range n {
		var a act
		known := slices.Sorted(maps.Keys(stands))
		if len(known) > 0 && r.IntN(2) == 0 {
			a.consent = known[r.IntN(len(known))]
			a.name = pick(site.ActGiven, site.ActUpdated, site.ActUpdated, site.ActWithdrawn, site.ActExpired, site.ActErased)
			a.Record.Site, a.Prior = stands[a.consent].Site, &site.Prior{} // what stood is in the record before
		} else {
			a.name, a.consent, a.Record.Site = site.ActGiven, fmt.Sprintf("consent-%d", len(acts)), pick(shopSite, blog)
		}
		a.Version, a.Language, a.Country, a.Source = 1+r.IntN(3), pick("de", "fr", "el"), pick("DE", "FR", ""), site.Source(pick("banner", "preferences", "gpc"))
		a.Categories = map[string]site.Answer{"necessary": {Granted: true}}
		for _, key := range []string{"statistics", "marketing"} {
			if r.IntN(5) > 0 {
				a.Categories[key] = site.Answer{Granted: r.IntN(2) == 0}
			}
		}
		switch a.name {
		case site.ActWithdrawn, site.ActExpired, site.ActErased:
			a.Source = site.Withdrawal
			stands[a.consent] = a.Record // it may come back
		default:
			stands[a.consent] = a.Record
		}
		acts = append(acts, a)
	}
	return acts
}

// counted is what a site's counters must say of acts, the slow way.
func counted(acts []act, id string, by site.Axis) (standing site.Count, parts map[string]site.Count) {
	last, parts := map[string]act{}, map[string]site.Count{}
	for _, a := range acts {
		if a.Record.Site != id {
			continue
		}
		last[a.consent] = a
		if a.name == site.ActExpired || a.name == site.ActErased {
			continue
		}
		value := map[site.Axis]string{site.ByDay: "", site.ByLanguage: a.Language, site.ByCountry: a.Country, site.ByVersion: fmt.Sprint(a.Version), site.BySource: string(a.Source)}[by]
		part := parts[value]
		part.N++
		if part.Categories == nil {
			part.Categories = map[string]site.Split{}
		}
		for key, answer := range a.Categories {
			s := part.Categories[key]
			s.N++
			if answer.Granted {
				s.Granted++
			}
			part.Categories[key] = s
		}
		parts[value] = part
	}
	for _, a := range last {
		if a.name != site.ActGiven && a.name != site.ActUpdated {
			continue
		}
		standing.N++
		for key, answer := range a.Categories {
			if answer.Granted {
				standing.Add(key, site.Split{Granted: 1})
			}
		}
	}
	for key, s := range standing.Categories {
		standing.Categories[key] = site.Split{N: standing.N, Granted: s.Granted}
	}
	return standing, parts
}

var axes = []site.Axis{site.ByDay, site.ByLanguage, site.ByCountry, site.ByVersion, site.BySource}

// read reads all counters of a site, of all time.
func read(t testing.TB, db *storetest.Database, of, id string, by site.Axis) site.Counts {
	t.Helper()
	c, err := db.SiteCounts().Read(ctx, of, id, time.Unix(0, 0), time.Now().AddDate(1, 0, 0), by)
	must(t, err)
	return c
}

// wantCounted compares all counters with the acts.
func wantCounted(t *testing.T, db *storetest.Database, acts []act) {
	t.Helper()
	for _, id := range []string{shopSite, blog} {
		for _, by := range axes {
			standing, parts := counted(acts, id, by)
			got := read(t, db, tenant, id, by)
			if by == site.ByDay { // the database says which
				whole := site.Count{}
				for _, part := range got.Parts {
					whole.N += part.N
					for key, s := range part.Categories {
						whole.Add(key, s)
					}
				}
				got.Parts = map[string]site.Count{}
				if whole.N > 0 {
					got.Parts[""] = whole
				}
			}
			maps.DeleteFunc(got.Standing.Categories, func(_ string, s site.Split) bool { return s.Granted == 0 })
			if d := cmp.Diff(standing, got.Standing) + cmp.Diff(parts, got.Parts); d != "" {
				t.Errorf("%s by %s (-log +counters):\n%s", id, by, d)
			}
			if got.Behind != 0 {
				t.Errorf("it is %v behind", got.Behind)
			}
		}
	}
}

func countAll(t testing.TB, db *storetest.Database, of string, limit int) {
	t.Helper()
	for {
		n, err := db.SiteCounts().Count(ctx, of, limit)
		must(t, err)
		if n > limit {
			t.Fatalf("%d records were counted, of %d", n, limit)
		}
		if n == 0 {
			return
		}
	}
}

func TestCountersAreWhatTheLogSays(t *testing.T) { // B24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSites(t, db, tenant, shopSite, blog)
		wantCounted(t, db, nil)
		var all []act
		for round := range uint64(4) {
			acts := life(round, 60)
			for i := range acts { // other consents than those before
				acts[i].consent = fmt.Sprint(round, acts[i].consent)
			}
			all = append(all, acts...)
			log(t, db, tenant, acts...)
			must(t, db.Audit().Append(ctx, tenant, entry("test.act")))
			must(t, db.Audit().Append(ctx, tenant, audit.Entry{Act: "banner.link", Object: site.Object("x"), Details: map[string]any{"site": shopSite}}))
			countAll(t, db, tenant, []int{1, 7, 61, 1000}[round])
			wantCounted(t, db, all)
		}
		recount := func() {
			must(t, db.SiteCounts().Recount(ctx, tenant, entry("site.recount")))
			if c := read(t, db, tenant, shopSite, site.ByDay); c.Through != -1 || c.Behind == 0 || c.Standing.N != 0 {
				t.Errorf("nothing is counted yet, but %+v", c)
			}
			countAll(t, db, tenant, 100)
		}
		recount()
		wantCounted(t, db, all)
		for _, table := range []string{"site_counts", "site_standing"} {
			_, err := db.Raw(t).ExecContext(ctx, `UPDATE `+table+` SET n = n + 3`)
			must(t, err)
		}
		recount()
		db.Reopen(t)
		wantCounted(t, db, all)

		must(t, db.CreateTenant(ctx, "other"))
		if _, err := db.SiteCounts().Read(ctx, "other", shopSite, time.Unix(0, 0), time.Now(), site.ByDay); !errors.Is(err, site.ErrNotFound) { // B33
			t.Errorf("another tenant's site: %v", err)
		}
		addSites(t, db, "other", blog)
		countAll(t, db, "other", 10)
		if c := read(t, db, "other", blog, site.ByDay); c.Standing.N != 0 || len(c.Parts) != 0 { // B33
			t.Errorf("another tenant has %+v", c)
		}
	})
}

func TestCountersSayWhatTheRowsSay(t *testing.T) { // B24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSites(t, db, tenant, siteID)
		c := db.SiteConsents()
		device := func(i int) string { return fmt.Sprintf("device_0123456789abcdef_%d", i) }
		ids := make([]string, 8)
		for i := range ids {
			ids[i] = chooses(t, db, sends(device(i), i%2 == 0)).ID
		}
		must(t, second(c.Withdraw(ctx, tenant, siteID, device(0), uuid.NewString())))
		chooses(t, db, sends(device(1), true))
		over(t, db, ids[2])
		must(t, second(c.Sweep(ctx, tenant, 10)))
		must(t, second(c.Withdraw(ctx, tenant, siteID, device(3), uuid.NewString())))
		chooses(t, db, sends(device(3), true))
		over(t, db, ids[5])
		chooses(t, db, sends(device(5), true))
		person := uuid.Must(uuid.NewV7()).String()
		must(t, db.Statement(ctx, `UPDATE site_consents SET person = '`+person+`' WHERE id IN ('`+ids[0]+`', '`+ids[4]+`')`))
		subject, err := consent.ParseSubjectID(person)
		must(t, err)
		must(t, db.Devices().Erase(ctx, tenant, subject))
		countAll(t, db, tenant, 3)
		var want site.Count
		for i := range ids {
			s, err := c.Current(ctx, tenant, siteID, device(i))
			if errors.Is(err, site.ErrNotFound) {
				continue
			}
			must(t, err)
			want.N++
			for key, a := range s.Categories {
				want.Add(key, site.Split{Granted: number(a.Granted)})
			}
		}
		for key, s := range want.Categories {
			want.Categories[key] = site.Split{N: want.N, Granted: s.Granted}
		}
		if got := read(t, db, tenant, siteID, site.ByDay).Standing; want.N != 5 || !cmp.Equal(want, got) {
			t.Errorf("rows %+v, counters %+v", want, got)
		}
	})
}

func number(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func TestCountersSayHowFreshTheyAre(t *testing.T) { // B24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSites(t, db, tenant, shopSite)
		if c := read(t, db, tenant, shopSite, site.ByDay); c.Through != -1 || c.Behind != 0 {
			t.Errorf("at first: %+v", c)
		}
		acts := []act{{site.ActGiven, "a", site.Record{Site: shopSite}}, {site.ActGiven, "b", site.Record{Site: shopSite}}}
		log(t, db, tenant, acts...)
		<-time.After(3 * time.Millisecond)
		if c := read(t, db, tenant, shopSite, site.ByDay); c.Through != -1 || c.Behind <= 0 || c.Standing.N != 0 {
			t.Errorf("uncounted: %+v", c)
		}
		countAll(t, db, tenant, 1)
		c := read(t, db, tenant, shopSite, site.ByDay)
		records, err := db.Audit().Records(ctx, tenant, c.Through, 10)
		must(t, err)
		if len(records) != 1 || records[0].Object != site.Object("b") || c.Behind != 0 || c.Standing.N != 2 {
			t.Errorf("counted: %+v up to %+v", c, records)
		}
	})
}

func TestAPeriodIsCountedByItsDays(t *testing.T) { // B24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSites(t, db, tenant, shopSite)
		before := time.Now()
		log(t, db, tenant, act{site.ActGiven, "a", site.Record{Site: shopSite, Language: "de"}})
		after := time.Now() // it may be tomorrow by now
		countAll(t, db, tenant, 10)
		for _, by := range axes {
			for _, c := range []struct {
				from, to time.Time
				want     int64
			}{
				{before, after, 1}, {before.AddDate(0, 0, -9), after.AddDate(0, 0, 9), 1}, {before.AddDate(-3, 0, 0), before.AddDate(0, 0, -1), 0}, {after.AddDate(0, 0, 1), after.AddDate(3, 0, 0), 0},
			} {
				got, err := db.SiteCounts().Read(ctx, tenant, shopSite, c.from, c.to, by)
				must(t, err)
				var n int64
				for _, part := range got.Parts {
					n += part.N
				}
				if n != c.want || got.Standing.N != 1 {
					t.Errorf("%v to %v by %s: %+v", c.from, c.to, by, got)
				}
			}
		}
		if parts := read(t, db, tenant, shopSite, site.ByDay).Parts; parts[before.UTC().Format(time.DateOnly)].N+parts[after.UTC().Format(time.DateOnly)].N == 0 {
			t.Errorf("the days are %v", parts)
		}
	})
}

func TestSpansMakeUpEachDayOfAPeriodOnce(t *testing.T) { // F14
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Int64Range(0, 65535).Draw(t, "first")
		last := min(65535, first+rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, 800), rapid.Int64Range(0, 65535)).Draw(t, "days"))
		all := []int64{0, first - 1, first, first + 1, (first + last) / 2, last - 1, last, last + 1, 65535}
		for range 20 {
			all = append(all, rapid.Int64Range(first, last).Draw(t, "day"))
		}
		slices.Sort(all)
		all = slices.DeleteFunc(slices.Compact(all), func(day int64) bool { return day < 0 || day > 65535 })
		times, runs := store.Days(first, last, all)
		for _, day := range all {
			if in := day >= first && day <= last; in != (times[day] == 1) || times[day] > 1 {
				t.Fatalf("day %d of %d to %d is counted %d times", day, first, last, times[day])
			}
		}
		if runs > 11 {
			t.Fatalf("%d runs", runs)
		}
	})
}

// Two processes, where the database allows it, and two counters in each.
func TestNothingIsCountedTwiceByMany(t *testing.T) { // B24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSites(t, db, tenant, shopSite, blog)
		counters := []*store.DB{db.DB, db.DB}
		if !db.Exclusive() {
			other, err := store.Open(ctx, db.Config)
			must(t, err)
			defer func() { must(t, other.Close()) }()
			counters = append(counters, other, other)
		}
		acts := life(5, 150)
		written := make(chan struct{})
		var all sync.WaitGroup
		for _, c := range counters {
			all.Go(func() {
				for last := false; ; {
					n, err := c.SiteCounts().Count(ctx, tenant, 4)
					if err != nil {
						t.Error(err)
						return
					}
					if n == 0 && last {
						return
					}
					select {
					case <-written:
						last = n == 0
					default:
					}
				}
			})
		}
		log(t, db, tenant, acts...)
		close(written)
		all.Wait()
		wantCounted(t, db, acts)
	})
}

// childCounts makes the child process of child_test.go write choices and count
// them.
const childCounts = "STORE_TEST_CHILD_COUNTS"

func countForever(db *store.DB) error {
	for i := 0; ; i++ {
		a := act{site.ActGiven, uuid.NewString(), site.Record{Site: shopSite, Language: "de", Categories: map[string]site.Answer{"statistics": {Granted: i%2 == 0}}}}
		if err := db.Audit().Append(ctx, tenant, a.entry()); err != nil {
			return err
		}
		if _, err := db.SiteCounts().Count(ctx, tenant, 3); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

func TestAKillCountsNothingTwice(t *testing.T) { // B24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSites(t, db, tenant, shopSite)
		must(t, db.Close())
		for range 3 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"="+db.Config.URL, childCounts+"=1")
			out, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			lines := bufio.NewScanner(out)
			for n := 0; lines.Scan(); n++ {
				if n == 100 {
					must(t, cmd.Process.Kill())
				}
			}
			_ = cmd.Wait()
		}
		db.Reopen(t)
		countAll(t, db, tenant, 1000)
		var n, granted int64
		all, err := db.Audit().Records(ctx, tenant, 0, 1_000_000)
		must(t, err)
		for _, r := range all {
			if r.Act == site.ActGiven {
				n++
			}
		}
		c := read(t, db, tenant, shopSite, site.ByLanguage)
		granted = c.Standing.Categories["statistics"].Granted
		if c.Standing.N != n || c.Parts["de"].N != n || c.Parts["de"].Categories["statistics"] != (site.Split{N: n, Granted: granted}) || n < 300 {
			t.Errorf("%d records, counted %+v", n, c)
		}
	})
}
