package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/subject"
)

// Downloads says how packages are handed out. The zero value of a field means
// its default.
type Downloads struct {
	Times int // how often a link can be used; 3
	Days  int // how long a link can be used; 7
	// Keep is how many days after the end of a request its package is destroyed;
	// 30. It is not less than Days.
	Keep int
}

func (d Downloads) keeps() time.Duration { return time.Duration(cmp.Or(d.Keep, 30)) * 24 * time.Hour }

// handing brings packages and answers from the house to the people who asked.
type handing struct {
	db       *store.DB
	latest   *Latest
	packages packages
	writing  request.Correspondence // without a URL nothing is written
	keeps    time.Duration          // packages, after their request has ended
}

func (h *handing) shelf(tenant, id string) shelf {
	return shelf{packages: h.packages, tenant: tenant, id: id}
}

// handover gives where the answer to a request goes, and how it is closed.
// What is gone with the request's key is none.
func (h *handing) handover(ctx context.Context, tenant, id string) (request.Address, request.Handover, error) {
	none := request.Handover{}
	key, err := h.db.Keys().RequestKey(ctx, tenant, id)
	if errors.Is(err, request.ErrDestroyed) {
		return request.Address{}, none, nil
	}
	if err != nil {
		return request.Address{}, none, err
	}
	papers, err := h.db.Work().Papers(ctx, tenant, id, request.HandoverPaper)
	if err != nil {
		return request.Address{}, none, err
	}
	said, err := request.HandoverOf(key, tenant, id, papers)
	if err != nil || h.writing.URL == "" {
		return request.Address{}, said, err
	}
	identities, err := h.db.Requests().Identities(ctx, tenant, id)
	if err != nil {
		return request.Address{}, said, err
	}
	to, err := request.AddressOf(key, tenant, id, identities, said)
	return to, said, err
}

// letter writes to the person about a request that has not ended; nothing
// where there is no address.
func (h *handing) letter(ctx context.Context, r request.Request, kind message.Kind, values message.Values) (request.Told, error) {
	to, _, err := h.handover(ctx, r.Tenant, r.ID)
	if err != nil {
		return request.Told{}, fmt.Errorf("look for the person's address: %w", err)
	}
	writing, _, err := h.about(ctx, r)
	if err != nil {
		return request.Told{}, err
	}
	return writing.Letter(r, to, kind, values)
}

// prepare gives a request that is carried out its shelf, and its way to the
// person.
func (h *handing) prepare(ctx context.Context, r request.Request) (shelf, *fulfill.Delivery, error) {
	s := h.shelf(r.Tenant, r.ID)
	to, said, err := h.handover(ctx, r.Tenant, r.ID)
	if err == nil && said.Recipient != "" {
		s.recipient, err = recipientOf(said.Recipient)
	}
	if err != nil {
		return s, nil, fmt.Errorf("look how the request is handed over: %w", err)
	}
	writing, words, err := h.about(ctx, r)
	return s, &fulfill.Delivery{Correspondence: writing, To: to, Words: words}, err
}

// about gives what is written with, and the words for the kinds of data in a
// field, as the configuration has them now; the key of the policy and no words
// where that cannot be used.
func (h *handing) about(ctx context.Context, r request.Request) (request.Correspondence, func(address, field string) []string, error) {
	writing := h.writing
	e, release, err := h.latest.Use(ctx, r.Tenant)
	if errors.Is(err, request.ErrNoConfiguration) || errors.Is(err, request.ErrConfiguration) {
		return writing, nil, nil
	}
	if err != nil {
		return writing, nil, err
	}
	defer release()
	p, _ := e.config.Policy(r.Policy)
	writing.Policy = p.Name
	return writing, words(e.config, r.Language), nil
}

// words says in a language what kinds of data a field holds.
func words(c *config.Config, language string) func(address, field string) []string {
	return func(address, path string) (said []string) {
		of, name, _ := strings.Cut(address, ":")
		collection := c.Datasets.Collection(dataset.Address{Dataset: of, Collection: name})
		if collection == nil {
			return nil
		}
		categories := collection.Categories
		if f := collection.Field(path); f != nil && len(f.Categories) > 0 {
			categories = f.Categories
		}
		for _, category := range categories {
			said = append(said, c.Taxonomy.Say(category, language))
		}
		return said
	}
}

// recipientOf reads an age recipient.
func recipientOf(text string) (age.Recipient, error) {
	all, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil || len(all) != 1 || !strings.HasPrefix(text, "age1") {
		return nil, errors.New("it is not one recipient of age, which begins with age1")
	}
	return all[0], nil
}

// handoverPapers checks what was asked for the handing over of a request, and
// gives what is to be kept of it.
func handoverPapers(h request.Handover, identities []subject.Identity) ([]store.Paper, error) {
	if h.Recipient != "" {
		if _, err := recipientOf(h.Recipient); err != nil {
			return nil, &request.Invalid{Where: "recipient", What: err.Error()}
		}
	}
	if h.Deliver && !slices.ContainsFunc(identities, func(i subject.Identity) bool { return i.Type == subject.Email }) {
		return nil, &request.Invalid{Where: "deliver", What: "there is no identity of type email that letters could go to"}
	}
	text, err := h.Text()
	if err != nil || text == "" {
		return nil, err
	}
	return []store.Paper{{Kind: request.HandoverPaper, Plain: subject.Conceal([]byte(text))}}, nil
}
