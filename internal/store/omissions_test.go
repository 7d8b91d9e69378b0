package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

func TestValuesAreLeftOutWhileSomebodyLooksAtTheRequest(t *testing.T) { // W3
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		l := running(t, db)
		s := db.Requests()
		left := func() []request.Omission {
			t.Helper()
			all, err := db.Work().Omissions(ctx, tenant, l.Request)
			must(t, err)
			return all
		}
		note := request.Omission{Address: "shop:orders", Row: "aa", Field: "note", Reason: request.OfOthers}
		if err := s.Omit(ctx, tenant, l.Request, []request.Omission{note}, entry("package.omit")); !errors.Is(err, request.ErrTransition) {
			t.Errorf("while it is carried out: %v", err)
		}
		must(t, s.Move(ctx, l, request.Turn{Event: request.Review}, entry("request.pause")))

		price := request.Omission{Rule: "all", Address: "shop:orders", Field: "price", Reason: request.Secret}
		must(t, s.Omit(ctx, tenant, l.Request, []request.Omission{note, price}, entry("package.omit")))
		note.Reason = request.Privileged
		must(t, s.Omit(ctx, tenant, l.Request, []request.Omission{note}, entry("package.omit"))) // again, for another reason
		if d := cmp.Diff([]request.Omission{note, price}, left()); d != "" {
			t.Error(d)
		}
		must(t, db.CreateTenant(ctx, "other"))
		if err := s.Readmit(ctx, "other", l.Request, []request.Omission{note}, entry("package.readmit")); !errors.Is(err, request.ErrNotFound) {
			t.Errorf("another tenant puts it back: %v", err)
		}
		before := records(t, db)
		many := make([]request.Omission, request.MaxOmissions)
		for i := range many {
			many[i] = request.Omission{Address: "shop:lines", Row: fmt.Sprintf("%032x", i), Reason: request.Secret}
		}
		if err := s.Omit(ctx, tenant, l.Request, many, entry("package.omit")); !errors.Is(err, request.ErrTooMuch) {
			t.Errorf("more than may be: %v", err)
		}
		if now := records(t, db); now != before || len(left()) != 2 {
			t.Errorf("of what was refused %d values and %d entries are kept", len(left())-2, now-before)
		}
		must(t, s.Readmit(ctx, tenant, l.Request, []request.Omission{price}, entry("package.readmit")))
		must(t, s.GoOn(ctx, tenant, l.Request, request.RequiresFinalization, "redaction", entry("request.finish")))
		if err := s.Readmit(ctx, tenant, l.Request, []request.Omission{note}, entry("package.readmit")); !errors.Is(err, request.ErrTransition) {
			t.Errorf("after the look: %v", err)
		}
		if d := cmp.Diff([]request.Omission{note}, left()); d != "" {
			t.Error(d)
		}
	})
}
