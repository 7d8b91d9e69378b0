package server

import (
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/subject"
)

// writer is a server that sends letters to mailboxes at once, and is not running.
func writer(db *storetest.Database, to Mailer) *Server {
	return &Server{House: &House{Store: db.DB}, Mail: to, Configuration: config.Options{Registry: builtin.Registry()}}
}

func choiceLetter(id string) message.Letter {
	l := message.Sample(message.Choices, "en")
	l.ID, l.To = id, subject.Conceal(mailbox)
	return l
}

func TestWhatAMailServerAnswersIsTheOutcomeOfTheCall(t *testing.T) { // P4, SE10
	t.Parallel()
	tests := map[string]struct {
		fault  mailcatch.Fault
		want   connector.CallOutcome
		caught int
	}{
		"takes it":             {mailcatch.None, connector.Arrived, 1},
		"no such mailbox":      {mailcatch.Refuse, connector.Rejected, 0},
		"does not want it":     {mailcatch.Reject, connector.Rejected, 0},
		"come back":            {mailcatch.Defer, connector.Busy, 0},
		"no room for it":       {mailcatch.Postpone, connector.Busy, 0},
		"says nothing":         {mailcatch.Stall, connector.NotMade, 0},
		"takes it in silence":  {mailcatch.Withhold, connector.Lost, 1},
		"takes it and is gone": {mailcatch.Disappear, connector.Lost, 1},
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				caught, tr := mailServer(t, mailcatch.Config{Behave: func(int) mailcatch.Fault { return test.fault }})
				if test.fault != mailcatch.None {
					tr.Patience = 2 * time.Second
				}
				got := writer(db, tr).writeNow(t.Context(), store.DefaultTenant, choiceLetter("vc_1"), nil)
				if got.Outcome != test.want || (got.Reason == "") != (test.want == connector.Arrived) || strings.Contains(got.Reason, mailbox) {
					t.Errorf("%+v", got)
				}
				if all := caught.Messages(); len(all) != test.caught || test.caught == 1 && (all[0].ID != "<vc_1@example.com>" || all[0].Header.Get("X-Idempotency-Key") != "vc_1" || len(all[0].Files) > 0) {
					t.Errorf("%d messages were caught: %v", len(all), all)
				}
			})
		}
	})
}

func TestATableForSpreadsheetsCalculatesNothing(t *testing.T) { // SE6, P7
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		caught, tr := mailServer(t, mailcatch.Config{})
		table := [][]string{
			{"external_id", "Names", "Choice"},
			{`=HYPERLINK("x")`, "+49", "refused"},
			{"1,2", "@SUM", "granted"},
			{"", "-1", "granted"},
		}
		if got := writer(db, tr).writeNow(t.Context(), store.DefaultTenant, choiceLetter("vc_2"), table); got.Outcome != connector.Arrived {
			t.Fatalf("%+v", got)
		}
		want := "external_id,Names,Choice\r\n\"'=HYPERLINK(\"\"x\"\")\",'+49,refused\r\n\"1,2\",'@SUM,granted\r\n,'-1,granted\r\n"
		if got := caught.Messages()[0].Files["choices.csv"]; got != want {
			t.Errorf("%q", got)
		}
	})
}
