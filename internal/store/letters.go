package store

import (
	"context"
	"encoding/json"
	"fmt"

	"volenti.dev/volenti/message"
)

// Letters keeps what is to be sent to people, and what became of it.
type Letters struct{ db *DB }

// Letters gives access to the letters.
func (db *DB) Letters() *Letters { return &Letters{db} }

// Post stores a letter that is caused by nothing else in the store.
func (s *Letters) Post(ctx context.Context, tenant string, letter message.Letter) error {
	return s.db.write(ctx, tenant, func(ctx context.Context, t *tx) error { return t.post(ctx, letter) })
}

// contents is what of a letter is sealed.
type contents struct {
	To     string         `json:"to"`
	Values map[string]any `json:"values"`
}

// post stores letters, to be sent once this is committed. One with an id that
// there is already is left as it is.
func (t *tx) post(ctx context.Context, letters ...message.Letter) error {
	for _, l := range letters {
		plain, err := json.Marshal(contents{l.To.Reveal(), l.Values})
		if err != nil {
			return fmt.Errorf("post a letter: %w", err)
		}
		key, wrapped, err := t.keys.NewKey(letterOf(l.ID))
		if err != nil {
			return fmt.Errorf("post a letter: %w", err)
		}
		posted, err := t.exec(ctx, `
			INSERT INTO letters (tenant, id, request, kind, language, state, attempt, due, message, sealed, created, ended)
			VALUES ($1, $2, $3, $4, $5, 'waiting', 0, {now}, '', $6, {now}, 0) ON CONFLICT DO NOTHING`,
			t.tenant, l.ID, l.Request, l.Kind, l.Language, key.Seal(plain, letterPlace(t.tenant, l.ID)))
		if err != nil {
			return fmt.Errorf("post a letter: %w", err)
		}
		if posted == 0 {
			continue
		}
		if err := t.keep(ctx, letterOf(l.ID), wrapped); err != nil {
			return err
		}
	}
	return nil
}

func letterOf(id string) string { return "letter/" + id }

// letterPlace ties what is sealed to its row.
func letterPlace(tenant, id string) []byte { return []byte("letter/" + tenant + "/" + id) }
