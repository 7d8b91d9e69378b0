package api

import (
	"context"
	"errors"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
)

// Instructions are what third parties were told to erase.
type Instructions interface {
	// Of gives those of a request, by dataset, or request.ErrNotFound.
	Of(ctx context.Context, tenant, id string) ([]request.Instruction, error)
	// Notice gives what the page behind a link shows; auth.ErrRefused where the
	// token is for none. It uses nothing up.
	Notice(ctx context.Context, token string) (InstructionNotice, error)
	// Answer takes what a third party says: auth.ErrRefused where the token is
	// for none, request.ErrAnswer where it cannot be taken, request.ErrTransition
	// where another final answer stands.
	Answer(ctx context.Context, token string, answer request.Answer, question string) error
}

// InstructionNotice is what a third party sees of instructions: the records
// themselves are in the letter and nowhere else.
type InstructionNotice struct {
	Organisation string         `json:"organisation" doc:"Who asks"`
	Reference    string         `json:"reference" doc:"Tell it when you write to them"`
	Dataset      string         `json:"dataset"`
	Due          time.Time      `json:"due"`
	Answer       request.Answer `json:"answer" doc:"What was said so far: empty, done, refused or question"`
}

// Instruction is how far a request is with what others have to erase.
type Instruction struct {
	Dataset    string     `json:"dataset"`
	Connection string     `json:"connection"`
	Letter     string     `json:"letter" doc:"The id of the letter that tells it"`
	State      string     `json:"state" enum:"posted,sent,given_up"`
	Attempt    int        `json:"attempt" doc:"Counts the letters"`
	Due        time.Time  `json:"due"`
	Overdue    bool       `json:"overdue" doc:"Neither done nor refused by then"`
	Sent       *time.Time `json:"sent,omitempty"`
	Answer     string     `json:"answer" doc:"Empty, done, refused or question"`
	Question   string     `json:"question,omitempty"`
	Answered   *time.Time `json:"answered,omitempty"`
	Reminders  int        `json:"reminders"`
}

type instructionsOutput struct {
	Body InstructionList
}

// InstructionList is all instructions of a request.
type InstructionList struct {
	Items []Instruction `json:"items" nullable:"false"`
}

func listInstructions(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*instructionsOutput, error) {
	all, err := a.config.Instructions.Of(ctx, caller.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	list := InstructionList{Items: []Instruction{}}
	for _, i := range all {
		list.Items = append(list.Items, Instruction{
			Dataset: i.Dataset, Connection: i.Connection, Letter: i.Letter, State: string(i.State), Attempt: i.Attempt,
			Due: i.Due, Overdue: i.Overdue(a.config.Now()), Sent: moment(i.Sent),
			Answer: string(i.Answer), Question: i.Question.Reveal(), Answered: moment(i.Answered), Reminders: i.Reminded,
		})
	}
	return &instructionsOutput{list}, nil
}

type linkOutput struct {
	Body InstructionNotice
}

func showNoticeOfInstructions(a *API, ctx context.Context, _ auth.Caller, in *tokenInput) (*linkOutput, error) {
	n, err := a.config.Instructions.Notice(ctx, in.Body.Token)
	if err != nil {
		return nil, ofLink(err)
	}
	return &linkOutput{n}, nil
}

type acknowledgeInput struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"200" doc:"What stands behind the last slash of the link"`
		Answer   string `json:"answer" enum:"done,refused,question"`
		Question string `json:"question,omitempty" maxLength:"2000" doc:"With the answer question only"`
	}
}

func acknowledge(a *API, ctx context.Context, _ auth.Caller, in *acknowledgeInput) (*linkOutput, error) {
	err := a.config.Instructions.Answer(ctx, in.Body.Token, request.Answer(in.Body.Answer), in.Body.Question)
	if errors.Is(err, request.ErrAnswer) {
		return nil, invalid("body.question", request.ErrAnswer.Error())
	}
	if err != nil {
		return nil, ofLink(err)
	}
	n, err := a.config.Instructions.Notice(ctx, in.Body.Token)
	if err != nil {
		return nil, ofLink(err)
	}
	return &linkOutput{n}, nil
}
