package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// S3 keeps bytes as objects of a bucket. Nothing else may keep its objects
// below Prefix.
type S3 struct {
	Client *s3.Client
	Bucket string
	Prefix string // "" or ends with a slash
	// Part is how many bytes are sent at once, and held in memory for it; at
	// least 5 MiB, which is what S3 takes.
	Part int
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
	client := s3.NewFromConfig(loaded, func(o *s3.Options) {
		// Servers that are not AWS's do not all know its newer checksums. What is
		// kept here is sealed: its seal says whether it was changed.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		if endpoint != "" {
			o.BaseEndpoint, o.UsePathStyle = aws.String(endpoint), true
		}
	})
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		if err := check(prefix); err != nil {
			return nil, err
		}
		prefix += "/"
	}
	return &S3{Client: client, Bucket: u.Host, Prefix: prefix, Part: usualPart}, nil
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
	u := &upload{s: s, ctx: ctx, key: &key}
	err := write(u)
	if err == nil {
		err = u.finish()
	}
	if err != nil && u.id != nil {
		_, failed := s.Client.AbortMultipartUpload(context.WithoutCancel(ctx), &s3.AbortMultipartUploadInput{Bucket: &s.Bucket, Key: u.key, UploadId: u.id})
		err = errors.Join(err, failed)
	}
	return err
}

// upload sends what is written to it. What fits into one part is sent at once.
type upload struct {
	s     *S3
	ctx   context.Context // of the Put that it is in: a Writer has no other place for it
	key   *string
	id    *string // nil before the first part
	parts []types.CompletedPart
	held  bytes.Buffer
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
	if u.id == nil {
		begun, err := u.s.Client.CreateMultipartUpload(u.ctx, &s3.CreateMultipartUploadInput{Bucket: &u.s.Bucket, Key: u.key})
		if err != nil {
			return err
		}
		u.id = begun.UploadId
	}
	number := int32(len(u.parts) + 1)
	if number > mostParts {
		return fmt.Errorf("it is larger than %d parts of %d bytes", mostParts, u.s.Part)
	}
	sent, err := u.s.Client.UploadPart(u.ctx, &s3.UploadPartInput{
		Bucket: &u.s.Bucket, Key: u.key, UploadId: u.id, PartNumber: &number, Body: bytes.NewReader(u.held.Bytes()),
	})
	if err != nil {
		return err
	}
	u.parts = append(u.parts, types.CompletedPart{ETag: sent.ETag, PartNumber: &number})
	u.held.Reset()
	return nil
}

func (u *upload) finish() error {
	if u.id == nil {
		_, err := u.s.Client.PutObject(u.ctx, &s3.PutObjectInput{Bucket: &u.s.Bucket, Key: u.key, Body: bytes.NewReader(u.held.Bytes())})
		return err
	}
	if err := u.send(); err != nil {
		return err
	}
	_, err := u.s.Client.CompleteMultipartUpload(u.ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.s.Bucket, Key: u.key, UploadId: u.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	})
	return err
}

// abandon gives up uploads that were not finished, of those keys with a prefix
// that are meant.
func (s *S3) abandon(ctx context.Context, prefix string, meant func(key string) bool) error {
	pages := s3.NewListMultipartUploadsPaginator(s.Client, &s3.ListMultipartUploadsInput{Bucket: &s.Bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if says(err, "NoSuchUpload") { // some servers, where there is none at all
			return nil
		}
		if err != nil {
			return err
		}
		for _, u := range page.Uploads {
			if !meant(aws.ToString(u.Key)) {
				continue
			}
			_, err := s.Client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.Bucket, Key: u.Key, UploadId: u.UploadId})
			if err != nil && !says(err, "NoSuchUpload") {
				return err
			}
		}
	}
	return nil
}

// says tells whether an error has a code of S3's.
func says(err error, code string) bool {
	var e smithy.APIError
	return errors.As(err, &e) && e.ErrorCode() == code
}

// Open gives what is kept under a name.
func (s *S3) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := check(name); err != nil {
		return nil, err
	}
	object, err := s.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: aws.String(s.Prefix + name)})
	if says(err, "NoSuchKey") {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return object.Body, nil
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
	pages := s3.NewListObjectsV2Paginator(s.Client, &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, object := range page.Contents {
			if _, err := s.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.Bucket, Key: object.Key}); err != nil {
				return err
			}
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
	var names []string
	pages := s3.NewListObjectsV2Paginator(s.Client, &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: &prefix, Delimiter: aws.String("/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, below := range page.CommonPrefixes {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(aws.ToString(below.Prefix), prefix), "/"))
		}
	}
	return names, nil
}
