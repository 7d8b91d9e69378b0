package api

import (
	"context"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/message"
)

// Letters is what people are written to.
type Letters interface {
	// Of gives what became of the letters about a request, oldest first, or
	// request.ErrNotFound.
	Of(ctx context.Context, tenant, request string) ([]message.Posted, error)
	// Sends says whether there is a mail server that letters are handed to.
	Sends() bool
	// Preview writes a made-up letter with the templates that hold now.
	Preview(ctx context.Context, tenant string, kind message.Kind, language string) (message.Mail, error)
	// Trial sends a letter that is about nobody, at once, and logs that before
	// as an act of by. failed says why it was not sent; "" when a mail server
	// has accepted it. It does not name the address.
	Trial(ctx context.Context, tenant, to, language, by string) (failed string, err error)
}

// Letter is what became of a letter. It says neither to whom it goes nor what
// it says.
type Letter struct {
	ID       string     `json:"id" format:"uuid" doc:"Its Message-ID begins with it, in every attempt"`
	Kind     string     `json:"kind"`
	Language string     `json:"language" doc:"Empty for the default"`
	State    string     `json:"state" enum:"waiting,sending,sent,failed"`
	Attempts int        `json:"attempts"`
	Message  string     `json:"message,omitempty" doc:"Why it is not sent"`
	Doubtful bool       `json:"possibly_sent_twice" doc:"The outcome of an attempt is not known, and it was tried again, or is going to be"`
	Created  time.Time  `json:"created"`
	Next     *time.Time `json:"next,omitempty" doc:"When it is tried next; absent once it has ended"`
	Ended    *time.Time `json:"ended,omitempty" doc:"When it was sent or given up"`
}

type lettersOutput struct {
	Body LetterList
}

// LetterList is all letters about a request.
type LetterList struct {
	Items []Letter `json:"items" nullable:"false"`
}

func listLetters(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*lettersOutput, error) {
	all, err := a.config.Letters.Of(ctx, caller.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	list := LetterList{Items: []Letter{}}
	for i := range all {
		p := &all[i]
		l := Letter{
			ID: p.ID, Kind: string(p.Kind), Language: p.Language, State: string(p.State), Attempts: p.Attempts,
			Message: p.Reason, Doubtful: p.Doubtful, Created: p.Created,
		}
		if !p.Due.IsZero() {
			l.Next = &p.Due
		}
		if !p.Ended.IsZero() {
			l.Ended = &p.Ended
		}
		list.Items = append(list.Items, l)
	}
	return &lettersOutput{list}, nil
}

type previewInput struct {
	Body struct {
		Kind     string `json:"kind" enum:"receipt,code,approval,denial,extension,answer,completion,device_code,preferences,task,instructions,choices,reminder,trial"`
		Language string `json:"language,omitempty" maxLength:"35" doc:"BCP 47; the default where absent"`
	}
}

type previewOutput struct {
	Body LetterInWords
}

// LetterInWords is a letter as it would be sent, with made-up values.
type LetterInWords struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html,omitempty"`
}

func previewLetter(a *API, ctx context.Context, caller auth.Caller, in *previewInput) (*previewOutput, error) {
	m, err := a.config.Letters.Preview(ctx, caller.Tenant, message.Kind(in.Body.Kind), in.Body.Language)
	if err != nil {
		return nil, err
	}
	return &previewOutput{LetterInWords{m.Subject, m.Text, m.HTML}}, nil
}

type trialInput struct {
	Body struct {
		To       string `json:"to" format:"email" maxLength:"254" doc:"It is kept nowhere"`
		Language string `json:"language,omitempty" maxLength:"35" doc:"BCP 47; the default where absent"`
	}
}

type trialOutput struct {
	Body TrialResult
}

// TrialResult says whether a mail server has accepted a message.
type TrialResult struct {
	Sent    bool   `json:"sent"`
	Message string `json:"message,omitempty" doc:"Why it was not sent"`
}

func tryLetters(a *API, ctx context.Context, caller auth.Caller, in *trialInput) (*trialOutput, error) {
	failed, err := a.config.Letters.Trial(ctx, caller.Tenant, in.Body.To, in.Body.Language, caller.By())
	if err != nil {
		return nil, err
	}
	return &trialOutput{TrialResult{failed == "", failed}}, nil
}
