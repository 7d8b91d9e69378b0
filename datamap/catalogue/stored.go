package catalogue

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Stored is a catalogue that was read before, so that plans do not depend on
// whether the database can be reached.
type Stored struct {
	Catalogue
	Version int64     // grows with each change
	Digest  string    // of the catalogue
	Read    time.Time // when it was last seen to be so
}

// Encode gives the form in which a catalogue is kept, and its digest: the
// SHA-256 of that form, in hex.
func (c *Catalogue) Encode() (content []byte, digest string, err error) {
	content, err = json.Marshal(c)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(content)
	return content, hex.EncodeToString(sum[:]), nil
}

// Decode reads what Encode gave.
func Decode(content []byte) (c Catalogue, err error) {
	err = json.Unmarshal(content, &c)
	return c, err
}
