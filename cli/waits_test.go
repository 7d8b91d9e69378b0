package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRequestShowSaysWhatIsWaitedFor(t *testing.T) { // H14
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id": "r", "status": "in_processing", "report": {"skipped": [], "webhooks": [], "collections": [
			{"address": "vault:people", "action": "access", "status": "waiting", "message": "waits for vault until 2026-12-04T08:00:00Z", "fields": [],
			 "waits": {"connection": "vault", "since": "2026-11-27T08:00:00Z", "until": "2026-12-04T08:00:00Z", "next_asked": "2026-11-27T09:00:00Z"}},
			{"address": "vault:letters", "action": "access", "status": "waiting", "fields": [],
			 "waits": {"connection": "vault", "since": "2026-11-27T08:00:00Z", "until": "2026-12-04T08:00:00Z"}}]}}`)
	}))
	defer server.Close()
	out, _ := shell{t: t}.run(0, "request", "show", "r", "--server", server.URL, "--token", "vk_x")
	for _, want := range []string{"waits for vault until 2026-12-04T08:00:00Z\n", "asked at 2026-11-27T08:00:00Z; asked how far it is at 2026-11-27T09:00:00Z\n", "asked at 2026-11-27T08:00:00Z; it posts its answer\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}
