// Package auth is about who may operate: so far API keys, which programs show
// to the server, and the scopes that say what a key is for.
//
//	vk_<id>_<secret>    id finds the key, secret proves it
//
// A key is shown once, when it is made. What is kept is a digest: the secret
// has 256 random bits, so that nobody finds it from an unsalted SHA-256.
package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Scope is something that a key may be used for: "noun:verb".
type Scope string

// The scopes.
const (
	ReadRequests   Scope = "requests:read"   // requests and what became of them
	ReadAudit      Scope = "audit:read"      // the audit log, with its details
	CheckConsents  Scope = "consents:check"  // ask gates, and find subjects by identity
	ReadConsents   Scope = "consents:read"   // what stands and stood, receipts, purposes, notices
	WriteConsents  Scope = "consents:write"  // record choices
	ManageConsents Scope = "consents:manage" // set purposes, publish notices
	EraseSubjects  Scope = "subjects:erase"  // make records nobody's
	ReadEvents     Scope = "events:read"     // what happened, as ids
	ManageWebhooks Scope = "webhooks:manage" // where events are sent
)

// Scopes lists them all.
func Scopes() []Scope {
	return []Scope{ReadRequests, ReadAudit, CheckConsents, ReadConsents, WriteConsents, ManageConsents, EraseSubjects, ReadEvents, ManageWebhooks}
}

// ParseScope gives the scope of that name, or tells which there are.
func ParseScope(name string) (Scope, error) {
	if s := Scope(name); slices.Contains(Scopes(), s) {
		return s, nil
	}
	var all []string
	for _, s := range Scopes() {
		all = append(all, string(s))
	}
	return "", fmt.Errorf("there is no scope %q; there are %s", name, strings.Join(all, ", "))
}
