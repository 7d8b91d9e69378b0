package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"volenti.dev/volenti/cli"
)

func TestOperatorWritesToAPersonFromTheCommandLine(t *testing.T) { // W3
	k := openShop(t)
	id, _ := k.submit("access", "paula.brandt9@example.org", "")
	if out, _ := k.does(0, "request", "messages", id); out != "Nothing was written.\n" {
		t.Errorf("before: %s", out)
	}
	k.does(2, "request", "answer", id) // nothing comes on standard input
	for range 2 {
		var out, errs bytes.Buffer
		std := k.std(&out, &errs)
		std.In = strings.NewReader("Which account is it?\nThe old one?\n")
		if code := cli.Main(t.Context(), []string{"request", "answer", id, "--idempotency-key", "once", "--server", k.url, "--token", k.key}, std); code != 0 {
			t.Fatalf("exit code %d: %s", code, &errs)
		}
		if want := "Message 1 is written: no address is known"; !strings.HasPrefix(out.String(), want) {
			t.Errorf("said %s", &out)
		}
	}
	out, _ := k.does(0, "request", "messages", id)
	if !strings.HasPrefix(out, "1. the company, ") || !strings.HasSuffix(out, "\n   Which account is it?\n   The old one?\n") {
		t.Errorf("afterwards: %s", out)
	}
	k.does(4, "request", "messages", "0198c0de-0000-7000-8000-000000000001")
}
