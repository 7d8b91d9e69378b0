package request

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Wait is something that a connected system was asked in a request and answers
// later.
type Wait struct {
	Address  string
	Action   Action
	Question string // what was asked, as a digest under the key of the request
	Sealed   []byte // how to go on, and what has come so far
	// What may be shown of it.
	Since time.Time // when the system was asked
	Again time.Time // when it is asked how far it is: at Until where it calls back; zero when all has come
	Until time.Time // when it is given up
}

// NewWait seals what is kept of a question.
func NewWait(k Sealer, tenant, id string, w Wait, plain []byte) Wait {
	w.Sealed = k.Seal(plain, w.associated(tenant, id))
	return w
}

// Unseal opens what is kept of a question.
func (w Wait) Unseal(k Sealer, tenant, id string) ([]byte, error) {
	plain, err := k.Open(w.Sealed, w.associated(tenant, id))
	if err != nil {
		return nil, fmt.Errorf("open what %s waits for: %w", w.Address, err)
	}
	return plain, nil
}

func (w Wait) associated(tenant, id string) []byte {
	return fmt.Appendf(nil, "wait/%s/%s/%s", tenant, id, w.Question)
}

// Reply is what a system that calls back has posted, once for each number of a
// question.
type Reply struct {
	Question string
	Number   int
	Sealed   []byte
}

// NewReply seals a body as it was posted.
func NewReply(k Sealer, tenant, id, question string, number int, body []byte) Reply {
	r := Reply{Question: question, Number: number}
	r.Sealed = k.Seal(body, r.associated(tenant, id))
	return r
}

// Unseal opens the body.
func (r Reply) Unseal(k Sealer, tenant, id string) ([]byte, error) {
	body, err := k.Open(r.Sealed, r.associated(tenant, id))
	if err != nil {
		return nil, fmt.Errorf("open a reply: %w", err)
	}
	return body, nil
}

func (r Reply) associated(tenant, id string) []byte {
	return fmt.Appendf(nil, "reply/%s/%s/%s/%d", tenant, id, r.Question, r.Number)
}

// ReplyObject is what a pass is for by which a system posts an answer.
func ReplyObject(id, question string, number int) string {
	return "request/" + id + "/reply/" + question + "/" + strconv.Itoa(number)
}

// OfReply gives what such a pass is for.
func OfReply(object string) (id, question string, number int, ok bool) {
	parts := strings.Split(object, "/")
	if len(parts) != 5 {
		return "", "", 0, false
	}
	number, err := strconv.Atoi(parts[4])
	id, question = parts[1], parts[3]
	return id, question, number, err == nil && object == ReplyObject(id, question, number)
}
