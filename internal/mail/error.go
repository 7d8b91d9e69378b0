package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"

	gomail "github.com/wneessen/go-mail"
)

// Error is why a message was not handed over, or may not have been. It holds
// nothing that a server said.
type Error struct {
	Outcome Outcome
	What    string
	Code    int    // of SMTP; 0 where there was no answer
	Detail  string // the enhanced status code, like 5.1.1; "" for none
}

// Outcome is what to do next.
type Outcome string

// The outcomes.
const (
	Refused Outcome = "refused" // for good
	Later   Outcome = "later"   // it was not accepted; it may be, later
	Unknown Outcome = "unknown" // it was handed over, and no answer came
)

// Error says what happened, with the server's codes.
func (e *Error) Error() string {
	text := e.What
	if e.Code > 0 {
		text += fmt.Sprintf(": %d", e.Code)
	}
	if e.Detail != "" {
		text += " " + e.Detail
	}
	return text
}

// judge tells what an error means.
func judge(err error) *Error {
	var at *gomail.SendError
	if !errors.As(err, &at) {
		return unreached(err)
	}
	e := &Error{Outcome: Later, What: "the mail server broke off", Code: at.ErrorCode(), Detail: at.EnhancedStatusCode()}
	switch {
	case at.Reason == gomail.ErrSMTPDataClose && e.Code == 0:
		e.Outcome, e.What = Unknown, "the mail server did not say whether it has accepted the message"
	case e.Code == 0:
	case at.Reason == gomail.ErrSMTPMailFrom: // it is not about this message
		e.What = "the mail server does not accept the sender"
	case e.Code >= 500 && at.Reason == gomail.ErrSMTPRcptTo:
		e.Outcome, e.What = Refused, "the mail server does not accept the address"
	case e.Code >= 500:
		e.Outcome, e.What = Refused, "the mail server does not accept the message"
	default:
		e.What = "the mail server asks to try again later"
	}
	return e
}

// unreached tells why no message could be begun. All of it may be mended
// without the letter.
func unreached(err error) *Error {
	e := &Error{Outcome: Later}
	var answer *textproto.Error
	var network net.Error
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &answer):
		e.What, e.Code = "the mail server does not let us in", answer.Code
	case errors.As(err, &untrusted):
		e.What = "the mail server has no certificate that is trusted"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		e.What = "the mail server does not answer in time"
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, context.Canceled):
		e.What = "the mail server cannot be reached"
	default:
		e.What = "the mail server does not offer STARTTLS, or no way to sign in that we know"
	}
	return e
}
