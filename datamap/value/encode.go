package value

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// The encoding keeps rows without loss, in few bytes, the same bytes for the
// same rows. A chunk is the version and then rows, each following the last:
//
//	chunk  = %x01 *row
//	row    = count *(text value)            names strictly ascending
//	value  = tag payload
//	text   = length bytes
//
// Counts and lengths are unsigned varints of encoding/binary. The tags:
//
//	0 null            4 float64: 8 bytes, IEEE 754 bits, big endian
//	1 false           5 string: text      8 Date: text
//	2 true            6 Decimal: text     9 []byte: text
//	3 int64: varint   7 time.Time: varint of Unix seconds, uvarint of nanoseconds
//	10 []any: count *value                11 map[string]any: row
const version = 1

const (
	tagNull = iota
	tagFalse
	tagTrue
	tagInteger
	tagFloat
	tagString
	tagDecimal
	tagTime
	tagDate
	tagBytes
	tagArray
	tagMap
)

// depth is how deep values nest at most; document databases allow 100 levels.
const depth = 200

// ErrEncoding: the bytes are not a chunk that Append made.
var ErrEncoding = errors.New("malformed chunk of rows")

// Append adds a row to a chunk, which starts as nil. All types of this package
// survive exactly, except that times come back in UTC, and empty arrays, maps
// and byte slices are never nil. The error names the column and the Go type
// that cannot be kept, never a value; dst is then returned as it was.
func Append(dst []byte, row map[string]any) ([]byte, error) {
	out := dst
	if len(out) == 0 {
		out = append(out, version)
	}
	out, err := appendRow(out, row, depth)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func appendRow(dst []byte, row map[string]any, depth int) ([]byte, error) {
	dst = binary.AppendUvarint(dst, uint64(len(row)))
	var room [fewNames]string
	for _, name := range sorted(row, room[:0]) {
		dst = appendText(dst, name)
		var err error
		if dst, err = appendValue(dst, row[name], depth); err != nil {
			return nil, fmt.Errorf("encode %s: %w", name, err)
		}
	}
	return dst, nil
}

// fewNames is how many fields most rows have at most: so many are sorted
// without an allocation.
const fewNames = 32

// sorted appends the names of a row in their order.
func sorted(row map[string]any, names []string) []string {
	names = slices.AppendSeq(names, maps.Keys(row))
	slices.Sort(names)
	return names
}

func appendText[T string | Decimal | Date | []byte](dst []byte, s T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func appendValue(dst []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, tagNull), nil
	case bool:
		if v {
			return append(dst, tagTrue), nil
		}
		return append(dst, tagFalse), nil
	case int:
		return binary.AppendVarint(append(dst, tagInteger), int64(v)), nil
	case int64:
		return binary.AppendVarint(append(dst, tagInteger), v), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, tagFloat), math.Float64bits(v)), nil
	case string:
		return appendText(append(dst, tagString), v), nil
	case Decimal:
		return appendText(append(dst, tagDecimal), v), nil
	case time.Time:
		dst = binary.AppendVarint(append(dst, tagTime), v.Unix())
		return binary.AppendUvarint(dst, uint64(v.Nanosecond())), nil
	case Date:
		return appendText(append(dst, tagDate), v), nil
	case []byte:
		return appendText(append(dst, tagBytes), v), nil
	}
	if depth == 0 {
		return nil, errors.New("nested too deeply")
	}
	switch v := v.(type) {
	case []any:
		dst = binary.AppendUvarint(append(dst, tagArray), uint64(len(v)))
		for _, element := range v {
			var err error
			if dst, err = appendValue(dst, element, depth-1); err != nil {
				return nil, err
			}
		}
		return dst, nil
	case map[string]any:
		return appendRow(append(dst, tagMap), v, depth-1)
	}
	return nil, fmt.Errorf("values of Go type %T cannot be kept", v)
}

// Decode gives the rows of a chunk in order and stops at the first error of
// each. A chunk that Append did not make is ErrEncoding; what was read before
// the fault has been given by then. The rows do not share memory with chunk.
func Decode(chunk []byte, each func(row map[string]any) error) error {
	if len(chunk) == 0 {
		return nil
	}
	if chunk[0] != version {
		return fmt.Errorf("%w: version %d is not known", ErrEncoding, chunk[0])
	}
	d := decoder{rest: chunk[1:], names: map[string]string{}}
	for len(d.rest) > 0 {
		row := d.row(depth)
		if d.broken {
			return fmt.Errorf("%w: at byte %d", ErrEncoding, len(chunk)-len(d.rest))
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return nil
}

// decoder reads from rest. After the first fault broken is set, and every
// result means nothing. It allocates in proportion to what it has read, never
// to what a length claims.
type decoder struct {
	rest   []byte
	broken bool
	names  map[string]string // of fields, each once: all rows have the same
}

func (d *decoder) row(depth int) map[string]any {
	row := map[string]any{}
	previous := ""
	for i := range d.uvarint() {
		name := d.name()
		if d.broken || i > 0 && name <= previous {
			d.broken = true
			return nil
		}
		row[name] = d.value(depth)
		previous = name
	}
	return row
}

func (d *decoder) value(depth int) any {
	switch tag := d.next(1); {
	case d.broken:
		return nil
	case tag[0] >= tagArray && depth == 0:
		d.broken = true
		return nil
	default:
		return d.payload(tag[0], depth)
	}
}

func (d *decoder) payload(tag byte, depth int) any {
	switch tag {
	case tagNull:
		return nil
	case tagFalse, tagTrue:
		return tag == tagTrue
	case tagInteger:
		return d.varint()
	case tagFloat:
		if bits := d.next(8); !d.broken {
			return math.Float64frombits(binary.BigEndian.Uint64(bits))
		}
		return nil
	case tagString:
		return d.text()
	case tagDecimal:
		return Decimal(d.text())
	case tagTime:
		return d.time()
	case tagDate:
		return Date(d.text())
	case tagBytes:
		return append([]byte{}, d.next(d.uvarint())...)
	case tagArray:
		return d.array(depth - 1)
	case tagMap:
		return d.row(depth - 1)
	default:
		d.broken = true
		return nil
	}
}

func (d *decoder) array(depth int) any {
	array := []any{}
	for range d.uvarint() {
		element := d.value(depth)
		if d.broken {
			return nil
		}
		array = append(array, element)
	}
	return array
}

func (d *decoder) time() any {
	seconds, nanoseconds := d.varint(), d.uvarint()
	if nanoseconds >= uint64(time.Second) {
		d.broken = true
		return nil
	}
	return time.Unix(seconds, int64(nanoseconds)).UTC()
}

func (d *decoder) name() string {
	b := d.next(d.uvarint())
	name, known := d.names[string(b)]
	if !known {
		name = string(b)
		d.names[name] = name
	}
	return name
}

func (d *decoder) text() string { return string(d.next(d.uvarint())) }

func (d *decoder) next(n uint64) []byte {
	if d.broken || n > uint64(len(d.rest)) {
		d.broken = true
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	d.skip(n)
	return v
}

// uvarint gives 0 once the input is broken, so that no loop runs on it.
func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if d.skip(n); d.broken {
		return 0
	}
	return v
}

func (d *decoder) skip(n int) {
	if n <= 0 {
		d.broken = true
		return
	}
	d.rest = d.rest[n:]
}
