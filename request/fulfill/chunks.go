package fulfill

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// Rows are sealed and stored in chunks of about this many bytes or this many
// rows, whichever comes first.
const (
	chunkBytes = 256 << 10
	chunkRows  = 2000
)

// chunks writes the rows of a collection as they come.
type chunks struct {
	*run
	ctx  context.Context // of the read that the rows come from
	node *graph.Node
	sift sifter
	seen map[[16]byte]bool // nil where no row can come twice
	by   []string          // which columns seen tells rows apart by
	// begun, where it is set, waits until the attempt is recorded.
	begun func() error
	// earlier is nil in the first round.
	earlier *earlier
	buffer  []byte
	rows    int
	n       int
	total   int64
}

// newChunks begins a collection. distinct is for several reads that may give
// the same row: then rows are told apart by their key.
func (r *run) newChunks(ctx context.Context, n *graph.Node, distinct bool) *chunks {
	c := &chunks{run: r, ctx: ctx, node: n, by: n.KeyColumns}
	if asked := r.tables[n.Address].Asked; asked != nil { // it is the same row, whatever it was found by
		c.by = slices.DeleteFunc(slices.Clone(c.by), func(name string) bool { return name == asked.Column })
	}
	if distinct {
		c.seen = map[[16]byte]bool{}
	}
	return c
}

func (c *chunks) add(row connector.Row) error {
	_, err := c.addNew(row)
	return err
}

// addNew adds a row unless it is there already.
func (c *chunks) addNew(row connector.Row) (bool, error) {
	if c.seen != nil {
		k := rowKey(row, c.by)
		if c.seen[k] {
			return false, nil
		}
		c.seen[k] = true
	}
	var keep graph.Keep
	if c.sift != nil {
		var err error
		if keep, err = c.sift(row); err != nil {
			return false, err
		}
	}
	if c.earlier != nil {
		var wanted bool
		if row, keep, wanted = c.earlier.take(row, keep); !wanted {
			return false, nil
		}
	}
	record := map[string]any{"row": map[string]any(row)}
	if keep != nil {
		record["keep"] = map[string]any(keep)
	}
	var err error
	if c.buffer, err = value.Append(c.buffer, record); err != nil {
		return false, fmt.Errorf("keep a row of %s: %w", c.node.Address, err)
	}
	c.rows++
	c.total++
	if len(c.buffer) < chunkBytes && c.rows < chunkRows {
		return true, nil
	}
	return true, c.flush()
}

func (c *chunks) flush() error {
	if c.rows == 0 {
		return nil
	}
	if c.begun != nil {
		if err := c.begun(); err != nil {
			return err
		}
	}
	if err := c.work.Chunk(c.ctx, c.lease, c.seal()); err != nil {
		return fmt.Errorf("store rows of %s: %w", c.node.Address, err)
	}
	crash("chunk.stored")
	return nil
}

// seal makes a chunk of the rows that have come since the last.
func (c *chunks) seal() request.Chunk {
	name := chunkName(c.lease.Tenant, c.lease.Request, c.node.Address, c.request.Round, c.n)
	sealed := request.Chunk{Address: c.node.Address, N: c.n, Rows: c.rows, Sealed: c.key.Seal(c.buffer, name)}
	c.n++
	c.rows = 0
	c.buffer = c.buffer[:0]
	return sealed
}

// finish gives what is left to be stored, and counts: rows that no round knew
// before, and those that were read anew.
func (c *chunks) finish(p *request.Progress) []request.Chunk {
	p.RowsMatched = 0
	if c.earlier != nil {
		p.RowsMatched = c.earlier.anew
	}
	p.RowsRead = c.total - p.RowsMatched
	if c.rows == 0 {
		return nil
	}
	return []request.Chunk{c.seal()}
}

// rows streams the stored rows of a collection, of all rounds, in the order of
// storing.
func (r *run) rows(ctx context.Context, address string, each func(connector.Row, graph.Keep) error) error {
	for round := 1; round <= r.request.Round; round++ {
		if err := r.rowsOf(ctx, address, round, each); err != nil {
			return err
		}
	}
	return nil
}

// rowsOf streams those that one round has read.
func (r *run) rowsOf(ctx context.Context, address string, round int, each func(connector.Row, graph.Keep) error) error {
	return r.work.Chunks(ctx, r.lease.Tenant, r.lease.Request, address, round, func(n int, sealed []byte) error {
		plain, err := r.key.Open(sealed, chunkName(r.lease.Tenant, r.lease.Request, address, round, n))
		if err != nil {
			return fmt.Errorf("open chunk %d of %s: %w", n, address, err)
		}
		return value.Decode(plain, func(record map[string]any) error {
			row, ok := record["row"].(map[string]any)
			if !ok {
				return errors.New("a stored row is damaged")
			}
			keep, _ := record["keep"].(map[string]any)
			return each(row, keep)
		})
	})
}

// chunkName ties a chunk to its place, so that chunks cannot be exchanged.
func chunkName(tenant, request, address string, round, n int) []byte {
	name := fmt.Appendf(nil, "chunk/%s/%s/%s/%d", tenant, request, address, n)
	if round > 1 {
		name = fmt.Appendf(name, " of round %d", round)
	}
	return name
}
