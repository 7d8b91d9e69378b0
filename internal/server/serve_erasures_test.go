package server

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/consent"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

func TestDeletionPageLeadsToTheErasureOfItsSite(t *testing.T) { // W13
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newPagesSite(t, db)
		s.openShop()
		s.must(db.Consents().Describe(t.Context(), otherTenant, consent.Controller{Name: "Muster AG", Contact: "mailto:datenschutz@muster.example"}, act("controller.set")))
		id, key := s.makeSite(otherTenant, false)
		_, draft, err := db.Sites().Get(t.Context(), otherTenant, id)
		s.must(err)
		draft.Links = map[string]map[string]string{"privacy": {"": "https://shop.example/privacy"}}
		s.must(db.Sites().Edit(t.Context(), otherTenant, id, 1, "Shop", draft, act("site.edit")))
		_, _, err = db.Sites().Publish(t.Context(), otherTenant, id, 2, banner.Publication{}, "test", act("site.publish"))
		s.must(err)
		b := s.browser()
		page := b.get("/delete-account/" + key)
		for _, want := range []string{
			"Delete your account: Shop", "Muster AG", `<a href="mailto:datenschutz@muster.example">datenschutz@muster.example</a>`, `href="/ask/erasure?site=` + key + `"`,
			"email address", "invoices are kept for ten years", "§ 147 AO", `<a href="https://shop.example/privacy"`,
		} {
			if !strings.Contains(page.body, want) {
				t.Errorf("the page does not say %q: %s", want, page.body)
			}
		}
		if strings.Contains(page.body, "/ask/access") {
			t.Errorf("it leads to what erases nothing: %s", page.body)
		}
		b.headers["Accept-Language"] = "de"
		if got := b.get("/delete-account/" + key); !strings.Contains(got.body, "Konto löschen: Shop") || !strings.Contains(got.body, "E-Mail-Adresse") {
			t.Errorf("in German: %s", got.body)
		}
		delete(b.headers, "Accept-Language")

		// The request is one of the tenant whose site it is, to its end.
		to := "/ask/erasure?site=" + key
		form := b.get(to)
		if !strings.Contains(form.body, `<input type="hidden" name="site" value="`+key+`">`) {
			t.Fatalf("the form has forgotten the site: %s", form.body)
		}
		got := b.do("POST", "/ask/erasure", b.fill(form, "site", key, "email", "anna@example.org"))
		at := got.header.Get("Location")
		if got.status != http.StatusSeeOther || !strings.HasSuffix(at, "?site="+key) {
			t.Fatalf("%d %s %s", got.status, at, got.body)
		}
		reference := strings.TrimSuffix(strings.TrimPrefix(at, "/prove/"), "?site="+key)
		letters := s.letters(otherTenant)
		code, _ := letters[len(letters)-1].values["code"].(string)
		if got := b.do("POST", "/prove/"+reference, b.fill(b.get(at), "site", key, "party", "person", "code_person", code)); got.status != http.StatusSeeOther {
			t.Fatalf("proven: %d %s", got.status, got.body)
		}
		if r, err := db.Requests().Get(t.Context(), otherTenant, reference); err != nil || r.Status != request.AwaitingApproval {
			t.Errorf("the request: %+v, %v", r, err)
		}
		all, err := db.Audit().Records(t.Context(), otherTenant, 0, 100_000)
		s.must(err)
		if !slices.ContainsFunc(all, func(r audit.Record) bool { return r.Act == "request.submit" && strings.Contains(string(r.Details), id) }) {
			t.Errorf("the log does not say from which site: %v", all)
		}
		if got := b.get("/delete-account/nothing"); got.status != http.StatusNotFound {
			t.Errorf("of no site: %d %s", got.status, got.body)
		}
		if got := b.get("/ask/erasure?site=nothing"); got.status != http.StatusNotFound {
			t.Errorf("from no site: %d %s", got.status, got.body)
		}
	})
}
