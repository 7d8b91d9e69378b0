package mssql

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	msdriver "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"volenti.dev/volenti/connector"
)

func TestErrorsSayWhatHappenedAndQuoteNoData(t *testing.T) { // R6, promise 8
	for _, c := range []struct {
		number  int32
		message string
		kind    connector.Kind
		says    string
	}{
		{1205, "Transaction (Process ID 52) was deadlocked on lock resources", connector.Transient, "deadlock"},
		{1222, "Lock request time out period exceeded.", connector.Transient, "time limit"},
		{18456, "Login failed for user 'canary'.", connector.Denied, "check the user and the password"},
		{4060, `Cannot open database "canary" requested by the login.`, connector.Denied, "check the URL"},
		{229, "The UPDATE permission was denied on the object 'canary'", connector.Denied, "grant"},
		{208, "Invalid object name 'dbo.gone'.", connector.Drift, "object name 'dbo.gone'"},
		{207, "Invalid column name 'gone'.", connector.Drift, "column name 'gone'"},
		{547, `The UPDATE statement conflicted with the CHECK constraint "grown". The conflict occurred in database "canary", table "dbo.person", column 'age'.`, connector.Constraint, `constraint "grown"`},
		{2627, "Violation of UNIQUE KEY constraint 'UQ_email'. Cannot insert duplicate key in object 'dbo.person'. The duplicate key value is (canary).", connector.Constraint, "constraint 'UQ_email'"},
		{2601, "Cannot insert duplicate key row in object 'dbo.person' with unique index 'ix'. The duplicate key value is (canary).", connector.Constraint, "index 'ix'"},
		{515, "Cannot insert the value NULL into column 'name', table 'canary.dbo.person'; column does not allow nulls. UPDATE fails.", connector.Constraint, "column 'name'"},
		{2628, "String or binary data would be truncated in table 'canary.dbo.person', column 'name'. Truncated value: 'canary'.", connector.Constraint, "column 'name'"},
		{8152, "String or binary data would be truncated.", connector.Constraint, "too long"},
		{50001, "canary is not welcome", connector.Constraint, "a trigger or a procedure refused"},
		{40501, "The service is currently busy.", connector.Transient, "busy"},
		{102, "Incorrect syntax near 'canary'.", connector.Permanent, "error 102"},
	} {
		kind, reason, ok := explain(fmt.Errorf("exec: %w", msdriver.Error{Number: c.number, Message: c.message}))
		if !ok || kind != c.kind || !strings.Contains(reason, c.says) || strings.Contains(reason, "canary") {
			t.Errorf("%d: %s %q, want %s with %q", c.number, kind, reason, c.kind, c.says)
		}
	}
	both := msdriver.Error{Number: 3621, All: []msdriver.Error{{Number: 547}, {Number: 3621}}}
	if kind, reason, _ := explain(both); kind != connector.Constraint || !strings.HasPrefix(reason, "error 547") {
		t.Errorf("of two errors: %s %s", kind, reason)
	}
	for err, want := range map[error]connector.Kind{
		msdriver.StreamError{InnerError: fmt.Errorf("canary")}: connector.Transient,
		&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}:  connector.Transient,
		fmt.Errorf("exec: %w", msdriver.ServerError{}):         connector.Transient,
	} {
		if kind, reason, ok := explain(err); kind != want || !ok || strings.Contains(reason, "canary") {
			t.Errorf("%v: %s %q", err, kind, reason)
		}
	}
}

func TestURLsAreChecked(t *testing.T) {
	open := func(url string) error {
		_, err := Open(connector.Settings{Key: "shop", Secrets: map[string]string{"url": url}})
		return err
	}
	for _, bad := range []string{"", "postgres://canary@h/db", "server=canary;user id=x", "sqlserver://", "sqlserver://h:canary/", "sqlserver://h?encrypt=canary"} {
		if err := open(bad); err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "shop") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for url, want := range map[string]msdsn.Encryption{
		"sqlserver://u:p@db.example.org?database=shop":                msdsn.EncryptionRequired,
		"sqlserver://u:p@db.example.org?database=shop&encrypt=strict": msdsn.EncryptionStrict,
		"sqlserver://u:p@127.0.0.1:1433?database=shop":                msdsn.EncryptionOff,
	} {
		c, err := configured(url + "&log=63")
		if err != nil || c.Encryption != want || c.Database != "shop" || c.LogFlags != 0 || c.ConnTimeout != silence {
			t.Errorf("%s: %+v, %v", url, c.Encryption, err)
		}
		if want == msdsn.EncryptionRequired && (c.TrustServerCertificate || c.TLSConfig.InsecureSkipVerify) {
			t.Errorf("%s: the certificate is not checked", url)
		}
	}
}

func TestServerThatDoesNotAnswerIsUnreachable(t *testing.T) {
	var l net.ListenConfig
	closed, err := l.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	db, err := Open(connector.Settings{Key: "shop", Secrets: map[string]string{"url": "sqlserver://u:canary@" + closed.Addr().String() + "?database=shop"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Test(t.Context()); connector.KindOf(err) != connector.Unreachable || strings.Contains(err.Error(), "canary") {
		t.Errorf("%s: %v", connector.KindOf(err), err)
	}
}
