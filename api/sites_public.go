package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent/site"
)

// Where banners read what they show.
const (
	ConfigurationPath = "/api/v1/public/sites/{site}/configuration"
	DocumentPath      = "/api/v1/public/sites/{site}/versions/{version}/{language}/{region}"
)

type configurationInput struct {
	Site     string `path:"site" doc:"Key of the site"`
	Language string `query:"language" doc:"BCP 47 tag, or several as in Accept-Language"`
}

type siteDocumentInput struct {
	Site     string `path:"site" doc:"Key of the site"`
	Version  int    `path:"version"`
	Language string `path:"language" doc:"One of the version's"`
	Region   string `path:"region" doc:"One of the version's"`
}

type siteDocumentOutput struct {
	CacheControl string `header:"Cache-Control"`
	ETag         string `header:"ETag"`
	Body         site.Document
}

// maxAsked bounds what is matched with the languages of a site.
const maxAsked = 200

// giveConfiguration picks the language that is asked for and the region that
// the visitor comes from.
func giveConfiguration(a *API, ctx context.Context, _ auth.Caller, w http.ResponseWriter, r *http.Request) error {
	openToPages(w)
	asked := r.URL.Query().Get("language")
	if len(asked) > maxAsked {
		return invalid("query.language", "it is longer than "+strconv.Itoa(maxAsked)+" bytes")
	}
	at, err := a.place(ctx, r.PathValue("site"))
	if err != nil {
		return err
	}
	v, err := a.config.Sites.Shown(ctx, at.Tenant, at.ID, at.Version)
	if err != nil {
		return err
	}
	d, err := a.config.Sites.Document(ctx, at.Tenant, at.ID, at.Version, v.Speak(asked), v.Region(a.country(r)).Key)
	if err != nil {
		return err
	}
	if a.config.CountryHeader != "" && len(v.Regions) > 1 {
		w.Header().Set("Vary", a.config.CountryHeader)
	}
	giveRendered(w, r, d, "public, max-age=60")
	return nil
}

func giveDocument(a *API, ctx context.Context, _ auth.Caller, w http.ResponseWriter, r *http.Request) error {
	openToPages(w)
	at, err := a.place(ctx, r.PathValue("site"))
	if err != nil {
		return err
	}
	none := &Problem{Status: http.StatusNotFound, Detail: "The site has no such version, or it has not this language or region."}
	n, err := strconv.Atoi(r.PathValue("version"))
	if err != nil || n < 1 || n > at.Version {
		return none
	}
	v, err := a.config.Sites.Shown(ctx, at.Tenant, at.ID, n)
	if err != nil {
		return err
	}
	language, region := r.PathValue("language"), r.PathValue("region")
	if !slices.Contains(v.Languages, language) || !slices.ContainsFunc(v.Regions, func(r site.Region) bool { return r.Key == region }) {
		return none
	}
	d, err := a.config.Sites.Document(ctx, at.Tenant, at.ID, n, language, region)
	if err != nil {
		return err
	}
	giveRendered(w, r, d, "public, max-age=31536000, immutable")
	return nil
}

// place finds a site that visitors can be shown something of. That there is no
// such site is told from one that is not published: both keys are public.
func (a *API) place(ctx context.Context, key string) (site.Place, error) {
	at, err := a.config.Sites.Place(ctx, key)
	switch {
	case errors.Is(err, site.ErrNotFound):
		return at, &Problem{Status: http.StatusNotFound, Detail: "There is no site with this key. Compare it with the snippet that the site was made with."}
	case err == nil && at.Version == 0:
		return at, &Problem{Status: http.StatusNotFound, Detail: "Nothing of this site is published yet. Publish its draft."}
	}
	return at, err
}

// openToPages lets pages of every origin read an answer: what is published is
// for everybody, and no cookie counts here.
func openToPages(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// giveRendered answers with a document as it is stored (RFC 9110, section 13).
func giveRendered(w http.ResponseWriter, r *http.Request, d site.Rendered, cache string) {
	tag := `"` + d.ETag + `"`
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("ETag", tag)
	if known(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(d.Body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(d.Body)
}

// known says whether one of the tags of If-None-Match is ours, weak or not.
func known(headers []string, tag string) bool {
	for t := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}

// places are codes of ISO 3166-1, or of 3166-2 like US-CA. Those that proxies
// make up for what they do not know, like XX and T1, name no region.
var places = regexp.MustCompile(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`)

// country is where a visitor is, as a trusted proxy says; "" when it is not
// known. What a client says itself is not believed.
func (a *API) country(r *http.Request) string {
	if a.config.CountryHeader == "" || a.config.Limiter == nil {
		return ""
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !a.config.Limiter.trusts(from.Addr().Unmap().WithZone("")) {
		return ""
	}
	if said := r.Header.Values(a.config.CountryHeader); len(said) == 1 && places.MatchString(said[0]) && said[0] != "XX" {
		return said[0]
	}
	return ""
}
