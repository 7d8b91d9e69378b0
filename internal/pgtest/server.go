package pgtest

import (
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"volenti.dev/volenti/internal/supervise"
)

//go:embed supervise.sh
var script string

// server is a PostgreSQL server of this process.
type server struct{ *supervise.Server }

func newServer() (*server, error) {
	programs, err := findPrograms()
	if err != nil {
		return nil, err
	}
	s, err := supervise.Start("pgtest", "postgres", script, programs)
	if err != nil {
		return nil, err
	}
	return &server{s}, nil
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
