package http

import (
	"context"
	"time"

	"volenti.dev/volenti/connector"
)

// early is how long before its end a token is renewed.
const early = time.Minute

// tokens holds the token of each client, and has one caller at a time renew it
// while the others wait.
type tokens struct {
	turn    chan struct{} // held by who looks at the rest, and asks for a token
	by      map[*Client]connector.Token
	refused map[*Client]string // the access token that the vendor took no more
}

func newTokens() *tokens {
	return &tokens{turn: make(chan struct{}, 1), by: map[*Client]connector.Token{}, refused: map[*Client]string{}}
}

func (t *tokens) begin(ctx context.Context) error {
	select {
	case t.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *tokens) end() { <-t.turn }

// get gives a token that is good for a while: the one at hand, the one that
// another process has kept meanwhile, or a new one.
func (t *tokens) get(ctx context.Context, c *Connector, k *call) (string, error) {
	if t.begin(ctx) != nil {
		return "", c.fail(k, connector.Transient, "the time for it ended while it waited for a token", 0)
	}
	defer t.end()
	have := t.by[k.client]
	if keeper := c.options.Tokens; keeper != nil && !t.good(k.client, have) {
		kept, err := keeper.Token(ctx, c.key)
		if err != nil {
			return "", c.fail(k, connector.Transient, "its token cannot be read from the store", 0)
		}
		if kept != (connector.Token{}) {
			have = kept
		}
	}
	if t.good(k.client, have) {
		t.by[k.client] = have
		return have.Access, nil
	}
	got, err := c.fetch(ctx, k, have.Refresh)
	if err != nil {
		return "", err
	}
	if got.Refresh == "" {
		got.Refresh = have.Refresh
	}
	if err := t.store(ctx, c, k.client, got); err != nil {
		return "", err
	}
	return got.Access, nil
}

func (t *tokens) good(client *Client, have connector.Token) bool {
	return have.Access != "" && have.Access != t.refused[client] && (have.Expires.IsZero() || time.Until(have.Expires) > early)
}

// drop remembers that a token was refused.
func (t *tokens) drop(ctx context.Context, client *Client, access string) {
	if t.begin(ctx) == nil {
		t.refused[client] = access
		t.end()
	}
}

func (t *tokens) keep(ctx context.Context, c *Connector, client *Client, got connector.Token) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	defer t.end()
	return t.store(ctx, c, client, got)
}

func (t *tokens) store(ctx context.Context, c *Connector, client *Client, got connector.Token) error {
	t.by[client] = got
	if c.options.Tokens == nil {
		return nil
	}
	if err := c.options.Tokens.KeepToken(ctx, c.key, got); err != nil {
		return &connector.Error{Kind: connector.Transient, Connection: c.key, Doing: "get a token", Reason: "it cannot be kept in the store"}
	}
	return nil
}
