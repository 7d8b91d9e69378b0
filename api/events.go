package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/webhook"
)

// Events is what happened, in the order of the ledger.
type Events interface {
	// After gives up to limit events behind a sequence. Whoever goes on behind
	// the last one misses none.
	After(ctx context.Context, tenant string, after int64, limit int) ([]webhook.Event, error)
	// Changed gives a channel that is closed once there may be more. Take it
	// before reading.
	Changed(tenant string) <-chan struct{}
}

// Following is where to begin, and what to leave out.
type Following struct {
	After int64    `query:"after" doc:"Only what happened behind this sequence" minimum:"0"`
	Types []string `query:"types" doc:"Only events of these types, separated by commas" maxItems:"20"`
}

type pageInput struct {
	Following
	Limit int `query:"limit" doc:"How many to read at once" minimum:"1" maximum:"500" default:"100"`
}

type pageOutput struct {
	Body EventPage
}

// EventPage is a page of events.
type EventPage struct {
	Items []webhook.Event `json:"items" nullable:"false"`
	Next  int64           `json:"next" doc:"Hand it over as after, to go on"`
	More  bool            `json:"more" doc:"There may be more now; also behind a page that is empty, because it leaves types out"`
}

func listEvents(a *API, ctx context.Context, caller auth.Caller, in *pageInput) (*pageOutput, error) {
	types, err := parseTypes("query.types", in.Types)
	if err != nil {
		return nil, err
	}
	found, err := a.config.Events.After(ctx, caller.Tenant, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	page := EventPage{Items: []webhook.Event{}, Next: in.After, More: len(found) == in.Limit}
	for _, e := range found {
		page.Next = e.Sequence
		if webhook.Wanted(types, e.Type) {
			page.Items = append(page.Items, e)
		}
	}
	return &pageOutput{page}, nil
}

func parseTypes(where string, names []string) ([]webhook.Type, error) {
	types, err := webhook.ParseTypes(names)
	if err != nil {
		return nil, invalid(where, err.Error())
	}
	return types, nil
}

// Limits of event streams.
const (
	streamLimit = 64 // open ones of a tenant
	streamPage  = 500
	beatTime    = 15 * time.Second
)

type streamInput struct {
	Following
	Last string `header:"Last-Event-ID" doc:"Where an earlier stream was cut; it counts more than after" maxLength:"19" pattern:"^[0-9]*$"`
}

// streamEvents writes events as https://html.spec.whatwg.org describes them
// under server-sent events. The id of each is its sequence.
func streamEvents(a *API, _ context.Context, caller auth.Caller, in *streamInput) (*huma.StreamResponse, error) {
	types, err := parseTypes("query.types", in.Types)
	if err != nil {
		return nil, err
	}
	after := in.After
	if in.Last != "" {
		if _, err := fmt.Sscan(in.Last, &after); err != nil {
			return nil, invalid("header.Last-Event-ID", "it is not the id of an event")
		}
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		w, ok := h.BodyWriter().(http.ResponseWriter)
		if !ok {
			panic("api: huma does not hand on the ResponseWriter")
		}
		if !a.streams.open(caller.Tenant) {
			write(w, &Problem{Status: http.StatusTooManyRequests, Detail: fmt.Sprintf("There are %d open streams already. Close one, or try again.", streamLimit), retry: beatTime})
			return
		}
		defer a.streams.close(caller.Tenant)
		f := follower{a: a, caller: caller, types: types, after: after, out: &stream{ResponseWriter: w, as: "text/event-stream"}}
		switch err := f.run(h.Context()); {
		case err == nil:
		case !f.out.begun:
			write(w, a.problem(h.Context(), err))
		default:
			a.config.Log.WarnContext(h.Context(), "an event stream was cut", "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// follower is one open stream.
type follower struct {
	a      *API
	caller auth.Caller
	types  []webhook.Type
	after  int64
	out    *stream
}

// run returns nil when the stream ends in order: the server or the client
// ends, or the key is no longer valid.
func (f *follower) run(ctx context.Context) error {
	beat := time.NewTicker(beatTime)
	defer beat.Stop()
	var poll <-chan time.Time
	if f.a.config.Poll > 0 {
		ticker := time.NewTicker(f.a.config.Poll)
		defer ticker.Stop()
		poll = ticker.C
	}
	for {
		changed := f.a.config.Events.Changed(f.caller.Tenant)
		more, stands, err := f.page(ctx)
		if err == nil && stands && !f.out.begun {
			err = f.send(": events\n\n")
		}
		if ctx.Err() != nil || err == nil && !stands {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-f.a.config.Ending:
			return nil
		default:
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-f.a.config.Ending:
			return nil
		case <-changed:
		case <-poll:
		case <-beat.C:
			// An id without data moves the place from which a client resumes.
			if err := f.send(fmt.Sprintf(": still here\nid: %d\n\n", f.after)); err != nil {
				return err
			}
		}
	}
}

// page sends what there is, up to a page.
func (f *follower) page(ctx context.Context) (more, stands bool, err error) {
	found, err := f.a.config.Events.After(ctx, f.caller.Tenant, f.after, streamPage)
	if err != nil {
		return false, true, err
	}
	// Asked after reading: what happens after the key was revoked is not sent.
	stands, err = f.a.stands(ctx, f.caller, auth.ReadEvents)
	if err != nil || !stands {
		return false, stands, err
	}
	var text strings.Builder
	for _, e := range found {
		f.after = e.Sequence
		if !webhook.Wanted(f.types, e.Type) {
			continue
		}
		data, err := json.Marshal(e)
		if err != nil {
			return false, true, fmt.Errorf("write an event: %w", err)
		}
		fmt.Fprintf(&text, "id: %d\nevent: %s\ndata: %s\n\n", e.Sequence, e.Type, data)
	}
	if text.Len() > 0 {
		err = f.send(text.String())
	}
	return len(found) == streamPage, true, err
}

func (f *follower) send(text string) error {
	if _, err := f.out.Write([]byte(text)); err != nil {
		return err
	}
	return http.NewResponseController(f.out.ResponseWriter).Flush()
}

// streams counts the open event streams of each tenant.
type streams struct {
	mu    sync.Mutex
	count map[string]int
}

func (s *streams) open(tenant string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == nil {
		s.count = map[string]int{}
	}
	if s.count[tenant] >= streamLimit {
		return false
	}
	s.count[tenant]++
	return true
}

func (s *streams) close(tenant string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[tenant]--
	if s.count[tenant] == 0 {
		delete(s.count, tenant)
	}
}
