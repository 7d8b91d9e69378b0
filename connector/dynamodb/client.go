package dynamodb

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// client is what is called of the service. It holds the calls and not the SDK's
// client: the program would hold all that one can do, by way of its type.
type client struct {
	ListTables    lists
	DescribeTable call[dynamodb.DescribeTableInput, dynamodb.DescribeTableOutput]
	BatchGetItem  call[dynamodb.BatchGetItemInput, dynamodb.BatchGetItemOutput]
	Query         queries
	Scan          scans
	UpdateItem    call[dynamodb.UpdateItemInput, dynamodb.UpdateItemOutput]
	DeleteItem    call[dynamodb.DeleteItemInput, dynamodb.DeleteItemOutput]
}

func newClient(o dynamodb.Options) client {
	c := dynamodb.New(o)
	return client{c.ListTables, c.DescribeTable, c.BatchGetItem, c.Query, c.Scan, c.UpdateItem, c.DeleteItem}
}

type call[I, O any] func(context.Context, *I, ...func(*dynamodb.Options)) (*O, error)

// Those that have pages.
type (
	lists   call[dynamodb.ListTablesInput, dynamodb.ListTablesOutput]
	queries call[dynamodb.QueryInput, dynamodb.QueryOutput]
	scans   call[dynamodb.ScanInput, dynamodb.ScanOutput]
)

func (f lists) ListTables(ctx context.Context, in *dynamodb.ListTablesInput, o ...func(*dynamodb.Options)) (*dynamodb.ListTablesOutput, error) {
	return f(ctx, in, o...)
}

func (f queries) Query(ctx context.Context, in *dynamodb.QueryInput, o ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	return f(ctx, in, o...)
}

func (f scans) Scan(ctx context.Context, in *dynamodb.ScanInput, o ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	return f(ctx, in, o...)
}
