package store_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

func TestViewsAreTheirOperators(t *testing.T) { // W2
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		hire := func(email string) (id string) {
			t.Helper()
			i, _, err := auth.NewInvitation(tenant, auth.PrivacyOfficer, time.Now(), rand.Reader)
			must(t, err)
			must(t, db.Operators().Invite(ctx, i, entry("operator.invite")))
			id = uuid.NewString()
			must(t, db.Operators().Accept(ctx, i, auth.Operator{Tenant: tenant, ID: id, Email: person(email)[0], Name: subject.Conceal("x"), Role: i.Role}, "hash", entry("operator.accept")))
			return id
		}
		olga, omar := hire("olga@example.com"), hire("omar@example.com")
		s := db.Views()
		save := func(operator, name, filter string) string {
			t.Helper()
			id, err := s.Save(ctx, tenant, operator, request.View{Name: name, Filter: []byte(filter)}, entry("view.save"))
			must(t, err)
			return id
		}
		names := func(tenant, operator string) (all []string) {
			t.Helper()
			found, err := s.List(ctx, tenant, operator)
			must(t, err)
			for _, v := range found {
				all = append(all, v.Name+" "+string(v.Filter))
			}
			return all
		}
		save(olga, "late", `{"a":1}`)
		first := save(olga, "early", `{}`)
		save(omar, "late", `{"b":1}`)
		late := save(olga, "late", `{"c":1}`) // in the place of the first
		if d := cmp.Diff([]string{"early {}", `late {"c":1}`}, names(tenant, olga)); d != "" {
			t.Error(d)
		}
		must(t, db.CreateTenant(ctx, "other"))
		if got := names("other", olga); got != nil {
			t.Errorf("another tenant sees %v", got)
		}
		must(t, s.Remove(ctx, tenant, omar, late, entry("view.remove")))
		must(t, s.Remove(ctx, "other", olga, late, entry("view.remove")))
		must(t, s.Remove(ctx, tenant, olga, first, entry("view.remove")))
		if d := cmp.Diff([]string{`late {"c":1}`}, names(tenant, olga)); d != "" {
			t.Error(d)
		}
		for i := range request.MaxViews - 1 {
			save(olga, fmt.Sprint("view ", i), `{}`)
		}
		save(olga, "late", `{}`) // there are no more of them by this
		if _, err := s.Save(ctx, tenant, olga, request.View{Name: "one more", Filter: []byte("{}")}, entry("view.save")); !errors.Is(err, request.ErrTooMany) {
			t.Errorf("one more: %v", err)
		}
	})
}
