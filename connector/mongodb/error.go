package mongodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"volenti.dev/volenti/connector"
)

// meaning is what a code of the server stands for.
type meaning struct {
	kind   connector.Kind
	reason string
}

// codes are those of MongoDB's error_codes.yml that mean something to the one
// who asked; all others are permanent.
var codes = map[int]meaning{
	6: {connector.Transient, "the connection was lost"}, 7: {connector.Transient, "the connection was lost"},
	89: {connector.Transient, "the connection was lost"}, 9001: {connector.Transient, "the connection was lost"},
	91: {connector.Transient, "the server is shutting down"}, 11600: {connector.Transient, "the server is shutting down"},
	189: {connector.Transient, "another server became the primary"}, 10107: {connector.Transient, "another server became the primary"},
	11602: {connector.Transient, "another server became the primary"}, 13435: {connector.Transient, "another server became the primary"}, 13436: {connector.Transient, "another server became the primary"},
	24: {connector.Transient, "a lock was not had within the time limit"}, 46: {connector.Transient, "a lock is held by another"},
	50: {connector.Transient, "no answer within the time limit"}, 262: {connector.Transient, "no answer within the time limit"},
	64: {connector.Transient, "a majority did not acknowledge within the time limit"}, 112: {connector.Transient, "another write came between"},
	43: {connector.Transient, "the server forgot the cursor"},
	13: {connector.Denied, "no permission"}, 18: {connector.Denied, "user or password are wrong"}, 8000: {connector.Denied, "user or password are wrong"},
	26: {connector.Drift, "there is no such collection"}, 166: {connector.Drift, "it is a view, and cannot be written"},
	121:   {connector.Constraint, "the collection's validator refuses the document"},
	11000: {connector.Constraint, "another document has the value, and an index keeps it unique"},
	66:    {connector.Constraint, "the field cannot be changed"},
	28:    {connector.Constraint, "a part of the path is no longer an object or array"},
	52:    {connector.Constraint, "a field's name begins with $"}, 56: {connector.Constraint, "a field's name is empty"}, 57: {connector.Constraint, "a field's name holds a dot"},
	17419: {connector.Constraint, "the document would have more than 16 MB"}, 10334: {connector.Constraint, "the document would have more than 16 MB"}, 17280: {connector.Constraint, "a value is too long for an index"},
}

// fail turns an error of the driver into one that may be shown. A call that
// was cancelled fails with the context's error, so that errors.Is finds it.
func (db *DB) fail(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %s: %w", db.key, doing, ctx.Err())
	}
	m := explain(err)
	return &connector.Error{Kind: m.kind, Connection: db.key, Doing: doing, Reason: m.reason}
}

// explain never uses the text of an error: the server quotes values in it.
func explain(err error) meaning {
	var server mongo.ServerError
	if errors.As(err, &server) {
		for _, code := range server.ErrorCodes() {
			if m, known := codes[code]; known {
				m.reason = fmt.Sprintf("%s (code %d)", m.reason, code)
				return m
			}
		}
		if server.HasErrorLabel("RetryableWriteError") || server.HasErrorLabel("TransientTransactionError") {
			return meaning{connector.Transient, "the server asks to try again"}
		}
	}
	switch {
	case errors.As(err, new(mongo.CommandError)) && len(server.ErrorCodes()) > 0 && server.ErrorCodes()[0] != 0,
		errors.As(err, new(mongo.WriteException)):
		return meaning{connector.Permanent, fmt.Sprintf("the server refused it (code %v)", slices.Compact(server.ErrorCodes()))}
	case errors.Is(err, driver.ErrDocumentTooLarge):
		return meaning{connector.Constraint, "the change has more than 16 MB"}
	case mongo.IsNetworkError(err):
		return meaning{connector.Transient, "the connection was lost"}
	case errors.As(err, new(topology.ServerSelectionError)):
		return meaning{connector.Unreachable, "nobody answers at this address: check the host, the port and the network"}
	case mongo.IsTimeout(err):
		return meaning{connector.Transient, "no answer within the time limit"}
	case errors.As(err, new(net.Error)), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return meaning{connector.Transient, "the connection was lost"}
	case errors.Is(err, mongo.ErrClientDisconnected):
		return meaning{connector.Permanent, "the connection was closed"}
	default:
		return meaning{connector.Permanent, fmt.Sprintf("the driver failed (%T)", err)}
	}
}

// misfit is a call that does not fit the collection it is for.
func (db *DB) misfit(kind connector.Kind, doing, format string, args ...any) error {
	return &connector.Error{Kind: kind, Connection: db.key, Doing: doing, Reason: fmt.Sprintf(format, args...)}
}
