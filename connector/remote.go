package connector

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// hosts are names or addresses of the network; never a path of a socket.
var hosts = regexp.MustCompile(`^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(:[0-9]+)?$`)

// Remote says why a URL of a database might use something of this machine: it names
// no host of the network, does not say who signs in, or has other parameters than
// these. Drivers take what a URL does not say from files and from the environment.
func Remote(value string, parameters ...string) error {
	_, rest, _ := strings.Cut(value, "://")
	rest, query, _ := strings.Cut(rest, "?")
	authority, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	user, password, _ := strings.Cut(authority[:max(at, 0)], ":")
	if user == "" || password == "" {
		return errors.New("it must name a user, a password and a host")
	}
	for host := range strings.SplitSeq(authority[at+1:], ",") {
		if !hosts.MatchString(host) {
			return errors.New("its host must be a name or an address")
		}
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("its parameters cannot be read")
	}
	for name := range values {
		if !slices.Contains(parameters, name) {
			return fmt.Errorf("its parameters can be %s", strings.Join(parameters, ", "))
		}
	}
	return nil
}
