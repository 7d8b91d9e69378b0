package delivery

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// tongue is what the page says in one language. Fields that end in Of have a
// place for a name, fields in N for numbers.
type tongue struct {
	Code             string // BCP 47
	Title, TitleOf   string
	Lead, LeadOf     string
	Request, Created string
	Found, Nothing   string
	Contents         string
	What, Where, Much,
	EntryOne, EntryMany, Entry, In string
	Kept, KeptLead, Why, Ground, Until, NoEnd                             string
	ShownN, AllIn, Spreadsheet, Up                                        string
	Files, FilesLead, FilesData, FilesFolder, HandedIn, Agreed, FilesNote string
	LeftOut, LeftOutLead, LeftOutCell, LeftOutAll, ValuesN                string
	Empty, Yes, No, BinaryN, FirstN, MoreN                                string

	leftOut   map[LeftOut]string // why
	months    []string
	day       string // of a date, its month and its year
	separates string // thousands
}

var english = &tongue{
	Code:  "en",
	Title: "Your data", TitleOf: "Your data held by %s",
	Lead:    "You asked for the personal data that this company holds about you. This page shows what was found and where it is kept.",
	LeadOf:  "You asked for the personal data that %s holds about you. This page shows what was found and where it is kept.",
	Request: "Your request", Created: "Put together on", Found: "Found", Nothing: "Nothing was found.",
	Contents: "What is held about you", What: "What", Where: "Held in", Much: "How much",
	EntryOne: "entry", EntryMany: "entries", Entry: "Entry", In: "in",
	Kept: "What is kept, and why", KeptLead: "This data is not erased now, because there is a reason or a legal duty to keep it.",
	Why: "Why", Ground: "Legal ground", Until: "Kept until", NoEnd: "no end date is set",
	ShownN: "The first %s of %s entries are shown here.", AllIn: "All of them are in", Spreadsheet: "As a spreadsheet:", Up: "Back to the overview",
	Files: "The files in this package", FilesLead: "This page is for reading.",
	FilesData:   "holds everything in full, for a computer program or another company. The files in the folder",
	FilesFolder: "open in any spreadsheet; in them, text that a spreadsheet might take for a formula begins with an apostrophe.",
	HandedIn:    "The folder “files” holds what was handed in as files, as it is.",
	Agreed:      "The file “consents.json” holds what you agreed to, and what you chose in the banners of websites.",
	FilesNote:   "A dash (–) means that the field is empty. This page loads nothing from the internet and runs no programs. It holds personal data about you: keep it in a safe place.",
	Empty:       "empty", Yes: "yes", No: "no", BinaryN: "binary data, %s bytes", FirstN: "the first %s characters are shown", MoreN: "and %s more",
	LeftOut: "What is left out, and why", LeftOutLead: "This package does not hold the following, although it is stored. In the files, each place where something is missing says so. If you do not agree, answer to our letter, or turn to the supervisory authority.",
	LeftOutCell: "left out", LeftOutAll: "all of it", ValuesN: "values: %s",
	leftOut: map[LeftOut]string{
		"of_others":  "it is about other people, whose rights come first (Art. 15(4) GDPR)",
		"secret":     "it is a trade secret, or somebody's intellectual property (recital 63 GDPR)",
		"privileged": "it is confidential between lawyer and client, or part of a legal dispute",
		"unsafe":     "it would be dangerous in the wrong hands, like a password or the number of an account",
	},
	months: []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	day:    "%d %s %d", separates: ",",
}

var german = &tongue{
	Code:  "de",
	Title: "Ihre Daten", TitleOf: "Ihre Daten bei %s",
	Lead:    "Sie haben nach den personenbezogenen Daten gefragt, die dieses Unternehmen über Sie hat. Diese Seite zeigt, was gefunden wurde und wo es liegt.",
	LeadOf:  "Sie haben nach den personenbezogenen Daten gefragt, die %s über Sie hat. Diese Seite zeigt, was gefunden wurde und wo es liegt.",
	Request: "Ihr Antrag", Created: "Zusammengestellt am", Found: "Gefunden", Nothing: "Es wurde nichts gefunden.",
	Contents: "Was über Sie gespeichert ist", What: "Was", Where: "Liegt in", Much: "Wie viel",
	EntryOne: "Eintrag", EntryMany: "Einträge", Entry: "Eintrag", In: "in",
	Kept: "Was aufbewahrt wird, und warum", KeptLead: "Diese Daten werden jetzt nicht gelöscht, weil es einen Grund oder eine gesetzliche Pflicht gibt, sie aufzubewahren.",
	Why: "Warum", Ground: "Rechtsgrund", Until: "Aufbewahrt bis", NoEnd: "ein Ende steht nicht fest",
	ShownN: "Hier stehen die ersten %s von %s Einträgen.", AllIn: "Alle stehen in", Spreadsheet: "Als Tabelle:", Up: "Zurück zur Übersicht",
	Files: "Die Dateien in diesem Paket", FilesLead: "Diese Seite ist zum Lesen da.",
	FilesData:   "enthält alles vollständig, für ein Programm oder ein anderes Unternehmen. Die Dateien im Ordner",
	FilesFolder: "lassen sich mit jeder Tabellenkalkulation öffnen; Text, den sie für eine Formel halten könnte, beginnt darin mit einem Apostroph.",
	HandedIn:    "Im Ordner „files“ liegt, was als Datei abgegeben wurde, so wie es ist.",
	Agreed:      "Die Datei „consents.json“ enthält, worin Sie eingewilligt haben, und was Sie in den Bannern von Websites gewählt haben.",
	FilesNote:   "Ein Strich (–) heißt, dass das Feld leer ist. Diese Seite lädt nichts aus dem Internet und führt keine Programme aus. Sie enthält personenbezogene Daten über Sie: Bewahren Sie sie sicher auf.",
	Empty:       "leer", Yes: "ja", No: "nein", BinaryN: "Binärdaten, %s Bytes", FirstN: "gezeigt sind die ersten %s Zeichen", MoreN: "und %s weitere",
	LeftOut: "Was weggelassen ist, und warum", LeftOutLead: "Das Folgende ist gespeichert, steht aber nicht in diesem Paket. In den Dateien ist jede Stelle gekennzeichnet, an der etwas fehlt. Wenn Sie nicht einverstanden sind, antworten Sie auf unseren Brief oder wenden Sie sich an die Aufsichtsbehörde.",
	LeftOutCell: "weggelassen", LeftOutAll: "alles davon", ValuesN: "Werte: %s",
	leftOut: map[LeftOut]string{
		"of_others":  "es geht um andere Menschen, deren Rechte vorgehen (Art. 15 Abs. 4 DSGVO)",
		"secret":     "es ist ein Geschäftsgeheimnis oder geistiges Eigentum (Erwägungsgrund 63 DSGVO)",
		"privileged": "es ist zwischen Anwalt und Mandant vertraulich oder Teil eines Rechtsstreits",
		"unsafe":     "es wäre in falschen Händen gefährlich, wie ein Passwort oder eine Kontonummer",
	},
	months: []string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
	day:    "%d. %s %d", separates: ".",
}

// tongueOf gives the words for a language (BCP 47), the English ones where
// there are no others.
func tongueOf(language string) *tongue {
	if main, _, _ := strings.Cut(strings.ToLower(language), "-"); main == german.Code {
		return german
	}
	return english
}

func (l *tongue) time(t time.Time) string {
	t = t.UTC()
	clock := "15:04:05 UTC"
	if t.Second() == 0 && t.Nanosecond() == 0 {
		clock = "15:04 UTC"
	}
	return l.date(t) + ", " + t.Format(clock)
}

func (l *tongue) date(t time.Time) string {
	return fmt.Sprintf(l.day, t.Day(), l.months[t.Month()-1], t.Year())
}

func (l *tongue) thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + l.separates + s[i:]
	}
	return s
}

func (l *tongue) entries(n int) string {
	if n == 1 {
		return "1 " + l.EntryOne
	}
	return l.thousands(n) + " " + l.EntryMany
}

// reason says why something is left out.
func (l *tongue) reason(of LeftOut) string {
	if known, ok := l.leftOut[of]; ok {
		return known
	}
	return string(of)
}
