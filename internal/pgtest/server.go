package pgtest

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

//go:embed supervise.sh
var supervise string

// server is a PostgreSQL server under its supervisor, a shell that outlives
// this process just long enough to stop what it started.
type server struct {
	dir  string // the supervisor removes it
	port int

	mu         sync.Mutex // one command at a time
	supervisor *exec.Cmd
	commands   io.WriteCloser // when it closes, also by our death, the server stops
	answers    *bufio.Reader
}

func newServer() (*server, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return nil, err
	}
	account, err := unprivileged(dir)
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	// No context: it lives as long as this process, and ends by the pipe.
	s.supervisor = exec.CommandContext(context.Background(), "/bin/sh", "-c", supervise, "supervise", dir, programs)
	s.supervisor.Dir = dir
	// After a crash the server syncs all its files before it answers; on a busy
	// disk that can take longer than pg_ctl's own limit of a minute.
	s.supervisor.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "PGCTLTIMEOUT=300"}
	// A session of its own: what a terminal sends to us does not reach it.
	s.supervisor.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: account}
	if s.commands, err = s.supervisor.StdinPipe(); err != nil {
		return nil, err
	}
	answers, err := s.supervisor.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.answers = bufio.NewReader(answers)
	if err := s.supervisor.Start(); err != nil {
		return nil, err
	}
	if err := s.listen(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// listen starts the server on a free port. The port can be taken by another
// process before the server has it, hence more than one try.
func (s *server) listen() error {
	var err error
	for range 3 {
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.command("start"); err == nil {
			return nil
		}
	}
	return err
}

func (s *server) command(action string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintf(s.commands, "%s %d\n", action, s.port); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	answer, err := s.answers.ReadString('\n')
	if err != nil {
		return fmt.Errorf("%s: the supervisor ended: %w", action, err)
	}
	if answer != "ok\n" {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%s: the server's log says:\n%s", action, log)
	}
	return nil
}

// stop returns when the server has ended and its directory is removed.
func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.commands.Close()
	_ = s.supervisor.Wait()
}

// findPrograms gives the directory of PostgreSQL's programs.
func findPrograms() (string, error) {
	var candidates []string
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			candidates = append(candidates, filepath.Dir(path))
		}
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	candidates = append(candidates, debian...)
	for _, dir := range candidates {
		if isFile(dir, "initdb") && isFile(dir, "pg_ctl") && isFile(dir, "postgres") {
			return dir, nil
		}
	}
	return "", errors.New("its programs are not installed: run make test, which installs them")
}

func isFile(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && info.Mode().IsRegular()
}

// unprivileged gives the account to run as, nil for our own: PostgreSQL
// refuses to run as root. dir is handed over to it.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user id of %s: %w", account.Username, err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("group id of %s: %w", account.Username, err)
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func freePort() (int, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
