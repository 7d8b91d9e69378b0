package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/inventory"
	"volenti.dev/volenti/datamap/taxonomy"
)

// ReadWith is Read for files, and for connections and datasets that were made
// elsewhere than in a directory. In the secrets of those ${} stands for itself: who
// makes them must not read the environment of the server.
func ReadWith(files []source.File, made []inventory.Made, o Options) (*Config, []source.Problem) {
	all, elsewhere := slices.Clone(files), map[string]inventory.Made{}
	for _, m := range made {
		elsewhere[m.Place()] = m
		all = append(all, source.File{Name: m.Place(), Data: m.Text})
	}
	c, found := read(all, source.Report{}, o, elsewhere)
	c.Files = files
	return c, found
}

// MadeOf writes a connection down, whose keys are those of a connection in a
// directory. JSON is YAML.
func MadeOf(key string, says map[string]any) (inventory.Made, error) {
	says = maps.Clone(says)
	says["key"] = key
	text, err := json.Marshal(map[string]any{"connection": []any{says}})
	if err != nil {
		return inventory.Made{}, fmt.Errorf("write the connection %s: %w", key, err)
	}
	return inventory.Made{What: inventory.OfConnection, Key: key, Text: text}, nil
}

// ReadSystem reads a system that was made elsewhere as one of a directory that has
// these words. What is wrong with it is an *inventory.Invalid.
func ReadSystem(y inventory.System, words *taxonomy.Set) (inventory.System, error) {
	if y.Key == "" {
		return y, &inventory.Invalid{Problems: []string{"the system has no key (give it a key, or a name to make one of)"}}
	}
	text, err := json.Marshal(map[string]any{"key": y.Key, "name": y.Name, "description": y.Description, "data_uses": append([]taxonomy.Use{}, y.Uses...)})
	if err != nil {
		return y, fmt.Errorf("write the system %s: %w", y.Key, err)
	}
	l := loader{config: &Config{Taxonomy: words}}
	file := source.File{Name: "system", Data: slices.Concat([]byte(`{"system": [`), text, []byte(`]}`))}
	for _, d := range source.Documents([]source.File{file}, &l.report) {
		l.systems("system", d.Mapping("a system", &l.report).Node("system"))
	}
	found := fresh(nil, l.report.Problems())
	if len(found) > 0 || len(l.config.Systems) != 1 {
		return y, invalid(found, file, "system[0]")
	}
	return l.config.Declared().Systems[0], nil
}

// SaysOf reads what MadeOf wrote.
func SaysOf(m inventory.Made) (map[string]any, error) {
	var file struct{ Connection []map[string]any }
	if json.Unmarshal(m.Text, &file) != nil || len(file.Connection) != 1 {
		return nil, fmt.Errorf("the connection %s is damaged", m.Key)
	}
	return file.Connection[0], nil
}

// KeepSecrets adds the secrets that a connection has and that are not given now.
// A connection of another type, or one that leads elsewhere, is another system,
// which must not get to know them: whoever may change a connection could have them
// sent to an address of their own.
func KeepSecrets(before, says map[string]any, spec connector.Spec) map[string]any {
	old, _ := before["secrets"].(map[string]any)
	given, ok := says["secrets"].(map[string]any)
	if before["type"] != says["type"] || says["secrets"] != nil && !ok || leadsElsewhere(old, given, spec) {
		return says
	}
	secrets := maps.Clone(old)
	if secrets == nil {
		secrets = map[string]any{}
	}
	maps.Copy(secrets, given)
	maps.DeleteFunc(secrets, func(_ string, value any) bool { return value == nil })
	says = maps.Clone(says)
	says["secrets"] = secrets
	return says
}

func leadsElsewhere(old, given map[string]any, spec connector.Spec) bool {
	return slices.ContainsFunc(spec.Secrets, func(s connector.Setting) bool {
		to, changed := given[s.Name]
		return s.Leads && changed && to != old[s.Name]
	})
}

// ProblemsOf gives the errors of what was read with a connection that were not
// there before: what is wrong with it, or with what needs it.
func ProblemsOf(before, after []source.Problem) (wrong []string) {
	for _, p := range fresh(before, after) {
		wrong = append(wrong, told(p))
	}
	return wrong
}

// InvalidOf is ProblemsOf with the places in what the connection says; nil where
// nothing is wrong.
func InvalidOf(before, after []source.Problem, m inventory.Made) error {
	found := fresh(before, after)
	if len(found) == 0 {
		return nil
	}
	return invalid(found, source.File{Name: m.Place(), Data: m.Text}, "connection[0]")
}

// invalid is problems with their places in a value of a file.
func invalid(found []source.Problem, file source.File, value string) *inventory.Invalid {
	var wrong inventory.Invalid
	for _, p := range found {
		wrong.Problems, wrong.Places = append(wrong.Problems, told(p)), append(wrong.Places, within(file, value, p.Position))
	}
	return &wrong
}

// fresh gives the errors that were not there before.
func fresh(before, after []source.Problem) (wrong []source.Problem) {
	for _, p := range after {
		if p.Severity == source.Error && !slices.Contains(before, p) {
			wrong = append(wrong, p)
		}
	}
	return wrong
}

func told(p source.Problem) string {
	if p.Fix == "" {
		return p.Message
	}
	return p.Message + " (" + p.Fix + ")"
}

// within names a place of a file below one of its values; "" for other places.
func within(file source.File, value string, at source.Position) string {
	for _, n := range source.Documents([]source.File{file}, &source.Report{}) {
		if path, below := strings.CutPrefix(n.Path(at), value+"."); below {
			return path
		}
	}
	return ""
}

// Adopt adds systems and links that were made elsewhere than in a directory. A
// connection that the directory links stays where it is.
func (c *Config) Adopt(aside inventory.Declared) {
	for _, y := range aside.Systems {
		if _, given := c.System(y.Key); !given {
			c.Systems = append(c.Systems, System{Key: y.Key, Name: y.Name, Description: y.Description, Uses: y.Uses})
		}
	}
	for i := range c.Connections {
		if conn := &c.Connections[i]; conn.System == "" {
			conn.System = aside.Links[conn.Key]
		}
	}
}

// Declared is what the configuration says of systems, connections and links, and which
// datasets it describes.
func (c *Config) Declared() inventory.Declared {
	d := inventory.Declared{Links: map[string]string{}}
	for _, y := range c.Systems {
		d.Systems = append(d.Systems, inventory.System{Key: y.Key, Name: y.Name, Description: y.Description, Uses: y.Uses})
	}
	for _, conn := range c.Connections {
		d.Connections = append(d.Connections, inventory.Connection{Key: conn.Key, Name: conn.Name, Type: conn.Type})
		if conn.System != "" {
			d.Links[conn.Key] = conn.System
		}
	}
	for _, set := range c.Datasets {
		d.Datasets = append(d.Datasets, set.Key)
	}
	return d
}
