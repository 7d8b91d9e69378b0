package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
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
	var w *connector.Waiting
	if !errors.As(err, &w) || time.Until(w.Again) < 55*time.Second || time.Until(w.Again) > time.Minute {
		t.Fatalf("the error is %v", err)
	}
	resume := func() error {
		rows = nil
		_, err := v.open(t, d).Resume(t.Context(), connector.Read{Table: table("people")}, w.State, nil, func(r connector.Row) error {
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

func TestAnExportIsAskedForUnderOneKeyUntilItsRowsAreAskedForAgain(t *testing.T) { // H14
	var keys []string
	c := over(t, strings.Replace(polled, "path: /exports\n", "path: /exports\n        headers: [{name: Idempotency-Key, value: <idempotency_key>}]\n", 1), func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/exports" {
			keys = append(keys, r.Header.Get("Idempotency-Key"))
			return answered(200, `{"job": {"id": 17}}`), nil
		}
		return answered(200, "[]"), nil
	})
	for _, ask := range []struct{ question, who string }{{"access", "a@b.c"}, {"access", "a@b.c"}, {"verification", "a@b.c"}, {"access", "d@e.f"}, {"", "a@b.c"}, {"", "a@b.c"}} {
		_, err := tryRead(t.Context(), c.About(connector.Facts{Question: ask.question}).(*Connector), "people", match("who", ask.who))
		if w := (*connector.Waiting)(nil); !errors.As(err, &w) {
			t.Fatal(err)
		}
	}
	if len(keys) != 6 || keys[0] != keys[1] || len(keys[0]) != 43 {
		t.Fatalf("keys: %v", keys)
	}
	others := keys[1:]
	slices.Sort(others)
	if len(slices.Compact(others)) != 5 {
		t.Errorf("what is not the same has the same key: %v", keys)
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
		var w *connector.Waiting
		times := 0
		for errors.As(err, &w) {
			<-time.After(time.Until(w.Again))
			times++
			_, err = c.Resume(t.Context(), connector.Read{Table: table("people")}, w.State, nil, func(connector.Row) error { return nil })
		}
		if err == nil || !strings.Contains(err.Error(), "not finished within 10m") || times != 10 {
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
	var w *connector.Waiting
	if !errors.As(err, &w) || w.Again.IsZero() || statuses(out) != " " || len(v.made()) != 1 {
		t.Fatalf("%v, %v", out, err)
	}
	if out, err = c.ResumeMask(t.Context(), b, w.State, nil); !errors.As(err, &w) || statuses(out) != " " {
		t.Fatalf("before it was done: %v, %v", out, err)
	}
	done = true
	if out, err = c.ResumeMask(t.Context(), b, w.State, nil); err != nil || statuses(out) != "changed changed" {
		t.Fatalf("%v, %v", out, err)
	}
	if out, err = c.Verify(t.Context(), b); err != nil || statuses(out) != "already_done already_done" || !strings.Contains(out[0].Reason, "not verified") {
		t.Errorf("%v, %v", out, err)
	}
}

func TestAnErasureThatFailsLaterIsNotWaitedFor(t *testing.T) { // H14
	for _, answer := range []string{`{"state": "canceled"}`, `{"state": 3}`} {
		v := newVendor(t, func(w http.ResponseWriter, r *http.Request) {
			text := answer
			if r.Method == http.MethodPost {
				text = `{"id": "e", "job": {"id": "j"}}`
			}
			_, _ = io.WriteString(w, text)
		})
		const known = "status_completed_value: done, status_failed_values: [canceled, 3]"
		text := strings.Replace(polled, "status_completed_value: done", known, 1)
		c := v.open(t, describe(t, strings.Replace(text, "status_path: done", "status_path: state, "+known, 1)))
		b := batch("people", []string{"n"}, connector.Change{Key: key(int64(1), map[string]any{"who": "a@b.c"}), Before: connector.Row{"n": "x"}, After: connector.Row{"n": nil}})
		_, err := c.Mask(t.Context(), b)
		var w *connector.Waiting
		if !errors.As(err, &w) {
			t.Fatal(err)
		}
		out, err := c.ResumeMask(t.Context(), b, w.State, nil)
		if err != nil || statuses(out) != "failed" || !strings.Contains(out[0].Reason, "GET /erasures/<correlation_id>: the vendor has not done it, it says ") {
			t.Errorf("%s: %v, %v", answer, out, err)
		}
	}
}

const callsBack = `
  endpoints:
  - name: people
    requests:
      read:
        method: POST
        path: /exports
        body: '{"who": "<who>", "to": "<reply_to>", "token": "<reply_to_token>"}'
        async_config: {strategy: callback}
        param_values: [{name: who, identity: email}]
      update:
        method: POST
        path: /erasures
        body: '{"who": "<who>", "token": "<reply_to_token>"}'
        async_config: {strategy: callback}
        param_values: [{name: who, identity: email}]
`

// replies gives the same token for the same number.
func replies(_ context.Context, number int) (address, token string, err error) {
	return "https://here/callback", fmt.Sprint("t-", number), nil
}

// resumed goes on with a read of people, and gives the rows.
func resumed(ctx context.Context, c *Connector, state []byte, answers map[int][]byte) (rows []string, err error) {
	_, err = c.Resume(ctx, connector.Read{Table: table("people"), Columns: []string{"id", InputsColumn}}, state, answers, func(r connector.Row) error {
		rows = append(rows, fmt.Sprint(shown(r), " by ", r[InputsColumn].(map[string]any)["who"]))
		return nil
	})
	return rows, err
}

func TestAVendorThatCallsBackIsNotAskedAgain(t *testing.T) { // H14
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	c := v.open(t, describe(t, callsBack)).About(connector.Facts{Reply: replies}).(*Connector)
	_, err := tryRead(t.Context(), c, "people", match("who", "a@b.c", "d@e.f"))
	var w *connector.Waiting
	if !errors.As(err, &w) || !w.Again.IsZero() || time.Until(w.Until) < 167*time.Hour {
		t.Fatalf("the error is %v", err)
	}
	rows, err := resumed(t.Context(), c, w.State, map[int][]byte{2: []byte(`{"access_results": [{"id": 4}]}`)})
	if !errors.As(err, &w) {
		t.Fatalf("with one of two answers: %v", err)
	}
	same(t, "rows of the second", rows, []string{`{"id":4} by d@e.f`})
	rows, err = resumed(t.Context(), c, w.State, map[int][]byte{1: []byte(`{"access_results": [{"id": 1}, {"id": 2}]}`), 2: []byte(`{"access_results": [{"id": 4}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "rows of the first", rows, []string{`{"id":1} by a@b.c`, `{"id":2} by a@b.c`})
	same(t, "the calls", v.made(), []string{
		`POST /exports {"who": "a@b.c", "to": "https://here/callback", "token": "t-1"}`,
		`POST /exports {"who": "d@e.f", "to": "https://here/callback", "token": "t-2"}`,
	})
}

func TestAnErasureThatIsCalledBackIsAskedForOnce(t *testing.T) { // H14
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	c := v.open(t, describe(t, callsBack)).About(connector.Facts{Reply: replies}).(*Connector)
	change := connector.Change{Key: key(int64(1), map[string]any{"who": "a@b.c"}), Before: connector.Row{"n": "x"}, After: connector.Row{"n": nil}}
	other := change
	other.Key = key(int64(2), map[string]any{"who": "d@e.f"})
	b := batch("people", []string{"n"}, change, other, change)
	out, err := c.Mask(t.Context(), b)
	var w *connector.Waiting
	if !errors.As(err, &w) || statuses(out) != "  " {
		t.Fatalf("%v, %v", out, err)
	}
	same(t, "the calls, one for equal changes", v.made(), []string{`POST /erasures {"who": "a@b.c", "token": "t-1"}`, `POST /erasures {"who": "d@e.f", "token": "t-2"}`})
	answers := map[int][]byte{1: []byte(`{"rows_masked": 2}`)}
	if out, err = c.ResumeMask(t.Context(), b, w.State, answers); !errors.As(err, &w) || statuses(out) != "changed  changed" {
		t.Fatalf("with one of two answers: %v, %v", out, err)
	}
	for _, wrong := range []string{`{"rows_masked": -1}`, `{"access_results": []}`} {
		answers[2] = []byte(wrong)
		if out, err := c.ResumeMask(t.Context(), b, w.State, answers); err == nil || errors.As(err, new(*connector.Waiting)) {
			t.Errorf("%s: %v, %v", wrong, out, err)
		}
	}
	answers[2] = []byte(`{"rows_masked": 0}`)
	if out, err = c.ResumeMask(t.Context(), b, w.State, answers); err != nil || statuses(out) != "changed already_done changed" || !strings.Contains(out[1].Reason, "masked no row") {
		t.Errorf("%v, %v", out, err)
	}
}

func TestAVendorThatCallsBackIsNotCalledWhereNobodyCanAnswer(t *testing.T) { // H14
	v := newVendor(t, says(`{}`))
	_, err := tryRead(t.Context(), v.open(t, describe(t, callsBack)), "people", match("who", "a@b.c"))
	if err == nil || !strings.Contains(err.Error(), "submit the request to a server") || len(v.made()) != 0 {
		t.Errorf("%v after %v", err, v.made())
	}
	gone := errors.New("another process has taken over")
	c := v.open(t, describe(t, callsBack)).About(connector.Facts{Reply: func(context.Context, int) (string, string, error) { return "", "", gone }}).(*Connector)
	if _, err := tryRead(t.Context(), c, "people", match("who", "a@b.c")); !errors.Is(err, gone) || len(v.made()) != 0 {
		t.Errorf("%v after %v", err, v.made())
	}
}

func TestWhatAVendorPostsIsReadOrRefused(t *testing.T) { // H14
	v := newVendor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	c := v.open(t, describe(t, callsBack)).About(connector.Facts{Reply: replies}).(*Connector)
	_, err := tryRead(t.Context(), c, "people", match("who", "a@b.c"))
	var w *connector.Waiting
	if !errors.As(err, &w) {
		t.Fatal(err)
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"access_results": 1}`, `{"access_results": [1]}`, `{"rows_masked": -1}`, `{"rows_masked": "1"}`, `{"rows_masked": 1}`} {
		if _, err := resumed(t.Context(), c, w.State, map[int][]byte{1: []byte(bad)}); err == nil || errors.As(err, new(*connector.Waiting)) || !strings.Contains(err.Error(), "the vendor") {
			t.Errorf("%s is taken for an answer: %v", bad, err)
		}
	}
	if rows, err := resumed(t.Context(), c, w.State, map[int][]byte{1: []byte(`{"access_results": []}`)}); err != nil || len(rows) != 0 {
		t.Errorf("nothing was found: %v, %v", rows, err)
	}
}

func TestACallBackThatNeverComesIsGivenUp(t *testing.T) { // H14
	synctest.Test(t, func(t *testing.T) {
		c := over(t, callsBack, func(*http.Request) (*http.Response, error) { return answered(202, ""), nil }).About(connector.Facts{Reply: replies}).(*Connector)
		_, err := tryRead(t.Context(), c, "people", match("who", "a@b.c"))
		var w *connector.Waiting
		if !errors.As(err, &w) {
			t.Fatal(err)
		}
		b := batch("people", []string{"n"}, connector.Change{Key: key(int64(1), map[string]any{"who": "a@b.c"}), Before: connector.Row{"n": "x"}, After: connector.Row{"n": nil}})
		var erasing *connector.Waiting
		if _, err := c.Mask(t.Context(), b); !errors.As(err, &erasing) {
			t.Fatal(err)
		}
		<-time.After(time.Until(w.Until) - time.Second)
		if _, err := resumed(t.Context(), c, w.State, nil); !errors.As(err, new(*connector.Waiting)) {
			t.Errorf("a second before: %v", err)
		}
		<-time.After(time.Second)
		_, read := resumed(t.Context(), c, w.State, nil)
		_, masked := c.ResumeMask(t.Context(), b, erasing.State, nil)
		for _, err := range []error{read, masked} {
			if err == nil || !strings.Contains(err.Error(), "has not posted its answer within 168h") || connector.KindOf(err) != connector.Permanent {
				t.Errorf("after the time limit: %v", err)
			}
		}
		if rows, err := resumed(t.Context(), c, w.State, map[int][]byte{1: []byte(`{"access_results": [{"id": 1}]}`)}); err != nil || len(rows) != 1 {
			t.Errorf("an answer that is there is read all the same: %v, %v", rows, err)
		}
	})
}

func TestPollingNeedsAnID(t *testing.T) { // H14
	v := newVendor(t, says(`{}`))
	_, err := tryRead(t.Context(), v.open(t, describe(t, strings.ReplaceAll(polled, "/now", "/n"))), "people", match("who", "a@b.c"))
	if err == nil || !strings.Contains(err.Error(), "no id at job.id") {
		t.Errorf("the error is %v", fmt.Sprint(err))
	}
}
