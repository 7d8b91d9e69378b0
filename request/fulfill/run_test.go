package fulfill

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"volenti.dev/volenti/connector"
)

func TestNoSystemHasAWorkerWaitForHours(t *testing.T) { // R6
	synctest.Test(t, func(t *testing.T) {
		r := &run{Executor: &Executor{Log: slog.New(slog.DiscardHandler)}, limits: Limits{}.withDefaults()}
		for asked, c := range map[time.Duration]struct {
			calls int
			took  time.Duration
		}{
			0:               {4, 3500 * time.Millisecond},
			time.Minute:     {4, 3 * time.Minute},
			24 * time.Hour:  {1, 0},
			1 << 30 * 1e9:   {1, 0},
			5 * time.Minute: {4, 15 * time.Minute},
		} {
			calls, begun := 0, time.Now()
			busy := &connector.Error{Kind: connector.Transient, Reason: "busy", RetryAfter: asked}
			err := r.patiently(t.Context(), func() error {
				calls++
				return busy
			})
			if took := time.Since(begun); !errors.Is(err, busy) || calls != c.calls || took != c.took {
				t.Errorf("asked for %s: %d calls in %s, %v", asked, calls, took, err)
			}
			if c.calls == 1 && !strings.Contains(err.Error(), "left alone for "+asked.String()) {
				t.Errorf("asked for %s: %v", asked, err)
			}
		}
	})
}
