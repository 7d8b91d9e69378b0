package request

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestThreadTakesMessagesFromTheProofUntilLongAfterTheEnd(t *testing.T) { // W12
	const keeps = 24 * time.Hour
	end := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	full := Thread{Messages: make([]Message, maxUnanswered)}
	for i := range full.Messages {
		full.Messages[i] = Message{N: int64(i) + 1, From: FromPerson}
	}
	settled := full
	settled.Settled = maxUnanswered
	for name, c := range map[string]struct {
		thread Thread
		from   Side
		r      Request
		now    time.Time
		want   error
	}{
		"not proven":          {Thread{}, FromPerson, Request{Status: IdentityUnverified}, end, ErrThreadClosed},
		"another stands":      {Thread{}, FromCompany, Request{Status: Duplicate, Ended: end}, end, ErrThreadClosed},
		"open":                {Thread{}, FromPerson, Request{Status: AwaitingApproval}, end, nil},
		"just before":         {Thread{}, FromPerson, Request{Status: Denied, Ended: end}, end.Add(keeps - 1), nil},
		"too late":            {Thread{}, FromPerson, Request{Status: Denied, Ended: end}, end.Add(keeps), ErrThreadClosed},
		"too late for us":     {Thread{}, FromCompany, Request{Status: Complete, Ended: end}, end.Add(keeps), ErrThreadClosed},
		"destroyed":           {Thread{Destroyed: end}, FromCompany, Request{Status: Complete, Ended: end}, end, ErrThreadClosed},
		"too many":            {full, FromPerson, Request{Status: Approved}, end, ErrThreadFull},
		"we may answer these": {full, FromCompany, Request{Status: Approved}, end, nil},
		"answered":            {settled, FromPerson, Request{Status: Approved}, end, nil},
		"as many as may be":   {Thread{Messages: make([]Message, maxMessages)}, FromCompany, Request{Status: Approved}, end, ErrThreadFull},
	} {
		if err := c.thread.TakesFrom(c.from, c.r, keeps, c.now); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestMessageIsPlainText(t *testing.T) { // SE7
	for text, want := range map[string]string{
		" Which\r\naccount?\rThe old one. ": "Which\naccount?\nThe old one.",
		"\tКоторый? 🙂":                      "Который? 🙂",
		strings.Repeat("ü", MaxText):        strings.Repeat("ü", MaxText),
	} {
		if got, err := ParseText(text); err != nil || got.Reveal() != want {
			t.Errorf("%.20q: %.20q, %v", text, got.Reveal(), err)
		}
	}
	for _, text := range []string{"", " \r\n\t", "a\x00b", "a\x1b[31m", "\xff", strings.Repeat("ü", MaxText+1)} {
		if got, err := ParseText(text); err == nil || got.Reveal() != "" || len(text) > 2 && strings.Contains(err.Error(), text) {
			t.Errorf("%.20q is taken, or repeated: %v", text, err)
		}
	}
}
