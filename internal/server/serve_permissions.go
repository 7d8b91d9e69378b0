package server

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
)

// keepTables keeps the permission tables of the configuration, each beside the
// others, until ctx ends. Several servers may do it at once.
func (s *Server) keepTables(ctx context.Context) {
	k := keeper{server: s, working: map[[2]string]bool{}, tables: &propagate.Tables{
		Store: s.House.Store.Permissions(), Settle: s.House.Store.Propagation().SettleTable, Owner: cmp.Or(s.House.Owner, uuid.NewString()),
	}}
	defer k.works.Wait()
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for said := ""; ; {
		err := everyTenant(ctx, s.House.Store, k.keepAll)
		if err == nil {
			said = ""
		} else if ctx.Err() == nil && err.Error() != said { // once, not every second
			said = err.Error()
			s.Log.Warn("permission tables are kept later", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// keeper works on permission tables.
type keeper struct {
	server *Server
	tables *propagate.Tables
	works  sync.WaitGroup

	mu      sync.Mutex
	working map[[2]string]bool // on these: tenant and connection
}

// keepAll begins to work on the tables of a tenant that nobody works on.
func (k *keeper) keepAll(ctx context.Context, tenant string) error {
	e, release, err := k.server.worker().latest.Use(ctx, tenant)
	if errors.Is(err, request.ErrNoConfiguration) {
		return nil
	}
	if err != nil {
		return err
	}
	defer release()
	for _, conn := range e.config.Connections {
		if conn.Choices != nil && conn.Choices.Table != "" && k.begin(tenant, conn.Key) {
			k.works.Go(func() {
				defer k.end(tenant, conn.Key)
				if err := k.keep(ctx, tenant, conn.Key); err != nil && ctx.Err() == nil {
					k.server.Log.Warn("a permission table is kept later", "connection", conn.Key, "error", err)
				}
			})
		}
	}
	return nil
}

func (k *keeper) begin(tenant, key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	of := [2]string{tenant, key}
	if k.working[of] {
		return false
	}
	k.working[of] = true
	return true
}

func (k *keeper) end(tenant, key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.working, [2]string{tenant, key})
}

// keep does what there is to do about the table of a connection. It has the
// configuration in use meanwhile.
func (k *keeper) keep(ctx context.Context, tenant, key string) error {
	e, release, err := k.server.worker().latest.Use(ctx, tenant)
	if err != nil {
		return err
	}
	defer release()
	conn, err := e.config.Connection(key)
	if err != nil || conn.Choices == nil || conn.Choices.Table == "" {
		return nil // it has just been taken out
	}
	name, err := connector.ParsePermissionTable(conn.Choices.Table)
	if err != nil {
		return err
	}
	return k.tables.Follow(ctx, tenant, target(e.config, conn, k.server.Configuration.Registry[conn.Type]), name, func() (connector.Permitter, func(), error) {
		opened, err := e.systems.Connect(key)
		to, ok := opened.(connector.Permitter)
		if err != nil || !ok {
			return nil, nil, &connector.Error{Kind: connector.Denied, Connection: key, Doing: "open it", Reason: "it cannot be opened with its settings, or keeps no tables"}
		}
		return to, func() {}, nil
	})
}

// permissions are the permission tables as the interface knows them.
type permissions struct{ db *store.DB }

var _ api.PermissionTables = permissions{}

// Rebuild implements api.PermissionTables.
func (p permissions) Rebuild(ctx context.Context, tenant, connection, by string) error {
	err := p.db.Permissions().Fill(ctx, tenant, connection, audit.Entry{Act: "permissions.rebuild", Object: "connection/" + connection, Details: map[string]any{"by": by}})
	if errors.Is(err, propagate.ErrNotFound) {
		return request.ErrNotFound
	}
	return err
}
