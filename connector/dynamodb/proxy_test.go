package dynamodb_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// proxy stands before a server: it writes down what is sent and lets a test
// answer in the server's place.
type proxy struct {
	mu      sync.Mutex
	calls   []call
	instead func(c call, forward func() map[string]any) (status int, body any) // nil body: forward
}

// call is one call: "Query" and what it asks.
type call struct {
	operation string
	body      map[string]any
}

// before puts a proxy before a server and gives its address.
func before(t testing.TB, url string) (*proxy, string) {
	t.Helper()
	p := &proxy{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		c := call{operation: operation}
		if err := json.Unmarshal(asked, &c.body); err != nil {
			t.Error(err)
		}
		p.mu.Lock()
		p.calls = append(p.calls, c)
		instead := p.instead
		p.mu.Unlock()
		forward := func() (status int, body []byte) {
			again, err := http.NewRequestWithContext(r.Context(), r.Method, url, bytes.NewReader(asked))
			if err != nil {
				return http.StatusBadGateway, nil
			}
			again.Header = r.Header
			answer, err := http.DefaultClient.Do(again)
			if err != nil {
				return http.StatusBadGateway, nil
			}
			defer func() { _ = answer.Body.Close() }()
			body, _ = io.ReadAll(answer.Body)
			return answer.StatusCode, body
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if instead != nil {
			status, body := instead(c, func() (out map[string]any) {
				_, body := forward()
				_ = json.Unmarshal(body, &out)
				return out
			})
			if body != nil {
				w.WriteHeader(status)
				_ = json.NewEncoder(w).Encode(body)
				return
			}
		}
		status, body := forward()
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	return p, s.URL
}

// sent gives the operations since the last time, sorted and each once.
func (p *proxy) sent() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, c := range p.calls {
		names = append(names, c.operation)
	}
	p.calls = nil
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

// refuse answers an operation with an error of the service.
func (p *proxy) refuse(operation, code string, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.instead = func(c call, _ func() map[string]any) (int, any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if c.operation != operation || times == 0 {
			return 0, nil
		}
		times--
		return http.StatusBadRequest, map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#" + code, "message": "kanarienvogel"}
	}
}
