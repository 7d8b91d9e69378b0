package dynamodb

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"volenti.dev/volenti/datamap/value"
)

// attribute is a value as the service has it; nil is one that is not there.
type attribute = types.AttributeValue

// item is a row, or a part of it.
type item = map[string]attribute

// decode gives what a read gives. Sets are put in order: the service keeps
// none.
func decode(a attribute) any {
	switch a := a.(type) {
	case *types.AttributeValueMemberS:
		return a.Value
	case *types.AttributeValueMemberN:
		return number(a.Value)
	case *types.AttributeValueMemberB:
		return slices.Clone(a.Value)
	case *types.AttributeValueMemberBOOL:
		return a.Value
	case *types.AttributeValueMemberSS:
		return array(slices.Sorted(slices.Values(a.Value)), func(s string) any { return s })
	case *types.AttributeValueMemberNS:
		return array(slices.SortedFunc(slices.Values(a.Value), compareNumbers), number)
	case *types.AttributeValueMemberBS:
		return array(slices.SortedFunc(slices.Values(a.Value), bytes.Compare), func(b []byte) any { return slices.Clone(b) })
	case *types.AttributeValueMemberL:
		return array(a.Value, decode)
	case *types.AttributeValueMemberM:
		return object(a.Value)
	default:
		return nil
	}
}

func array[T any](elements []T, decode func(T) any) []any {
	out := make([]any, len(elements))
	for i, e := range elements {
		out[i] = decode(e)
	}
	return out
}

func object(members item) map[string]any {
	out := make(map[string]any, len(members))
	for name, a := range members {
		out[name] = decode(a)
	}
	return out
}

func number(s string) any {
	for _, k := range []value.Kind{value.Integer, value.Float} {
		if v, err := value.Cast(value.Decimal(s), value.Type{Kind: k}); err == nil {
			return v
		}
	}
	return value.Decimal(s)
}

func compareNumbers(a, b string) int {
	x, ok := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	if !ok || !ok2 {
		return cmp.Compare(a, b)
	}
	return x.Cmp(y)
}

var (
	errText   = errors.New("it is text that is not UTF-8")
	errNumber = errors.New("it is a number of more than 38 digits, or out of range")
	errType   = errors.New("the service has no type for it")
	errSet    = errors.New("a set holds values of one type")
)

// encode writes a value. Where was is a set, an array becomes one: what is in
// it twice comes once, nulls are left out, and null stands for an empty set.
// Times and days are text, as applications keep them.
func encode(v any, was attribute) (attribute, error) {
	switch v := v.(type) {
	case nil:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, errText
		}
		return &types.AttributeValueMemberS{Value: v}, nil
	case []byte:
		return &types.AttributeValueMemberB{Value: v}, nil
	case int, int64, float64, value.Decimal:
		return encodeNumber(v)
	case time.Time, value.Date:
		return &types.AttributeValueMemberS{Value: value.Text(v)}, nil
	case []any:
		if isSet(was) {
			return encodeSet(v)
		}
		if _, null := was.(*types.AttributeValueMemberNULL); null && !slices.ContainsFunc(v, func(e any) bool { return e != nil }) {
			return was, nil // of a set in which all is masked by null
		}
		out := make([]attribute, len(v))
		list, _ := was.(*types.AttributeValueMemberL)
		for i, e := range v {
			var below attribute
			if list != nil && i < len(list.Value) {
				below = list.Value[i]
			}
			var err error
			if out[i], err = encode(e, below); err != nil {
				return nil, err
			}
		}
		return &types.AttributeValueMemberL{Value: out}, nil
	case map[string]any:
		out := make(item, len(v))
		members := membersOf(was)
		for name, e := range v {
			var err error
			if out[name], err = encode(e, members[name]); err != nil {
				return nil, err
			}
		}
		return &types.AttributeValueMemberM{Value: out}, nil
	default:
		return nil, errType
	}
}

// encodeNumber keeps to 38 digits and to 1E-130 up to 9.9E+125, the limits of
// the service.
func encodeNumber(v any) (attribute, error) {
	var s string
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errNumber
		}
		s = strconv.FormatFloat(v, 'e', -1, 64)
	case value.Decimal:
		s = string(v)
	default:
		s = value.Text(v)
	}
	digits, exponent, ok := scientific(s)
	if !ok || len(digits) > 38 || digits != "" && (exponent > 125 || exponent < -130) {
		return nil, errNumber
	}
	return &types.AttributeValueMemberN{Value: s}, nil
}

// scientific gives the significant digits of a number and the power of ten of
// the first of them; no digits for zero.
func scientific(s string) (digits string, exponent int, ok bool) {
	mantissa, e, _ := strings.Cut(strings.ToLower(s), "e")
	if e != "" {
		var err error
		if exponent, err = strconv.Atoi(e); err != nil || exponent > 1e6 || exponent < -1e6 {
			return "", 0, false
		}
	}
	mantissa = strings.TrimLeft(mantissa, "+-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", 0, false
	}
	exponent += len(whole) - 1
	for strings.HasPrefix(digits, "0") {
		digits = digits[1:]
		exponent--
	}
	return strings.TrimRight(digits, "0"), exponent, true
}

func isSet(a attribute) bool {
	switch a.(type) {
	case *types.AttributeValueMemberSS, *types.AttributeValueMemberNS, *types.AttributeValueMemberBS:
		return true
	}
	return false
}

func encodeSet(elements []any) (attribute, error) {
	var texts, numbers []string
	var binaries [][]byte
	seen := map[string]bool{}
	for _, e := range elements {
		if e == nil || seen[value.Key(e)] {
			continue
		}
		seen[value.Key(e)] = true
		a, err := encode(e, nil)
		if err != nil {
			return nil, err
		}
		switch a := a.(type) {
		case *types.AttributeValueMemberS:
			texts = append(texts, a.Value)
		case *types.AttributeValueMemberN:
			numbers = append(numbers, a.Value)
		case *types.AttributeValueMemberB:
			binaries = append(binaries, a.Value)
		default:
			return nil, errSet
		}
	}
	switch len(seen) {
	case 0:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case len(texts):
		return &types.AttributeValueMemberSS{Value: texts}, nil
	case len(numbers):
		return &types.AttributeValueMemberNS{Value: numbers}, nil
	case len(binaries):
		return &types.AttributeValueMemberBS{Value: binaries}, nil
	}
	return nil, errSet
}

// membersOf gives what is in an object, nil for anything else.
func membersOf(a attribute) item {
	if m, ok := a.(*types.AttributeValueMemberM); ok {
		return m.Value
	}
	return nil
}

// elementsOf gives what is in a list; a set is not one.
func elementsOf(a attribute) ([]attribute, bool) {
	l, ok := a.(*types.AttributeValueMemberL)
	if !ok {
		return nil, false
	}
	return l.Value, true
}

// numberText gives the digits of a number.
func numberText(a attribute) string {
	n, _ := a.(*types.AttributeValueMemberN)
	if n == nil {
		return ""
	}
	return n.Value
}
