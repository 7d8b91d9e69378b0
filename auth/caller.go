package auth

import "slices"

// Caller is who asks for something: a program by its API key, or an operator
// by a session.
type Caller struct {
	Tenant string
	ID     string // of the key, or of the operator
	// Session is the id of the operator's session; "" for a key.
	Session string
	// Role is the operator's; "" for a key.
	Role Role

	kind   string
	scopes []Scope
}

const (
	byKey      = "apikey"
	byOperator = "operator"
)

// By names the caller for the audit log: "apikey/ID", "operator/ID"; "" is
// nobody.
func (c Caller) By() string {
	if c.kind == "" {
		return ""
	}
	return c.kind + "/" + c.ID
}

// May says whether the caller may do this.
func (c Caller) May(s Scope) bool { return slices.Contains(c.scopes, s) }

// MayName says whether the caller may give an operator this role, or take it
// away: only owners say who is one.
func (c Caller) MayName(r Role) bool {
	return c.May(ManageAccess) && (r != Owner || c.Role == Owner)
}

// Console is who works on the machine itself, with the data and its keys at
// hand, and so may do everything.
func Console(tenant, user string) Caller {
	return Caller{Tenant: tenant, ID: user, Role: Owner, kind: "console", scopes: Scopes()}
}
