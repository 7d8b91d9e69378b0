package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/subject"
	hook "volenti.dev/volenti/webhook"
)

// preferenceChanged is the type of what is sent.
const preferenceChanged = "preference.changed"

// body is what an endpoint is told. It says who the person is, on purpose.
type body struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Subject    string                    `json:"subject"`
	Identities map[subject.Type][]string `json:"identities"`
	Purpose    string                    `json:"purpose"`
	Items      []string                  `json:"items"`
	Granted    bool                      `json:"granted"`
	Since      time.Time                 `json:"since"`
}

// Prefer implements connector.Preferrer, by a call for each.
func (e *endpoint) Prefer(ctx context.Context, all []connector.Preference) (done [][]connector.Call, err error) {
	for _, p := range all {
		c, err := e.tell(ctx, p)
		if err != nil {
			return nil, err
		}
		done = append(done, []connector.Call{c})
	}
	return done, nil
}

// tell makes one call.
func (e *endpoint) tell(ctx context.Context, p connector.Preference) (connector.Call, error) {
	call := connector.Call{Name: "POST " + preferenceChanged}
	denied := func(reason string) error {
		return &connector.Error{Kind: connector.Denied, Connection: e.key, Doing: "tell it what somebody wants", Reason: reason}
	}
	switch {
	case e.wrong != "":
		return call, denied(e.wrong)
	case e.client == nil:
		return call, denied("the server does not allow calls to private networks (--allow-private-webhooks)")
	}
	now := time.Now().UTC()
	text, err := json.Marshal(body{preferenceChanged, now.Truncate(time.Second), data{p.Subject, byType(p.Identities), p.Purpose, p.Items, p.Granted, p.Since.UTC()}})
	if err != nil {
		return call, &connector.Error{Kind: connector.Permanent, Connection: e.key, Doing: "write what somebody wants", Reason: "it is no JSON"}
	}
	poster := hook.Poster{Public: e.client, NotAllowed: func(err error) bool { return errors.Is(err, connector.ErrNotAllowed) }, Now: time.Now}
	a := poster.Send(ctx, hook.Message{ID: p.Key, URL: e.url, Type: "application/json", Body: text, Secrets: []hook.Secret{e.secret}})
	switch a.Outcome {
	case hook.Delivered:
		call.Outcome = connector.Arrived
	case hook.NotAllowed:
		return call, denied("its address is one that may not be called")
	case hook.Answered:
		call.Outcome, call.Reason, call.RetryAfter = judge(a.Status), fmt.Sprintf("it answered with status %d", a.Status), a.RetryAfter
		if a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden {
			return call, denied(call.Reason)
		}
	default:
		call.Outcome, call.Reason = connector.Lost, "it did not answer in time, or the connection broke"
		if !a.Reached {
			call.Outcome, call.Reason = connector.NotMade, "it cannot be reached"
		}
	}
	return call, nil
}

// judge reads the status of an answer that does not accept.
func judge(status int) connector.CallOutcome {
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return connector.Busy
	}
	return connector.Rejected
}

func byType(all []subject.Identity) map[subject.Type][]string {
	values := map[subject.Type][]string{}
	for _, i := range all {
		values[i.Type] = append(values[i.Type], i.Value.Reveal())
	}
	return values
}
