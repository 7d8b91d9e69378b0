package web_test

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"volenti.dev/volenti/internal/chromiumtest"
	"volenti.dev/volenti/web"
)

// counted answers as the API does, of a site on which people have chosen for three days.
func counted(w http.ResponseWriter, r *http.Request) {
	for part, answer := range map[string]string{
		"/sessions/current": `{"operator":"o","name":"Olga Officer","role":"auditor","scopes":["consents:read"]}`,
		"/sites":            `{"items":[{"id":"1","key":"shop","name":"Shop"}]}`,
		"/versions":         `{"items":[{"version":2,"published_at":"2026-11-25T10:00:00Z","material":true},{"version":1,"published_at":"2026-01-01T10:00:00Z","material":true}]}`,
		"/statistics": `{"standing":{"total":120,"categories":[{"category":"statistics","granted":90,"rate":75},{"category":"marketing","granted":null,"rate":null}]},
			"from":"2026-11-23","to":"2026-11-26",
			"choices":{"total":120,"categories":[{"category":"statistics","granted":90,"rate":75},{"category":"marketing","granted":30,"rate":25}]},
			"groups":[
			{"value":"2026-11-24","total":40,"categories":[{"category":"statistics","rate":80},{"category":"marketing","rate":20.5}]},
			{"value":"2026-11-25","total":40,"categories":[{"category":"statistics","rate":75},{"category":"marketing","rate":null}]},
			{"value":"2026-11-26","total":40,"categories":[{"category":"statistics","rate":70},{"category":"marketing","rate":31}]}]}`,
	} {
		if strings.HasSuffix(r.URL.Path, part) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(answer))
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
}

func TestRatesAreDrawnFromTheirTable(t *testing.T) { // W6, W18
	pages := web.New(web.Config{API: http.HandlerFunc(counted), PublicURL: "http://127.0.0.1", Log: slog.New(slog.DiscardHandler), Random: rand.Reader}, web.Table())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.AddCookie(&http.Cookie{Name: "volenti", Value: "vs_x"})
		pages.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	e := eye{chromiumtest.StartScripted(t), t, chromiumtest.Axe(t)}
	e.Open(s.URL + "/admin/consent/rates")
	e.says("120", "75 %", "too few", "Version 2, asks again", "20.5")
	if strings.Contains(e.Text(), "Version 1") {
		t.Error("what was published before the first day is on the page")
	}
	// The line of statistics is painted: somewhere in the chart is its colour.
	e.Await(`(() => {
		const c = document.querySelector("#rates-chart canvas");
		if (!c) return false;
		const box = document.getElementById("rates-chart");
		box.style.color = "var(--work)";
		const [r, g, b] = getComputedStyle(box).color.match(/\d+/g).map(Number), {data} = c.getContext("2d").getImageData(0, 0, c.width, c.height);
		for (let i = 0; i < data.length; i += 4) if (data[i + 3] == 255 && data[i] == r && data[i + 1] == g && data[i + 2] == b) return true;
		return false;
	})()`)
	e.look("rates")
	for _, complaint := range e.Complaints() {
		t.Errorf("the console says: %s", complaint)
	}
}
