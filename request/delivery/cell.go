package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
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

// cell is a value as the page shows it. One of Text, Items and Parts is set;
// none for a value that is empty.
type cell struct {
	Text    string
	Instant string // for dates and times: the form that machines read
	Items   []cell
	Parts   []part
	More    string // what is not shown
}

type part struct {
	Label string
	Value cell
}

// Wide says whether the value is a text to read rather than an entry.
func (p part) Wide() bool {
	return utf8.RuneCountInString(p.Value.Text) > 120 || strings.Contains(p.Value.Text, "\n")
}

func cellOf(v any, levels int) cell {
	switch v := v.(type) {
	case bool:
		if v {
			return cell{Text: "yes"}
		}
		return cell{Text: "no"}
	case time.Time:
		return cell{Text: readableTime(v), Instant: value.Text(v)}
	case value.Date:
		return cell{Text: readableDate(v), Instant: string(v)}
	case []byte:
		if len(v) == 0 {
			return cell{}
		}
		return cell{Text: fmt.Sprintf("binary data, %s bytes", thousands(len(v)))}
	case []any:
		return list(v, levels)
	case map[string]any:
		return parts(v, levels)
	default:
		return text(strings.ToValidUTF8(value.Text(v), "\uFFFD"))
	}
}

func text(s string) cell {
	if strings.TrimSpace(s) == "" {
		return cell{}
	}
	if utf8.RuneCountInString(s) <= mostCharacters {
		return cell{Text: s}
	}
	shown := string([]rune(s)[:mostCharacters])
	return cell{Text: shown, More: fmt.Sprintf("the first %s characters are shown", thousands(mostCharacters))}
}

func list(elements []any, levels int) cell {
	if levels == 0 {
		return text(value.Text(elements))
	}
	var c cell
	for i, element := range elements {
		if i == mostElements {
			c.More = fmt.Sprintf("and %s more", thousands(len(elements)-i))
			break
		}
		c.Items = append(c.Items, cellOf(element, levels-1))
	}
	return c
}

func parts(object map[string]any, levels int) cell {
	if levels == 0 {
		return text(value.Text(object))
	}
	var c cell
	for i, name := range slices.Sorted(maps.Keys(object)) {
		if i == mostElements {
			c.More = fmt.Sprintf("and %s more", thousands(len(object)-i))
			break
		}
		c.Parts = append(c.Parts, part{humanise(name), cellOf(object[name], levels-1)})
	}
	return c
}

func readableTime(t time.Time) string {
	t = t.UTC()
	if t.Second() == 0 && t.Nanosecond() == 0 {
		return t.Format("2 January 2006, 15:04 UTC")
	}
	return t.Format("2 January 2006, 15:04:05 UTC")
}

func readableDate(d value.Date) string {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return string(d)
	}
	return t.Format("2 January 2006")
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
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
