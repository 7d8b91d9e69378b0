package server

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
)

func TestLookingAtAPackageLinkSpendsNothing(t *testing.T) { // SE3
	t.Parallel()
	s := newPagesSite(t, storetest.SQLite(t))
	link := "/packages/" + s.link()
	for range 5 { // programs that look at mail follow every link
		if got := s.browser().do("HEAD", link, nil); got.status != http.StatusOK {
			t.Errorf("HEAD: %d", got.status)
		}
		if got := s.browser().get(link); got.status != http.StatusOK || !strings.Contains(got.body, "<dd>3</dd>") {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	b := s.browser()
	page := b.get(link)
	for range 3 {
		got := b.do("POST", link, b.fill(page))
		if got.status != http.StatusOK || got.body != "the package" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment; filename=") ||
			got.header.Get("Cache-Control") != "no-store" || got.header.Get("Referrer-Policy") != "no-referrer" || got.header.Get("Content-Type") != "application/zip" {
			t.Errorf("%d %v %s", got.status, got.header, got.body)
		}
	}
	used, made := b.do("POST", link, b.fill(page)), b.get("/packages/vd_nonsense")
	for _, got := range []reply{used, made, b.get(link)} {
		if got.status != http.StatusForbidden || got.body != made.body || !strings.Contains(got.body, "This download is over") {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

func TestColleagueAnswersByTheLinkOfTheLetterOnce(t *testing.T) { // W4
	t.Parallel()
	s := newPagesSite(t, storetest.SQLite(t))
	link := "/tasks/" + s.taskToken(store.DefaultTenant)
	b := s.browser()
	for range 3 { // looking at it uses nothing up
		if got := b.get(link); got.status != http.StatusOK || !strings.Contains(got.body, `name="note"`) {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	_, token, _ := strings.Cut(link, "/tasks/")
	to := link + regexp.MustCompile(`action="(\?_token=[^"]+)"`).FindStringSubmatch(b.get(link).body)[1]
	answer := func(to, note string) reply {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		s.must(w.WriteField("token", token)) // the first part
		s.must(w.WriteField("note", note))
		s.must(w.Close())
		return b.sent("POST", to, &body, w.FormDataContentType())
	}
	if got := answer(link, "a box"); got.status != http.StatusForbidden {
		t.Errorf("without the token of the form: %d %s", got.status, got.body)
	}
	if got := answer(to, "much longer than it may be"); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, `class="wrong"`) {
		t.Errorf("too long: %d %s", got.status, got.body)
	}
	if got := answer(to, "a box"); got.status != http.StatusOK || !strings.Contains(got.body, "Your answer has arrived") {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, got := range []reply{b.get(link), answer(to, "a box")} {
		if got.status != http.StatusForbidden || !strings.Contains(got.body, "There is nothing more to answer here") {
			t.Errorf("again: %d %s", got.status, got.body)
		}
	}
}
