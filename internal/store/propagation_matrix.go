package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"volenti.dev/volenti/consent/propagate"
)

// Columns gives how connections stand that take choices, by key. Of each status it
// looks at the newest delivery only, so that it does not grow with them.
func (p *Propagation) Columns(ctx context.Context, tenant string) ([]propagate.Column, error) {
	var all []propagate.Column
	of := map[string]int{}
	err := p.db.engine.all(ctx, []statement{
		{`SELECT l.connection, COALESCE(k.system, ''), l.failing, l.quiet
			FROM delivery_lanes l LEFT JOIN connection_links k ON k.tenant = l.tenant AND k.connection = l.connection
			WHERE l.tenant = $1 ORDER BY l.connection`, []any{tenant}, func(s scanner) error {
			c := propagate.Column{Newest: map[propagate.Status]int64{}}
			var quiet int64
			err := s.Scan(&c.Connection, &c.System, &c.Failing, &quiet)
			c.Quiet, of[c.Connection] = instant(quiet), len(all)
			all = append(all, c)
			return err
		}},
		{newestOf, []any{tenant}, func(s scanner) error {
			var connection string
			var status propagate.Status
			var newest *int64
			err := s.Scan(&connection, &status, &newest)
			if i, ok := of[connection]; ok && newest != nil {
				all[i].Newest[status] = *newest
			}
			return err
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("read the columns of the matrix: %w", err)
	}
	return all, nil
}

// newestOf asks the front of an index once for each connection and status.
var newestOf = `WITH statuses (status) AS (VALUES ` + valuesOf(propagate.Statuses()) + `)
	SELECT l.connection, s.status, (SELECT MAX(d.seq) FROM deliveries d {index deliveries_by_connection}
		WHERE d.tenant = l.tenant AND d.status = s.status AND d.connection = l.connection)
	FROM delivery_lanes l CROSS JOIN statuses s WHERE l.tenant = $1`

func valuesOf(all []propagate.Status) string {
	var values []string
	for _, s := range all {
		values = append(values, "('"+string(s)+"')")
	}
	return strings.Join(values, ", ")
}

// Rows gives changes that a matrix lets through, the newest first, each with its
// cells at the connections of the matrix.
func (p *Propagation) Rows(ctx context.Context, tenant string, m propagate.Matrix) ([]propagate.Row, error) {
	among, before := m.Connections, m.Before
	if m.Status != "" && len(among) == 0 {
		columns, err := p.Columns(ctx, tenant)
		if err != nil {
			return nil, err
		}
		if among, before = having(m.Status, columns, before); len(among) == 0 {
			return nil, nil
		}
	}
	rows, err := p.changes(ctx, tenant, m, among, before)
	if err == nil && len(rows) > 0 {
		err = p.cells(ctx, tenant, m.Connections, rows)
	}
	if err != nil {
		return nil, fmt.Errorf("read the matrix: %w", err)
	}
	return rows, nil
}

// having gives the connections with something in a status, and what lies before
// anything newer than that: what nothing is in is not looked for change by change.
func having(s propagate.Status, columns []propagate.Column, before int64) (among []string, nearer int64) {
	for _, c := range columns {
		if newest, ok := c.Newest[s]; ok {
			among, nearer = append(among, c.Connection), max(nearer, newest+1)
		}
	}
	if before > 0 {
		nearer = min(nearer, before)
	}
	return among, nearer
}

// changes follows the records, which are few beside their deliveries, and asks of each
// whether it has one that is meant. That is asked by a value and not by EXISTS:
// PostgreSQL would gather all deliveries first.
func (p *Propagation) changes(ctx context.Context, tenant string, m propagate.Matrix, among []string, before int64) ([]propagate.Row, error) {
	b := &conditions{text: " WHERE r.tenant = $1", args: []any{tenant}}
	if before > 0 {
		b.and("r.seq < ?", before)
	}
	for _, edge := range []struct {
		at        time.Time
		condition string
	}{{m.From, "r.seq >= ?"}, {m.Until, "r.seq < ?"}} {
		if edge.at.IsZero() {
			continue
		}
		var seq int64
		if err := p.db.engine.row(ctx, firstSince, tenant, micros(edge.at)).Scan(&seq); err != nil {
			return nil, err
		}
		b.and(edge.condition, seq)
	}
	if m.Purpose != "" {
		b.and("r.purpose = ?", m.Purpose)
	}
	one := &conditions{text: "(SELECT d.seq FROM deliveries d WHERE d.tenant = r.tenant AND d.seq = r.seq", args: b.args}
	one.among("d.connection", among)
	if m.Status != "" {
		one.and("d.status = ?", string(m.Status))
	}
	b.args = one.args
	b.and(one.text+" LIMIT 1) IS NOT NULL ORDER BY r.seq DESC LIMIT ?", m.Limit)
	return collect(ctx, p.db.engine, func(s scanner) (propagate.Row, error) {
		c, err := scanChange(s, tenant)
		return propagate.Row{Change: c}, err
	}, `SELECT r.seq, r.id, r.subject, r.purpose, r.choice, r.at FROM consent_records r`+b.text, b.args...)
}

// firstSince finds the first record that is not older than a time, by halves: records
// have the order of their time.
var firstSince = strings.ReplaceAll(`WITH RECURSIVE halves (low, high) AS (
	SELECT CAST(0 AS BIGINT), COALESCE(MAX(seq), -1) + 1 FROM consent_records WHERE tenant = $1
	UNION ALL
	SELECT CASE WHEN {older} THEN (low + high) / 2 + 1 ELSE low END, CASE WHEN {older} THEN high ELSE (low + high) / 2 END FROM halves WHERE low < high
	) SELECT low FROM halves WHERE low = high`,
	"{older}", "COALESCE((SELECT r.at FROM consent_records r WHERE r.tenant = $1 AND r.seq <= (low + high) / 2 ORDER BY r.seq DESC LIMIT 1), 0) < $2")

// cells fills rows, which have the newest first.
func (p *Propagation) cells(ctx context.Context, tenant string, among []string, rows []propagate.Row) error {
	at := map[int64]*propagate.Row{}
	var sequences []int64
	for i := range rows {
		at[rows[i].Sequence], sequences = &rows[i], append(sequences, rows[i].Sequence)
	}
	b := &conditions{text: "SELECT seq, connection, system, status, reason, attempt FROM deliveries WHERE tenant = $1", args: []any{tenant}}
	b.among("connection", among)
	b.args = append(b.args, sequences)
	err := p.db.engine.each(ctx, func(s scanner) error {
		var seq int64
		var c propagate.Cell
		err := s.Scan(&seq, &c.Connection, &c.System, &c.Status, &c.Reason, &c.Attempt)
		if r := at[seq]; r != nil {
			r.Cells = append(r.Cells, c)
		}
		return err
	}, b.text+fmt.Sprintf(" AND seq {among $%d}", len(b.args)), b.args...)
	for _, r := range rows {
		slices.SortFunc(r.Cells, func(a, b propagate.Cell) int { return strings.Compare(a.Connection, b.Connection) })
	}
	return err
}

// among adds that a column is one of some names; of none, any will do.
func (c *conditions) among(column string, names []string) {
	if len(names) == 0 {
		return
	}
	var values []any
	for _, name := range names {
		values = append(values, name)
	}
	c.and(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", values...)
}
