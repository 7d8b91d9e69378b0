package docs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/webhook"
)

func TestTypesOfThePageAreThoseOfTheCode(t *testing.T) {
	var want []string
	for _, kind := range webhook.Types() {
		want = append(want, "`"+string(kind)+"`")
	}
	_, rows := table(t, "webhooks.md", "type |")
	if d := cmp.Diff(want, first(rows)); d != "" {
		t.Errorf("types (-code +page):\n%s", d)
	}
}

func TestLimitsOfWebhooksAreThoseOfTheCode(t *testing.T) {
	text, code := read(t, "webhooks.md"), ""
	for _, file := range []string{
		"../webhook/attempt.go", "../webhook/courier.go", "../webhook/post.go", "../webhook/webhook.go", "../api/events.go", "../api/audit.go",
		"../internal/server/serve_webhooks.go", "../internal/store/webhooks.go", "../internal/safehttp/safehttp.go",
	} {
		code += read(t, file)
	}
	code = strings.Join(strings.Fields(code), " ")
	for inCode, inText := range map[string]string{
		"5 * time.Second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour}": "after 5 seconds, 5 and 30 minutes, 2, 5, 10, 14, 20 and 24 hours",
		"jitter = 0.1": "give or take a tenth", "maxRetryAfter = 24 * time.Hour": "up to 24 hours", "callTime = 20 * time.Second": "within 20 seconds",
		"queueLimit = 1000": "Up to 1,000 events wait", "calls = 8": "up to 8 calls", "failMost = calls failTime = time.Second": "eight calls in a row have failed, one is made a second", "MaxEndpoints = 50": "50 can be enabled", "MaxURL = 2048": "up to 2048 bytes",
		"overlap = 24 * time.Hour": "For 24 hours calls are signed", "logTime = 30 * 24 * time.Hour": "last 30 days", "courierTime = 15 * time.Second": "within about 15 seconds",
		"beatTime = 15 * time.Second": "Every 15 seconds", "stallTime = 30 * time.Second": "nothing for 30 seconds", `maximum:"500" default:"100"`: "1 to 500, 100 unless told",
	} {
		if !strings.Contains(code, inCode) || !strings.Contains(text, inText) {
			t.Errorf("the code must say %q and webhooks.md %q", inCode, inText)
		}
	}
	for _, name := range []string{
		string(webhook.Asked), string(webhook.Gone), string(webhook.Failing), string(webhook.Test),
		string(webhook.Answered), string(webhook.TimedOut), string(webhook.Unreachable), string(webhook.NotAllowed),
	} {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("webhooks.md does not explain %s", name)
		}
	}
}
