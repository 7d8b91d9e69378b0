package web

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/masking"
	"volenti.dev/volenti/subject"
)

// Where words are named in templates and in code, and the kinds of which one
// is chosen while a page is made.
var (
	inTemplate = regexp.MustCompile(`\bt "([a-z_.0-9]+)"|(?:field|maybe) \S+(?: "[a-z]+"\))? "([a-z_.0-9]+)"`)
	inCode     = regexp.MustCompile(`(?:\.word\(|\bWord: |lacking\("[a-z_]+", |lacking\([a-z]+\[0\], )"([a-z_.0-9]+)"`)
	chosen     = regexp.MustCompile(strings.Join([]string{ // one area a line
		`^(month|nav|colours|status|action|collection_status|role|identity|origin|letter|letter_state|error|standing|setting)\.`,
		`^(instructions\.answer|instructions\.said|pause\.ground)\.|^ask\.(access|erasure|consent)$|^prove\.code_(agent|person)$`,
		`^(key|hook|attempt)\.`,
		`^(chosen|chosen_by)\.`,
		`^(omission|graph\.kind|size|error\.link)\.|^values\.(left|back)$`,
		`^desk\.(connect|publish|mail|site|invite)(\.|$)|^desk\.(choices|records)$`,
		`^(people\.(status|reason)|consent\.(choice|source|device))\.`,
		`^sites\.(tally|found|weight|checked|snippet|position|tab|step|link|mode|width|scheme|look|differs|because|field|all|kind)\.|^deletion\.(step|within|lacks)\.`,
		`^(delivery|choice|reason|outcome_of_call|trial|erases|type|rate|todo|severity|direction|confidence|setting)\.`,
		`^(next|strategy)\.`,
		`^messages\.(from|by)\.`,
	}, "|"))
)

func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(name); err != nil || d.IsDir() || ext != ".html" && ext != ".go" || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestEveryLanguageHasEveryWordAndNoOther(t *testing.T) {
	used := map[string]bool{}
	text := sources(t)
	for _, m := range inTemplate.FindAllStringSubmatch(text, -1) {
		used[m[1]+m[2]] = true
	}
	for _, m := range inCode.FindAllStringSubmatch(text, -1) {
		used[m[1]] = true
	}
	if len(used) < 50 {
		t.Fatalf("only %d words are used", len(used))
	}
	for _, l := range loadTongues(loadAssets()).all {
		for key := range used {
			if _, ok := l.words[key]; !ok && !strings.HasSuffix(key, ".") && key != "prove.code_" {
				t.Errorf("%s has no words for %s", l.Tag, key)
			}
		}
		for key, text := range l.words {
			plain := strings.TrimSuffix(key, ".hint")
			if !used[key] && !used[plain] && !chosen.MatchString(key) {
				t.Errorf("%s has words for %s, which no page says", l.Tag, key)
			}
			if text == "" {
				t.Errorf("%s says nothing for %s", l.Tag, key)
			}
		}
	}
}

var place = regexp.MustCompile(`\{\d\}`)

func TestLanguagesHaveTheSameKeysAndPlaces(t *testing.T) {
	all := loadTongues(loadAssets()).all
	for _, l := range all[1:] {
		for key, text := range l.words {
			if all[0].words[key] == "" {
				t.Errorf("%s is not in English", key)
			}
			if got, want := slices.Sorted(slices.Values(place.FindAllString(text, -1))), slices.Sorted(slices.Values(place.FindAllString(all[0].words[key], -1))); !slices.Equal(got, want) {
				t.Errorf("%s: %s has the places %v, English has %v", key, l.Tag, got, want)
			}
		}
		for key := range all[0].words {
			if l.words[key] == "" {
				t.Errorf("%s is not in %s", key, l.Tag)
			}
		}
	}
}

func TestWhateverCanBeChosenHasAWord(t *testing.T) {
	for _, l := range loadTongues(loadAssets()).all {
		var keys []string
		for _, s := range statuses {
			keys = append(keys, "status."+string(s), "next."+string(s))
		}
		for _, r := range auth.Roles() {
			keys = append(keys, "role."+string(r))
		}
		for _, a := range []request.Action{request.Access, request.Recheck, request.Erasure, request.Verification} {
			keys = append(keys, "action."+string(a))
		}
		for _, s := range []request.CollectionStatus{request.Pending, request.Running, request.Waiting, request.Done, request.Skipped, request.Failed, request.Residual} {
			keys = append(keys, "collection_status."+string(s))
		}
		for _, strategy := range masking.Names {
			keys = append(keys, "strategy."+strategy)
		}
		for _, k := range message.Kinds() {
			keys = append(keys, "letter."+string(k))
		}
		for _, spec := range builtin.Registry() {
			for _, s := range spec.Secrets {
				if s.Label == "" { // no vendor's description says what it is called
					keys = append(keys, "setting."+s.Name)
				}
			}
		}
		for _, key := range keys {
			if l.words[key] == "" {
				t.Errorf("%s has no word for %s", l.Tag, key)
			}
		}
	}
	all := map[request.Status]bool{}
	for _, e := range []request.Event{request.Verify, request.Supersede, request.Approve, request.Deny, request.Start, request.Ask, request.Pause, request.Mail, request.Review, request.Resume, request.Fail, request.Finish, request.Leave, request.Cancel, request.Retry, request.Skip, request.Finalise} {
		for from, to := range e.From() {
			all[from], all[to] = true, true
		}
	}
	for _, s := range slices.Sorted(maps.Keys(all)) {
		if !slices.Contains(statuses, s) {
			t.Errorf("the list cannot be filtered by %s", s)
		}
	}
}

// TestTemplatesSayNothingThemselves looks for letters between tags.
func TestTemplatesSayNothingThemselves(t *testing.T) {
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".html" {
			return err
		}
		text, err := files.ReadFile(name)
		bare := regexp.MustCompile(`(?s)\{\{.*?\}\}|<title>.*?</title>|<[^>]*>| aria-[a-z]+="[^"]*"|UTC|Volenti`).ReplaceAllString(string(text), " ")
		if found := regexp.MustCompile(`[A-Za-zÄÖÜäöüß]+`).FindString(bare); found != "" {
			t.Errorf("%s says %q, which is in no catalogue", name, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPartsOfPagesHaveNamesOfTheirOwn keeps one area from taking a part of another for
// its own: of two of one name the last counts, for all pages.
func TestPartsOfPagesHaveNamesOfTheirOwn(t *testing.T) {
	shared, err := fs.Glob(files, "*.html")
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]string{}
	for _, name := range shared {
		for _, m := range regexp.MustCompile(`\{\{-? *define "([^"]+)"`).FindAllStringSubmatch(string(read(name)), -1) {
			if at[m[1]] != "" {
				t.Errorf("%s and %s both define %q", at[m[1]], name, m[1])
			}
			at[m[1]] = name
		}
	}
	if at["layout"] == "" {
		t.Errorf("only %v are defined", at)
	}
}

// TestSentencesOfTheAPIAreStillItsOwn keeps translations from outliving what
// they translate.
func TestSentencesOfTheAPIAreStillItsOwn(t *testing.T) {
	var all strings.Builder
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "github.com/danielgtaylor/huma/v2/validation").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []subject.Type{subject.Email, subject.Phone} {
		_, err := subject.New(kind, "x")
		all.WriteString(err.Error())
	}
	for _, spec := range builtin.Registry() {
		for _, s := range spec.Secrets {
			fmt.Fprintf(&all, "\"%s\" \"%s\"", s.Help, s.Label)
		}
		fmt.Fprintf(&all, "\"%s\" \"%s\"", spec.Name, spec.Summary)
	}
	for _, dir := range []string{"../api", "../auth", "../request", "../request/policy", "../request/task", "../request/graph", "../request/fulfill", "../webhook", "../consent", "../consent/site", "../consent/registry", "../internal/server", "../consent/propagate", "../connector/*", strings.TrimSpace(string(out))} {
		names, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	for _, l := range loadTongues(loadAssets()).all {
		for sentence := range l.said {
			if begin, open := strings.CutSuffix(sentence, "*"); open && strings.Contains(all.String(), begin) {
				continue
			}
			if !strings.Contains(all.String(), `"`+sentence+`"`) {
				t.Errorf("%s translates %q, which the API does not say", l.Tag, sentence)
			}
		}
	}
}

func TestWordsThatAreTakenAsTheyAreAreMarkedAsEnglish(t *testing.T) {
	all := loadTongues(loadAssets())
	german, english := all.match("de-CH"), all.match("fr")
	if german.Tag != "de" || english.Tag != "en" {
		t.Fatalf("%s, %s", german.Tag, english.Tag)
	}
	if got, want := german.tell("it is <b>new</b>"), `<span lang="en">It is &lt;b&gt;new&lt;/b&gt;</span>`; string(got) != want {
		t.Errorf("%s", got)
	}
	if got, want := english.tell("it is <b>new</b>"), `It is &lt;b&gt;new&lt;/b&gt;`; string(got) != want {
		t.Errorf("%s", got)
	}
	if got, want := german.tell("Give it back its `consent:`, and retry."), `Geben Sie ihr ihr <code>consent:</code> zurück und senden Sie noch einmal.`; string(got) != want {
		t.Errorf("%s", got)
	}
	if got, want := english.tell("write `a<b` and `c`"), `Write <code>a&lt;b</code> and <code>c</code>`; string(got) != want {
		t.Errorf("%s", got)
	}
	if got, want := german.tell(german.word("set_up.differ")), german.word("set_up.differ"); string(got) != want {
		t.Errorf("%s", got)
	}
	if got, want := german.tell("The address or the password is not right."), "Die Adresse oder das Passwort stimmt nicht."; string(got) != want {
		t.Errorf("%s", got)
	}
}
