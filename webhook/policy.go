package webhook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"volenti.dev/volenti/subject"
)

// PolicyCall is a call to a webhook of a policy. It tells who the person is, on
// purpose: it goes only where that is allowed.
type PolicyCall struct {
	ID      string // webhook-id: the same whenever this webhook is called for this request
	URL     string
	Secret  Secret
	Private bool // may be in a private network, and without TLS
	// Token lets the webhook resume the request, once; "" where it cannot.
	Token   string
	ReplyTo string // the path of the call that resumes
	// Answers: what it says counts, and it is two_way.
	Answers bool
	Body    PolicyBody
}

// PolicyBody is what a webhook of a policy is told.
type PolicyBody struct {
	Request   string      `json:"privacy_request_id"`
	Status    string      `json:"privacy_request_status"`
	Direction string      `json:"direction"`     // one_way, two_way
	Callback  string      `json:"callback_type"` // pre, post
	Identity  IdentityMap `json:"identity"`
	Action    string      `json:"policy_action"` // access, erasure, consent
	Timestamp time.Time   `json:"timestamp"`
}

// PolicyAnswer is what a two_way webhook says.
type PolicyAnswer struct {
	Derived IdentityMap `json:"derived_identity"`
	Halt    bool        `json:"halt"`
}

// The limits of what a webhook answers, and of what resumes a request.
const (
	MaxPolicyAnswer = 64 << 10 // bytes
	maxIdentities   = 20
	// longestPause is how long a webhook can make a request wait that is under
	// way.
	longestPause = time.Minute
)

// CallError says why a webhook of a policy did not answer as it must. Its text
// holds nothing of the answer.
type CallError struct {
	Reason     string
	Refused    bool          // the address is not one that may be called
	Transient  bool          // it may go through when tried again
	RetryAfter time.Duration // that the webhook asks for; 0 when it did not say
}

func (e *CallError) Error() string { return e.Reason }

// Call makes one call to a webhook of a policy. Whatever goes wrong is a
// *CallError.
func (p *Poster) Call(ctx context.Context, c PolicyCall) (PolicyAnswer, error) {
	client := p.Public
	if c.Private {
		client = p.Private
	}
	if client == nil {
		return PolicyAnswer{}, &CallError{Refused: true, Reason: "the server does not allow webhooks in private networks (--allow-private-webhooks)"}
	}
	body, err := json.Marshal(c.Body)
	if err != nil {
		return PolicyAnswer{}, &CallError{Reason: "the call cannot be written"}
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(p.Timeout, callTime))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return PolicyAnswer{}, &CallError{Refused: true, Reason: "its URL cannot be called"}
	}
	mark(r, c.ID, p.Now(), []Secret{c.Secret}, body)
	if c.Token != "" {
		r.Header.Set("Reply-To", c.ReplyTo)
		r.Header.Set("Reply-To-Token", c.Token)
	}
	got, err := client.Do(r)
	if err != nil {
		return PolicyAnswer{}, p.uncalled(err)
	}
	defer func() { _ = got.Body.Close() }()
	if err := accepted(got, p.Now()); err != nil || !c.Answers {
		return PolicyAnswer{}, err
	}
	text, err := io.ReadAll(io.LimitReader(got.Body, MaxPolicyAnswer+1))
	switch {
	case err != nil:
		return PolicyAnswer{}, p.uncalled(err)
	case len(text) > MaxPolicyAnswer:
		return PolicyAnswer{}, &CallError{Reason: fmt.Sprintf("it answered with more than %d bytes", MaxPolicyAnswer)}
	}
	return parsePolicyAnswer(text)
}

// accepted reads the status of an answer.
func accepted(got *http.Response, now time.Time) error {
	switch s := got.StatusCode; {
	case s >= 200 && s <= 299:
		return nil
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusTooManyRequests, s >= 500:
		return &CallError{Reason: fmt.Sprintf("it answered with status %d", s), Transient: true, RetryAfter: min(retryAfter(got.Header, now), longestPause)}
	default:
		return &CallError{Reason: fmt.Sprintf("it answered with status %d", s)}
	}
}

// uncalled says in words of ours why there is no answer: those of the client
// would quote the URL.
func (p *Poster) uncalled(err error) error {
	switch p.failure(err) {
	case NotAllowed:
		return &CallError{Refused: true, Reason: "its address is one that may not be called"}
	case TimedOut:
		return &CallError{Transient: true, Reason: "it did not answer in time"}
	}
	return &CallError{Transient: true, Reason: "it cannot be reached, or the connection broke"}
}

// parsePolicyAnswer reads what a two_way webhook said; an empty answer says
// nothing.
func parsePolicyAnswer(text []byte) (a PolicyAnswer, err error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return a, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil || d.More() {
		return PolicyAnswer{}, &CallError{Reason: `its answer is not {"derived_identity": {TYPE: VALUE}, "halt": true or false}`}
	}
	return a, nil
}

// IdentityMap has the values of identities by type. A type with one value has
// it as text, one with several as a list.
type IdentityMap map[subject.Type][]string

// NewIdentityMap shows identities in their normal form.
func NewIdentityMap(all []subject.Identity) IdentityMap {
	m := IdentityMap{}
	for _, i := range all {
		m[i.Type] = append(m[i.Type], i.Value.Reveal())
	}
	return m
}

// MarshalJSON implements json.Marshaler.
func (m IdentityMap) MarshalJSON() ([]byte, error) {
	wire := map[subject.Type]any{}
	for t, values := range m {
		wire[t] = values
		if len(values) == 1 {
			wire[t] = values[0]
		}
	}
	return json.Marshal(wire)
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *IdentityMap) UnmarshalJSON(text []byte) error {
	var wire map[string]any
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	var err error
	*m, err = ParseIdentityMap(wire)
	return err
}

// ParseIdentityMap reads values by type: each is a text, or a list of texts.
func ParseIdentityMap(wire map[string]any) (IdentityMap, error) {
	m := IdentityMap{}
	for t, value := range wire {
		values, isList := value.([]any)
		if !isList {
			values = []any{value}
		}
		for _, v := range values {
			text, isText := v.(string)
			if !isText {
				return nil, errors.New("a value must be a text, or a list of texts")
			}
			m[subject.Type(t)] = append(m[subject.Type(t)], text)
		}
	}
	return m, nil
}

// Identities brings the values into their normal form. The error repeats none.
func (m IdentityMap) Identities() ([]subject.Identity, error) {
	var all []subject.Identity
	for _, t := range slices.Sorted(maps.Keys(m)) {
		for _, v := range m[t] {
			i, err := subject.New(t, v)
			if err != nil {
				return nil, err
			}
			all = append(all, i)
		}
	}
	if len(all) > maxIdentities {
		return nil, fmt.Errorf("there are more than %d identities", maxIdentities)
	}
	return subject.Together(all), nil
}
