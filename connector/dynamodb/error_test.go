package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/value"
)

func TestErrorsAreExplainedByTheirCodes(t *testing.T) { // R6, promise 8
	db := &DB{key: "items"}
	for code, want := range map[string]connector.Kind{
		"ThrottlingException": connector.Transient, "ProvisionedThroughputExceededException": connector.Transient, "RequestLimitExceeded": connector.Transient,
		"InternalServerError": connector.Transient, "ResourceNotFoundException": connector.Drift, "AccessDeniedException": connector.Denied,
		"UnrecognizedClientException": connector.Denied, "ExpiredTokenException": connector.Denied, "ValidationException": connector.Permanent, "New": connector.Permanent,
	} {
		err := db.fail(t.Context(), "read", fmt.Errorf("call: %w", &smithy.GenericAPIError{Code: code, Message: "canary"}))
		var e *connector.Error
		if !errors.As(err, &e) || e.Kind != want || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", code, err)
		}
		if throttles := strings.HasPrefix(code, "Thr") || strings.HasPrefix(code, "Prov") || strings.HasPrefix(code, "Req"); throttles != (e.RetryAfter > 0) {
			t.Errorf("%s: try again after %s", code, e.RetryAfter)
		}
	}
	for err, want := range map[error]connector.Kind{
		&net.OpError{Op: "dial", Err: errors.New("canary")}:                                connector.Unreachable,
		&net.DNSError{Name: "canary"}:                                                      connector.Unreachable,
		&net.OpError{Op: "read", Err: errors.New("canary")}:                                connector.Transient,
		&smithy.GenericAPIError{Code: "New", Message: "canary", Fault: smithy.FaultServer}: connector.Transient,
		errors.New("canary"):                                                               connector.Transient,
	} {
		if kind, reason := explain(err); kind != want || strings.Contains(reason, "canary") {
			t.Errorf("%v: %s %s", err, kind, reason)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.fail(ctx, "read", errors.New("canary")); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "canary") {
		t.Error(err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	good := map[string]string{"region": "eu-central-1", "access_key_id": "canary", "secret_access_key": "canary"}
	with := func(name, v string) map[string]string {
		out := map[string]string{name: v}
		for k, v := range good {
			if _, set := out[k]; !set {
				out[k] = v
			}
		}
		return out
	}
	for _, bad := range []map[string]string{
		with("region", ""), with("access_key_id", ""), with("secret_access_key", ""), with("endpoint", "http://db.example.org"),
		with("endpoint", "canary"), with("endpoint", "https://canary:x@db.example.org"), with("endpoint", "http://127.0.0.1.example.org"),
	} {
		if _, err := Open(connector.Settings{Key: "items", Secrets: bad}); err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "secrets.") {
			t.Errorf("%v", err)
		}
	}
	for _, endpoint := range []string{"", "https://db.example.org", "http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"} {
		if db, err := Open(connector.Settings{Key: "items", Secrets: with("endpoint", endpoint)}); err != nil || db.Close() != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestNumbersKeepToTheLimitsOfTheService(t *testing.T) { // D29
	for _, good := range []any{int64(-5), 0.0, 1e-130, 9.9e125, value.Decimal("0.12345678901234567890123456789012345678"),
		value.Decimal("12345678901234567890123456789012345678000"), value.Decimal("-0.00"), 1} {
		a, err := encode(good, nil)
		if err != nil || !value.Equal(decode(a), good) {
			t.Errorf("%v became %v, %v", good, a, err)
		}
	}
	for _, bad := range []any{1e126, 1e-131, value.Decimal("0.123456789012345678901234567890123456789"), value.Decimal("canary"), value.Decimal("1e9999999999"), value.Decimal("")} {
		if a, err := encode(bad, nil); err == nil {
			t.Errorf("%v became %v", bad, a)
		}
	}
}
