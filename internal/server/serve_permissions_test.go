package server

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

// A choice over HTTP reaches the permission table of a connection, and a withdrawal
// of it; who has changed the table by hand has it mended.
func TestAChoiceReachesThePermissionTable(t *testing.T) { // C7
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	path := filepath.Join(t.TempDir(), "warehouse.db")
	s.must(os.WriteFile(path, nil, 0o600)) // an empty file is an empty database
	warehouse, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	s.must(err)
	t.Cleanup(func() { _ = warehouse.Close() })
	says := func(want string) {
		t.Helper()
		var got string
		var err error
		for range 600 {
			err = warehouse.QueryRow(`SELECT identity || ' ' || purpose || ' ' || allowed FROM consent_permissions JOIN consent_permissions_freshness ON as_of IS NOT NULL`).Scan(&got)
			if err == nil && got == want {
				return
			}
			<-time.After(50 * time.Millisecond)
		}
		t.Fatalf("the table says %q, %v, want %q", got, err, want)
	}
	choose := func(granted bool) {
		t.Helper()
		body := fmt.Sprintf(`{"identities":[{"type":"external_id","value":"c-1"}],"purposes":{"analytics":%v},"source":"settings_page"}`, granted)
		if got := s.postAs(s.key, "/api/v1/consents", body); got.status != http.StatusCreated && got.status != http.StatusOK {
			t.Fatalf("choose: %d %s", got.status, got.body)
		}
	}
	const rebuild = "/api/v1/deliveries/connections/warehouse/rebuild"
	s.problem("a table that is not known", s.postAs(s.key, rebuild, ""), http.StatusNotFound)

	text := `
connection:
- key: warehouse
  name: Warehouse
  type: sqlite
  access: write
  secrets: {url: "sqlite:` + path + `"}
  consent:
    table: consent_permissions
    identities: [external_id]
    purposes: {analytics: [analytics]}
`
	_, err = s.db.Configurations().Apply(t.Context(), store.DefaultTenant, []source.File{{Name: "warehouse.yml", Data: []byte(text)}}, inventory.Declared{}, 0, audit.Entry{Act: "config.apply", Object: "configuration"})
	s.must(err)
	choose(true)
	says("c-1 analytics 1")
	choose(false)
	says("c-1 analytics 0")
	var states api.ConnectionStates
	s.ask("GET", "/api/v1/deliveries/connections", "", http.StatusOK, &states)
	if len(states.Items) != 1 || states.Items[0].Table == nil {
		t.Errorf("the table is said to be %+v", states.Items)
	}
	_, err = warehouse.Exec(`UPDATE consent_permissions SET allowed = 1`)
	s.must(err)
	if got := s.postAs(s.key, rebuild, ""); got.status != http.StatusNoContent {
		t.Fatalf("rebuild: %d %s", got.status, got.body)
	}
	says("c-1 analytics 0")
}
