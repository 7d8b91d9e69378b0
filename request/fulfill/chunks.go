package fulfill

import (
	"context"
	"errors"
	"fmt"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
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
	ctx    context.Context // of the read that the rows come from
	node   *graph.Node
	sift   sifter
	seen   map[[16]byte]bool // nil where no row can come twice
	buffer []byte
	rows   int
	n      int
	total  int64
}

// newChunks begins a collection. distinct is for several reads that may give
// the same row: then rows are told apart by their key.
func (r *run) newChunks(ctx context.Context, n *graph.Node, distinct bool) *chunks {
	c := &chunks{run: r, ctx: ctx, node: n}
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
		k := rowKey(row, c.node.KeyColumns)
		if c.seen[k] {
			return false, nil
		}
		c.seen[k] = true
	}
	record := map[string]any{"row": map[string]any(row)}
	if c.sift != nil {
		keep, err := c.sift(row)
		if err != nil {
			return false, err
		}
		if keep != nil {
			record["keep"] = map[string]any(keep)
		}
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
	sealed := c.key.Seal(c.buffer, chunkName(c.lease.Tenant, c.lease.Request, c.node.Address, c.n))
	if err := c.work.Chunk(c.ctx, c.lease, c.node.Address, c.n, c.rows, sealed); err != nil {
		return fmt.Errorf("store rows of %s: %w", c.node.Address, err)
	}
	crash("chunk.stored")
	c.n++
	c.rows = 0
	c.buffer = c.buffer[:0]
	return nil
}

// finish stores what is left and counts all rows.
func (c *chunks) finish() (int64, error) {
	return c.total, c.flush()
}

// rows streams the stored rows of a collection in the order of storing.
func (r *run) rows(ctx context.Context, address string, each func(connector.Row, graph.Keep) error) error {
	return r.work.Chunks(ctx, r.lease.Tenant, r.lease.Request, address, func(n int, sealed []byte) error {
		plain, err := r.key.Open(sealed, chunkName(r.lease.Tenant, r.lease.Request, address, n))
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
func chunkName(tenant, request, address string, n int) []byte {
	return fmt.Appendf(nil, "chunk/%s/%s/%s/%d", tenant, request, address, n)
}
