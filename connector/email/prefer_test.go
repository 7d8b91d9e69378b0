package email_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/email"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/subject"
)

// posted is a letter that a connector has sent.
type posted struct {
	message.Letter
	table [][]string
}

// office sends letters, which end as the outcomes say, in turn; then they arrive.
type office struct {
	sent     []posted
	outcomes []connector.CallOutcome
}

func (o *office) letter(_ context.Context, l message.Letter, table [][]string) connector.Call {
	o.sent = append(o.sent, posted{l, table})
	if n := len(o.sent); n <= len(o.outcomes) {
		return connector.Call{Outcome: o.outcomes[n-1], Reason: "so it is"}
	}
	return connector.Call{Outcome: connector.Arrived}
}

// preferrer is a mailbox of which an office sends what it says.
func preferrer(t *testing.T, o *office, more ...string) connector.Preferrer {
	t.Helper()
	settings := connector.Settings{Key: "partner", Secrets: map[string]string{"to_email": "privacy@partner.example"}}
	for i := 0; i < len(more); i += 2 {
		settings.Secrets[more[i]] = more[i+1]
	}
	if o != nil {
		settings.Letter = o.letter
	}
	c, err := email.Spec().New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return c.(connector.Preferrer)
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// wish is a refusal of someone, known by type and value pairs.
func wish(key string, identities ...string) connector.Preference {
	p := connector.Preference{Key: key, Subject: "s", Purpose: "marketing", Items: []string{"marketing"}, Since: noon}
	for i := 0; i < len(identities); i += 2 {
		p.Identities = append(p.Identities, subject.Identity{Type: subject.Type(identities[i]), Value: subject.Conceal(identities[i+1])})
	}
	return p
}

func prefer(t *testing.T, p connector.Preferrer, all ...connector.Preference) [][]connector.Call {
	t.Helper()
	calls, err := p.Prefer(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	if len(calls) != len(all) {
		t.Fatalf("%d of %d preferences have calls", len(calls), len(all))
	}
	return calls
}

func render(t *testing.T, l message.Letter) message.Mail {
	t.Helper()
	m, err := message.Render(l, "Example GmbH", nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAChoiceIsALetterWithTheKeyOfTheDelivery(t *testing.T) { // P7
	o := &office{}
	p := wish("vc_1", "email", "anna@example.org", "external_id", "17")
	p.Items = []string{"list_42", "list_43"}
	calls := prefer(t, preferrer(t, o, "language", "de"), p)
	if want := [][]connector.Call{{{Name: "letter", Outcome: connector.Arrived}}}; !cmp.Equal(calls, want) {
		t.Errorf("%+v", calls)
	}
	l := o.sent[0]
	if len(o.sent) != 1 || l.ID != "vc_1" || l.Kind != message.Choices || l.To.Reveal() != "privacy@partner.example" || l.table != nil {
		t.Errorf("%d letters, %s %s, %v", len(o.sent), l.ID, l.Kind, l.table)
	}
	m := render(t, l.Letter)
	for _, line := range []string{"Nicht oder nicht mehr einverstanden: marketing (list_42, list_43)", "email: anna@example.org", "external_id: 17", "26. November 2026"} {
		if !strings.Contains(m.Text, line) {
			t.Errorf("it does not say %q:\n%s", line, m.Text)
		}
	}
	if strings.Contains(m.Subject, "anna") || strings.Contains(m.Subject, "17") {
		t.Error(m.Subject)
	}
}

// Anna has two addresses and a number, Ben has a number, Cem a telephone.
func TestEachTypeOfIdentityIsAColumnOnce(t *testing.T) { // P7
	o := &office{}
	grant := wish("vc_3", "phone_number", "+49301234567")
	grant.Granted, grant.Items, grant.Since = true, []string{"list_42", "list_43"}, noon.Add(time.Hour)
	prefer(t, preferrer(t, o),
		wish("vc_1", "email", "anna@example.org", "external_id", "17", "email", "a.berg@example.org"),
		wish("vc_2", "external_id", "18"), grant)
	if len(o.sent) != 1 {
		t.Fatalf("%d letters", len(o.sent))
	}
	if diff := cmp.Diff([][]string{
		{"email", "external_id", "phone_number", "Purpose", "Names", "Choice", "Since", "Key"},
		{"anna@example.org; a.berg@example.org", "17", "", "marketing", "", "refused", "2026-11-26T12:00:00Z", "vc_1"},
		{"", "18", "", "marketing", "", "refused", "2026-11-26T12:00:00Z", "vc_2"},
		{"", "", "+49301234567", "marketing", "list_42; list_43", "granted", "2026-11-26T13:00:00Z", "vc_3"},
	}, o.sent[0].table); diff != "" {
		t.Error(diff)
	}
	html := render(t, o.sent[0].Letter).HTML
	for _, column := range []string{"email", "external_id", "phone_number"} {
		if n := strings.Count(html, ">"+column+"</th>"); n != 1 {
			t.Errorf("%s is a column %d times:\n%s", column, n, html)
		}
	}
	if rows, cells := strings.Count(html, "<tr>"), strings.Count(html, "<td>"); rows != 4 || cells != 3*6 {
		t.Errorf("%d rows with %d cells:\n%s", rows, cells, html)
	}
}

func TestAValueStaysInItsCellAndIsNoTemplate(t *testing.T) { // SE6
	o := &office{}
	hostile := "1\r\nBcc: x\u2028{{.organisation}}<b>\x00"
	p := wish("vc_1", "external_id", hostile)
	p.Items = []string{"list\n42"}
	prefer(t, preferrer(t, o), p, wish("vc_2", "external_id", "2"))
	const want = "1  Bcc: x {{.organisation}}<b> "
	if got := o.sent[0].table[1]; got[0] != want || got[2] != "list 42" {
		t.Errorf("%q", got)
	}
	m := render(t, o.sent[0].Letter)
	if !strings.Contains(m.Text, want) || !strings.Contains(m.HTML, "1  Bcc: x {{.organisation}}&lt;b&gt; ") || strings.Contains(m.Subject, "Bcc") {
		t.Errorf("%s\n%s\n%s", m.Subject, m.Text, m.HTML)
	}
}

func TestTheSameChoicesAreTheSameLetter(t *testing.T) { // P7
	o := &office{}
	p := preferrer(t, o)
	a, b, c := wish("vc_1", "email", "a@example.org"), wish("vc_2", "email", "b@example.org"), wish("vc_3", "email", "c@example.org")
	prefer(t, p, a, b)
	prefer(t, p, a, b)
	prefer(t, p, a, c)
	prefer(t, p, a)
	if o.sent[0].ID != o.sent[1].ID || render(t, o.sent[0].Letter).Text != render(t, o.sent[1].Letter).Text {
		t.Errorf("%s became %s", o.sent[0].ID, o.sent[1].ID)
	}
	var ids []string
	for _, l := range o.sent[1:] {
		ids = append(ids, l.ID)
		if len(l.ID) > 64 || strings.Trim(l.ID, "v_0123456789abcdef") != "" {
			t.Errorf("an id is %q", l.ID)
		}
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != 3 {
		t.Errorf("other letters have the same id: %v", ids)
	}
}

func TestEveryChoiceHasTheOutcomeOfItsLetter(t *testing.T) { // P4
	long := strings.Repeat("x", 70<<10) // two of them are too much for one letter
	all := []connector.Preference{wish("vc_1", "external_id", long), wish("vc_2", "external_id", long), wish("vc_3", "external_id", "3"), wish("vc_4", "external_id", long)}
	tests := map[string]struct {
		ends []connector.CallOutcome
		want []connector.CallOutcome // of each preference
		sent int
	}{
		"arrives":           {nil, []connector.CallOutcome{connector.Arrived, connector.Arrived, connector.Arrived, connector.Arrived}, 3},
		"one is refused":    {[]connector.CallOutcome{connector.Arrived, connector.Rejected}, []connector.CallOutcome{connector.Arrived, connector.Rejected, connector.Rejected, connector.Arrived}, 3},
		"busy, then lost":   {[]connector.CallOutcome{connector.Busy, connector.Lost}, []connector.CallOutcome{connector.Busy, connector.Lost, connector.Lost, connector.Arrived}, 3},
		"gone in the midst": {[]connector.CallOutcome{connector.Arrived, connector.NotMade}, []connector.CallOutcome{connector.Arrived, connector.NotMade, connector.NotMade, connector.NotMade}, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := &office{outcomes: test.ends}
			var got []connector.CallOutcome
			for _, calls := range prefer(t, preferrer(t, o), all...) {
				got = append(got, calls[0].Outcome)
				if calls[0].Name != "letter" || calls[0].Outcome != connector.Arrived && calls[0].Reason != "so it is" {
					t.Errorf("%+v", calls[0])
				}
			}
			if !slices.Equal(got, test.want) || len(o.sent) != test.sent {
				t.Errorf("%v by %d letters", got, len(o.sent))
			}
		})
	}
}

func TestWithoutAMailServerChoicesWait(t *testing.T) { // P6
	_, err := preferrer(t, nil).Prefer(t.Context(), []connector.Preference{wish("vc_1", "email", "secretname@example.org")})
	if !connector.Retryable(err) || !strings.Contains(err.Error(), "--smtp") || strings.Contains(fmt.Sprintf("%+v", err), "secretname") {
		t.Errorf("%v", err)
	}
	_, err = preferrer(t, &office{outcomes: []connector.CallOutcome{connector.NotMade}}).Prefer(t.Context(), []connector.Preference{wish("vc_1", "email", "secretname@example.org")})
	var failed *connector.Error
	if !errors.As(err, &failed) || failed.Kind != connector.Unreachable || failed.Reason != "so it is" {
		t.Errorf("%v", err)
	}
}

// However long what people are known by is, and in whatever it has to be written.
func TestLettersOfManyRowsCanBeWritten(t *testing.T) { // P7
	many := email.Spec().Prefers
	for name, value := range map[string]string{"numbers": "1017", "as long as they can be": strings.Repeat("1", 1024), "to be escaped": strings.Repeat(`"`, 1024)} {
		t.Run(name, func(t *testing.T) {
			o := &office{}
			var all []connector.Preference
			for i := range many {
				all = append(all, wish(fmt.Sprintf("vc_%040d", i), "email", fmt.Sprintf("a%d@example.org", i), "external_id", value, "customer_number", value))
			}
			prefer(t, preferrer(t, o), all...)
			if name == "numbers" && len(o.sent) != 1 {
				t.Errorf("%d letters", len(o.sent))
			}
			rows := 0
			for _, l := range o.sent {
				rows += strings.Count(render(t, l.Letter).Text, "- email: ")
			}
			if rows != many {
				t.Errorf("%d letters have %d rows", len(o.sent), rows)
			}
		})
	}
	o := &office{}
	all := make([]connector.Preference, many+1)
	for i := range all {
		all[i] = wish(fmt.Sprintf("vc_%d", i), "external_id", "1")
	}
	if prefer(t, preferrer(t, o), all...); len(o.sent) != 2 {
		t.Errorf("%d letters for one row more than fits", len(o.sent))
	}
}
