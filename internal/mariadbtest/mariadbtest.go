// Package mariadbtest gives tests a real MariaDB, as package pgtest does with
// PostgreSQL: one server of its own for each test process that asks for a
// database, durable as in production, with the settings that it comes with;
// each URL is a new empty database on it. The server stops when the process
// ends, also by kill -9.
package mariadbtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"volenti.dev/volenti/internal/supervise"
)

//go:embed supervise.sh
var script string

// patience is how long a statement of this package may take on a busy machine.
const patience = 2 * time.Minute

// shared is the server of this test process. It is the one variable of the
// package because TestMain and the tests have nothing else in common.
var shared struct {
	mu        sync.Mutex
	server    *supervise.Server
	authority string // PEM
	err       error  // why it did not start; not tried again
	databases int
}

// Run runs the tests and stops the server, if one was started. It returns the
// code to exit with.
func Run(m *testing.M) int {
	code := m.Run()
	Stop()
	return code
}

// Stop stops the server, if one was started, where Run is not in place.
func Stop() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		shared.server.Stop()
	}
}

// URL makes an empty database and returns its address, with a user who may do
// everything. The database is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	s, n := start(t)
	name := fmt.Sprintf("test_%d", n)
	if err := execute(s, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := execute(s, "DROP DATABASE "+name); err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf("mysql://root@127.0.0.1:%d/%s", s.Port, name)
}

// Open opens the database of a URL past any connector. A statement may hold
// several, divided by semicolons; || joins texts, and a WITH RECURSIVE goes as
// deep as it must, as on other databases.
func Open(t testing.TB, url string) *sql.DB {
	t.Helper()
	var port int
	var name string
	if _, err := fmt.Sscanf(url, "mysql://root@127.0.0.1:%d/%s", &port, &name); err != nil {
		t.Fatalf("%q: %v", url, err)
	}
	db, err := pool(port, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Restart kills the server, so that every connection breaks and it recovers
// from its logs, and returns when it answers again on the same port. It hits
// all tests of the process: do not call it in parallel ones.
func Restart(t testing.TB) {
	t.Helper()
	s, _ := start(t)
	if err := s.Command("restart"); err != nil {
		t.Fatal(err)
	}
}

// Authority writes a file with the certificate that the server's own comes
// from, and returns its path. The server is called 127.0.0.1.
func Authority(t testing.TB) string {
	t.Helper()
	start(t)
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, []byte(shared.authority), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// start gives the server, started on first use, and the next database number.
func start(t testing.TB) (*supervise.Server, int) {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.authority, shared.err = newServer()
	}
	if shared.err != nil {
		t.Fatalf("start mariadb: %v", shared.err)
	}
	shared.databases++
	return shared.server, shared.databases
}

// scripts is where the server's packages put the SQL that makes a new data
// directory.
const scripts = "/usr/share/mysql"

func newServer() (s *supervise.Server, authority string, err error) {
	program, err := exec.LookPath("mariadbd")
	if err != nil {
		program = "/usr/sbin/mariadbd" // not on everybody's PATH
	}
	for _, file := range []string{program, filepath.Join(scripts, "mysql_system_tables.sql")} {
		if _, err := os.Stat(file); err != nil {
			return nil, "", errors.New("its programs are not installed: run make test, which installs them")
		}
	}
	certificate, key, err := signed()
	if err != nil {
		return nil, "", err
	}
	s, err = supervise.Start("mariadbtest", "mysql", script, program, scripts, certificate+key)
	return s, certificate, err
}

// signed makes a certificate that vouches for itself, and its key, in PEM.
func signed() (certificate, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mariadbtest"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		return "", "", err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	text := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return text("CERTIFICATE", der), text("PRIVATE KEY", pkcs8), nil
}

func pool(port int, database string) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.DBName = "tcp", fmt.Sprintf("127.0.0.1:%d", port), "root", database
	c.MultiStatements, c.Logger = true, &mysql.NopLogger{}
	c.Params = map[string]string{"sql_mode": "concat(@@sql_mode, ',PIPES_AS_CONCAT')", "max_recursive_iterations": "1000000"}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func execute(s *supervise.Server, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := pool(s.Port, "")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
