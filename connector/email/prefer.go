package email

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
	"unicode"

	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/subject"
)

// most is how many rows a letter has: a person and a purpose each.
const most = 500

// mostBytes is how much a letter says, unless a single row says more: in HTML, a
// byte may become five, and a part of a letter has at most a MiB.
const mostBytes = 128 << 10

// Prefer implements connector.Preferrer: one letter, or several where what people
// are known by is long. The same preferences in the same order make the same letters,
// with the same ids.
func (m *mailbox) Prefer(ctx context.Context, all []connector.Preference) ([][]connector.Call, error) {
	if m.letter == nil {
		return nil, m.unsent("no mail can be sent: start the server with --smtp and --mail-from")
	}
	calls := make([][]connector.Call, 0, len(all))
	var call connector.Call
	for _, part := range letters(all) {
		if call.Outcome != connector.NotMade { // else the others would not get through either
			call = m.letter(ctx, m.write(part), table(part))
			call.Name = "letter"
		}
		if call.Outcome == connector.NotMade && len(calls) == 0 {
			return nil, m.unsent(call.Reason)
		}
		for range part {
			calls = append(calls, []connector.Call{call})
		}
	}
	return calls, nil
}

// unsent is for what may go out once the mail server can be used.
func (m *mailbox) unsent(reason string) error {
	return &connector.Error{Kind: connector.Unreachable, Connection: m.key, Doing: "send a letter", Reason: reason}
}

// letters says what goes into a letter together.
func letters(all []connector.Preference) [][]connector.Preference {
	var parts [][]connector.Preference
	size := 0
	for i, p := range all {
		n := length(p)
		if size += n; i == 0 || size > mostBytes || len(parts[len(parts)-1]) == most {
			parts, size = append(parts, nil), n
		}
		last := &parts[len(parts)-1]
		*last = append(*last, p)
	}
	return parts
}

func length(p connector.Preference) int {
	n := len(p.Key) + len(p.Purpose)
	for _, item := range p.Items {
		n += len(item)
	}
	for _, id := range p.Identities {
		n += len(id.Value.Reveal())
	}
	return n
}

// write makes a letter of preferences.
func (m *mailbox) write(all []connector.Preference) message.Letter {
	columns := types(all)
	rows := make([]any, len(all))
	for i, p := range all {
		identities := make([]any, len(columns))
		for j, t := range columns {
			identities[j] = map[string]any{"type": t, "value": cell(p, t)}
		}
		rows[i] = map[string]any{
			"identities": identities, "purpose": p.Purpose, "names": names(p), "granted": p.Granted, "since": since(p), "key": p.Key,
		}
	}
	return message.Letter{
		ID: identify(all), Kind: message.Choices, Language: m.language, To: m.to,
		Values: message.Values{"columns": columns, "rows": rows},
	}
}

// table is for spreadsheets, where there is more than one row. Our columns begin with
// a capital, which no type of identity does.
func table(all []connector.Preference) [][]string {
	if len(all) < 2 {
		return nil
	}
	columns := types(all)
	var head []string
	for _, t := range columns {
		head = append(head, string(t))
	}
	rows := [][]string{append(head, "Purpose", "Names", "Choice", "Since", "Key")}
	for _, p := range all {
		var cells []string
		for _, t := range columns {
			cells = append(cells, cell(p, t))
		}
		choice := "refused"
		if p.Granted {
			choice = "granted"
		}
		rows = append(rows, append(cells, p.Purpose, strings.Join(names(p), several), choice, since(p), p.Key))
	}
	return rows
}

// types are those of the identities of all, each once, however many have it (P7).
func types(all []connector.Preference) []subject.Type {
	var found []subject.Type
	for _, p := range all {
		for _, id := range p.Identities {
			if !slices.Contains(found, id.Type) {
				found = append(found, id.Type)
			}
		}
	}
	return found
}

// several stands between what is in one cell.
const several = "; "

// cell is what a person has of a type; "" for nothing.
func cell(p connector.Preference, t subject.Type) string {
	var values []string
	for _, id := range p.Identities {
		if id.Type == t {
			values = append(values, line(id.Value.Reveal()))
		}
	}
	return strings.Join(values, several)
}

// names are what the system calls the purpose; none where it uses our key.
func names(p connector.Preference) []string {
	all := []string{}
	if slices.Equal(p.Items, []string{p.Purpose}) {
		return all
	}
	for _, item := range p.Items {
		all = append(all, line(item))
	}
	return all
}

func since(p connector.Preference) string { return p.Since.UTC().Format(time.RFC3339) }

// line keeps text in its line (SE6).
func line(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, text)
}

// identify gives the id of a letter: the key of what it says, where that is one
// preference; else one that is the same for the same preferences.
func identify(all []connector.Preference) string {
	if len(all) == 1 {
		return all[0].Key
	}
	sum := sha256.New()
	for _, p := range all {
		sum.Write([]byte(p.Key + "\n"))
	}
	return "vc_" + hex.EncodeToString(sum.Sum(nil))[:40]
}
