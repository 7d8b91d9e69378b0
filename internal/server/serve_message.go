package server

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/internal/mail"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
)

// correspondence makes, for the interface, what the store keeps and the courier sends.
type correspondence struct {
	*store.Letters
	audit *store.Audit
	words *wording
	mail  Mailer
}

var _ api.Letters = correspondence{}

func (s *Server) correspondence() correspondence {
	return correspondence{s.House.Store.Letters(), s.House.Store.Audit(), s.wording(), s.Mail}
}

// noMailServer is why letters wait where none was named.
const noMailServer = "no mail server was named: start the server with --smtp"

// Of says why letters wait, where it is for all the same.
func (l correspondence) Of(ctx context.Context, tenant, request string) ([]message.Posted, error) {
	all, err := l.Letters.Of(ctx, tenant, request)
	for i := range all {
		if l.mail == nil && all[i].State == message.Waiting {
			all[i].Reason = noMailServer
		}
	}
	return all, err
}

// exampleSender is whose letters are shown where nobody has said who writes.
const exampleSender = "Example GmbH"

func (l correspondence) Preview(ctx context.Context, tenant string, kind message.Kind, language string) (message.Mail, error) {
	return l.words.render(ctx, tenant, l.sender(), message.Sample(kind, language))
}

func (l correspondence) Sends() bool { return l.mail != nil }

func (l correspondence) sender() string {
	if l.mail == nil {
		return exampleSender
	}
	return l.mail.Domain()
}

// trialTime is less than the interface gives to an act.
const trialTime = 20 * time.Second

// Trial logs that it sends before it does.
func (l correspondence) Trial(ctx context.Context, tenant, to, language, by string) (failed string, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	entry := audit.Entry{Act: "email.trial", Object: "letter/" + id.String(), Details: map[string]any{"by": by}}
	if err := l.audit.Append(ctx, tenant, entry); err != nil {
		return "", err
	}
	if l.mail == nil {
		return noMailServer, nil
	}
	m, err := l.words.render(ctx, tenant, l.sender(), message.Sample(message.Trial, language))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	var refused *mail.Error
	if err := l.mail.Send(ctx, id.String(), to, m); errors.As(err, &refused) {
		return refused.Error(), nil
	}
	return "", nil
}
