package server

import (
	"errors"
	"strings"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/datamap/inventory"
)

// makeInventory makes a connection that belongs to a system, and gives the key of
// what a route is about and that of the system. There is a system crm, too.
func (s *site) makeInventory(route api.Route, tenant string) (key, system string) {
	s.t.Helper()
	key, system = "k"+uuid.NewString(), "s"+uuid.NewString()
	for _, y := range []string{"crm", system} {
		err := s.db.Systems().Create(s.t.Context(), tenant, inventory.System{Key: y}, act("system.create"))
		if !errors.Is(err, inventory.ErrTaken) {
			s.must(err)
		}
	}
	if strings.Contains(route.Path, "/systems/") {
		return system, system
	}
	seen, err := s.db.Connections().Seen(s.t.Context(), tenant)
	s.must(err)
	made, err := config.MadeOf(key, map[string]any{"type": "webhook", "secrets": map[string]any{"url": "https://x.example", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}})
	s.must(err)
	s.must(s.db.Connections().Create(s.t.Context(), tenant, inventory.Connection{Key: key, Type: "webhook"}, made.Text, seen, act("connection.create")))
	_, err = s.db.SystemLinks().Put(s.t.Context(), tenant, key, []string{system}, act("link.set"))
	s.must(err)
	return key, system
}
