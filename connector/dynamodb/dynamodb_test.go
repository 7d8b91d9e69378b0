package dynamodb_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"volenti.dev/volenti/connector"
	volenti "volenti.dev/volenti/connector/dynamodb"
	"volenti.dev/volenti/datamap/value"
)

func open(t testing.TB, url string, readOnly bool) *volenti.DB {
	t.Helper()
	c, err := volenti.Open(connector.Settings{Key: "items", ReadOnly: readOnly, Secrets: map[string]string{
		"region": "eu-central-1", "access_key_id": "test", "secret_access_key": "test", "endpoint": url}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// raw is a way past the connector.
func raw(url string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{Region: "eu-central-1", BaseEndpoint: &url,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		})})
}

// create makes a table that costs by use.
func create(t testing.TB, client *dynamodb.Client, in *dynamodb.CreateTableInput) {
	t.Helper()
	in.BillingMode = types.BillingModePayPerRequest
	if _, err := client.CreateTable(t.Context(), in); err != nil {
		t.Fatalf("create %s: %v", *in.TableName, err)
	}
	for {
		made, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: in.TableName})
		if err != nil {
			t.Fatal(err)
		}
		if made.Table.TableStatus == types.TableStatusActive {
			return
		}
		<-time.After(time.Millisecond)
	}
}

// key is a partition key and maybe a sort key.
func key(names ...string) []types.KeySchemaElement {
	kinds := []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}
	var out []types.KeySchemaElement
	for i, name := range names {
		out = append(out, types.KeySchemaElement{AttributeName: &name, KeyType: kinds[i]})
	}
	return out
}

func texts(names ...string) []types.AttributeDefinition {
	var out []types.AttributeDefinition
	for _, name := range names {
		out = append(out, types.AttributeDefinition{AttributeName: &name, AttributeType: types.ScalarAttributeTypeS})
	}
	return out
}

func put(t testing.TB, client *dynamodb.Client, table string, document map[string]any) {
	t.Helper()
	item := map[string]types.AttributeValue{}
	for name, v := range document {
		item[name] = attribute(t, v)
	}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
		t.Fatalf("put into %s: %v", table, err)
	}
}

// attribute is the test's own way to write values.
func attribute(t testing.TB, v any) types.AttributeValue {
	switch v := v.(type) {
	case types.AttributeValue:
		return v
	case nil:
		return &types.AttributeValueMemberNULL{Value: true}
	case string:
		return &types.AttributeValueMemberS{Value: v}
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}
	case int64, float64, value.Decimal:
		return &types.AttributeValueMemberN{Value: value.Text(v)}
	case []byte:
		return &types.AttributeValueMemberB{Value: v}
	case []any:
		out := &types.AttributeValueMemberL{}
		for _, e := range v {
			out.Value = append(out.Value, attribute(t, e))
		}
		return out
	case map[string]any:
		out := &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}}
		for name, e := range v {
			out.Value[name] = attribute(t, e)
		}
		return out
	}
	t.Fatalf("no attribute for %T", v)
	return nil
}

func n(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
