package server

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/task"
)

// manualConnections are an archive that two colleagues answer, and a cellar
// that an operator answers.
const manualConnections = `
connection:
- key: archive
  name: Paper archive
  type: manual
  due_days: 5
  secrets: {assignees: "Olga <olga@example.org>, otto@example.org"}
  fields:
  - {key: contract, label: {en: Number of the contract, de: Vertragsnummer}, type: text, required: true, data_categories: [user.financial]}
  - {key: since, label: Customer since, type: date, data_categories: [user.content]}
  - {key: balance, label: Balance, type: number, data_categories: [user.financial]}
  - {key: letters, label: Letters, type: file, max: 3000000, data_categories: [user.content]}
  - {key: erased, label: Please erase the file and confirm, type: boolean, action: erasure, data_categories: [user.content]}
- key: cellar
  type: manual
  fields:
  - {key: boxes, label: Boxes, type: number, required: true, data_categories: [user.content]}
`

// openArchive is openShop with people to be asked.
func (s *site) openArchive() {
	s.t.Helper()
	s.world = newWorld(s.t, "sqlite", "sqlite")
	s.world.configure(shopDataset, shopPolicies, manualConnections)
	s.openShop()
}

// begun submits and approves a request, and waits until colleagues are asked.
func (s *site) begun(policy string) api.Request {
	s.t.Helper()
	r := s.submit(policy, "anna@example.com")
	s.approve(r)
	return s.await(r.ID, request.RequiresInput).Request
}

// part is one part of a form; with a file name, a file.
type part struct{ name, file, content string }

func formOf(parts ...part) (body []byte, kind string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		var err error
		if p.file != "" {
			f, e := w.CreateFormFile(p.name, p.file)
			if err = e; err == nil {
				_, err = f.Write([]byte(p.content))
			}
		} else {
			err = w.WriteField(p.name, p.content)
		}
		if err != nil {
			panic(err) // a buffer takes all
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

func (s *site) postForm(path, key string, parts ...part) reply {
	s.t.Helper()
	body, kind := formOf(parts...)
	return s.send("POST", path, key, bytes.NewReader(body), "Content-Type", kind)
}

// answer answers as an operator.
func (s *site) answer(r api.Request, connection string, parts ...part) reply {
	s.t.Helper()
	return s.postForm("/api/v1/requests/"+r.ID+"/tasks/"+connection, s.key, parts...)
}

// mailed gives what the letters about a request say, by whom they are to.
func (s *site) mailed(tenant, id, kind string) map[string]map[string]any {
	s.t.Helper()
	keys, err := s.db.Tenant(s.t.Context(), tenant)
	s.must(err)
	rows, err := s.db.Raw(s.t).QueryContext(s.t.Context(), `SELECT l.id, l.sealed, k.wrapped FROM letters l JOIN keys k ON k.tenant = l.tenant AND k.owner = 'letter/' || l.id
		WHERE l.tenant = $1 AND l.request = $2 AND l.kind = $3`, tenant, id, kind)
	s.must(err)
	defer rows.Close()
	all := map[string]map[string]any{}
	for rows.Next() {
		var letter string
		var sealed, wrapped []byte
		s.must(rows.Scan(&letter, &sealed, &wrapped))
		key, err := keys.OpenKey("letter/"+letter, wrapped)
		s.must(err)
		plain, err := key.Open(sealed, []byte("letter/"+tenant+"/"+letter))
		s.must(err)
		var l struct {
			To     string         `json:"to"`
			Values map[string]any `json:"values"`
		}
		s.must(json.Unmarshal(plain, &l))
		all[l.To] = l.Values
	}
	s.must(rows.Err())
	return all
}

// tokens gives those of the letters about a request, by whom they are to.
func (s *site) tokens(id, kind string) map[string]string {
	s.t.Helper()
	tokens := map[string]string{}
	for to, values := range s.mailed(store.DefaultTenant, id, kind) {
		_, token, ok := strings.Cut(fmt.Sprint(values["url"]), "https://privacy.example.org/tasks/")
		if !ok {
			s.t.Errorf("a letter links to %v", values["url"])
		}
		tokens[to] = token
	}
	return tokens
}

func atPublicURL(srv *Server) { srv.PublicURL = "https://privacy.example.org" }

func TestRequestWaitsForColleaguesAndGivesWhatTheyEnter(t *testing.T) { // X4, X9, SE3, SE16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSiteWith(t, db, atPublicURL)
		s.openArchive()
		r := s.begun("access")
		stored, err := db.Requests().Get(t.Context(), store.DefaultTenant, r.ID)
		s.must(err)
		s.world.equal("needed", stored.Parked.Needed, []string{"answer archive", "answer cellar"})
		var open api.TaskPage
		s.ask("GET", "/api/v1/tasks?limit=1", "", http.StatusOK, &open)
		if len(open.Items) != 1 || open.Items[0].Connection != "archive" || open.Next == "" {
			t.Errorf("open: %+v", open)
		}
		behind := open.Next
		open = api.TaskPage{}
		s.ask("GET", "/api/v1/tasks?cursor="+behind, "", http.StatusOK, &open)
		if len(open.Items) != 1 || open.Items[0].Connection != "cellar" || open.Next != "" {
			t.Errorf("open behind it: %+v", open)
		}

		tokens := s.tokens(r.ID, "task")
		s.world.equal("asked", slices.Sorted(maps.Keys(tokens)), []string{"olga@example.org", "otto@example.org"})
		var shown api.TaskForm
		s.ask("POST", "/api/v1/public/tasks/show", `{"token":"`+tokens["olga@example.org"]+`"}`, http.StatusOK, &shown)
		if len(shown.Questions) != 4 || shown.Name != "Paper archive" || !cmp.Equal(shown.Person, []api.Identity{{Type: "email", Value: "anna@example.com"}}) {
			t.Errorf("shown to a colleague: %+v", shown)
		}
		s.world.equal("acts on the task", s.actsOn("task/"+r.ID), []string{"task.read"})

		letter := strings.Repeat("Dear Anna! ", 200_000) // three pieces
		got := s.postForm("/api/v1/public/tasks/answer", "", part{"token", "", tokens["olga@example.org"]}, part{"contract", "", "=1+1 K-77"}, part{"since", "", "2019-02-03"},
			part{"balance", "", "12.50"}, part{"letters", "../../etc/first.csv", letter}, part{"letters", "page.html", "<html><script>alert(1)</script>"})
		if got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		s.problem("the other colleague", s.postForm("/api/v1/public/tasks/answer", "", part{"token", "", tokens["otto@example.org"]}, part{"contract", "", "other"}), http.StatusForbidden)
		if waits := s.await(r.ID, request.RequiresInput, request.Complete); waits.Status != string(request.RequiresInput) {
			t.Errorf("it goes on before all have answered: %s", waits.Status)
		}
		if got := s.answer(r, "cellar", part{"boxes", "", "3"}); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		s.await(r.ID, request.Complete)

		pack := s.get("/api/v1/requests/" + r.ID + "/package")
		files := filesIn(t, pack.body)
		s.world.equal("names", slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(name string) bool { return strings.HasPrefix(name, "csv/") }),
			[]string{"data.json", "files/001.csv", "files/002.bin", "index.html"})
		if files["files/001.csv"] != letter || files["files/002.bin"] != "<html><script>alert(1)</script>" {
			t.Error("the files are others")
		}
		var data map[string][]map[string]any
		s.must(json.Unmarshal([]byte(files["data.json"]), &data))
		first := map[string]any{"file": "files/001.csv", "name": "first.csv", "type": "text/plain; charset=utf-8", "bytes": float64(len(letter))}
		second := map[string]any{"file": "files/002.bin", "name": "page.html", "type": "text/html; charset=utf-8", "bytes": 31.0}
		want := []map[string]any{{"contract": "=1+1 K-77", "since": "2019-02-03", "balance": "12.50", "letters": []any{first, second}}}
		if d := cmp.Diff(want, data["archive:input"]); d != "" {
			t.Error(d)
		}
		if !strings.Contains(files["csv/004.csv"], "'=1+1 K-77") || !strings.Contains(files["index.html"], "Paper archive") {
			t.Errorf("the sheet: %s", files["csv/004.csv"])
		}
		if strings.Contains(string(db.Dump(t)), "K-77") || strings.Contains(s.log.String(), "K-77") || strings.Contains(s.log.String(), tokens["olga@example.org"]) {
			t.Error("what was entered, or a token, lies in the clear")
		}
		s.world.equal("acts", s.actsOn("request/"+r.ID), []string{"request.vouch", "request.approve", "request.start", "task.wait", "task.answer", "task.answer", "request.start", "request.package", "request.complete"})
		s.world.equal("what is left", left(t, db), []string{"request_papers 0", "task_pieces 0", "passes 0"})
	})
}

// filesIn reads a package.
func filesIn(t *testing.T, body string) map[string]string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

// left counts the rows that answers need while a request waits.
func left(t *testing.T, db *storetest.Database) (all []string) {
	t.Helper()
	for _, table := range []string{"request_papers", "task_pieces", "passes"} {
		var n int
		if err := db.Raw(t).QueryRow("SELECT COUNT(*) FROM " + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(table, " ", n))
	}
	return all
}

func TestWhatIsEnteredLocatesNoData(t *testing.T) { // X4
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.openArchive()
	r := s.begun("access")
	// Ben's address and number, in every field that takes them.
	for connection, parts := range map[string][]part{
		"archive": {{"contract", "", "ben@example.com"}, {"balance", "", "1"}, {"letters", "ben@example.com.txt", "ben@example.com"}},
		"cellar":  {{"boxes", "", "1"}},
	} {
		if got := s.answer(r, connection, parts...); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	s.await(r.ID, request.Complete)
	text := unzipped(t, s.get("/api/v1/requests/"+r.ID+"/package").body)
	if !strings.Contains(text, "ben@example.com") || strings.Contains(text, "Nebenweg 2") || strings.Contains(text, "call Ben") {
		t.Error("what a colleague has entered led to another person's data, or was lost")
	}
}

func TestAnswerThatNobodyWaitsForIsRefused(t *testing.T) { // E13
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.openArchive()
		r := s.submit("access", "anna@example.com")
		refused := func(what string, got reply) {
			t.Helper()
			s.problem(what, got, http.StatusUnprocessableEntity)
			if !strings.Contains(got.body, "does not wait for an answer of this connection") {
				t.Errorf("%s: %s", what, got.body)
			}
		}
		refused("before it is approved", s.answer(r, "cellar", part{"boxes", "", "1"}))
		s.approve(r)
		s.await(r.ID, request.RequiresInput)
		refused("a connection that there is not", s.answer(r, "attic", part{"boxes", "", "1"}))
		refused("a database", s.answer(r, "db", part{"boxes", "", "1"}))
		for range 2 { // while it waits for the archive, the answer can be replaced
			if got := s.answer(r, "cellar", part{"boxes", "", "1"}); got.status != http.StatusOK {
				t.Fatalf("%d %s", got.status, got.body)
			}
		}
		s.must(db.Requests().Apply(t.Context(), store.DefaultTenant, r.ID, request.Cancel, act("request.cancel")))
		refused("after it has ended", s.answer(r, "cellar", part{"boxes", "", "1"}))
		var open api.TaskPage
		s.ask("GET", "/api/v1/tasks", "", http.StatusOK, &open)
		s.ask("GET", "/api/v1/requests/"+r.ID+"/tasks", "", http.StatusOK, &open)
		if len(open.Items) != 2 || open.Items[0].Closed == nil || open.Items[0].Answered != nil || open.Items[1].Answered == nil {
			t.Errorf("tasks of a request that has ended: %+v", open.Items)
		}
		s.world.equal("what is left", left(t, db), []string{"request_papers 0", "task_pieces 0", "passes 0"})
	})
}

func TestAnswerIsTakenWholeOrNotAtAll(t *testing.T) { // SE7
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSiteWith(t, db, func(srv *Server) { srv.Uploads = 4 << 20 })
		s.openArchive()
		r := s.begun("access")
		path := "/api/v1/requests/" + r.ID + "/tasks/archive"
		large := strings.Repeat("x", 3_000_001)
		for what, parts := range map[string][]part{
			"an answer is needed":      {{"balance", "", "1"}},
			"it must be a number":      {{"contract", "", "c"}, {"balance", "", "many"}},
			"it must be a date":        {{"contract", "", "c"}, {"since", "", "yesterday"}},
			"plain text":               {{"contract", "", "a\x00b"}},
			"4000 characters":          {{"contract", "", strings.Repeat("c", 4001)}},
			"too long":                 {{"contract", "", "c"}, {"balance", "", strings.Repeat("1", 1000)}},
			"no question here":         {{"contract", "", "c"}, {"password", "", "canary"}},
			"answered twice":           {{"contract", "", "c"}, {"contract", "", "d"}},
			"larger than 3000000":      {{"contract", "", "c"}, {"letters", "a.txt", large}},
			"too large together":       {{"contract", "", "c"}, {"letters", "a.txt", large[:2_500_000]}, {"letters", "b.txt", large[:2_500_000]}},
			"a file is empty":          {{"contract", "", "c"}, {"letters", "a.txt", ""}},
			"there is nothing, and":    {{"contract", "", "c"}, {"nothing", "", "true"}},
			"an answer is needed two":  {{"since", "", "x"}},
			"it must be a date beside": {{"since", "", "x"}},
		} {
			got := s.postForm(path, s.key, parts...)
			s.problem(what, got, http.StatusUnprocessableEntity)
			want := strings.TrimSuffix(strings.TrimSuffix(what, " two"), " beside")
			if !strings.Contains(got.body, want) || strings.Contains(got.body, "canary") || strings.Contains(got.body, "yesterday") {
				t.Errorf("%s: %s", what, got.body)
			}
		}
		body, kind := formOf(part{"contract", "", "c"}, part{"letters", "a.txt", large[:2_000_000]})
		for what, send := range map[string]func() reply{
			"cut off": func() reply {
				return s.send("POST", path, s.key, bytes.NewReader(body[:1_500_000]), "Content-Type", kind)
			},
			"no form": func() reply { return s.send("POST", path, s.key, strings.NewReader("{}"), "Content-Type", kind) },
			"no boundary": func() reply {
				return s.send("POST", path, s.key, bytes.NewReader(body), "Content-Type", "multipart/form-data")
			},
			"JSON": func() reply {
				return s.send("POST", path, s.key, strings.NewReader("{}"), "Content-Type", "application/json")
			},
		} {
			want := http.StatusBadRequest
			if what == "no boundary" || what == "JSON" {
				want = http.StatusUnsupportedMediaType
			}
			s.problem(what, send(), want)
		}
		var tasks api.TaskPage
		s.ask("GET", "/api/v1/requests/"+r.ID+"/tasks", "", http.StatusOK, &tasks)
		if tasks.Items[0].Answered != nil {
			t.Error("it was answered")
		}
		// What was refused leaves no more behind than the next answer removes.
		if got := s.send("POST", path, s.key, bytes.NewReader(body), "Content-Type", kind); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.body)
		}
		s.world.equal("pieces", left(t, db)[1], "task_pieces 2")
		if got := s.postForm(path, s.key, part{"nothing", "", "on"}); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.body)
		}
		s.world.equal("pieces of what was replaced", left(t, db)[1], "task_pieces 0")
	})
}

func TestOfColleaguesWhoAnswerAtOnceOneIsHeard(t *testing.T) { // X4, R4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSiteWith(t, db, atPublicURL)
		s.openArchive()
		for range 4 {
			r := s.begun("access")
			tokens := slices.Sorted(maps.Values(s.tokens(r.ID, "task")))
			replies := make([]reply, 8)
			var all sync.WaitGroup
			for i := range replies {
				all.Go(func() {
					replies[i] = s.postForm("/api/v1/public/tasks/answer", "", part{"token", "", tokens[i%2]}, part{"contract", "", fmt.Sprint("number ", i)})
				})
			}
			all.Wait()
			heard := -1
			for i, got := range replies {
				switch {
				case got.status == http.StatusOK && heard < 0:
					heard = i
				case got.status != http.StatusConflict && got.status != http.StatusForbidden:
					t.Errorf("%d %s", got.status, got.body)
				}
			}
			if got := s.answer(r, "cellar", part{"nothing", "", "true"}); heard < 0 || got.status != http.StatusOK {
				t.Fatalf("heard %d, %d %s", heard, got.status, got.body)
			}
			s.await(r.ID, request.Complete)
			if text := unzipped(t, s.get("/api/v1/requests/"+r.ID+"/package").body); !strings.Contains(text, fmt.Sprint("number ", heard)) || strings.Contains(text, "cellar") {
				t.Error("the package has another answer")
			}
		}
	})
}

func TestTokenOfATaskIsForThatTaskAlone(t *testing.T) { // SE3, SE14
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSiteWith(t, db, atPublicURL)
		s.openArchive()
		first, second := s.begun("access"), s.begun("access")
		token := s.tokens(first.ID, "task")["olga@example.org"]
		wrong, sealed, err := auth.NewPass(otherTenant, auth.AnswerTask, task.Task{Request: second.ID, Connection: "archive"}.Object(), 1, time.Now().Add(time.Hour), rand.Reader)
		s.must(err)
		s.must(db.Passes().Issue(t.Context(), wrong, act("pass.issue")))
		late, over, err := auth.NewPass(store.DefaultTenant, auth.AnswerTask, task.Task{Request: second.ID, Connection: "archive"}.Object(), 1, time.Now().Add(-time.Second), rand.Reader)
		s.must(err)
		s.must(db.Passes().Issue(t.Context(), late, act("pass.issue")))
		entered := part{"contract", "", "c"}
		for what, token := range map[string]string{
			"none": "", "made up": "vt_" + strings.Repeat("a", 16) + "_" + strings.Repeat("A", 43), "of another kind": "vd_" + token[3:], "over": over, "altered": altered(token),
		} {
			s.problem(what, s.postForm("/api/v1/public/tasks/answer", "", part{"token", "", token}, entered), http.StatusForbidden)
		}
		s.problem("of another tenant", s.postForm("/api/v1/public/tasks/answer", "", part{"token", "", sealed}, entered), http.StatusNotFound)
		s.problem("not first", s.postForm("/api/v1/public/tasks/answer", "", entered, part{"token", "", token}), http.StatusUnprocessableEntity)
		if got := s.postForm("/api/v1/public/tasks/answer", "", part{"token", "", token}, entered); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		s.problem("used", s.send("POST", "/api/v1/public/tasks/show", "", strings.NewReader(`{"token":"`+token+`"}`), "Content-Type", "application/json"), http.StatusForbidden)
		var tasks api.TaskPage
		s.ask("GET", "/api/v1/requests/"+second.ID+"/tasks", "", http.StatusOK, &tasks)
		if tasks.Items[0].Answered != nil {
			t.Error("the other request was answered")
		}
	})
}

func TestErasureThatIsNotConfirmedIsCounted(t *testing.T) { // X4
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.openArchive()
	s.world.write(shopDataset, fmt.Sprintf("connection:\n- {key: db, type: %s, access: write, datasets: [shop], secrets: {url: %q}}\n", s.world.target, s.world.url),
		manualConnections, "policy:\n- key: erasure\n  rules: [{key: r, action: erasure, targets: [user.content], masking: {strategy: null_rewrite}}]\n")
	s.world.apply(&storeOf{s.db.DB, store.DefaultTenant})
	for answer, want := range map[string]request.Status{"no": request.CompleteWithResidue, "yes": request.Complete} {
		r := s.begun("erasure")
		var tasks api.TaskPage
		s.ask("GET", "/api/v1/requests/"+r.ID+"/tasks", "", http.StatusOK, &tasks)
		var shown api.TaskForm
		s.ask("GET", "/api/v1/requests/"+r.ID+"/tasks/archive", "", http.StatusOK, &shown)
		if len(tasks.Items) != 1 || len(shown.Questions) != 1 || !shown.Questions[0].Erasure {
			t.Errorf("asked: %+v, %+v", tasks.Items, shown.Questions)
		}
		if got := s.answer(r, "archive", part{"erased", "", answer}); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if done := s.await(r.ID, request.Complete, request.CompleteWithResidue); done.Status != string(want) || (answer == "no") != strings.Contains(done.Message, "did not confirm: 1") {
			t.Errorf("%s: %s, %s", answer, done.Status, done.Message)
		}
	}
}

func TestColleaguesAreRemindedOnceBeforeTheirTimeIsOver(t *testing.T) { // X4
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSiteWith(t, db, atPublicURL)
		s.openArchive()
		r := s.begun("access")
		srv := &Server{House: &House{Store: db.DB}, Now: time.Now, PublicURL: "https://privacy.example.org", Configuration: config.Options{Registry: builtin.Registry()}, Log: slog.New(slog.DiscardHandler)}
		defer func() { _ = srv.worker().latest.Close() }()
		s.must(srv.remind(t.Context()))
		if early := s.tokens(r.ID, "reminder"); len(early) != 0 {
			t.Errorf("%d reminders at once", len(early))
		}
		_, err := db.Raw(t).Exec(`UPDATE tasks SET remind = 1`)
		s.must(err)
		var both sync.WaitGroup
		for range 4 {
			both.Go(func() {
				if err := srv.remind(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		var letters int
		s.must(db.Raw(t).QueryRow(`SELECT COUNT(*) FROM letters WHERE kind = 'reminder'`).Scan(&letters))
		tokens := s.tokens(r.ID, "reminder")
		if letters != 2 || len(tokens) != 2 {
			t.Errorf("%d letters to %d people", letters, len(tokens))
		}
		if got := s.postForm("/api/v1/public/tasks/answer", "", part{"token", "", tokens["otto@example.org"]}, part{"nothing", "", "true"}); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
}

// makeTask lets a request wait for the archive.
func (s *site) makeTask(tenant string) string {
	s.t.Helper()
	s.openShop()
	plan := *s.plan
	plan.Asks = []task.Ask{{Connection: "archive", DueDays: 1, Questions: []task.Question{{Key: "note", Type: task.Text, Max: 10}}}}
	text, err := json.Marshal(&plan)
	s.must(err)
	r := request.Request{ID: uuid.Must(uuid.NewV7()).String(), Tenant: tenant, Policy: "erasure", Status: request.Approved, PlanHash: plan.Hash, Plan: text}
	db := s.db.Requests()
	s.must(db.Create(s.t.Context(), r, nil, act("request.vouch")))
	lease, _, err := db.Claim(s.t.Context(), tenant, r.ID, "test", time.Minute, true, act("request.start"))
	s.must(err)
	s.must(db.Move(s.t.Context(), lease, request.Turn{Event: request.Ask, Tasks: []task.Task{{Connection: "archive", Due: time.Now().Add(time.Hour)}}}, act("task.wait")))
	return r.ID
}

// taskToken gives a token for a task that waits.
func (s *site) taskToken(tenant string) string {
	s.t.Helper()
	pass, token, err := auth.NewPass(tenant, auth.AnswerTask, task.Task{Request: s.makeTask(tenant), Connection: "archive"}.Object(), 1, time.Now().Add(time.Hour), rand.Reader)
	s.must(err)
	s.must(s.db.Passes().Issue(s.t.Context(), pass, act("pass.issue")))
	return token
}

// asForm writes parts that are given as JSON as a form.
func asForm(t *testing.T, text string) (body, kind string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	var parts []part
	for { // in their order
		token, err := d.Token()
		if err != nil {
			break
		}
		name, ok := token.(string)
		if !ok {
			continue
		}
		var p part
		if err := d.Decode(&p.content); err != nil {
			t.Fatal(err)
		}
		p.name = name
		parts = append(parts, p)
	}
	form, kind := formOf(parts...)
	return string(form), kind
}
