package server

import (
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// newIdleSite answers, and does no work by itself: what is put into its store stays.
func newIdleSite(t *testing.T, db *storetest.Database, now time.Time) *site {
	t.Helper()
	s := &site{t: t, db: db, replies: map[string]string{}}
	s.must(db.CreateTenant(t.Context(), otherTenant))
	server := &Server{
		House: &House{Store: db.DB}, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), PublicURL: "http://127.0.0.1",
		Limiter: &api.Limiter{Most: 1_000_000, Now: time.Now}, Configuration: config.Options{Registry: kinds(t)}, Packages: t.TempDir(),
	}
	answers := httptest.NewServer(server.Handler(nil))
	t.Cleanup(answers.Close)
	s.url = answers.URL
	return s
}

var (
	tileAt  = regexp.MustCompile(`(?s)<a class="tile" href="([^"]+)"[^>]*><strong>([^<]+)</strong>`)
	nextAt  = regexp.MustCompile(`<a rel="next"[^>]* href="([^"]+)"|href="([^"]+)" rel="next"`)
	rowsOf  = regexp.MustCompile(`<th scope="row"`)
	totalAt = regexp.MustCompile(`(?s)<tfoot>.*<td class="number">([^<]+)</td>`)
)

// listed counts the rows of a list, on all its pages.
func (b *browser) listed(path string) (n int) {
	b.s.t.Helper()
	for path != "" {
		got := b.get(path)
		if got.status != http.StatusOK {
			b.s.t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
		n, path = n+len(rowsOf.FindAllString(got.body, -1)), ""
		if m := nextAt.FindStringSubmatch(got.body); m != nil {
			path = html.UnescapeString(m[1] + m[2])
		}
	}
	return n
}

func TestEachFigureOfTheFirstPageLeadsToAListOfJustThat(t *testing.T) { // W1, W2
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		now := time.Now().UTC().Truncate(time.Microsecond)
		s := newIdleSite(t, db, now)
		week := now.AddDate(0, 0, 7)
		all := []request.Status{
			request.IdentityUnverified, request.AwaitingApproval, request.Approved, request.InProcessing, request.RequiresInput, request.Paused,
			request.AwaitingEmailSend, request.RequiresFinalization, request.Errored, request.Complete, request.CompleteWithResidue,
			request.Denied, request.Canceled, request.Duplicate,
		}
		for _, tenant := range []string{store.DefaultTenant, otherTenant} {
			for _, status := range all {
				for i, due := range []time.Time{now.Add(-time.Microsecond), week.Add(-time.Microsecond), week, week.AddDate(0, 1, 0), {}} {
					for range 2 + i {
						r := request.Request{ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: "p", Status: status, Law: "gdpr", Due: due, Plan: []byte(`{}`)}
						s.must(s.db.Requests().Create(t.Context(), r, nil, act("request.create")))
					}
				}
			}
			raw := s.db.Raw(t)
			for _, status := range all {
				if status.Terminal() {
					_, err := raw.ExecContext(t.Context(), `UPDATE requests SET ended = 1 WHERE tenant = $1 AND status = $2`, tenant, string(status))
					s.must(err)
				}
			}
			_, err := raw.ExecContext(t.Context(), `INSERT INTO request_threads (tenant, request, asked, settled, seen, destroyed)
				SELECT tenant, id, 1, 0, 0, 0 FROM requests WHERE tenant = $1 AND status IN ('complete', 'approved')`, tenant)
			s.must(err)
			_, err = raw.ExecContext(t.Context(), `UPDATE requests SET extended = 1 WHERE tenant = $1 AND status = $2`, tenant, string(request.AwaitingApproval)) // their due is the later one
			s.must(err)
			for key, consent := range map[string]map[string]any{
				"works": {"identities": []any{"email"}, "purposes": map[string]any{"analytics": []any{"visits"}}},
				"away":  {"identities": []any{"email"}, "purposes": map[string]any{"analytics": []any{"visits"}}},
				"off":   {"identities": []any{"email"}, "off": true},
				"alone": {"identities": []any{"email"}}, // nothing says what it uses data for
			} {
				seen, err := s.db.Connections().Seen(t.Context(), tenant)
				s.must(err)
				made, err := config.MadeOf(key, map[string]any{
					"type": "webhook", "receives": "identities", "consent": consent,
					"secrets": map[string]any{"url": "https://x.example", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
				})
				s.must(err)
				s.must(s.db.Connections().Create(t.Context(), tenant, inventory.Connection{Key: key, Type: "webhook"}, made.Text, seen, act("connection.create")))
				_, err = raw.ExecContext(t.Context(), `INSERT INTO delivery_lanes (tenant, connection, since, failing, quiet, lease_owner, lease_until, fence) VALUES ($1, $2, 0, $3, 0, '', 0, 0)`,
					tenant, key, map[string]int{"away": 3, "off": 2}[key])
				s.must(err)
			}
			for choices := range 3 {
				_, key := s.makeSite(tenant, true)
				for range []int{11, 12, 4}[choices] {
					s.visits(key).choose(true)
				}
			}
			s.must(countTenant(t.Context(), s.db.SiteCounts(), tenant))
			for range 52 { // more than a page of them
				s.makeConsent(tenant, uuid.NewString()+"@example.com", "analytics", true)
			}
		}
		b := s.as(s.makeOperator(store.DefaultTenant, auth.Owner))
		home := b.get("/admin")
		figures, lists := map[string]string{}, map[string]string{}
		for _, m := range tileAt.FindAllStringSubmatch(home.body, -1) {
			path := html.UnescapeString(m[1])
			figures[path] = m[2]
			if strings.HasPrefix(path, "/admin/consent/rates") {
				lists[path] = totalAt.FindStringSubmatch(b.get(path).body)[1]
			} else {
				lists[path] = strconv.Itoa(b.listed(path))
			}
		}
		day := "?from=" + now.Format(time.DateOnly) + "&to=" + now.Format(time.DateOnly)
		want := map[string]string{
			"/admin/requests?due=late": strconv.Itoa(8 * 2), "/admin/requests?due=7": strconv.Itoa(8 * (2 + 3)),
			"/admin/propagation/connections?failing=true": "2", "/admin/consent/rates" + day: "27", "/admin/consent" + day: "52",
		}
		want["/admin/requests?messages=unanswered&status=all"] = strconv.Itoa(2 * (2 + 3 + 4 + 5 + 6))
		for _, status := range []request.Status{request.AwaitingApproval, request.RequiresInput, request.AwaitingEmailSend, request.RequiresFinalization, request.Paused, request.Errored} {
			want["/admin/requests?status="+string(status)] = strconv.Itoa(2 + 3 + 4 + 5 + 6)
		}
		if d := cmp.Diff(want, figures); d != "" {
			t.Errorf("home shows (-want +got): %s", d)
		}
		if d := cmp.Diff(figures, lists); d != "" {
			t.Errorf("the lists have (-home +list): %s", d)
		}
	})
}
