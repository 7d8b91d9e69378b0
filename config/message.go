package config

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/message"
)

var languageForm = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// messages reads templates that take the place of those that Volenti has. One
// that cannot be filled in is not taken over.
func (l *loader) messages(key string, n *source.Node) {
	for _, entry := range n.List(key, &l.report) {
		before := l.report.Errors()
		m := entry.Mapping("a message", &l.report)
		m.Need("kind", "language", "subject", "text")
		o := message.Override{Kind: message.Kind(m.String("kind")), Language: m.String("language"), Subject: m.String("subject"), Text: m.String("text"), HTML: m.String("html")}
		m.Done()
		l.messageForm(m, o)
		if l.report.Errors() > before {
			continue
		}
		var wrong *message.Fault
		if err := o.Check(); errors.As(err, &wrong) {
			l.report.Errorf(m.Where(wrong.Part), messageFix(o.Kind, wrong), "a letter of kind %s in %s cannot be written: %s", o.Kind, o.Language, wrong)
			continue
		}
		l.config.Messages = append(l.config.Messages, o)
	}
}

func (l *loader) messageForm(m *source.Mapping, o message.Override) {
	var kinds []string
	for _, k := range message.Kinds() {
		kinds = append(kinds, string(k))
	}
	if o.Kind != "" && !slices.Contains(kinds, string(o.Kind)) {
		l.report.Errorf(m.Where("kind"), source.DidYouMean(string(o.Kind), slices.Values(kinds), "use one of "+strings.Join(kinds, ", ")), "there are no letters of kind %q", o.Kind)
	}
	if o.Language != "" && !languageForm.MatchString(o.Language) {
		l.report.Errorf(m.Where("language"), "use a language like de or de-AT", "%q cannot be a language", o.Language)
	}
	same := func(other message.Override) bool {
		return other.Kind == o.Kind && strings.EqualFold(other.Language, o.Language)
	}
	if slices.ContainsFunc(l.config.Messages, same) {
		l.report.Errorf(m.Where("kind"), "remove one of them", "letters of kind %s in %s are given twice", o.Kind, o.Language)
	}
}

// messageFix says which values there are, where one is missing.
func messageFix(kind message.Kind, wrong *message.Fault) string {
	if wrong.Missing == "" {
		return "mend the template"
	}
	names := message.Names(kind)
	return source.DidYouMean(wrong.Missing, slices.Values(names), "there are "+strings.Join(names, ", "))
}
