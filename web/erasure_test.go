package web_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"volenti.dev/volenti/internal/chromiumtest"
	"volenti.dev/volenti/internal/mailcatch"
)

// keys moves the focus on to what is called so, and sees where it is all the way.
func (e eye) keys(to string) {
	e.t.Helper()
	for range 300 {
		at := e.Tab()
		if chromiumtest.Evaluate[string](e.Browser, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
			e.t.Errorf("the focus cannot be seen on %q", at)
		}
		if at == to {
			return
		}
	}
	e.t.Fatalf("the keyboard does not lead to %q", to)
}

// A person asks to be erased, an officer reads the plan and approves it by the keyboard
// alone, and the person reads what was erased and what stays. Before that a value is
// left out of a package about the same person.
func TestErasureAndRedactionAreWholeInABrowser(t *testing.T) { // W2, W3, W12, W18
	mail, err := mailcatch.Start(mailcatch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mail.Close(); err != nil {
			t.Error(err)
		}
	})
	h := startWith(t, func(config string) {
		asked(t)(config)
		name := filepath.Join(config, "policies.yml")
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, bytes.Replace(text, []byte("  name: Access\n"), []byte("  name: Access\n  review: true\n"), 1), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}, "--smtp", mail.URL(), "--mail-from", "Demo Shop <privacy@demo.example>")
	h.caught = mail
	const paula = "paula.brandt9@example.org"
	e := eye{chromiumtest.Start(t), t, chromiumtest.Axe(t)}
	e.Open(h.url + "/ask/erasure")
	e.Fill("Your e-mail address", paula)
	e.Choose("What it is about", "The shop")
	e.Press("Ask")
	e.Fill("Code", digits.FindString(h.mail(1, paula)))
	e.Press("Go on")
	e.says("Your request has arrived.")
	follow := h.url + linked.FindString(h.mail(2, paula))

	o := eye{chromiumtest.Start(t), t, e.axe}
	o.Open(h.url + h.setUp)
	o.Fill("Your name", "Olga Officer")
	o.Fill("E-mail address", "olga@example.org")
	o.Fill("Password", password)
	o.Fill("The same password again", password)
	o.Press("Accept and sign in")
	o.Open(h.url + "/admin/requests/new")
	o.Choose("Policy", "Access")
	o.Fill("E-mail address", paula)
	o.Press("Submit and plan")
	access := h.url + o.Path()
	o.Press("Approve")
	o.await(access, "waits for a last look")
	before := unzipped(t, o.Download("Download the package"))
	o.Press("Look at the values, and leave some out")
	o.Press("Leave out what is ticked")
	o.says("Tick at least one value.")
	value := chromiumtest.Evaluate[string](o.Browser, `(() => {
		const all = [...document.querySelectorAll("tbody input[name=cell]")].map(i => [i, i.parentElement.querySelector("span > span").nextSibling.textContent]).filter(([, text]) => !/^[{[]/.test(text));
		const [input, text] = all.reduce((a, b) => b[1].length > a[1].length ? b : a);
		input.click();
		return text;
	})()`)
	o.Touch("it is about other people")
	o.Press("Leave out what is ticked")
	o.says("It is left out.", "Put it back")
	o.look("values")
	if !strings.Contains(before, value) {
		t.Fatalf("the package has no %q", value)
	}
	o.Open(access)
	o.says("Left out of the package", "it is about other people")
	o.look("request-looked-at")
	o.Press("Let it end")
	o.await(access, "Nothing. It is done.")
	after := unzipped(t, o.Download("Download the package"))
	if was, is := strings.Count(before, value), strings.Count(after, value); is != was-3 { // the page, the table and the data
		t.Errorf("%q is in the package %d times, and was %d times before", value, is, was)
	}
	if !strings.Contains(after, `{"left_out":"of_others"}`) || !strings.Contains(after, "What is left out, and why") {
		t.Error("the package does not say what is left out")
	}

	o.Open(h.url + "/admin/requests")
	id := o.ids()[0]
	o.keys(id)
	o.Enter()
	o.says("waits for approval", "§ 147(3) AO")
	o.keys("Confirmation")
	o.Type("wrong")
	o.Enter()
	o.says("Type the word as it stands above.")
	o.keys("Confirmation")
	chromiumtest.Evaluate[bool](o.Browser, `document.activeElement.value = ""; true`)
	o.Type("erase")
	o.Enter()
	o.await(h.url+"/admin/requests/"+id, "Nothing. It is done.")
	e.await(follow, "Your request is done.")
	e.says("What was erased", "What is kept, and why", "Invoices are kept for eight years", "§ 147(3) AO")
	e.look("status-erased")

	o.Open(h.url + "/admin/requests?status=complete")
	o.Fill("Name", "Over")
	o.Press("Keep it")
	o.says("Forget the view Over")
	if list := string(o.Download("Download as CSV")); !strings.Contains(list, id) || strings.Contains(list, paula) {
		t.Errorf("the list that was downloaded:\n%s", list)
	}
	o.Press("Forget the view Over")
	if strings.Contains(o.Text(), "Over\n") || strings.Contains(o.Text(), "Forget the view") {
		t.Errorf("the view is still there:\n%s", o.Text())
	}
}

// unzipped gives all that is in the files of a package.
func unzipped(t *testing.T, file []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&all, r); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
