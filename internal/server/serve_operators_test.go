package server

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/audit"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/internal/store/storetest"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/subject"
)

const password = "correct horse battery staple"

// hashed is the hash of password, worked out once.
var hashed = sync.OnceValue(func() string {
	hash, err := auth.HashPassword(password, rand.Reader)
	if err != nil {
		panic(err)
	}
	return hash
})

// makeOperator makes an operator past the interface.
func (s *site) makeOperator(tenant string, r auth.Role) auth.Operator {
	s.t.Helper()
	return s.makeOperatorAt(tenant, r, uuid.NewString()+"@example.org")
}

func (s *site) makeOperatorAt(tenant string, r auth.Role, email string) auth.Operator {
	s.t.Helper()
	i := s.invitation(tenant, r)
	id, ok := auth.InvitationOf(i)
	if !ok {
		s.t.Fatal("no invitation")
	}
	address, err := subject.New(subject.Email, email)
	s.must(err)
	who := auth.Operator{Tenant: tenant, ID: uuid.Must(uuid.NewV7()).String(), Email: address, Name: subject.Conceal("Olga"), Role: r}
	s.must(s.db.Operators().Accept(s.t.Context(), auth.Invitation{Tenant: tenant, ID: id}, who, hashed(), act("operator.create")))
	return who
}

// invitation gives the token of one.
func (s *site) invitation(tenant string, r auth.Role) string {
	s.t.Helper()
	i, token, err := auth.NewInvitation(tenant, r, time.Now(), rand.Reader)
	s.must(err)
	s.must(s.db.Operators().Invite(s.t.Context(), i, act("operator.invite")))
	return token
}

// session gives the token of a new session of an operator. It is stored past
// the log, so that it is there when the log takes no entry.
func (s *site) session(o auth.Operator) string {
	s.t.Helper()
	session, token, err := auth.NewSession(o, time.Now(), rand.Reader)
	s.must(err)
	_, err = s.db.Raw(s.t).ExecContext(s.t.Context(), `INSERT INTO sessions (tenant, id, operator, digest, expires, revoked) VALUES ($1, $2, $3, $4, $5, 0)`,
		o.Tenant, session.ID, o.ID, session.Digest, session.Expires.UnixMicro())
	s.must(err)
	return token
}

// proven gives a body and a token with which a route can succeed: an address of
// its own and an invitation, the password of an operator, a session that may
// end.
func (s *site) proven(route api.Route, body, token string) (string, string) {
	s.t.Helper()
	if ready, ok := s.ready[route.Does]; ok {
		return ready, token
	}
	if route.Proof != "" {
		return s.provenBody(route), token
	}
	if route.Path == "/api/v1/deliveries/retry" {
		return fmt.Sprintf(`{"connection":%q,"statuses":["error"]}`, s.connectionOf(store.DefaultTenant)), token
	}
	id, ok := auth.SessionOf(token)
	if route.Scope != auth.OwnSession || !ok {
		return body, token
	}
	found, err := s.db.Operators().Session(s.t.Context(), id)
	s.must(err)
	return body, s.session(s.makeOperator(found[0].Tenant, found[0].Role))
}

// replyToken gives the token of an answer that a request waits for.
func (s *site) replyToken(tenant string) string {
	s.t.Helper()
	id := s.makeRequest(tenant, "late", request.InProcessing)
	pass, token, err := auth.NewPass(tenant, auth.PostReply, request.ReplyObject(id, "q", 1), 1, time.Now().Add(time.Hour), rand.Reader)
	s.must(err)
	s.must(s.db.Passes().Issue(s.t.Context(), pass, act("request.wait")))
	return token
}

// provenBody gives a body with a proof that is good.
func (s *site) provenBody(route api.Route) string {
	s.t.Helper()
	email := uuid.NewString() + "@example.org"
	body := strings.ReplaceAll(route.Example, "officer@example.org", email)
	if strings.Contains(body, "vi_...") {
		return strings.ReplaceAll(body, "vi_...", s.invitation(store.DefaultTenant, auth.Viewer))
	}
	if strings.Contains(body, "vn_...") {
		return strings.ReplaceAll(body, "vn_...", s.passwordLink(s.makeOperator(store.DefaultTenant, auth.Viewer)))
	}
	if strings.Contains(body, "vt_...") {
		return strings.ReplaceAll(body, "vt_...", s.taskToken(store.DefaultTenant))
	}
	if strings.Contains(body, "vw_...") {
		return strings.ReplaceAll(body, "vw_...", s.halted())
	}
	if strings.Contains(body, "vd_...") {
		return strings.ReplaceAll(body, "vd_...", s.link())
	}
	if strings.Contains(body, "vo_...") {
		return strings.ReplaceAll(body, "vo_...", s.stateOf(store.DefaultTenant))
	}
	if strings.Contains(body, "va_...") {
		_, token := s.makeInstructions(store.DefaultTenant)
		return strings.ReplaceAll(body, "va_...", token)
	}
	if strings.HasPrefix(route.Path, api.CallbackPath) {
		s.replies[route.Path] = s.replyToken(store.DefaultTenant)
		return body
	}
	if route.Path == "/api/v1/public/preferences" {
		s.makeConsent(store.DefaultTenant, email, "analytics", true)
		return strings.ReplaceAll(body, "anna@example.org", email)
	}
	if strings.Contains(body, "vp_...") {
		o := s.makeConsent(store.DefaultTenant, email, "analytics", true)
		_, token, _, err := preferences{s.db.DB, ""}.Link(s.t.Context(), store.DefaultTenant, o.Subject, time.Hour, "test")
		s.must(err)
		return strings.NewReplacer("vp_...", token, `"sequence":0`, fmt.Sprintf(`"sequence":%d`, o.Sequence)).Replace(body)
	}
	if strings.Contains(route.Path, "/public/sites/") {
		return body
	}
	if strings.Contains(route.Path, "/public/") {
		return s.provePublic(route)
	}
	s.makeOperatorAt(store.DefaultTenant, auth.Viewer, email)
	return body
}

func TestFirstOwnerComesByInvitation(t *testing.T) { // SE12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		h := &House{Store: db.DB}
		old, err := h.InviteFirst(t.Context(), store.DefaultTenant, "root", time.Now())
		s.must(err)
		token, err := h.InviteFirst(t.Context(), store.DefaultTenant, "root", time.Now())
		s.must(err)
		accept := func(invitation, email string) reply {
			body := fmt.Sprintf(`{"invitation":%q,"email":%q,"name":"Olga","password":%q}`, invitation, email, password)
			return s.send("POST", "/api/v1/operators", "", strings.NewReader(body), "Content-Type", "application/json")
		}
		s.problem("an earlier one", accept(old, "olga@example.org"), http.StatusForbidden)
		s.problem("the id of one, with another secret", accept(altered(token), "eve@example.org"), http.StatusForbidden)
		over := s.invitation(store.DefaultTenant, auth.Viewer)
		id, _ := auth.InvitationOf(over)
		s.overdue("invitations", id)
		s.problem("one that has expired", accept(over, "eve@example.org"), http.StatusForbidden)
		got := accept(token, "Olga@Example.org")
		var o api.Operator
		s.must(json.Unmarshal([]byte(got.body), &o))
		if got.status != http.StatusCreated || o.Role != auth.Owner || o.Email != "olga@example.org" {
			t.Fatalf("%d %s", got.status, got.body)
		}
		s.problem("a second time", accept(token, "eve@example.org"), http.StatusForbidden)
		if again, err := h.InviteFirst(t.Context(), store.DefaultTenant, "root", time.Now()); err != nil || again != "" {
			t.Errorf("there is an owner, and another one is invited: %v", err)
		}
		s.problem("an address that is taken", accept(s.invitation(store.DefaultTenant, auth.Viewer), "olga@example.org"), http.StatusConflict)
	})
}

// overdue lets the time of something be over.
func (s *site) overdue(table, id string) {
	s.t.Helper()
	_, err := s.db.Raw(s.t).ExecContext(s.t.Context(), `UPDATE `+table+` SET expires = 1 WHERE id = $1`, id)
	s.must(err)
}

// signIn tries a password.
func (s *site) signIn(email, password string) reply {
	s.t.Helper()
	body := fmt.Sprintf(`{"email":%q,"password":%q}`, email, password)
	return s.send("POST", "/api/v1/sessions", "", strings.NewReader(body), "Content-Type", "application/json")
}

// token signs in.
func (s *site) token(email, password string) string {
	s.t.Helper()
	got := s.signIn(email, password)
	var session api.SessionWithToken
	s.must(json.Unmarshal([]byte(got.body), &session))
	if got.status != http.StatusCreated || session.Token == "" {
		s.t.Fatalf("sign in: %d %s", got.status, got.body)
	}
	return session.Token
}

func TestSessionEndsWithItsReason(t *testing.T) { // SE12
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		owner := s.session(s.makeOperator(store.DefaultTenant, auth.Owner))
		o := s.makeOperatorAt(store.DefaultTenant, auth.PrivacyOfficer, "olga@example.org")
		reads := func(token string) int { return s.send("GET", "/api/v1/requests", token, nil).status }
		change := func(path, token, body string) int {
			return s.send("POST", path, token, strings.NewReader(body), "Content-Type", "application/json", "Idempotency-Key", uuid.NewString()).status
		}
		one, two := s.token("olga@example.org", password), s.token("olga@example.org", password)
		if got := change("/api/v1/sessions/current/end", one, ""); got >= 300 || reads(one) != http.StatusUnauthorized || reads(two) != http.StatusOK {
			t.Errorf("signing out: %d, then %d and %d", got, reads(one), reads(two))
		}
		one = s.token("olga@example.org", password)
		body := `{"old":"correct horse battery staple","new":"another four words here"}`
		if got := change("/api/v1/sessions/current/password", one, body); got >= 300 || reads(one) != http.StatusOK || reads(two) != http.StatusUnauthorized {
			t.Errorf("another password: %d, then %d and %d", got, reads(one), reads(two))
		}
		if got := change("/api/v1/sessions/current/password", one, body); got != http.StatusUnprocessableEntity {
			t.Errorf("with the old one again: %d", got)
		}
		s.problem("the old password", s.signIn("olga@example.org", password), http.StatusForbidden)
		if got := s.send("PUT", "/api/v1/operators/"+o.ID+"/role", owner, strings.NewReader(`{"role":"engineer"}`), "Content-Type", "application/json"); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if got := s.send("GET", "/api/v1/audit/checkpoint", one, nil).status; got != http.StatusForbidden {
			t.Errorf("another role: %d", got)
		}
		if got := change("/api/v1/operators/"+o.ID+"/disable", owner, ""); got != http.StatusOK || reads(one) != http.StatusUnauthorized {
			t.Errorf("disabled: %d, then %d", got, reads(one))
		}
		s.problem("disabled", s.signIn("olga@example.org", "another four words here"), http.StatusForbidden)
		if got := change("/api/v1/operators/"+o.ID+"/enable", owner, ""); got != http.StatusOK || reads(one) != http.StatusUnauthorized {
			t.Errorf("enabled: %d, and the session that was ended gives %d", got, reads(one))
		}
		one = s.token("olga@example.org", "another four words here")
		if reads(altered(one)) != http.StatusUnauthorized || reads(one) != http.StatusOK {
			t.Errorf("the id of a session, with another secret: %d", reads(altered(one)))
		}
		id, _ := auth.SessionOf(one)
		if s.overdue("sessions", id); reads(one) != http.StatusUnauthorized {
			t.Errorf("a session whose time is over: %d", reads(one))
		}
	})
}

func TestOwnersStayInOwnersHands(t *testing.T) { // SE13
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		owner, admin := s.makeOperator(store.DefaultTenant, auth.Owner), s.makeOperator(store.DefaultTenant, auth.Admin)
		put := func(token string, of auth.Operator, r auth.Role) reply {
			return s.send("PUT", "/api/v1/operators/"+of.ID+"/role", token, strings.NewReader(`{"role":"`+string(r)+`"}`), "Content-Type", "application/json")
		}
		admins, owners := s.session(admin), s.session(owner)
		for name, got := range map[string]reply{
			"an admin makes an owner":   put(admins, admin, auth.Owner),
			"an admin unmakes an owner": put(admins, owner, auth.Viewer),
			"a key makes an owner":      put(s.key, admin, auth.Owner),
			"an admin invites an owner": s.send("POST", "/api/v1/invitations", admins, strings.NewReader(`{"role":"owner"}`), "Content-Type", "application/json", "Idempotency-Key", "k"),
		} {
			s.problem(name, got, http.StatusForbidden)
		}
		s.problem("the last owner", put(owners, owner, auth.Admin), http.StatusConflict)
		if got := put(owners, admin, auth.Owner); got.status != http.StatusOK {
			t.Errorf("a second owner: %d %s", got.status, got.body)
		}
		// Two owners who remove one another at the same moment: one stays.
		var both sync.WaitGroup
		results := make([]error, 2)
		for i, pair := range [][2]auth.Operator{{owner, admin}, {admin, owner}} {
			both.Go(func() {
				by := auth.Session{Tenant: store.DefaultTenant, Operator: pair[0].ID, Role: auth.Owner}.Caller()
				results[i] = db.Operators().Disable(t.Context(), by, pair[1].ID, act("operator.disable"))
			})
		}
		both.Wait()
		if failed := errors.Join(results...); !errors.Is(failed, auth.ErrLastOwner) || results[0] != nil && results[1] != nil {
			t.Errorf("%v", results)
		}
	})
}

// TestGuessesOfAPasswordAreFew tries at the same moment: a count that is read
// and then written would let all of them through. SE12, R4
func TestGuessesOfAPasswordAreFew(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.makeOperatorAt(store.DefaultTenant, auth.Viewer, "olga@example.org")
		for _, email := range []string{"olga@example.org", "nobody@example.org"} {
			address, err := subject.New(subject.Email, email)
			s.must(err)
			var all sync.WaitGroup
			var mu sync.Mutex
			tried := 0
			for range 64 {
				all.Go(func() {
					err := db.Operators().Try(t.Context(), store.DefaultTenant, address)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						tried++
					} else if !errors.Is(err, auth.ErrTooManyTries) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if tried != 10 {
				t.Errorf("%s: %d tries of 64", email, tried)
			}
			got := s.signIn(email, password)
			s.problem("too often, with the right one", got, http.StatusTooManyRequests)
			if got.header.Get("Retry-After") == "" {
				t.Error("it does not say when to try again")
			}
		}
		_, err := db.Raw(t).ExecContext(t.Context(), `UPDATE sign_in_tries SET since = since - 900000000`)
		s.must(err)
		s.token("olga@example.org", password)
	})
}

// TestASessionDoesNotOutliveThePasswordThatItBeganWith changes the password, and
// disables the operator, between the moment at which the old one is compared and
// that at which the session is stored. SE12
func TestASessionDoesNotOutliveThePasswordThatItBeganWith(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		operators, owner := db.Operators(), s.makeOperator(store.DefaultTenant, auth.Owner)
		o := s.makeOperatorAt(store.DefaultTenant, auth.Viewer, "olga@example.org")
		begin := func(hash string) error {
			session, _, err := auth.NewSession(o, time.Now(), rand.Reader)
			s.must(err)
			return operators.Begin(t.Context(), session, o.Email, hash, act("session.begin"))
		}
		s.must(begin(hashed()))
		s.must(operators.SetPassword(t.Context(), o.Tenant, o.ID, hashed(), "another hash", "", act("operator.password")))
		if err := begin(hashed()); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("by a password that was changed meanwhile: %v", err)
		}
		if err := operators.SetPassword(t.Context(), o.Tenant, o.ID, hashed(), "a third hash", "", act("operator.password")); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("changed twice from the same one: %v", err)
		}
		by := auth.Session{Tenant: store.DefaultTenant, Operator: owner.ID, Role: auth.Owner}.Caller()
		s.must(operators.Disable(t.Context(), by, o.ID, act("operator.disable")))
		if err := begin("another hash"); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("of an operator who was disabled meanwhile: %v", err)
		}
	})
}

func TestWhoHasTakenASessionGuessesNoPassword(t *testing.T) { // SE12
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	session := s.session(s.makeOperatorAt(store.DefaultTenant, auth.Viewer, "olga@example.org"))
	change := func(old string) reply {
		body := fmt.Sprintf(`{"old":%q,"new":"another four words here"}`, old)
		return s.send("POST", "/api/v1/sessions/current/password", session, strings.NewReader(body), "Content-Type", "application/json")
	}
	for i := range 10 {
		s.problem("a guess", change(fmt.Sprintf("wrong password %d", i)), http.StatusUnprocessableEntity)
	}
	s.problem("the right one, too late", change(password), http.StatusTooManyRequests)
	s.problem("at signing in", s.signIn("olga@example.org", password), http.StatusTooManyRequests)
}

func TestWhoIsNotKnownIsAnsweredAlike(t *testing.T) { // SE2
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	s.makeOperatorAt(store.DefaultTenant, auth.Viewer, "olga@example.org")
	known, unknown := s.signIn("olga@example.org", "wrong wrong wrong"), s.signIn("eve@example.org", "wrong wrong wrong")
	if known.status != unknown.status || known.body != unknown.body {
		t.Errorf("%d %s, %d %s", known.status, known.body, unknown.status, unknown.body)
	}
}

func TestDumpTellsNoOperator(t *testing.T) { // SE10, SE11
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		s.makeOperatorAt(store.DefaultTenant, auth.Viewer, personal)
		token := s.token(personal, password)
		for _, table := range []string{"operators", "sessions", "invitations", "sign_in_tries"} {
			rows, err := db.Raw(t).QueryContext(t.Context(), `SELECT * FROM `+table)
			s.must(err)
			columns, err := rows.Columns()
			s.must(err)
			for rows.Next() {
				values := make([]any, len(columns))
				for i := range values {
					values[i] = new(any)
				}
				s.must(rows.Scan(values...))
				for i := range values {
					text := fmt.Sprintf("%s", *values[i].(*any))
					if strings.Contains(text, "canary") || strings.Contains(text, "Olga") || strings.Contains(text, token[20:]) || strings.Contains(text, "horse") {
						t.Errorf("%s.%s holds it", table, columns[i])
					}
				}
			}
			s.must(rows.Err())
			s.must(rows.Close())
		}
		s.stop()
		s.must(<-s.ended)
		if log := s.log.String(); strings.Contains(log, "canary") || strings.Contains(log, token[20:]) {
			t.Error(log)
		}
	})
}

// A key of a key cannot do more, is shown once, and ends where it is revoked.
func TestKeyIsMadeAndRevokedOverHTTP(t *testing.T) { // SE12, SE13
	t.Parallel()
	s := newSite(t, storetest.SQLite(t))
	var made api.APIKeyWithToken
	s.ask("POST", "/api/v1/apikeys", `{"scopes":["access:manage","requests:read"],"name":"shop","days":7}`, http.StatusCreated, &made)
	if end := made.Expires; end == nil || end.Sub(made.Created).Round(time.Hour) != 7*24*time.Hour || made.State != "valid" || made.Name != "shop" {
		t.Errorf("made %+v", made.APIKey)
	}
	post := func(body string) reply {
		return s.send("POST", "/api/v1/apikeys", made.Key, strings.NewReader(body), "Idempotency-Key", uuid.NewString(), "Content-Type", "application/json")
	}
	if got := post(`{"scopes":["requests:read"]}`); got.status != http.StatusCreated {
		t.Errorf("a key of a key: %d %s", got.status, got.body)
	}
	for body, status := range map[string]int{
		`{"scopes":["requests:read","requests:approve"]}`:    http.StatusForbidden,
		`{"scopes":["requests:read","nothing"]}`:             http.StatusUnprocessableEntity,
		`{"scopes":[]}`:                                      http.StatusUnprocessableEntity,
		`{"scopes":["requests:read"],"days":1,"never":true}`: http.StatusUnprocessableEntity,
	} {
		s.problem(body, post(body), status)
	}
	var list api.APIKeyList
	s.ask("GET", "/api/v1/apikeys", "", http.StatusOK, &list)
	if len(list.Items) != 3 || list.Items[1].ID != made.ID || list.Items[2].Expires.Sub(list.Items[2].Created).Round(time.Hour) != 90*24*time.Hour {
		t.Errorf("listed %+v", list.Items)
	}
	s.ask("POST", "/api/v1/apikeys/"+made.ID+"/revoke", "", http.StatusNoContent, nil)
	s.problem("a key that was revoked", post(`{"scopes":["requests:read"]}`), http.StatusUnauthorized)
	s.ask("GET", "/api/v1/apikeys", "", http.StatusOK, &list)
	if list.Items[1].State != "revoked" {
		t.Errorf("it is %s", list.Items[1].State)
	}
}

// Entries are found behind more others than are read at once; whoever reads them is
// among them.
func TestLogIsReadAndVerifiedOverHTTP(t *testing.T) { // SE16
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		s := newSite(t, db)
		for n := range 700 {
			act := "note.take"
			if n == 3 {
				act = "notes.take"
			}
			s.must(db.Audit().Append(t.Context(), store.DefaultTenant, audit.Entry{Act: act, Object: fmt.Sprintf("note/%d", n%2), Details: map[string]any{"n": n}}))
		}
		var all []api.AuditEntry
		for next, pages := "&limit=100", 0; next != ""; pages++ {
			var page api.AuditEntries
			s.ask("GET", "/api/v1/audit/entries?act=note&object=note/1"+next, "", http.StatusOK, &page)
			if all, next = append(all, page.Items...), ""; page.Next != nil {
				next = fmt.Sprintf("&limit=100&before=%d", *page.Next)
			}
		}
		if len(all) != 349 || fmt.Sprint(all[0].Details) != "map[n:699]" || fmt.Sprint(all[348].Details) != "map[n:1]" {
			t.Errorf("%d entries", len(all))
		}
		var read api.AuditEntries
		s.ask("GET", "/api/v1/audit/entries?limit=1", "", http.StatusOK, &read)
		if read.Items[0].Act != "audit.read" {
			t.Errorf("the newest is %+v", read.Items[0])
		}
		var found, later api.LogVerified
		s.ask("POST", "/api/v1/audit/verify", `{}`, http.StatusOK, &found)
		body, err := json.Marshal(map[string]string{"remembered": found.Checkpoint})
		s.must(err)
		s.must(db.Audit().Append(t.Context(), store.DefaultTenant, audit.Entry{Act: "note.take", Object: "note/2"}))
		s.ask("POST", "/api/v1/audit/verify", string(body), http.StatusOK, &later)
		if !found.Good || !later.Good || later.Size != found.Size+1 || later.Erased != 0 {
			t.Errorf("found %+v, then %+v", found, later)
		}
		s.ask("POST", "/api/v1/audit/verify", strings.Replace(string(body), "remembered\":\"", "remembered\":\"x", 1), http.StatusOK, &later)
		if later.Good || later.Finding == "" {
			t.Errorf("another log is found %+v", later)
		}
	})
}
