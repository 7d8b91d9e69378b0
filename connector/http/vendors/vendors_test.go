package vendors_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	vendor "volenti.dev/volenti/connector/http"
	"volenti.dev/volenti/connector/http/vendors"
	"volenti.dev/volenti/internal/vendortest"
	"volenti.dev/volenti/subject"
)

// each runs a test for each vendor, in a bubble in which pauses take no time.
func each(t *testing.T, test func(t *testing.T, d described, s scenario, anna []subject.Identity)) {
	all := scenarios()
	names, err := fs.Glob(vendors.Files, "*.yml")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(all) {
		t.Errorf("there are %d descriptions and %d vendors to try them with", len(names), len(all))
	}
	for _, file := range names {
		name := strings.TrimSuffix(file, ".yml")
		s, known := all[name]
		if !known {
			t.Errorf("no vendor to try %s with", file)
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s.fill()
				test(t, describe(t, name), s, []subject.Identity{
					identity(t, subject.Email, "anna@example.com"), identity(t, subject.ExternalID, "u1"),
				})
			})
		})
	}
}

func TestAccessFindsAllOfAPersonAndNothingOfOthers(t *testing.T) { // H19
	each(t, func(t *testing.T, d described, s scenario, anna []subject.Identity) {
		r := d.open(t, s.secrets(s.vendor.Secret), s.vendor)
		if err := r.Test(t.Context()); err != nil {
			t.Errorf("test the connection: %v", err)
		}
		if err := r.access(t.Context(), anna...); err != nil {
			t.Fatal(err)
		}
		found := map[string]int{}
		for endpoint, rows := range r.rows {
			found[endpoint] = len(rows)
			for _, row := range rows {
				if text := fmt.Sprint(map[string]any(row)); strings.Contains(text, "bob") {
					t.Errorf("%s gave a row of somebody else: %s", endpoint, text)
				}
			}
		}
		if d := cmp.Diff(s.rows, found); d != "" {
			t.Errorf("rows by endpoint (-want +got):\n%s", d)
		}
	})
}

func TestErasureLeavesNothingButWhatThePageSays(t *testing.T) { // H19
	each(t, func(t *testing.T, d described, s scenario, anna []subject.Identity) {
		r := d.open(t, s.secrets(s.vendor.Secret), s.vendor)
		if err := r.access(t.Context(), anna...); err != nil {
			t.Fatal(err)
		}
		others := s.vendor.Holding("bob")
		r.erase(t.Context(), s.vendor.Finish)
		if d := cmp.Diff(sorted(s.left), s.vendor.Holding("anna")); d != "" {
			t.Errorf("places that still hold her (-want +got):\n%s", d)
		}
		if d := cmp.Diff(others, s.vendor.Holding("bob")); d != "" {
			t.Errorf("places that hold others (-before +after):\n%s", d)
		}
		if sent := s.vendor.Rows("receipts"); len(sent) > 0 {
			t.Errorf("the erasure let the vendor send letters: %v", sent)
		}
	})
}

func TestChoicesReachTheVendor(t *testing.T) { // H15, P11, H19
	each(t, func(t *testing.T, d described, s scenario, anna []subject.Identity) {
		r := d.open(t, s.secrets(s.vendor.Secret), s.vendor)
		if (s.consent == nil) != (d.about.Spec().Prefers == 0) {
			t.Fatalf("the description takes %d choices in a call, and the test knows what becomes of them: %t", d.about.Spec().Prefers, s.consent != nil)
		}
		if s.consent == nil {
			return
		}
		for _, granted := range []bool{false, true} {
			var items []string
			if s.consent.item != "" {
				items = []string{s.consent.item}
			}
			for _, call := range r.prefer(t.Context(), granted, items, anna...) {
				if call.Outcome != connector.Arrived {
					t.Errorf("granted %t: %s %s", granted, call.Outcome, call.Reason)
				}
			}
			if s.consent.settle != nil {
				s.consent.settle(s.vendor)
			}
			want := s.consent.out
			if granted {
				want = s.consent.in
			}
			if got := s.consent.state(s.vendor); got != want {
				t.Errorf("granted %t: the vendor holds %v, want %v", granted, got, want)
			}
		}
	})
}

func TestVendorsThatAreBusyAreAskedAgain(t *testing.T) { // H16
	each(t, func(t *testing.T, d described, s scenario, anna []subject.Identity) {
		r := d.open(t, s.secrets(s.vendor.Secret), s.vendor)
		s.vendor.Busy(3)
		since := time.Now()
		if err := r.access(t.Context(), anna...); err != nil {
			t.Fatal(err)
		}
		r.erase(t.Context(), s.vendor.Finish)
		busy := 0
		for _, call := range s.vendor.Calls() {
			if call.Status == 429 {
				busy++
			}
		}
		if busy != 3 {
			t.Errorf("%d calls were answered with 429, want 3", busy)
		}
		if took := time.Since(since); took < time.Duration(3*s.pause)*time.Second {
			t.Errorf("it took %s, and the vendor asked for three pauses of %d s", took, s.pause)
		}
		if d := cmp.Diff(sorted(s.left), s.vendor.Holding("anna")); d != "" {
			t.Errorf("places that still hold her (-want +got):\n%s", d)
		}
	})
}

func TestWrongSecretsAreToldAndNotShown(t *testing.T) { // H16, H19
	each(t, func(t *testing.T, d described, s scenario, anna []subject.Identity) {
		const wrong = "wrong-canary-5d41402abc4b2a76"
		var log strings.Builder
		r := d.openBy(t, s.secrets(wrong), vendor.Options{Client: vendortest.Client(s.vendor), Log: func(e connector.Exchange) {
			_, _ = fmt.Fprintf(&log, "%+v\n", e)
		}})
		err := r.Test(t.Context())
		if err == nil && d.about.Test == nil {
			err = r.access(t.Context(), anna...)
		}
		if err == nil { // nothing of it can be read
			b := r.batch(&d.about.Endpoints[0])
			_, err = r.Delete(t.Context(), b)
		}
		if connector.KindOf(err) != connector.Denied || !strings.Contains(fmt.Sprint(err), "secrets") {
			t.Errorf("the failure is %v, want one that names the secrets", err)
		}
		if log.Len() == 0 {
			t.Error("nothing was noted")
		}
		for _, secret := range []string{wrong, "anna"} {
			if strings.Contains(fmt.Sprint(err), secret) || strings.Contains(log.String(), secret) {
				t.Errorf("%q is shown in the failure or in the log", secret)
			}
		}
	})
}

func TestWhoLeftMailchimpByThemselvesIsAskedByLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		anna := identity(t, subject.Email, "anna@example.com")
		for as, want := range map[string]connector.CallOutcome{"subscribed": connector.Rejected, "pending": connector.Arrived} {
			v := vendortest.Mailchimp()
			vendortest.PutMember(v, "l1", row{"email_address": "anna@example.com", "status": "unsubscribed", "compliance": true})
			r := describe(t, "mailchimp").open(t, map[string]string{"domain": "us6.api.mailchimp.com", "api_key": v.Secret, "resubscribe_as": as}, v)
			if got := r.prefer(t.Context(), true, []string{"l1"}, anna)[0]; got.Outcome != want {
				t.Errorf("as %s: %s %s, want %s", as, got.Outcome, got.Reason, want)
			}
		}
	})
}

func TestStripeIsToldTheSameUnderTheSameKey(t *testing.T) { // H16
	synctest.Test(t, func(t *testing.T) {
		s := stripe()
		s.fill()
		r := describe(t, "stripe").open(t, s.secrets(s.vendor.Secret), s.vendor)
		if err := r.access(t.Context(), identity(t, subject.Email, "anna@example.com")); err != nil {
			t.Fatal(err)
		}
		b := r.batch(r.about.Endpoint("charges"))
		for range 2 {
			if _, err := r.Mask(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		calls := map[string]int{}
		for _, call := range s.vendor.Calls() {
			if call.Method == "POST" {
				calls[call.Header.Get("Idempotency-Key")+" "+call.Path+" "+call.Body]++
			}
		}
		if len(calls) != 5 || calls[" "] != 0 {
			t.Errorf("two times the same five changes made %d different calls, want 5", len(calls))
		}
		for call, times := range calls {
			if times != 2 || strings.HasPrefix(call, " ") {
				t.Errorf("%s was made %d times, want twice under one key", call, times)
			}
		}
	})
}

func TestTokensOfSalesforceThatHaveEndedAreRenewed(t *testing.T) { // H8
	synctest.Test(t, func(t *testing.T) {
		s := salesforce()
		s.fill()
		r := describe(t, "salesforce").open(t, s.secrets(s.vendor.Secret), s.vendor)
		if err := r.access(t.Context(), identity(t, subject.Email, "anna@example.com")); err != nil {
			t.Fatal(err)
		}
		s.vendor.Expire()
		r.erase(t.Context(), s.vendor.Finish)
		if d := cmp.Diff(s.left, s.vendor.Holding("anna")); d != "" {
			t.Errorf("places that still hold her (-want +got):\n%s", d)
		}
	})
}

// Identities come from outside, and end up in paths, queries and bodies.
func TestStrangeIdentitiesFindNobody(t *testing.T) {
	each(t, func(t *testing.T, d described, s scenario, _ []subject.Identity) {
		for _, strange := range []string{`u1" OR "1"="1`, "u1/../u1", "../users", "u1' OR Email != '", "u1?limit=1&x=", `u1"}, {"x": "`, "<api_key>", "u1\n", "*", "%"} {
			r := d.open(t, s.secrets(s.vendor.Secret), s.vendor)
			person := []subject.Identity{{Type: subject.ExternalID, Value: subject.Conceal(strange)}, {Type: subject.Email, Value: subject.Conceal(strange + "@example.com")}}
			if err := r.access(t.Context(), person...); err != nil {
				t.Errorf("%q: %v", strange, err)
			}
			for endpoint, rows := range r.rows {
				for _, row := range rows {
					delete(row, vendor.InputsColumn)
					if text := fmt.Sprint(map[string]any(row)); strings.Contains(text, "bob") || strings.Contains(text, "anna") {
						t.Errorf("%q found somebody in %s: %s", strange, endpoint, text)
					}
				}
			}
		}
		for _, call := range s.vendor.Calls() {
			if call.Status == 400 {
				t.Errorf("%s %s was malformed", call.Method, call.Path)
			}
		}
	})
}

// says is a vendor that says one thing in the place of another.
type says struct {
	http.RoundTripper
	instead *strings.Replacer
}

func (s says) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body = io.NopCloser(strings.NewReader(s.instead.Replace(string(body))))
	return answer, err
}

func TestADeletionThatAVendorGivesUpIsNotWaitedForAMonth(t *testing.T) { // H14, H19
	each(t, func(t *testing.T, d described, s scenario, anna []subject.Identity) {
		for i := range d.about.Endpoints {
			e := &d.about.Endpoints[i]
			if e.Delete == nil || e.Delete.Async == nil {
				continue
			}
			if len(e.Delete.Async.Failed) == 0 {
				t.Errorf("%s is waited for until its time is over, whatever becomes of it", e.Name)
			}
			for _, status := range e.Delete.Async.Failed {
				client := vendortest.Client(s.vendor)
				client.Transport = says{client.Transport, strings.NewReplacer(`"pending"`, `"`+status+`"`, `"INITIALIZED"`, `"`+status+`"`, `"PENDING"`, `"`+status+`"`)}
				r := d.openBy(t, s.secrets(s.vendor.Secret), vendor.Options{Client: client})
				if err := r.access(t.Context(), anna...); err != nil {
					t.Fatal(err)
				}
				b := r.batch(e)
				_, err := r.Delete(t.Context(), b)
				var waiting *connector.Waiting
				if !errors.As(err, &waiting) {
					t.Fatalf("%s: %v", e.Name, err)
				}
				out, err := r.ResumeMask(t.Context(), b, waiting.State, nil)
				if err != nil || out[0].Status != connector.Failed || !strings.Contains(out[0].Reason, status) {
					t.Errorf("%s, once it is %s: %v, %v", e.Name, status, out, err)
				}
			}
		}
	})
}

// astray is a vendor that finds somebody else than it was asked for.
type astray struct{ http.RoundTripper }

func (a astray) RoundTrip(r *http.Request) (*http.Response, error) {
	other := strings.NewReplacer("anna@example.com", "bob@example.com", "anna%40example.com", "bob%40example.com", `"u1"`, `"u10"`, "=u1&", "=u10&")
	swap := func(text string) string { return strings.TrimSuffix(other.Replace(text+"&"), "&") }
	wrong := r.Clone(r.Context())
	wrong.URL.RawQuery = swap(r.URL.RawQuery)
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		wrong.Body = io.NopCloser(strings.NewReader(swap(string(body))))
	}
	return a.RoundTripper.RoundTrip(wrong)
}

// A search that is vague, or that a vendor ignores since its API has changed,
// must not lead to the masking of others.
func TestWhomAVendorGivesUnaskedIsLeftOut(t *testing.T) { // H10, H19
	each(t, func(t *testing.T, d described, s scenario, anna []subject.Identity) {
		client := vendortest.Client(s.vendor)
		client.Transport = astray{client.Transport}
		r := d.openBy(t, s.secrets(s.vendor.Secret), vendor.Options{Client: client})
		if err := r.access(t.Context(), anna...); err != nil {
			t.Fatal(err)
		}
		for endpoint, rows := range r.rows {
			for _, row := range rows {
				delete(row, vendor.InputsColumn)
				if text := fmt.Sprint(map[string]any(row)); strings.Contains(text, "bob") {
					t.Errorf("%s gave a row of somebody else: %s", endpoint, text)
				}
			}
		}
	})
}

func TestCallsGoToTheVendorOnlyAndByHTTPS(t *testing.T) { // H18
	each(t, func(t *testing.T, d described, s scenario, _ []subject.Identity) {
		secret := false
		for _, p := range d.about.Params {
			secret = secret || p.Sensitive
			if p.Type == "endpoint" && len(p.Allowed) == 0 && d.about.Type != "opendsr" { // which many vendors speak
				t.Errorf("%s may be any host", p.Name)
			}
			if p.About == "" && p.Label == "" {
				t.Errorf("%s is not explained", p.Name)
			}
		}
		if !secret {
			t.Error("no param is sensitive")
		}
		secrets := s.secrets(s.vendor.Secret)
		secrets["domain"] = "evil.example"
		if _, err := d.about.Open(connector.Settings{Key: "account", Secrets: secrets}, vendor.Options{}); err == nil && d.about.Type != "opendsr" {
			t.Error("a domain of somebody else was accepted")
		}
		if d.about.Client.Protocol != "https" || !strings.HasPrefix(d.about.Guide, "https://") {
			t.Errorf("protocol %s, guide %s", d.about.Client.Protocol, d.about.Guide)
		}
	})
}

// What leads to a row is gone when it is deleted first: a request that begins
// again after that would not find the row.
func TestWhatLeadsToRowsIsDeletedInAnOrderThatIsSaid(t *testing.T) {
	each(t, func(t *testing.T, d described, _ scenario, _ []subject.Identity) {
		for _, e := range d.about.Endpoints {
			for _, from := range ancestors(t, d, e.Name) {
				if e.Update == nil && e.Delete == nil || d.about.Endpoint(from).Delete == nil {
					continue
				}
				if !slices.Contains(d.about.Endpoint(from).EraseAfter, vendor.Instance+"."+e.Name) && !slices.Contains(e.EraseAfter, vendor.Instance+"."+from) {
					t.Errorf("%s is found by %s, and nothing says which is erased first", e.Name, from)
				}
			}
		}
	})
}

// ancestors are the endpoints that lead to one, over others too.
func ancestors(t *testing.T, d described, name string) (all []string) {
	t.Helper()
	for _, in := range d.about.Endpoint(name).Inputs() {
		for _, ref := range in.References {
			from, _, _ := strings.Cut(ref.Field, ".")
			if d.about.Endpoint(from) == nil {
				t.Fatalf("%s refers to %s, which is not there", name, ref.Field)
			}
			all = append(append(all, from), ancestors(t, d, from)...)
		}
	}
	return all
}

func TestWhatVendorsAnswerCanBeKeptWithoutItsValues(t *testing.T) { // H17
	each(t, func(t *testing.T, d described, s scenario, anna []subject.Identity) {
		trial := vendor.Trial{About: d.about, Person: map[string][]string{}, Secrets: s.secrets(s.vendor.Secret), Client: vendortest.Client(s.vendor)}
		for _, id := range anna {
			trial.Person[string(id.Type)] = []string{id.Value.Reveal()}
		}
		for _, e := range d.about.Endpoints {
			trial.Endpoint = e.Name
			tried, recording, err := trial.Record(t.Context())
			if err != nil {
				t.Errorf("%s: %v", e.Name, err)
				continue
			}
			if len(tried.Rows) != s.rows[e.Name] {
				t.Errorf("%s gave %d rows, want %d", e.Name, len(tried.Rows), s.rows[e.Name])
			}
			if text := fmt.Sprintf("%+v", recording); strings.Contains(text, "anna") || strings.Contains(text, s.vendor.Secret) {
				t.Errorf("the recording of %s holds her or the secret", e.Name)
			}
		}
	})
}
