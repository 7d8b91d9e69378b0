package cli

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	pages "volenti.dev/volenti/demo/site"
)

// shopfront is the web site of the shop, with its banner.
type shopfront struct {
	url    string
	site   api.Site
	vendor *pages.Vendor
	stop   func()
}

// openSite publishes a banner and puts it on the shop's web site.
func (t *tour) openSite() error {
	front, err := t.listen("127.0.0.1:8081")
	if err != nil {
		return err
	}
	others, err := t.listen("127.0.0.1:0")
	if err != nil {
		return errors.Join(err, front.Close())
	}
	f := &shopfront{url: "http://" + front.Addr().String(), vendor: &pages.Vendor{}}
	// Cookies know no ports: under a name of their own the vendors do not get the shop's.
	at := pages.Places{Server: t.counter.Server, Vendor: "http://localhost:" + strconv.Itoa(others.Addr().(*net.TCPAddr).Port)}
	draft := pages.Draft(f.url, at.Vendor)
	for i := range draft.Categories {
		if draft.Categories[i].Key == "statistics" {
			draft.Categories[i].Purposes = []string{"analytics"}
		}
	}
	err = t.counter.post(t.session, "/sites", map[string]any{"name": "Shop", "draft": draft}, &f.site)
	var published api.SiteVersion
	if err == nil {
		body := map[string]any{"revision": f.site.Revision, "material": true, "summary": map[string]string{"en": "We ask for the first time."}, "classified_by": t.User}
		err = t.counter.post(t.session, pathOfSite(f.site.ID, "publish"), body, &published)
	}
	if err != nil {
		return errors.Join(err, front.Close(), others.Close())
	}
	at.Key = f.site.Key
	f.serve(front, pages.Handler(at), others)
	t.front = f
	t.say("The shop's web site gets a banner", "%s shows version %d in %d languages, and asks about %d services.\nIts digest is %.12s…: what visitors choose refers to it.", f.url, published.Number, len(published.Languages), len(published.Vendors), published.Digest)
	return nil
}

func (f *shopfront) serve(front net.Listener, shop http.Handler, others net.Listener) {
	shown := &http.Server{Handler: shop, ReadHeaderTimeout: demoTime}
	called := &http.Server{Handler: f.vendor, ReadHeaderTimeout: demoTime}
	go func() { _ = shown.Serve(front) }()
	go func() { _ = called.Serve(others) }()
	f.stop = func() { _, _ = shown.Close(), called.Close() }
}

// visit is what a visitor's browser does, but for the looks: it is asked,
// agrees to one category, and withdraws.
func (t *tour) visit() error {
	var shown struct {
		Version  int    `json:"version"`
		Digest   string `json:"digest"`
		Language string `json:"language"`
		Region   string `json:"region"`
	}
	if err := t.browse(http.MethodGet, "/configuration?language=en", nil, &shown); err != nil {
		return err
	}
	device := rand.Text()
	var chosen api.VisitorsConsent
	choice := map[string]any{
		"device": device, "submission": uuid.NewString(), "version": shown.Version, "digest": shown.Digest, "language": shown.Language, "region": shown.Region,
		"categories": map[string]bool{"statistics": true}, "source": "banner",
	}
	if err := t.browse(http.MethodPost, "/consents", choice, &chosen); err != nil {
		return err
	}
	if !chosen.HasConsent || !chosen.Consent.Categories["statistics"].Granted || chosen.Consent.Categories["marketing"].Granted {
		return errors.New("what the visitor chose does not stand")
	}
	choice["submission"], choice["digest"] = uuid.NewString(), "0000"
	if t.browse(http.MethodPost, "/consents", choice, &chosen) == nil {
		return errors.New("a choice about what nobody was shown was taken")
	}
	withdrawal := map[string]string{"device": device, "submission": uuid.NewString()}
	var left api.VisitorsConsent
	if err := t.browse(http.MethodPost, "/consents/withdraw", withdrawal, &struct{}{}); err != nil {
		return err
	}
	if err := t.browse(http.MethodPost, "/consents/current", map[string]string{"device": device}, &left); err != nil || left.HasConsent {
		return errors.Join(err, errors.New("what the visitor withdrew stands"))
	}
	until := chosen.Consent.Categories["statistics"].Expires
	t.say("A visitor of the site", "She agrees to statistics, and to nothing else: record %d, until %s, under the digest of what she was shown. A choice under another digest is refused.\nShe withdraws: nothing stands, and the records stay as evidence.", chosen.Consent.Sequence, until.UTC().Format(time.DateOnly))
	return nil
}

// browse asks as a page of the shop does.
func (t *tour) browse(method, path string, body, into any) error {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	q, err := http.NewRequestWithContext(t.ctx, method, t.counter.Server+"/api/v1/public/sites/"+t.front.site.Key+path, &sent)
	if err != nil {
		return err
	}
	q.Header.Set("Origin", t.front.url)
	q.Header.Set("Content-Type", "application/json")
	answer, err := remoteClient.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	switch {
	case err != nil:
		return err
	case answer.StatusCode >= http.StatusMultipleChoices:
		return fmt.Errorf("%s: %w", path, refusal(answer.StatusCode, text))
	}
	return json.Unmarshal(text, into)
}
