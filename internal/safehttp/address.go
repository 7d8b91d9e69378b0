package safehttp

import (
	"fmt"
	"net/netip"
)

// private are the addresses of one's own machine and network (RFC 1122, 1918,
// 4193, 6598). They take a permission.
var private = prefixes("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")

// never are addresses behind which no receiver can be, from the registries of
// special addresses at iana.org, and those of cloud metadata, whoever allows
// what.
var never = prefixes(
	"0.0.0.0/8",          // this network
	"169.254.0.0/16",     // link-local; the metadata of most clouds
	"192.0.0.0/24",       // protocol assignments; Oracle's metadata
	"192.0.2.0/24",       // documentation
	"192.88.99.0/24",     // relays of 6to4
	"198.18.0.0/15",      // benchmarks
	"198.51.100.0/24",    // documentation
	"203.0.113.0/24",     // documentation
	"224.0.0.0/4",        // multicast
	"240.0.0.0/4",        // reserved, and broadcast
	"100.100.100.200/32", // Alibaba's metadata
	"168.63.129.16/32",   // Azure's
	"2001::/23",          // protocol assignments; Teredo, ORCHID
	"2001:db8::/32",      // documentation
	"3fff::/20",          // documentation
	"fd00:ec2::/32",      // Amazon's metadata
	"fd20:ce::254/128",   // Google's
)

// public is where IPv6 has its receivers; all else of it is special.
var public = prefixes("2000::/3")

// carriers are IPv6 addresses that carry one of IPv4, and from which byte on:
// NAT64 (RFC 6052) and 6to4 (RFC 3056). Where they lead is where that leads.
var carriers = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
}

// judge says whether an address may be connected to, as the dialer names it.
func judge(address string, allowPrivate bool) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: it cannot be read", ErrRefused)
	}
	return judgeAddr(a.Addr(), allowPrivate)
}

func judgeAddr(a netip.Addr, allowPrivate bool) error {
	a = a.WithZone("").Unmap()
	for _, c := range carriers {
		if c.prefix.Contains(a) {
			b := a.As16()
			a = netip.AddrFrom4([4]byte(b[c.at : c.at+4]))
		}
	}
	switch {
	case within(never, a):
		return fmt.Errorf("%w: it is link-local, reserved or of cloud metadata", ErrRefused)
	case within(private, a) && allowPrivate:
		return nil
	case within(private, a):
		return fmt.Errorf("%w: it is in a private network", ErrRefused)
	case a.Is6() && !within(public, a):
		return fmt.Errorf("%w: it is not public", ErrRefused)
	}
	return nil
}

func within(all []netip.Prefix, a netip.Addr) bool {
	for _, p := range all {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}
