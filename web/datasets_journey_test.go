package web_test

import (
	"archive/zip"
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // speaks to the database of the journey

	"volenti.dev/volenti/internal/chromiumtest"
	"volenti.dev/volenti/internal/pgtest"
)

// onlyPolicies leaves of the shop's directory what says nothing of its databases.
func onlyPolicies(t *testing.T) func(config string) {
	return func(config string) {
		t.Helper()
		all, err := os.ReadDir(config)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			if err := os.RemoveAll(filepath.Join(config, f.Name())); err != nil {
				t.Fatal(err)
			}
		}
		const policies = "policy:\n- key: access\n  name: Access\n  rules: [{key: all, action: access, targets: [user]}]\n"
		if err := os.WriteFile(filepath.Join(config, "policies.yml"), []byte(policies), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// guests makes a database in which two people have stayed.
func guests(t *testing.T) (url string) {
	t.Helper()
	url = pgtest.URL(t)
	db, err := sql.Open("pgx", url+"&default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(t.Context(), `
		CREATE TABLE guests (id integer PRIMARY KEY, email text NOT NULL, first_name text, birthday date);
		CREATE TABLE stays (no integer PRIMARY KEY, guest_id integer REFERENCES guests (id), note text, nights integer);
		CREATE TABLE rooms (number integer PRIMARY KEY, floor integer);
		INSERT INTO guests VALUES (1, 'greta@example.org', 'Greta', '1977-03-04'), (2, 'hugo@example.org', 'Hugo', '1981-05-06');
		INSERT INTO stays VALUES (10, 1, 'likes the quiet canary room', 3), (11, 2, NULL, 1);`)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(url, "postgres@", "postgres:any@", 1)
}

// unpacked is what lies in the files of a package.
func unpacked(t *testing.T, file []byte) (all []byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return all
}

func TestEngineerDescribesADatabaseAndAnswersARequestFromIt(t *testing.T) { // W8, W9, W18, D5, X19
	h := startWith(t, onlyPolicies(t))
	e := eye{chromiumtest.Start(t), t, chromiumtest.Axe(t)}
	e.Scripts(false)
	e.Open(h.url + h.setUp)
	e.Fill("Your name", "Erik Engineer")
	e.Fill("E-mail address", "erik@example.org")
	e.Fill("Password", password)
	e.Fill("The same password again", password)
	e.Press("Accept and sign in")

	// A database is connected, looked at and described.
	e.Open(h.url + "/admin/datasets")
	e.says("The server proposes the first draft")
	e.Open(h.url + "/admin/new/connection/postgres")
	e.Fill("Name", "Hotel")
	e.Fill("Address", guests(t))
	e.Press("Add it")
	e.says("Describe what it holds.")
	e.Press("Describe what it holds.")
	e.says("No dataset describes this database yet.", "Up to 100 of each table.")
	e.look("describe")
	e.Press("Describe this database")
	e.says("This is a proposal.", "guests", "user.contact.email", "primary key")
	if strings.Contains(e.Text(), "canary") || strings.Contains(e.Text(), "greta@") {
		t.Errorf("the page shows a value:\n%s", e.Text())
	}
	e.look("proposal")

	// One line is spoiled, which is said with its number, and mended.
	line := e.Edit("Description", "user.contact.email", "user.contact.emial")
	e.Press("Save")
	e.says("It was not saved.", "Did you mean user.contact.email?", fmt.Sprintf("Line %d:", line))
	e.look("dataset-refused")
	e.Edit("Description", "user.contact.emial", "user.contact.email")
	e.Press("Check")
	e.says("It is not saved yet.")
	e.Press("Save")
	if at := e.Path(); at != "/admin/datasets/hotel" {
		t.Fatalf("after saving: %s\n%s", at, e.Text())
	}
	e.says("How people's data is found", "guests", "stays")
	e.look("dataset-made")

	// A request finds what is described.
	e.Open(h.url + "/admin/requests/new")
	e.Choose("Policy", "Access")
	e.Fill("E-mail address", "greta@example.org")
	e.Press("Submit and plan")
	request := h.url + e.Path()
	e.await(request, "hotel:guests")
	e.says("hotel:stays")
	e.Press("Approve")
	e.await(request, "Package for the person")
	file := e.Download("Download the package")
	if !bytes.Contains(unpacked(t, file), []byte("likes the quiet canary room")) {
		t.Error("the package lacks what was found")
	}

	// It is changed, and removed once nothing needs it.
	e.Open(h.url + "/admin/datasets/hotel")
	e.Press("Change")
	e.Edit("Description", "- fides_key: hotel\n", "- fides_key: hotel\n  description: Who stayed with us\n")
	e.Press("Save")
	e.says("Who stayed with us")
	e.Press("Look for what is not described")
	e.Press("Look for what is not described")
	e.says("Everything in the database is described.")
	e.look("described")
	e.Open(h.url + "/admin/datasets/hotel")
	e.Fill("Confirm", "hotel")
	e.Press("Remove the dataset")
	e.says("A dataset describes what data lies in a system")
}

// described makes a dataset, and gives the page on which it is changed, with a warning.
func (h *town) described() []string {
	h.t.Helper()
	const text = "dataset:\n- fides_key: attic\n  collections:\n  - name: boxes\n    fields:\n    - {name: id, fides_meta: {primary_key: true}}\n    - {name: label}\n"
	var made struct{ Key string }
	h.ask(http.MethodPost, "/datasets", map[string]string{"connection": "shop", "text": text}, &made)
	return []string{"/admin/datasets/" + made.Key + "/edit", "/admin/datasets/" + made.Key}
}
