package seal

import (
	"bytes"
	"io"
	"slices"
	"testing"
)

// sealedStream gives a key and a stream of several segments that it sealed.
func sealedStream(t *testing.T, place string) (*Key, []byte, []byte) {
	t.Helper()
	key, err := newKey(bytes.Repeat([]byte{3}, keySize))
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Repeat([]byte("0123456789abcde\n"), 3*segment/16)
	var sealed bytes.Buffer
	w, err := key.Writer(&sealed, []byte(place))
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return key, plain, sealed.Bytes()
}

func readStream(key *Key, sealed []byte, place string) ([]byte, error) {
	r, err := key.Reader(bytes.NewReader(sealed), []byte(place))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestStreamOpensForItsPlace(t *testing.T) {
	key, plain, sealed := sealedStream(t, "a")
	got, err := readStream(key, sealed, "a")
	if err != nil || !bytes.Equal(got, plain) || bytes.Contains(sealed, []byte("0123456789")) {
		t.Errorf("it gives %d bytes of %d, %v", len(got), len(plain), err)
	}
}

func TestStreamThatWasTamperedWithFails(t *testing.T) {
	key, plain, sealed := sealedStream(t, "a")
	other, err := newKey(bytes.Repeat([]byte{4}, keySize))
	if err != nil {
		t.Fatal(err)
	}
	swapped := slices.Concat(sealed[:segment], sealed[2*segment:3*segment], sealed[segment:2*segment], sealed[3*segment:])
	flipped := bytes.Clone(sealed)
	flipped[2*segment+9] ^= 1
	for what, c := range map[string]struct {
		key    *Key
		sealed []byte
		place  string
	}{
		"another place": {key, sealed, "b"}, "another key": {other, sealed, "a"}, "nothing": {key, nil, "a"},
		"cut by a byte": {key, sealed[:len(sealed)-1], "a"}, "cut between segments": {key, sealed[:2*segment], "a"},
		"another order": {key, swapped, "a"}, "a flipped bit": {key, flipped, "a"}, "more behind it": {key, append(bytes.Clone(sealed), 0), "a"},
	} {
		got, err := readStream(c.key, c.sealed, c.place)
		if err == nil {
			t.Errorf("%s: it opens, with %d bytes", what, len(got))
		}
		if !bytes.HasPrefix(plain, got) {
			t.Errorf("%s: it gives bytes that were never sealed", what)
		}
	}
}
