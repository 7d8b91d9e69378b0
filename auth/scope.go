// Package auth is about who may operate: programs by API keys, people as
// operators with a role, and the scopes that say what a key or a role is for.
//
//	Invitation ─> Operator ─ password ─> Session ─┐
//	                                              ├─> Caller: what it may do
//	                                         Key ─┘
//
//	vk_<id>_<secret>    a key: id finds it, secret proves it
//	vs_...              a session
//	vi_...              an invitation
//
// A token is shown once, when it is made; what is kept is a digest.
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
	ReadRequests    Scope = "requests:read"    // requests and what became of them
	WriteRequests   Scope = "requests:write"   // submit and cancel requests
	ApproveRequests Scope = "requests:approve" // approve and deny requests
	OperateRequests Scope = "requests:operate" // what is done with a request that has stopped
	ReadPackages    Scope = "packages:read"    // what was found about a person
	ReadAudit       Scope = "audit:read"       // the audit log, with its details
	CheckConsents   Scope = "consents:check"   // ask gates, and find subjects by identity
	ReadConsents    Scope = "consents:read"    // what stands and stood, receipts, purposes, notices
	WriteConsents   Scope = "consents:write"   // record choices
	ManageConsents  Scope = "consents:manage"  // set purposes, publish notices
	EraseSubjects   Scope = "subjects:erase"   // make records nobody's
	ReadEvents      Scope = "events:read"      // what happened, as ids
	ManageWebhooks  Scope = "webhooks:manage"  // where events are sent
	ManageAccess    Scope = "access:manage"    // who may operate
	ReadSystems     Scope = "systems:read"     // systems and connections, never their secrets
	ManageSystems   Scope = "systems:manage"   // make, change and remove them
	ReadLinks       Scope = "links:read"       // which connection belongs to which system
	WriteLinks      Scope = "links:write"      // change that
	DeleteLinks     Scope = "links:delete"     // take a connection off its system
	ReadDeliveries  Scope = "deliveries:read"  // which choices reached which connection
	RetryDeliveries Scope = "deliveries:retry" // try again what failed, take over old statuses
)

// OwnSession is an operator's own session and password. Every role has it, and
// no key.
const OwnSession Scope = "session:own"

// Scopes lists those that a key may have.
func Scopes() []Scope {
	return []Scope{ReadRequests, WriteRequests, ApproveRequests, OperateRequests, ReadPackages, ReadAudit, CheckConsents, ReadConsents, WriteConsents, ManageConsents, EraseSubjects, ReadEvents, ManageWebhooks, ManageAccess, ReadSystems, ManageSystems, ReadLinks, WriteLinks, DeleteLinks, ReadDeliveries, RetryDeliveries}
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
