package mssql

import (
	"errors"
	"fmt"
	"net"
	"regexp"

	driver "github.com/microsoft/go-mssqldb"

	"volenti.dev/volenti/connector"
)

// meaning of an error number.
type meaning struct {
	kind connector.Kind
	says string
}

const describeAgain = ": describe the database again"

// meanings of the numbers that are met here, as sys.messages lists them.
var meanings = map[int32]meaning{
	207:   {connector.Drift, "a column does not exist" + describeAgain},
	208:   {connector.Drift, "a table does not exist" + describeAgain},
	206:   {connector.Drift, "a column has another type" + describeAgain},
	220:   {connector.Constraint, "the number is out of range"},
	229:   {connector.Denied, "no permission: grant the user access"},
	230:   {connector.Denied, "no permission on a column: grant the user access"},
	241:   {connector.Constraint, "the value is no date or time"},
	242:   {connector.Constraint, "the date or time is out of range"},
	245:   {connector.Constraint, "the value is not of the column's type"},
	271:   {connector.Constraint, "the database computes the column"},
	272:   {connector.Constraint, "the database computes the column"},
	300:   {connector.Denied, "no permission: grant the user access"},
	515:   {connector.Constraint, "the value must not be null"},
	547:   {connector.Constraint, "a check or a reference between rows would break"},
	701:   {connector.Transient, "the server is short of memory"},
	916:   {connector.Denied, "the user may not use the database"},
	1105:  {connector.Transient, "the disk is full"},
	1205:  {connector.Transient, "deadlock"},
	1222:  {connector.Transient, "another transaction holds the rows for longer than the time limit"},
	2601:  {connector.Constraint, "the value must be unique"},
	2627:  {connector.Constraint, "the value must be unique"},
	2628:  {connector.Constraint, "the value is too long"},
	3609:  {connector.Permanent, "a trigger ended the transaction"},
	3903:  {connector.Permanent, "the transaction had ended: a trigger refused a change"},
	3906:  {connector.Denied, "the database is read-only"},
	3930:  {connector.Permanent, "the transaction can only be undone: a trigger refused a change"},
	3960:  {connector.Transient, "another transaction changed the rows"},
	4060:  {connector.Denied, "the database does not exist, or the user may not open it: check the URL"},
	6005:  {connector.Transient, "the server is shutting down"},
	6401:  {connector.Permanent, "the transaction had ended: a trigger refused a change"},
	8102:  {connector.Constraint, "the database counts the column up itself"},
	8114:  {connector.Constraint, "the value is not of the column's type"},
	8115:  {connector.Constraint, "the number is out of range"},
	8152:  {connector.Constraint, "the value is too long"},
	8645:  {connector.Transient, "the server is short of memory"},
	9002:  {connector.Transient, "the transaction log is full"},
	10794: {connector.Permanent, "rows of a memory-optimized table cannot be locked"},
	10928: {connector.Transient, "the server's limits are reached"},
	10929: {connector.Transient, "the server is too busy"},
	13561: {connector.Permanent, "the history of a temporal table cannot be written while it is kept"},
	17142: {connector.Unreachable, "the server is paused"},
	18452: {connector.Denied, "the login failed: check the user and the password"},
	18456: {connector.Denied, "the login failed: check the user and the password"},
	18470: {connector.Denied, "the login is disabled"},
	18487: {connector.Denied, "the password has expired"},
	18488: {connector.Denied, "the password must be changed"},
	40197: {connector.Transient, "the service failed and asks to be tried again"},
	40501: {connector.Transient, "the service is busy"},
	40613: {connector.Unreachable, "the database is not available now"},
	49918: {connector.Transient, "the service is busy"},
	49919: {connector.Transient, "the service is busy"},
	49920: {connector.Transient, "the service is busy"},
}

// fatal errors end the transaction, whatever else was said before.
var fatal = []int32{1205, 3609, 3903, 3930, 6401}

// firstUser is where the numbers of errors begin that triggers and procedures
// raise.
const firstUser = 50000

// named finds the name of a constraint or column in the messages that begin
// with it. The rest of a message may quote data.
var named = map[int32]*regexp.Regexp{
	207:  regexp.MustCompile(`^Invalid (column name '.*?')\.`),
	208:  regexp.MustCompile(`^Invalid (object name '.*?')\.`),
	515:  regexp.MustCompile(`^Cannot insert the value NULL into (column '.*?'), table '`),
	547:  regexp.MustCompile(`^The \w+ statement conflicted with the [A-Z ]+ (constraint ".*?")\. The conflict occurred in `),
	2601: regexp.MustCompile(`^Cannot insert duplicate key row in object '.*?' with unique (index '.*?')\.`),
	2627: regexp.MustCompile(`^Violation of [A-Z ]+ (constraint '.*?')\. Cannot insert duplicate key`),
	2628: regexp.MustCompile(`^String or binary data would be truncated in table '.*?', (column '.*?')\. Truncated value: `),
}

// explain uses the numbers, and names of the messages that are known.
func explain(err error) (connector.Kind, string, bool) {
	var e driver.Error
	if !errors.As(err, &e) {
		if errors.As(err, new(driver.StreamError)) || errors.As(err, new(driver.ServerError)) || errors.As(err, new(driver.RetryableError)) {
			return connector.Transient, "the connection was lost", true
		}
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			return connector.Transient, "no answer within the time limit", true
		}
		return "", "", false
	}
	e = cause(e)
	m, known := meanings[e.Number]
	switch {
	case known:
	case errors.As(err, new(driver.ServerError)):
		m = meaning{connector.Transient, "the server ended the connection"}
	case e.Number >= firstUser:
		m = meaning{connector.Constraint, "a trigger or a procedure refused the change"}
	default:
		m = meaning{connector.Permanent, "see this number in sys.messages"}
	}
	reason := fmt.Sprintf("error %d: %s", e.Number, m.says)
	if found := named[e.Number]; found != nil {
		if name := found.FindStringSubmatch(e.Message); name != nil {
			reason += ", " + name[1]
		}
	}
	return m.kind, reason, true
}

// cause picks the error that tells most of those that came together: one that
// ended the transaction, or the first.
func cause(e driver.Error) driver.Error {
	if len(e.All) == 0 {
		return e
	}
	for _, one := range e.All {
		for _, number := range fatal {
			if one.Number == number {
				return one
			}
		}
	}
	return e.All[0]
}
