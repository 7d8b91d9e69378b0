package blob

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
)

// S3 keeps bytes as objects of a bucket. Nothing else may keep its objects
// below Prefix.
type S3 struct {
	Prefix string // "" or ends with a slash
	// Part is how many bytes are sent at once, and held in memory for it; at
	// least 5 MiB, which is what S3 takes.
	Part   int
	bucket *bucket
}

const (
	usualPart = 8 << 20
	mostParts = 10_000 // of an object; S3's own limit
)

// OpenS3 reads "s3://BUCKET/PREFIX?endpoint=URL&region=REGION". Credentials,
// and the region where none is named, come from where AWS's programs look for
// them: environment, files, the machine's role. It calls nobody.
func OpenS3(ctx context.Context, place string) (*S3, error) {
	u, err := url.Parse(place)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil {
		return nil, errors.New("the place for packages is not like s3://BUCKET/PREFIX?endpoint=URL&region=REGION; credentials come from the environment")
	}
	query := u.Query()
	endpoint, region := query.Get("endpoint"), query.Get("region")
	query.Del("endpoint")
	query.Del("region")
	if len(query) > 0 {
		return nil, errors.New("the place for packages takes endpoint and region behind its question mark, and nothing else")
	}
	var options []func(*config.LoadOptions) error
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("read the settings of AWS: %w", err)
	}
	if loaded.Region == "" {
		return nil, errors.New("the place for packages needs a region: add ?region=REGION, or set AWS_REGION")
	}
	endpoint = cmp.Or(endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), aws.ToString(loaded.BaseEndpoint))
	at, err := addressOf(u.Host, loaded.Region, endpoint)
	if err != nil {
		return nil, err
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		if err := check(prefix); err != nil {
			return nil, err
		}
		prefix += "/"
	}
	return &S3{Prefix: prefix, Part: usualPart, bucket: &bucket{
		name: u.Host, at: at, region: loaded.Region, http: loaded.HTTPClient,
		credentials: loaded.Credentials, signer: newSigner(), retries: retry.NewStandard(),
	}}, nil
}

// Put stores what write produces under a name: whole, durably, or not at all.
// It is sent in parts while it is written. What a Put of the same name left
// that was killed is removed.
func (s *S3) Put(ctx context.Context, name string, write func(io.Writer) error) error {
	if err := check(name); err != nil {
		return err
	}
	key := s.Prefix + name
	if err := s.abandon(ctx, key, func(k string) bool { return k == key }); err != nil {
		return err
	}
	u := &upload{s: s, ctx: ctx, key: key}
	err := write(u)
	if err == nil {
		err = u.finish()
	}
	if err != nil && u.id != "" {
		err = errors.Join(err, s.bucket.abort(context.WithoutCancel(ctx), key, u.id))
	}
	return err
}

// upload sends what is written to it. What fits into one part is sent at once.
type upload struct {
	s    *S3
	ctx  context.Context // of the Put that it is in: a Writer has no other place for it
	key  string
	id   string   // "" before the first part
	tags []string // of the parts that were sent
	held bytes.Buffer
}

func (u *upload) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		if u.held.Len() == u.s.Part { // there is more, so that it is not the last
			if err := u.send(); err != nil {
				return n, err
			}
		}
		some := min(len(p), u.s.Part-u.held.Len())
		u.held.Write(p[:some])
		n, p = n+some, p[some:]
	}
	return n, nil
}

func (u *upload) send() error {
	if u.id == "" {
		id, err := u.s.bucket.begin(u.ctx, u.key)
		if err != nil {
			return err
		}
		u.id = id
	}
	if len(u.tags) == mostParts {
		return fmt.Errorf("it is larger than %d parts of %d bytes", mostParts, u.s.Part)
	}
	tag, err := u.s.bucket.part(u.ctx, u.key, u.id, len(u.tags)+1, u.held.Bytes())
	if err != nil {
		return err
	}
	u.tags = append(u.tags, tag)
	u.held.Reset()
	return nil
}

func (u *upload) finish() error {
	if u.id == "" {
		return u.s.bucket.put(u.ctx, u.key, u.held.Bytes())
	}
	if err := u.send(); err != nil {
		return err
	}
	return u.s.bucket.complete(u.ctx, u.key, u.id, u.tags)
}

// abandon gives up uploads that were not finished, of those keys with a prefix
// that are meant.
func (s *S3) abandon(ctx context.Context, prefix string, meant func(key string) bool) error {
	all, err := s.bucket.uploads(ctx, prefix)
	if says(err, "NoSuchUpload") { // some servers, where there is none at all
		return nil
	}
	if err != nil {
		return err
	}
	for _, u := range all {
		if !meant(u.Key) {
			continue
		}
		if err := s.bucket.abort(ctx, u.Key, u.ID); err != nil && !says(err, "NoSuchUpload") {
			return err
		}
	}
	return nil
}

// Open gives what is kept under a name.
func (s *S3) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := check(name); err != nil {
		return nil, err
	}
	body, err := s.bucket.open(ctx, s.Prefix+name)
	if says(err, "NoSuchKey") {
		return nil, fs.ErrNotExist
	}
	return body, err
}

// Remove removes a folder and all that is in it. It may be gone already.
func (s *S3) Remove(ctx context.Context, folder string) error {
	if err := check(folder); err != nil {
		return err
	}
	prefix := s.Prefix + folder + "/"
	if err := s.abandon(ctx, prefix, func(string) bool { return true }); err != nil {
		return err
	}
	keys, _, err := s.bucket.list(ctx, prefix, "")
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.bucket.remove(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// Folders lists the folders in a folder; none where that is not there.
func (s *S3) Folders(ctx context.Context, folder string) ([]string, error) {
	if err := check(folder); err != nil {
		return nil, err
	}
	prefix := s.Prefix + folder + "/"
	_, folders, err := s.bucket.list(ctx, prefix, "/")
	for i, below := range folders {
		folders[i] = strings.TrimSuffix(strings.TrimPrefix(below, prefix), "/")
	}
	return folders, err
}
