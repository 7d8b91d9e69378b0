package consent_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
)

// evidence makes a log of five records, and the evidence of the fourth.
func evidence(t testing.TB, choice consent.Choice) (consent.Record, consent.Evidence) {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, "test.example/t")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (found []tlog.Hash, err error) {
		for _, i := range indexes {
			found = append(found, stored[i])
		}
		return found, nil
	})
	var e consent.Evidence
	var fourth consent.Record
	for i := range int64(5) {
		r := consent.Record{
			ID: "0198c0de-0000-7000-8000-00000000000" + string(rune('0'+i)), Sequence: i, Subject: anna, Purpose: "analytics",
			Choice: choice, At: now, Given: now.Add(-time.Hour), Notice: "<1>", Digest: strings.Repeat("ab", 32), Language: "en",
			LegalBasis: "consent", Source: consent.SettingsPage, Supersedes: i - 1, Trace: strings.Repeat("cd", 32),
		}
		a, err := r.Logged("t", bytes.Repeat([]byte{byte(i)}, audit.SaltSize))
		if err != nil {
			t.Fatal(err)
		}
		hashes, err := tlog.StoredHashesForRecordHash(i, audit.LeafHash(a.Leaf), reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		if i == 3 {
			fourth, e = r, consent.Evidence{Leaf: a.Leaf, Salt: a.Salt, Details: a.Details, Key: public}
		}
	}
	root, err := tlog.TreeHash(5, reader)
	if err != nil {
		t.Fatal(err)
	}
	if e.Proof, err = tlog.ProveRecord(5, 3, reader); err != nil {
		t.Fatal(err)
	}
	signed, err := audit.Checkpoint("test.example/t", 5, root, signer)
	if err != nil {
		t.Fatal(err)
	}
	e.Checkpoint = string(signed)
	return fourth, e
}

func TestAReceiptVerifiesWithTheFileAndTheKeyOnly(t *testing.T) {
	for _, choice := range []consent.Choice{consent.Granted, consent.Refused, consent.Withdrawn, consent.Expired} {
		want, e := evidence(t, choice)
		text, err := e.Receipt()
		if err != nil {
			t.Fatal(err)
		}
		got, err := consent.VerifyReceipt(text, e.Key)
		if err != nil || got.Tenant != "t" || got.Size != 5 || !got.KeyFromOutside {
			t.Errorf("%s: %+v, %v", choice, got, err)
		}
		if diff := cmp.Diff(want, got.Record); diff != "" {
			t.Errorf("%s: %s", choice, diff)
		}
		var minified bytes.Buffer
		if err := json.Compact(&minified, text); err != nil {
			t.Fatal(err)
		}
		if got, err := consent.VerifyReceipt(minified.Bytes(), ""); err != nil || got.KeyFromOutside {
			t.Errorf("%s, without space: %+v, %v", choice, got, err)
		}
	}
}

func TestNoByteOfAReceiptCanBeChanged(t *testing.T) {
	_, e := evidence(t, consent.Granted)
	text, err := e.Receipt()
	if err != nil {
		t.Fatal(err)
	}
	var minified bytes.Buffer
	if err := json.Compact(&minified, text); err != nil {
		t.Fatal(err)
	}
	text = minified.Bytes()
	for i := range text {
		for _, flip := range []byte{1, 0x20} {
			changed := bytes.Clone(text)
			changed[i] ^= flip
			if _, err := consent.VerifyReceipt(changed, e.Key); err == nil {
				t.Fatalf("byte %d changed: %s", i, changed[max(0, i-30):min(len(changed), i+30)])
			}
		}
	}
	for _, edit := range []string{`"dpv:hasDataSubject"`, `"volenti:evidence"`} {
		doubled := bytes.Replace(text, []byte(edit), []byte(`"x":1,`+edit), 1)
		if _, err := consent.VerifyReceipt(doubled, e.Key); err == nil {
			t.Errorf("something was added before %s", edit)
		}
	}
	_, foreign := evidence(t, consent.Granted)
	if _, err := consent.VerifyReceipt(text, foreign.Key); err == nil {
		t.Error("it verifies with another's key")
	}
}

func TestAReceiptHasTheFieldsOfTheStandard(t *testing.T) {
	_, e := evidence(t, consent.Withdrawn)
	text, err := e.Receipt()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"@context"`, `"@type": "dpv:ConsentReceipt"`, `"@type": "dpv:ConsentRecord"`, `dpv-27560#receipt`, `dpv-27560#record`,
		`"dct:created"`, `"dct:publisher"`, `"schema:recipient"`, `"dpv:hasRecordOfActivity"`, `"dpv:hasDataSubject"`,
		`"dpv:hasDataController"`, `"dpv:hasProcess"`, `"dpv:hasPurpose"`, `"dpv:hasNotice"`, `"dpv:hasConsentStatus"`,
		`"dpv:ConsentWithdrawn"`, `"dpv:ExpressedConsent"`, `"dpv:isIndicatedAtTime": "2026-11-21T11:30:00Z"`, `"checkpoint"`, `"proof"`,
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}

func FuzzVerifyReceipt(f *testing.F) {
	_, e := evidence(f, consent.Granted)
	text, err := e.Receipt()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"volenti:evidence":{"checkpoint":"x"}}`))
	f.Add([]byte(`[]`))
	f.Add(text[:len(text)/2])
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := consent.VerifyReceipt(text, e.Key); err == nil {
			t.Fatal("a forged receipt verifies")
		}
	})
}

// Every log that exists holds the hash of such a text.
func TestWhatARecordCommitsToNeverChanges(t *testing.T) {
	r := consent.Record{
		ID: "0198c0de-0000-7000-8000-000000000001", Sequence: 7, Subject: anna, Purpose: "analytics", Choice: consent.Granted,
		At: now, Given: time.Date(2026, 3, 4, 12, 0, 0, 120_000_000, time.FixedZone("", 3600)), Notice: `<1> "ü"`, Digest: "ab", Language: "en",
		LegalBasis: "consent", Source: consent.SettingsPage, Supersedes: -1, Trace: "cd",
	}
	logged, err := r.Logged("t", make([]byte, audit.SaltSize))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"given_at":"2026-03-04T11:00:00.12Z","id":"0198c0de-0000-7000-8000-000000000001","language":"en","legal_basis":"consent",` +
		`"notice":"<1> \"ü\"","notice_digest":"ab","purpose":"analytics","source":"settings_page","supersedes":-1,"trace":"cd"}`
	if string(logged.Details) != want || logged.Act != "consent.granted" || logged.Object != "subject/"+anna.String() {
		t.Errorf("logged %+v with %s, want %s", logged.Leaf, logged.Details, want)
	}
}
