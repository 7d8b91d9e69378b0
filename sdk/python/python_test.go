// Package python_test runs the suite of the Python gate against the server of
// this checkout. All that it needs is python3, 3.9 or later.
package python_test

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"volenti.dev/volenti/cli"
)

// TestMain makes this binary the program, too, when it is started as volenti.
// As a server it ends when the suite does, however that ends.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"volenti": func() {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		if slices.Contains(os.Args, "serve") {
			go func() { _, _ = io.Copy(io.Discard, os.Stdin); stop() }()
		}
		os.Exit(cli.Main(ctx, os.Args[1:], cli.IO{
			In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.LookupEnv, User: "tester", Now: time.Now,
		}))
	}})
}

func TestSuiteOfThePythonGate(t *testing.T) { // A14, A15, A28
	for _, folder := range []string{".", "volenti", "tests"} { // go test runs again when what it saw has changed
		if _, err := os.ReadDir(folder); err != nil {
			t.Fatal(err)
		}
	}
	program, err := exec.LookPath("volenti")
	if err != nil {
		t.Fatal(err)
	}
	url, certificate := secure(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	suite := exec.CommandContext(ctx, "python3", "-B", "-W", "error", "-m", "unittest", "discover", "--top-level-directory", ".", "--start-directory", "tests")
	suite.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "VOLENTI="+program, "VOLENTI_TLS_URL="+url, "VOLENTI_TLS_CERTIFICATE="+certificate)
	output, err := suite.CombinedOutput()
	if err != nil {
		t.Fatalf("%v (it needs python3, 3.9 or later)\n%s", err, output)
	}
	t.Logf("%s", output)
}

// secure starts a server that says yes over TLS, with a certificate that
// nobody vouches for.
func secure(t *testing.T) (url, certificate string) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"allowed":true,"reason":"granted"}`)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that hang up are what is tested
	s.StartTLS()
	t.Cleanup(s.Close)
	certificate = filepath.Join(t.TempDir(), "certificate.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(certificate, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL, certificate
}
