package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limiter bounds how often one network may ask what nobody has to sign in for:
// so many times a minute for each place that is asked. It knows networks, /24
// of IPv4 and /48 of IPv6, and forgets them with the minute.
type Limiter struct {
	// Most is how often a minute; 0 for the usual number.
	Most int
	// Proxies are networks whose X-Forwarded-For is believed.
	Proxies []netip.Prefix
	Now     func() time.Time

	mu     sync.Mutex
	minute time.Time
	asked  map[asking]int
}

type asking struct {
	network netip.Prefix
	place   string
}

const (
	usualMost = 60
	// mostNetworks bounds the memory of a minute. Who comes when it is full
	// shares one count with all others.
	mostNetworks = 100_000
)

// Allow counts a request to a place. When there were too many, it says in how
// long there is room again.
func (l *Limiter) Allow(r *http.Request, place string) (retry time.Duration, ok bool) {
	return l.count(asking{l.network(r), place}, l.most())
}

// visitors counts what pages of sites send for their visitors, of whom many
// share a network: all of it in one place, ten times as often as others.
func (l *Limiter) visitors(r *http.Request) (retry time.Duration, ok bool) {
	return l.count(asking{l.network(r), "visitors"}, 10*l.most())
}

// device counts what one device sends, wherever it is: half as often.
func (l *Limiter) device(id string) (retry time.Duration, ok bool) {
	return l.count(asking{place: "device " + id}, (l.most()+1)/2)
}

func (l *Limiter) most() int {
	if l.Most == 0 {
		return usualMost
	}
	return l.Most
}

func (l *Limiter) count(a asking, most int) (retry time.Duration, ok bool) {
	now := l.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if minute := now.Truncate(time.Minute); l.asked == nil || !minute.Equal(l.minute) {
		l.minute, l.asked = minute, map[asking]int{}
	}
	if _, known := l.asked[a]; !known && len(l.asked) >= mostNetworks {
		if a.network = (netip.Prefix{}); strings.HasPrefix(a.place, "device ") {
			return 0, true // its network is counted
		}
	}
	if l.asked[a] >= most {
		return l.minute.Add(time.Minute).Sub(now), false
	}
	l.asked[a]++
	return 0, true
}

// network is from where a request comes: the last address on its way that is
// not one of our proxies. What comes before that address is what a client says.
func (l *Limiter) network(r *http.Request) netip.Prefix {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	client := at.Addr().Unmap().WithZone("")
	way := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(way) - 1; i >= 0 && l.trusts(client); i-- {
		before, err := netip.ParseAddr(strings.TrimSpace(way[i]))
		if err != nil {
			break
		}
		client = before.Unmap().WithZone("")
	}
	bits := 48
	if client.Is4() {
		bits = 24
	}
	p, _ := client.Prefix(bits) // both have so many
	return p
}

func (l *Limiter) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(l.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// forPeople is where routes are that people ask without an account.
const forPeople = "/api/v1/public/"

// limited refuses who asks too often, of people and of those who sign in: a
// password that is tried with many addresses is not counted at any of them.
func (a *API) limited(route Route, next http.Handler) http.Handler {
	signsIn := route.Public && route.Method == http.MethodPost
	if a.config.Limiter == nil || !strings.HasPrefix(route.Path, forPeople) && !signsIn {
		return next
	}
	allow := func(r *http.Request) (time.Duration, bool) {
		return a.config.Limiter.Allow(r, route.Method+" "+route.Path)
	}
	switch {
	case strings.HasPrefix(route.Path, forVisitors) && route.Method == http.MethodGet:
		return next // what every page of a site loads, and caches keep
	case strings.HasPrefix(route.Path, forVisitors+"consents"):
		allow = a.config.Limiter.visitors
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if retry, ok := allow(r); !ok {
			write(w, &Problem{Status: http.StatusTooManyRequests, Detail: "Too much was asked from your network. Wait a minute.", retry: max(retry, time.Second)})
			return
		}
		next.ServeHTTP(w, r)
	})
}
