package http

import (
	"context"
	"errors"
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
	if have := t.by[k.client]; t.good(k.client, have) {
		return have.Access, nil
	}
	got, err := t.renew(ctx, c, k.client, func(ctx context.Context, have connector.Token) (connector.Token, error) {
		if t.good(k.client, have) {
			return have, nil
		}
		got, err := c.fetch(ctx, k, have.Refresh)
		if got.Refresh == "" {
			got.Refresh = have.Refresh
		}
		return got, err
	})
	return got.Access, err
}

// renew keeps the token that fresh makes of the one that is kept, or was at hand where
// nothing was kept.
func (t *tokens) renew(ctx context.Context, c *Connector, client *Client, fresh func(ctx context.Context, have connector.Token) (connector.Token, error)) (connector.Token, error) {
	renew := func(ctx context.Context, have connector.Token) (connector.Token, error) {
		if have == (connector.Token{}) {
			have = t.by[client]
		}
		got, err := fresh(ctx, have)
		if err == nil {
			t.by[client] = got
		}
		return got, err
	}
	if c.options.Tokens == nil || client != &c.about.Client { // that of another client is not kept
		return renew(ctx, connector.Token{})
	}
	got, err := c.options.Tokens.Renew(ctx, c.key, renew)
	if err != nil && !errors.As(err, new(*connector.Error)) {
		err = &connector.Error{Kind: connector.Transient, Connection: c.key, Doing: "get a token", Reason: "it cannot be read from the store, or not be kept there"}
	}
	return got, err
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

// take keeps a token that is got in another way than by the one of before.
func (t *tokens) take(ctx context.Context, c *Connector, client *Client, got func(ctx context.Context) (connector.Token, error)) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	defer t.end()
	_, err := t.renew(ctx, c, client, func(ctx context.Context, _ connector.Token) (connector.Token, error) { return got(ctx) })
	return err
}
