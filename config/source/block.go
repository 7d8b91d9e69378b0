package source

import "strings"

// Block gives the lines of the mapping that begins at a place: those that are
// indented as far as its first key, and what stands before it in its first line. It
// is "" where the mapping is not written over lines of its own, but in brackets: what
// stands beside it there may be secret.
func (f File) Block(at Position) string {
	lines := strings.Split(string(f.Data), "\n")
	if at.File != f.Name || at.Line < 1 || at.Line > len(lines) || at.Column < 1 || at.Column > len(lines[at.Line-1]) {
		return ""
	}
	first := lines[at.Line-1]
	if strings.Trim(first[:at.Column-1], "- ") != "" || strings.ContainsAny(first[at.Column-1:at.Column], "{[*&") {
		return ""
	}
	end := at.Line // behind the last line that belongs to it
	for i, line := range lines[at.Line:] {
		text := strings.TrimLeft(line, " ")
		if indented := len(line)-len(text) >= at.Column-1; !indented && text != "" && !strings.HasPrefix(text, "#") {
			break
		} else if indented && text != "" {
			end = at.Line + i + 1
		}
	}
	return strings.Join(lines[at.Line-1:end], "\n") + "\n"
}
