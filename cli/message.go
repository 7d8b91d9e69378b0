package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"volenti.dev/volenti/internal/mail"
	"volenti.dev/volenti/message"
)

// mailing says where letters go.
type mailing struct {
	SMTP     string `name:"smtp" help:"Mail server for letters: smtp://USER:PASSWORD@HOST:PORT with STARTTLS, or smtps://. Letters wait without one." placeholder:"URL" env:"VOLENTI_SMTP"`
	MailFrom string `name:"mail-from" help:"Who letters are from, like 'Example GmbH <privacy@example.com>'." placeholder:"ADDRESS" env:"VOLENTI_MAIL_FROM"`
}

// transport reads the flags; nil where there is no mail server.
func (m mailing) transport() (*mail.Transport, error) {
	switch {
	case m.SMTP == "" && m.MailFrom == "":
		return nil, nil
	case m.SMTP == "":
		return nil, usage("--mail-from needs --smtp: without a mail server, no letter is sent")
	}
	t, err := mail.Parse(m.SMTP, m.MailFrom)
	if err != nil {
		return nil, usage("--smtp, --mail-from: %w", err)
	}
	return t, nil
}

// organisation is whose letters are shown here: who it is stands in the ledger
// of a server.
const organisation = "Example GmbH"

type messagePreviewCommand struct {
	Kind     string `required:"" help:"Kind of letter: ${kinds}." placeholder:"KIND"`
	Language string `help:"Language, like de or de-AT." default:"en"`
	Config   string `help:"Configuration directory with templates of your own." placeholder:"DIR" type:"path"`
	HTML     bool   `name:"html" help:"Show the HTML instead of the text."`
}

// Run shows a letter with made-up values.
func (c *messagePreviewCommand) Run(s *session) error {
	kind := message.Kind(c.Kind)
	if !slices.Contains(message.Kinds(), kind) {
		return usage("--kind %s: there is no such kind: give one of %s", c.Kind, kinds())
	}
	var overrides []message.Override
	if c.Config != "" {
		loaded, err := loadSound(s, c.Config)
		if err != nil {
			return err
		}
		overrides = loaded.Messages
	}
	m, err := message.Render(message.Sample(kind, c.Language), organisation, overrides)
	if err != nil {
		return err
	}
	if c.HTML {
		fmt.Fprint(s.Out, m.HTML)
		return nil
	}
	fmt.Fprintf(s.Out, "Subject: %s\n\n%s", m.Subject, m.Text)
	return nil
}

type messageTrialCommand struct {
	mailing
	To       string `required:"" help:"Address to send to." placeholder:"ADDRESS"`
	Language string `help:"Language, like de or de-AT." default:"en"`
}

// Run sends a letter that is about nobody, and says whether the mail server has
// accepted it.
func (c *messageTrialCommand) Run(s *session) error {
	transport, err := c.transport()
	if err != nil {
		return err
	}
	if transport == nil {
		return usage("name the mail server with --smtp")
	}
	m, err := message.Render(message.Sample(message.Trial, c.Language), transport.Domain(), nil)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	var failed *mail.Error
	if err := transport.Send(s.ctx, id.String(), c.To, m); errors.As(err, &failed) {
		code := exitUnreachable
		if failed.Outcome == mail.Refused {
			code = exitNotAllowed
		}
		return failure{code, fmt.Errorf("the trial message was not sent: %w", failed)}
	}
	fmt.Fprintln(s.Out, "The mail server has accepted the trial message.")
	return nil
}

func kinds() string {
	var names []string
	for _, k := range message.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}
