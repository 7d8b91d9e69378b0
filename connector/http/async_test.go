package http

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"volenti.dev/volenti/connector"
)

const polled = `
  endpoints:
  - name: people
    requests:
      read:
      - {method: GET, path: /now, param_values: [{name: who, identity: email}]}
      - method: POST
        path: /exports
        body: '{"who": "<who>"}'
        param_values: [{name: who, identity: email}]
        correlation_id_path: job.id
        postprocessors: [{strategy: unwrap, configuration: {data_path: person}}]
        async_config:
          strategy: polling
          configuration:
            status_request: {method: GET, path: /exports/<correlation_id>, status_path: state, status_completed_value: done}
            result_request: {method: GET, path: /exports/<correlation_id>/rows, result_path: rows}
            interval: 60
            time_limit: 600
      update:
        method: POST
        path: /erasures
        body: '{"who": "<who>"}'
        param_values: [{name: who, identity: email}]
        correlation_id_path: id
        async_config:
          strategy: polling
          configuration:
            status_request: {method: GET, path: /erasures/<correlation_id>, status_path: done}
            interval: 60
            time_limit: 600
`

// polledVendor finishes what it was asked when it has been told to.
func polledVendor(done *bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text := map[string]string{
			"GET /now": `[{"id": 0}]`, "POST /exports": `{"job": {"id": 17}}`, "GET /exports/17": `{"state": "running"}`,
			"GET /exports/17/rows": `{"rows": [{"person": {"id": 1}}, {"person": {"id": 2}}]}`,
			"POST /erasures":       `{"id": "e"}`, "GET /erasures/e": `{"done": false}`,
		}
		if *done {
			text["GET /exports/17"], text["GET /erasures/e"] = `{"state": "done"}`, `{"done": true}`
		}
		_, _ = io.WriteString(w, text[r.Method+" "+r.URL.Path])
	}
}

func TestAnAnswerThatComesLaterOutlivesTheProcess(t *testing.T) { // H14
	done := false
	v := newVendor(t, polledVendor(&done))
	d := describe(t, polled)
	rows, err := tryRead(t.Context(), v.open(t, d), "people", match("who", "a@b.c"))
	same(t, "rows at once", rows, []string{`{"id":0}`})
	var w *Waiting
	if !errors.As(err, &w) || time.Until(w.Again) < 55*time.Second || time.Until(w.Again) > time.Minute {
		t.Fatalf("the error is %v", err)
	}
	resume := func() error {
		rows = nil
		_, err := v.open(t, d).Resume(t.Context(), connector.Read{Table: table("people")}, w.State, func(r connector.Row) error {
			rows = append(rows, shown(r))
			return nil
		})
		return err
	}
	if err := resume(); !errors.As(err, &w) || len(rows) != 0 {
		t.Fatalf("before it was done: %v, %v", err, rows)
	}
	done = true
	if err := resume(); err != nil {
		t.Fatal(err)
	}
	same(t, "rows later", rows, []string{`{"id":1}`, `{"id":2}`})
	if n := strings.Count(strings.Join(v.made(), "\n"), "POST"); n != 1 {
		t.Errorf("the vendor was asked %d times", n)
	}
	d.Endpoints[0].Read = d.Endpoints[0].Read[:1]
	if err := resume(); err == nil || !strings.Contains(err.Error(), "the description has changed") {
		t.Errorf("after the description has changed: %v", err)
	}
}

func TestAnAnswerThatNeverComesIsGivenUp(t *testing.T) { // H14
	synctest.Test(t, func(t *testing.T) {
		done := false
		handler := polledVendor(&done)
		c := over(t, polled, func(r *http.Request) (*http.Response, error) {
			w := &recorder{header: http.Header{}}
			handler(w, r)
			return answered(200, w.String()), nil
		})
		_, err := tryRead(t.Context(), c, "people", match("who", "a@b.c"))
		var w *Waiting
		times := 0
		for errors.As(err, &w) {
			<-time.After(time.Until(w.Again))
			times++
			_, err = c.Resume(t.Context(), connector.Read{Table: table("people")}, w.State, func(connector.Row) error { return nil })
		}
		if err == nil || !strings.Contains(err.Error(), "not finished within 10m") || times != 11 {
			t.Errorf("after %d times: %v", times, err)
		}
	})
}

// recorder is an answer in memory.
type recorder struct {
	strings.Builder
	header http.Header
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(int)     {}

func TestAnErasureThatIsDoneLaterIsResumed(t *testing.T) { // H14
	done := false
	v := newVendor(t, polledVendor(&done))
	c := v.open(t, describe(t, polled))
	change := connector.Change{Key: key(int64(1), map[string]any{"who": "a@b.c"}), Before: connector.Row{"n": "x"}, After: connector.Row{"n": nil}}
	b := batch("people", []string{"n"}, change, change)
	out, err := c.Mask(t.Context(), b)
	var w *Waiting
	if !errors.As(err, &w) || w.Again.IsZero() || statuses(out) != " " || len(v.made()) != 1 {
		t.Fatalf("%v, %v", out, err)
	}
	if out, err = c.ResumeMask(t.Context(), b, w.State); !errors.As(err, &w) || statuses(out) != " " {
		t.Fatalf("before it was done: %v, %v", out, err)
	}
	done = true
	if out, err = c.ResumeMask(t.Context(), b, w.State); err != nil || statuses(out) != "changed changed" {
		t.Fatalf("%v, %v", out, err)
	}
	if out, err = c.Verify(t.Context(), b); err != nil || statuses(out) != "already_done already_done" || !strings.Contains(out[0].Reason, "not verified") {
		t.Errorf("%v, %v", out, err)
	}
}

func TestAVendorThatCallsBackIsNotAskedAgain(t *testing.T) { // H14
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	c := v.open(t, describe(t, `
  endpoints:
  - name: people
    requests:
      read: {method: POST, path: /x, body: '{"who": "<who>", "to": "<reply_to>", "token": "<reply_to_token>"}', async_config: {strategy: callback}, param_values: [{name: who, identity: email}]}
`)).of(Facts{ReplyTo: "https://here/callback", Token: "t-1"})
	_, err := tryRead(t.Context(), c, "people", match("who", "a@b.c"))
	var w *Waiting
	if !errors.As(err, &w) || !w.Again.IsZero() {
		t.Fatalf("the error is %v", err)
	}
	same(t, "the call", v.made(), []string{`POST /x {"who": "a@b.c", "to": "https://here/callback", "token": "t-1"}`})
	rows, masked, err := Answered([]byte(`{"access_results": [{"id": 1}]}`))
	if err != nil || len(rows) != 1 || masked != 0 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if _, masked, err = Answered([]byte(`{"rows_masked": 3}`)); err != nil || masked != 3 {
		t.Errorf("%d masked, %v", masked, err)
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"access_results": 1}`, `{"access_results": [1]}`, `{"rows_masked": -1}`, `{"rows_masked": "1"}`} {
		if _, _, err := Answered([]byte(bad)); err == nil {
			t.Errorf("%s is taken for an answer", bad)
		}
	}
}

func TestPollingNeedsAnID(t *testing.T) { // H14
	v := newVendor(t, says(`{}`))
	_, err := tryRead(t.Context(), v.open(t, describe(t, strings.ReplaceAll(polled, "/now", "/n"))), "people", match("who", "a@b.c"))
	if err == nil || !strings.Contains(err.Error(), "no id at job.id") {
		t.Errorf("the error is %v", fmt.Sprint(err))
	}
}
