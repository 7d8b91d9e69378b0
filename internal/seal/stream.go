package seal

import (
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

// segment is how much of a stream is sealed at once, in bytes.
const segment = 64 << 10

// Writer seals a stream for the place that associated names: AES-256-GCM by
// segments, with a key of the stream's own. It is whole when it is closed.
func (k *Key) Writer(w io.Writer, associated []byte) (io.WriteCloser, error) {
	s, err := k.stream()
	if err != nil {
		return nil, err
	}
	return s.NewEncryptingWriter(w, associated)
}

// Reader opens what Writer gave for the same place. Reading fails where the
// stream was changed, cut off, put into another order, or is for another place;
// what was read before is good.
func (k *Key) Reader(r io.Reader, associated []byte) (io.Reader, error) {
	s, err := k.stream()
	if err != nil {
		return nil, err
	}
	return s.NewDecryptingReader(r, associated)
}

func (k *Key) stream() (*subtle.AESGCMHKDF, error) {
	s, err := subtle.NewAESGCMHKDF(k.Derive("stream"), "SHA256", keySize, segment, 0)
	if err != nil {
		return nil, fmt.Errorf("make a cipher for streams: %w", err)
	}
	return s, nil
}
