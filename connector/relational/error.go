package relational

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"volenti.dev/volenti/connector"
)

// fail turns an error of the driver into one that may be shown. A call that
// was cancelled fails with the context's error, so that errors.Is finds it.
func (db *DB) fail(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	var explained *connector.Error
	if errors.As(err, &explained) {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %s: %w", db.key, doing, ctx.Err())
	}
	kind, reason := db.explain(err)
	return &connector.Error{Kind: kind, Connection: db.key, Doing: doing, Reason: reason}
}

// explain never uses the text of an error: drivers quote values and addresses
// in it.
func (db *DB) explain(err error) (connector.Kind, string) {
	if kind, reason, ok := db.dialect.Explain(err); ok {
		return kind, reason
	}
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return connector.Unreachable, "nobody answers at this address: check the host, the port and the network"
	case errors.As(err, new(*net.DNSError)):
		return connector.Unreachable, "the host's name is not known: check the address"
	case errors.Is(err, context.DeadlineExceeded):
		return connector.Transient, "no answer within the time limit"
	case errors.As(err, new(net.Error)), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return connector.Transient, "the connection was lost"
	case errors.Is(err, sql.ErrTxDone):
		return connector.Transient, "the transaction ended early"
	default:
		return connector.Permanent, fmt.Sprintf("the driver failed (%T)", err)
	}
}

// refused says that the database would not take what was to be written.
func (db *DB) refused(err error) (reason string, ok bool) {
	var e *connector.Error
	if errors.As(err, &e) {
		return e.Reason, e.Kind == connector.Constraint
	}
	kind, reason := db.explain(err)
	return reason, kind == connector.Constraint
}

// misfit is a call that does not fit the catalogue it came with.
func (db *DB) misfit(kind connector.Kind, doing, format string, args ...any) error {
	return &connector.Error{Kind: kind, Connection: db.key, Doing: doing, Reason: fmt.Sprintf(format, args...)}
}
