// Package mongodb reaches MongoDB databases and those that speak its
// protocol. A collection is a table that is open: its documents hold what they
// like, _id tells them apart, and fields are named by paths.
//
//	Read    values -> the forms they may be stored in, chunked -> find -> rows
//	Mask    a document by its _id -> compare with Before and After leaf by
//	        leaf -> guard -> $set of the leaves that differ, where they still
//	        are as they were compared
//	Delete  the same, whole
//	Verify  a document by its _id, compared with After
//
// There is no transaction: one document at a time is written, whole or not at
// all. Package documents decides what; values are decoded by values.go, which
// has the rules.
package mongodb

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/connector/documents"
)

// DB is a way to one database.
type DB struct {
	documents.Writer[bson.RawValue]
	key      string
	client   *mongo.Client
	database *mongo.Database
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

const (
	// defaultConnections is how many connections are opened when the settings
	// do not say.
	defaultConnections = 4
	// answering is how long a server may take to be found or to take a
	// connection; then it is unreachable.
	answering = 10 * time.Second
)

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Type:    "mongodb",
		Name:    "MongoDB",
		Summary: "A MongoDB database, or one that speaks its protocol.",
		Secrets: []connector.Setting{
			{Name: "url", Required: true, Help: "mongodb://USER:PASSWORD@HOST:PORT/DATABASE; several hosts are separated by commas, and " +
				"?authSource=admin&tls=true and the other options of MongoDB's connection strings may follow", Local: func(value string) error {
				return connector.Remote(value, "authSource", "connectTimeoutMS", "directConnection", "readPreference", "replicaSet", "retryWrites", "serverSelectionTimeoutMS", "tls")
			}},
		},
		New: func(s connector.Settings) (connector.Connector, error) { return Open(s) },
	}
}

// Open prepares a connection. Reads ask the primary for what a majority has
// acknowledged, and writes wait for a majority, so that a failover undoes
// nothing that was reported.
func Open(s connector.Settings) (*DB, error) {
	malformed := fmt.Errorf("connection %s: secrets.url must be mongodb://USER:PASSWORD@HOST:PORT/DATABASE", s.Key)
	name, ok := databaseOf(s.Secrets["url"])
	if !ok {
		return nil, malformed
	}
	connections := s.MaxConnections
	if connections <= 0 {
		connections = defaultConnections
	}
	client, err := mongo.Connect(options.Client().
		SetConnectTimeout(answering).SetServerSelectionTimeout(answering).
		ApplyURI(s.Secrets["url"]).
		SetAppName("volenti").
		SetMaxPoolSize(uint64(connections)).
		SetReadPreference(readpref.Primary()).
		SetReadConcern(readconcern.Majority()).
		SetWriteConcern(writeconcern.Majority()))
	if err != nil {
		return nil, malformed // the driver's error quotes the URL
	}
	db := &DB{key: s.Key, client: client, database: client.Database(name)}
	db.Writer = documents.New(s, db.prepare)
	return db, nil
}

// databaseOf gives the database that a connection string names.
func databaseOf(connection string) (string, bool) {
	rest, ok := strings.CutPrefix(connection, "mongodb://")
	if !ok {
		return "", false
	}
	_, rest, _ = strings.Cut(rest, "/")
	name, _, _ := strings.Cut(rest, "?")
	name, err := url.PathUnescape(name)
	return name, err == nil && name != "" && !strings.ContainsAny(name, "/\\. \"$\x00")
}

// Close gives the connections back. It waits for nobody.
func (db *DB) Close() error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = db.client.Disconnect(ended) // it fails when calls are still running: those fail by it
	return nil
}

// Test reaches for the database.
func (db *DB) Test(ctx context.Context) error {
	return db.fail(ctx, "test the connection", db.database.RunCommand(ctx, bson.D{{Key: "ping", Value: 1}}).Err())
}
