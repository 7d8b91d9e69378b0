// Package mail hands letters over to a mail server, by SMTP.
//
//	Parse  smtp://user:password@host:587, the sender -> Transport
//	Send   a connection each: dial, TLS, sign in, MAIL, RCPT, DATA
//	         -> nil: the server has accepted it
//	         -> *Error: refused for good, to be tried again, or not known
//
// The Message-ID comes from the letter's id, so that every attempt to send a
// letter has the same, and a server or a mailbox can tell that it is the same; so
// does X-Idempotency-Key, for mailboxes that are read by programs.
// No error repeats what the server says: it may name the address.
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"volenti.dev/volenti/message"
	"volenti.dev/volenti/subject"
)

// Transport is a mail server and who writes.
type Transport struct {
	host     string
	port     int
	security security
	user     string
	password subject.Personal[string]
	from     mail.Address
	// Roots are the certificates that are trusted; nil for those of the system.
	Roots *x509.CertPool
	// Patience is how long one attempt may take in all; zero for two minutes.
	Patience time.Duration
}

type security int

const (
	startTLS security = iota // begins in the clear, and sends nothing before it has TLS
	implicitTLS
	noTLS
)

// defaultPatience bounds an attempt.
const defaultPatience = 2 * time.Minute

// Parse reads where letters are handed over, and who writes them: "smtp://"
// with a host uses STARTTLS at port 587, "smtps://" begins with TLS at port
// 465. Without TLS it goes to this machine only, unless ?tls=none asks for it;
// ?tls=starttls asks for TLS there, too. from is an address, with or without a
// name. Errors do not repeat the URL, which may hold a password.
func Parse(address, from string) (*Transport, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the mail server must be an URL like smtp://user:password@mail.example.com:587")
	}
	t := &Transport{host: u.Hostname(), user: u.User.Username()}
	password, _ := u.User.Password()
	t.password = subject.Conceal(password)
	switch u.Scheme {
	case "smtp":
		t.port = 587
		if loopback(t.host) {
			t.security = noTLS
		}
	case "smtps":
		t.port, t.security = 465, implicitTLS
	default:
		return nil, errors.New("the URL of the mail server must begin with smtp:// or smtps://")
	}
	if t.host == "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return nil, errors.New("the URL of the mail server must have a host and nothing behind its port: smtp://mail.example.com:587")
	}
	if u.Port() != "" {
		if t.port, err = strconv.Atoi(u.Port()); err != nil || t.port < 1 || t.port > 65535 {
			return nil, errors.New("the port of the mail server must be a number from 1 to 65535")
		}
	}
	if err := t.query(u.RawQuery); err != nil {
		return nil, err
	}
	if t.security == noTLS && t.user != "" && !loopback(t.host) {
		return nil, errors.New("a password is not sent to a mail server without TLS: leave out tls=none, or the user")
	}
	if from == "" {
		return nil, errors.New("letters need a sender: give an address, like Example GmbH <privacy@example.com>")
	}
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, errors.New("the sender of letters must be one address, like Example GmbH <privacy@example.com>")
	}
	t.from = *sender
	return t, nil
}

func (t *Transport) query(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return errors.New("the query of the mail server's URL cannot be read")
	}
	for name, values := range query {
		switch {
		case name != "tls" || len(values) != 1 || t.security == implicitTLS:
			return errors.New("the URL of the mail server may only ask for tls=none or tls=starttls, and that of smtps:// for nothing")
		case values[0] == "none":
			t.security = noTLS
		case values[0] == "starttls":
			t.security = startTLS
		default:
			return errors.New("tls in the URL of the mail server must be none or starttls")
		}
	}
	return nil
}

// loopback says whether a host is this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// Domain is that of the sender.
func (t *Transport) Domain() string {
	return t.from.Address[strings.LastIndexByte(t.from.Address, '@')+1:]
}

// Send hands a message over, to one address. It has been accepted when there
// is no error; else there is an *Error. id names the message, in every
// attempt.
func (t *Transport) Send(ctx context.Context, id, to string, m message.Mail) error {
	msg, err := t.compose(id, to, m)
	if err != nil {
		return err
	}
	ctx, cancel := t.within(ctx)
	defer cancel()
	client, err := t.client(ctx)
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if msg.IsDelivered() { // whatever came afterwards
		return nil
	}
	return judge(err)
}

// Check connects, signs in where there is a user, and leaves; the error is an
// *Error.
func (t *Transport) Check(ctx context.Context) error {
	ctx, cancel := t.within(ctx)
	defer cancel()
	client, err := t.client(ctx)
	if err != nil {
		return err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return judge(err)
	}
	_ = client.Close() // it has answered to all that was asked
	return nil
}

func (t *Transport) within(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := t.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	return context.WithTimeout(ctx, patience)
}

// compose writes the message. Whatever goes into its head is one line.
func (t *Transport) compose(id, to string, m message.Mail) (*gomail.Msg, error) {
	recipient, err := mail.ParseAddress(to)
	if err != nil || recipient.Name != "" || recipient.Address != to {
		return nil, &Error{Outcome: Refused, What: "the address is not one that mail can be sent to"}
	}
	if strings.ContainsAny(id+m.Subject, "\r\n") {
		return nil, &Error{Outcome: Refused, What: "a header would have a line break in it"}
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	msg.FromMailAddress(&t.from)
	msg.ToMailAddress(recipient)
	msg.SetMessageIDWithValue(id + "@" + t.Domain())
	msg.Subject(m.Subject)
	msg.SetGenHeader("X-Idempotency-Key", id)
	msg.SetDate()
	// Nobody's absence note is wanted (RFC 3834).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	for _, f := range m.Files {
		if err := msg.AttachReader(f.Name, bytes.NewReader(f.Data), gomail.WithFileContentType(gomail.ContentType(f.Type))); err != nil {
			return nil, &Error{Outcome: Refused, What: "a file cannot be attached"}
		}
	}
	return msg, nil
}

// client is for one connection, which is cut when ctx ends.
func (t *Transport) client(ctx context.Context) (*gomail.Client, error) {
	config := &tls.Config{ServerName: t.host, RootCAs: t.Roots, MinVersion: tls.VersionTLS12}
	options := []gomail.Option{
		gomail.WithPort(t.port), gomail.WithHELO(t.hello()), gomail.WithTLSConfig(config), gomail.WithoutNoop(),
		gomail.WithDialContextFunc(func(_ context.Context, network, address string) (net.Conn, error) {
			conn, err := t.dial(ctx, network, address, config)
			if err == nil {
				context.AfterFunc(ctx, func() { _ = conn.Close() })
			}
			return conn, err
		}),
	}
	if deadline, ok := ctx.Deadline(); ok {
		options = append(options, gomail.WithTimeout(time.Until(deadline)))
	}
	switch t.security {
	case startTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case implicitTLS:
		options = append(options, gomail.WithSSL())
	case noTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if t.user != "" {
		options = append(options, gomail.WithUsername(t.user), gomail.WithPassword(t.password.Reveal()),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	client, err := gomail.NewClient(t.host, options...)
	if err != nil {
		return nil, &Error{Outcome: Later, What: "the mail server cannot be called with these settings"}
	}
	return client, nil
}

func (t *Transport) dial(ctx context.Context, network, address string, config *tls.Config) (net.Conn, error) {
	if t.security == implicitTLS {
		return (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// hello is what this side calls itself: not the name of the machine, which
// nobody outside has to know.
func (t *Transport) hello() string { return t.Domain() }
