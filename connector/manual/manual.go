// Package manual is the connection that people answer: a filing cabinet, an
// archive, a system without an interface. It reaches nothing by itself; it says
// who is to be asked.
package manual

import (
	"net/mail"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/subject"
)

// Spec describes connections that people answer.
func Spec() connector.Spec {
	return connector.Spec{
		Type:    "manual",
		Name:    "Colleagues",
		Summary: "Colleagues who look by hand and enter what they find.",
		Asks:    true,
		Secrets: []connector.Setting{
			{Name: "assignees", Help: "who is asked by mail, addresses with commas between them; without them an operator answers", Plain: true},
		},
		New: open,
	}
}

type connection struct{ assignees []subject.Personal[string] }

var _ connector.Asker = connection{}

func open(s connector.Settings) (connector.Connector, error) {
	text := s.Secrets["assignees"]
	if text == "" {
		return connection{}, nil
	}
	all, err := mail.ParseAddressList(text)
	if err != nil { // it repeats what it has read
		return nil, &connector.Error{Kind: connector.Permanent, Connection: s.Key, Doing: "read the assignees", Reason: "they must be mail addresses with commas between them"}
	}
	var c connection
	for _, a := range all {
		c.assignees = append(c.assignees, subject.Conceal(a.Address))
	}
	return c, nil
}

// Assignees implements connector.Asker.
func (c connection) Assignees() []subject.Personal[string] { return c.assignees }

// Close implements connector.Connector.
func (connection) Close() error { return nil }
