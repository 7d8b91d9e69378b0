package propagate_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/datamap/taxonomy"
)

func TestTheFirstReasonThatAppliesIsGiven(t *testing.T) { // P4, P8
	marketing := []taxonomy.Use{"marketing"}
	letters := []taxonomy.Use{"marketing.communications.email"}
	words := map[string][]string{"news": {"list_42"}}
	for name, c := range map[string]struct {
		target propagate.Target
		uses   []taxonomy.Use
		status propagate.Status
		reason propagate.Reason
	}{
		"all is in the way":           {propagate.Target{Disabled: true, Off: true, Items: words}, nil, propagate.Skipped, propagate.Disabled},
		"off":                         {propagate.Target{Off: true, Items: words}, nil, propagate.Skipped, propagate.ActionDisabled},
		"not writable":                {propagate.Target{Items: words}, nil, propagate.Skipped, propagate.NoWriteAccess},
		"the system says a wider use": {propagate.Target{Write: true, System: "crm", Uses: marketing}, letters, propagate.Pending, ""},
		"the purpose says a wider one": {
			propagate.Target{Write: true, System: "crm", Uses: letters}, marketing, propagate.Pending, "",
		},
		"uses that only begin alike":      {propagate.Target{Write: true, System: "crm", Uses: marketing}, []taxonomy.Use{"marketing_research"}, propagate.Skipped, propagate.UseMismatch},
		"a system without uses":           {propagate.Target{Write: true, System: "crm", Items: words}, letters, propagate.Skipped, propagate.UseMismatch},
		"a purpose without uses":          {propagate.Target{Write: true, System: "crm", Uses: marketing, Items: words}, nil, propagate.Skipped, propagate.UseMismatch},
		"no system, but it names it":      {propagate.Target{Write: true, Items: words}, nil, propagate.Pending, ""},
		"no system, and names another":    {propagate.Target{Write: true, Items: map[string][]string{"ads": {"a"}}}, letters, propagate.Skipped, propagate.UseMismatch},
		"no system, but uses":             {propagate.Target{Write: true, Uses: marketing}, letters, propagate.Pending, ""},
		"no system, other uses, names it": {propagate.Target{Write: true, Uses: []taxonomy.Use{"analytics"}, Items: words}, letters, propagate.Skipped, propagate.UseMismatch},
		"no way to be told of it":         {propagate.Target{Write: true, Uses: marketing, NoOptOuts: true}, letters, propagate.Skipped, propagate.OneSided},
		"a way to be told of it only":     {propagate.Target{Write: true, Uses: marketing, NoGrants: true}, letters, propagate.Pending, ""},
		"no word for it":                  {propagate.Target{Write: true, System: "crm", Uses: marketing, Items: map[string][]string{"ads": {"a"}}}, letters, propagate.Skipped, propagate.NothingToSend},
	} {
		status, reason := propagate.Route(propagate.Change{Purpose: "news"}, c.target, c.uses)
		if status != c.status || reason != c.reason {
			t.Errorf("%s: %s %s", name, status, reason)
		}
	}
}

func TestASystemIsToldWhatItCanBeToldOnly(t *testing.T) { // P11
	for _, c := range []struct {
		choice           consent.Choice
		noGrants, noOuts bool
		want             propagate.Reason
	}{
		{consent.Granted, true, false, propagate.OneSided},
		{consent.Granted, false, true, ""},
		{consent.Withdrawn, true, false, ""},
		{consent.Withdrawn, false, true, propagate.OneSided},
		{consent.Refused, false, true, propagate.OneSided},
		{consent.Expired, false, true, propagate.OneSided},
	} {
		to := propagate.Target{Write: true, Items: map[string][]string{"news": {"l"}}, NoGrants: c.noGrants, NoOptOuts: c.noOuts}
		if _, reason := propagate.Route(propagate.Change{Purpose: "news", Choice: c.choice}, to, nil); reason != c.want {
			t.Errorf("%s, no grants %t, no opt-outs %t: %q", c.choice, c.noGrants, c.noOuts, reason)
		}
	}
}

func TestWhatKeepsEveryChoiceAwayIsTold(t *testing.T) { // P4, P8
	uses := map[string][]taxonomy.Use{"news": {"marketing.communications.email"}, "visits": nil}
	for name, c := range map[string]struct {
		target propagate.Target
		want   propagate.Reason
	}{
		"one purpose is enough":        {propagate.Target{Write: true, System: "crm", Uses: []taxonomy.Use{"marketing"}}, ""},
		"it is off":                    {propagate.Target{Off: true, Uses: []taxonomy.Use{"marketing"}}, propagate.ActionDisabled},
		"no uses go together":          {propagate.Target{Write: true, System: "crm", Uses: []taxonomy.Use{"analytics"}}, propagate.UseMismatch},
		"uses are missing":             {propagate.Target{Write: true, System: "crm"}, propagate.UseMismatch},
		"one side is enough":           {propagate.Target{Write: true, Uses: []taxonomy.Use{"marketing"}, NoOptOuts: true}, ""},
		"no word for what it uses":     {propagate.Target{Write: true, Uses: []taxonomy.Use{"marketing"}, Items: map[string][]string{"visits": {"v"}}}, propagate.NothingToSend},
		"a purpose that there is not":  {propagate.Target{Write: true, Items: map[string][]string{"nws": {"n"}}}, propagate.UseMismatch},
		"a purpose that it only names": {propagate.Target{Write: true, Items: map[string][]string{"visits": {"v"}}}, ""},
	} {
		if got := propagate.Barred(c.target, uses); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestAConnectionFailsUnlessItWasSwitchedOff(t *testing.T) { // W1
	for _, c := range []struct {
		failing int
		barred  propagate.Reason
		want    bool
	}{
		{0, propagate.NoReason, false},
		{1, propagate.NoReason, true},
		{0, propagate.UseMismatch, true},
		{0, propagate.NoWriteAccess, true},
		{0, propagate.Removed, true},
		{3, propagate.ActionDisabled, false},
		{3, propagate.Disabled, false},
	} {
		if got := propagate.Fails(c.failing, c.barred); got != c.want {
			t.Errorf("%d failed, %q: %t", c.failing, c.barred, got)
		}
	}
}

var all = []propagate.Status{
	propagate.Pending, propagate.Sending, propagate.Complete, propagate.Partial, propagate.Failed, propagate.Skipped, propagate.Superseded,
}

// The order of C13, as people are told it.
var order = []propagate.Status{propagate.Failed, propagate.Pending, propagate.Partial, propagate.Complete, propagate.Skipped}

func TestARollUpIsTheWorstOfAllInWhateverOrder(t *testing.T) { // C13
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOf(rapid.SampledFrom(all)).Draw(t, "statuses")
		got := propagate.RollUp(some...)
		if other := propagate.RollUp(rapid.Permutation(some).Draw(t, "order")...); other != got {
			t.Fatalf("%s, and %s in another order", got, other)
		}
		want := propagate.Skipped
		for _, s := range some {
			switch s {
			case propagate.Sending:
				s = propagate.Pending
			case propagate.Superseded:
				s = propagate.Skipped
			}
			if slices.Index(order, s) < slices.Index(order, want) {
				want = s
			}
		}
		if got != want {
			t.Fatalf("%v is %s, and not %s", some, got, want)
		}
	})
}

func TestNothingFollowsWhatIsOverButByARetry(t *testing.T) { // P1, P2
	for _, from := range all {
		for _, to := range all {
			act, err := from.To(to)
			retry := to == propagate.Pending && (from == propagate.Partial || from == propagate.Failed || from == propagate.Skipped)
			open := from == propagate.Pending && to != propagate.Pending && to != propagate.Partial || from == propagate.Sending
			if (err == nil) != (retry || open) || (act == "delivery.retry") != retry {
				t.Errorf("%s after %s: %q, %v", to, from, act, err)
			}
		}
	}
}

func TestEachAttemptThatGetsAKeyGetsItsOwn(t *testing.T) { // P2
	d := propagate.Delivery{Change: propagate.Change{Tenant: "t", Record: "r"}, Connection: "c", Keyed: 1}
	if got := d.Key(); got != "vc_4bad12524521bbd79f2c5afa8c806d12cc214900" {
		t.Error(got)
	}
	seen := map[string]bool{}
	for _, change := range []func(){func() {}, func() { d.Keyed = 2 }, func() { d.Connection = "d" }, func() { d.Record = "s" }, func() { d.Tenant = "u" }} {
		change()
		seen[d.Key()] = true
	}
	if len(seen) != 5 {
		t.Errorf("%v", seen)
	}
}
