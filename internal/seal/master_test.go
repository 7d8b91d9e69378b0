package seal_test

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"volenti.dev/volenti/internal/seal"
)

func TestMasterFileIsMadeOnceAndPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	first := openFile(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file has mode %v, %v; want 0600", info.Mode(), err)
	}
	wrapped := newTenant(t, first, "acme")
	if _, err := openFile(t, path).Unwrap("acme", wrapped); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fromText, err := seal.ParseMaster(string(text))
	if err != nil {
		t.Fatalf("the file's text is not what ParseMaster takes: %v", err)
	}
	if _, err := fromText.Unwrap("acme", wrapped); err != nil {
		t.Errorf("the same key as text: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("the directory holds %v, %v; want the key file alone", left, err)
	}
}

func TestMasterFileIsMadeOnceByManyStarts(t *testing.T) {
	for range 50 {
		path := filepath.Join(t.TempDir(), "master.key")
		masters := make([]*seal.Master, 8)
		begin := make(chan struct{})
		var starts sync.WaitGroup
		for i := range masters {
			starts.Go(func() {
				<-begin
				masters[i], _ = seal.OpenMasterFile(path)
			})
		}
		close(begin)
		starts.Wait()
		if masters[0] == nil {
			t.Fatal("the first start failed")
		}
		wrapped := newTenant(t, masters[0], "acme")
		for i, m := range masters {
			if m == nil {
				t.Fatalf("start %d failed", i)
			}
			if _, err := m.Unwrap("acme", wrapped); err != nil {
				t.Fatalf("start %d has another key: %v", i, err)
			}
		}
	}
}

func TestMasterFileThatOthersReadIsRefusedWithTheMend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	openFile(t, path)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.OpenMasterFile(path); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %o: %v, want the mend", mode, err)
		}
	}
	if _, err := seal.OpenMasterFile(t.TempDir()); err == nil {
		t.Error("a directory is taken for a key file")
	}
	if _, err := seal.OpenMasterFile(filepath.Join(t.TempDir(), "none", "master.key")); err == nil {
		t.Error("a key file is made in a directory that does not exist")
	}
}

func TestMasterKeyOfAnotherFormIsRefusedWithoutShowingIt(t *testing.T) {
	for _, text := range []string{
		"", "secretsecret", base64.StdEncoding.EncodeToString([]byte("secretsecretsecretsecretsecrets")),
		base64.StdEncoding.EncodeToString(make([]byte, 33)),
	} {
		_, err := seal.ParseMaster(text)
		if err == nil || !strings.Contains(err.Error(), "openssl rand -base64 32") {
			t.Errorf("%q: %v, want the mend", text, err)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error shows the key: %v", err)
		}
		path := filepath.Join(t.TempDir(), "master.key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.OpenMasterFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q in a file: %v, want the file's name", text, err)
		}
		if now, _ := os.ReadFile(path); string(now) != text {
			t.Errorf("a damaged key file was overwritten")
		}
	}
}

func openFile(t *testing.T, path string) *seal.Master {
	t.Helper()
	m, err := seal.OpenMasterFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newMaster(t testing.TB) *seal.Master {
	t.Helper()
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	m, err := seal.ParseMaster(base64.StdEncoding.EncodeToString(key) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newTenant(t testing.TB, m *seal.Master, tenant string) []byte {
	t.Helper()
	wrapped, err := seal.NewTenant(m, tenant, "volenti.example.org/"+tenant, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return wrapped
}

func unwrap(t testing.TB, m *seal.Master, tenant string, wrapped []byte) *seal.Tenant {
	t.Helper()
	keys, err := m.Unwrap(tenant, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
