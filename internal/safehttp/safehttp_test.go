package safehttp

import (
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Where nobody from outside may get, in all ways to write it: first what a
// permission opens, then what nothing does.
var forms = map[string][2][]string{
	"loopback":        {{"127.0.0.1", "127.255.255.254", "::1", "::1%lo"}, nil},
	"private":         {{"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fdff::1"}, nil},
	"carrier NAT":     {{"100.64.0.1", "100.127.255.255"}, nil},
	"link-local":      {nil, {"169.254.0.1", "fe80::1", "febf::1", "fe80::1%eth0"}},
	"multicast":       {nil, {"224.0.0.1", "239.255.255.255", "ff02::1"}},
	"unspecified":     {nil, {"0.0.0.0", "0.1.2.3", "::"}},
	"documentation":   {nil, {"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"}},
	"reserved":        {nil, {"192.0.0.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "240.0.0.1", "255.255.255.255", "100::1", "fec0::1", "5f00::1", "4000::1", "2001::1", "2001:20::1"}},
	"IPv4-mapped":     {{"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:c0a8:101"}, {"::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::ffff:0.0.0.0"}},
	"IPv4-compatible": {nil, {"::127.0.0.1", "::10.0.0.1", "::ffff:0:127.0.0.1"}},
	"NAT64":           {{"64:ff9b::127.0.0.1", "64:ff9b::a00:1"}, {"64:ff9b::a9fe:a9fe", "64:ff9b::0.0.0.0", "64:ff9b:1::10.0.0.1"}},
	"6to4":            {{"2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::"}, {"2002:a9fe:a9fe::1", "2002:e000:1::"}},
	"Teredo":          {nil, {"2001:0:4136:e378:8000:63bf:3fff:fdd2"}},
	"cloud metadata":  {nil, {"169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254", "64:ff9b::168.63.129.16", "::ffff:100.100.100.200"}},
}

func TestDialerConnectsToNoAddressThatIsNotPublic(t *testing.T) { // SE4
	dial := NewClient(Options{}).Transport.(guard).next.(*http.Transport).DialContext
	for kind, addresses := range forms {
		for i, all := range addresses {
			for _, address := range all {
				// The dialer is given what a name has led to.
				conn, err := dial(t.Context(), "tcp", net.JoinHostPort(address, "443"))
				if err == nil {
					_ = conn.Close()
				}
				if !errors.Is(err, ErrRefused) {
					t.Errorf("%s, %s: %v", kind, address, err)
				}
				if strings.Contains(address, "%") {
					continue
				}
				if err := Check("https://"+net.JoinHostPort(address, "443")+"/hook", false); !errors.Is(err, ErrRefused) {
					t.Errorf("%s, %s in a URL: %v", kind, address, err)
				}
				if err := judge(net.JoinHostPort(address, "443"), true); errors.Is(err, ErrRefused) != (i == 1) {
					t.Errorf("%s, %s with permission: %v", kind, address, err)
				}
			}
		}
	}
	for _, address := range []string{"8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "11.0.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "64:ff9b::8.8.8.8", "2002:808:808::1", "::ffff:8.8.8.8"} {
		if err := judge(net.JoinHostPort(address, "443"), false); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A name is no way around it: what counts is where it leads in the end.
func TestNameThatLeadsHereIsNotConnectedTo(t *testing.T) { // SE4
	asked := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer server.Close()
	here := "https://localhost:" + port(t, server.URL)
	if err := Check(here, false); err != nil {
		t.Fatalf("a name is not judged by its letters: %v", err)
	}
	for _, address := range []string{here, server.URL} {
		if _, _, err := get(t, NewClient(Options{}), address); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if asked {
		t.Error("the server was reached")
	}
}

func TestURLsThatAreNotForCalls(t *testing.T) { // SE4
	for _, raw := range []string{
		"", "hook", "//example.com", "ftp://example.com", "file:///etc/passwd", "https:example.com", "https://", "https:///x", "gopher://example.com",
		"https://user@example.com", "https://user:pass@example.com", "https://example.com/#part", "https://exa mple.com", "https://example.com:port",
		"https://[fe80::1%25eth0]/", "javascript:alert(1)", "https://example.com/" + strings.Repeat("a", MaxURL),
	} {
		for _, allowed := range []bool{false, true} {
			if err := Check(raw, allowed); !errors.Is(err, ErrRefused) {
				t.Errorf("%.40q (private allowed: %v): %v", raw, allowed, err)
			}
		}
	}
	if err := Check("http://example.com/", false); !errors.Is(err, ErrRefused) {
		t.Errorf("HTTP: %v", err)
	}
	for raw, allowed := range map[string]bool{"https://example.com/hook?a=b": false, "http://example.com": true, "http://127.0.0.1:80/": true, "https://10.0.0.1": true} {
		if err := Check(raw, allowed); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// answering is a server of this machine, and a client that may reach it.
func answering(t *testing.T, timeout time.Duration, answer http.HandlerFunc) (*http.Client, string) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return NewClient(Options{AllowPrivate: true, Timeout: timeout}), server.URL
}

func TestRedirectIsAnAnswerAndNotFollowed(t *testing.T) { // SE4
	followed := false
	client, address := answering(t, 0, func(w http.ResponseWriter, r *http.Request) {
		followed = followed || r.URL.Path != "/"
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	status, _, err := get(t, client, address+"/")
	if err != nil || status != http.StatusFound || followed {
		t.Errorf("%d %v, followed: %v", status, err, followed)
	}
}

func TestAnswerIsBounded(t *testing.T) { // SE4
	client, address := answering(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/full":
			_, _ = w.Write(make([]byte, MaxAnswer))
		case "/endless":
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 1<<16))
			}
		case "/header":
			w.Header().Set("X", strings.Repeat("x", maxHeader+4<<10))
		case "/bomb":
			if r.Header.Get("Accept-Encoding") != "" {
				t.Error("it asks for what it would have to unpack")
			}
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 64<<20))
			_ = z.Close()
		}
	})
	for path, want := range map[string]struct {
		bytes int
		err   bool
	}{"/full": {MaxAnswer, false}, "/endless": {MaxAnswer, true}, "/header": {0, true}, "/bomb": {1 << 17, false}} {
		n := 0
		_, answer, err := get(t, client, address+path)
		if err == nil {
			var body []byte
			body, err = io.ReadAll(answer)
			n = len(body)
		}
		if (err != nil) != want.err || n > want.bytes || path == "/full" && n != want.bytes || path == "/endless" && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %d bytes, %v", path, n, err)
		}
	}
}

func TestCallEndsInTime(t *testing.T) { // SE4
	ended := make(chan struct{})
	client, address := answering(t, 50*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(ended)
	})
	_, answer, err := get(t, client, address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(answer); err == nil {
		t.Error("a body without end was read to its end")
	}
	<-ended
}

func TestEnvironmentHasNoSay(t *testing.T) { // SE4
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:1")
	t.Setenv("HTTPS_PROXY", "http://192.0.2.1:1")
	client, _ := answering(t, 0, func(http.ResponseWriter, *http.Request) {})
	if client.Transport.(guard).next.(*http.Transport).Proxy != nil {
		t.Error("a proxy is taken from the environment")
	}
}

// get gives the answer, which is closed at the end of the test.
func get(t *testing.T, client *http.Client, address string) (status int, body io.Reader, err error) {
	t.Helper()
	got, err := client.Get(address)
	if err != nil {
		return 0, nil, err
	}
	t.Cleanup(func() { _ = got.Body.Close() })
	return got.StatusCode, got.Body, nil
}

func port(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}
