package request

import (
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/message"
)

// Told is what is sent to people with a change, in its commit.
type Told struct {
	Letters []message.Letter
	Passes  []auth.Pass // whose tokens the letters hold
}
