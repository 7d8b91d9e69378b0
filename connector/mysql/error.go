package mysql

import (
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"

	"github.com/go-sql-driver/mysql"

	"volenti.dev/volenti/connector"
)

// condition is what an error number stands for, and what to do about it where
// that is not plain.
type condition struct {
	kind connector.Kind
	name string
	mend string
}

const (
	again   = "describe the database again"
	grant   = "grant the user access"
	waited  = "another transaction holds the rows for longer than the time limit"
	tooLong = "the statement took longer than the time limit"
	gone    = "the connection was lost"
	mayRead = "the connection may only read"
)

// conditions are the numbers that are met here, with the names of MariaDB's
// and MySQL's manuals. Numbers from 1900 to 1999 and from 4000 are MariaDB's
// own, those from 3000 MySQL's.
var conditions = map[uint16]condition{
	1020: {connector.Transient, "ER_CHECKREAD", "the row has changed since it was read"},
	1021: {connector.Transient, "ER_DISK_FULL", "the server's disk is full"},
	1037: {connector.Transient, "ER_OUTOFMEMORY", ""},
	1040: {connector.Transient, "ER_CON_COUNT_ERROR", "the server has too many connections"},
	1041: {connector.Transient, "ER_OUT_OF_RESOURCES", ""},
	1053: {connector.Transient, "ER_SERVER_SHUTDOWN", ""},
	1152: {connector.Transient, "ER_ABORTING_CONNECTION", gone},
	1158: {connector.Transient, "ER_NET_READ_ERROR", gone},
	1159: {connector.Transient, "ER_NET_READ_INTERRUPTED", gone},
	1160: {connector.Transient, "ER_NET_ERROR_ON_WRITE", gone},
	1161: {connector.Transient, "ER_NET_WRITE_INTERRUPTED", gone},
	1203: {connector.Transient, "ER_TOO_MANY_USER_CONNECTIONS", ""},
	1205: {connector.Transient, "ER_LOCK_WAIT_TIMEOUT", waited},
	1213: {connector.Transient, "ER_LOCK_DEADLOCK", ""},
	1226: {connector.Transient, "ER_USER_LIMIT_REACHED", ""},
	1317: {connector.Transient, "ER_QUERY_INTERRUPTED", "the statement was stopped"},
	1412: {connector.Transient, "ER_TABLE_DEF_CHANGED", ""},
	1927: {connector.Transient, "ER_CONNECTION_KILLED", "the connection was ended on the server"},
	1969: {connector.Transient, "ER_STATEMENT_TIMEOUT", tooLong},
	3024: {connector.Transient, "ER_QUERY_TIMEOUT", tooLong},
	4031: {connector.Transient, "ER_CLIENT_INTERACTION_TIMEOUT", gone},
	1129: {connector.Unreachable, "ER_HOST_IS_BLOCKED", "too many connections from here failed: run FLUSH HOSTS on the server"},

	1044: {connector.Denied, "ER_DBACCESS_DENIED_ERROR", grant + ", or check the database's name"},
	1045: {connector.Denied, "ER_ACCESS_DENIED_ERROR", "check the user and the password"},
	1130: {connector.Denied, "ER_HOST_NOT_PRIVILEGED", "the user may not connect from this host"},
	1142: {connector.Denied, "ER_TABLEACCESS_DENIED_ERROR", grant},
	1143: {connector.Denied, "ER_COLUMNACCESS_DENIED_ERROR", grant},
	1227: {connector.Denied, "ER_SPECIFIC_ACCESS_DENIED_ERROR", grant},
	1290: {connector.Denied, "ER_OPTION_PREVENTS_STATEMENT", "the server may only read"},
	1370: {connector.Denied, "ER_PROCACCESS_DENIED_ERROR", grant},
	1698: {connector.Denied, "ER_ACCESS_DENIED_NO_PASSWORD_ERROR", "check the user and the password"},
	1792: {connector.Denied, "ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION", mayRead},
	1836: {connector.Denied, "ER_READ_ONLY_MODE", "the server may only read"},
	1820: {connector.Denied, "ER_MUST_CHANGE_PASSWORD", "the password has expired"},
	1862: {connector.Denied, "ER_MUST_CHANGE_PASSWORD_LOGIN", "the password has expired"},
	4151: {connector.Denied, "ER_ACCOUNT_HAS_BEEN_LOCKED", "the account is locked"},
	3118: {connector.Denied, "ER_ACCOUNT_HAS_BEEN_LOCKED", "the account is locked"},

	1054: {connector.Drift, "ER_BAD_FIELD_ERROR", again},
	1059: {connector.Drift, "ER_TOO_LONG_IDENT", again},
	1103: {connector.Drift, "ER_WRONG_TABLE_NAME", again},
	1300: {connector.Drift, "ER_INVALID_CHARACTER_STRING", again},
	1146: {connector.Drift, "ER_NO_SUCH_TABLE", again},
	1356: {connector.Drift, "ER_VIEW_INVALID", "the view is over what is no longer there, or what its owner may not read"},

	1048: {connector.Constraint, "ER_BAD_NULL_ERROR", "the value must not be null"},
	1062: {connector.Constraint, "ER_DUP_ENTRY", "the value must be unique"},
	1153: {connector.Constraint, "ER_NET_PACKET_TOO_LARGE", "the value is larger than the server's max_allowed_packet"},
	1264: {connector.Constraint, "ER_WARN_DATA_OUT_OF_RANGE", ""},
	1265: {connector.Constraint, "WARN_DATA_TRUNCATED", "the value is not of the column's type"},
	1292: {connector.Constraint, "ER_TRUNCATED_WRONG_VALUE", "the value is not of the column's type"},
	1364: {connector.Constraint, "ER_NO_DEFAULT_FOR_FIELD", ""},
	1366: {connector.Constraint, "ER_TRUNCATED_WRONG_VALUE_FOR_FIELD", "the value is not of the column's type or character set"},
	1369: {connector.Constraint, "ER_VIEW_CHECK_FAILED", "the row would leave the view"},
	1406: {connector.Constraint, "ER_DATA_TOO_LONG", "the value is too long for its column"},
	1416: {connector.Constraint, "ER_CANT_CREATE_GEOMETRY_OBJECT", ""},
	1451: {connector.Constraint, "ER_ROW_IS_REFERENCED_2", "other rows refer to this one"},
	1452: {connector.Constraint, "ER_NO_REFERENCED_ROW_2", "there is no row that the value refers to"},
	1526: {connector.Constraint, "ER_NO_PARTITION_FOR_GIVEN_VALUE", ""},
	1644: {connector.Constraint, "ER_SIGNAL_EXCEPTION", "a trigger refused the change"},
	1690: {connector.Constraint, "ER_DATA_OUT_OF_RANGE", ""},
	1906: {connector.Constraint, "ER_WARNING_NON_DEFAULT_VALUE_FOR_GENERATED_COLUMN", "the database computes this column"},
	3105: {connector.Constraint, "ER_NON_DEFAULT_VALUE_FOR_GENERATED_COLUMN", "the database computes this column"},
	3140: {connector.Constraint, "ER_INVALID_JSON_TEXT", ""},
	3819: {connector.Constraint, "ER_CHECK_CONSTRAINT_VIOLATED", "a check does not hold"},
	4025: {connector.Constraint, "ER_CONSTRAINT_FAILED", "a check does not hold"},

	1049: {connector.Permanent, "ER_BAD_DB_ERROR", "the database does not exist: check the URL"},
	1267: {connector.Permanent, "ER_CANT_AGGREGATE_2COLLATIONS", "texts of different collations are compared"},
	1288: {connector.Permanent, "ER_NON_UPDATABLE_TABLE", "the view cannot be written: describe and mask the tables under it"},
	1348: {connector.Permanent, "ER_NONUPDATEABLE_COLUMN", "the view cannot be written: describe and mask the tables under it"},
	1395: {connector.Permanent, "ER_VIEW_DELETE_MERGE_VIEW", "the view cannot be written: describe and mask the tables under it"},
	1665: {connector.Permanent, "ER_BINLOG_STMT_MODE_AND_ROW_ENGINE", "set the server's binlog_format to MIXED or ROW"},
}

// own are the errors of the driver itself.
var own = map[error]condition{
	mysql.ErrInvalidConn:       {connector.Transient, "", gone},
	mysql.ErrMalformPkt:        {connector.Transient, "", "the answer could not be read"},
	mysql.ErrPktSync:           {connector.Transient, "", "the answer could not be read"},
	mysql.ErrPktTooLarge:       {connector.Constraint, "", "the values are larger together than the server's max_allowed_packet"},
	mysql.ErrNoTLS:             {connector.Permanent, "", "the server does not offer TLS: set it up there, or another ssl-mode"},
	mysql.ErrCleartextPassword: {connector.Denied, "", "the server asks for the password in the clear, which is not given"},
	mysql.ErrOldPassword:       {connector.Denied, "", "the user's password is kept in an outdated form: set it again"},
	mysql.ErrNativePassword:    {connector.Denied, "", "the server asks for a way to log in that is not known"},
	mysql.ErrUnknownPlugin:     {connector.Denied, "", "the server asks for a way to log in that is not known"},
	mysql.ErrOldProtocol:       {connector.Permanent, "", "the server is too old"},
}

// tooLarge is said of a value that was sent in pieces.
var tooLarge = regexp.MustCompile(`^Parameter of prepared statement which is set through mysql_(?:stmt_)?send_long_data\(\) is longer than `)

// explain goes by the error's number, and else by the class of its SQLSTATE.
// Messages quote data; the two names below come in messages that do not.
func explain(err error) (connector.Kind, string, bool) {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return explainDriver(err)
	}
	number := e.Number
	if number == 1105 && tooLarge.MatchString(e.Message) { // an "unknown error" that is known
		number = 1153
	}
	c, ok := conditions[number]
	if !ok {
		c.kind = classes[string(e.SQLState[:2])]
	}
	if c.kind == "" {
		c.kind = connector.Permanent
	}
	reason := fmt.Sprintf("error %d", number)
	if c.name != "" {
		reason += " " + c.name
	}
	if name := named(e); name != "" {
		reason += ", " + name
	}
	if c.mend != "" {
		reason += ", " + c.mend
	}
	return c.kind, reason, true
}

var classes = map[string]connector.Kind{
	"08": connector.Transient, "22": connector.Constraint, "23": connector.Constraint, "28": connector.Denied,
	"40": connector.Transient, "45": connector.Constraint, "70": connector.Transient,
}

var (
	unknownColumn = regexp.MustCompile("^Unknown column ('[^']{1,200}') in ")
	brokenCheck   = regexp.MustCompile("^(?:CONSTRAINT `([^`]{1,200})` failed for `|Check constraint '([^']{1,200})' is violated)")
)

func named(e *mysql.MySQLError) string {
	switch e.Number {
	case 1054:
		if m := unknownColumn.FindStringSubmatch(e.Message); m != nil {
			return "column " + m[1]
		}
	case 3819, 4025:
		if m := brokenCheck.FindStringSubmatch(e.Message); m != nil {
			return "constraint " + m[1] + m[2]
		}
	}
	return ""
}

func explainDriver(err error) (connector.Kind, string, bool) {
	for known, c := range own {
		if errors.Is(err, known) {
			return c.kind, c.mend, true
		}
	}
	if errors.As(err, new(*tls.CertificateVerificationError)) {
		return connector.Permanent, "the server's certificate is not trusted, or is another host's: check ssl-ca and the host", true
	}
	return "", "", false
}
