package request

import "time"

// Call is a kind of call over HTTP that a line of the execution log is about, and how
// often there was one. It holds nothing of a person, no secret and no address.
type Call struct {
	Call     string        `json:"call"`               // method, and the path as the description of the vendor has it
	Status   int           `json:"status,omitempty"`   // 0: there was no answer
	Times    int           `json:"times"`              // how often there was one
	Attempts int           `json:"attempts,omitempty"` // the most that one of them took
	Took     time.Duration `json:"took"`               // all of them together
	Note     string        `json:"note,omitempty"`     // why there was no answer, or what the description wants shown of it
}
