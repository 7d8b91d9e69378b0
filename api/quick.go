package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"
)

// errThorough is the error of a quick way that leaves a request, as it came, to
// the thorough one.
var errThorough = errors.New("it is for the thorough way")

// readQuickly hands the body to read, which says whether it is in order beyond
// doubt; errThorough when it is not. The body can be read again afterwards.
func readQuickly(r *http.Request, read func(body []byte) (sound bool)) error {
	body, err := readAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if r.Header.Get("Content-Type") != "application/json" || !read(body) {
		return errThorough
	}
	return nil
}

// strictly reads one JSON value into what is given, and says whether there is
// nothing else. A null is a no, and so is a field that it does not know.
func strictly(body []byte, into any) (sound bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(into) == nil && d.InputOffset() == int64(len(body)) && !bytes.Contains(body, []byte("null")) && utf8.Valid(body)
}
