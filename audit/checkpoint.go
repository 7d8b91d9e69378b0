package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint signs the root of a tree of size leaves. The origin is the
// signer's name.
func Checkpoint(origin string, size int64, root tlog.Hash, s note.Signer) ([]byte, error) {
	if origin != s.Name() {
		return nil, errors.New("sign a checkpoint: the key is another origin's")
	}
	if size < 0 {
		return nil, errors.New("sign a checkpoint: the size is negative")
	}
	signed, err := note.Sign(&note.Note{Text: checkpoint{origin, size, root}.text()}, s)
	if err != nil {
		return nil, fmt.Errorf("sign a checkpoint: %w", err)
	}
	return signed, nil
}

type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
}

func (c checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.origin, c.size, c.root)
}

// parseCheckpoint reads the text of a checkpoint, without its signature.
// Reasons of an error are fit for a finding.
func parseCheckpoint(signed string) (checkpoint, error) {
	malformed := errors.New("the checkpoint is not an origin, a size and a root, a line each, and a signature")
	text, _, ok := strings.Cut(signed, "\n\n")
	lines := strings.Split(text, "\n")
	if !ok || len(lines) != 3 {
		return checkpoint{}, malformed
	}
	size, err1 := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := tlog.ParseHash(lines[2])
	if err1 != nil || err2 != nil || size < 0 || size > maxSize {
		return checkpoint{}, malformed
	}
	c := checkpoint{lines[0], size, root}
	if c.text() != text+"\n" {
		return checkpoint{}, malformed
	}
	return c, nil
}

// openCheckpoint checks that the checkpoint has exactly one signature, that
// of v, and is written in the one way in which Checkpoint writes it.
func openCheckpoint(signed string, v note.Verifier) (checkpoint, error) {
	c, err := parseCheckpoint(signed)
	if err != nil {
		return checkpoint{}, err
	}
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 || n.Text != c.text() {
		return checkpoint{}, errors.New("the checkpoint's signature is not that of the key: the checkpoint was changed, or another installation signed it")
	}
	sig := n.Sigs[0]
	raw, err := base64.StdEncoding.DecodeString(sig.Base64)
	if err != nil || signed != fmt.Sprintf("%s\n— %s %s\n", n.Text, v.Name(), base64.StdEncoding.EncodeToString(raw)) {
		return checkpoint{}, errors.New("the checkpoint has more than one signature, or one that is not written canonically")
	}
	if c.origin != v.Name() {
		return checkpoint{}, errors.New("the checkpoint's origin is not the name of its key")
	}
	return c, nil
}

// openVerifier reads a public key that is written in the one canonical way.
func openVerifier(vkey string) (note.Verifier, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, errors.New("the key is not the text of a note key: name+hash+base64")
	}
	parts := strings.SplitN(vkey, "+", 3) // name, hash, base64 of the algorithm's byte and the key
	key, _ := base64.StdEncoding.DecodeString(parts[2])
	canonical, err := note.NewEd25519VerifierKey(v.Name(), key[1:])
	if err != nil || canonical != vkey {
		return nil, errors.New("the key is not written canonically")
	}
	return v, nil
}
