package dynamodb

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/datamap/catalogue"
	"volenti.dev/volenti/datamap/value"
)

// Describe reads the live catalogue: the tables, their keys and indexes. No
// item is looked at. Only the attributes of keys are columns; the service
// knows nothing of the others.
func (db *DB) Describe(ctx context.Context) (catalogue.Catalogue, error) {
	const doing = "describe"
	var c catalogue.Catalogue
	if err := db.open(doing); err != nil {
		return c, err
	}
	pages := dynamodb.NewListTablesPaginator(db.client.ListTables, &dynamodb.ListTablesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return catalogue.Catalogue{}, db.fail(ctx, doing, err)
		}
		for _, name := range page.TableNames { // in order
			found, err := db.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
			if err != nil {
				err = db.fail(ctx, doing+" "+name, err)
				if connector.KindOf(err) == connector.Drift {
					continue // deleted since it was listed
				}
				return catalogue.Catalogue{}, err
			}
			c.Tables = append(c.Tables, table(found.Table))
		}
	}
	return c, nil
}

var kinds = map[types.ScalarAttributeType]value.Kind{
	types.ScalarAttributeTypeS: value.String, types.ScalarAttributeTypeN: value.Number, types.ScalarAttributeTypeB: value.Bytes,
}

func table(d *types.TableDescription) catalogue.Table {
	t := catalogue.Table{Name: catalogue.Name{Table: aws.ToString(d.TableName)}, Open: true, PrimaryKey: keyed(d.KeySchema)}
	natives := map[string]types.ScalarAttributeType{}
	for _, a := range d.AttributeDefinitions {
		natives[aws.ToString(a.AttributeName)] = a.AttributeType
	}
	add := func(names []string, notNull bool) {
		for _, name := range names {
			if t.Column(name) == nil {
				native := natives[name]
				t.Columns = append(t.Columns, catalogue.Column{Name: name, Native: string(native), Type: value.Type{Kind: kinds[native]}, NotNull: notNull})
			}
		}
	}
	add(t.PrimaryKey, true)
	t.Indexes = indexes(d)
	for _, x := range t.Indexes {
		add(x.Columns, false)
	}
	return t
}

// indexes gives the secondary indexes that can be read. A local one reads
// whole items and what was written last, a global one only what it holds.
func indexes(d *types.TableDescription) (out []catalogue.Index) {
	for _, x := range d.GlobalSecondaryIndexes {
		if x.IndexStatus != types.IndexStatusCreating && x.IndexStatus != types.IndexStatusDeleting {
			partial := x.Projection == nil || x.Projection.ProjectionType != types.ProjectionTypeAll
			out = append(out, catalogue.Index{Name: aws.ToString(x.IndexName), Columns: keyed(x.KeySchema), Partial: partial, Late: true})
		}
	}
	for _, x := range d.LocalSecondaryIndexes {
		out = append(out, catalogue.Index{Name: aws.ToString(x.IndexName), Columns: keyed(x.KeySchema)})
	}
	slices.SortFunc(out, func(a, b catalogue.Index) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// keyed gives the names of a key: the partition key and then the sort key.
func keyed(schema []types.KeySchemaElement) []string {
	var out []string
	for _, k := range schema {
		if name := aws.ToString(k.AttributeName); k.KeyType == types.KeyTypeHash {
			out = append([]string{name}, out...)
		} else {
			out = append(out, name)
		}
	}
	return out
}
