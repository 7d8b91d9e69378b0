package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/encoding/httpbinding"
)

// bucket speaks as much of S3's protocol as is needed here
// (docs.aws.amazon.com/AmazonS3/latest/API). Its keys are whole: a prefix is
// part of them.
type bucket struct {
	name        string
	at          *url.URL // of the bucket, without a slash at its end
	region      string
	http        aws.HTTPClient
	credentials aws.CredentialsProvider
	signer      *v4.Signer
	retries     aws.Retryer
}

// newSigner gives one that escapes no path a second time, as S3 alone wants it.
// It keeps what it derived from a secret for as long as the id of the key is
// the same.
func newSigner() *v4.Signer {
	return v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
}

// What a bucket and a region are called, where a host is made of them.
var (
	hostBucket = regexp.MustCompile(`^[a-z0-9-]{3,63}$`)
	anyBucket  = regexp.MustCompile(`^[A-Za-z0-9._-]{3,255}$`)
	hostRegion = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)
)

// addressOf gives where a bucket is: below its endpoint, or with AWS at a host
// of its own. A name with a dot is no such host: no certificate is for it.
func addressOf(name, region, endpoint string) (*url.URL, error) {
	if !anyBucket.MatchString(name) {
		return nil, errors.New("the place for packages names no bucket: one has 3 to 255 letters, digits, dots, hyphens or underscores")
	}
	if endpoint != "" {
		u, err := url.Parse(endpoint)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New("the endpoint of the place for packages is not like https://HOST, with neither credentials nor a question mark")
		}
		return u.JoinPath(name), nil
	}
	if !hostRegion.MatchString(region) {
		return nil, errors.New("the region of the place for packages is none of AWS's: they are like eu-central-1")
	}
	domain := "amazonaws.com"
	switch {
	case strings.HasPrefix(region, "cn-"):
		domain = "amazonaws.com.cn"
	case strings.HasPrefix(region, "eusc-"):
		domain = "amazonaws.eu"
	}
	u := &url.URL{Scheme: "https", Host: "s3." + region + "." + domain}
	if !hostBucket.MatchString(name) {
		return u.JoinPath(name), nil
	}
	u.Host = name + "." + u.Host
	return u, nil
}

// call is one request. What it needs is the permission for it, by its name in
// policies of AWS, which tells in errors what was done.
type call struct {
	needs, method string
	key           string // "" for the bucket
	query         url.Values
	body          []byte
}

// reply is what an answer of any kind says, of what is read here.
type reply struct {
	XMLName       xml.Name // Error, when it is refused
	Code, Message string

	UploadID string   `xml:"UploadId"`
	Keys     []string `xml:"Contents>Key"`
	Folders  []string `xml:"CommonPrefixes>Prefix"`
	Uploads  []begun  `xml:"Upload"`

	IsTruncated           bool
	NextContinuationToken string
	NextKeyMarker         string
	NextUploadIDMarker    string `xml:"NextUploadIdMarker"`

	ETag string `xml:"-"` // from the header
}

// maxReply is how many bytes of an answer are read as XML; a page of a thousand
// of the longest keys has less.
const maxReply = 8 << 20

// ask gives what the answer says.
func (b *bucket) ask(ctx context.Context, c call) (said reply, err error) {
	err = b.try(ctx, c, func(answer *http.Response) error {
		said, err = parse(answer)
		return err
	})
	return said, err
}

// open gives the bytes of an object, which the caller closes.
func (b *bucket) open(ctx context.Context, key string) (body io.ReadCloser, err error) {
	err = b.try(ctx, call{needs: "s3:GetObject", method: http.MethodGet, key: key}, func(answer *http.Response) error {
		body = answer.Body
		return nil
	})
	return body, err
}

// try sends a call until what its answer says can be taken, or it is not worth
// another attempt.
func (b *bucket) try(ctx context.Context, c call, take func(*http.Response) error) error {
	for attempt := 1; ; attempt++ {
		answer, err := b.send(ctx, c) //nolint:bodyclose // take closes it, or hands it on
		if err == nil {
			err = take(answer)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || attempt >= b.retries.MaxAttempts() || !b.retries.IsErrorRetryable(err) {
			return b.failed(c, err)
		}
		pause, delayErr := b.retries.RetryDelay(attempt, err)
		if delayErr != nil {
			return b.failed(c, err)
		}
		select {
		case <-ctx.Done():
			return b.failed(c, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// failed says what was done and where, without the whole address.
func (b *bucket) failed(c call, err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return fmt.Errorf("%s in the bucket %s: %w", c.needs, b.name, err)
}

// send gives an answer that is a success.
func (b *bucket) send(ctx context.Context, c call) (*http.Response, error) {
	r, err := b.request(ctx, c)
	if err != nil {
		return nil, err
	}
	answer, err := b.http.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	_, err = parse(answer)
	return nil, err
}

// parse gives what an answer says, and closes it.
func parse(answer *http.Response) (said reply, err error) {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxReply))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return said, err
	}
	var malformed error
	if len(body) > 0 {
		malformed = xml.Unmarshal(body, &said)
	}
	switch {
	case answer.StatusCode/100 != 2:
		return said, &refusal{answer.StatusCode, said.Code, said.Message}
	case said.XMLName.Local == "Error": // it failed after its answer had begun
		return said, &refusal{http.StatusInternalServerError, said.Code, said.Message}
	case malformed != nil:
		return said, fmt.Errorf("its answer is not S3's: %w", malformed)
	}
	said.ETag = answer.Header.Get("ETag")
	return said, nil
}

// request is a call with its signature, version 4.
func (b *bucket) request(ctx context.Context, c call) (*http.Request, error) {
	u := *b.at
	u.Path += "/" + c.key
	u.RawPath = httpbinding.EscapePath(u.Path, false)
	u.RawQuery = c.query.Encode()
	r, err := http.NewRequestWithContext(ctx, c.method, u.String(), bytes.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	who, err := b.credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("find credentials: %w", err)
	}
	sum := sha256.Sum256(c.body)
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	if err := b.signer.SignHTTP(ctx, who, r, hash, "s3", b.region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return r, nil
}

// refusal is an answer that is no success. The retryer reads its code and its
// status.
type refusal struct {
	status        int
	code, message string
}

var _ smithy.APIError = (*refusal)(nil)

func (r *refusal) Error() string {
	return strings.TrimRight(fmt.Sprintf("refused with %d %s: %s", r.status, r.code, r.message), ": ")
}

// ErrorCode implements smithy.APIError.
func (r *refusal) ErrorCode() string { return r.code }

// ErrorMessage implements smithy.APIError.
func (r *refusal) ErrorMessage() string { return r.message }

// ErrorFault implements smithy.APIError.
func (r *refusal) ErrorFault() smithy.ErrorFault { return smithy.FaultUnknown }

// HTTPStatusCode is looked for by the retryer.
func (r *refusal) HTTPStatusCode() int { return r.status }

// says tells whether an error has a code of S3's.
func says(err error, code string) bool {
	refused, ok := errors.AsType[*refusal](err)
	return ok && refused.code == code
}
