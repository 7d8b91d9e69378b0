package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// address is what a URL says.
type address struct {
	config    *mysql.Config
	lockWait  int // seconds
	statement int // seconds
}

var errAddress = errors.New("must be mysql://USER:PASSWORD@HOST:PORT/DATABASE")

// options are the parameters of a URL, in the words of the mysql program
// where it has them.
var options = []string{"lock_wait_timeout", "max_statement_time", "socket", "ssl-ca", "ssl-cert", "ssl-key", "ssl-mode"}

// parse reads a URL. Errors name a parameter and never show its value.
func parse(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "mysql" || u.Opaque != "" || u.Fragment != "" { // the error quotes the URL
		return address{}, errAddress
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return address{}, errors.New("has parameters that cannot be read: write NAME=VALUE, joined by &")
	}
	for name := range query {
		if !slices.Contains(options, name) {
			return address{}, fmt.Errorf("has the parameter %q, which is not known: use %s", name, strings.Join(options, ", "))
		}
	}
	a := address{config: mysql.NewConfig()}
	if a.lockWait, err = seconds(query, "lock_wait_timeout", 5); err != nil {
		return address{}, err
	}
	if a.statement, err = seconds(query, "max_statement_time", 60); err != nil {
		return address{}, err
	}
	c := a.config
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.DBName = strings.TrimPrefix(u.Path, "/")
	if c.DBName == "" || strings.ContainsAny(c.DBName, "/\x00") {
		return address{}, errAddress
	}
	c.Net, c.Addr = "tcp", net.JoinHostPort(u.Hostname(), or(u.Port(), "3306"))
	if socket := query.Get("socket"); socket != "" {
		c.Net, c.Addr = "unix", socket
	} else if u.Hostname() == "" {
		return address{}, errAddress
	}
	c.Timeout = 10 * time.Second
	c.ClientFoundRows = true
	c.MaxAllowedPacket = 0 // what the server allows
	c.ConnectionAttributes = "program_name:volenti"
	c.Logger = &mysql.NopLogger{} // what it would say comes back as an error
	return a, encryption(c, query, u.Hostname())
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func seconds(query url.Values, name string, otherwise int) (int, error) {
	if !query.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(query.Get(name))
	if err != nil || n < 1 || n > 1_000_000 {
		return 0, fmt.Errorf("has a %s that is no number of seconds from 1 to 1000000", name)
	}
	return n, nil
}

// encryption sets TLS up as the mysql program does: PREFERRED, the default,
// takes it where the server has it and believes any certificate, as REQUIRED
// does; VERIFY_CA and VERIFY_IDENTITY check who answers.
func encryption(c *mysql.Config, query url.Values, host string) error {
	mode := strings.ToUpper(or(query.Get("ssl-mode"), "PREFERRED"))
	own := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if err := files(own, query); err != nil {
		return err
	}
	switch mode {
	case "DISABLED":
		return nil
	case "PREFERRED":
		own.InsecureSkipVerify = true
		c.AllowFallbackToPlaintext = true
	case "REQUIRED":
		own.InsecureSkipVerify = true
	case "VERIFY_CA":
		own.InsecureSkipVerify = true // for another host: the chain is checked below
		own.VerifyConnection = func(state tls.ConnectionState) error { return chain(state, own.RootCAs) }
	case "VERIFY_IDENTITY":
	default:
		return errors.New("has an ssl-mode that is none of DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY")
	}
	if c.Net == "unix" && mode == "PREFERRED" {
		return nil
	}
	c.TLS = own
	return nil
}

func files(own *tls.Config, query url.Values) error {
	if ca := query.Get("ssl-ca"); ca != "" {
		pem, err := os.ReadFile(ca)
		own.RootCAs = x509.NewCertPool()
		if err != nil || !own.RootCAs.AppendCertsFromPEM(pem) {
			return errors.New("has an ssl-ca that is no file of PEM certificates")
		}
	}
	cert, key := query.Get("ssl-cert"), query.Get("ssl-key")
	if cert == "" && key == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return errors.New("has an ssl-cert and ssl-key that are no files of a PEM certificate and its key")
	}
	own.Certificates = []tls.Certificate{pair}
	return nil
}

// chain checks that a certificate comes from one that is trusted, whatever
// name it has.
func chain(state tls.ConnectionState, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	if _, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: state.PeerCertificates, Err: err}
	}
	return nil
}
