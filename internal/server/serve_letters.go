package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/config"
	banner "volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/internal/mail"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/message"
	"volenti.dev/volenti/request"
)

// Mailer hands messages over to a mail server; see mail.Transport. Its errors
// are *mail.Error.
type Mailer interface {
	Send(ctx context.Context, id, to string, m message.Mail) error
	Check(ctx context.Context) error
	Domain() string
}

var _ Mailer = (*mail.Transport)(nil)

// mostLetters is how many letters one server sends at once.
const mostLetters = 8

// letterLease is after what time another process makes an attempt, when the one
// that was at it says nothing any more.
const letterLease = 20 * time.Second

// letterPauses lie between the attempts to send a letter; the last is repeated.
var letterPauses = []time.Duration{
	10 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// patienceFor is how long after it was posted a letter is tried. Nobody can do
// anything with a code that comes later.
func patienceFor(kind message.Kind) time.Duration {
	switch kind {
	case message.Code:
		return request.CodeLasts
	case message.DeviceCode:
		return banner.CodeLasts
	case message.Preferences:
		return linkLasts
	case message.Password:
		return auth.PasswordMailTime
	}
	return 72 * time.Hour
}

func isCode(kind message.Kind) bool { return kind == message.Code || kind == message.DeviceCode }

// letterCourier sends what was posted, of all tenants. What it is sending when
// the server ends has lastTime to get through.
type letterCourier struct {
	house  *House
	mail   Mailer
	words  *wording
	pauses []time.Duration
	lease  time.Duration
	log    *slog.Logger
}

// lastTime is for letters under way at the end.
const lastTime = 5 * time.Second

// sendLetters sends letters until ctx ends. Without a mail server they wait.
func (s *Server) sendLetters(ctx context.Context) {
	if s.Mail == nil {
		s.Log.Info("letters wait: no mail server was named", "mend", "start with --smtp and --mail-from")
		return
	}
	if err := s.Mail.Check(ctx); err != nil && ctx.Err() == nil {
		s.Log.Warn("letters wait: the mail server cannot be used now", "error", err)
	}
	pauses := s.letterPauses
	if pauses == nil {
		pauses = letterPauses
	}
	c := &letterCourier{house: s.House, mail: s.Mail, words: s.wording(), pauses: pauses, lease: cmp.Or(s.letterLease, letterLease), log: s.Log}
	c.run(ctx)
}

func (c *letterCourier) run(ctx context.Context) {
	hard, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	c.recover(ctx)
	under, done := map[job]bool{}, make(chan job)
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for ctx.Err() == nil {
		changed := c.house.Store.Letters().Changed()
		for _, next := range c.look(ctx, under) {
			under[next] = true
			go func() {
				c.carry(hard, next)
				done <- next
			}()
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-changed:
		case ended := <-done:
			delete(under, ended)
		}
	}
	last := time.AfterFunc(lastTime, cut)
	defer last.Stop()
	for len(under) > 0 {
		delete(under, <-done)
	}
}

// recover takes up what an earlier process has left.
func (c *letterCourier) recover(ctx context.Context) {
	tenants, err := c.house.Store.Tenants(ctx)
	c.trouble(ctx, err)
	for _, tenant := range tenants {
		c.trouble(ctx, c.house.Store.Letters().Recover(ctx, tenant))
	}
}

// look finds what there is to send, from each tenant in turn, and not more than
// there is room for.
func (c *letterCourier) look(ctx context.Context, under map[job]bool) []job {
	room := mostLetters - len(under)
	if room == 0 {
		return nil
	}
	tenants, err := c.house.Store.Tenants(ctx)
	c.trouble(ctx, err)
	waiting := make([][]job, len(tenants))
	for i, tenant := range tenants {
		due, err := c.house.Store.Letters().Due(ctx, tenant, mostLetters)
		c.trouble(ctx, err)
		for _, id := range due {
			if j := (job{tenant, id}); !under[j] {
				waiting[i] = append(waiting[i], j)
			}
		}
	}
	return inTurn(waiting, room)
}

// carry makes one attempt to send a letter.
func (c *letterCourier) carry(ctx context.Context, j job) {
	letters := c.house.Store.Letters()
	try, err := letters.Take(ctx, j.tenant, j.id, c.lease)
	switch {
	case errors.Is(err, message.ErrTaken):
		return
	case errors.Is(err, message.ErrUnreadable):
		c.record(ctx, j, func(ctx context.Context) error { return letters.GiveUp(ctx, j.tenant, try, err.Error()) })
		return
	case err != nil:
		c.trouble(ctx, err)
		pause(ctx, pollTime)
		return
	}
	release := c.hold(ctx, j, try)
	failed := c.send(ctx, j.tenant, try)
	release()
	if failed == nil {
		c.record(ctx, j, func(ctx context.Context) error { return letters.Sent(ctx, j.tenant, try) })
		return
	}
	again := c.pauseAfter(try.Attempt)
	if ctx.Err() != nil {
		again = 0 // it was cut off here
	}
	c.log.Warn("a letter was not sent", "tenant", j.tenant, "letter", j.id, "kind", try.Kind, "attempt", try.Attempt, "error", failed)
	reason := failed.Error()
	over := failed.Outcome == mail.Refused
	if !over && try.Age+again > patienceFor(try.Kind) {
		over, reason = true, "it was tried until it was too late; at last: "+reason
	}
	if over {
		c.record(ctx, j, func(ctx context.Context) error { return letters.GiveUp(ctx, j.tenant, try, reason) })
		return
	}
	c.record(ctx, j, func(ctx context.Context) error {
		return letters.PutOff(ctx, j.tenant, try, reason, failed.Outcome != mail.Unknown, again)
	})
}

// hold keeps the attempt from other processes until it is released.
func (c *letterCourier) hold(ctx context.Context, j job, try message.Try) (release func()) {
	ctx, cancel := context.WithCancel(ctx)
	var holding sync.WaitGroup
	holding.Go(func() {
		tick := time.NewTicker(c.lease / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				c.trouble(ctx, c.house.Store.Letters().Hold(ctx, j.tenant, try, c.lease))
			}
		}
	})
	return func() { cancel(); holding.Wait() }
}

// send writes the letter and hands it over. Where the words are not to be had
// now, it is for later.
func (c *letterCourier) send(ctx context.Context, tenant string, try message.Try) *mail.Error {
	if isCode(try.Kind) && try.Age > patienceFor(try.Kind) {
		return &mail.Error{Outcome: mail.Refused, What: "the code is not good any more"}
	}
	written, err := c.words.render(ctx, tenant, c.mail.Domain(), try.Letter)
	if errors.Is(err, errNoWords) {
		c.trouble(ctx, err)
		return &mail.Error{Outcome: mail.Later, What: "the templates of letters could not be read"}
	}
	if err != nil {
		return &mail.Error{Outcome: mail.Refused, What: err.Error()}
	}
	var failed *mail.Error
	if err := c.mail.Send(ctx, try.ID, try.To.Reveal(), written); errors.As(err, &failed) {
		return failed
	}
	return nil
}

// record stores an outcome. As long as the store does not take it, it is tried
// again: else a letter that was sent would be sent once more.
func (c *letterCourier) record(ctx context.Context, j job, outcome func(context.Context) error) {
	for {
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
		err := outcome(own)
		cancel()
		switch {
		case err == nil:
			return
		case errors.Is(err, message.ErrTaken): // it stands already, or another attempt has begun
			return
		case ctx.Err() != nil:
			c.log.Error("what became of a letter was not recorded: it is sent again", "tenant", j.tenant, "letter", j.id, "error", err)
			return
		}
		c.trouble(ctx, err)
		pause(ctx, pollTime)
	}
}

// recordTime bounds one attempt to store an outcome.
const recordTime = 2 * time.Second

func (c *letterCourier) pauseAfter(attempt int) time.Duration {
	const jitter = 0.1 // so that what failed together does not come back together
	usual := c.pauses[min(attempt, len(c.pauses))-1]
	return time.Duration(float64(usual) * (1 + jitter*(2*mathrand.Float64()-1)))
}

func (c *letterCourier) trouble(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		c.log.Warn("letters go on later", "error", err)
	}
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// wording is who the letters of each tenant are from, and the templates of its
// own, of the configuration that was applied last. What else is wrong with that
// does not stop letters.
type wording struct {
	db      *store.DB
	options config.Options

	mu sync.Mutex
	of map[string]templates // by tenant
}

type templates struct {
	version   int64
	overrides []message.Override
}

// wording gives the one of this server.
func (s *Server) wording() *wording {
	s.worded.Do(func() {
		s.words = &wording{db: s.House.Store, options: s.Configuration, of: map[string]templates{}}
	})
	return s.words
}

// render writes a letter; sender is who it is from where the tenant has said
// nothing of itself.
func (w *wording) render(ctx context.Context, tenant, sender string, l message.Letter) (message.Mail, error) {
	rules, err := w.db.Consents().Rules(ctx, tenant)
	if err != nil {
		return message.Mail{}, fmt.Errorf("%w: %w", errNoWords, err)
	}
	overrides, err := w.overrides(ctx, tenant)
	if err != nil {
		return message.Mail{}, fmt.Errorf("%w: %w", errNoWords, err)
	}
	return message.Render(l, cmp.Or(rules.Controller.Name, sender), overrides)
}

// errNoWords: the templates cannot be had now.
var errNoWords = errors.New("read the templates of letters")

func (w *wording) overrides(ctx context.Context, tenant string) ([]message.Override, error) {
	version, err := w.db.Configurations().Version(ctx, tenant)
	if err != nil || version == 0 {
		return nil, err
	}
	w.mu.Lock()
	known := w.of[tenant]
	w.mu.Unlock()
	if known.version == version {
		return known.overrides, nil
	}
	version, files, err := w.db.Configurations().Latest(ctx, tenant)
	if err != nil {
		return nil, err
	}
	c, _ := config.Read(files, w.options)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of[tenant] = templates{version, c.Messages}
	return c.Messages, nil
}
