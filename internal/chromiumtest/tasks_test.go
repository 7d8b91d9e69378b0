package chromiumtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"volenti.dev/volenti/internal/chromiumtest"
)

func TestLongestTaskIsTheOneOfThePage(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<!DOCTYPE html><title>Busy</title><script>setTimeout(() => { let n = 0; for (let i = 0; i < %s; i++) n += Math.sqrt(i); document.title = "Done " + n })</script>`, r.URL.Query().Get("rounds"))
	}))
	t.Cleanup(page.Close)
	b := chromiumtest.StartScripted(t)
	longest := func(rounds string) time.Duration {
		return b.LongestTask(func() {
			b.Open(page.URL + "?rounds=" + rounds)
			b.Await(`document.title.startsWith("Done")`)
		})
	}
	idle, busy := longest("1"), longest("1e8")
	if busy < 2*idle {
		t.Errorf("a task of 100 million square roots took %v, a page without it %v", busy, idle)
	}
}
