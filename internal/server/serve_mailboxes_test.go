package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/internal/pgtest"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/subject"
)

// mailboxes are those of one system that are told of choices: two of each as it is
// made, and two of all at a time of the day, which is twelve hours away.
func mailboxes() string {
	text := "system:\n- {key: house, data_uses: [marketing]}\nconnection:\n"
	daily := "daily " + time.Now().UTC().Add(12*time.Hour).Format("15:04")
	for key, consent := range map[string]string{
		"paper": "identities: [email]",
		"gone":  "identities: [email]",
		"daily": "identities: [external_id, email], schedule: " + daily,
		"mute":  "identities: [email], schedule: " + daily,
	} {
		text += fmt.Sprintf("- {key: %s, type: email, system: house, secrets: {to_email: %s@house.example}, consent: {%s}}\n", key, key, consent)
	}
	return text
}

// mailHouse tells mailboxes of choices, while a server runs.
type mailHouse struct {
	*site  // of which only the store is used: no server of it runs
	caught *mailcatch.Server
	mail   Mailer
}

func newMailHouse(t *testing.T, db *storetest.Database, c mailcatch.Config) *mailHouse {
	t.Helper()
	h := &mailHouse{site: &site{t: t, db: db, log: &safeBuffer{}}}
	h.caught, h.mail = mailServer(t, c)
	h.world = newWorld(t, "sqlite", "sqlite")
	h.world.write(mailboxes())
	h.world.apply(&storeOf{db.DB, store.DefaultTenant})
	h.must(db.Consents().Configure(t.Context(), store.DefaultTenant, []consent.Purpose{{Key: "analytics", Uses: []string{"marketing.communications.email"}}}, nil, act("consent.configure")))
	return h
}

// run starts a server, as far as it tells of choices.
func (h *mailHouse) run() (stop func()) {
	s := &Server{
		House: &House{Store: h.db.DB}, Mail: h.mail, Now: time.Now, laneTime: 2 * time.Second, deliveryPauses: []time.Duration{100 * time.Millisecond, time.Hour},
		Configuration: config.Options{Registry: builtin.Registry()}, Packages: h.t.TempDir(), Log: slog.New(slog.NewTextHandler(h.log, nil)),
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan struct{})
	go func() { s.propagate(ctx); close(ended) }()
	return func() { cancel(); <-ended; h.must(s.worker().latest.Close()) }
}

// choose records a choice of a person who is known by identities, as type and value.
func (h *mailHouse) choose(granted bool, identities ...string) (record string) {
	h.t.Helper()
	entry := consent.Entry{Purpose: "analytics", Granted: granted, Source: consent.API}
	for i := 0; i < len(identities); i += 2 {
		entry.Identities = append(entry.Identities, person(h.t, subject.Type(identities[i]), identities[i+1])...)
	}
	o, err := h.db.Consents().Append(h.t.Context(), store.DefaultTenant, "", []consent.Entry{entry})
	h.must(err)
	return o[0].Record
}

// to is what a mailbox has got.
func (h *mailHouse) to(mailbox string) []mailcatch.Message {
	return slices.DeleteFunc(h.caught.Messages(), func(m mailcatch.Message) bool { return m.To != mailbox+"@house.example" })
}

// ended waits until what records have led to at a connection is no longer open.
func (h *mailHouse) ended(connection string, records ...string) (all []propagate.Delivery) {
	h.t.Helper()
	h.until(connection, func() bool {
		all = nil
		for _, record := range records {
			v, err := h.db.Propagation().Change(h.t.Context(), store.DefaultTenant, record)
			for _, d := range v.Rows {
				if err == nil && d.Connection == connection && !d.Status.Open() {
					all = append(all, d)
				}
			}
		}
		return len(all) == len(records)
	})
	return all
}

func (h *mailHouse) attempts(record, connection string) []propagate.Attempt {
	h.t.Helper()
	all, err := h.db.Propagation().Attempts(h.t.Context(), store.DefaultTenant, record, connection)
	h.must(err)
	return all
}

// itIs makes what waits for a schedule due now.
func (h *mailHouse) itIs(connection string) {
	h.t.Helper()
	_, err := h.db.Raw(h.t).ExecContext(h.t.Context(), `UPDATE deliveries SET due = 1 WHERE connection = $1 AND status = 'pending'`, connection)
	h.must(err)
}

// Two mailboxes are told of each choice by itself; that one of them is gone neither
// keeps the other from it nor tells it twice.
// A third gets one letter at its time, whether the server was started again meanwhile
// or not. The fourth gets it twice, since nobody knows whether the first has arrived:
// it is the same.
func TestMailboxesAreToldEachByItself(t *testing.T) { // P7, P4, R6
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		var mute atomic.Int64
		h := newMailHouse(t, db, mailcatch.Config{Mailbox: func(to string) mailcatch.Fault {
			switch {
			case strings.HasPrefix(to, "gone"):
				return mailcatch.Refuse
			case strings.HasPrefix(to, "mute") && mute.Add(1) == 1:
				return mailcatch.Disappear
			}
			return mailcatch.None
		}})
		stop := h.run()
		h.until("lanes", func() bool {
			lanes, err := db.Propagation().Lanes(t.Context(), store.DefaultTenant)
			h.must(err)
			return len(lanes) == 4
		})
		grant := h.choose(true, "email", "anna@example.org", "external_id", "17")
		refusal := h.choose(false, "external_id", "18", "email", "ben@example.org")
		other := h.choose(true, "email", "cem@example.org")
		records := []string{grant, refusal, other}
		keys := map[string]bool{}
		for _, d := range h.ended("paper", records...) {
			tries := h.attempts(d.Record, "paper")
			if d.Status != propagate.Complete || len(tries) != 1 {
				t.Errorf("%s after %d attempts", d.Status, len(tries))
			}
			keys["<"+tries[0].Key+"@example.com>"] = true
		}
		for _, d := range h.ended("gone", records...) {
			if d.Status != propagate.Failed || d.Reason != propagate.Refused || d.Attempt != 1 || len(d.Calls) != 1 {
				t.Errorf("%s, %s after %d attempts", d.Status, d.Reason, d.Attempt)
			}
		}
		for _, m := range h.to("paper") {
			if !keys[m.ID] || "<"+m.Header.Get("X-Idempotency-Key")+"@example.com>" != m.ID || strings.Count(m.Text, "email: ") != 1 || strings.Contains(m.Text, "external_id") || len(m.Files) > 0 {
				t.Errorf("%s %s\n%s", m.ID, m.Header, m.Text)
			}
			delete(keys, m.ID)
		}
		if len(keys) > 0 || len(h.to("paper")) != 3 || len(h.to("gone"))+len(h.to("daily"))+len(h.to("mute")) > 0 {
			t.Errorf("%d letters, without %v", len(h.caught.Messages()), keys)
		}
		v, err := db.Propagation().Change(t.Context(), store.DefaultTenant, grant)
		h.must(err)
		for _, d := range v.Rows {
			if away := d.Due.Sub(d.At); (d.Connection == "daily" || d.Connection == "mute") && (d.Status != propagate.Pending || away < 11*time.Hour || away > 12*time.Hour) {
				t.Errorf("%s is %s, for %v", d.Connection, d.Status, away)
			}
		}

		stop()
		h.itIs("daily")
		stop = h.run()
		h.ended("daily", records...)
		stop()
		stop = h.run()
		last := h.choose(false, "email", "dora@example.org")
		h.ended("paper", last) // so what there was to be told before was told
		letters := h.to("daily")
		if len(letters) != 1 {
			t.Fatalf("%d letters for a day", len(letters))
		}
		rows := strings.Split(letters[0].Files["choices.csv"], "\r\n")
		if len(rows) != 5 || rows[0] != "external_id,email,Purpose,Names,Choice,Since,Key" || !strings.HasPrefix(rows[1], "18,ben@example.org,analytics,,refused,") ||
			!strings.HasPrefix(rows[2], "17,anna@example.org,analytics,,granted,") || !strings.HasPrefix(rows[3], ",cem@example.org,analytics,,granted,") {
			t.Errorf("%q", rows)
		}
		for i, record := range []string{refusal, grant, other} {
			if !strings.HasSuffix(rows[i+1], ","+h.attempts(record, "daily")[0].Key) {
				t.Errorf("row %d is %s", i, rows[i+1])
			}
		}
		stop()

		h.itIs("mute")
		stop = h.run()
		for _, d := range h.ended("mute", append(records, last)...) {
			tries := h.attempts(d.Record, "mute")
			if d.Status != propagate.Complete || len(tries) != 2 || tries[0].Key != tries[1].Key || tries[0].Repeats || !tries[1].Repeats {
				t.Errorf("%s after %+v", d.Status, tries)
			}
		}
		stop()
		if all := h.to("mute"); len(all) != 2 || all[0].ID != all[1].ID || all[0].Text != all[1].Text || all[0].Files["choices.csv"] != all[1].Files["choices.csv"] {
			t.Errorf("%d letters to the one that did not say whether it has them", len(all))
		}
		for _, name := range []string{"anna@", "ben@", "cem@", "house.example"} { // SE10
			if strings.Contains(h.log.String(), name) {
				t.Errorf("the log names %s", name)
			}
		}
	})
}

// The process is killed when the mail server has taken a letter and nobody has noted
// that yet: it is sent again with the same Message-ID, and the attempt says so.
func TestLetterThatWasTakenBeforeAKillIsTheSameAgain(t *testing.T) { // R1, P7
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		_ = db.Close()
		database, dir := "", filepath.Join(t.TempDir(), "one")
		if !db.Embedded() {
			database = pgtest.URL(t)
		}
		held, answer := make(chan mailcatch.Message, 100), make(chan struct{})
		caught, _ := mailServer(t, mailcatch.Config{Caught: func(m mailcatch.Message) { held <- m; <-answer }})
		mail := []string{"VOLENTI_SMTP=" + caught.URL(), "VOLENTI_MAIL_FROM=privacy@example.com"}
		files := t.TempDir()
		box := "connection:\n- {key: paper, type: email, secrets: {to_email: paper@house.example}, consent: {identities: [email], purposes: {analytics: [list_42]}}}\n"
		if err := os.WriteFile(filepath.Join(files, "c.yml"), []byte(box), 0o600); err != nil {
			t.Fatal(err)
		}
		at := []string{"--data", dir}
		if database != "" {
			at = append(at, "--database", database)
		}
		once(t, append([]string{"apply", files}, at...)...)
		token := once(t, append([]string{"apikey", "create", "--scope", "consents:write"}, at...)...)
		one := launch(t, dir, database, mail...)
		var first mailcatch.Message
		for n := 0; first.ID == ""; n++ { // the first choice may come before the connection is known
			one.choose(t, token, fmt.Sprintf("p%d@example.com", n))
			select {
			case first = <-held:
			case <-time.After(200 * time.Millisecond):
			}
		}
		one.kill()
		close(answer)
		second := launch(t, dir, database, mail...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		again, err := caught.Wait(ctx, 2, func(m mailcatch.Message) bool { return m.ID == first.ID })
		if err != nil {
			t.Fatal(err)
		}
		if again[0].Text != again[1].Text || again[1].Header.Get("X-Idempotency-Key") != again[0].Header.Get("X-Idempotency-Key") {
			t.Errorf("first\n%s\nagain\n%s", again[0].Text, again[1].Text)
		}
		second.end(t)

		repeatedOnce(t, database, dir, "paper", strings.TrimSuffix(strings.TrimPrefix(first.ID, "<"), "@example.com>"))
	})
}

// once runs a command of the program that is killed in tests, and gives what it says.
func once(t *testing.T, args ...string) string {
	t.Helper()
	binary, err := crashing()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), "VOLENTI_MASTER_KEY="+launchKey)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}
