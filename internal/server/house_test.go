package server

import (
	"errors"
	"testing"

	"volenti.dev/volenti/internal/store"
)

func TestDataDirectoryInUseIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	c := Config{Data: t.TempDir()}
	first, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Open(t.Context(), c); !errors.Is(err, store.ErrInUse) || second != nil {
		t.Errorf("a second process gets %v, %v", second, err)
	}
	if _, err := first.Store.Tenant(t.Context(), store.DefaultTenant); err != nil {
		t.Errorf("the first one afterwards: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if again.Owner != first.Owner {
		t.Error("the owner of leases changed with a restart")
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}
