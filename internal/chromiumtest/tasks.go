package chromiumtest

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// LongestTask does something, and gives the longest task of all pages of the
// browser meanwhile, by the time that it had the processor: how busy the machine
// is does not count.
func (b *Browser) LongestTask(during func()) time.Duration {
	b.t.Helper()
	const tasks = "disabled-by-default-devtools.timeline"
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	var (
		mu     sync.Mutex
		events []traced
		wrong  error
		once   sync.Once
		done   = make(chan struct{})
	)
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *tracing.EventDataCollected:
			mu.Lock()
			defer mu.Unlock()
			for _, value := range e.Value {
				var one traced
				if err := json.Unmarshal(value, &one); err != nil {
					wrong = err
				}
				events = append(events, one)
			}
		case *tracing.EventTracingComplete:
			once.Do(func() { close(done) })
		}
	})
	if err != nil {
		b.t.Fatalf("listen to the trace: %v", err)
	}
	b.do("begin to trace", send(tracing.Start, tracing.StartParams{
		TransferMode: tracing.StartTransferModeReportEvents,
		TraceConfig:  &tracing.TraceConfig{IncludedCategories: []string{tasks}},
	}))
	during()
	b.do("end the trace", send(tracing.End, cdp.Empty{}))
	select {
	case <-done:
	case <-time.After(patience):
		b.t.Fatal("the trace does not end")
	}
	mu.Lock()
	defer mu.Unlock()
	longest, ran := longestOf(events)
	if wrong != nil || ran == 0 {
		b.t.Fatalf("the trace has %d tasks of pages in %d events: %v", ran, len(events), wrong)
	}
	return longest
}

// traced is an event of Chromium's trace. Times are microseconds.
type traced struct {
	Name string `json:"name"`
	TDur int64  `json:"tdur"` // time of the processor
	PID  int64  `json:"pid"`
	TID  int64  `json:"tid"`
	Args struct {
		Name string `json:"name"` // of a thread
	} `json:"args"`
}

type thread struct{ pid, tid int64 }

// longestOf gives the longest task of the main threads of pages, and how many
// there were.
func longestOf(events []traced) (longest time.Duration, ran int) {
	pages := map[thread]bool{}
	for _, e := range events {
		if e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			pages[thread{e.PID, e.TID}] = true
		}
	}
	for _, e := range events {
		if e.Name == "RunTask" && pages[thread{e.PID, e.TID}] {
			longest = max(longest, time.Duration(e.TDur)*time.Microsecond)
			ran++
		}
	}
	return longest, ran
}
