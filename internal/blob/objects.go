package blob

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
)

// What is done in a bucket, each by the request of S3 that has its name.

func (b *bucket) put(ctx context.Context, key string, body []byte) error {
	_, err := b.ask(ctx, call{needs: "s3:PutObject", method: http.MethodPut, key: key, body: body})
	return err
}

func (b *bucket) remove(ctx context.Context, key string) error {
	_, err := b.ask(ctx, call{needs: "s3:DeleteObject", method: http.MethodDelete, key: key})
	return err
}

// list gives the keys with a prefix, and apart from them, where there is a
// delimiter, what those have in common that have it behind the prefix.
func (b *bucket) list(ctx context.Context, prefix, delimiter string) (keys, folders []string, err error) {
	query := url.Values{"list-type": {"2"}, "prefix": {prefix}}
	if delimiter != "" {
		query.Set("delimiter", delimiter)
	}
	for {
		page, err := b.ask(ctx, call{needs: "s3:ListBucket", method: http.MethodGet, query: query})
		if err != nil {
			return nil, nil, err
		}
		keys, folders = append(keys, page.Keys...), append(folders, page.Folders...)
		if !page.IsTruncated || page.NextContinuationToken == "" {
			return keys, folders, nil
		}
		query.Set("continuation-token", page.NextContinuationToken)
	}
}

// begun is an upload in parts that has not been completed.
type begun struct {
	Key string
	ID  string `xml:"UploadId"`
}

// uploads gives those of keys with a prefix.
func (b *bucket) uploads(ctx context.Context, prefix string) (all []begun, err error) {
	query := url.Values{"uploads": {""}, "prefix": {prefix}}
	for {
		page, err := b.ask(ctx, call{needs: "s3:ListBucketMultipartUploads", method: http.MethodGet, query: query})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Uploads...)
		if !page.IsTruncated || page.NextKeyMarker == "" {
			return all, nil
		}
		query.Set("key-marker", page.NextKeyMarker)
		query.Set("upload-id-marker", page.NextUploadIDMarker)
	}
}

// begin begins an upload and gives its id.
func (b *bucket) begin(ctx context.Context, key string) (id string, err error) {
	said, err := b.ask(ctx, call{needs: "s3:PutObject", method: http.MethodPost, key: key, query: url.Values{"uploads": {""}}})
	return said.UploadID, err
}

// part sends one and gives its tag. Parts are counted from 1.
func (b *bucket) part(ctx context.Context, key, upload string, number int, body []byte) (tag string, err error) {
	query := url.Values{"uploadId": {upload}, "partNumber": {strconv.Itoa(number)}}
	said, err := b.ask(ctx, call{needs: "s3:PutObject", method: http.MethodPut, key: key, query: query, body: body})
	return said.ETag, err
}

// complete makes an object of the parts with these tags.
func (b *bucket) complete(ctx context.Context, key, upload string, tags []string) error {
	type part struct {
		PartNumber int
		ETag       string
	}
	whole := struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUpload"`
		Parts   []part   `xml:"Part"`
	}{}
	for i, tag := range tags {
		whole.Parts = append(whole.Parts, part{i + 1, tag})
	}
	body, err := xml.Marshal(whole)
	if err != nil {
		return err
	}
	_, err = b.ask(ctx, call{needs: "s3:PutObject", method: http.MethodPost, key: key, query: url.Values{"uploadId": {upload}}, body: body})
	return err
}

// abort gives an upload up, and its parts.
func (b *bucket) abort(ctx context.Context, key, upload string) error {
	_, err := b.ask(ctx, call{needs: "s3:AbortMultipartUpload", method: http.MethodDelete, key: key, query: url.Values{"uploadId": {upload}}})
	return err
}
