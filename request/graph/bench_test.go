package graph

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/dataset"
	"volenti.dev/volenti/request/policy"
)

// chain describes n collections, each fed by the one before.
func chain(n int) []dataset.Dataset {
	var all []dataset.Collection
	for i := range n {
		f := []dataset.Field{field("id", key), field("data", cat("user.content"))}
		if i == 0 {
			f = append(f, field("email", identity("email")))
		} else {
			f = append(f, field("up", ref(fmt.Sprintf("big.c%05d.id", i-1), dataset.From)))
		}
		all = append(all, collection(fmt.Sprintf("big.c%05d", i), f...))
	}
	return describe(all...)
}

// company describes n collections as companies have them: twenty fields in
// each, a dataset for every thousand, three types of identity, and references
// without a direction to the customer, to a neighbour, and across datasets.
// One collection, of attachments, is fed by a hundred others.
func company(n int) []dataset.Dataset {
	name := func(i int) string { return fmt.Sprintf("d%02d.c%05d", i/1000, i) }
	types := []string{"email", "phone_number", "external_id"}
	var all []dataset.Collection
	for i := range n {
		f := []dataset.Field{field("id", key)}
		if i%100 == 0 {
			f = append(f, field("login", identity(types[i/100%3]), cat("user.contact.email")))
			if i > 0 {
				f = append(f, field("elsewhere", ref(name(i-100)+".id", "")))
			}
		} else {
			f = append(f, field("customer", ref(name(i-i%100)+".id", "")), field("neighbour", ref(name(i-1)+".id", "")))
		}
		for k := len(f); k < 20; k++ {
			f = append(f, field(fmt.Sprintf("f%02d", k), cat([]string{"user.name", "user.content", "system.operations", "user.contact.address"}[k%4])))
		}
		if i == 1 {
			for k := 2; k < min(n, 102); k++ {
				f = append(f, field(fmt.Sprintf("of%03d", k), ref(name(k)+".id", dataset.From)))
			}
		}
		all = append(all, collection(name(i), f...))
	}
	return describe(all...)
}

// keyed gives the live tables the foreign keys that the references speak of.
func keyed(in Input) Input {
	for _, d := range in.Datasets {
		for _, c := range d.Collections {
			t := table(in, d.Key+"."+c.Address.Collection)
			c.Walk(func(f *dataset.Field) {
				for _, r := range f.References {
					if r.Target.Dataset == d.Key {
						t.ForeignKeys = append(t.ForeignKeys, catalogue.ForeignKey{Columns: []string{f.Path}, References: catalogue.Name{Table: r.Target.Collection}, ReferencedColumns: []string{r.Field}})
					}
				}
			})
		}
	}
	return in
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPlan measures planning of access and erasure together: processor time,
// that of collecting garbage included. x-hash sets it against the plan's own
// digest, which is JSON and SHA-256 and nothing else. F7 D13
func BenchmarkPlan(b *testing.B) {
	both := policy.Policy{Key: "both", Rules: append(slices.Clone(accessAll.Rules), eraseContact.Rules...)}
	for name, describe := range map[string]func(int) []dataset.Dataset{"chain": chain, "company": company} {
		for _, n := range []int{100, 1000, 10000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				in := keyed(input(both, describe(n), "email", "phone_number"))
				var p *Plan
				var planned, hashed time.Duration
				for b.Loop() {
					begun := cpu()
					var err error
					if p, err = Build(in); err != nil {
						b.Fatal(err)
					}
					planned += cpu() - begun
					begun = cpu()
					if err := p.Verify(); err != nil {
						b.Fatal(err)
					}
					hashed += cpu() - begun
				}
				b.ReportMetric(float64(planned.Microseconds())/float64(b.N*n), "cpu-µs/collection")
				b.ReportMetric(float64(planned)/float64(hashed), "x-hash")
			})
		}
	}
}
