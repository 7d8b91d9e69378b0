package server

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/request"
)

// The minute is one of the test: nobody waits for it.
func TestARequestOutlastsAVendorThatIsBusyForAMinuteAndThenBroken(t *testing.T) { // H16, R6
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "sqlite", "sqlite")
		w.configure(registryDescription, shopDataset, registryPolicies, "connection:\n- {key: registry, type: registry, access: write, secrets: {domain: registry.example}}\n")
		d, g := w.open(), &registry{row: `{"id": "p1", "name": "Anna"}`}
		defer d.close()
		var at []time.Duration
		begun := time.Now()
		d.Systems.Calling(func(bool) connector.Client {
			return &office{answer: func(w http.ResponseWriter, r *http.Request) {
				since := time.Since(begun)
				at = append(at, since)
				switch {
				case since < time.Minute:
					w.WriteHeader(http.StatusTooManyRequests)
				case since < 80*time.Second:
					w.WriteHeader(http.StatusInternalServerError)
				default:
					if r.Body == nil { // a server would have one
						r.Body = http.NoBody
					}
					g.ServeHTTP(w, r)
				}
			}}
		})
		report, err := d.Run(t.Context(), d.asks("erasure", "anna@example.com", `{"number":"K-17","sure":true}`))
		if err != nil || report.Status != request.Complete {
			t.Fatalf("%s, %v\n%s", report.Status, err, w.log)
		}
		if found := line(report, "registry:people", request.Access); found.Attempts != 1 {
			t.Errorf("%+v", found)
		}
		pauses := []time.Duration{0, 1, 3, 7, 15, 31, 61, 91} // each twice as long as the one before, 30 s at most
		for i := range pauses {
			pauses[i] *= time.Second
		}
		if len(at) < len(pauses) || !slices.Equal(pauses, at[:len(pauses)]) {
			t.Errorf("calls were made at %v", at)
		}
		if took := time.Since(begun); took > 92*time.Second {
			t.Errorf("the request took %s, and the vendor answered after 80 s", took)
		}
	})
}
