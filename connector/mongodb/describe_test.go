package mongodb

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// FerretDB has no validators, so their description is tested on what MongoDB
// answers to listCollections.
func TestValidatorsBecomeColumns(t *testing.T) { // D25
	options := func(action string) listed {
		schema := bson.D{{Key: "$jsonSchema", Value: bson.D{{Key: "required", Value: bson.A{"mail"}}, {Key: "properties", Value: bson.D{
			{Key: "mail", Value: bson.D{{Key: "bsonType", Value: "string"}, {Key: "maxLength", Value: 60}}},
			{Key: "age", Value: bson.D{{Key: "bsonType", Value: bson.A{"int", "null"}}}},
			{Key: "state", Value: bson.D{{Key: "bsonType", Value: "string"}, {Key: "enum", Value: bson.A{"new", "old"}}}},
			{Key: "either", Value: bson.D{{Key: "bsonType", Value: bson.A{"int", "string"}}}},
			{Key: "items", Value: bson.D{{Key: "bsonType", Value: "array"}}},
			{Key: "free", Value: bson.D{{Key: "description", Value: "anything"}}},
		}}}}}
		var l listed
		if err := bson.Unmarshal(document(t, bson.D{{Key: "name", Value: "c"}, {Key: "type", Value: "collection"},
			{Key: "options", Value: bson.D{{Key: "validator", Value: schema}, {Key: "validationAction", Value: action}}}}), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	got := table(options("error"))
	want := []catalogue.Column{
		{Name: "_id", Native: "any", NotNull: true},
		{Name: "age", Native: "int", Type: value.Type{Kind: value.Integer}, Bits: 32},
		{Name: "mail", Native: "string", Type: value.Type{Kind: value.String}, Length: 60, NotNull: true},
		{Name: "state", Native: "string", Type: value.Type{Kind: value.String}, Labels: []string{"new", "old"}, NotNull: true},
	}
	if diff := cmp.Diff(want, got.Columns); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(got.Checks) != 1 || !strings.Contains(got.Checks[0].Expression, "maxLength") {
		t.Errorf("checks %+v", got.Checks)
	}
	if warns := table(options("warn")); len(warns.Columns) != 1 || warns.Checks != nil {
		t.Errorf("a validator that only warns: %+v", warns)
	}
	if view := table(listed{Name: "v", Type: "view"}); !view.View {
		t.Error("a view is not described as one")
	}
}

func TestErrorsSayWhatTheyMeanAndQuoteNothing(t *testing.T) {
	const canary = "kanarienvogel"
	command := func(code int32, labels ...string) error {
		return mongo.CommandError{Code: code, Message: canary, Labels: labels, Name: canary}
	}
	write := func(code int) error {
		return mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: code, Message: canary}}}
	}
	for _, c := range []struct {
		err  error
		want connector.Kind
	}{
		{write(11000), connector.Constraint}, {write(121), connector.Constraint}, {write(17419), connector.Constraint},
		{command(13), connector.Denied}, {command(18), connector.Denied}, {command(26), connector.Drift},
		{command(112), connector.Transient}, {command(189), connector.Transient}, {command(11600), connector.Transient}, {command(50), connector.Transient},
		{command(4711, "RetryableWriteError"), connector.Transient}, {command(4711), connector.Permanent}, {write(4711), connector.Permanent},
		{mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 64, Message: canary}}, connector.Transient},
		{command(0, "NetworkError"), connector.Transient},
		{fmt.Errorf("dial: %w", &net.OpError{Op: "read", Err: errors.New(canary)}), connector.Transient},
		{fmt.Errorf("send: %w", driver.ErrDocumentTooLarge), connector.Constraint},
		{errors.New(canary), connector.Permanent},
	} {
		m := explain(c.err)
		if m.kind != c.want || m.reason == "" || strings.Contains(m.reason, canary) {
			t.Errorf("%T %v: %+v, want %s", c.err, c.err, m, c.want)
		}
	}
}
