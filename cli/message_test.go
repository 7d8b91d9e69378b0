package cli_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"volenti.dev/volenti/internal/mailcatch"
)

func TestTrialSaysWhetherTheMailServerTakesIt(t *testing.T) { // E14
	var fault atomic.Int64
	caught, err := mailcatch.Start(mailcatch.Config{Behave: func(int) mailcatch.Fault { return mailcatch.Fault(fault.Load()) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = caught.Close() }()
	s := shell{t: t, data: t.TempDir()}
	args := []string{"message", "trial", "--to", "canary@example.org", "--language", "de", "--smtp", caught.URL(), "--mail-from", "privacy@example.com"}
	for f, want := range map[mailcatch.Fault]struct {
		code int
		says string
	}{
		mailcatch.None:   {0, "The mail server has accepted the trial message."},
		mailcatch.Refuse: {5, "the mail server does not accept the address: 550 5.1.1"},
		mailcatch.Defer:  {7, "the mail server asks to try again later: 451 4.7.1"},
	} {
		fault.Store(int64(f))
		out, errs := s.run(want.code, args...)
		if !strings.Contains(out+errs, want.says) || strings.Contains(out+errs, "canary") {
			t.Errorf("%s%s", out, errs)
		}
	}
	if m := caught.Messages(); len(m) != 1 || m[0].To != "canary@example.org" || m[0].Subject != "Eine Probe von example.com" {
		t.Errorf("%d messages", len(m))
	}
}
