package server

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/subject"
)

// instructions is what operators and third parties see of what was told.
type instructions struct {
	*store.Instructions
	db *store.DB
}

var (
	_ api.Instructions     = instructions{}
	_ fulfill.Instructions = (*store.Work)(nil)
)

// Notice implements api.Instructions.
func (s instructions) Notice(ctx context.Context, token string) (n api.InstructionNotice, err error) {
	tenant, i, err := s.Find(ctx, token)
	if err != nil {
		return n, err
	}
	rules, err := s.db.Consents().Rules(ctx, tenant)
	if err != nil {
		return n, err
	}
	return api.InstructionNotice{Organisation: rules.Controller.Name, Reference: i.Request, Dataset: i.Dataset, Due: i.Due, Answer: i.Answer}, nil
}

// tryMail sends a letter that says nothing, at once.
func (s *Server) tryMail(ctx context.Context, tenant string, to subject.Personal[string]) error {
	words, err := s.wording().render(ctx, tenant, s.Mail.Domain(), message.Sample(message.Trial, ""))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	return s.Mail.Send(ctx, uuid.NewString(), to.Reveal(), words)
}

// Who was told to erase something and says nothing is reminded once a week, so
// often at most, and so many at a time.
const (
	remindEvery = 7 * 24 * time.Hour
	mostRemind  = 4
	remindSlice = 100
)

// remindThirdParties reminds third parties of what they have not answered.
func (s *Server) remindThirdParties(ctx context.Context) error {
	return everyTenant(ctx, s.House.Store, func(ctx context.Context, tenant string) error {
		due, err := s.House.Store.Instructions().Unanswered(ctx, tenant, remindEvery, mostRemind, remindSlice)
		if err != nil || len(due) == 0 {
			return err
		}
		return s.remindTenant(ctx, tenant, due)
	})
}

// remindTenant leaves those alone whose connection is not there any more.
func (s *Server) remindTenant(ctx context.Context, tenant string, due []request.Instruction) error {
	e, release, err := s.worker().latest.Use(ctx, tenant)
	if err != nil {
		return err
	}
	defer release()
	var failed []error
	for _, i := range due {
		c, err := e.systems.Connect(i.Connection)
		who, ok := c.(connector.Instructed)
		if err != nil || !ok {
			continue
		}
		failed = append(failed, s.remindThirdParty(ctx, tenant, i, who))
	}
	return errors.Join(failed...)
}

func (s *Server) remindThirdParty(ctx context.Context, tenant string, i request.Instruction, who connector.Instructed) error {
	pass, token, err := auth.NewPass(tenant, auth.Acknowledge, request.InstructionObject(i.Request, i.Dataset), auth.AnyUses, fulfill.AnswerableUntil(i.Due), rand.Reader)
	if err != nil {
		return err
	}
	letter, err := message.New(message.Letter{
		Request: i.Request, Kind: message.Reminder, To: who.Recipient(),
		Values: message.Values{"of": "instructions", "due": i.Due.Format(time.DateOnly), "url": fulfill.InstructionsURL(s.PublicURL, token)},
	})
	if err != nil {
		return err
	}
	return s.House.Store.Instructions().Remind(ctx, tenant, i, letter, pass)
}
