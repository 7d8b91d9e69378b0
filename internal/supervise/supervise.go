// Package supervise keeps a database server for a test process, under a shell
// that outlives the process just long enough to stop what it started, however
// the process went: the shell reads its commands from a pipe that we hold.
//
//	test process --"start 40123"--> shell (the script) --> server
//	             <-----"ok"--------
//	(gone: the pipe closes) ------> stops the server, removes its directory
//
// The script is given the server's own directory as $1 and further arguments
// after it. Each line of its standard input is an action and a port; it
// answers "ok" or "failed", and then $1/log says why.
package supervise

import (
	"bufio"
	"context"
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

// Server is a server under its supervisor.
type Server struct {
	Port int // on 127.0.0.1

	dir        string     // the supervisor removes it
	mu         sync.Mutex // one command at a time
	supervisor *exec.Cmd
	commands   io.WriteCloser // when it closes, also by our death, the server stops
	answers    *bufio.Reader
}

// Start runs a script and has it start its server on a free port. Servers
// refuse to run as root: where we are root, the script runs as account, or as
// nobody where there is no such account.
func Start(name, account, script string, args ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", name+"-")
	if err != nil {
		return nil, err
	}
	credential, err := unprivileged(dir, account)
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	// No context: it lives as long as this process, and ends by the pipe.
	s.supervisor = exec.CommandContext(context.Background(), "/bin/sh", append([]string{"-c", script, "supervise", dir}, args...)...)
	s.supervisor.Dir = dir
	s.supervisor.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
	// A session of its own: what a terminal sends to us does not reach it.
	s.supervisor.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: credential}
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
		s.Stop()
		return nil, err
	}
	return s, nil
}

// listen starts the server on a free port. The port can be taken by another
// process before the server has it, hence more than one try.
func (s *Server) listen() error {
	var err error
	for range 3 {
		if s.Port, err = freePort(); err != nil {
			return err
		}
		if err = s.Command("start"); err == nil {
			return nil
		}
	}
	return err
}

// Command sends an action and waits for the answer. The error holds the
// server's log.
func (s *Server) Command(action string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintf(s.commands, "%s %d\n", action, s.Port); err != nil {
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

// Stop returns when the server has ended and its directory is removed.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.commands.Close()
	_ = s.supervisor.Wait()
}

// unprivileged gives the account to run as, nil for our own, and hands dir
// over to it.
func unprivileged(dir, name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup(name)
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
