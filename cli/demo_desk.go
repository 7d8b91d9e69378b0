package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/demo/shop"
	"volenti.dev/volenti/examples"
	"volenti.dev/volenti/internal/mail"
	"volenti.dev/volenti/internal/mailcatch"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/graph"
)

// counter is the shop's server, with what is around it in the demo: a mail
// server that delivers nothing, and a program that webhooks call.
type counter struct {
	remote // as an operator's program asks it
	mail   *mailcatch.Server
	crm    *relations
	codes  map[string]int // that were answered with, by address
	// marketing is where choices are carried to.
	marketing *receivers
	stop      func() error
}

// mailingHouse is the third party's address. Nothing is delivered there.
const mailingHouse = "privacy@mailing.example"

// archive is the address of the colleagues who look into the paper archive.
const archive = "archive@shop.example"

// demoTime is how long the demo waits for something that takes a moment.
const demoTime = time.Minute

// openCounter opens the shop's privacy desk to the public.
func (t *tour) openCounter() (err error) {
	c := &counter{crm: &relations{tour: t}, codes: map[string]int{}}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	listener, err := t.listen("127.0.0.1:8080")
	if err != nil {
		return err
	}
	crm, err := (&net.ListenConfig{}).Listen(t.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if c.mail, err = mailcatch.Start(mailcatch.Config{Caught: t.keepMail}); err != nil {
		return errors.Join(err, listener.Close(), crm.Close())
	}
	if c.marketing, err = openReceivers(t.ctx); err != nil {
		return errors.Join(err, listener.Close(), crm.Close(), c.mail.Close())
	}
	outer := t.Env
	t.Env = func(name string) (string, bool) {
		if v, ok := c.marketing.knows(name); ok {
			return v, true
		}
		switch name {
		case "DEMO_CRM":
			return "http://" + crm.Addr().String() + "/", true
		case "DEMO_CRM_SECRET":
			return "whsec_" + base64.StdEncoding.EncodeToString(secret), true
		}
		return outer(name)
	}
	c.Server = "http://" + listener.Addr().String()
	c.stop = t.run(listener, crm, c)
	t.counter = c
	if err := t.applyDesk(); err != nil {
		return err
	}
	if err := t.makeKey(); err != nil {
		return err
	}
	shop := consent.Controller{Name: "The demo shop"}
	if err := t.house.Store.Consents().Describe(t.ctx, store.DefaultTenant, shop, t.act("controller.set", "controller")); err != nil {
		return err
	}
	t.say("The privacy desk opens", "It answers on %s. People ask it for themselves and prove by a code who they are; it asks the customer relations by a webhook, tells a mailing house by mail, and colleagues look into a paper archive.", c.Server)
	return nil
}

// listen takes the usual address, or a free port.
func (t *tour) listen(usual string) (net.Listener, error) {
	var l net.ListenConfig
	if !t.once {
		if listener, err := l.Listen(t.ctx, "tcp", usual); err == nil {
			return listener, nil
		}
	}
	return l.Listen(t.ctx, "tcp", "127.0.0.1:0")
}

// run serves until stop is called, which waits.
func (t *tour) run(listener, crm net.Listener, c *counter) (stop func() error) {
	ctx, cancel := context.WithCancel(t.ctx)
	transport, err := mail.Parse(c.mail.URL(), "Demo shop <privacy@shop.example>")
	s := &server.Server{
		House: t.house, Now: t.Now, Version: version(), Log: t.log, AllowPrivateWebhooks: true, PublicURL: c.Server, Mail: transport,
		Configuration: config.Options{Registry: builtin.Registry(), Describe: builtin.Describe, Env: t.Env}, Packages: filepath.Join(t.dir, "packages"),
	}
	called := &http.Server{Handler: c.crm, ReadHeaderTimeout: demoTime}
	var wait sync.WaitGroup
	wait.Go(func() { err = errors.Join(err, s.Serve(ctx, listener)) })
	wait.Go(func() { _ = called.Serve(crm) })
	return sync.OnceValue(func() error {
		cancel()
		_, _ = called.Close(), c.marketing.server.Close()
		wait.Wait()
		return errors.Join(err, c.mail.Close())
	})
}

// keepMail writes what was sent into the directory, to be read.
func (t *tour) keepMail(m mailcatch.Message) {
	dir := filepath.Join(t.dir, "mail")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return
	}
	t.mu.Lock()
	t.letters++
	n := t.letters
	t.mu.Unlock()
	name := fmt.Sprintf("%03d-%s.txt", n, strings.NewReplacer("@", "-at-", "/", "-").Replace(m.To))
	_ = os.WriteFile(filepath.Join(dir, name), []byte("To: "+m.To+"\nSubject: "+m.Subject+"\n\n"+m.Text), 0o600)
}

// applyDesk lets the server go by the shop's configuration and what the desk
// adds to it.
func (t *tour) applyDesk() error {
	dir := filepath.Join(t.dir, "desk")
	for _, files := range []func() error{
		func() error { return os.CopyFS(dir, examples.DemoShop()) },
		func() error { return os.CopyFS(dir, examples.DemoDesk()) },
	} {
		if err := files(); err != nil {
			return err
		}
	}
	loaded, found, err := load(t.session, dir)
	if err != nil {
		return err
	}
	if bad := errorsAmong(append(found, config.Check(loaded)...)); len(bad) > 0 {
		return problems(bad)
	}
	return (&applyCommand{Dir: dir}).configuration(t.session, t.house, loaded, &applied{})
}

// makeKey makes the key that the demo decides with.
func (t *tour) makeKey() error {
	key, token, err := auth.New(store.DefaultTenant, "the demo", []auth.Scope{auth.ReadRequests, auth.ApproveRequests, auth.OperateRequests, auth.ManageConsents, auth.ReadDeliveries}, t.Now().Add(24*time.Hour), rand.Reader)
	if err != nil {
		return err
	}
	t.counter.Token = token
	return t.house.Store.APIKeys().Create(t.ctx, key, t.act("apikey.create", "apikey/"+key.ID))
}

// relations are the customer relations, which know some people by their phone.
type relations struct {
	*tour
	mu    sync.Mutex
	calls []string // what they were called for
}

func (r *relations) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var call struct {
		Kind     string            `json:"callback_type"`
		Identity map[string]string `json:"identity"`
	}
	if err := json.NewDecoder(io.LimitReader(q.Body, 1<<20)).Decode(&call); err != nil {
		http.Error(w, "this is no call", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.calls = append(r.calls, call.Kind)
	r.mu.Unlock()
	answer := map[string]any{}
	var phone string
	if err := r.query(shop.Shop, "SELECT coalesce(phone, '') FROM customers WHERE lower(email) = ?", &phone, call.Identity["email"]); err == nil && phone != "" && call.Kind == "pre" {
		answer["derived_identity"] = map[string]string{"phone_number": phone}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// ask lets a person ask for something and prove by the code who they are.
func (t *tour) ask(policy, email string) (reference string, err error) {
	body := map[string]any{"policy": policy, "identities": []map[string]string{{"type": "email", "value": email}}, "language": "en", "place": "DE"}
	var asked struct{ Reference string }
	if err := t.counter.public(t.session, "/requests", body, &asked); err != nil {
		return "", err
	}
	return asked.Reference, nil
}

var eightDigits = regexp.MustCompile(`\b[0-9]{8}\b`)

// prove answers with the code that came by mail.
func (t *tour) prove(reference, email string) error {
	t.counter.codes[email]++
	m, err := t.nthLetter(t.counter.codes[email], email, func(m mailcatch.Message) bool { return eightDigits.MatchString(m.Text) })
	if err != nil {
		return fmt.Errorf("wait for the code: %w", err)
	}
	return t.counter.public(t.session, "/requests/prove", map[string]string{"reference": reference, "code": eightDigits.FindString(m.Text)}, &struct{}{})
}

// letter waits for a letter to somebody.
func (t *tour) letter(to string, wanted func(mailcatch.Message) bool) (mailcatch.Message, error) {
	return t.nthLetter(1, to, wanted)
}

// nthLetter waits until there are n of them, and gives the last.
func (t *tour) nthLetter(n int, to string, wanted func(mailcatch.Message) bool) (mailcatch.Message, error) {
	ctx, cancel := context.WithTimeout(t.ctx, demoTime)
	defer cancel()
	found, err := t.counter.mail.Wait(ctx, n, func(m mailcatch.Message) bool { return strings.EqualFold(m.To, to) && wanted(m) })
	if err != nil {
		return mailcatch.Message{}, err
	}
	return found[len(found)-1], nil
}

// token waits for a letter to somebody about a request, and gives the token of
// a kind in it.
func (t *tour) token(to, reference string, kind auth.PassKind) (string, error) {
	form := regexp.MustCompile(regexp.QuoteMeta(string(kind)) + `[a-z2-7]+_[A-Za-z0-9_-]+`)
	m, err := t.letter(to, func(m mailcatch.Message) bool {
		return form.MatchString(m.Text) && (reference == "" || strings.Contains(m.Text, reference))
	})
	if err != nil {
		return "", fmt.Errorf("wait for a link: %w", err)
	}
	return form.FindString(m.Text), nil
}

// decide approves a request under its plan, as the demo's operator.
func (t *tour) decide(reference string) (*graph.Plan, error) {
	plan := &graph.Plan{}
	if err := t.counter.get(t.session, pathOf(reference, "plan"), plan); err != nil {
		return nil, err
	}
	return plan, t.counter.post(t.session, pathOf(reference, "approve"), map[string]string{"plan_hash": plan.Hash}, &api.Request{})
}

// reach waits until a request is in a status; any that ends it is the end.
func (t *tour) reach(reference string, wanted ...request.Status) (api.RequestWithReport, error) {
	ctx, cancel := context.WithTimeout(t.ctx, demoTime)
	defer cancel()
	for {
		var r api.RequestWithReport
		if err := t.counter.get(t.session, pathOf(reference), &r); err != nil {
			return r, err
		}
		for _, w := range wanted {
			if request.Status(r.Status) == w {
				return r, nil
			}
		}
		if s := request.Status(r.Status); s.Terminal() || s == request.Errored {
			return r, fmt.Errorf("the request is %s: %s", r.Status, r.Message)
		}
		select {
		case <-ctx.Done():
			return r, fmt.Errorf("the request stays %s: %s", r.Status, r.Message)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// carryThrough is Anna's way with a request: asked, proven, approved, complete.
func (t *tour) carryThrough(policy string) (plan *graph.Plan, r api.RequestWithReport, err error) {
	reference, err := t.ask(policy, shop.AnnaSpelled)
	if err == nil {
		err = t.prove(reference, shop.AnnaEmail)
	}
	if err == nil {
		plan, err = t.decide(reference)
	}
	if err == nil {
		r, err = t.reach(reference, request.Complete)
	}
	return plan, r, err
}

// access is how Anna gets a copy of her data.
func (t *tour) access() error {
	plan, r, err := t.carryThrough("my-data")
	if err != nil {
		return err
	}
	reference := r.ID
	token, err := t.token(shop.AnnaEmail, reference, auth.FetchPackage)
	if err != nil {
		return err
	}
	files, err := t.download(token, filepath.Join(t.dir, "access", "package.zip"))
	if err != nil {
		return err
	}
	t.say("Anna Keller asks what the shop knows of her (Art. 15 GDPR)",
		"She fills in the form, and answers with the code that came by mail. Plan %.12s: %d collections of two databases, approved.\n%sRequest: %s. A link came by mail, and she has downloaded her package: %s.",
		plan.Hash, len(plan.Nodes), found(r, request.Access), r.Status, count(files, "file"))
	return nil
}

// found tells in which collections something was found, or done.
func found(r api.RequestWithReport, action request.Action) string {
	var b strings.Builder
	for _, c := range r.Report.Collections {
		if o := outcome(c); o.Action == action && (o.RowsRead > 0 || o.Message != "" && o.Action == request.Erasure) {
			fmt.Fprintf(&b, "%-8s %-34s %s\n", c.Action, c.Address, summary(o))
		}
	}
	return b.String()
}

// download fetches a package by its link and counts what is in it.
func (t *tour) download(token, to string) (files int, err error) {
	var got bytes.Buffer
	if err := t.counter.fetch(t.session, "/packages/open", map[string]string{"token": token}, &got); err != nil {
		return 0, err
	}
	z, err := zip.NewReader(bytes.NewReader(got.Bytes()), int64(got.Len()))
	if err != nil {
		return 0, fmt.Errorf("open the package: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return 0, err
	}
	return len(z.File), os.WriteFile(to, got.Bytes(), 0o600)
}

// erasure is how Anna is forgotten.
func (t *tour) erasure() error {
	plan, r, err := t.carryThrough("forget-me")
	if err != nil {
		return err
	}
	reference := r.ID
	token, err := t.token(mailingHouse, "", auth.Acknowledge)
	if err == nil {
		err = t.counter.public(t.session, "/instructions/acknowledge", map[string]string{"token": token, "answer": "done"}, &struct{}{})
	}
	if err != nil {
		return err
	}
	told, err := t.letter(shop.AnnaEmail, func(m mailcatch.Message) bool {
		return strings.Contains(m.Text, reference) && strings.Contains(m.Text, "Invoices are kept")
	})
	if err != nil {
		return fmt.Errorf("wait for the last letter: %w", err)
	}
	t.counter.crm.mu.Lock()
	calls := strings.NewReplacer("pre", "before", "post", "after").Replace(strings.Join(t.counter.crm.calls, " and "))
	t.counter.crm.mu.Unlock()
	t.say("Anna Keller asks to be erased (Art. 17 GDPR)",
		"Plan %.12s. The customer relations were called %s the rest, and added her phone number to what she is found by.\n%sThe mailing house was told by one letter, and says that it is done.\nRequest: %s. Her last letter (%q) says what was kept and why.",
		plan.Hash, calls, found(r, request.Erasure), r.Status, told.Subject)
	return nil
}

// states leaves requests of others as they may be found on any day.
func (t *tour) states() error {
	var told []string
	for _, p := range []struct {
		policy, email  string
		proves, passes bool
		becomes        request.Status
	}{
		{"my-data", "paula.brandt9@example.org", true, false, request.AwaitingApproval},
		{"my-papers", "paula.brandt9@example.org", true, true, request.RequiresInput},
		{"forget-me", "paula.brandt9@example.org", false, false, request.IdentityUnverified},
	} {
		reference, err := t.ask(p.policy, p.email)
		if err == nil && p.proves {
			err = t.prove(reference, p.email)
		}
		if err == nil && p.passes {
			_, err = t.decide(reference)
		}
		if err != nil {
			return err
		}
		r, err := t.reach(reference, p.becomes)
		if err == nil && p.becomes == request.RequiresInput {
			_, err = t.letter(archive, func(mailcatch.Message) bool { return true })
		}
		if err != nil {
			return err
		}
		told = append(told, fmt.Sprintf("%-20s %-10s %s", r.Status, p.policy, r.ID))
	}
	t.say("Paula Brandt asks as well", "%s", strings.Join(told, "\n"))
	return nil
}

// public sends something as a person without an account does.
func (c *counter) public(s *session, path string, body, into any) error {
	var got bytes.Buffer
	if err := c.fetch(s, path, body, &got); err != nil {
		return err
	}
	if got.Len() == 0 {
		return nil
	}
	return json.Unmarshal(got.Bytes(), into)
}

func (c *counter) fetch(s *session, path string, body any, into io.Writer) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(s.ctx, http.MethodPost, c.Server+"/api/v1/public"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	answer, err := remoteClient.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusMultipleChoices {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
		return fmt.Errorf("%s: %w", path, refusal(answer.StatusCode, text))
	}
	_, err = io.Copy(into, answer.Body)
	return err
}
