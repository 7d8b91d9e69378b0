package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/intake"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

const consents = "/api/v1/consents"

func (s *site) allowed(id consent.SubjectID, purpose string) api.Decision {
	s.t.Helper()
	var d api.Decision
	s.ask("GET", "/api/v1/subjects/"+id.String()+"/consents/"+purpose, "", http.StatusOK, &d)
	return d
}

func TestAChoiceGoesInAndTheGateHeedsIt(t *testing.T) { // A8 A12 A23 A24
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		var made api.Recorded
		s.ask("POST", consents, `{"identities":[{"type":"email","value":"Anna@Example.org"}],"purposes":{"research":false,"analytics":true},"source":"signup_form","ip_address":"203.0.113.9","user_agent":"Mozilla/5.0"}`, http.StatusCreated, &made)
		if len(made.Choices) != 2 || made.Choices[0].Choice != "granted" || !made.Choices[0].Granted || made.Choices[1].Choice != "refused" ||
			made.Choices[1].Sequence != made.Choices[0].Sequence+1 || made.Choices[0].At == nil || made.Enforced.Before(made.Choices[0].At.Add(-time.Second)) {
			t.Fatalf("%+v", made)
		}
		if d := s.allowed(made.Subject, "analytics"); !d.Allowed || d.Reason != "granted" {
			t.Errorf("analytics: %v", d)
		}
		if d := s.allowed(made.Subject, "research"); d.Allowed || d.Reason != "refused" {
			t.Errorf("research: %v", d)
		}
		var found api.Found
		s.ask("POST", "/api/v1/subjects/find", `{"identities":[{"type":"email","value":"anna@example.org"}]}`, http.StatusOK, &found)
		if found.Subject != made.Subject {
			t.Errorf("found %v, want %v", found.Subject, made.Subject)
		}
		var put api.Recorded
		at := "/api/v1/subjects/" + made.Subject.String()
		s.ask("PUT", at+"/consents", `{"purposes":{"analytics":false,"research":false}}`, http.StatusOK, &put)
		if put.Choices[0].Choice != "withdrawn" || put.Choices[1].Choice != "refused" || !put.Choices[1].Unchanged || put.Choices[1].At != nil {
			t.Errorf("%+v", put)
		}
		if d := s.allowed(made.Subject, "analytics"); d.Reason != "withdrawn" {
			t.Errorf("after the withdrawal: %v", d)
		}
		var standings api.Standings
		s.ask("GET", at+"/consents", "", http.StatusOK, &standings)
		if len(standings.Purposes) != 6 || standings.Purposes[0].Reason != consent.WasWithdrawn || standings.Purposes[0].GrantedAt != nil || standings.Purposes[1].Choice != nil {
			t.Errorf("%+v", standings)
		}
		var history api.RecordPage
		s.ask("GET", at+"/records?limit=2", "", http.StatusOK, &history)
		if len(history.Items) != 2 || history.Next == nil || history.Items[0].Source != consent.SignupForm || history.Items[0].Trace == "" {
			t.Fatalf("%+v", history)
		}
		var rest api.RecordPage
		s.ask("GET", fmt.Sprintf("%s/records?limit=2&after=%d", at, *history.Next), "", http.StatusOK, &rest)
		if len(rest.Items) != 1 || rest.Next != nil || rest.Items[0].Supersedes != made.Choices[0].Sequence || rest.Items[0].Source != consent.SettingsPage {
			t.Errorf("%+v", rest)
		}
		if dump := string(db.Dump(t)); strings.Contains(dump, "203.0.113.9") || strings.Contains(strings.ToLower(dump), "anna@example") {
			t.Error("the database shows who it was")
		}
	})
}

// The address is that of the person, which the program that asks knows; what
// headers say is that of the program, or of anybody.
func TestWhereAChoiceCameFromIsWhatTheProgramSays(t *testing.T) { // A2 A25
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		recorded := func(body string) consent.Record {
			t.Helper()
			got := s.send("POST", consents, s.key, strings.NewReader(body), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json",
				"X-Forwarded-For", "198.51.100.7", "Forwarded", "for=198.51.100.7", "X-Real-Ip", "198.51.100.7", "User-Agent", "Mozilla/5.0")
			var made api.Recorded
			s.must(json.Unmarshal([]byte(got.body), &made))
			all, err := db.Consents().History(t.Context(), store.DefaultTenant, made.Subject)
			s.must(err)
			return all[len(all)-1]
		}
		if r := recorded(`{"identities":[{"type":"email","value":"a@example.org"}],"purposes":{"analytics":true}}`); r.Trace != "" {
			t.Errorf("headers were believed: %+v", r)
		}
		r := recorded(`{"identities":[{"type":"email","value":"a@example.org"}],"purposes":{"analytics":false},"ip_address":"203.0.113.9","source":"settings_page","language":"de","legal_basis":"explicit_consent"}`)
		if r.Trace == "" || r.Choice != consent.Withdrawn || r.Purpose != "analytics" || r.Source != consent.SettingsPage || r.Language != "" && r.Language != "de" ||
			r.LegalBasis != "explicit_consent" || r.Supersedes < 0 || r.ID == "" || r.At.IsZero() || r.Given.IsZero() {
			t.Errorf("%+v", r)
		}
	})
}

func TestSameChoicesUnderOneKeyAreRecordedOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		post := func(body, key string) reply {
			return s.send("POST", consents, s.key, strings.NewReader(body), "Idempotency-Key", key, "Content-Type", "application/json")
		}
		yes := `{"identities":[{"type":"email","value":"anna@example.org"}],"purposes":{"analytics":true,"research":true}}`
		var first, again api.Recorded
		got := post(yes, "k")
		s.must(json.Unmarshal([]byte(got.body), &first))
		if got.status != http.StatusCreated {
			t.Fatal(got)
		}
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if got := post(yes, "k"); got.status != http.StatusCreated || !strings.Contains(got.body, first.Choices[1].Record) {
					t.Errorf("again: %d %s", got.status, got.body)
				}
			})
		}
		all.Wait()
		s.must(json.Unmarshal([]byte(post(yes, "k").body), &again))
		again.Enforced = first.Enforced
		if fmt.Sprint(again.Subject, again.Choices[0].Record, again.Choices[0].Unchanged) != fmt.Sprint(first.Subject, first.Choices[0].Record, false) {
			t.Errorf("%+v, first %+v", again, first)
		}
		s.problem("another content", post(strings.Replace(yes, "true", "false", 1), "k"), http.StatusConflict)
		s.problem("no key", s.send("POST", consents, s.key, strings.NewReader(yes), "Content-Type", "application/json"), http.StatusBadRequest)
		if records, err := db.Consents().Records(t.Context(), store.DefaultTenant, 0, 100); err != nil || len(records) != 2 {
			t.Errorf("%d records, %v", len(records), err)
		}
	})
}

func TestAllThatIsWrongWithAChoiceIsToldAndNothingIsRecorded(t *testing.T) { // A24 SE7 SE8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		post := func(body string) reply {
			return s.send("POST", consents, s.key, strings.NewReader(body), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json")
		}
		who := `"identities":[{"type":"email","value":"anna@example.org"}]`
		got := post(`{` + who + `,"purposes":{"analytics":true,"cookies":true,"` + personal + `":true},"notice":"9","source":"nowhere","language":"xx-","legal_basis":"A!"}`)
		s.problem("everything", got, http.StatusUnprocessableEntity)
		for _, want := range []string{`there is no purpose \"cookies\"`, `there is no such purpose`, `there is no source \"nowhere\"`, `body.purposes`, `body.language`, `body.legal_basis`} {
			if !strings.Contains(got.body, want) {
				t.Errorf("%s is not in %s", want, got.body)
			}
		}
		if strings.Contains(got.body, "canary") {
			t.Errorf("it repeats what was sent: %s", got.body)
		}
		for body, want := range map[string]int{
			`{"purposes":{"analytics":true}}`: 422, `{` + who + `,"purposes":{}}`: 422, `{` + who + `}`: 422, `{` + who + `,"purposes":{"analytics":"yes"}}`: 422,
			`{` + who + `,"purposes":{"__proto__":true}}`: 422, `{` + who + `,"purposes":{"constructor":true}}`: 422,
			`{` + who + `,"purposes":{"analytics":true},"given_at":"2999-01-01T00:00:00Z"}`: 422, `{"subject":"x","purposes":{"analytics":true}}`: 422,
			`{"subject":"` + uuid.NewString() + `","purposes":{"analytics":true}}`:                                                         404,
			`{"identities":[{"type":"email","value":"` + personal[:6] + `"},{"type":"Nobody","value":"x"}],"purposes":{"analytics":true}}`: 422,
			`{` + who + `,"purposes":{"analytics":true},"notice":"never"}`:                                                                 422,
		} {
			got := post(body)
			s.problem(body, got, want)
			if strings.Contains(got.body, "canary") {
				t.Errorf("it repeats what was sent: %s", got.body)
			}
		}
		s.problem("too large", post(`{`+who+strings.Repeat(" ", 70<<10)+`}`), http.StatusRequestEntityTooLarge)
		if records, err := db.Consents().Records(t.Context(), store.DefaultTenant, 0, 100); err != nil || len(records) != 0 {
			t.Errorf("%d records, %v", len(records), err)
		}
	})
}

// The quick way takes nothing that the document does not allow.
func TestTheQuickWayIsAsStrictAsTheDocument(t *testing.T) { // SE7
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	long := func(n int) string { return strings.Repeat("a", n) }
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	who, what := `"identities":[{"type":"email","value":"a@example.org"}]`, `"purposes":{"analytics":true}`
	for _, body := range []string{
		`{` + who + `,` + what + `,"notice":"` + long(65) + `"}`, `{` + who + `,` + what + `,"language":"` + long(36) + `"}`,
		`{` + who + `,` + what + `,"source":"` + long(65) + `"}`, `{` + who + `,` + what + `,"legal_basis":"` + long(65) + `"}`,
		`{` + who + `,` + what + `,"ip_address":"` + long(46) + `"}`, `{` + who + `,` + what + `,"user_agent":"` + long(1025) + `"}`,
		`{"identities":[` + many(21, `{"type":"email","value":"a@example.org"}`) + `],` + what + `}`, `{"identities":[{"type":"","value":"x"}],` + what + `}`,
		`{"identities":[{"type":"external_id","value":"` + long(1025) + `"}],` + what + `}`, `{"subject":"x",` + what + `}`,
		`{` + who + `,` + what + `,"more":1}`,
	} {
		s.problem(body[:min(len(body), 120)], s.send("POST", consents, s.key, strings.NewReader(body), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json"), http.StatusUnprocessableEntity)
	}
	if records, err := s.db.Consents().Records(t.Context(), store.DefaultTenant, 0, 10); err != nil || len(records) != 0 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

func TestTenThousandAreCheckedAtOnceInTheirOrder(t *testing.T) { // A15
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		granted, refused := s.makeConsent("default", "a@example.com", "analytics", true), s.makeConsent("default", "b@example.com", "analytics", false)
		most := 10_000
		if !db.Embedded() {
			most = 300 // each asks the database
		}
		ids := make([]string, most)
		for i := range ids {
			ids[i] = []string{granted.Subject.String(), refused.Subject.String(), uuid.NewString()}[i%3]
		}
		body, err := json.Marshal(map[string]any{"purpose": "analytics", "subjects": ids})
		s.must(err)
		var got api.Decisions
		s.ask("POST", consents+"/check", string(body), http.StatusOK, &got)
		if len(got.Results) != most {
			t.Fatalf("%d results", len(got.Results))
		}
		for i, r := range got.Results {
			if r.Subject != ids[i] || r.Allowed != (i%3 == 0) || r.Reason != []string{"granted", "refused", "no_record"}[i%3] {
				t.Fatalf("%d: %+v", i, r)
			}
		}
		got = api.Decisions{}
		s.ask("POST", consents+"/check", `{"purpose":"analytics","identities":[{"type":"email","value":"A@example.com"},{"type":"email","value":"nobody@example.com"},{"type":"email","value":"no address"}]}`, http.StatusOK, &got)
		if len(got.Results) != 3 || got.Results[2].Reason != "no_record" || !got.Results[0].Allowed || got.Results[1].Reason != "no_record" || got.Results[1].Subject != "" {
			t.Errorf("%+v", got)
		}
		s.ask("POST", consents+"/check", `{"purpose":"telepathy","subjects":["`+ids[0]+`"]}`, http.StatusOK, &got)
		if got.Results[0].Allowed || got.Results[0].Reason != "unknown_purpose" {
			t.Errorf("%+v", got)
		}
		for _, body := range []string{
			`{"purpose":"analytics"}`, `{"purpose":"analytics","subjects":[]}`, `{"purpose":"analytics","subjects":["x"]}`, `{"subjects":["` + ids[0] + `"]}`,
			`{"purpose":"analytics","subjects":["` + ids[0] + `"],"identities":[{"type":"email","value":"a@example.com"}]}`,
			`{"purpose":"analytics","subjects":[` + strings.Repeat(`"`+ids[0]+`",`, 10_000) + `"` + ids[0] + `"]}`,
		} {
			s.problem(body[:min(60, len(body))], s.send("POST", consents+"/check", s.key, strings.NewReader(body), "Content-Type", "application/json"), http.StatusUnprocessableEntity)
		}
	})
}

func TestAGateThatCannotReadAnswersUnavailable(t *testing.T) { // A15
	t.Parallel()
	s := newSite(t, storetest.Postgres(t))
	o := s.makeConsent("default", "a@example.com", "analytics", true)
	if d := s.allowed(o.Subject, "analytics"); !d.Allowed {
		t.Fatal(d)
	}
	_, err := s.db.Raw(t).ExecContext(t.Context(), `ALTER TABLE consent_state RENAME TO lost`)
	s.must(err)
	if got := s.get("/api/v1/subjects/" + o.Subject.String() + "/consents/analytics"); got.status < 500 || strings.Contains(got.body, "granted") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestANoticeIsPublishedAndPeopleAreAskedAgain(t *testing.T) { // A17 A19 A21
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.ask("PUT", "/api/v1/purposes", `{"purposes":[{"key":"letters","title":"Letters","group":"marketing","block":true},{"key":"analytics","expires_days":30}],"sources":["kiosk"]}`, http.StatusOK, nil)
		var purposes api.Purposes
		s.ask("GET", "/api/v1/purposes", "", http.StatusOK, &purposes)
		if len(purposes.Purposes) != 2 || !purposes.Purposes[0].Block || purposes.Purposes[0].Group != "marketing" || purposes.Purposes[1].ExpiresDays != 30 || purposes.Sources[0] != "kiosk" {
			t.Errorf("%+v", purposes)
		}
		first := `{"version":"1","texts":[{"language":"en","body":"Letters."},{"language":"de","body":"Briefe."}],"material":false,"classified_by":"officer"}`
		s.ask("POST", "/api/v1/notices", first, http.StatusCreated, nil)
		s.ask("POST", "/api/v1/notices", first, http.StatusCreated, nil) // the same again changes nothing
		o := s.makeConsentIn("default", "a@example.com", "letters", true, "de")
		s.ask("POST", "/api/v1/notices", `{"version":"2","texts":[{"language":"en","body":"Letters of partners."}],"summary":"Partners.","material":true,"classified_by":"officer","purposes":["letters"]}`, http.StatusCreated, nil)
		s.problem("the same version again", s.send("POST", "/api/v1/notices", s.key, strings.NewReader(strings.Replace(first, "Briefe", "Post", 1)), "Idempotency-Key", "x", "Content-Type", "application/json"), http.StatusConflict)
		s.problem("an unknown purpose", s.send("POST", "/api/v1/notices", s.key, strings.NewReader(`{"version":"3","texts":[{"language":"en","body":"x"}],"summary":"x","material":true,"classified_by":"officer","purposes":["nothing"]}`), "Idempotency-Key", "y", "Content-Type", "application/json"), http.StatusUnprocessableEntity)
		if d := s.allowed(o.Subject, "letters"); d.Allowed || d.Reason != "reconsent_due" {
			t.Errorf("after a material change: %v", d)
		}
		var e consent.Explanation
		s.ask("GET", "/api/v1/subjects/"+o.Subject.String()+"/consents/letters/explain", "", http.StatusOK, &e)
		if e.Allowed || e.PolicyVersion != "1" || e.Current != "2" || e.Reconsent == nil || e.Reconsent.Summary != "Partners." || !strings.Contains(e.Text, "Version 2 changed it in substance") {
			t.Errorf("%+v", e)
		}
		var notices api.Notices
		s.ask("GET", "/api/v1/notices", "", http.StatusOK, &notices)
		var shown api.Notice
		s.ask("GET", "/api/v1/notices/1", "", http.StatusOK, &shown)
		if len(notices.Items) != 2 || notices.Current != "2" || len(shown.Texts) != 2 || shown.Texts[0].Body != "Briefe." || shown.Digests["de"] == "" {
			t.Errorf("%+v, %+v", notices, shown)
		}
		var answered api.Recorded
		s.ask("PUT", "/api/v1/subjects/"+o.Subject.String()+"/consents", `{"purposes":{"letters":true}}`, http.StatusOK, &answered)
		if d := s.allowed(o.Subject, "letters"); !d.Allowed {
			t.Errorf("after the answer: %v", d)
		}
	})
}

func TestChoicesFromElsewhereAreTakenOverOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		send := func(query, kind, body string) (got reply, report intake.Report) {
			got = s.send("POST", "/api/v1/consents/import"+query, s.key, strings.NewReader(body), "Content-Type", kind)
			if got.status == http.StatusOK {
				s.must(json.Unmarshal([]byte(got.body), &report))
			}
			return got, report
		}
		rows := "email,purpose,granted,given_at\na@example.com,analytics,yes,2026-02-01\n" + personal + ",analytics,perhaps,2026-02-01\nb@example.com,cookies,no,2026-02-01\nc@example.com,research,no,2999-02-01\n"
		got, report := send("?dry_run=true", "text/csv", rows)
		if report.Rows != 4 || len(report.Errors) != 3 || report.Recorded != 0 || strings.Contains(got.body, "canary") {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if records, err := db.Consents().Records(t.Context(), store.DefaultTenant, 0, 10); err != nil || len(records) != 0 {
			t.Errorf("a dry run made %d records, %v", len(records), err)
		}
		before := s.entries()
		for recorded := 1; recorded >= 0; recorded-- {
			if _, report := send("", "text/csv", rows); report.Recorded != recorded || report.Unchanged != 1-recorded || len(report.Errors) != 3 {
				t.Errorf("%+v", report)
			}
		}
		if s.entries() != before+3 { // two imports and one record
			t.Errorf("%d entries", s.entries()-before)
		}
		records, err := db.Consents().Records(t.Context(), store.DefaultTenant, 0, 10)
		if err != nil || len(records) != 1 || records[0].Source != consent.Import || records[0].Given.Format(time.DateOnly) != "2026-02-01" || !records[0].At.After(records[0].Given) {
			t.Errorf("%+v, %v", records, err)
		}
		if _, report := send("?identity_column=customer_number", "application/jsonl", `{"customer_number":"7","purpose":"analytics","granted":true,"given_at":"2026-02-01"}`); report.Recorded != 1 {
			t.Errorf("%+v", report)
		}
		for want, kind := range map[int]string{415: "application/json", 422: "text/csv"} {
			got, _ := send("", kind, "")
			s.problem(kind, got, want)
		}
		for _, query := range []string{"?dry_run=perhaps", "?dryrun=true"} {
			got, _ := send(query, "text/csv", rows)
			s.problem(query, got, http.StatusUnprocessableEntity)
		}
	})
}

func TestAGroupIsAnsweredAtOnceAndAPurposeByItself(t *testing.T) { // A26
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	var made api.Recorded
	who := `"identities":[{"type":"email","value":"a@example.org"}]`
	s.ask("POST", consents, `{`+who+`,"groups":{"marketing":true},"purposes":{"marketing_push":false,"research":false}}`, http.StatusCreated, &made)
	got := map[string]string{}
	for _, c := range made.Choices {
		got[c.Purpose] = c.Choice
	}
	if len(got) != 3 || got["marketing_email"] != "granted" || got["marketing_push"] != "refused" || got["research"] != "refused" {
		t.Errorf("%v", got)
	}
	for _, body := range []string{`{` + who + `,"groups":{"nothing":true}}`, `{` + who + `,"groups":{"":true}}`, `{` + who + `,"groups":{}}`} {
		s.problem(body, s.send("POST", consents, s.key, strings.NewReader(body), "Idempotency-Key", "k", "Content-Type", "application/json"), http.StatusUnprocessableEntity)
	}
}

func TestStatisticsTellNothingOfFew(t *testing.T) { // A30
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		for i := range 19 {
			s.makeConsent(store.DefaultTenant, fmt.Sprintf("p%d@example.com", i), "analytics", i < 10)
		}
		s.makeConsent(otherTenant, "x@example.com", "research", true)
		if got := s.get("/api/v1/consents/statistics"); !strings.Contains(got.body, `"items":[{"purpose":"analytics","choice":"granted","subjects":10},{"purpose":"analytics","choice":"refused","subjects":null}]`) {
			t.Error(got.body)
		}
	})
}

// What a person is known by, and from where they came, is in no log, at debug
// level neither, in no error, and not readable in the database.
func TestNothingPersonalOfAChoiceIsShown(t *testing.T) { // SE10 SE11
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		who := `"identities":[{"type":"email","value":"` + personal + `"},{"type":"external_id","value":"canary-77"}]`
		var all []string
		for _, body := range []string{
			`{` + who + `,"purposes":{"analytics":true},"ip_address":"203.0.113.77","user_agent":"canary-agent"}`, `{` + who + `,"purposes":{"cookies":true}}`,
			`{` + who + `,"purposes":{"canary@x":true}}`, `{` + who + `,"purposes":{"analytics":true},"source":"canary source","language":"canary!","legal_basis":"canary basis"}`,
			`{` + who + `,"purposes":{"analytics":"canary"}}`, `canary`,
		} {
			all = append(all, s.send("POST", consents, s.key, strings.NewReader(body), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json", "X-Forwarded-For", "203.0.113.77").body)
		}
		for _, path := range []string{"/check", "/import"} {
			all = append(all, s.send("POST", consents+path, s.key, strings.NewReader(`{"purpose":"analytics","identities":[{"type":"email","value":"canary"}]}`), "Content-Type", "application/json").body)
		}
		s.stop()
		s.must(<-s.ended)
		for _, text := range append(all, s.log.String(), string(db.Dump(t))) {
			if at := strings.Index(strings.ToLower(text), "canary"); at >= 0 || strings.Contains(text, "203.0.113.77") {
				t.Errorf("it shows: %.200s", text[max(0, at-100):])
			}
		}
	})
}

func TestPurposesOfADirectoryAreChangedNowhereElse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		of := []consent.Purpose{{Key: "letters"}}
		s.must(db.Consents().Apply(t.Context(), store.DefaultTenant, of, true, act("config.apply")))
		put := func() reply {
			return s.send("PUT", "/api/v1/purposes", s.key, strings.NewReader(`{"purposes":[{"key":"analytics"}]}`), "Content-Type", "application/json")
		}
		s.problem("managed", put(), http.StatusConflict)
		s.ask("PUT", "/api/v1/purposes", `{"purposes":[{"key":"letters"}],"sources":["kiosk"]}`, http.StatusOK, nil) // sources are not of the directory
		s.must(db.Consents().Apply(t.Context(), store.DefaultTenant, of, false, act("config.apply")))
		if got := put(); got.status != http.StatusOK {
			t.Errorf("released: %d %s", got.status, got.body)
		}
	})
}

func TestAReceiptOverHTTPVerifiesAlsoAfterErasure(t *testing.T) { // A35 A31
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		o := s.makeConsent("default", "a@example.com", "analytics", true)
		receipt := s.get(fmt.Sprintf("/api/v1/consents/%d/receipt", o.Sequence))
		if receipt.status != http.StatusOK || receipt.header.Get("Content-Type") != "application/ld+json" {
			t.Fatal(receipt)
		}
		at := "/api/v1/subjects/" + o.Subject.String()
		s.ask("POST", at+"/erase", "", http.StatusOK, nil)
		for _, path := range []string{at + "/consents", at + "/records", at + "/consents/analytics/explain"} {
			s.problem(path, s.get(path), http.StatusNotFound)
		}
		if d := s.allowed(o.Subject, "analytics"); d.Reason != "no_record" {
			t.Errorf("erased: %v", d)
		}
		v, err := consent.VerifyReceipt([]byte(receipt.body), "")
		if err != nil || v.Record.Subject != o.Subject {
			t.Errorf("%+v, %v", v, err)
		}
		got := s.get("/api/v1/consents/export")
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/jsonl" || strings.Count(got.body, "\n") != 1 || !strings.Contains(got.body, o.Record) {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
}

func TestUpkeepRecordsWhatHasExpiredAndQueuesWhoIsDue(t *testing.T) { // A13 A18
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.must(db.Consents().Configure(t.Context(), otherTenant, []consent.Purpose{{Key: "analytics", Expires: time.Nanosecond}, {Key: "research"}}, nil, act("purposes.set")))
		o := s.makeConsent(otherTenant, "a@example.com", "analytics", true)
		s.must(keepUp(t.Context(), db.DB))
		records, err := db.Consents().History(t.Context(), otherTenant, o.Subject)
		if err != nil || len(records) != 2 || records[1].Choice != consent.Expired {
			t.Errorf("%+v, %v", records, err)
		}
	})
}
