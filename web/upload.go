package web

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
)

// maxEntered bounds what is kept of a form that is handed on, in bytes.
const maxEntered = 1 << 20

// forwardForm is forward for a form with files. What else was entered can be read in
// the visit afterwards.
func (v *visit) forwardForm(path string, out any) error {
	finish := overhear(v.r)
	err := v.forward(path, out)
	v.r.PostForm = finish()
	return err
}

// overhear keeps what was entered into a form while others read its body. Files pass.
// finish must be called when they have read what they want, and gives it.
func overhear(r *http.Request) (finish func() url.Values) {
	_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	heard, said := io.Pipe()
	ended := make(chan url.Values, 1)
	go func() {
		ended <- typed(multipart.NewReader(heard, params["boundary"]))
		_, _ = io.Copy(io.Discard, heard) // who reads the body must not wait for us
	}()
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(r.Body, said), r.Body}
	return func() url.Values {
		_ = said.Close()
		return <-ended
	}
}

// typed reads a form as far as it comes, without its files.
func typed(form *multipart.Reader) url.Values {
	all, left := url.Values{}, int64(maxEntered)
	for {
		part, err := form.NextRawPart()
		if err != nil {
			return all
		}
		if part.FileName() != "" || part.FormName() == "" {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, left+1))
		if left -= int64(len(text)); err != nil || left < 0 {
			return all // half a text is none
		}
		all.Add(part.FormName(), string(text))
	}
}
