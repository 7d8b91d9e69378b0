package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what an operator is there for. What it may do are the scopes that
// routes ask for.
type Role string

// The roles.
const (
	Owner          Role = "owner"           // everything, also who else is an owner
	Admin          Role = "admin"           // everything but who is an owner
	PrivacyOfficer Role = "privacy_officer" // requests, consent, and the proof of both
	Approver       Role = "approver"        // looks at requests and decides on them
	Engineer       Role = "engineer"        // connects systems and follows events
	Viewer         Role = "viewer"          // looks at requests
	Auditor        Role = "auditor"         // looks at everything and changes nothing
)

// grants is the one table of what a role may do. Every operator may look after
// a session of their own.
var grants = map[Role][]Scope{
	Owner:          append(Scopes(), OwnSession),
	Admin:          append(Scopes(), OwnSession),
	PrivacyOfficer: {OwnSession, ReadRequests, WriteRequests, ApproveRequests, OperateRequests, ReadPackages, ReadAudit, CheckConsents, ReadConsents, WriteConsents, ManageConsents, EraseSubjects, ReadEvents, ReadSystems, ReadLinks, ReadDeliveries, RetryDeliveries},
	Approver:       {OwnSession, ReadRequests, ApproveRequests},
	Engineer:       {OwnSession, ReadRequests, CheckConsents, ReadEvents, ManageWebhooks, ReadSystems, ManageSystems, ReadLinks, WriteLinks, DeleteLinks, ReadDeliveries, RetryDeliveries},
	Viewer:         {OwnSession, ReadRequests},
	Auditor:        {OwnSession, ReadRequests, ReadAudit, ReadConsents, ReadEvents, ReadSystems, ReadLinks, ReadDeliveries},
}

// Roles lists them all, from the one that may do most.
func Roles() []Role {
	return []Role{Owner, Admin, PrivacyOfficer, Approver, Engineer, Viewer, Auditor}
}

// ParseRole gives the role of that name, or tells which there are.
func ParseRole(name string) (Role, error) {
	if r := Role(name); slices.Contains(Roles(), r) {
		return r, nil
	}
	var all []string
	for _, r := range Roles() {
		all = append(all, string(r))
	}
	return "", fmt.Errorf("there is no role %q; there are %s", name, strings.Join(all, ", "))
}

// Scopes lists what the role may do.
func (r Role) Scopes() []Scope { return slices.Clone(grants[r]) }
