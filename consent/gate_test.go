package consent_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"volenti.dev/volenti/consent"
)

var (
	ctx  = context.Background()
	anna = consent.SubjectID{1: 1, 15: 1}
	ben  = consent.SubjectID{1: 2, 15: 2}
)

// ledger is a Checker over an index; broken, it knows nothing.
type ledger struct {
	*consent.Index
	broken bool
}

func (l *ledger) Check(_ context.Context, _ string, id consent.SubjectID, purpose string, now time.Time) (consent.Decision, error) {
	d, ok := l.Decide(id, purpose, now)
	if l.broken || !ok {
		return consent.Decision{Allowed: true}, errors.New("the database is gone")
	}
	return d, nil
}

func gate(t testing.TB) (*consent.Gate, *ledger) {
	t.Helper()
	l := &ledger{Index: consent.NewIndex(consent.DefaultRules())}
	l.Ready()
	l.Set(anna, "analytics", consent.State{Choice: consent.Granted, Given: now})
	l.Set(ben, "analytics", consent.State{Choice: consent.Refused, Given: now})
	return &consent.Gate{Tenant: "t", States: l, Now: func() time.Time { return now }}, l
}

func TestAFunctionBehindAGateRunsWithConsentOnly(t *testing.T) { // A14, A15, A16
	g, l := gate(t)
	calls := 0
	f := func(context.Context, consent.SubjectID) (int, error) { calls++; return 7, nil }
	byArgument := consent.Guard(g, "analytics", func(id consent.SubjectID) consent.SubjectID { return id }, f)
	byContext := consent.Guard(g, "analytics", nil, f)
	if out, err := byArgument(ctx, anna); out != 7 || err != nil {
		t.Errorf("with consent: %v, %v", out, err)
	}
	if out, err := byContext(consent.WithSubject(ctx, anna), ben); out != 7 || err != nil {
		t.Errorf("subject from the context: %v, %v", out, err)
	}
	calls = 0
	refused := func(what string, err error, reason consent.Reason) {
		t.Helper()
		var no *consent.NotGranted
		if !errors.As(err, &no) || no.Purpose != "analytics" || no.Reason != reason {
			t.Errorf("%s: %v", what, err)
		} else if strings.Contains(fmt.Sprintf("%v %+v", err, *no), ben.String()) {
			t.Errorf("%s: the error shows the subject", what)
		}
	}
	_, err := byArgument(ctx, ben)
	refused("refused", err, consent.WasRefused)
	var no *consent.NotGranted
	if errors.As(err, &no) && no.Subject.Reveal() != ben {
		t.Error("the program is not told the subject")
	}
	if _, err := byArgument(ctx, consent.SubjectID{}); !errors.Is(err, consent.ErrNoSubject) {
		t.Errorf("no subject: %v", err)
	}
	if _, err := byContext(ctx, anna); !errors.Is(err, consent.ErrNoSubject) {
		t.Errorf("no subject in the context: %v", err)
	}
	l.broken = true
	_, err = byArgument(ctx, anna)
	refused("what is not known", err, consent.Unavailable)
	if calls != 0 {
		t.Errorf("called %d times without consent", calls)
	}
}

func TestMiddlewareDeniesByDefault(t *testing.T) { // A15
	g, l := gate(t)
	h := g.Middleware("analytics", func(r *http.Request) (consent.SubjectID, error) {
		return consent.ParseSubjectID(r.Header.Get("Subject"))
	})(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, err := consent.SubjectFrom(r.Context()); err != nil || id != anna {
			t.Errorf("subject %v, %v", id, err)
		}
	}))
	ask := func(subject string) int {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Subject", subject)
		h.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), subject) && subject != "" {
			t.Error("the answer shows the subject")
		}
		return w.Code
	}
	if got := []int{ask(anna.String()), ask(ben.String()), ask(""), ask("x")}; !cmp.Equal(got, []int{200, 403, 400, 400}) {
		t.Errorf("answers %v", got)
	}
	l.broken = true
	if got := ask(anna.String()); got != 403 {
		t.Errorf("while the state is unknown: %d", got)
	}
}

func TestATokenIsCheckedAgainWhenItTakesEffect(t *testing.T) { // A16
	g, l := gate(t)
	token, err := g.Pass(ctx, anna, "analytics")
	if err != nil {
		t.Fatal(err)
	}
	effects := 0
	effect := func(context.Context) error { effects++; return nil }
	if err := token.Do(ctx, effect); err != nil || effects != 1 {
		t.Fatal(err)
	}
	l.Set(anna, "analytics", consent.State{Choice: consent.Withdrawn, Given: now})
	var no *consent.NotGranted
	if err := token.Do(ctx, effect); !errors.As(err, &no) || effects != 1 {
		t.Errorf("after the withdrawal: %v, %d effects", err, effects)
	}
	if err := (consent.Token{}).Do(ctx, effect); err == nil || effects != 1 {
		t.Error("a token that nobody gave had an effect")
	}
}

func TestFilterKeepsThoseWhoConsented(t *testing.T) { // A15
	g, l := gate(t)
	ids := []consent.SubjectID{ben, anna, {15: 9}, anna}
	if got := g.Filter(ctx, ids, "analytics"); !cmp.Equal(got, []consent.SubjectID{anna, anna}) {
		t.Errorf("kept %v", got)
	}
	l.broken = true
	if got := g.Filter(ctx, ids, "analytics"); len(got) != 0 {
		t.Errorf("kept %v", got)
	}
}

// The index answers as the rules do from the full state, except that a grant
// may expire within the hour before its end.
func TestIndexAnswersLikeTheFullState(t *testing.T) {
	rules := asked(t, consent.Purpose{Key: "ads", Block: true, Expires: 48 * time.Hour})
	x := consent.NewIndex(rules)
	states := map[consent.SubjectID]consent.State{}
	x.Ready()
	rapid.Check(t, func(r *rapid.T) {
		id := consent.SubjectID{15: byte(rapid.IntRange(1, 70).Draw(r, "id")), 3: byte(rapid.IntRange(0, 2).Draw(r, "other"))}
		if rapid.IntRange(0, 5).Draw(r, "forget") == 0 {
			x.Forget(id)
			delete(states, id)
		} else {
			s := consent.State{
				Choice: rapid.SampledFrom([]consent.Choice{consent.Granted, consent.Refused, consent.Withdrawn, consent.Expired}).Draw(r, "choice"),
				Era:    rapid.IntRange(0, 1).Draw(r, "era"),
				Given:  now.Add(-time.Duration(rapid.IntRange(0, 60).Draw(r, "age")) * time.Hour),
			}
			x.Set(id, "ads", s)
			states[id] = s
		}
		for id, s := range states {
			want := rules.Judgements()["ads"].Decide(s.Choice, s.Era, s.Given.Truncate(time.Hour), now)
			if got, ok := x.Decide(id, "ads", now); !ok || got != want {
				r.Fatalf("%v: %v, want %v", s, got, want)
			}
		}
		if got, _ := x.Decide(id, "other", now); got.Allowed {
			r.Fatalf("allowed what was not asked")
		}
	})
}

func TestAnIndexThatForgetsFindsAllTheOthers(t *testing.T) {
	x := consent.NewIndex(consent.DefaultRules())
	x.Ready()
	id := func(i int) consent.SubjectID { return consent.SubjectID{0: byte(i), 1: byte(i >> 8), 15: 1} } // of one shard
	const people = 3000
	for i := range people {
		x.Set(id(i), "analytics", consent.State{Choice: consent.Granted, Given: now})
	}
	for i := range people {
		if i%3 == 0 {
			x.Forget(id(i))
		}
	}
	for i := range people / 6 { // take the rows of others
		x.Set(id(people+i), "research", consent.State{Choice: consent.Granted, Given: now})
	}
	for i := range people {
		if d, _ := x.Decide(id(i), "analytics", now); d.Allowed != (i%3 != 0) {
			t.Fatalf("subject %d: %v", i, d)
		}
	}
	for i := range people / 6 {
		a, _ := x.Decide(id(people+i), "analytics", now)
		r, _ := x.Decide(id(people+i), "research", now)
		if a.Allowed || !r.Allowed {
			t.Fatalf("subject in the row of another: %v, %v", a, r)
		}
	}
}

func TestWhatIsLoadedDoesNotOvertakeWhatWasSet(t *testing.T) { // A27
	x := consent.NewIndex(consent.DefaultRules())
	x.Set(anna, "analytics", consent.State{Choice: consent.Withdrawn, Given: now})
	x.Load(anna, "analytics", consent.State{Choice: consent.Granted, Given: now})
	if _, ok := x.Decide(anna, "analytics", now); ok {
		t.Error("it answers before all is loaded")
	}
	x.Ready()
	if d, ok := x.Decide(anna, "analytics", now); !ok || d.Allowed {
		t.Errorf("decision %v %v", d, ok)
	}
	x.Stop()
	x.Ready()
	if _, ok := x.Decide(anna, "analytics", now); ok {
		t.Error("a stopped index answers")
	}
}

func TestANewPurposeFindsRoomInTheIndex(t *testing.T) {
	x := consent.NewIndex(consent.DefaultRules())
	x.Ready()
	x.Set(anna, "research", consent.State{Choice: consent.Granted, Given: now})
	x.Set(consent.SubjectID{1: 5, 15: 1}, "research", consent.State{Choice: consent.Refused, Given: now})
	rules, err := consent.DefaultRules().Configure(append(consent.DefaultPurposes(), consent.Purpose{Key: "seventh"}, consent.Purpose{Key: "eighth"}), nil)
	if err != nil {
		t.Fatal(err)
	}
	x.Follow(rules)
	x.Set(anna, "eighth", consent.State{Choice: consent.Granted, Given: now})
	for purpose, want := range map[string]consent.Reason{"research": consent.Given, "seventh": consent.Absent, "eighth": consent.Given} {
		if d, _ := x.Decide(anna, purpose, now); d.Reason != want {
			t.Errorf("%s: %v", purpose, d)
		}
	}
	if d, _ := x.Decide(consent.SubjectID{1: 5, 15: 1}, "research", now); d.Reason != consent.WasRefused {
		t.Errorf("another's state: %v", d)
	}
}

func TestACheckAllocatesNothing(t *testing.T) { // F4
	g, _ := gate(t)
	if n := testing.AllocsPerRun(1000, func() {
		if !g.Allowed(ctx, anna, "analytics").Allowed || g.Allowed(ctx, ben, "analytics").Allowed {
			t.Error("wrong answer")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
