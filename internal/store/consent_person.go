package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/internal/seal"
	"volenti.dev/volenti/subject"
)

// KnownBy opens what a subject is known by, by type and in the order in which it was
// learnt; consent.ErrNotFound and consent.ErrErased as of Alive.
func (c *Consents) KnownBy(ctx context.Context, tenant string, id consent.SubjectID) (all []subject.Identity, err error) {
	key, err := c.subjectKey(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	who := &someone{}
	of := people{id: who}
	if err := c.db.engine.each(ctx, func(s scanner) error { return of.scanIdentity(s, tenant) }, knownAs, tenant, []string{id.String()}); err != nil {
		return nil, fmt.Errorf("read what a subject is known by: %w", err)
	}
	var types []subject.Type
	for _, k := range who.known {
		if !slices.Contains(types, k.kind) {
			types = append(types, k.kind)
		}
	}
	slices.SortFunc(types, func(a, b subject.Type) int { return strings.Compare(string(a), string(b)) })
	o, err := who.as(key, types)
	if err != nil {
		return nil, fmt.Errorf("open what a subject is known by: %w", err)
	}
	return o.identities, nil
}

// Trace opens from where a choice came; the zero one where nothing is kept of it, or
// nothing any more. It fails when that is not what the record commits to.
func (c *Consents) Trace(ctx context.Context, tenant string, r consent.Record) (trace consent.Trace, err error) {
	if r.Trace == "" {
		return trace, nil
	}
	var sealed []byte
	err = c.db.engine.row(ctx, `SELECT sealed FROM consent_traces WHERE tenant = $1 AND seq = $2`, tenant, r.Sequence).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return trace, nil
	}
	if err != nil {
		return trace, fmt.Errorf("read from where a choice came: %w", err)
	}
	key, err := c.subjectKey(ctx, tenant, r.Subject)
	if errors.Is(err, consent.ErrNotFound) { // erased since
		return trace, nil
	}
	if err != nil {
		return trace, err
	}
	plain, err := key.Open(sealed, traceOf(tenant, r.Sequence))
	if err == nil && len(plain) < audit.SaltSize {
		err = errors.New("it is too short")
	}
	if sum := sha256.Sum256(plain); err == nil && hex.EncodeToString(sum[:]) != r.Trace {
		err = errors.New("it is not what the record commits to")
	}
	if err == nil {
		err = json.Unmarshal(plain[audit.SaltSize:], &trace)
	}
	if err != nil {
		return trace, fmt.Errorf("open from where a choice came: %w", err)
	}
	return trace, nil
}

// subjectKey gives the key of a subject.
func (c *Consents) subjectKey(ctx context.Context, tenant string, id consent.SubjectID) (*seal.Key, error) {
	if err := c.Alive(ctx, tenant, id); err != nil {
		return nil, err
	}
	keys, err := c.db.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var wrapped []byte
	err = c.db.engine.row(ctx, `SELECT wrapped FROM keys WHERE tenant = $1 AND owner = $2`, tenant, keyOf(id)).Scan(&wrapped)
	if errors.Is(err, sql.ErrNoRows) { // erased just now
		return nil, consent.ErrErased
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of a subject: %w", err)
	}
	return c.db.consents.keyring.open(keys, keyName{tenant, id}, wrapped)
}
