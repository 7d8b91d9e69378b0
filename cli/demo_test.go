package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"volenti.dev/volenti/cli"
)

// The demo leaves requests in several states, answers on its address, and ends
// when it is told to.
func TestDemoAnswersUntilItIsEnded(t *testing.T) {
	s := shell{t: t}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	reader, writer := io.Pipe()
	ended, dir := make(chan int, 1), t.TempDir()
	var errs strings.Builder
	go func() {
		ended <- cli.Main(ctx, []string{"demo", "--dir", dir}, s.std(writer, &errs))
		_ = writer.Close()
	}()
	var said strings.Builder
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		fmt.Fprintln(&said, lines.Text())
		if strings.Contains(lines.Text(), "until you end it") {
			break
		}
	}
	text := said.String()
	address := regexp.MustCompile(`It answers on (http://[0-9.:]+)\.`).FindStringSubmatch(text)
	if address == nil {
		t.Fatalf("it says no address: %s%s", text, errs.String())
	}
	for _, want := range []string{"awaiting_approval", "requires_input", "identity_unverified", "Request: complete", "/set-up/vi_"} {
		if !strings.Contains(text, want) {
			t.Errorf("it never says %q:\n%s", want, text)
		}
	}
	if status, _ := get(t, address[1]+"/readyz", ""); status != http.StatusOK {
		t.Errorf("it does not answer: %d", status)
	}
	// Cookies know no ports: what the shop keeps must not reach the services of others.
	front := regexp.MustCompile(`http://([0-9.]+):[0-9]+ shows version 1`).FindStringSubmatch(text)
	if front == nil {
		t.Fatalf("there is no web site of the shop:\n%s", text)
	}
	_, page := get(t, strings.TrimSuffix(front[0], " shows version 1"), "")
	others := regexp.MustCompile(`src="(http://([^/:"]+):[0-9]+/tallywell.js)"`).FindStringSubmatch(page)
	if others == nil || others[2] == front[1] {
		t.Errorf("the services of others are at %v, the shop at %v", others, front)
	} else if status, _ := get(t, others[1], ""); status != http.StatusOK {
		t.Errorf("the services of others do not answer: %d", status)
	}
	// Its first page leads to all that can be tried, and shows what was sent.
	_, first := get(t, regexp.MustCompile(`(http://\S+)  begin here`).FindStringSubmatch(text)[1], "")
	tried := regexp.MustCompile(`<li><h3><a href="([^"]+)"`).FindAllStringSubmatch(first, -1)
	for _, link := range tried {
		if strings.HasPrefix(link[1], "/") {
			link[1] = regexp.MustCompile(`(http://\S+)/  begin here`).FindStringSubmatch(text)[1] + link[1]
		}
		if status, _ := get(t, link[1], ""); status >= http.StatusBadRequest {
			t.Errorf("the first page leads to %s, which answers %d", link[1], status)
		}
	}
	if len(tried) < 9 || !strings.Contains(first, "archive@shop.example") || !strings.Contains(first, "Anna Keller asks to be erased") {
		t.Errorf("the first page has %d things to try:\n%s", len(tried), first)
	}
	letters, err := filepath.Glob(filepath.Join(dir, "mail", "*archive-at-shop.example.txt"))
	if err != nil || len(letters) != 1 {
		t.Errorf("%d letters to the archive, %v", len(letters), err)
	}
	stop()
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
