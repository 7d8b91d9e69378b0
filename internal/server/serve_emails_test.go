package server

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/mail"
	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// telling is a site that tells others by mail.
func telling(t *testing.T, db *storetest.Database, tr *mail.Transport, set func(*Server)) *site {
	t.Helper()
	s := newSiteWith(t, db, func(server *Server) {
		server.Mail, server.PublicURL, server.letterPauses = tr, "https://privacy.example", []time.Duration{10 * time.Millisecond}
		set(server)
	})
	s.openShop()
	s.world.configure(shopDataset, shopPolicies, others)
	s.world.apply(&storeOf{db.DB, store.DefaultTenant})
	return s
}

func usual(*Server) {}

var link = regexp.MustCompile(`https://privacy\.example/instructions/(va_\S+)`)

func to(address string) func(mailcatch.Message) bool {
	return func(m mailcatch.Message) bool { return m.To == address }
}

func TestAnErasureByLetterLivesFromItsApprovalToTheAnswers(t *testing.T) { // E1 E6 E8 E19 E20 X13
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		caught, tr := mailServer(t, mailcatch.Config{})
		s := telling(t, db, tr, usual)
		r := s.submit("erasure", "anna@example.com")
		s.approve(r)
		done := s.await(r.ID, request.Complete, request.Errored)
		messages, err := caught.Wait(t.Context(), 3, nil)
		s.must(err)
		s.world.equal("messages", len(caught.Messages()), 3)
		for _, m := range messages {
			if !strings.Contains(m.Text, "right to erasure") || !strings.Contains(m.HTML, "right to erasure") || !link.MatchString(m.Text) {
				t.Errorf("to %s:\n%s", m.To, m.Text)
			}
		}
		partner := messages[slices.IndexFunc(messages, to("privacy@partner.example"))]
		for _, line := range []string{"mail: “anna@example.com”", "customer: “0”", "full_name: empty it", "guest: the same as no in one of the records of guests", "delete the whole record"} {
			if !strings.Contains(partner.Text, line) {
				t.Errorf("the partner is not told %q:\n%s", line, partner.Text)
			}
		}
		var club []string
		for _, c := range done.Report.Collections {
			if c.Address == "club:members" {
				club = append(club, c.Action+" "+c.Status)
			}
		}
		s.world.equal("the club in the report", club, []string{"access complete", "erasure instructed"})
		s.world.equal("acts", s.actsOn("request/"+r.ID), []string{
			"request.vouch", "request.approve", "request.start", "request.package", "request.mask", "request.mask", "request.mask", "request.instruct",
			"email.sent", "email.sent", "email.sent", "request.resume", "request.start", "request.complete"})
		if got := s.get("/api/v1/audit/export").body; strings.Count(got, `"dataset":"partner"`) != 1 {
			t.Error("the audit log does not name the dataset")
		}
		if dump := string(db.Dump(t)); strings.Contains(dump, "anna@") || strings.Contains(dump, "privacy@") {
			t.Error("the database shows who was told what")
		}

		token := link.FindStringSubmatch(partner.Text)[1]
		if got := s.openly("/acknowledge", `{"token":"`+token+`","answer":"done"}`); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.body)
		}
		var list api.InstructionList
		s.ask("GET", "/api/v1/requests/"+r.ID+"/instructions", "", http.StatusOK, &list)
		var said []string
		for _, i := range list.Items {
			said = append(said, fmt.Sprint(i.Dataset, " ", i.State, " ", i.Answer, " ", i.Due.Sub(*i.Sent).Round(24*time.Hour)))
		}
		s.world.equal("instructions", said, []string{"archive sent  720h0m0s", "club sent  720h0m0s", "partner sent done 336h0m0s"})
		if text := s.log.String(); strings.Contains(text, "anna@") || strings.Contains(text, "privacy@") || strings.Contains(text, token) {
			t.Error("the log tells of it")
		}
	})
}

func TestInstructionsThatAreRefusedAreRetriedAndNothingElseIs(t *testing.T) { // E9
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		caught, tr := mailServer(t, mailcatch.Config{Behave: func(attempt int) mailcatch.Fault {
			if attempt == 1 {
				return mailcatch.Refuse
			}
			return mailcatch.None
		}})
		s := telling(t, db, tr, usual)
		r := s.submit("erasure", "anna@example.com")
		s.approve(r)
		stopped := s.await(r.ID, request.Errored)
		if !strings.Contains(stopped.Message, "could not be sent") || strings.Contains(stopped.Message, "@") {
			t.Errorf("it says %s", stopped.Message)
		}
		if _, err := caught.Wait(t.Context(), 2, nil); err != nil {
			t.Fatal(err)
		}
		if got := s.act(r.ID, "retry", `{}`); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		done := s.await(r.ID, request.Complete)
		for _, c := range done.Report.Collections {
			if c.Attempts != 1 {
				t.Errorf("%s of %s was attempted %d times", c.Action, c.Address, c.Attempts)
			}
		}
		var tos []string
		for _, m := range caught.Messages() {
			tos = append(tos, m.To)
		}
		slices.Sort(tos)
		s.world.equal("told", tos, []string{"privacy@archive.example", "privacy@club.example", "privacy@partner.example"})
	})
}

func TestACanceledRequestTellsNobody(t *testing.T) { // E19
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := telling(t, db, nil, func(server *Server) { server.Mail = nil })
		r := s.submit("erasure", "anna@example.com")
		s.approve(r)
		s.await(r.ID, request.AwaitingEmailSend)
		if got := s.act(r.ID, "cancel", ""); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		for _, l := range s.lettersOf(r.ID) {
			if l != "failed" {
				t.Errorf("a letter is %s", l)
			}
		}
	})
}

func (s *site) lettersOf(id string) (states []string) {
	s.t.Helper()
	all, err := s.db.Letters().Of(s.t.Context(), store.DefaultTenant, id)
	s.must(err)
	for _, l := range all {
		states = append(states, string(l.State))
	}
	return states
}

func TestWhoDoesNotAnswerIsRemindedByTheServer(t *testing.T) { // E20
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		caught, tr := mailServer(t, mailcatch.Config{})
		var server *Server
		s := telling(t, db, tr, func(made *Server) { server = made })
		intervalPasses := func() {
			_, err := db.Raw(t).Exec(`UPDATE instructions SET sent = sent - $1`, remindEvery.Microseconds())
			s.must(err)
		}
		r := s.submit("erasure", "anna@example.com")
		s.approve(r)
		s.await(r.ID, request.Complete)
		told, err := caught.Wait(t.Context(), 3, nil)
		s.must(err)
		for _, m := range told {
			if m.To == "privacy@partner.example" {
				continue
			}
			if got := s.openly("/acknowledge", `{"token":"`+link.FindStringSubmatch(m.Text)[1]+`","answer":"refused"}`); got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		intervalPasses()
		s.must(server.remindThirdParties(t.Context()))
		all, err := caught.Wait(t.Context(), 4, nil)
		s.must(err)
		reminder := all[3]
		if reminder.To != "privacy@partner.example" || reminder.Text == told[0].Text {
			t.Errorf("to %s:\n%s", reminder.To, reminder.Text)
		}
		if got := s.openly("/acknowledge", `{"token":"`+link.FindStringSubmatch(reminder.Text)[1]+`","answer":"done"}`); got.status != http.StatusOK {
			t.Errorf("the link of the reminder: %d %s", got.status, got.body)
		}
		intervalPasses()
		s.must(server.remindThirdParties(t.Context()))
		var reminders int
		s.must(db.Raw(t).QueryRow(`SELECT count(*) FROM letters WHERE kind = 'reminder'`).Scan(&reminders))
		if n := len(caught.Messages()); n != 4 || reminders != 1 {
			t.Errorf("%d messages, %d reminders", n, reminders)
		}
	})
}

func TestAMailboxIsTriedOutByALetter(t *testing.T) { // E14 E17
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		caught, tr := mailServer(t, mailcatch.Config{Behave: func(attempt int) mailcatch.Fault {
			if attempt == 2 {
				return mailcatch.Refuse
			}
			return mailcatch.None
		}})
		s := telling(t, db, tr, usual)
		var result api.ConnectionTest
		s.ask("POST", "/api/v1/connections/partner/test", "", http.StatusOK, &result)
		if m := caught.Messages(); !result.Succeeded || len(m) != 1 || m[0].To != "trial@example.org" || link.MatchString(m[0].Text) {
			t.Errorf("%+v, %d messages", result, len(m))
		}
		s.ask("POST", "/api/v1/connections/partner/test", "", http.StatusOK, &result)
		if result.Succeeded || result.Reason == "" || strings.Contains(result.Reason, "@") {
			t.Errorf("%+v", result)
		}
	})
}

// served is the program as a server, with crash points, killed by one of them
// or at the end of the test.
func (s *site) served(binary, data, database, smtp, crash string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.Command(binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--smtp", smtp, "--mail-from", "privacy@example.com", "--public-url", "https://privacy.example")
	cmd.Env = append(os.Environ(), "VOLENTI_CRASH="+crash, "VOLENTI_MASTER_KEY="+childsKey, "VOLENTI_DATABASE="+database)
	cmd.Stderr = s.log
	out, err := cmd.StdoutPipe()
	s.must(err)
	s.must(cmd.Start())
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	said := bufio.NewScanner(out)
	if !said.Scan() {
		s.t.Fatalf("the server says nothing:\n%s", s.log)
	}
	s.url = strings.TrimPrefix(said.Text(), "Volenti answers on ")
	return cmd
}

// The server is killed with SIGKILL around the step, and started again: each
// third party is told once, and what was done before is not done again.
func TestKilledAroundTheLettersEachIsToldOnce(t *testing.T) { // R1 E5 E9 E18
	t.Parallel()
	binary, err := crashing()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		for _, point := range []string{"instructions.kept", "instructions.kept:3", "emails.written", "emails.posted", "step.advanced:5", "step.advanced:6"} {
			t.Run(kind+" "+point, func(t *testing.T) {
				t.Parallel()
				caught, _ := mailServer(t, mailcatch.Config{})
				w := newWorld(t, kind, "sqlite")
				w.configure(shopDataset, shopPolicies, others)
				s := &site{t: t, log: w.log, world: w}
				data := filepath.Join(w.dir, "data")
				house, err := Open(t.Context(), Config{Data: data, Database: w.house.Database, MasterKey: childsKey})
				s.must(err)
				s.db = &storetest.Database{DB: house.Store}
				w.apply(&storeOf{house.Store, store.DefaultTenant})
				s.key = s.makeKey(store.DefaultTenant, time.Time{}, auth.Scopes()...)
				s.must(house.Close())

				first := s.served(binary, data, w.house.Database, caught.URL(), point)
				r := s.submit("erasure", "anna@example.com")
				s.approve(r)
				var ended *exec.ExitError
				if err := first.Wait(); !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Fatalf("it was to be killed, and ended with %v\n%s", err, s.log)
				}
				w.leasesEnd()
				s.served(binary, data, w.house.Database, caught.URL(), "")
				done := s.await(r.ID, request.Complete)
				messages, err := caught.Wait(t.Context(), 3, nil)
				s.must(err)
				var told []string
				for _, m := range messages {
					told = append(told, m.To)
				}
				slices.Sort(told)
				w.equal("told", told, []string{"privacy@archive.example", "privacy@club.example", "privacy@partner.example"})
				w.equal("messages", len(caught.Messages()), 3)
				for _, c := range done.Report.Collections {
					if c.Action == "access" && c.Attempts != 1 {
						t.Errorf("%s was read %d times", c.Address, c.Attempts)
					}
				}
			})
		}
	}
}
