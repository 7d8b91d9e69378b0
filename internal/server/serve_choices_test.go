package server

import (
	"archive/zip"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

// linkedTo makes a device that has agreed to statistics, and links it.
func (s *site) linkedTo(email string) {
	s.t.Helper()
	id, _ := s.makeDevice(api.Route{}, store.DefaultTenant)
	s.must(devices{s.db.DB}.Link(s.t.Context(), store.DefaultTenant, id, theDevice, person(s.t, subject.Email, email), "test"))
}

func (s *site) devicesOf(email string) int {
	s.t.Helper()
	id, err := s.db.Consents().Find(s.t.Context(), store.DefaultTenant, person(s.t, subject.Email, email)[0])
	s.must(err)
	all, err := s.db.Devices().Of(s.t.Context(), store.DefaultTenant, id)
	s.must(err)
	return len(all)
}

func TestRequestsHandOutAndForgetWhatWasChosenInBanners(t *testing.T) { // B27, SE1
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		c := newPrograms(t)
		c.on("crm", says(`{"derived_identity": {"email": "ben@example.com"}}`))
		s := newSite(t, db)
		s.world = newWorld(t, "sqlite", "sqlite")
		s.world.configureFor(c, "    pre: [{key: ask-crm, connection: crm, direction: two_way, derives: [email]}]\n")
		s.openShop()
		s.makeConsent(store.DefaultTenant, "anna@example.com", "analytics", true) // as her devices say, which follow her
		s.linkedTo("anna@example.com")
		s.linkedTo("anna@example.com")
		s.linkedTo("ben@example.com") // whose address a webhook adds
		s.makeConsent(store.DefaultTenant, "ben@example.com", "research", true)

		r := s.submit("access", "anna@example.com")
		s.approve(r)
		s.await(r.ID, request.Complete)
		var got struct {
			Records []noted
			Banners []struct {
				Version    int
				Digest     string
				Categories map[string]struct{ Granted bool }
			}
		}
		text := fileOf(t, s.get("/api/v1/requests/"+r.ID+"/package").body, "consents.json")
		s.must(json.Unmarshal([]byte(text), &got))
		if len(got.Banners) != 2 || !got.Banners[0].Categories["statistics"].Granted || got.Banners[1].Digest != "d" ||
			!slices.ContainsFunc(got.Records, func(r noted) bool { return r.Note == "by telephone" }) ||
			slices.ContainsFunc(got.Records, func(r noted) bool { return r.Purpose != "analytics" }) {
			t.Errorf("consents.json: %s", text)
		}

		s.linkedTo("carl@example.com")
		erasure := s.submit("erasure", "anna@example.com")
		s.approve(erasure)
		s.await(erasure.ID, request.Complete)
		s.world.equal("devices", []int{s.devicesOf("anna@example.com"), s.devicesOf("ben@example.com"), s.devicesOf("carl@example.com")}, []int{0, 1, 1})
	})
}

// fileOf gives a file of a package.
func fileOf(t *testing.T, body, name string) string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
