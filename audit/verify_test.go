package audit_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
)

const origin = "volenti.example.org/acme"

// ledger is a tenant's log as a store would keep it.
type ledger struct {
	signer  note.Signer
	vkey    string
	records []audit.Record
}

func newLedger(t testing.TB, records int) *ledger {
	t.Helper()
	return keyedLedger(t, rand.Reader, records)
}

func keyedLedger(t testing.TB, random io.Reader, records int) *ledger {
	t.Helper()
	skey, vkey, err := note.GenerateKey(random, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	l := &ledger{signer: signer, vkey: vkey}
	for range records {
		l.log(t, fmt.Sprintf("request/%d", len(l.records)))
	}
	return l
}

// log appends a record; every third has no details.
func (l *ledger) log(t testing.TB, object string) {
	t.Helper()
	n := len(l.records)
	e := audit.Entry{Act: "request.approve", Object: object}
	if n%3 != 2 {
		e.Details = map[string]any{"operator": "ann", "row": n}
	}
	salt := bytes.Repeat([]byte{byte(n + 1)}, audit.SaltSize)
	r, err := audit.NewRecord("acme", int64(n), noon.Add(time.Duration(n)*time.Minute), e, salt)
	if err != nil {
		t.Fatal(err)
	}
	l.records = append(l.records, r)
}

// checkpoint signs the first size records.
func (l *ledger) checkpoint(t testing.TB, size int) []byte {
	t.Helper()
	var leaves []tlog.Hash
	for _, r := range l.records[:size] {
		leaves = append(leaves, audit.LeafHash(r.Leaf))
	}
	grown, err := audit.Grow(0, leaves, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := audit.Checkpoint(origin, int64(size), grown.Root, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func (l *ledger) export(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	x, err := audit.NewExporter(&b, audit.Header{
		Tenant: "acme", Verifier: l.vkey, Checkpoint: string(l.checkpoint(t, len(l.records))),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range l.records {
		if err := x.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (l *ledger) fork() *ledger {
	return &ledger{l.signer, l.vkey, slices.Clone(l.records)}
}

func verify(export []byte, o audit.Options) (audit.Report, error) {
	return audit.Verify(bytes.NewReader(export), o)
}

func TestWholeExportVerifies(t *testing.T) {
	for _, size := range []int{1, 2, 3, 7, 8, 20} {
		l := newLedger(t, size)
		export := l.export(t)
		earlier := l.checkpoint(t, size/2)
		for name, o := range map[string]audit.Options{
			"alone":          {},
			"with its key":   {Verifier: l.vkey},
			"remembered":     {Remembered: earlier},
			"empty before":   {Remembered: l.checkpoint(t, 0)},
			"same as before": {Remembered: l.checkpoint(t, size)},
		} {
			r, err := audit.Verify(iotest.OneByteReader(bytes.NewReader(export)), o)
			if err != nil {
				t.Errorf("%d records, %s: %v", size, name, err)
				continue
			}
			want := audit.Report{
				Tenant: "acme", Size: int64(size), Checkpoint: string(l.checkpoint(t, size)), Root: r.Root,
				KeyFromOutside: o.Verifier != "", First: l.records[0].At, Last: l.records[size-1].At,
			}
			if diff := cmp.Diff(want, r); diff != "" {
				t.Errorf("%d records, %s (-want +got):\n%s", size, name, diff)
			}
		}
	}
}

func TestEmptyLogVerifies(t *testing.T) {
	r, err := verify(newLedger(t, 0).export(t), audit.Options{})
	if err != nil || r.Size != 0 || r.Tenant != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

// R7
func TestEveryChangedByteOfAnExportIsDetected(t *testing.T) {
	l := newLedger(t, 4)
	l.records[1].Salt, l.records[1].Details = nil, nil
	export := l.export(t)
	for i := range export {
		for _, flip := range []byte{0x01, 0x80, 0x20} {
			changed := bytes.Clone(export)
			changed[i] ^= flip
			detected(t, fmt.Sprintf("byte %d (%q) became %q", i, export[i], changed[i]), changed, audit.Options{})
		}
		detected(t, fmt.Sprintf("without byte %d (%q)", i, export[i]), slices.Delete(bytes.Clone(export), i, i+1), audit.Options{})
		detected(t, fmt.Sprintf("with a space before byte %d", i), slices.Insert(bytes.Clone(export), i, ' '), audit.Options{})
		detected(t, fmt.Sprintf("cut to %d bytes", i), export[:i], audit.Options{})
	}
}

// R7
func TestEveryStructuralEditIsDetected(t *testing.T) {
	l := newLedger(t, 9)
	export := l.export(t)
	lines := bytes.SplitAfter(bytes.TrimSuffix(export, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(bytes.Clone(lines[len(lines)-1]), '\n')
	edit := func(what string, change func(lines [][]byte) [][]byte) {
		t.Helper()
		detected(t, what, bytes.Join(change(slices.Clone(lines)), nil), audit.Options{})
	}
	for i := range lines {
		edit(fmt.Sprintf("line %d dropped", i+1), func(l [][]byte) [][]byte { return slices.Delete(l, i, i+1) })
		edit(fmt.Sprintf("line %d repeated", i+1), func(l [][]byte) [][]byte { return slices.Insert(l, i, l[i]) })
		edit(fmt.Sprintf("line %d again at the end", i+1), func(l [][]byte) [][]byte { return append(l, l[i]) })
		edit(fmt.Sprintf("cut after line %d", i+1), func(l [][]byte) [][]byte {
			if i == len(l)-1 {
				return nil
			}
			return l[:i+1]
		})
		for j := range i {
			edit(fmt.Sprintf("lines %d and %d swapped", j+1, i+1), func(l [][]byte) [][]byte {
				l[i], l[j] = l[j], l[i]
				return l
			})
		}
	}
	gap := slices.Delete(slices.Clone(lines), 4, 5)
	if text := detected(t, "a record dropped", bytes.Join(gap, nil), audit.Options{}); !strings.Contains(text, "missing") {
		t.Errorf("a record dropped: %s", text)
	}
	edit("an empty line at the end", func(l [][]byte) [][]byte { return append(l, []byte("\n")) })
	edit("an empty line inside", func(l [][]byte) [][]byte { return slices.Insert(l, 3, []byte("\n")) })
	edit("rubbish at the end", func(l [][]byte) [][]byte { return append(l, []byte("x")) })
	edit("the export twice", func(l [][]byte) [][]byte { return append(l, l...) })
	edit("a line without end", func(l [][]byte) [][]byte { return append(l[:2], bytes.Repeat([]byte("x"), 1<<20)) })
}

// A forger without the key rewrites records consistently.
// R7
func TestForgedRecordsAreDetected(t *testing.T) {
	l := newLedger(t, 6)
	honest := l.checkpoint(t, 6)
	export := func(f *ledger, checkpoint []byte, vkey string) []byte {
		forged := f.export(t)
		_, rest, _ := bytes.Cut(forged, []byte("\n"))
		var b bytes.Buffer
		x, err := audit.NewExporter(&b, audit.Header{Tenant: "acme", Verifier: vkey, Checkpoint: string(checkpoint)})
		if err != nil || x.Close() != nil {
			t.Fatal(err)
		}
		return append(b.Bytes(), rest...)
	}
	for i := range l.records {
		forged := l.fork()
		r, err := audit.NewRecord("acme", int64(i), noon, audit.Entry{Act: "request.deny", Object: "o"}, make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		forged.records[i] = r
		detected(t, fmt.Sprintf("record %d forged", i), export(forged, honest, l.vkey), audit.Options{})

		foreign := l.fork()
		foreign.records[i].Tenant = "bolt"
		detected(t, fmt.Sprintf("record %d of another tenant", i), foreign.export(t), audit.Options{})
		salted := l.fork()
		salted.records[i].Salt = make([]byte, 32)
		detected(t, fmt.Sprintf("record %d with another salt", i), salted.export(t), audit.Options{})
		half := l.fork()
		half.records[i].Salt, half.records[i].Details = nil, []byte(`{}`)
		detected(t, fmt.Sprintf("record %d with details and no salt", i), half.export(t), audit.Options{})
	}

	// A byte of the salt passed off as details hashes to the same commitment.
	moved := newLedger(t, 0)
	salt := []byte(strings.Repeat("7", audit.SaltSize))
	r, err := audit.NewRecord("acme", 0, noon, audit.Entry{Act: "a.b", Object: "o"}, salt)
	if err != nil {
		t.Fatal(err)
	}
	r.Salt, r.Details = salt[:31], salt[31:]
	moved.records = append(moved.records, r)
	detected(t, "salt as details", moved.export(t), audit.Options{})

	// Signed with the forger's own key: only the real key from elsewhere tells.
	other := newLedger(t, 6)
	forged := export(other, other.checkpoint(t, 6), other.vkey)
	if r, err := verify(forged, audit.Options{}); err != nil || r.KeyFromOutside {
		t.Errorf("a consistent export verifies by its own key: %+v, %v", r, err)
	}
	detected(t, "signed with the forger's key", forged, audit.Options{Verifier: l.vkey})
	detected(t, "signed with the forger's key, remembered", forged, audit.Options{Remembered: honest})
	detected(t, "the forger's signature under the real key", export(other, other.checkpoint(t, 6), l.vkey), audit.Options{Verifier: l.vkey})
	two := append(bytes.Clone(honest), bytes.SplitAfterN(other.checkpoint(t, 6), []byte("\n\n"), 2)[1]...)
	detected(t, "a second signature", export(l, two, l.vkey), audit.Options{})
}

// R7
func TestForkAndRollbackAreDetectedByWhatIsRemembered(t *testing.T) {
	l := newLedger(t, 9)
	for size := range 9 {
		old := &ledger{l.signer, l.vkey, l.records[:size]}
		text := detected(t, "an older export", old.export(t), audit.Options{Remembered: l.checkpoint(t, 9)})
		if !strings.Contains(text, "rolled back") {
			t.Errorf("an older export: %s", text)
		}
		// The database is set back to size records and goes on from there.
		forked := old.fork()
		for len(forked.records) < 12 {
			forked.log(t, "another past")
		}
		for remembered := size + 1; remembered <= 9; remembered++ {
			text := detected(t, "a fork", forked.export(t), audit.Options{Remembered: l.checkpoint(t, remembered), Verifier: l.vkey})
			if !strings.Contains(text, "forked") {
				t.Errorf("a fork at %d, remembered at %d: %s", size, remembered, text)
			}
		}
		if _, err := verify(forked.export(t), audit.Options{Remembered: l.checkpoint(t, size)}); err != nil {
			t.Errorf("what was remembered before the fork at %d is still its past: %v", size, err)
		}
	}
	for name, remembered := range map[string]string{"empty": "", "rubbish": "x", "changed": strings.Replace(string(l.checkpoint(t, 3)), "\n3\n", "\n2\n", 1)} {
		_, err := verify(l.export(t), audit.Options{Remembered: []byte(remembered)})
		var f *audit.Finding
		if !errors.As(err, &f) || f.Line != 0 {
			t.Errorf("remembered %s: %v, want a finding about the options", name, err)
		}
	}
}

func TestErasedDetailsStillVerify(t *testing.T) {
	l := newLedger(t, 8)
	before := l.checkpoint(t, 8)
	for i := range l.records {
		l.records[i].Salt, l.records[i].Details = nil, nil
		r, err := verify(l.export(t), audit.Options{Verifier: l.vkey, Remembered: before})
		if err != nil || r.Erased != int64(i+1) {
			t.Errorf("%d records erased: %d, %v", i+1, r.Erased, err)
		}
	}
}

func TestLargestDetailsFitInALine(t *testing.T) {
	l := newLedger(t, 0)
	details := map[string]any{"d": strings.Repeat("x", audit.MaxDetails-len(`{"d":""}`))}
	e := audit.Entry{Act: "a.b", Object: strings.Repeat(`"`, 512), Details: details}
	r, err := audit.NewRecord("acme", 0, noon, e, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	l.records = append(l.records, r)
	if _, err := verify(l.export(t), audit.Options{}); err != nil {
		t.Error(err)
	}
}

func TestFindingsSayWhichLineAndReadErrorsAreNotFindings(t *testing.T) {
	export := newLedger(t, 5).export(t)
	changed := bytes.Replace(export, []byte(`"row":3`), []byte(`"row":4`), 1)
	var f *audit.Finding
	if _, err := verify(changed, audit.Options{}); !errors.As(err, &f) || f.Line != 5 || !strings.HasPrefix(err.Error(), "line 5: the details are not those") {
		t.Errorf("record 3 changed: %v, want a finding in line 5", err)
	}
	broken := errors.New("connection reset")
	_, err := audit.Verify(io.MultiReader(bytes.NewReader(export[:len(export)/2]), iotest.ErrReader(broken)), audit.Options{})
	if !errors.Is(err, broken) || errors.As(err, &f) {
		t.Errorf("a broken connection: %v, want it and no finding", err)
	}
}

func TestCheckpointIsSignedByItsOriginOnly(t *testing.T) {
	l := newLedger(t, 0)
	if _, err := audit.Checkpoint("other", 0, tlog.Hash{}, l.signer); err == nil {
		t.Error("another origin is signed for")
	}
	if _, err := audit.Checkpoint(origin, -1, tlog.Hash{}, l.signer); err == nil {
		t.Error("a negative size is signed")
	}
	signed := string(l.checkpoint(t, 0))
	const want = origin + "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\u2014 " + origin + " "
	if !strings.HasPrefix(signed, want) {
		t.Errorf("the checkpoint is\n%s", signed)
	}
}

// detected fails when the export verifies; it gives the finding's text.
func detected(t *testing.T, what string, export []byte, o audit.Options) string {
	t.Helper()
	r, err := verify(export, o)
	var f *audit.Finding
	if !errors.As(err, &f) {
		t.Errorf("%s: not detected (%v)", what, err)
		return ""
	}
	if diff := cmp.Diff(audit.Report{}, r); diff != "" {
		t.Errorf("%s: a report comes with the finding:\n%s", what, diff)
	}
	return f.Text
}

func FuzzVerify(f *testing.F) {
	l := keyedLedger(f, strings.NewReader(strings.Repeat("k", 64)), 3) // inputs found once fail again
	l.records[1].Salt, l.records[1].Details = nil, nil
	export, whole := l.export(f), int64(len(l.records))
	f.Add(export)
	f.Add(newLedger(f, 0).export(f))
	f.Add([]byte(""))
	f.Add([]byte("{}\n"))
	f.Add(bytes.Replace(export, []byte("Z"), []byte("+23:59"), 1))
	f.Add(bytes.Replace(export, []byte("2026"), []byte("9999"), 1))
	f.Fuzz(func(t *testing.T, export []byte) {
		_, _ = verify(export, audit.Options{})
		// With the key from outside, only what was signed is accepted.
		if r, err := verify(export, audit.Options{Verifier: l.vkey}); err == nil && r.Size != whole {
			t.Fatalf("%d records verify that were never signed", r.Size)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	const records = 1000
	l := newLedger(b, records)
	export := l.export(b)
	for b.Loop() {
		if _, err := verify(export, audit.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}
