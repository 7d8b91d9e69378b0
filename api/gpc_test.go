package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestServerSaysThatItHeedsGPC(t *testing.T) {
	a := New(Config{Log: slog.New(slog.DiscardHandler), Now: time.Now, NewID: func() string { return "id" }}, Table())
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/.well-known/gpc.json", nil))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" || w.Body.String() != `{"gpc":true,"lastUpdate":"`+gpcReviewed+`"}`+"\n" {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
	if _, err := time.Parse(time.DateOnly, gpcReviewed); err != nil {
		t.Error(err)
	}
}
