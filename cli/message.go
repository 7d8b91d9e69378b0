package cli

import (
	"volenti.dev/volenti/internal/mail"
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
