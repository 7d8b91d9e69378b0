package site

import (
	"embed"
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

//go:embed texts/*.json
var textFiles embed.FS

// builtin are the texts of every banner by language and key. The keys are those
// of texts/en.json; {vendor} stands for a name.
var builtin = read(textFiles)

func read(files fs.FS) map[string]map[string]string {
	names, err := fs.Glob(files, "texts/*.json")
	if err != nil {
		panic(err) // the pattern is ours
	}
	all := map[string]map[string]string{}
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		texts := map[string]string{}
		if err == nil {
			err = json.Unmarshal(b, &texts)
		}
		if err != nil {
			panic(name + ": " + err.Error()) // it is part of the program, and a test reads it
		}
		all[strings.TrimSuffix(strings.TrimPrefix(name, "texts/"), ".json")] = texts
	}
	return all
}

// Builtin gives the texts that every banner has in a language, or nil.
func Builtin(language string) map[string]string { return maps.Clone(builtin[language]) }

// BuiltinLanguages are those with built-in texts, in order.
func BuiltinLanguages() []string { return slices.Sorted(maps.Keys(builtin)) }
