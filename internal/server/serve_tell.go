package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// tell makes a letter to the person who asks, with what every letter about a
// request says, and the pass of the link in it. There is none where no address
// is known: only one that is vouched for or proven is written to.
func (d *frontDesk) tell(ctx context.Context, r request.Request, kind message.Kind, values message.Values) (told request.Told, err error) {
	to, ok, err := d.addressOf(ctx, r)
	if err != nil || !ok {
		return told, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return told, err
	}
	pass, token, err := auth.NewPass(r.Tenant, auth.FollowRequest, "request/"+r.ID, auth.AnyUses, d.now().Add(followTime), rand.Reader)
	if err != nil {
		return told, err
	}
	values["reference"], values["policy"] = r.ID, d.nameOf(ctx, r)
	values["url"] = d.publicURL + "/requests/" + token
	letter := message.Letter{ID: id.String(), Request: r.ID, Kind: kind, Language: r.Language, To: to, Values: values}
	return request.Told{Letters: []message.Letter{letter}, Passes: []auth.Pass{pass}}, nil
}

// nameOf gives the name of a request's policy as people read it; its key where
// the configuration does not say.
func (d *frontDesk) nameOf(ctx context.Context, r request.Request) string {
	e, release, err := d.latest.Use(ctx, r.Tenant)
	if err != nil {
		return r.Policy
	}
	defer release()
	for _, p := range e.config.Policies {
		if p.Key == r.Policy && p.Name != "" {
			return p.Name
		}
	}
	return r.Policy
}

// addressOf gives where to write to the person.
func (d *frontDesk) addressOf(ctx context.Context, r request.Request) (to subject.Personal[string], ok bool, err error) {
	known, err := identitiesOf(ctx, d.house.Store, r.Tenant, r.ID, request.Proven, request.Vouched)
	if err != nil {
		return to, false, err
	}
	at := slices.IndexFunc(known, func(i subject.Identity) bool { return i.Type == subject.Email })
	if at < 0 {
		return to, false, nil
	}
	return known[at].Value, true, nil
}

// identitiesOf opens the identities of a request that came in one of these ways, in
// the order of the ways. A request that has ended has none.
func identitiesOf(ctx context.Context, db *store.DB, tenant, id string, from ...request.Origin) ([]subject.Identity, error) {
	key, err := db.Keys().RequestKey(ctx, tenant, id)
	if errors.Is(err, request.ErrDestroyed) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the request's key: %w", err)
	}
	sealed, err := db.Requests().Identities(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	var all []subject.Identity
	for _, origin := range from {
		for _, s := range sealed {
			if s.Origin != origin || s.Sealed == nil { // it has ended meanwhile
				continue
			}
			i, err := s.Unseal(key, tenant, id)
			if err != nil {
				return nil, err
			}
			all = append(all, i)
		}
	}
	return all, nil
}
