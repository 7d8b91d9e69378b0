package blob

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// openBucket gives a bucket of a server that speaks S3, through the
// environment. The server wants requests to be signed, and its pages are short.
func openBucket(t *testing.T) (*S3, gofakes3.Backend) {
	t.Helper()
	objects := s3mem.New()
	must(t, objects.CreateBucket("packages"))
	return openAt(t, shortPages(gofakes3.New(objects).Server())), objects
}

// openAt gives a bucket where handler answers what is signed.
func openAt(t *testing.T, handler http.Handler) *S3 {
	t.Helper()
	server := httptest.NewServer(signed(handler))
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "session")
	s, err := OpenS3(t.Context(), "s3://packages/of/volenti?region=eu-central-1&endpoint="+server.URL)
	must(t, err)
	s.Part = 5 << 20
	return s
}

func shortPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); r.Method == http.MethodGet && q.Has("prefix") {
			q.Set("max-keys", "2")
			q.Set("max-uploads", "1")
			r.URL.RawQuery = q.Encode()
		}
		next.ServeHTTP(w, r)
	})
}

// signed refuses what is not signed as S3 wants it: Signature Version 4 (the
// reference of S3's interface, "Authenticating Requests"), over the bytes.
func signed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Authorization") != authorization(r, body) || r.Header.Get("X-Amz-Security-Token") != "session" {
			refuse(w, http.StatusForbidden, "SignatureDoesNotMatch")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// authorization signs what was received anew: the host, the length, what begins
// with x-amz-. It wants the hash of the bytes to be among it.
func authorization(r *http.Request, body []byte) string {
	header := map[string]string{"host": r.Host}
	if r.ContentLength > 0 {
		header["content-length"] = fmt.Sprint(r.ContentLength)
	}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") {
			header[lower] = r.Header.Get(name)
		}
	}
	var names, lines, query []string
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		lines = append(lines, name+":"+header[name]+"\n")
	}
	for name, values := range r.URL.Query() {
		query = append(query, escaped(name, "")+"="+escaped(values[0], ""))
	}
	slices.Sort(query)
	list, sum := strings.Join(names, ";"), sha256.Sum256(body)
	if header["x-amz-content-sha256"] != hex.EncodeToString(sum[:]) {
		return "the header with the hash"
	}
	canonical := strings.Join([]string{r.Method, escaped(r.URL.Path, "/"), strings.Join(query, "&"), strings.Join(lines, ""), list, header["x-amz-content-sha256"]}, "\n")
	when := r.Header.Get("X-Amz-Date")
	scope := when[:8] + "/eu-central-1/s3/aws4_request"
	hash := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4secret")
	for _, step := range append(strings.Split(scope, "/"), "AWS4-HMAC-SHA256\n"+when+"\n"+scope+"\n"+hex.EncodeToString(hash[:])) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(step))
		key = mac.Sum(nil)
	}
	return "AWS4-HMAC-SHA256 Credential=key/" + scope + ", SignedHeaders=" + list + ", Signature=" + hex.EncodeToString(key)
}

// escaped escapes every byte but unreserved characters (RFC 3986) and those of
// but.
func escaped(s, but string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"+but, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>Because.</Message></Error>", code)
}

func TestNamesOfAllKindsAreSigned(t *testing.T) {
	s, _ := openBucket(t)
	for _, name := range []string{"t/a b+c", "t/ü=&?#%2F", "t/!*'();@$,[]~"} {
		must(t, s.Put(t.Context(), name, text(name)))
		if got := read(t, s, name); string(got) != name {
			t.Errorf("%s: %q", name, got)
		}
		must(t, s.Remove(t.Context(), "t"))
	}
}

// The first answer to each request is a failure that may pass, one of them in
// an answer that began as a success.
func TestWhatMayPassIsTriedAgain(t *testing.T) { // X9
	objects := s3mem.New()
	must(t, objects.CreateBucket("packages"))
	server := gofakes3.New(objects).Server()
	var asked atomic.Int32
	s := openAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := asked.Add(1); {
		case n%2 == 0:
			server.ServeHTTP(w, r)
		case r.Method == http.MethodPost:
			refuse(w, http.StatusOK, "InternalError")
		default:
			refuse(w, http.StatusServiceUnavailable, "SlowDown")
		}
	}))
	s.bucket.retries = atOnce{s.bucket.retries}
	large := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	must(t, s.Put(t.Context(), "t/large", func(w io.Writer) error { _, err := w.Write(large); return err }))
	if got := read(t, s, "t/large"); !bytes.Equal(got, large) {
		t.Errorf("of %d bytes, %d come back", len(large), len(got))
	}
}

func TestRefusalSaysWhichPermissionIsMissingAndIsNotTriedAgain(t *testing.T) {
	var asked atomic.Int32
	s := openAt(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		refuse(w, http.StatusForbidden, "AccessDenied")
	}))
	_, err := s.Open(t.Context(), "t/package.zip")
	if err == nil || err.Error() != "s3:GetObject in the bucket packages: refused with 403 AccessDenied: Because." || asked.Load() != 1 {
		t.Errorf("after %d: %v", asked.Load(), err)
	}
}

func TestFailureToReachABucketNamesNoKey(t *testing.T) {
	s := openAt(t, http.NotFoundHandler())
	s.bucket.at = &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	s.bucket.retries = atOnce{s.bucket.retries}
	if _, err := s.Open(t.Context(), "t/package.zip"); err == nil || strings.Contains(err.Error(), "package.zip") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.Open(ctx, "t/package.zip"); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("error: %v", err)
	}
}

func TestAnswerOfAnotherServerIsNoSuccess(t *testing.T) {
	s := openAt(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<p>Welcome") }))
	if err := s.Put(t.Context(), "a", text("a")); err == nil || !strings.Contains(err.Error(), "not S3's") {
		t.Errorf("error: %v", err)
	}
}

func TestBucketIsAtAHostOfItsOwnWhereItCan(t *testing.T) {
	for _, c := range []struct{ bucket, region, endpoint, at string }{
		{"packages", "eu-central-1", "", "https://packages.s3.eu-central-1.amazonaws.com"},
		{"pack.ages", "eu-central-1", "", "https://s3.eu-central-1.amazonaws.com/pack.ages"},
		{"packages", "cn-north-1", "", "https://packages.s3.cn-north-1.amazonaws.com.cn"},
		{"packages", "eusc-de-east-1", "", "https://packages.s3.eusc-de-east-1.amazonaws.eu"},
		{"Packages", "home", "http://minio.internal:9000", "http://minio.internal:9000/Packages"},
		{"packages", "auto", "https://store.example/s3/", "https://store.example/s3/packages"},
	} {
		if at, err := addressOf(c.bucket, c.region, c.endpoint); err != nil || at.String() != c.at {
			t.Errorf("%+v: %v, %v", c, at, err)
		}
	}
	for _, c := range []struct{ bucket, region, endpoint string }{
		{"packages:80", "eu-central-1", ""},
		{"packages", "evil.example/x", ""},
		{"packages", "eu-central-1", "minio.internal:9000"},
		{"packages", "eu-central-1", "https://key:secret@minio.internal"},
		{"packages", "eu-central-1", "https://minio.internal?secret=1"},
	} {
		if at, err := addressOf(c.bucket, c.region, c.endpoint); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v, %v", c, at, err)
		}
	}
}

// atOnce waits for nothing between attempts.
type atOnce struct{ aws.Retryer }

func (atOnce) RetryDelay(int, error) (time.Duration, error) { return 0, nil }
