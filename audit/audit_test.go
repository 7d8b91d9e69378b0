package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"volenti.dev/volenti/audit"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123456789, time.FixedZone("", 3600))

func TestLeafBytesNeverChange(t *testing.T) {
	salt := []byte(strings.Repeat("s", audit.SaltSize))
	r, err := audit.NewRecord("acme", 7, noon, audit.Entry{
		Act:    "request.approve",
		Object: `request/0198c0de "<ü>" \&`,
		Details: map[string]any{
			"operator": "ann@example.org", "approved": true, "rows": 12, "note": "a <b> & \u2028",
			"nested": map[string]any{"z": nil, "a": []int{1}},
		},
	}, salt)
	if err != nil {
		t.Fatal(err)
	}
	const details = `{"approved":true,"nested":{"a":[1],"z":null},"note":"a <b> & \u2028","operator":"ann@example.org","rows":12}`
	if diff := cmp.Diff(details, string(r.Details)); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
	sum := sha256.Sum256([]byte(string(salt) + details))
	want := `{"v":1,"tenant":"acme","seq":7,"at":"2026-03-04T11:00:00.123456Z","act":"request.approve",` +
		`"object":"request/0198c0de \"<ü>\" \\&","commitment":"` + hex.EncodeToString(sum[:]) + `"}`
	if diff := cmp.Diff(want, string(r.Leaf.Bytes())); diff != "" {
		t.Errorf("leaf (-want +got):\n%s", diff)
	}
	// The same leaf again, as a store gives it back, in another zone.
	again := r.Leaf
	again.At = again.At.In(time.FixedZone("", -7200))
	if string(again.Bytes()) != want {
		t.Errorf("the leaf in another zone is %s", again.Bytes())
	}
	const golden = "9S44V2nntw1LzoFoPxS/PpdXzrq/sE/HcGDTbN/B/PM=" // computed apart from this code
	if got := audit.LeafHash(r.Leaf).String(); got != golden {
		t.Errorf("the leaf's hash is %s, want %s", got, golden)
	}
}

func TestRecordWithoutDetailsHasNone(t *testing.T) {
	for _, details := range []map[string]any{nil, {}} {
		r, err := audit.NewRecord("acme", 0, noon, audit.Entry{Act: "tenant.create", Object: "tenant/acme", Details: details}, make([]byte, 32))
		if err != nil || r.Details != nil {
			t.Errorf("details are %q, %v", r.Details, err)
		}
	}
}

func TestRecordsOutOfFormAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		tenant, act, object string
		seq                 int64
		at                  time.Time
		details             map[string]any
		salt                int
	}{
		"no tenant":             {"", "a.b", "o", 0, noon, nil, 32},
		"tenant too long":       {strings.Repeat("t", 129), "a.b", "o", 0, noon, nil, 32},
		"tenant not printable":  {"ac\nme", "a.b", "o", 0, noon, nil, 32},
		"no act":                {"acme", "", "o", 0, noon, nil, 32},
		"act of one word":       {"acme", "approve", "o", 0, noon, nil, 32},
		"act of three words":    {"acme", "a.b.c", "o", 0, noon, nil, 32},
		"act in upper case":     {"acme", "Request.approve", "o", 0, noon, nil, 32},
		"act without verb":      {"acme", "request.", "o", 0, noon, nil, 32},
		"act without noun":      {"acme", ".approve", "o", 0, noon, nil, 32},
		"act too long":          {"acme", strings.Repeat("a", 128) + ".b", "o", 0, noon, nil, 32},
		"no object":             {"acme", "a.b", "", 0, noon, nil, 32},
		"object too long":       {"acme", "a.b", strings.Repeat("o", 513), 0, noon, nil, 32},
		"object of two lines":   {"acme", "a.b", "o\np", 0, noon, nil, 32},
		"object not UTF-8":      {"acme", "a.b", "o\xff", 0, noon, nil, 32},
		"negative sequence":     {"acme", "a.b", "o", -1, noon, nil, 32},
		"no time":               {"acme", "a.b", "o", 0, time.Time{}, nil, 32},
		"year of five digits":   {"acme", "a.b", "o", 0, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), nil, 32},
		"short salt":            {"acme", "a.b", "o", 0, noon, nil, 31},
		"no salt":               {"acme", "a.b", "o", 0, noon, nil, 0},
		"details too large":     {"acme", "a.b", "o", 0, noon, map[string]any{"canary": strings.Repeat("x", audit.MaxDetails)}, 32},
		"details beyond JSON":   {"acme", "a.b", "o", 0, noon, map[string]any{"canary": make(chan int)}, 32},
		"details that are NaNs": {"acme", "a.b", "o", 0, noon, map[string]any{"canary": nan()}, 32},
	} {
		_, err := audit.NewRecord(c.tenant, c.seq, c.at, audit.Entry{Act: c.act, Object: c.object, Details: c.details}, make([]byte, c.salt))
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error quotes the details: %v", name, err)
		}
	}
}

// The texts of other logs are those of encoding/json, in any language.
func TestLeavesAreWrittenAsEncodingJSONDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := audit.Leaf{
			Version: 1, Tenant: rapid.String().Draw(t, "tenant"), Sequence: rapid.Int64().Draw(t, "seq"),
			At:  time.UnixMicro(rapid.Int64Range(-1e15, 1e16).Draw(t, "at")).UTC(),
			Act: "a.b", Object: rapid.String().Draw(t, "object"), Commitment: strings.Repeat("0", 64),
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(l); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), string(l.Bytes())+"\n"); diff != "" {
			t.Fatal(diff)
		}
	})
}

func nan() float64 { zero := 0.0; return zero / zero }
