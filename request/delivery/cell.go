package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"volenti.dev/volenti/datamap/value"
)

// What the page shows of one value at most; the other files are complete.
const (
	mostCharacters = 4000
	mostElements   = 100
	mostLevels     = 6
)

// cell is a value as the page shows it. One of Text, Left, Items and Parts is set;
// none for a value that is empty.
type cell struct {
	Text    string
	Left    string // in the place of a value that is left out
	Instant string // for dates and times: the form that machines read
	Items   []cell
	Parts   []part
	More    string // what is not shown
	Empty   string // how one says that there is nothing
}

type part struct {
	Label string
	Value cell
}

// Wide says whether the value is a text to read rather than an entry.
func (p part) Wide() bool {
	return utf8.RuneCountInString(p.Value.Text) > 120 || strings.Contains(p.Value.Text, "\n")
}

func (l *tongue) cell(v any, levels int) cell {
	switch v := v.(type) {
	case bool:
		if v {
			return cell{Text: l.Yes}
		}
		return cell{Text: l.No}
	case time.Time:
		return cell{Text: l.time(v), Instant: value.Text(v)}
	case value.Date:
		return cell{Text: l.calendar(v), Instant: string(v)}
	case LeftOut:
		return cell{Left: l.LeftOutCell + ": " + l.reason(v)}
	case []byte:
		if len(v) == 0 {
			return cell{Empty: l.Empty}
		}
		return cell{Text: fmt.Sprintf(l.BinaryN, l.thousands(len(v)))}
	case []any:
		return l.list(v, levels)
	case map[string]any:
		return l.parts(v, levels)
	default:
		return l.text(strings.ToValidUTF8(value.Text(v), "\uFFFD"))
	}
}

func (l *tongue) text(s string) cell {
	if strings.TrimSpace(s) == "" {
		return cell{Empty: l.Empty}
	}
	if utf8.RuneCountInString(s) <= mostCharacters {
		return cell{Text: s}
	}
	shown := string([]rune(s)[:mostCharacters])
	return cell{Text: shown, More: fmt.Sprintf(l.FirstN, l.thousands(mostCharacters))}
}

func (l *tongue) list(elements []any, levels int) cell {
	if levels == 0 {
		return l.text(value.Text(elements))
	}
	c := cell{Empty: l.Empty}
	for i, element := range elements {
		if i == mostElements {
			c.More = fmt.Sprintf(l.MoreN, l.thousands(len(elements)-i))
			break
		}
		c.Items = append(c.Items, l.cell(element, levels-1))
	}
	return c
}

func (l *tongue) parts(object map[string]any, levels int) cell {
	if levels == 0 {
		return l.text(value.Text(object))
	}
	c := cell{Empty: l.Empty}
	for i, name := range slices.Sorted(maps.Keys(object)) {
		if i == mostElements {
			c.More = fmt.Sprintf(l.MoreN, l.thousands(len(object)-i))
			break
		}
		c.Parts = append(c.Parts, part{humanise(name), l.cell(object[name], levels-1)})
	}
	return c
}

func (l *tongue) calendar(d value.Date) string {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return l.date(t)
}

// capitals are words that people know in capitals.
var capitals = map[string]bool{
	"id": true, "ip": true, "url": true, "uuid": true, "iban": true, "bic": true, "vat": true, "sms": true, "pdf": true,
	"gps": true, "sku": true, "imei": true, "mac": true, "ssn": true, "utc": true, "gdpr": true, "ui": true, "api": true,
}

// humanise makes a heading of a field's name: "created_at", "createdAt" and
// "created-at" are "Created at", "customer_id" is "Customer ID".
func humanise(name string) string {
	words := split(name)
	for i, w := range words {
		lower := strings.ToLower(w)
		switch {
		case capitals[lower]:
			words[i] = strings.ToUpper(w)
		case i == 0:
			r, size := utf8.DecodeRuneInString(lower)
			words[i] = string(unicode.ToUpper(r)) + lower[size:]
		default:
			words[i] = lower
		}
	}
	if len(words) == 0 {
		return name
	}
	return strings.Join(words, " ")
}

// split finds the words of a name: at what is no letter or digit, and where
// capitals begin or end ("userID", "HTTPStatus").
func split(name string) []string {
	runes := []rune(strings.ToValidUTF8(name, "\uFFFD"))
	var words []string
	start := 0
	end := func(i int) {
		if i > start {
			words = append(words, string(runes[start:i]))
		}
		start = i
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end(i)
			start = i + 1
		case i > start && unicode.IsUpper(r) && unicode.IsLower(runes[i-1]),
			i > start && i+1 < len(runes) && unicode.IsUpper(r) && unicode.IsUpper(runes[i-1]) && unicode.IsLower(runes[i+1]):
			end(i)
		}
	}
	end(len(runes))
	return words
}
