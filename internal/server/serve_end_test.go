package server

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/internal/mariadbtest"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/internal/wiretest"
)

// A program, a mail server and two databases say nothing any more: the server ends in
// time all the same, and gives back what it has taken.
func TestServerThatEndsDoesNotWaitForSystemsThatAreToldOfChoices(t *testing.T) { // R8
	t.Parallel()
	db := storetest.SQLite(t)
	for connection, working := range endAmidSilence(t, db, db, func() {}) {
		if working {
			t.Errorf("the table of %s is still taken", connection)
		}
	}
}

// Its own store says nothing any more, either.
func TestServerThatEndsDoesNotWaitForItsStore(t *testing.T) { // R8
	t.Parallel()
	db := storetest.Postgres(t)
	wire, address := wiretest.New(t, db.Config.URL)
	endAmidSilence(t, db, storetest.Open(t, address), func() { t.Cleanup(wire.Stall()) })
}

// endAmidSilence ends a server on a store while those whom it tells of choices say
// nothing, and gives whether it still has the permission tables of connections.
func endAmidSilence(t *testing.T, db, its *storetest.Database, last func()) map[string]bool {
	t.Helper()
	called, written := make(chan struct{}, 1), make(chan struct{}, 1)
	c := newPrograms(t)
	c.on("mute", func(_ http.ResponseWriter, r *http.Request) {
		called <- struct{}{}
		<-r.Context().Done()
	})
	_, slow := mailServer(t, mailcatch.Config{Behave: func(int) mailcatch.Fault {
		written <- struct{}{}
		return mailcatch.Stall
	}})
	s := newSiteWith(t, its, func(srv *Server) { srv.Mail = slow })
	wires := map[string]*wiretest.Wire{}
	text := fmt.Sprintf("connection:\n- {key: mute, type: webhook, receives: identities, private: true, secrets: {url: %q, secret: %q}, consent: {identities: [email], purposes: {analytics: [a]}}}\n"+
		"- {key: paper, type: email, secrets: {to_email: paper@house.example}, consent: {identities: [email], purposes: {analytics: [a]}}}\n", c.URL+"/mute", c.secret)
	for kind, url := range map[string]string{"postgres": pgtest.URL(t), "mysql": mariadbtest.URL(t)} {
		wires[kind], url = wiretest.New(t, url)
		text += fmt.Sprintf("- {key: %s, type: %s, access: write, secrets: {url: %q}, consent: {table: consent_permissions, identities: [email], purposes: {analytics: [a]}}}\n", kind, kind, url)
	}
	s.must(db.Consents().Configure(t.Context(), store.DefaultTenant, []consent.Purpose{{Key: "analytics"}}, nil, act("consent.configure")))
	s.must(applyText(s, text))
	kept := func(connection string) (fresh, working bool) {
		k, err := db.Permissions().Table(t.Context(), store.DefaultTenant, connection)
		s.must(err)
		s.must(db.Raw(t).QueryRowContext(t.Context(), `SELECT COUNT(*) > 0 FROM permission_tables WHERE connection = $1 AND lease_owner <> ''`, connection).Scan(&working))
		return !k.AsOf.IsZero(), working
	}
	for kind := range wires {
		s.until(kind, func() bool { fresh, working := kept(kind); return fresh && !working })
	}
	s.until("lanes", func() bool {
		lanes, err := db.Propagation().Lanes(t.Context(), store.DefaultTenant)
		s.must(err)
		return len(lanes) >= 2
	})
	for _, wire := range wires {
		t.Cleanup(wire.Stall())
	}
	s.makeConsent(store.DefaultTenant, personal, "analytics", true)
	<-called
	<-written
	for kind := range wires {
		s.until(kind, func() bool { _, working := kept(kind); return working })
	}
	last()
	s.stop()
	select {
	case err := <-s.ended:
		s.must(err)
	case <-time.After(10 * time.Second):
		t.Fatal("the server goes on")
	}
	taken := map[string]bool{}
	for kind := range wires {
		_, taken[kind] = kept(kind)
	}
	return taken
}
