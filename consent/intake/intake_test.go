package intake_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/intake"
)

// ledger takes everything, and counts.
type ledger struct {
	entries []consent.Entry
	fail    error
}

func (l *ledger) Append(_ context.Context, _, _ string, entries []consent.Entry) ([]consent.Outcome, error) {
	if l.fail != nil {
		return nil, l.fail
	}
	l.entries = append(l.entries, entries...)
	return make([]consent.Outcome, len(entries)), nil
}

func importing(l *ledger) *intake.Import {
	return &intake.Import{Ledger: l, Rules: consent.DefaultRules(), Tenant: "t", Now: func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }}
}

func TestAnImportThatStopsSaysThatItCanBeRunAgain(t *testing.T) {
	full := errors.New("disk full")
	_, err := importing(&ledger{fail: full}).CSV(t.Context(), strings.NewReader("email,purpose,granted,given_at\na@example.com,analytics,yes,2026-02-01\n"))
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "can be run again") {
		t.Error(err)
	}
}

func TestALongListOfErrorsIsCut(t *testing.T) {
	report, err := importing(&ledger{}).CSV(t.Context(), strings.NewReader("email,purpose,granted,given_at\n"+strings.Repeat("x\n", intake.MaxErrors+7)))
	if err != nil || len(report.Errors) != intake.MaxErrors || report.Omitted != 7 {
		t.Errorf("%d errors, %d omitted, %v", len(report.Errors), report.Omitted, err)
	}
}

// Whatever rows hold: no panic, nothing of them in an error, and each of them
// is either taken over or told to be wrong.
func FuzzRows(f *testing.F) {
	f.Add("email,purpose,granted,given_at\na@example.com,analytics,yes,2026-02-01\n", false)
	f.Add(`{"email":"a@example.com","purpose":"analytics","granted":true,"given_at":"2026-02-01"}`, true)
	f.Add("\xef\xbb\xbfemail,purpose\n\"", false)
	f.Add("{\"__proto__\":{}}\n[]\nnull\n\x00", true)
	f.Fuzz(func(t *testing.T, text string, lines bool) {
		l := &ledger{}
		i := importing(l)
		read := i.CSV
		if lines {
			read = i.JSONLines
		}
		report, err := read(t.Context(), strings.NewReader(text))
		var form *intake.FormError
		if err != nil && !errors.As(err, &form) {
			t.Fatal(err)
		}
		wrong := map[int]bool{}
		for _, e := range report.Errors {
			wrong[e.Line] = true
		}
		if err == nil && len(l.entries)+len(wrong) < report.Rows && report.Omitted == 0 {
			t.Errorf("%d rows, %d taken over, %d wrong", report.Rows, len(l.entries), len(wrong))
		}
		for _, e := range l.entries {
			if e.Given.IsZero() || e.Given.After(i.Now().Add(time.Minute)) {
				t.Errorf("it was given at %v", e.Given)
			}
		}
	})
}
