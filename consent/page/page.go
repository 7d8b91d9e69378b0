// Package page reads a page of a site and says whether its banner can do its work
// there: that the script is in it, for this site and before others, that services
// of others wait for consent, and that the page's own policy lets the banner run.
//
//	Answer    a page as its server gave it      tags.go: what runs in it
//	Site      what it is compared with          policy.go: what its policy allows
//	   -> Check -> Findings, the worst first    check.go
//
// It reads what the server sends, and runs nothing: what a script puts into the
// page afterwards, such as a tag manager, it does not see.
package page

import (
	"net/url"
	"strings"

	"volenti.dev/volenti/consent/site"
)

// Most is how long a page may be, in bytes.
const Most = 4 << 20

// Answer is a page as its server gave it.
type Answer struct {
	At       *url.URL // where it was read, behind all redirects
	Policies []string // Content-Security-Policy of the answer
	Body     []byte   // HTML
}

// Site is what a page is compared with.
type Site struct {
	Key    string
	Server *url.URL      // where visitors reach this server
	Shown  *site.Version // what visitors are shown; nil before the first version
	// Asked names the service behind an address; "" where there is none for which
	// visitors are asked.
	Asked func(address string) string
}

// Finding is one thing that a page says.
type Finding struct {
	Kind   Kind   `json:"kind" enum:"installed,started,missing,no_key,other_key,twice,late,hasty,unpublished,early,unknown,unnamed,policy_script,policy_connect,policy_types,refused,unreachable,timeout,elsewhere,status,no_html,too_large"`
	Weight Weight `json:"weight" enum:"good,warning,wrong"`
	// Line of the page that it is on, from 1; 0 for what is of no single line.
	Line int `json:"line,omitempty"`
	// About is what a sentence needs of it: a service, a key, a directive, a host.
	About   string `json:"about,omitempty"`
	Address string `json:"address,omitempty"` // of a script or frame, at most 200 bytes
	Text    string `json:"text"`              // the sentence, in English
}

// Weight says how much a finding matters.
type Weight string

// The weights.
const (
	Good    Weight = "good"
	Warning Weight = "warning" // the banner works, and something is not as it should be
	Wrong   Weight = "wrong"   // no banner, or something runs before consent
)

// Kind is what was found.
type Kind string

// The kinds of what is found in a page.
const (
	Installed     Kind = "installed"
	Started       Kind = "started" // by a script of the page, and not by a tag
	Missing       Kind = "missing"
	NoKey         Kind = "no_key"
	OtherKey      Kind = "other_key"
	Twice         Kind = "twice"
	Late          Kind = "late"
	Hasty         Kind = "hasty" // data-auto and async
	Unpublished   Kind = "unpublished"
	Early         Kind = "early"   // a service runs without waiting
	Unknown       Kind = "unknown" // a tag waits for what the site does not have
	Unnamed       Kind = "unnamed" // a tag waits for nothing
	PolicyScript  Kind = "policy_script"
	PolicyConnect Kind = "policy_connect"
	PolicyTypes   Kind = "policy_types"
)

// The kinds of pages that cannot be read.
const (
	Refused     Kind = "refused"
	Unreachable Kind = "unreachable"
	Timeout     Kind = "timeout"
	Elsewhere   Kind = "elsewhere"
	Status      Kind = "status"
	NoHTML      Kind = "no_html"
	TooLarge    Kind = "too_large"
)

// sentences say each kind; {1} is About.
var sentences = map[Kind]struct {
	weight Weight
	text   string
}{
	Installed:     {Good, "The script of the banner is in the page, with the key of this site."},
	Started:       {Good, "A script of the page starts the banner of this site. Whether it does so before others run cannot be seen here."},
	Missing:       {Wrong, "The script of the banner is not in the page. Where a tag manager or an app puts it in, it cannot be seen here: open the page in a browser."},
	NoKey:         {Wrong, "The script of the banner has no data-site, and does not begin."},
	OtherKey:      {Wrong, "The script of the banner has the key of another site: {1}."},
	Twice:         {Warning, "The script of the banner is there more than once. The first counts."},
	Late:          {Warning, "Scripts that do not wait stand before the banner: {1}. Put it first into the head."},
	Hasty:         {Warning, "With data-auto, scripts that are inserted before the banner has arrived are not held back: leave async out."},
	Unpublished:   {Warning, "Nothing of this site is published yet: visitors see no banner, and what waits never runs."},
	Early:         {Wrong, "{1} runs before anybody has agreed. Mark its tag, so that it waits."},
	Unknown:       {Warning, "A tag waits for {1}, which the published version does not have: it never runs."},
	Unnamed:       {Warning, "A tag of {1} waits, and does not say for what: it never runs. Give it data-category or data-vendor."},
	PolicyScript:  {Wrong, "The Content-Security-Policy of the page blocks the script of the banner: add its server to {1}, or give the tag the nonce."},
	PolicyConnect: {Wrong, "The Content-Security-Policy of the page lets the banner ask nothing of its server: add that to {1}."},
	PolicyTypes:   {Warning, "The Content-Security-Policy of the page asks for trusted types: add volenti to trusted-types, so that scripts that have waited can run."},
	Refused:       {Wrong, "The address leads into a private or reserved network, which this server does not call."},
	Unreachable:   {Wrong, "No page could be had: the name leads nowhere, nobody answers, or the certificate is not in order."},
	Timeout:       {Wrong, "The page took longer than {1} seconds."},
	Elsewhere:     {Wrong, "The page leads to {1}, which is none of the site's origins: it was not followed, and choices made there are refused."},
	Status:        {Wrong, "The server of the page answered with the status {1}."},
	NoHTML:        {Wrong, "What came back is no HTML but {1}."},
	TooLarge:      {Wrong, "The page is larger than {1} MiB."},
}

// Kinds are all kinds.
func Kinds() (all []Kind) {
	for kind := range sentences {
		all = append(all, kind)
	}
	return all
}

// maxAddress bounds what is repeated of a page, in bytes.
const maxAddress = 200

// found makes a finding.
func found(kind Kind, line int, about, address string) Finding {
	about, address = clip(about), clip(address)
	s := sentences[kind]
	return Finding{kind, s.weight, line, about, address, strings.ReplaceAll(s.text, "{1}", about)}
}

func clip(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxAddress)], "")
}

// Unread is the error of a page that cannot be read.
type Unread struct {
	Kind  Kind
	About string
}

func (e *Unread) Error() string { return "read a page: " + e.Finding().Text }

// Finding says it as a finding.
func (e *Unread) Finding() Finding { return found(e.Kind, 0, e.About, "") }
