package postgres

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"volenti.dev/volenti/connector"
)

// conditions names the SQLSTATEs that are met here, as appendix A of
// PostgreSQL's manual does.
var conditions = map[string]string{
	"0A000": "feature_not_supported",
	"08000": "connection_exception", "08003": "connection_does_not_exist", "08006": "connection_failure",
	"08P01": "protocol_violation",
	"22001": "string_data_right_truncation", "22003": "numeric_value_out_of_range", "22007": "invalid_datetime_format",
	"22008": "datetime_field_overflow", "22021": "character_not_in_repertoire", "22P02": "invalid_text_representation",
	"23000": "integrity_constraint_violation", "23001": "restrict_violation", "23502": "not_null_violation",
	"23503": "foreign_key_violation", "23505": "unique_violation", "23514": "check_violation", "23P01": "exclusion_violation",
	"25006": "read_only_sql_transaction", "25P03": "idle_in_transaction_session_timeout",
	"28000": "invalid_authorization_specification", "28P01": "invalid_password",
	"3D000": "invalid_catalog_name", "3F000": "invalid_schema_name",
	"40001": "serialization_failure", "40P01": "deadlock_detected",
	"42501": "insufficient_privilege", "42703": "undefined_column", "42704": "undefined_object", "42P01": "undefined_table",
	"42804": "datatype_mismatch", "42883": "undefined_function", "428C9": "generated_always",
	"53000": "insufficient_resources", "53100": "disk_full", "53200": "out_of_memory", "53300": "too_many_connections",
	"55P03": "lock_not_available", "57014": "query_canceled",
	"57P01": "admin_shutdown", "57P02": "crash_shutdown", "57P03": "cannot_connect_now",
	"P0001": "raise_exception",
}

// kindsOf says what a condition means, by SQLSTATE and then by its class.
var kindsOf = map[string]connector.Kind{
	"08": connector.Transient, "22": connector.Constraint, "23": connector.Constraint, "28": connector.Denied,
	"40": connector.Transient, "42P01": connector.Drift, "42703": connector.Drift, "42704": connector.Drift, "3F000": connector.Drift,
	"42804": connector.Drift, "42883": connector.Drift,
	"42501": connector.Denied, "25006": connector.Denied, "25P03": connector.Transient,
	"428C9": connector.Constraint, "P0001": connector.Constraint, "44": connector.Constraint,
	"53": connector.Transient, "55P03": connector.Transient, "57014": connector.Transient,
	"57P01": connector.Transient, "57P02": connector.Transient, "57P03": connector.Unreachable,
}

// mends says what to do about a condition where that is not plain.
var mends = map[string]string{
	"57014": "the statement took longer than the time limit",
	"55P03": "another transaction holds the rows for longer than the time limit",
	"28P01": "check the user and the password",
	"42501": "grant the user access",
	"25006": "the connection may only read",
	"3D000": "the database does not exist: check the URL",
	"42P01": "describe the database again",
	"42703": "describe the database again",
}

// explain uses the SQLSTATE and the names that come with it. The message, the
// detail and the hint quote data.
func explain(err error) (connector.Kind, string, bool) {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		if errors.As(err, new(*pgconn.ConnectError)) {
			return connector.Unreachable, "no connection: check the host, the port, the network and TLS", true
		}
		if pgconn.Timeout(err) {
			return connector.Transient, "no answer within the time limit", true
		}
		if pgconn.SafeToRetry(err) { // nothing was sent: the connection had broken before
			return connector.Transient, "the connection was lost", true
		}
		return "", "", false
	}
	kind, ok := kindsOf[e.Code]
	if !ok && len(e.Code) == 5 {
		kind, ok = kindsOf[e.Code[:2]]
	}
	if !ok {
		kind = connector.Permanent
	}
	parts := []string{"SQLSTATE " + e.Code}
	if name := conditions[e.Code]; name != "" {
		parts[0] += " " + name
	}
	if e.ConstraintName != "" {
		parts = append(parts, "constraint "+e.ConstraintName)
	}
	if e.TableName != "" {
		parts = append(parts, "table "+e.SchemaName+"."+e.TableName)
	}
	if e.ColumnName != "" {
		parts = append(parts, "column "+e.ColumnName)
	}
	if mend := mends[e.Code]; mend != "" {
		parts = append(parts, mend)
	}
	return kind, strings.Join(parts, ", "), true
}
