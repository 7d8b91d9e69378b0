package auth_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/auth"
)

func TestSessionOpensOnlyWithItsToken(t *testing.T) { // SE12
	s, token, err := auth.NewSession(auth.Operator{Tenant: "t", ID: "o", Role: auth.Viewer}, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(token, now); err != nil {
		t.Errorf("its own token: %v", err)
	}
	if id, ok := auth.SessionOf(token); !ok || id != s.ID {
		t.Errorf("the token has id %q", id)
	}
	if _, ok := auth.IDOf(token); ok {
		t.Error("it passes for a key")
	}
	for i := range token {
		b := []byte(token)
		b[i] ^= 1
		if err := s.Check(string(b), now); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	if err := s.Check(token, now.Add(auth.SessionTime)); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("expired: %v", err)
	}
	s.Revoked = now
	if err := s.Check(token, now); !errors.Is(err, auth.ErrRefused) {
		t.Errorf("revoked: %v", err)
	}
	if c := s.Caller(); c.By() != "operator/o" || !c.May(auth.ReadRequests) || c.May(auth.ReadAudit) {
		t.Errorf("%+v", c)
	}
}

func TestInvitationIsGoodForItsTimeOnly(t *testing.T) { // SE12
	i, token, err := auth.NewInvitation("t", auth.Owner, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Check(token, now.Add(auth.InvitationTime-time.Nanosecond)); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{"late": i.Check(token, now.Add(auth.InvitationTime)), "another": i.Check(token[:len(token)-2]+"AA", now)} {
		if !errors.Is(err, auth.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRolesAreWhatTheyAreCalled(t *testing.T) { // SE13
	changes := func(s auth.Scope) bool {
		return s != auth.OwnSession && !strings.HasSuffix(string(s), ":read") && !strings.HasSuffix(string(s), ":check")
	}
	for _, r := range auth.Roles() {
		if got, err := auth.ParseRole(string(r)); err != nil || got != r {
			t.Errorf("%s: %v", r, err)
		}
		scopes := r.Scopes()
		if !slices.Contains(scopes, auth.OwnSession) || !slices.Contains(scopes, auth.ReadRequests) {
			t.Errorf("%s lacks what every role has", r)
		}
		readsOnly := !slices.ContainsFunc(scopes, changes)
		if want := r == auth.Viewer || r == auth.Auditor; readsOnly != want {
			t.Errorf("%s reads only: %v", r, readsOnly)
		}
		if sees, want := slices.Contains(scopes, auth.ReadPackages), r == auth.Owner || r == auth.Admin || r == auth.PrivacyOfficer; sees != want {
			t.Errorf("%s sees what was found about people: %v", r, sees)
		}
	}
	decides := slices.DeleteFunc(auth.Approver.Scopes(), func(s auth.Scope) bool { return !changes(s) })
	if !slices.Equal(decides, []auth.Scope{auth.ApproveRequests}) {
		t.Errorf("an approver changes %v", decides)
	}
	if _, err := auth.ParseRole("king"); err == nil || !strings.Contains(err.Error(), "privacy_officer") {
		t.Errorf("%v", err)
	}
}

func TestOnlyOwnersNameOwners(t *testing.T) { // SE13
	caller := func(r auth.Role) auth.Caller { return auth.Session{Role: r}.Caller() }
	for _, r := range auth.Roles() {
		if got, want := caller(r).MayName(auth.Owner), r == auth.Owner; got != want {
			t.Errorf("%s names owners: %v", r, got)
		}
		if got, want := caller(r).MayName(auth.Viewer), r == auth.Owner || r == auth.Admin; got != want {
			t.Errorf("%s names viewers: %v", r, got)
		}
	}
	if key := (auth.Key{Scopes: auth.Scopes()}).Caller(); key.MayName(auth.Owner) || !key.MayName(auth.Admin) || key.May(auth.OwnSession) {
		t.Error("a key is an owner, or has a session")
	}
}

func TestPasswordMatchesItself(t *testing.T) { // SE12
	const password = "correct horse battery staple"
	first, err := auth.HashPassword(password, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := auth.HashPassword(password, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if first == second || !strings.HasPrefix(first, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(first, "horse") {
		t.Errorf("%s, %s", first, second)
	}
	for hash, want := range map[string]bool{
		first: true, second: true, "": false, "$": false, "$argon2id$v=19$m=x$a$b": false, "$argon2id$v=19$m=64,t=1,p=1$$": false,
		first[:len(first)-3] + "AAA": false,
	} {
		if got := auth.PasswordMatches(hash, password); got != want {
			t.Errorf("%q: %v", hash, got)
		}
	}
	if auth.PasswordMatches(first, password+" ") || auth.PasswordMatches(first, "") {
		t.Error("another password matches")
	}
	composed, err := auth.HashPassword("Gr\u00fc\u00dfe aus M\u00fcnchen", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if !auth.PasswordMatches(composed, "Gru\u0308\u00dfe aus Mu\u0308nchen") {
		t.Error("the same password, typed on another system, does not match")
	}
}

// TestHashIsThatOfTheReference holds the form against one that the reference
// implementation of Argon2 wrote (its test.c: version 0x13, "password",
// "somesalt", two passes, 2^16 KiB, one lane). SE12
func TestHashIsThatOfTheReference(t *testing.T) {
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if !auth.PasswordMatches(reference, "password") || auth.PasswordMatches(reference, "differentpassword") {
		t.Error("it is not Argon2id as the reference has it")
	}
}

func TestPoorPasswordsAreRefusedWithTheMend(t *testing.T) {
	for password, want := range map[string]string{
		"":                                  "use 12 at least",
		"elevenchars":                       "11 characters",
		"aaaaaaaaaaaaaaaaaaaaa":             "more different",
		"Olga@Example.org":                  "your address",
		strings.Repeat("0123456789", 26):    "use 256 at most",
		"quite a long one":                  "",
		"\u00e4\u00f6\u00fc\u00df123456789": "",
	} {
		err := auth.CheckPassword(password, "olga@example.org", "Olga")
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && !strings.Contains(got, want) {
			t.Errorf("%q: %s", password, got)
		}
	}
}
