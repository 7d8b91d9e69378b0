package dynamodb

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"volenti.dev/volenti/connector/documents"
	"volenti.dev/volenti/datamap/value"
)

// leaf is a part of an item.
type leaf = documents.Leaf[attribute]

var _ documents.Target[attribute] = (*batch)(nil)

// Decode gives a value as a read gives it.
func (*batch) Decode(a attribute) (any, error) { return decode(a), nil }

// Encode gives what to write in place of a value.
func (*batch) Encode(v any, was attribute) (attribute, error) { return encode(v, was) }

// Split gives the parts of an object or a list. A set has none: the service
// does not number its elements.
func (*batch) Split(a attribute) (item, []attribute, error) {
	elements, _ := elementsOf(a)
	return membersOf(a), elements, nil
}

// Join gives an object or a list of other parts.
func (*batch) Join(_ attribute, members item, elements []attribute) (attribute, error) {
	if members != nil {
		return &types.AttributeValueMemberM{Value: members}, nil
	}
	return &types.AttributeValueMemberL{Value: elements}, nil
}

// Refuse says why a field that is part of a key cannot take a value.
func (p *batch) Refuse(f documents.Field[attribute], after any) string {
	column := p.table.Column(f.Name)
	if column == nil {
		return ""
	}
	if slices.Contains(p.table.PrimaryKey, f.Name) {
		return "it is part of the primary key, which cannot be changed"
	}
	cast, err := value.Cast(after, column.Type)
	if err != nil || cast == nil || !value.Equal(cast, after) || !fitsKey(cast) {
		return "it is the key of an index, which must be of type " + column.Native + " and not empty"
	}
	return ""
}
