package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// Messages is what people and operators write to each other about requests. Every
// message commits together with its audit entry, which has nothing of its text.
type Messages interface {
	// Exchanged gives threads without their texts, by request; those without a
	// message are left out.
	Exchanged(ctx context.Context, tenant string, ids ...string) (map[string]request.Thread, error)
	// Read gives the thread of a request with its texts, or request.ErrNotFound.
	Read(ctx context.Context, tenant, id string) (request.Thread, error)
	// Answer writes to the person. told says whether a letter tells them so, which
	// has nothing of the text. It fails with request.ErrThreadClosed,
	// request.ErrThreadFull, and with consent.ErrConflict where another message was
	// sent under the same key.
	Answer(ctx context.Context, caller auth.Caller, id string, n Note) (m request.Message, told bool, err error)
	// Settle says that the person's messages up to one need no answer.
	Settle(ctx context.Context, caller auth.Caller, id string, upTo int64) error

	// Follow gives the thread to who shows the token of a link to follow a
	// request; auth.ErrRefused when it is none.
	Follow(ctx context.Context, token string) (Conversation, error)
	// Ask writes as the person, or whoever they gave their link to. It fails as
	// Follow and Answer do.
	Ask(ctx context.Context, token string, n Note) (Conversation, error)
	// See says that the person has read what was written up to a message.
	See(ctx context.Context, token string, upTo int64) (Conversation, error)
}

// Note is a message that is being sent.
type Note struct {
	Text subject.Personal[string]
	Once string // digest of the key that it is sent under
	Read int64  // the last message of the thread that its writer has read; 0 for all
}

// Conversation is a thread as its person sees it.
type Conversation struct {
	request.Thread
	// Open: a message can be written now. Where it cannot, Full says that it can
	// once those that wait are answered.
	Open, Full bool
	// Told: a letter says when there is an answer.
	Told bool
}

// Exchanged counts the messages of a request, and says when they were written.
type Exchanged struct {
	Messages   int        `json:"messages"`
	OfPerson   int        `json:"of_person" doc:"As many of them are the person's"`
	Unanswered int        `json:"unanswered" doc:"As many of these wait for an answer"`
	First      time.Time  `json:"first" doc:"When the first was written"`
	Last       time.Time  `json:"last"`
	Destroyed  *time.Time `json:"destroyed,omitempty" doc:"When their texts were destroyed"`
}

func exchanged(t request.Thread) *Exchanged {
	if len(t.Messages) == 0 {
		return nil
	}
	return &Exchanged{len(t.Messages), t.Of(request.FromPerson), t.Unanswered(), t.Messages[0].At, t.Last(), moment(t.Destroyed)}
}

// exchange adds to requests what was exchanged about them.
func (a *API) exchange(ctx context.Context, tenant string, shown ...*Request) error {
	ids := make([]string, len(shown))
	for i, r := range shown {
		ids[i] = r.ID
	}
	threads, err := a.config.Messages.Exchanged(ctx, tenant, ids...)
	for _, r := range shown {
		r.Exchanged = exchanged(threads[r.ID])
	}
	return err
}

// Message is a message of a thread.
type Message struct {
	Number int64     `json:"number" doc:"From 1, in the order of the thread"`
	From   string    `json:"from" enum:"person,company"`
	At     time.Time `json:"at"`
	Text   string    `json:"text" doc:"Plain text. Empty once it is destroyed"`
	New    bool      `json:"new" doc:"Of the person's: it waits for an answer. Of the company's: the person does not say to have read it"`
}

// MessageList is a thread.
type MessageList struct {
	Items     []Message  `json:"items" nullable:"false"`
	Destroyed *time.Time `json:"destroyed,omitempty" doc:"When the texts were destroyed"`
}

func messagesOf(t request.Thread) MessageList {
	list := MessageList{Items: []Message{}, Destroyed: moment(t.Destroyed)}
	for _, m := range t.Messages {
		is := m.N > t.Seen
		if m.From == request.FromPerson {
			is = m.N > t.Settled && t.Destroyed.IsZero()
		}
		list.Items = append(list.Items, Message{m.N, string(m.From), m.At, m.Text.Reveal(), is})
	}
	return list
}

type messagesOutput struct {
	Body MessageList
}

func listMessages(a *API, ctx context.Context, caller auth.Caller, in *showInput) (*messagesOutput, error) {
	thread, err := a.config.Messages.Read(ctx, caller.Tenant, in.ID)
	return &messagesOutput{messagesOf(thread)}, err
}

// MessageText is a message that is being sent.
type MessageText struct {
	Text string `json:"text" minLength:"1" maxLength:"20000" doc:"Plain text of no more than 4000 characters"`
	Read int64  `json:"read,omitempty" minimum:"1" doc:"Number of the last message that was read: those of the other side behind it stay new. All that there are where absent"`
}

func (m MessageText) note(once string) (Note, error) {
	text, err := request.ParseText(m.Text)
	if err != nil {
		return Note{}, invalid("body.text", err.Error())
	}
	return Note{text, once, m.Read}, nil
}

type answerMessageInput struct {
	ID   string `path:"id" format:"uuid"`
	Body MessageText
}

type sentOutput struct {
	Status int
	Body   MessageSent
}

// MessageSent is a message that was sent to a person.
type MessageSent struct {
	Number int64     `json:"number"`
	At     time.Time `json:"at"`
	Told   bool      `json:"told" doc:"A letter tells the person that there is a message. Where no address is known, they see it only when they look"`
}

func answerMessages(a *API, ctx context.Context, caller auth.Caller, in *answerMessageInput) (*sentOutput, error) {
	n, err := in.Body.note(idempotency(ctx))
	if err != nil {
		return nil, err
	}
	m, told, err := a.config.Messages.Answer(ctx, caller, in.ID, n)
	return &sentOutput{http.StatusCreated, MessageSent{m.N, m.At, told}}, err
}

type settleMessagesInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		Number int64 `json:"number" minimum:"1" doc:"The last message that needs no answer"`
	}
}

func settleMessages(a *API, ctx context.Context, caller auth.Caller, in *settleMessagesInput) (*requestOutput, error) {
	return a.decided(ctx, caller, in.ID, a.config.Messages.Settle(ctx, caller, in.ID, in.Body.Number))
}

type conversationOutput struct {
	Body ConversationShown
}

// ConversationShown is a thread as its person sees it.
type ConversationShown struct {
	MessageList
	Open bool `json:"open" doc:"A message can be written now"`
	Full bool `json:"full" doc:"None can until those that wait are answered"`
	Told bool `json:"told" doc:"A letter says when there is an answer"`
}

func (c Conversation) shown() *conversationOutput {
	return &conversationOutput{ConversationShown{messagesOf(c.Thread), c.Open, c.Full, c.Told}}
}

func followMessages(a *API, ctx context.Context, _ auth.Caller, in *tokenInput) (*conversationOutput, error) {
	c, err := a.config.Messages.Follow(ctx, in.Body.Token)
	return c.shown(), ofLink(err)
}

type writeMessageInput struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"What stands behind the last slash of the link"`
		Once  string `json:"once" minLength:"8" maxLength:"200" doc:"A random text, new for each message: one that is sent again under the same is not written again"`
		MessageText
	}
}

func writeMessage(a *API, ctx context.Context, _ auth.Caller, in *writeMessageInput) (*conversationOutput, error) {
	sum := sha256.Sum256([]byte("person\n" + in.Body.Once))
	n, err := in.Body.note(hex.EncodeToString(sum[:]))
	if err != nil {
		return nil, err
	}
	c, err := a.config.Messages.Ask(ctx, in.Body.Token, n)
	return c.shown(), ofLink(err)
}

type seeMessagesInput struct {
	Body struct {
		Token  string `json:"token" minLength:"1" maxLength:"200" doc:"What stands behind the last slash of the link"`
		Number int64  `json:"number" minimum:"1" doc:"The last message that was read"`
	}
}

func seeMessages(a *API, ctx context.Context, _ auth.Caller, in *seeMessagesInput) (*conversationOutput, error) {
	c, err := a.config.Messages.See(ctx, in.Body.Token, in.Body.Number)
	return c.shown(), ofLink(err)
}

// ofMessages tells why a message is not taken.
func ofMessages(err error) *Problem {
	var detail string
	switch {
	case errors.Is(err, request.ErrThreadClosed):
		detail = "No messages are taken about this request: it is not known yet who asks, or it ended too long ago."
	case errors.Is(err, request.ErrThreadFull):
		detail = "There are as many messages as can wait for an answer, or as there may be. Wait until these are answered."
	default:
		return nil
	}
	return &Problem{Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict, Detail: detail}
}
