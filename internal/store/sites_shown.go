package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"volenti.dev/volenti/consent/site"
)

// shown is what visitors read, in memory. Versions and their documents never
// change, so that what was read once stays true. Which version a site is at
// does: who publishes empties that part, and where another process can publish
// it is believed for a moment only.
type shown struct {
	mu      sync.Mutex
	places  map[string]foundPlace // by key; only of sites that there are
	changes int                   // what is read before one is out of date after it

	versions  lately[versionName, *site.Published]
	documents lately[documentName, site.Rendered]
}

type foundPlace struct {
	site.Place
	read time.Time
}

type versionName struct {
	tenant, id string
	n          int
}

type documentName struct {
	versionName
	language, region string
}

// believed is how long a version stays the current one here after another
// process has published the next.
const believed = time.Second

// Place finds a site by its key, of whatever tenant, or gives site.ErrNotFound.
// Before anything is published, its pages are those that the draft names.
func (s *Sites) Place(ctx context.Context, key string) (site.Place, error) {
	p, mark := s.db.shown.place(key, s.db.Exclusive())
	if p.ID != "" {
		return p, nil
	}
	if !site.ValidKey(key) {
		return p, site.ErrNotFound
	}
	read := time.Now()
	var origins string
	var draft []byte
	err := s.db.engine.row(ctx, `SELECT tenant, id, key, version, origins, CASE version WHEN 0 THEN draft END FROM sites WHERE key = $1`, key).
		Scan(&p.Tenant, &p.ID, &p.Key, &p.Version, &origins, &draft)
	if err := siteError("find a site", err); err != nil {
		return site.Place{}, err
	}
	p.Origins = strings.Fields(origins)
	if p.Version == 0 {
		d, err := openDraft(draft)
		if err != nil {
			return site.Place{}, err
		}
		p.Origins = d.Pages()
	}
	s.db.shown.keep(key, foundPlace{p, read}, mark)
	return p, nil
}

func (s *shown) place(key string, forGood bool) (p site.Place, mark int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.places[key]
	if ok && (forGood || time.Since(found.read) < believed) {
		p = found.Place
	}
	return p, s.changes
}

func (s *shown) keep(key string, p foundPlace, mark int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes != mark {
		return
	}
	if s.places == nil {
		s.places = map[string]foundPlace{}
	}
	s.places[key] = p
}

// forget is called when something was published, before anyone is told so.
func (s *shown) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	clear(s.places)
}

// Shown gives a version as it was published, or site.ErrNotFound. It is shared:
// nobody changes it. Who classified it is not in it.
func (s *Sites) Shown(ctx context.Context, tenant, id string, n int) (*site.Published, error) {
	name := versionName{tenant, id, n}
	if v, ok := s.db.shown.versions.get(name); ok {
		return v, nil
	}
	v, _, err := readVersion(ctx, s.db.engine, tenant, id, n)
	if err != nil {
		return nil, err
	}
	s.db.shown.versions.keep(name, &v, len(v.Canonical()))
	return &v, nil
}

// Document gives a version as visitors are shown it, byte for byte as it was
// published, or site.ErrNotFound. It is shared: nobody changes it.
func (s *Sites) Document(ctx context.Context, tenant, id string, n int, language, region string) (site.Rendered, error) {
	name := documentName{versionName{tenant, id, n}, language, region}
	if d, ok := s.db.shown.documents.get(name); ok {
		return d, nil
	}
	d := site.Rendered{Language: language, Region: region}
	err := s.db.engine.row(ctx, `
		SELECT etag, body FROM site_documents
		WHERE tenant = $1 AND site = $2 AND version = $3 AND language = $4 AND region = $5`, tenant, id, n, language, region).Scan(&d.ETag, &d.Body)
	if err := siteError("read a document of a site", err); err != nil {
		return d, err
	}
	if sumOf(d.Body) != d.ETag {
		return d, fmt.Errorf("a document of version %d of a site is damaged", n)
	}
	s.db.shown.documents.keep(name, d, len(d.Body))
	return d, nil
}

// lately keeps what was read lately, up to mostLately bytes. The zero value is
// ready.
type lately[K comparable, V any] struct {
	mu         sync.Mutex
	young, old map[K]V
	bytes      int // of the young ones
}

// mostLately bounds the bytes of each kind, in text.
const mostLately = 64 << 20

func (l *lately[K, V]) get(name K) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.young[name]
	if !ok {
		v, ok = l.old[name]
	}
	return v, ok
}

// keep lets those go that were kept before the younger half.
func (l *lately[K, V]) keep(name K, v V, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.young == nil || l.bytes+bytes > mostLately/2 {
		l.young, l.old, l.bytes = map[K]V{}, l.young, 0
	}
	l.young[name] = v
	l.bytes += bytes
}
