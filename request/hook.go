package request

import (
	"strings"
	"time"

	"volenti.dev/volenti/subject"
)

// Hook is what became of a webhook of the policy in one request.
type Hook struct {
	Key    string // of the policy
	Status HookStatus
	// Calls is how often it was called, each time with the same id: more than
	// once where an answer did not come, or was lost.
	Calls   int
	Message string
	Derived []subject.Type // of the identities that it added
	Called  time.Time      // last
	Ended   time.Time      // when its answer was recorded; zero: it was not
}

// HookStatus is the state of a webhook in a request.
type HookStatus string

// The states of webhooks. One that is Answered or Given up is not called again.
const (
	HookCalled   HookStatus = "called"   // and what it answered is not known
	HookAnswered HookStatus = "answered" // and the request goes on, or has gone on
	HookHalted   HookStatus = "halted"   // the request waits for it
	HookErrored  HookStatus = "error"    // the request has stopped for it
	HookGivenUp  HookStatus = "given_up" // it failed, and the request goes on all the same
)

// Hooked is what a webhook has answered, to be recorded.
type Hooked struct {
	Hook
	Identities []subject.Identity // that it derives
	Seal       Sealer             // under the key of the request
}

// HookObject is what a pass is for that resumes a request which a webhook has
// halted.
func HookObject(id, key string) string { return "request/" + id + "/webhook/" + key }

// OfHook gives the request and the webhook that such a pass is for.
func OfHook(object string) (id, key string, ok bool) {
	rest, isRequest := strings.CutPrefix(object, "request/")
	id, key, isHook := strings.Cut(rest, "/webhook/")
	return id, key, isRequest && isHook
}
