package http

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/subject"
)

// Prefer makes the opt_in or opt_out requests for each preference, those with
// <item> once for each item. Each is tried once: whoever asked keeps count.
func (c *Connector) Prefer(ctx context.Context, all []connector.Preference) ([][]connector.Call, error) {
	calls := make([][]connector.Call, len(all))
	for i, p := range all {
		var err error
		if calls[i], err = c.prefer(ctx, p); err != nil {
			return nil, err
		}
	}
	return calls, nil
}

func (c *Connector) prefer(ctx context.Context, p connector.Preference) ([]connector.Call, error) {
	requests, name := c.about.OptOut, "opt_out"
	if p.Granted {
		requests, name = c.about.OptIn, "opt_in"
	}
	if len(requests) == 0 {
		return nil, &connector.Error{Kind: connector.Permanent, Connection: c.key, Doing: "tell a choice", Reason: "the description has no " + name + " request"}
	}
	var calls []connector.Call
	stopped := ""
	for i := range requests {
		r := &requests[i]
		items := []string{""}
		if r.uses("item") {
			items = p.Items
		}
		for _, item := range items {
			made := connector.Call{Name: r.Method + " " + r.Path, Outcome: connector.NotMade, Reason: stopped}
			if item != "" {
				made.Name = item
			}
			if stopped == "" {
				var err error
				if made, err = c.tell(ctx, r, p, made, len(calls)); err != nil && len(calls) == 0 {
					return nil, err
				}
			}
			if made.Outcome == connector.Busy || made.Outcome == connector.Lost {
				stopped = "the call before it has not arrived"
			}
			calls = append(calls, made)
		}
	}
	return calls, nil
}

// tell makes one call. The error is about the connection, not about the
// preference; the call says the same.
func (c *Connector) tell(ctx context.Context, r *Request, p connector.Preference, made connector.Call, number int) (connector.Call, error) {
	v, reason := c.preference(r, p)
	if reason != "" {
		made.Outcome, made.Reason = connector.Unknown, reason
		return made, nil
	}
	if v["idempotency_key"] = p.Key; number > 0 {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d", p.Key, number))
		v["idempotency_key"] = hex.EncodeToString(sum[:])[:40]
	}
	if r.uses("item") {
		v["item"] = made.Name
	}
	k, err := c.build(r, "tell a choice", v)
	if err != nil {
		made.Outcome, made.Reason = connector.Rejected, err.Error()
		return made, nil
	}
	k.once = true
	return c.settle(ctx, k, made)
}

func (c *Connector) settle(ctx context.Context, k *call, made connector.Call) (connector.Call, error) {
	a, err := c.send(ctx, k)
	if err == nil {
		if a.good() {
			a.data, _ = parseJSON(a.body) // which need not be JSON
			if reason := k.mistaken(a); reason != "" {
				err = c.fail(k, connector.Permanent, reason, 0)
			}
		} else {
			_, err = c.accept(k, a) // ignore_errors
		}
		if err == nil {
			made.Outcome, made.Reason = connector.Arrived, ""
			return made, nil
		}
	}
	var failure *connector.Error
	if !errors.As(err, &failure) {
		return made, c.wrong(k.doing, err)
	}
	made.Reason, made.RetryAfter = failure.Reason, failure.RetryAfter
	var refusal *refusal
	switch {
	case errors.As(err, &refusal) && connector.Retryable(err):
		made.Outcome = connector.Busy
	case failure.Kind == connector.Unreachable, failure.Kind == connector.Denied:
		made.Outcome = connector.NotMade
		return made, err
	case connector.Retryable(err):
		made.Outcome = connector.Lost
	default:
		made.Outcome = connector.Rejected
	}
	return made, nil
}

// preference gives what the placeholders stand for; reason says what is
// missing.
func (c *Connector) preference(r *Request, p connector.Preference) (v values, reason string) {
	v = c.withValues(r, nil)
	v["purpose"], v["granted"], v["since"] = p.Purpose, p.Granted, p.Since.UTC().Format(time.RFC3339)
	for _, of := range r.Values {
		switch {
		case of.Identity != "":
			if found := identity(p.Identities, of.Identity); found != "" {
				v[of.Name] = found
			} else if needed(r, of) {
				return nil, "the vendor knows people by their " + of.Identity + ", which is not known of them"
			}
		case len(of.References) > 0:
			return nil, "the request refers to other data, which is not read for a choice"
		}
	}
	return v, ""
}

// prefersBy gives the types of identities without which a choice cannot be told.
func (d *Description) prefersBy() (types []string) {
	for _, all := range [][]Request{d.OptIn, d.OptOut} {
		for i := range all {
			for _, v := range all[i].Values {
				if v.Identity != "" && needed(&all[i], v) && !slices.Contains(types, v.Identity) {
					types = append(types, v.Identity)
				}
			}
		}
	}
	return types
}

func needed(r *Request, v Value) bool { return r.uses(v.Name) && !optional(r, v.Name) }

// optional says whether a request wants a value only where there is one: it
// stands in <a?> alone.
func optional(r *Request, name string) bool {
	if holds(r.Path, name, true) || holds(r.Body, name, false) {
		return false
	}
	for _, all := range [][]Pair{r.Query, r.Headers} {
		for _, p := range all {
			if holds(p.Value, name, false) {
				return false
			}
		}
	}
	return true
}

func identity(all []subject.Identity, wanted string) string {
	for _, id := range all {
		if string(id.Type) == wanted {
			return id.Value.Reveal()
		}
	}
	return ""
}
