package server

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// openShop applies the configuration of the shop for both tenants, once.
func (s *site) openShop() {
	s.t.Helper()
	s.shop.Do(func() {
		w := newWorld(s.t, "sqlite", "sqlite")
		for _, tenant := range []string{store.DefaultTenant, otherTenant} {
			w.apply(&storeOf{s.db.DB, tenant})
		}
		latest := NewLatest(s.db.Configurations(), config.Options{Registry: builtin.Registry()})
		defer func() { s.must(latest.Close()) }()
		e, release, err := latest.Use(s.t.Context(), store.DefaultTenant)
		s.must(err)
		defer release()
		s.plan, err = e.plan(s.t.Context(), "erasure", []subject.Type{subject.Email}, "2026-11-26")
		s.must(err)
	})
}

type storeOf struct {
	*store.DB
	tenant string
}

// apply makes the configuration directory the latest version of a tenant.
func (w *world) apply(db *storeOf) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "config")
	names, err := os.ReadDir(dir)
	if err != nil {
		w.t.Fatal(err)
	}
	var files []source.File
	for _, n := range names {
		data, err := os.ReadFile(filepath.Join(dir, n.Name()))
		if err != nil {
			w.t.Fatal(err)
		}
		files = append(files, source.File{Name: n.Name(), Data: data})
	}
	if _, err := db.Configurations().Apply(w.t.Context(), db.tenant, files, act("config.apply")); err != nil {
		w.t.Fatal(err)
	}
}

// makeRequestFor makes a request in a status in which the route is possible.
func (s *site) makeRequestFor(route api.Route, tenant string) string {
	s.t.Helper()
	s.openShop()
	plan, err := json.Marshal(s.plan)
	s.must(err)
	r := request.Request{ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: "erasure", Status: request.AwaitingApproval, PlanHash: s.plan.Hash, Plan: plan}
	switch _, does, _ := strings.Cut(route.Path, "{id}/"); does {
	case "retry", "skip", "finalise":
		r.Status = request.Errored
	}
	s.must(s.db.Requests().Create(s.t.Context(), r, nil, act("request.vouch")))
	if strings.Contains(route.Path, "/package") {
		s.must(shelf{s.packs, tenant, r.ID}.Put(s.t.Context(), packageName, func(w io.Writer) error {
			_, err := fmt.Fprint(w, "the package")
			return err
		}))
		s.must(s.db.Requests().Apply(s.t.Context(), tenant, r.ID, request.Cancel, act("request.cancel")))
	}
	return r.ID
}

// aboutShop makes an example one of the shop.
func (s *site) aboutShop(body string) string {
	s.openShop()
	return strings.NewReplacer("shop:customers", "shop:customer", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", s.plan.Hash).Replace(body)
}
