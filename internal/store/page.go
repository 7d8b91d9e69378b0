package store

import (
	"context"
	"fmt"
	"strings"

	"volenti.dev/volenti/request"
)

// sought are the conditions of a query.
func sought(tenant string, q request.Query) *conditions {
	b := &conditions{text: " WHERE tenant = $1", args: []any{tenant}}
	if len(q.Statuses) > 0 {
		var statuses []any
		for _, status := range q.Statuses {
			statuses = append(statuses, status)
		}
		b.and("status IN (?"+strings.Repeat(", ?", len(statuses)-1)+")", statuses...)
	}
	if q.Policy != "" {
		b.and("policy = ?", q.Policy)
	}
	if q.Law != "" {
		b.and("law = ?", q.Law)
	}
	if q.Place != "" {
		b.and("(place = ? OR place LIKE ?)", q.Place, q.Place+"-%")
	}
	if len(q.Origins) > 0 {
		var origins []any
		for _, origin := range q.Origins {
			origins = append(origins, origin)
		}
		b.and("id IN (SELECT request FROM request_identities WHERE tenant = $1 AND origin IN (?"+strings.Repeat(", ?", len(origins)-1)+"))", origins...)
	}
	if !q.From.IsZero() {
		b.and("created >= ?", micros(q.From))
	}
	if !q.To.IsZero() {
		b.and("created < ?", micros(q.To))
	}
	if !q.DueBefore.IsZero() {
		b.and("due > 0 AND due < ?", micros(q.DueBefore))
	}
	if q.Overdue {
		b.and("due > 0 AND due <= {now} AND ended = 0 AND status <> ?", request.IdentityUnverified)
	}
	if q.Open {
		b.and("ended = 0")
	}
	if q.Unanswered {
		b.and("id IN (SELECT request FROM request_threads WHERE tenant = $1 AND asked > settled AND destroyed = 0)")
	}
	if q.Digest != "" {
		b.and("id IN (SELECT request FROM request_identities WHERE tenant = $1 AND type = ? AND digest = ?)", q.Type, q.Digest)
	}
	return b
}

// Search gives up to limit requests, without their plans, that a query looks
// for and that come behind a mark, in the order of the query.
func (s *Requests) Search(ctx context.Context, tenant string, q request.Query, after request.Mark, limit int) ([]request.Request, error) {
	b, order := sought(tenant, q), "id DESC"
	switch {
	case q.ByDue:
		order = dueLast + ", id"
		if after.ID != "" {
			b.and("("+dueLast+" > ? OR "+dueLast+" = ? AND id > ?)", dueOf(after), dueOf(after), after.ID)
		}
	case after.ID != "":
		b.and("id < ?", after.ID)
	}
	b.args = append(b.args, limit)
	found, err := collect(ctx, s.db.engine, scanRequest, selectPage+b.text+fmt.Sprintf(" ORDER BY %s LIMIT $%d", order, len(b.args)), b.args...)
	if err != nil {
		return nil, fmt.Errorf("look for requests: %w", err)
	}
	return found, nil
}

// dueLast puts what nothing is due of behind everything else.
const (
	never   = 1 << 62
	dueLast = "CASE due WHEN 0 THEN 4611686018427387904 ELSE due END"
)

func dueOf(m request.Mark) int64 {
	if m.Due.IsZero() {
		return never
	}
	return micros(m.Due)
}

// conditions are put together, each with its values.
type conditions struct {
	text string
	args []any
}

// and adds a condition, in which each ? stands for the next of the values.
func (c *conditions) and(condition string, values ...any) {
	for _, v := range values {
		c.args = append(c.args, v)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(c.args)), 1)
	}
	c.text += " AND " + condition
}

const selectPage = `SELECT ` + requestColumns + `, NULL FROM requests`

// Ready says whether the database answers.
func (db *DB) Ready(ctx context.Context) error {
	return db.engine.row(ctx, `SELECT 1`).Scan(new(int64))
}
