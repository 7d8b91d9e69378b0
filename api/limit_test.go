package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func from(remote string, forwarded ...string) *http.Request {
	r := httptest.NewRequest("POST", "/x", nil)
	r.RemoteAddr = remote
	for _, f := range forwarded {
		r.Header.Add("X-Forwarded-For", f)
	}
	return r
}

func TestClientIsTheLastAddressThatIsNoProxyOfOurs(t *testing.T) { // SE15
	l := &Limiter{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for what, c := range map[string]struct {
		r    *http.Request
		want string
	}{
		"no proxy":                       {from("203.0.113.7:1"), "203.0.113.0/24"},
		"a client that says so":          {from("203.0.113.7:1", "198.51.100.1"), "203.0.113.0/24"},
		"a proxy":                        {from("10.1.1.1:1", "198.51.100.9"), "198.51.100.0/24"},
		"two proxies":                    {from("[fd00::1]:1", "198.51.100.9, 10.2.2.2"), "198.51.100.0/24"},
		"two headers":                    {from("10.1.1.1:1", "192.0.2.1", "198.51.100.9"), "198.51.100.0/24"},
		"what stands before it":          {from("10.1.1.1:1", "10.9.9.9, 192.0.2.1, 198.51.100.9"), "198.51.100.0/24"},
		"only proxies":                   {from("10.1.1.1:1", "10.3.3.3"), "10.3.3.0/24"},
		"nonsense":                       {from("10.1.1.1:1", "192.0.2.1, <script>"), "10.1.1.0/24"},
		"nothing":                        {from("10.1.1.1:1"), "10.1.1.0/24"},
		"IPv6":                           {from("[2001:db8:1:2:3::4]:1"), "2001:db8:1::/48"},
		"an IPv4 address in an IPv6 one": {from("[::ffff:203.0.113.7]:1"), "203.0.113.0/24"},
		"an address with a zone":         {from("10.1.1.1:1", "fe80::1%eth0"), "fe80::/48"},
	} {
		if got := l.network(c.r); got.String() != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
}

func TestOneNetworkAsksSoOftenAMinute(t *testing.T) { // SE15
	now := time.Date(2026, 11, 26, 12, 0, 50, 0, time.UTC)
	l := &Limiter{Most: 3, Now: func() time.Time { return now }}
	var allowed atomic.Int64
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			if _, ok := l.Allow(from(fmt.Sprintf("203.0.113.%d:1", i)), "a"); ok {
				allowed.Add(1)
			}
		})
	}
	wait.Wait()
	if allowed.Load() != 3 {
		t.Errorf("%d were allowed", allowed.Load())
	}
	if retry, ok := l.Allow(from("203.0.113.1:1"), "a"); ok || retry != 10*time.Second {
		t.Errorf("allowed: %v, again in %s", ok, retry)
	}
	for what, c := range map[string][2]string{"another network": {"203.0.112.1:1", "a"}, "another place": {"203.0.113.1:1", "b"}} {
		if _, ok := l.Allow(from(c[0]), c[1]); !ok {
			t.Errorf("%s is refused", what)
		}
	}
	now = now.Add(10 * time.Second)
	if _, ok := l.Allow(from("203.0.113.1:1"), "a"); !ok || len(l.asked) != 1 {
		t.Errorf("in the next minute: %v, %d counts are kept", ok, len(l.asked))
	}
}

func TestMemoryOfNetworksIsBounded(t *testing.T) { // SE7
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	l := &Limiter{Most: 2, Now: func() time.Time { return now }}
	refused := 0
	for i := range mostNetworks + 100 {
		if _, ok := l.Allow(from(fmt.Sprintf("[2001:%x:%x::1]:1", i>>16, i&0xffff)), "a"); !ok {
			refused++
		}
	}
	if len(l.asked) != mostNetworks+1 || refused != 98 {
		t.Errorf("%d counts, %d were refused of those who shared one", len(l.asked), refused)
	}
}

func TestWhoShowsNoKeyIsBoundedByNetwork(t *testing.T) { // SE15
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, route := range Table() {
		if !route.Public || route.Method != http.MethodPost {
			continue
		}
		a := &API{config: Config{Limiter: &Limiter{Most: 1, Now: func() time.Time { return now }}}}
		h := a.limited(route, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
		allowed := 0
		for range 20 {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, from("203.0.113.7:1"))
			if w.Code == http.StatusNoContent {
				allowed++
			} else if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
				t.Errorf("%s: %d", route.Path, w.Code)
			}
		}
		if allowed != 1 && allowed != 10 { // 10 for visitors of sites
			t.Errorf("%s: %d of 20 were allowed", route.Path, allowed)
		}
	}
}
