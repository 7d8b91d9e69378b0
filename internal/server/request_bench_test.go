package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/connector/relational"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/request/graph"
	"volenti.dev/volenti/subject"
)

// The benchmarks of requests carry them out whole: stored, logged, sealed,
// with a checkpoint after each collection, on real databases.

// shape says which collections lead to the i-th of a graph of collections; the
// first is found by the address of the person.
type shape func(i int) []int

func chained(i int) []int { return []int{i - 1} }

func fanned(int) []int { return []int{0} }

// meshed makes layers of ten, each collection of which is fed by three of the
// layer before.
func meshed(i int) []int {
	layer, at := (i-1)/10, (i-1)%10
	if layer == 0 {
		return []int{0}
	}
	first := 1 + (layer-1)*10
	return []int{first + at, first + (at+3)%10, first + (at+7)%10}
}

// build makes n tables of that shape, in each of which the person has one row
// of a hundred, and describes them.
func (w *world) build(n int, up shape) {
	w.t.Helper()
	w.exec("DROP TABLE note;\nDROP TABLE orders;\nDROP TABLE customer;\n")
	var described, tables strings.Builder
	described.WriteString("dataset:\n- fides_key: shop\n  collections:\n")
	for i := range n {
		columns := "id INTEGER PRIMARY KEY, email VARCHAR(60), data VARCHAR(60)"
		values := "i, 'p' || i || '@example.com', 'what ' || i || ' says'"
		fmt.Fprintf(&described, "  - name: c%04d\n    fields:\n    - {name: id, fides_meta: {primary_key: true, data_type: integer}}\n    - {name: data, data_categories: [user.content]}\n", i)
		if i == 0 {
			described.WriteString("    - {name: email, fides_meta: {identity: email, data_type: string}}\n")
		} else {
			for _, from := range up(i) {
				columns += fmt.Sprintf(", of%04d INTEGER", from)
				values += ", i"
				fmt.Fprintf(&described, "    - {name: of%04d, fides_meta: {references: [{dataset: shop, field: c%04d.id, direction: from}]}}\n", from, from)
			}
		}
		fmt.Fprintf(&tables, "CREATE TABLE c%04d (%s);\nINSERT INTO c%04d WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT %s FROM n;\n", i, columns, i, values)
		if i > 0 {
			for _, from := range up(i) {
				fmt.Fprintf(&tables, "CREATE INDEX i%04d_%04d ON c%04d (of%04d);\n", i, from, i, from)
			}
		}
	}
	w.exec("BEGIN;\n" + tables.String() + "COMMIT;\n")
	w.configure(described.String(), `
policy:
- key: access
  rules: [{key: all, action: access, targets: [user]}]
- key: erasure
  rules: [{key: all, action: erasure, targets: [user], masking: {strategy: hash}}]
`)
}

// bench opens the world for a benchmark: with a log as the server writes it.
func (w *world) bench(registry connector.Registry) *desk {
	d := w.open()
	d.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	d.Systems = NewSystems(d.config, registry)
	return d
}

// spent is what a request took.
type spent struct{ wall, cpu time.Duration }

// once carries a request about one person out, without its planning.
func (d *desk) once(policy string, plan *graph.Plan, who []subject.Identity) spent {
	d.t.Helper()
	ctx := context.Background()
	begun, used := time.Now(), cpu()
	id, err := d.Submit(ctx, plan, who, 1<<40)
	if err == nil {
		err = d.Prepare(ctx, id, plan)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	report, err := d.Run(ctx, id)
	if err != nil || report.Status != "complete" {
		d.t.Fatalf("%s: %v", report.Status, err)
	}
	return spent{time.Since(begun), cpu() - used}
}

// person gives the n-th person of the tables of build: none is erased twice.
func (d *desk) person(n int) []subject.Identity {
	return person(d.t, subject.Email, fmt.Sprintf("p%d@example.com", n%100+1))
}

// planned gives the plan of a policy, whoever asks.
func (d *desk) planned(policy string) *graph.Plan {
	d.t.Helper()
	plan, err := d.plan(policy, d.person(0))
	if err != nil {
		d.t.Fatal(err)
	}
	return plan
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// alone asks and writes what a request does, with nothing around it: one
// query for each collection, and where it erases one update of a row.
func (w *world) alone(n int, up shape, policy string, person int) time.Duration {
	w.t.Helper()
	begun := time.Now()
	for i := range n {
		where := fmt.Sprintf("email = 'p%d@example.com'", person%100+1)
		if i > 0 {
			where = fmt.Sprintf("of%04d = %d", up(i)[0], person%100+1)
		}
		w.table(fmt.Sprintf("SELECT id, data FROM c%04d WHERE %s", i, where))
		if policy == "erasure" {
			w.exec(fmt.Sprintf("UPDATE c%04d SET data = data || '' WHERE id = %d", i, person%100+1))
		}
	}
	return time.Since(begun)
}

// BenchmarkRequest measures whole requests over targets without latency:
// chains of 100 and of 1,000 collections side by side, a fan and a mesh of
// 100. x-queries is the time of a request against its queries and updates
// alone, one after the other; x-100 is the time of the long chain against that
// of the short one. F8
func BenchmarkRequest(b *testing.B) {
	for _, places := range [][2]string{{"sqlite", "sqlite"}, {"postgres", "postgres"}} {
		for _, policy := range []string{"access", "erasure"} {
			for name, up := range map[string]shape{"fan": fanned, "mesh": meshed} {
				b.Run(strings.Join([]string{places[0], policy, name}, "/"), func(b *testing.B) {
					measure(b, places, policy, up, 100)
				})
			}
			b.Run(strings.Join([]string{places[0], policy, "chain"}, "/"), func(b *testing.B) {
				measure(b, places, policy, chained, 100, 1000)
			})
		}
	}
}

// measure carries out requests over graphs of several sizes in turn.
func measure(b *testing.B, places [2]string, policy string, up shape, sizes ...int) {
	worlds := make([]*world, len(sizes))
	desks := make([]*desk, len(sizes))
	plans := make([]*graph.Plan, len(sizes))
	for i, n := range sizes {
		worlds[i] = newWorld(b, places[0], places[1])
		worlds[i].build(n, up)
		desks[i] = worlds[i].bench(builtin.Registry())
		plans[i] = desks[i].planned(policy)
	}
	walls, cpus, bare := make([][]time.Duration, len(sizes)), make([][]time.Duration, len(sizes)), make([][]time.Duration, len(sizes))
	round := 0
	for b.Loop() {
		for range 3 {
			for i, n := range sizes {
				s := desks[i].once(policy, plans[i], desks[i].person(round))
				walls[i], cpus[i] = append(walls[i], s.wall), append(cpus[i], s.cpu)
				bare[i] = append(bare[i], worlds[i].alone(n, up, policy, round+50))
			}
			round++
		}
	}
	last := len(sizes) - 1
	n := float64(sizes[last])
	wall := median(walls[last])
	b.ReportMetric(float64(wall.Microseconds())/1000/n, "ms/collection")
	b.ReportMetric(float64(median(cpus[last]).Microseconds())/1000/n, "cpu-ms/collection")
	b.ReportMetric(float64(wall)/float64(median(bare[last])), "x-queries")
	if last > 0 {
		b.ReportMetric(float64(wall)/float64(median(walls[0])), "x-100")
		b.ReportMetric(float64(median(cpus[last]))/float64(median(cpus[0])), "x-100-cpu")
	}
}

// BenchmarkDistantRequest measures whole requests over a database that
// answers 10 ms later than it would: every packet waits 5 ms in either
// direction. x-critical is the time of a request against the longest sum of
// calls to the database that have to come one after the other, x-bound against
// the least that four calls at once allow. trips is how often a collection waits
// for an answer, in all. F8
func BenchmarkDistantRequest(b *testing.B) {
	for _, policy := range []string{"access", "erasure"} {
		for name, up := range map[string]shape{"chain": chained, "fan": fanned, "mesh": meshed} {
			b.Run(policy+"/"+name, func(b *testing.B) {
				w := newWorld(b, "sqlite", "postgres")
				w.build(100, up)
				near := w.url
				var trips atomic.Int64
				w.url = "postgres://postgres@" + far(b, address(near), 5*time.Millisecond, &trips) + near[strings.LastIndex(near, "/"):]
				w.configure(w.files()...)
				log := &calls{takes: map[string]time.Duration{}}
				d := w.bench(log.listen(builtin.Registry()))
				plan := d.planned(policy)
				var walls, critical, bounds []time.Duration
				round := 0
				for b.Loop() {
					for range 3 {
						log.reset()
						trips.Store(0)
						walls = append(walls, d.once(policy, plan, d.person(round)).wall)
						path, bound := log.critical(plan)
						critical, bounds = append(critical, path), append(bounds, bound)
						round++
					}
				}
				b.ReportMetric(float64(median(walls))/float64(median(critical)), "x-critical")
				b.ReportMetric(float64(median(walls))/float64(median(bounds)), "x-bound")
				b.ReportMetric(float64(trips.Load())/100, "trips/collection")
				b.ReportMetric(float64(median(walls).Microseconds())/1000/100, "ms/collection")
			})
		}
	}
}

// files gives the configuration that was written, but for the connection.
func (w *world) files() []string {
	w.t.Helper()
	var all []string
	for i := range 2 {
		b, err := os.ReadFile(filepath.Join(w.dir, "config", fmt.Sprintf("%d.yml", i)))
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

// address is the host and port of a URL.
func address(url string) string {
	_, rest, _ := strings.Cut(url, "@")
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// far is the address of a proxy in front of another: what goes through it
// arrives so much later, in either direction. It counts what is sent there.
func far(b *testing.B, address string, late time.Duration, sent *atomic.Int64) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var all sync.WaitGroup
	b.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", address)
			if err != nil {
				_ = in.Close()
				continue
			}
			all.Go(func() { carry(out, in, late, sent) })
			all.Go(func() { carry(in, out, late, new(atomic.Int64)) })
		}
	})
	return listener.Addr().String()
}

// carry hands on what from says, each piece late, until one side hangs up.
func carry(to, from net.Conn, late time.Duration, pieces *atomic.Int64) {
	type piece struct {
		due  time.Time
		text []byte
	}
	queue := make(chan piece, 1024)
	go func() {
		defer close(queue)
		for {
			buffer := make([]byte, 32<<10)
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			pieces.Add(1)
			queue <- piece{time.Now().Add(late), buffer[:n]}
		}
	}()
	for p := range queue {
		<-time.After(time.Until(p.due))
		if _, err := to.Write(p.text); err != nil {
			_ = from.Close()
		}
	}
	_ = to.Close()
}

// calls remembers how long the calls to a database took.
type calls struct {
	mu    sync.Mutex
	takes map[string]time.Duration // by kind and table
}

func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takes = map[string]time.Duration{}
}

// note counts the call that began then.
func (c *calls) note(kind string, t catalogue.Name, begun time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takes[kind+" "+t.Table] += time.Since(begun)
}

// listen puts itself in front of the connectors of a registry.
func (c *calls) listen(r connector.Registry) connector.Registry {
	spec := r["postgres"]
	made := spec.New
	spec.New = func(s connector.Settings) (connector.Connector, error) {
		db, err := made(s)
		if err != nil {
			return nil, err
		}
		return heard{db.(*relational.DB), c}, nil
	}
	r["postgres"] = spec
	return r
}

// heard is a connection whose calls are remembered.
type heard struct {
	*relational.DB
	calls *calls
}

func (h heard) Describe(ctx context.Context) (catalogue.Catalogue, error) {
	defer h.calls.note("describe", catalogue.Name{}, time.Now())
	return h.DB.Describe(ctx)
}

// Read counts as access the first time, and as verification after.
func (h heard) Read(ctx context.Context, r connector.Read, each func(connector.Row) error) (connector.ReadResult, error) {
	defer h.calls.note(h.calls.kind(r.Table.Name), r.Table.Name, time.Now())
	return h.DB.Read(ctx, r, each)
}

func (c *calls) kind(t catalogue.Name) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, before := c.takes["read "+t.Table]; before {
		return "verify"
	}
	return "read"
}

func (h heard) Mask(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	defer h.calls.note("mask", b.Table.Name, time.Now())
	return h.DB.Mask(ctx, b)
}

func (h heard) Verify(ctx context.Context, b connector.Batch) ([]connector.Outcome, error) {
	defer h.calls.note("verify", b.Table.Name, time.Now())
	return h.DB.Verify(ctx, b)
}

// critical is the longest sum of calls that have to come one after the other:
// what each collection is read after, then the longest of those that may be
// masked at once, then of those that may be verified at once. No request can
// be faster than bound, which has four calls at once do all that is to be
// done: as many as a system is asked.
func (c *calls) critical(plan *graph.Plan) (path, bound time.Duration) {
	ends := map[string]time.Duration{}
	var longest, sum [3]time.Duration // reading, masking, verifying
	for _, n := range plan.Nodes {
		for _, u := range n.Upstream {
			ends[n.Address] = max(ends[n.Address], ends[u])
		}
		ends[n.Address] += c.takes["read "+n.Table.Table]
		longest[0] = max(longest[0], ends[n.Address])
		for i, kind := range []string{"read ", "mask ", "verify "} {
			sum[i] += c.takes[kind+n.Table.Table]
			if i > 0 {
				longest[i] = max(longest[i], c.takes[kind+n.Table.Table])
			}
		}
	}
	path, bound = c.takes["describe "], c.takes["describe "]
	for i := range sum {
		path += longest[i]
		bound += max(longest[i], sum[i]/4)
	}
	return path, bound
}

var (
	_ connector.Reader   = heard{}
	_ connector.Masker   = heard{}
	_ connector.Verifier = heard{}
)
