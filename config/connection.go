package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/taxonomy"
	"volenti.dev/volenti/request/task"
	"volenti.dev/volenti/subject"
)

// Connection is a way to a system that holds datasets.
type Connection struct {
	Key      string
	Name     string
	Type     string   // of a connector.Spec
	Digest   string   // of the description of its type
	Write    bool     // access: write; otherwise nothing is ever changed there
	Datasets []string // keys
	System   string   // the system of the company that this belongs to
	Disabled bool     // not used; its secrets need not be there
	// Of one that webhooks of policies call.
	Called   bool // it is one
	Receives bool // receives: identities; without it nothing personal is sent there
	Private  bool // it may be in a private network, and without TLS
	// Instructed: nothing can be read there; people are told what to erase.
	Instructed bool
	// Secrets have their environment variables expanded and show nothing of
	// themselves.
	Secrets map[string]subject.Personal[string]
	// Uses are the data_uses of a connection that belongs to no system.
	Uses []taxonomy.Use
	// Choices is how it takes what people choose; nil: it does not.
	Choices *Choices
	// Ask is what people are asked, where they answer it.
	Ask task.Ask
	At  source.Position

	datasetsAt []source.Position
}

var keyForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

const (
	mostKey     = 128 // bytes
	mostKeyText = "128"
)

// ValidKey says whether s can be the key of a connection or a system: up to 128
// letters, digits, _ . and -, a letter or digit first (C1).
func ValidKey(s string) bool {
	return keyForm.MatchString(s) && len(s) <= mostKey && !source.Refused(s)
}

// KeyOf makes a key of a name: small letters without accents, digits, _ . and -
// stay, and what is between them becomes _ (C1). It is "" where nothing stays.
func KeyOf(name string) string {
	var key strings.Builder
	for _, r := range strings.ToLower(norm.NFKD.String(name)) {
		switch {
		case r < utf8.RuneSelf && keyForm.MatchString("a"+string(r)):
			key.WriteRune(r)
		case unicode.Is(unicode.Mn, r): // the accent of the letter before
		case !strings.HasSuffix(key.String(), "_"):
			key.WriteByte('_')
		}
	}
	made := strings.TrimRight(strings.TrimLeft(key.String(), "_.-"), "_")
	return made[:min(len(made), mostKey)]
}

func (l *loader) connection(n *source.Node) Connection {
	m := n.Mapping("a connection", &l.report)
	m.Need("type")
	c := Connection{Key: m.String("key"), Name: m.String("name"), Type: m.String("type"), System: m.String("system"), Disabled: m.Bool("disabled"), At: n.At}
	if m.Node("key") == nil && m != nil {
		c.Key = l.keyOf(m, c.Name)
	}
	if c.Key != "" {
		l.goodKey(c.Key, "connection", m)
	}
	c.Uses = l.uses(m)
	l.belongs(m, c)
	for _, t := range m.Strings("datasets") {
		c.Datasets, c.datasetsAt = append(c.Datasets, t.Value), append(c.datasetsAt, t.At)
	}
	switch access := m.String("access"); access {
	case "", "read":
	case "write":
		c.Write = true
	default:
		l.report.Errorf(m.Where("access"), "use read or write", "access cannot be %q", access)
	}
	secrets := m.Mapping("secrets")
	spec, known := l.Registry[c.Type]
	if !known && c.Type != "" {
		l.report.Errorf(m.Where("type"), source.DidYouMean(c.Type, maps.Keys(l.Registry), "use one of "+strings.Join(l.Registry.Types(), ", ")),
			"there is no connector of type %q", c.Type)
	}
	c.Instructed, c.Digest = spec.Instructed, spec.Digest
	if known && (secrets != nil || m.Node("secrets") == nil) {
		c.Secrets = l.secrets(c, m.Where("secrets"), secrets, spec)
	}
	if known && spec.Asks {
		l.asks(&c, m, spec)
	}
	l.called(m, spec, &c)
	l.asked(&c, m, spec)
	c.Choices = l.choices(m, &c, spec)
	m.Done()
	return c
}

// keyOf gives the key of a connection that has none but a name.
func (l *loader) keyOf(m *source.Mapping, name string) string {
	key := KeyOf(name)
	switch {
	case name == "":
		l.report.Errorf(m.Where("key"), "add key: ... or name: ...", "key is missing")
	case key == "":
		l.report.Errorf(m.Where("name"), "add key: ...", "no key can be made of this name")
	}
	return key
}

// belongs checks the link of a connection. A system that is not declared is no
// error: another place may declare it.
func (l *loader) belongs(m *source.Mapping, c Connection) {
	if c.System == "" {
		return
	}
	if len(c.Uses) > 0 {
		l.report.Errorf(m.Where("data_uses"), "move them to the system", "the connection %s belongs to the system %s, whose data_uses hold", c.Key, c.System)
	}
	if _, declared := l.config.System(c.System); declared {
		return
	}
	var keys []string
	for _, s := range l.config.Systems {
		keys = append(keys, s.Key)
	}
	l.report.Warnf(m.Where("system"), source.DidYouMean(c.System, slices.Values(keys), "add it to the systems"), "the connection %s belongs to the system %q, which is not declared", c.Key, c.System)
}

// asks reads what people are asked. A connection that cannot be opened is
// reported now: nobody would be asked.
func (l *loader) asks(c *Connection, m *source.Mapping, spec connector.Spec) {
	c.Ask = task.Decode(m, &l.report, l.config.Taxonomy)
	c.Ask.Connection, c.Ask.Name = c.Key, c.Name
	if len(c.Datasets) > 0 {
		l.report.Errorf(m.Where("datasets"), "remove them, or use another type", "people answer the connection %s: it has no datasets", c.Key)
	}
	if c.Write {
		l.report.Errorf(m.Where("access"), "remove it", "nothing is written to the connection %s, which people answer", c.Key)
	}
	secrets := map[string]string{}
	for name, secret := range c.Secrets {
		secrets[name] = secret.Reveal()
	}
	opened, err := spec.New(connector.Settings{Key: c.Key, Secrets: secrets})
	if err == nil {
		err = opened.Close()
	}
	if err != nil {
		l.report.Errorf(m.Where("secrets"), "mend it", "%v", err)
	}
}

// secrets reads what the connector asks for. No message holds a value.
func (l *loader) secrets(c Connection, at source.Position, m *source.Mapping, spec connector.Spec) map[string]subject.Personal[string] {
	secrets := map[string]subject.Personal[string]{}
	for _, s := range spec.Secrets {
		n := m.Node(s.Name)
		if n == nil {
			if s.Required && !c.Disabled {
				l.report.Errorf(at, "add "+s.Name+": "+s.Help, "the connection %s lacks the secret %s", c.Key, s.Name)
			}
			continue
		}
		if n.Kind == source.List || n.Kind == source.Map {
			l.report.Errorf(n.At, "put it in quotes", "the secret %s of the connection %s must be text, found %s", s.Name, c.Key, n.Kind)
			continue
		}
		text, complete := n.Scalar("the secret "+s.Name, &l.report), true
		if _, made := l.elsewhere[n.At.File]; !made {
			text, complete = l.expand(text, n.At, c)
		} else if s.Local != nil {
			if err := s.Local(text); err != nil {
				l.report.Errorf(n.At, "or keep the connection in a configuration directory", "the secret %s of a connection that is made over HTTP uses nothing of the server itself: %s", s.Name, err)
			}
		}
		if complete && text == "" && s.Required && !c.Disabled {
			l.report.Errorf(n.At, s.Help, "the secret %s of the connection %s is empty", s.Name, c.Key)
		}
		if complete && text != "" && s.Check != nil {
			if err := s.Check(text); err != nil {
				l.report.Errorf(n.At, s.Help, "the secret %s of the connection %s cannot be used: %s", s.Name, c.Key, err)
			}
		}
		secrets[s.Name] = subject.Conceal(text)
	}
	m.Done()
	return secrets
}

// variable is ${NAME}; $${ stands for a ${ that is meant literally.
var variable = regexp.MustCompile(`\$?\$\{[^}]*\}?`)

var variableName = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)

// expand puts environment variables into a secret, and says whether all were
// there.
func (l *loader) expand(text string, at source.Position, c Connection) (string, bool) {
	complete := true
	expanded := variable.ReplaceAllStringFunc(text, func(use string) string {
		if strings.HasPrefix(use, "$$") {
			return use[1:]
		}
		name := variableName.FindStringSubmatch(use)
		if name == nil {
			complete = false
			l.report.Errorf(at, "write ${NAME} with letters, digits and _, or $${ for the characters themselves", "a secret of the connection %s names an environment variable wrongly", c.Key)
			return ""
		}
		value, set := l.Env(name[1])
		if !set {
			complete = false
			if !c.Disabled {
				l.report.Errorf(at, "set it, or disable the connection", "the environment variable %s is not set; the connection %s needs it", name[1], c.Key)
			}
		}
		return value
	})
	return expanded, complete
}

// Connection gives the connection with a key.
func (c *Config) Connection(key string) (Connection, error) {
	for _, conn := range c.Connections {
		if conn.Key == key {
			return conn, nil
		}
	}
	return Connection{}, fmt.Errorf("the configuration has no connection %s", key)
}

// connection finds the connection that serves a dataset, nil when none does.
func (c *Config) connection(dataset string) *Connection {
	for i := range c.Connections {
		if slices.Contains(c.Connections[i].Datasets, dataset) {
			return &c.Connections[i]
		}
	}
	return nil
}
