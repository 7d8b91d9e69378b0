package server

import (
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

func TestNumbersTellWhatTheServerDoesAndNothingPersonal(t *testing.T) { // promise 8
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := newSiteWith(t, db, func(srv *Server) { srv.Metrics = listener })
		s.openDesk(shopPolicies, calendar)
		r := s.submit("erasure", "anna@example.com")
		s.approve(r)
		s.await(r.ID, request.Complete)
		s.submit("access", "ben@example.com")
		s.makeConsent(otherTenant, "x@example.com", "analytics", true) // not over HTTP
		s.ask("POST", "/api/v1/consents", `{"identities":[{"type":"email","value":"anna@example.com"}],"purposes":{"analytics":true,"research":false}}`, http.StatusCreated, nil)
		s.get("/api/v1/subjects/" + uuid.NewString() + "/consents/analytics")
		s.get("/api/nowhere/anna@example.com")
		s.get("/nowhere/anna@example.com") // for the pages, which are not counted
		s.must(db.Letters().Post(t.Context(), store.DefaultTenant, message.Letter{ID: uuid.NewString(), Kind: message.Trial, To: subject.Conceal("anna@example.com")}))

		read := func() string {
			t.Helper()
			ask, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+listener.Addr().String()+"/metrics", nil)
			s.must(err)
			shown, err := http.DefaultTransport.RoundTrip(ask)
			s.must(err)
			body, err := io.ReadAll(shown.Body)
			s.must(errors.Join(err, shown.Body.Close()))
			return string(body)
		}
		text := read()
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(text, `step="completion"`) && time.Now().Before(deadline); text = read() {
			<-time.After(10 * time.Millisecond) // it is measured when the run has ended
		}
		for _, want := range []string{
			`volenti_requests{status="complete"} 1`, `volenti_requests{status="awaiting_approval"} 1`, `volenti_requests_overdue 0`,
			`volenti_letters{state="waiting"} 1`,
			`volenti_request_step_seconds_count{step="access"} 1`, `volenti_request_step_seconds_count{step="completion"} 1`,
			`volenti_http_requests_total{method="POST",route="/api/v1/requests/{id}/approve",status="200"} 1`,
			`volenti_http_requests_total{method="GET",route="none",status="404"} 1`,
			`volenti_http_request_seconds_count{method="POST",route="/api/v1/consents"} 1`,
			`volenti_consent_records_total{choice="granted"} 1`, `volenti_consent_records_total{choice="refused"} 1`,
			`volenti_consent_checks_total{allowed="false"} 1`, `volenti_consent_checks_total{allowed="true"} 0`,
			`go_goroutines `,
		} {
			if !strings.Contains(text, "\n"+want) {
				t.Errorf("there is no %s", want)
			}
		}
		if !regexp.MustCompile(`\nvolenti_letters_oldest_seconds \d`).MatchString(text) {
			t.Error("the age of the oldest letter is not there")
		}
		for _, personal := range []string{"anna", "@", r.ID, otherTenant, `"` + store.DefaultTenant + `"`} {
			if strings.Contains(text, personal) {
				t.Errorf("the numbers hold %s", personal)
			}
		}
		if got := s.get("/metrics"); got.status != http.StatusNotFound || strings.Contains(got.body, "go_goroutines") {
			t.Errorf("on the other address: %d %s", got.status, got.body)
		}
	})
}
