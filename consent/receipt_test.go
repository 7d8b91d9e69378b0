package consent_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/notice"
)

// described are rules with all facts of a controller and a version "<1>".
func described(t testing.TB) *consent.Rules {
	t.Helper()
	r, err := consent.DefaultRules().Publish(notice.Version{Version: "<1>", Texts: []notice.Text{{Language: "en", Body: "a"}}, ClassifiedBy: "eve"}, now)
	if err != nil {
		t.Fatal(err)
	}
	r, err = r.Describe(consent.Controller{
		Name: "Shop <GmbH>", Contact: "mailto:privacy@shop.example", Withdraw: "https://shop.example/settings",
		Jurisdictions: []string{"EU", "DE"}, Laws: []string{"https://w3id.org/dpv/legal/eu#law-GDPR"}, Rights: []string{"to withdraw"},
		Processing: map[string]consent.Processing{"analytics": {
			Recipients: []string{"Counters Ltd"}, Processors: []string{"Host AG"}, Data: []string{"pages read"},
			Location: "Germany", Duration: "P6M", Deletion: "overwritten",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// evidence makes a log of five records, and the evidence of the fourth.
func evidence(t testing.TB, choice consent.Choice, bases ...string) (consent.Record, consent.Evidence) {
	t.Helper()
	facts, digest, err := described(t).Facts("analytics", "<1>")
	if err != nil {
		t.Fatal(err)
	}
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
			LegalBasis: "consent", Source: consent.SettingsPage, Supersedes: i - 1, Trace: strings.Repeat("cd", 32), Facts: digest,
		}
		if len(bases) > 0 {
			r.LegalBasis = bases[0]
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
			fourth, e = r, consent.Evidence{Leaf: a.Leaf, Salt: a.Salt, Details: a.Details, Facts: facts, Key: public}
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
	var minified bytes.Buffer
	if err := json.Compact(&minified, text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"@context":{`, `"@type":"dpv:ConsentReceipt"`, `"@type":"dpv:ConsentRecord"`, `dpv-27560#receipt`, `dpv-27560#record`, `"dct:identifier":`,
		`"dct:created":"2026-11-21T12:30:00Z"`, `"dct:publisher":{`, `"schema:recipient":{`, `"dpv:hasRecordOfActivity":[{`, `"dpv:hasDataSubject":{`,
		`"dpv:hasDataController":[{"@id":"urn:volenti:test.example/t","schema:name":"Shop <GmbH>","dpv:hasContact":{"@id":"mailto:privacy@shop.example"}}]`,
		`"dpv:hasDataProcessor":[{"@type":"dpv:DataProcessor","schema:name":"Host AG"}]`,
		`"dpv:hasJurisdiction":[{"@id":"loc:EU"},{"@id":"loc:DE"}]`,
		`"dpv:hasApplicableLaw":[{"@id":"https://w3id.org/dpv/legal/eu#law-GDPR","@type":"dpv:Law"}]`,
		`"dpv:hasProcess":[{"dpv:hasPurpose":[{"@id":"urn:volenti:test.example/t:purpose:analytics","schema:name":"Analytics"}]`,
		`"dpv:hasLegalBasis":[{"@id":"dpv:Consent","@type":"dpv:LegalBasis"}]`,
		`"dpv:hasRecipient":[{"@type":"dpv:Recipient","schema:name":"Counters Ltd"}]`,
		`"dpv:hasPersonalData":[{"@type":"dpv:PersonalData","schema:name":"pages read"}]`,
		`"dpv:hasStorageCondition":[{"@type":"dpv:StorageLocation","schema:name":"Germany"},{"@type":"dpv:StorageDuration","dpv:hasDuration":"P6M"},{"@type":"dpv:StorageDeletion","schema:name":"overwritten"}]`,
		`"dpv:hasConsentControl":[{"@type":"dpv:WithdrawConsent","dpv:isExercisedAt":{"@id":"https://shop.example/settings"}}]`,
		`"dpv:hasRight":[{"@type":"dpv:Right","schema:name":"to withdraw"}]`,
		`"dpv:hasNotice":[{"@id":"urn:volenti:test.example/t:notice:<1>","schema:version":"<1>","dct:date":"2026-11-21T12:30:00Z","dct:language":"en","dct:coverage":[{"@id":"loc:EU"},{"@id":"loc:DE"}],"volenti:sha256":"abab`,
		`"dpv:hasConsentStatus":[{"@type":["dpv:ConsentWithdrawn","dpv:ExpressedConsent"],"dpv:isIndicatedBy":{`,
		`"dpv:hasIndicationMethod":"settings_page","dpv:isIndicatedAtTime":"2026-11-21T11:30:00Z"`, `"volenti:sequence":3`, `"checkpoint":`, `"proof":`,
	} {
		if !bytes.Contains(minified.Bytes(), []byte(want)) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}

func TestEveryTermOfAReceiptIsInTheVocabulary(t *testing.T) {
	list, err := os.ReadFile("testdata/dpv-2-terms.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		known[strings.TrimSpace(line)] = true
	}
	term := regexp.MustCompile(`"dpv:([^"]*)"`)
	used := map[string]bool{}
	for _, choice := range []consent.Choice{consent.Granted, consent.Refused, consent.Withdrawn, consent.Expired} {
		for _, basis := range []string{"consent", "explicit_consent", "contract", "legal_obligation", "legitimate_interest", "public_interest", "vital_interest", "custom"} {
			_, e := evidence(t, choice, basis)
			text, err := e.Receipt()
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range term.FindAllSubmatch(text, -1) {
				used[string(m[1])] = true
			}
		}
	}
	for word := range used {
		if !known[word] {
			t.Errorf("dpv:%s is not in the vocabulary", word)
		}
	}
	if len(used) < 40 {
		t.Errorf("only %d terms were seen", len(used))
	}
}

// What the controller said is not in the leaf; its digest is.
func TestFactsOfTheControllerCannotBeForged(t *testing.T) {
	_, e := evidence(t, consent.Granted)
	good := e.Facts
	for name, facts := range map[string]string{
		"left out": "", "empty": "{}", "of another": strings.Replace(string(good), "Shop", "Sham", 1), "with more": strings.Replace(string(good), "{", `{"x":1,`, 1),
	} {
		e.Facts = json.RawMessage(facts)
		if text, err := e.Receipt(); err == nil {
			t.Errorf("%s: a receipt was written: %s", name, text)
		}
	}
	e.Facts = good
	text, err := e.Receipt()
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.ReplaceAll(text, []byte("Germany"), []byte("Bermuda")) // in the facts and in what is shown
	if _, err := consent.VerifyReceipt(forged, e.Key); err == nil || bytes.Equal(forged, text) {
		t.Error("forged facts verify")
	}
}

// testdata/receipt-1.json was handed out before receipts had a version.
func TestReceiptsOfTheFirstFormVerify(t *testing.T) {
	text, err := os.ReadFile("testdata/receipt-1.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := consent.VerifyReceipt(text, "")
	if err != nil || v.Record.Purpose != "analytics" || v.Record.Choice != consent.Granted || v.Record.Facts != "" {
		t.Errorf("%+v, %v", v, err)
	}
	for _, edit := range [][2]string{{"analytics", "research1"}, {`"@context"`, `"volenti:version": 2, "@context"`}, {`"@context"`, `"volenti:version": 3, "@context"`}} {
		forged := bytes.Replace(text, []byte(edit[0]), []byte(edit[1]), 1)
		if _, err := consent.VerifyReceipt(forged, ""); err == nil {
			t.Errorf("%s instead of %s verifies", edit[1], edit[0])
		}
	}
}

func TestFactsThatCannotBeShownAreRefused(t *testing.T) {
	for _, c := range []consent.Controller{
		{Withdraw: "javascript:alert(1)"}, {Contact: "privacy@example.com"}, {Jurisdictions: []string{"Germany"}}, {Laws: []string{""}},
		{Name: strings.Repeat("a", 513)}, {Name: "\xff"}, {Processing: map[string]consent.Processing{"cookies": {}}},
		{Processing: map[string]consent.Processing{"analytics": {Duration: "6 months"}}},
	} {
		var invalid *consent.Invalid
		if _, err := consent.DefaultRules().Describe(c); !errors.As(err, &invalid) {
			t.Errorf("%+v: %v", c, err)
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
