package mailcatch

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
)

// Message is what was caught.
type Message struct {
	From, To string // of the envelope
	ID       string // Message-ID, with its angle brackets
	Subject  string
	Text     string
	HTML     string
	Header   mail.Header
	Raw      []byte
}

// parse reads a message of text, or of text and HTML.
func parse(raw []byte) (Message, error) {
	read, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{}, fmt.Errorf("read a message: %w", err)
	}
	m := Message{ID: read.Header.Get("Message-Id"), Header: read.Header, Raw: raw}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject")); err != nil {
		return m, fmt.Errorf("read a subject: %w", err)
	}
	kind, parameters, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil {
		return m, fmt.Errorf("read a content type: %w", err)
	}
	if kind != "multipart/alternative" {
		return m, m.add(kind, read.Header.Get("Content-Transfer-Encoding"), read.Body)
	}
	for parts := multipart.NewReader(read.Body, parameters["boundary"]); ; {
		part, err := parts.NextPart() // it decodes quoted-printable
		if err == io.EOF {
			return m, nil
		}
		if err != nil {
			return m, fmt.Errorf("read a part: %w", err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err := m.add(kind, "", part); err != nil {
			return m, err
		}
	}
}

func (m *Message) add(kind, encoding string, body io.Reader) error {
	if encoding == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read the text of a message: %w", err)
	}
	lines := strings.ReplaceAll(string(text), "\r\n", "\n")
	switch kind {
	case "text/plain":
		m.Text = lines
	case "text/html":
		m.HTML = lines
	}
	return nil
}
