// Package mailcatch is a mail server that delivers nothing: it keeps what is
// sent to it, for the demo and for tests, and misbehaves where it is told to.
//
//	client -> SMTP (go-smtp) -> session: Mail, Rcpt, Data
//	                              -> Behave: what to do to this attempt
//	                              -> caught: Messages, Wait
//
// It listens on a loopback address only.
package mailcatch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Fault is how the server misbehaves.
type Fault int

// The faults.
const (
	None      Fault = iota
	Refuse          // it knows no such mailbox: 550, for good
	Defer           // it asks to come back: 451
	Reject          // it refuses the message when it has read it: 554
	Postpone        // it asks to come back when it has read the message: 452
	Stall           // it does not answer to the recipient
	Withhold        // it takes the message and never says so
	Disappear       // it takes the message, and the connection breaks before it says so
)

// Config says what kind of server it is; the zero Config takes everything,
// from everybody, without TLS.
type Config struct {
	// TLS offers STARTTLS, or with Implicit begins with it.
	TLS      *tls.Config
	Implicit bool
	// User and Password are asked for where there is a User.
	User, Password string
	// Behave gives the fault for an attempt, counted from 1; nil for none.
	Behave func(attempt int) Fault
	// Mailbox gives the fault for a recipient, where Behave gives none; nil for none.
	Mailbox func(to string) Fault
	// Caught is called when a message was taken, before the client is told.
	Caught func(Message)
}

// Server is a running server.
type Server struct {
	config   Config
	smtp     *smtp.Server
	listener net.Listener
	served   chan error
	closing  chan struct{}

	mu       sync.Mutex
	attempts int
	messages []Message
	more     chan struct{} // closed when another message was caught
}

// idleTime is how long a client may say nothing.
const idleTime = time.Minute

// mostBytes is how long a message may be.
const mostBytes = 16 << 20

// Start begins to listen on a free port of 127.0.0.1.
func Start(c Config) (*Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("catch mail: %w", err)
	}
	s := &Server{config: c, listener: listener, served: make(chan error, 1), closing: make(chan struct{}), more: make(chan struct{})}
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(conn *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: conn}, nil }))
	s.smtp.Domain, s.smtp.MaxMessageBytes, s.smtp.MaxRecipients = "localhost", mostBytes, 1
	s.smtp.ReadTimeout, s.smtp.WriteTimeout = idleTime, idleTime
	s.smtp.ErrorLog = log.New(io.Discard, "", 0) // clients break off on purpose
	s.smtp.AllowInsecureAuth = true
	if c.TLS != nil && c.Implicit {
		listener = tls.NewListener(listener, c.TLS)
	} else {
		s.smtp.TLSConfig = c.TLS
	}
	go func() { s.served <- s.smtp.Serve(listener) }()
	return s, nil
}

// URL is what a client is told to find it by.
func (s *Server) URL() string {
	u := url.URL{Scheme: "smtp", Host: s.listener.Addr().String()}
	if s.config.Implicit {
		u.Scheme = "smtps"
	}
	if s.config.User != "" {
		u.User = url.UserPassword(s.config.User, s.config.Password)
	}
	return u.String()
}

// Close ends the server and cuts its connections.
func (s *Server) Close() error {
	close(s.closing)
	err := s.smtp.Close()
	_ = s.listener.Close() // it may not know of it yet, where it has just begun
	return errors.Join(err, <-s.served)
}

// Attempts counts what clients have begun to send.
func (s *Server) Attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

// Messages gives what was caught, oldest first.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Wait gives the first n messages that are wanted, as soon as they are there;
// nil wants all.
func (s *Server) Wait(ctx context.Context, n int, wanted func(Message) bool) ([]Message, error) {
	for {
		s.mu.Lock()
		more := s.more
		var found []Message
		for _, m := range s.messages {
			if wanted == nil || wanted(m) {
				found = append(found, m)
			}
		}
		s.mu.Unlock()
		if len(found) >= n {
			return found[:n], nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d messages were caught: %w", len(found), n, ctx.Err())
		}
	}
}

func (s *Server) begin() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	if s.config.Behave == nil {
		return None
	}
	return s.config.Behave(s.attempts)
}

func (s *Server) catch(m Message) {
	s.mu.Lock()
	s.messages = append(s.messages, m)
	close(s.more)
	s.more = make(chan struct{})
	s.mu.Unlock()
	if s.config.Caught != nil {
		s.config.Caught(m)
	}
}

// session is one connection.
type session struct {
	server *Server
	conn   *smtp.Conn
	known  bool // it has signed in
	fault  Fault
	from   string
	to     string
}

var _ smtp.AuthSession = (*session)(nil)

func (s *session) AuthMechanisms() []string {
	if s.server.config.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.server.config.User || password != s.server.config.Password {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.config.User != "" && !s.known {
		return smtp.ErrAuthRequired
	}
	s.fault, s.from = s.server.begin(), from
	return nil
}

// answers repeat the address, as those of mail servers do.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	if s.fault == None && s.server.config.Mailbox != nil {
		s.fault = s.server.config.Mailbox(to)
	}
	switch s.fault {
	case Refuse:
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<" + to + ">: no such mailbox"}
	case Defer:
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "<" + to + ">: come back later"}
	case Stall:
		<-s.server.closing
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	switch s.fault {
	case Reject:
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "not wanted by <" + s.to + ">"}
	case Postpone:
		return &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "no room for <" + s.to + ">"}
	}
	m, err := parse(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "the message cannot be read"}
	}
	m.From, m.To = s.from, s.to
	s.server.catch(m)
	switch s.fault {
	case Withhold:
		<-s.server.closing
	case Disappear:
		return s.conn.Conn().Close()
	}
	return nil
}

func (s *session) Reset() { s.fault, s.from, s.to = None, "", "" }

func (s *session) Logout() error { return nil }
