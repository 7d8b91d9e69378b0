// Command build bundles the script of the banner: go generate ./sdk/js. What it
// writes is committed, so that the server builds without it.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write bundles what is in sdk, the directory sdk/js, into its dist.
func write(sdk string) error {
	files, err := bundle(sdk)
	if err != nil {
		return err
	}
	dist := filepath.Join(sdk, "dist")
	if err := errors.Join(os.RemoveAll(dist), os.MkdirAll(dist, 0o755)); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dist, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// entries are the files for pages, each as a script and as a module.
var entries = []string{"core", "headless", "banner"}

// bundle gives the files of dist by name.
func bundle(sdk string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, entry := range entries {
		for ending, format := range map[string]api.Format{"js": api.FormatIIFE, "mjs": api.FormatESModule} {
			text, err := one(sdk, "src/entry-"+entry+".ts", format)
			if err != nil {
				return nil, err
			}
			files[entry+"."+ending] = text
		}
	}
	return files, nil
}

// one bundles an entry for browsers that know ES2019.
func one(sdk, entry string, format api.Format) ([]byte, error) {
	at, err := filepath.Abs(sdk)
	if err != nil {
		return nil, err
	}
	out := api.Build(api.BuildOptions{
		AbsWorkingDir: at, EntryPoints: []string{entry}, Bundle: true, Format: format, Target: api.ES2019,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
		Charset:       api.CharsetASCII, // pages need not be UTF-8
		LegalComments: api.LegalCommentsNone,
	})
	if len(out.Errors) > 0 {
		return nil, errors.New(strings.Join(api.FormatMessages(out.Errors, api.FormatMessagesOptions{}), ""))
	}
	return out.OutputFiles[0].Contents, nil
}
