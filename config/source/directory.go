package source

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is a file of a configuration. It may hold secrets, and shows nothing of
// itself.
type File struct {
	Name string
	Data []byte
}

// Format shows the name under every verb and flag.
func (f File) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, f.Name) }

// ReadDir reads all *.yml and *.yaml files of a directory and the directories
// below it, sorted by path. Hidden files and directories are left out; links
// to files are read, links to directories are not followed and reported. A
// directory without such files is an error in the report. The error is that of
// the operating system when the directory itself cannot be read.
func ReadDir(dir string, r *Report) ([]File, error) {
	paths, err := find(dir, r)
	if err != nil {
		return nil, fmt.Errorf("read configuration directory: %w", err)
	}
	if len(paths) == 0 {
		r.Errorf(Position{File: dir}, "add a file such as datasets.yml", "the directory holds no *.yml or *.yaml file")
	}
	var files []File
	for _, path := range paths {
		data, err := read(path)
		if err != nil {
			r.Errorf(Position{File: path}, "", "the file cannot be read: %v", reason(err))
			continue
		}
		files = append(files, File{path, data})
	}
	return files, nil
}

// Documents reads the documents of all files.
func Documents(files []File, r *Report) []*Node {
	var documents []*Node
	for _, f := range files {
		documents = append(documents, Parse(f.Name, f.Data, r)...)
	}
	return documents
}

func find(dir string, r *Report) ([]string, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, err
	}
	var files []string
	// The dot has a directory walked that is itself a link.
	err := filepath.WalkDir(dir+string(filepath.Separator)+".", func(path string, d fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(d.Name(), ".") && d.Name() != "."
		switch {
		case hidden && d.IsDir():
			return fs.SkipDir
		case hidden:
			return nil
		case err != nil:
			r.Errorf(Position{File: filepath.Clean(path)}, "", "the directory cannot be read: %v", reason(err))
			return nil
		case !d.IsDir() && regular(filepath.Clean(path), d, r):
			files = append(files, filepath.Clean(path))
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

// regular says whether a path is a YAML file, or a link to one.
func regular(path string, d fs.DirEntry, r *Report) bool {
	named := slices.Contains([]string{".yml", ".yaml"}, filepath.Ext(path))
	if d.Type().IsRegular() || d.Type()&fs.ModeSymlink == 0 {
		return named && d.Type().IsRegular()
	}
	info, err := os.Stat(path)
	switch {
	case err != nil && named:
		r.Errorf(Position{File: path}, "mend or remove the link", "the link leads nowhere: %v", reason(err))
	case err == nil && info.IsDir():
		r.Warnf(Position{File: path}, "put the files here, or link to each of them", "a link to a directory is not followed")
	}
	return err == nil && named && info.Mode().IsRegular()
}

// read gives at most one byte more than Parse accepts.
func read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, MaxBytes+1))
}

// reason is an error of the operating system without the path, which the
// position names already.
func reason(err error) error {
	if e, ok := err.(*fs.PathError); ok { //nolint:errorlint // as os gives it
		return e.Err
	}
	return err
}
