package store_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// The request waits for the second of two webhooks: what the first was given
// resumes nothing, whatever became of it, and is not used up.
func TestTokenOfAnotherWebhookDoesNotResumeTheRequest(t *testing.T) { // X5
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s, l := db.Requests(), running(t, db)
		key, err := db.Keys().RequestKey(ctx, tenant, l.Request)
		must(t, err)
		passes := map[string]auth.Pass{}
		for _, hook := range []string{"first", "second"} {
			p, _, err := auth.NewPass(tenant, auth.ResumeRequest, request.HookObject(l.Request, hook), 1, time.Now().Add(time.Hour), rand.Reader)
			must(t, err)
			passes[hook] = p
			must(t, db.Work().Calling(ctx, l, request.Hook{Key: hook, Calls: 1}, &p, entry("request.webhook")))
		}
		resume := func(hook string) error {
			h := request.Hooked{Hook: request.Hook{Key: hook, Status: request.HookAnswered}, Seal: key, Identities: person("derived@example.com")}
			return s.Resume(ctx, passes[hook], l.Request, h, entry("request.resume"))
		}
		before := db.Dump(t)
		if err := resume("second"); !errors.Is(err, request.ErrTransition) || !bytes.Equal(before, db.Dump(t)) {
			t.Errorf("before it has halted: %v, or something changed", err)
		}
		must(t, s.Move(ctx, l, request.Turn{Event: request.Pause, Hooked: &request.Hooked{Hook: request.Hook{Key: "second", Status: request.HookHalted}, Seal: key}}, entry("request.pause")))
		before = db.Dump(t)
		if err := resume("first"); !errors.Is(err, auth.ErrRefused) || !bytes.Equal(before, db.Dump(t)) {
			t.Errorf("that of another webhook: %v, or something changed", err)
		}
		must(t, resume("second"))
		if got := status(t, db, l.Request); got != request.Approved {
			t.Errorf("it is %s", got)
		}
		identities, err := s.Identities(ctx, tenant, l.Request)
		must(t, err)
		if len(identities) != 2 || identities[0].Origin == identities[1].Origin {
			t.Errorf("%d identities", len(identities))
		}
		before = db.Dump(t)
		if err := resume("second"); !errors.Is(err, auth.ErrRefused) || !bytes.Equal(before, db.Dump(t)) {
			t.Errorf("again: %v, or something changed", err)
		}
	})
}
