package mailcatch

import (
	"bytes"
	"encoding/base64"
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
	Files    map[string]string // what is attached, by name
	Header   mail.Header
	Raw      []byte
}

// parse reads a message of text, or of text and HTML, with or without files.
func parse(raw []byte) (Message, error) {
	read, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{}, fmt.Errorf("read a message: %w", err)
	}
	m := Message{ID: read.Header.Get("Message-Id"), Files: map[string]string{}, Header: read.Header, Raw: raw}
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject")); err != nil {
		return m, fmt.Errorf("read a subject: %w", err)
	}
	return m, m.add(read.Header, read.Body)
}

// add reads a part, with those within it.
func (m *Message) add(head interface{ Get(string) string }, body io.Reader) error {
	kind, parameters, err := mime.ParseMediaType(head.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("read a content type: %w", err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		return m.addParts(multipart.NewReader(body, parameters["boundary"]))
	}
	switch head.Get("Content-Transfer-Encoding") {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read the text of a message: %w", err)
	}
	lines := strings.ReplaceAll(string(text), "\r\n", "\n")
	if _, file, err := mime.ParseMediaType(head.Get("Content-Disposition")); err == nil && file["filename"] != "" {
		m.Files[file["filename"]] = string(text)
		return nil
	}
	switch kind {
	case "text/plain":
		m.Text = lines
	case "text/html":
		m.HTML = lines
	}
	return nil
}

func (m *Message) addParts(parts *multipart.Reader) error {
	for {
		part, err := parts.NextPart() // it decodes quoted-printable, and hides that it was so
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a part: %w", err)
		}
		if err := m.add(part.Header, part); err != nil {
			return err
		}
	}
}
