package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/webhook"
)

// Webhooks is where events are sent. Each change is logged in its own commit,
// as an act of who made it.
type Webhooks interface {
	// Create makes an endpoint of its URL, types and kind, and the secret that
	// is shown once.
	Create(ctx context.Context, e webhook.Endpoint, by string) (webhook.Endpoint, webhook.Secret, error)
	// Edit replaces its URL, types, kind and description; see webhook.ErrPending.
	Edit(ctx context.Context, e webhook.Endpoint, p webhook.Pending, by string) error
	Get(ctx context.Context, tenant, id string) (webhook.Endpoint, error)
	List(ctx context.Context, tenant string) ([]webhook.Endpoint, error)
	Disable(ctx context.Context, tenant, id, by string) error
	Enable(ctx context.Context, tenant, id, by string) error
	// Rotate makes a further secret. The earlier one signs until a time, too.
	Rotate(ctx context.Context, tenant, id, by string) (s webhook.Secret, until time.Time, err error)
	Replay(ctx context.Context, tenant, id string, from int64, by string) error
	// Test sends an event of the type webhook.test, once.
	Test(ctx context.Context, tenant, id, by string) (webhook.Attempt, error)
	// Deliveries gives up to limit lines of the log before a number, newest
	// first; 0 begins with the newest.
	Deliveries(ctx context.Context, tenant, id string, before int64, limit int) ([]webhook.Attempt, error)
}

// Webhook is an endpoint, without its secrets.
type Webhook struct {
	ID           string         `json:"id" format:"uuid"`
	URL          string         `json:"url"`
	Description  string         `json:"description,omitempty" doc:"What it is for"`
	Types        []webhook.Type `json:"types" nullable:"false" doc:"Empty for all"`
	CloudEvents  bool           `json:"cloudevents"`
	AllowPrivate bool           `json:"allow_private"`
	Enabled      bool           `json:"enabled"`
	Reason       string         `json:"reason,omitempty" doc:"Why it is not enabled" enum:"asked,gone,failing"`
	Cursor       int64          `json:"cursor" doc:"Up to this sequence all is delivered, given up, or waiting"`
	Waiting      int64          `json:"waiting" doc:"Events that wait to be sent again, or behind one of these"`
	Succeeded    *time.Time     `json:"succeeded,omitempty" doc:"When something was last delivered"`
	Created      time.Time      `json:"created"`
}

func shownWebhook(e webhook.Endpoint) Webhook {
	w := Webhook{
		ID: e.ID, URL: e.URL, Description: e.Description, Types: append([]webhook.Type{}, e.Types...), CloudEvents: e.Cloud, AllowPrivate: e.Private,
		Enabled: e.Enabled, Reason: string(e.Reason), Cursor: e.Cursor, Waiting: e.Waiting, Created: e.Created,
	}
	if !e.Succeeded.IsZero() {
		w.Succeeded = &e.Succeeded
	}
	return w
}

type webhookInput struct {
	ID string `path:"id" format:"uuid"`
}

type webhookOutput struct {
	Body Webhook
}

// WebhookSettings is what is said of an endpoint.
type WebhookSettings struct {
	URL          string   `json:"url" minLength:"1" maxLength:"2048" doc:"Begins with https://"`
	Description  string   `json:"description,omitempty" maxLength:"200" doc:"What it is for"`
	Types        []string `json:"types,omitempty" maxItems:"20" doc:"All unless told"`
	CloudEvents  bool     `json:"cloudevents,omitempty" doc:"Send CloudEvents 1.0 in structured mode"`
	AllowPrivate bool     `json:"allow_private,omitempty" doc:"It is in a private network, and may be without TLS. The server must have been started to allow it"`
}

// endpoint reads it.
func (s WebhookSettings) endpoint(tenant, id string) (webhook.Endpoint, error) {
	types, err := parseTypes("body.types", s.Types)
	return webhook.Endpoint{
		Tenant: tenant, ID: id, URL: s.URL, Description: s.Description, Types: types, Cloud: s.CloudEvents, Private: s.AllowPrivate,
	}, err
}

type createWebhookInput struct {
	Body WebhookSettings
}

type createWebhookOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     WebhookWithSecret
}

// WebhookWithSecret is an endpoint when it was just made.
type WebhookWithSecret struct {
	Webhook
	Secret string `json:"secret" doc:"What verifies the signatures. It is shown only now"`
}

const exampleWebhook = `{"url":"https://crm.example.org/hooks/consent","types":["consent.granted","consent.withdrawn"]}`

func createWebhook(a *API, ctx context.Context, caller auth.Caller, in *createWebhookInput) (*createWebhookOutput, error) {
	e, err := in.Body.endpoint(caller.Tenant, "")
	if err != nil {
		return nil, err
	}
	e, secret, err := a.config.Webhooks.Create(ctx, e, caller.By())
	if err != nil {
		return nil, err
	}
	return &createWebhookOutput{
		Status: http.StatusCreated, Location: "/api/v1/webhooks/" + e.ID,
		Body: WebhookWithSecret{shownWebhook(e), secret.Reveal()},
	}, nil
}

type editWebhookInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		WebhookSettings
		Pending string `json:"pending,omitempty" enum:"send,skip" doc:"Needed where the URL becomes another one: whether events that the earlier one has not taken are sent to the new one"`
	}
}

const exampleEditWebhook = `{"url":"https://crm.example.org/hooks/choices","description":"Customer relations","types":["consent.withdrawn"],"pending":"send"}`

func editWebhook(a *API, ctx context.Context, caller auth.Caller, in *editWebhookInput) (*webhookOutput, error) {
	e, err := in.Body.endpoint(caller.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	if err := a.config.Webhooks.Edit(ctx, e, webhook.Pending(in.Body.Pending), caller.By()); err != nil {
		return nil, err
	}
	return showWebhook(a, ctx, caller, &webhookInput{in.ID})
}

type listWebhooksOutput struct {
	Body WebhookList
}

// WebhookList is all endpoints.
type WebhookList struct {
	Items []Webhook `json:"items" nullable:"false"`
}

func listWebhooks(a *API, ctx context.Context, caller auth.Caller, _ *struct{}) (*listWebhooksOutput, error) {
	all, err := a.config.Webhooks.List(ctx, caller.Tenant)
	if err != nil {
		return nil, err
	}
	list := WebhookList{Items: []Webhook{}}
	for _, e := range all {
		list.Items = append(list.Items, shownWebhook(e))
	}
	return &listWebhooksOutput{list}, nil
}

func showWebhook(a *API, ctx context.Context, caller auth.Caller, in *webhookInput) (*webhookOutput, error) {
	e, err := a.config.Webhooks.Get(ctx, caller.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	return &webhookOutput{shownWebhook(e)}, nil
}

func disableWebhook(a *API, ctx context.Context, caller auth.Caller, in *webhookInput) (*webhookOutput, error) {
	if err := a.config.Webhooks.Disable(ctx, caller.Tenant, in.ID, caller.By()); err != nil {
		return nil, err
	}
	return showWebhook(a, ctx, caller, in)
}

func enableWebhook(a *API, ctx context.Context, caller auth.Caller, in *webhookInput) (*webhookOutput, error) {
	if err := a.config.Webhooks.Enable(ctx, caller.Tenant, in.ID, caller.By()); err != nil {
		return nil, err
	}
	return showWebhook(a, ctx, caller, in)
}

type rotateOutput struct {
	Body RotatedSecret
}

// RotatedSecret is the secret that signs from now on.
type RotatedSecret struct {
	Secret string    `json:"secret" doc:"What verifies the signatures. It is shown only now"`
	Until  time.Time `json:"earlier_until" doc:"Until then the earlier secret signs as well"`
}

func rotateWebhook(a *API, ctx context.Context, caller auth.Caller, in *webhookInput) (*rotateOutput, error) {
	secret, until, err := a.config.Webhooks.Rotate(ctx, caller.Tenant, in.ID, caller.By())
	if err != nil {
		return nil, err
	}
	return &rotateOutput{RotatedSecret{secret.Reveal(), until}}, nil
}

type replayInput struct {
	ID   string `path:"id" format:"uuid"`
	Body struct {
		From int64 `json:"from" minimum:"0" doc:"The sequence to begin with"`
	}
}

func replayWebhook(a *API, ctx context.Context, caller auth.Caller, in *replayInput) (*webhookOutput, error) {
	if err := a.config.Webhooks.Replay(ctx, caller.Tenant, in.ID, in.Body.From, caller.By()); err != nil {
		return nil, err
	}
	return showWebhook(a, ctx, caller, &webhookInput{in.ID})
}

// Delivery is an attempt to deliver an event.
type Delivery struct {
	Number   int64        `json:"number" doc:"Of the attempt at this endpoint"`
	At       time.Time    `json:"at"`
	Event    string       `json:"event" doc:"Its id"`
	Type     webhook.Type `json:"type"`
	Sequence int64        `json:"sequence"`
	Try      int          `json:"try" doc:"How often it was tried: 1 for the first time"`
	Status   int          `json:"status,omitempty" doc:"HTTP; absent when there was no answer"`
	Outcome  string       `json:"outcome" enum:"delivered,answered,timed_out,unreachable,not_allowed"`
	Millis   int64        `json:"took_ms"`
	Next     *time.Time   `json:"next,omitempty" doc:"When it is tried again"`
}

func shownDelivery(a webhook.Attempt) Delivery {
	d := Delivery{
		Number: a.Number, At: a.At, Event: a.Event, Type: a.Type, Sequence: a.Sequence, Try: a.Try,
		Status: a.Status, Outcome: string(a.Outcome), Millis: a.Took.Milliseconds(),
	}
	if !a.Next.IsZero() {
		d.Next = &a.Next
	}
	return d
}

type testOutput struct {
	Body Delivery
}

func testWebhook(a *API, ctx context.Context, caller auth.Caller, in *webhookInput) (*testOutput, error) {
	attempt, err := a.config.Webhooks.Test(ctx, caller.Tenant, in.ID, caller.By())
	if err != nil {
		return nil, err
	}
	return &testOutput{shownDelivery(attempt)}, nil
}

type deliveriesInput struct {
	ID     string `path:"id" format:"uuid"`
	Before int64  `query:"before" minimum:"0" doc:"The next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at once"`
}

type deliveriesOutput struct {
	Body DeliveryPage
}

// DeliveryPage is a page of attempts.
type DeliveryPage struct {
	Items []Delivery `json:"items" nullable:"false"`
	Next  int64      `json:"next,omitempty" doc:"Hand it over as before, for the next page; absent on the last"`
}

func listDeliveries(a *API, ctx context.Context, caller auth.Caller, in *deliveriesInput) (*deliveriesOutput, error) {
	found, err := a.config.Webhooks.Deliveries(ctx, caller.Tenant, in.ID, in.Before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	page := DeliveryPage{Items: []Delivery{}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		page.Next = found[len(found)-1].Number
	}
	for _, attempt := range found {
		page.Items = append(page.Items, shownDelivery(attempt))
	}
	return &deliveriesOutput{page}, nil
}

// ofWebhook maps what the webhooks refuse; nil for other errors.
func ofWebhook(err error) *Problem {
	var p *Problem
	switch {
	case errors.Is(err, webhook.ErrNotFound):
		p = notFound()
	case errors.Is(err, webhook.ErrURL):
		p = invalid("body.url", err.Error())
	case errors.Is(err, webhook.ErrPrivate):
		p = invalid("body.allow_private", err.Error())
	case errors.Is(err, webhook.ErrPending):
		p = invalid("body.pending", webhook.ErrPending.Error())
	case errors.Is(err, webhook.ErrAhead):
		p = invalid("body.from", "this has not been sent yet: begin with the webhook's cursor or before")
	case errors.Is(err, webhook.ErrExists):
		p = &Problem{Status: http.StatusConflict, Detail: "There is a webhook with this URL. Enable it, or rotate its secret if you do not have it."}
	case errors.Is(err, webhook.ErrTooMany):
		p = &Problem{Status: http.StatusConflict, Detail: fmt.Sprintf("There are %d webhooks enabled already. Disable one.", webhook.MaxEndpoints)}
	default:
		return nil
	}
	p.Title = http.StatusText(p.Status)
	return p
}
