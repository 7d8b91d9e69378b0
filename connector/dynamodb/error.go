package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"volenti.dev/volenti/connector"
)

// meaning of an error code.
type meaning struct {
	kind connector.Kind
	says string
}

// throttled is how long to wait when the service still throttles after the
// client has waited and tried again: partitions get new capacity by the second.
const throttled = 5 * time.Second

// meanings of the codes of
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html.
var meanings = map[string]meaning{
	"ProvisionedThroughputExceededException":   {connector.Transient, "the table's capacity is used up: try later, or give it more"},
	"ThrottlingException":                      {connector.Transient, "too many calls at once"},
	"RequestLimitExceeded":                     {connector.Transient, "the account's limit of throughput is reached"},
	"LimitExceededException":                   {connector.Transient, "too many operations on tables at once"},
	"TransactionConflictException":             {connector.Transient, "a transaction holds the item"},
	"InternalServerError":                      {connector.Transient, "the service failed"},
	"ServiceUnavailable":                       {connector.Transient, "the service is not available"},
	"ResourceNotFoundException":                {connector.Drift, "a table or an index does not exist: describe the database again"},
	"ResourceInUseException":                   {connector.Transient, "the table is being made or changed"},
	"AccessDeniedException":                    {connector.Denied, "no permission: allow the user the action on the table"},
	"UnrecognizedClientException":              {connector.Denied, "the access key is not known: check access_key_id"},
	"InvalidSignatureException":                {connector.Denied, "the signature does not hold: check secret_access_key and the clock"},
	"IncompleteSignatureException":             {connector.Denied, "the signature does not hold: check secret_access_key"},
	"MissingAuthenticationTokenException":      {connector.Denied, "the access key is missing: check access_key_id"},
	"ExpiredTokenException":                    {connector.Denied, "the session token has expired"},
	"ItemCollectionSizeLimitExceededException": {connector.Constraint, "the items of the partition key are larger than 10 GB"},
	"ValidationException":                      {connector.Permanent, "the call does not fit the table: describe the database again"},
}

// fail turns an error of the client into one that may be shown. A call that
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
	e := &connector.Error{Connection: db.key, Doing: doing}
	e.Kind, e.Reason = explain(err)
	if isThrottled(err) {
		e.RetryAfter = throttled
	}
	return e
}

// explain goes by the code alone: messages quote items.
func explain(err error) (connector.Kind, string) {
	var api smithy.APIError
	var dial *net.OpError
	switch {
	case errors.As(err, &api):
		if m, ok := meanings[api.ErrorCode()]; ok {
			return m.kind, api.ErrorCode() + ": " + m.says
		}
		if api.ErrorFault() == smithy.FaultServer {
			return connector.Transient, "the service failed"
		}
		return connector.Permanent, "the service refused the call"
	case errors.As(err, &dial) && dial.Op == "dial", errors.As(err, new(*net.DNSError)):
		return connector.Unreachable, "nobody answers at this address: check the region, the endpoint and the network"
	case errors.As(err, new(ratelimit.QuotaExceededError)), errors.Is(err, context.DeadlineExceeded), errors.As(err, new(net.Error)):
		return connector.Transient, "no answer within the time limit"
	default:
		return connector.Transient, "the answer was lost or cut short"
	}
}

func isThrottled(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded":
		return true
	}
	return false
}

// conditionFailed says that an item was not as the call demanded.
func conditionFailed(err error) bool {
	return errors.As(err, new(*types.ConditionalCheckFailedException))
}

// refused says that the service would not take what was to be written. It
// tells no more of the reason than its message, which quotes data.
func refused(err error) (reason string, ok bool) {
	var api smithy.APIError
	if errors.As(err, &api) && (api.ErrorCode() == "ValidationException" || api.ErrorCode() == "ItemCollectionSizeLimitExceededException") {
		return api.ErrorCode() + ": the item would be larger than 400 KB or deeper than 32 levels, or the key of an index would be of another type or empty", true
	}
	return "", false
}

// misfit is a call that does not fit the catalogue it came with.
func (db *DB) misfit(kind connector.Kind, doing, format string, args ...any) error {
	return &connector.Error{Kind: kind, Connection: db.key, Doing: doing, Reason: fmt.Sprintf(format, args...)}
}
