// Package dynamodb reaches tables of Amazon DynamoDB and of servers that speak
// its protocol.
//
// An item is a row of an open table. Items are found by whole primary keys, by
// partition keys and by secondary indexes, and where none of them fits by
// reading the whole table; Queries tells which. What the service cannot
// compare, parts of objects in lists above all, is compared here.
//
//	Read    matches -> ways (get, query, scan) -> items -> compared again
//	Mask    items by key, consistent -> compare with Before and After ->
//	        guard -> write the parts that differ, on condition that what was
//	        compared still stands; when it does not: again
//
// What is written is decided by package documents.
//
// Numbers are an int64 when they are whole and fit, a float64 when that is
// exactly what is stored, else a Decimal; the service knows one type of
// number, so that 5.0 comes back as 5. Sets are arrays in order, and stay sets
// when they are written.
package dynamodb

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/documents"
)

// Limits of one call: how long it may take, and how often it is sent while the
// service throttles or fails.
const (
	timeout  = 30 * time.Second
	attempts = 5
)

// defaultConnections is how many calls run at once when the settings do not
// say.
const defaultConnections = 4

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Type:    "dynamodb",
		Name:    "Amazon DynamoDB",
		Summary: "Tables of Amazon DynamoDB in one region.",
		Secrets: []connector.Setting{
			{Name: "region", Required: true, Help: "eu-central-1, for example", Plain: true},
			{Name: "access_key_id", Required: true, Help: "of a user or role that may ListTables and DescribeTable, GetItem, BatchGetItem, Query and Scan, and for erasure UpdateItem and DeleteItem"},
			{Name: "secret_access_key", Required: true, Help: "the secret that belongs to it"},
			{Name: "session_token", Help: "for credentials that end"},
			{Name: "endpoint", Help: "another address of the service, https://HOST or on this machine http://localhost:PORT", Plain: true},
		},
		New: func(s connector.Settings) (connector.Connector, error) { return Open(s) },
	}
}

// DB is a way to the tables of one account in one region.
type DB struct {
	documents.Writer[attribute]
	key      string
	client   client
	http     *http.Transport
	parallel int
	closed   atomic.Bool
}

var (
	_ connector.Tester    = (*DB)(nil)
	_ connector.Describer = (*DB)(nil)
	_ connector.Sampler   = (*DB)(nil)
	_ connector.Reader    = (*DB)(nil)
	_ connector.Masker    = (*DB)(nil)
	_ connector.Deleter   = (*DB)(nil)
	_ connector.Verifier  = (*DB)(nil)
)

// Open prepares a connection. That a read-only one cannot write is up to the
// permissions of its user; Open only makes the refusal early.
func Open(s connector.Settings) (*DB, error) {
	for _, setting := range Spec().Secrets {
		if setting.Required && s.Secrets[setting.Name] == "" {
			return nil, fmt.Errorf("connection %s: secrets.%s is missing: %s", s.Key, setting.Name, setting.Help)
		}
	}
	options := dynamodb.Options{
		Region: s.Secrets["region"],
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: s.Secrets["access_key_id"], SecretAccessKey: s.Secrets["secret_access_key"], SessionToken: s.Secrets["session_token"]}, nil
		}),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = attempts }),
	}
	if endpoint := s.Secrets["endpoint"]; endpoint != "" {
		if !usable(endpoint) {
			return nil, fmt.Errorf("connection %s: secrets.endpoint must be https://HOST, or http:// on this machine", s.Key)
		}
		options.BaseEndpoint = &endpoint
	}
	db := &DB{key: s.Key, parallel: s.MaxConnections}
	db.Writer = documents.New(s, db.prepare)
	if db.parallel <= 0 {
		db.parallel = defaultConnections
	}
	caller := awshttp.NewBuildableClient().WithTimeout(timeout).WithTransportOptions(func(t *http.Transport) {
		t.MaxConnsPerHost = db.parallel
		db.http = t
	})
	options.HTTPClient = caller
	db.client = newClient(options)
	return db, nil
}

// usable says that what is sent to an endpoint cannot be read on its way.
func usable(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return false
	}
	host := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// Close gives the connections back.
func (db *DB) Close() error {
	db.closed.Store(true)
	if db.http != nil {
		db.http.CloseIdleConnections()
	}
	return nil
}

// Test reaches for the service and lists a table.
func (db *DB) Test(ctx context.Context) error {
	const doing = "test the connection"
	if err := db.open(doing); err != nil {
		return err
	}
	_, err := db.client.ListTables(ctx, &dynamodb.ListTablesInput{Limit: aws.Int32(1)})
	return db.fail(ctx, doing, err)
}

func (db *DB) open(doing string) error {
	if db.closed.Load() {
		return db.misfit(connector.Permanent, doing, "the connection was closed")
	}
	return nil
}
