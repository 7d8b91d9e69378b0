package server

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
)

// serving starts the program as a server that is killed at a crash point.
func (s *site) servingTasks(data, database, crash string) (dead <-chan struct{}, kill func()) {
	s.t.Helper()
	binary, err := crashing()
	s.must(err)
	process := exec.Command(binary, "serve", "--data", data, "--listen", "127.0.0.1:0", "--public-url", "https://privacy.example.org")
	process.Env = append(os.Environ(), "VOLENTI_CRASH="+crash, "VOLENTI_MASTER_KEY="+childsKey, "VOLENTI_DATABASE="+database)
	process.Stderr = s.log
	out, err := process.StdoutPipe()
	s.must(err)
	s.must(process.Start())
	ended := make(chan struct{})
	kill = func() { _ = process.Process.Kill(); <-ended }
	s.t.Cleanup(kill)
	said := bufio.NewScanner(out)
	for said.Scan() {
		if _, url, ok := strings.Cut(said.Text(), "Volenti answers on "); ok {
			s.url = url
			break
		}
	}
	go func() {
		for said.Scan() {
			continue
		}
		_ = process.Wait()
		close(ended)
	}()
	return ended, kill
}

// sendAndDie sends a request that a server may not live to answer.
func (s *site) sendAndDie(path, body, kind string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	s.must(err)
	r.Header.Set("Authorization", "Bearer "+s.key)
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Idempotency-Key", "once")
	if got, err := http.DefaultTransport.RoundTrip(r); err == nil {
		_ = got.Body.Close()
	}
}

// The server is killed before colleagues are asked, right after it, and when
// their answers are being handed out; each time it is started again. Each of
// them gets one letter, and the package has what they entered.
func TestKilledWhileColleaguesAreAskedAsksThemOnce(t *testing.T) { // R1, X4
	t.Parallel()
	bothStores(t, func(t *testing.T, kind string) {
		w := newWorld(t, kind, "sqlite")
		w.configure(shopDataset, shopPolicies, manualConnections)
		s := &site{t: t, log: w.log, world: w}
		data := filepath.Join(w.dir, "data")
		house, err := Open(t.Context(), Config{Data: data, Database: w.house.Database, MasterKey: childsKey})
		s.must(err)
		s.db = &storetest.Database{DB: house.Store}
		w.apply(&storeOf{house.Store, store.DefaultTenant})
		s.key = s.makeKey(store.DefaultTenant, time.Time{}, auth.Scopes()...)
		s.must(house.Close())

		dead, _ := s.servingTasks(data, w.house.Database, "tasks.made")
		r := s.submit("access", "anna@example.com")
		s.sendAndDie("/api/v1/requests/"+r.ID+"/approve", `{"plan_hash":"`+r.PlanHash+`"}`, "application/json")
		<-dead
		dead, _ = s.servingTasks(data, w.house.Database, "tasks.asked")
		<-dead
		dead, _ = s.servingTasks(data, w.house.Database, "upload.half")
		s.await(r.ID, request.RequiresInput)
		if got := s.answer(r, "archive", part{"contract", "", "K-77"}, part{"letters", "a.txt", strings.Repeat("a", 2_000_000)}); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		form, kindOf := formOf(part{"nothing", "", "true"})
		s.sendAndDie("/api/v1/requests/"+r.ID+"/tasks/cellar", string(form), kindOf)
		<-dead
		_, kill := s.servingTasks(data, w.house.Database, "")
		s.await(r.ID, request.Complete)
		text := unzipped(t, s.get("/api/v1/requests/"+r.ID+"/package").body)
		if !strings.Contains(text, "K-77") || !strings.Contains(text, strings.Repeat("a", 2_000_000)) {
			t.Error("the package lacks what a colleague entered")
		}
		kill()

		house, err = Open(t.Context(), Config{Data: data, Database: w.house.Database, MasterKey: childsKey})
		s.must(err)
		defer func() { s.must(house.Close()) }()
		url := w.house.Database
		if url == "" {
			url = "sqlite:" + filepath.Join(data, "volenti.db")
		}
		s.db = &storetest.Database{DB: house.Store, Config: store.Config{URL: url}}
		var letters int
		s.must(s.db.Raw(t).QueryRow(`SELECT COUNT(*) FROM letters WHERE kind = 'task'`).Scan(&letters))
		asked := map[string]int{}
		for _, act := range s.actsOn("request/" + r.ID) {
			asked[act]++
		}
		w.equal("letters, questions, answers", []int{letters, asked["task.wait"], asked["task.answer"]}, []int{2, 1, 2})
	})
}
