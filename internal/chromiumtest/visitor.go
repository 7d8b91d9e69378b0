package chromiumtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Keys that a visitor presses.
const (
	Enter  = kb.Enter
	Escape = kb.Escape
	Space  = " "
	Tab    = kb.Tab
)

// StartScripted starts a Chromium whose pages run their scripts. Names that end
// in .localhost lead to this machine, and are sites of their own.
func StartScripted(t testing.TB) *Browser {
	t.Helper()
	return open(t, true)
}

// Visitor is somebody else in the same Chromium, who shares nothing with others.
// It ends with the test.
func (b *Browser) Visitor(t testing.TB) *Browser {
	t.Helper()
	return b.another(t, chromedp.WithNewBrowserContext())
}

// Beside opens another tab of the same visitor.
func (b *Browser) Beside() *Browser {
	b.t.Helper()
	return b.another(b.t)
}

func (b *Browser) another(t testing.TB, options ...chromedp.ContextOption) *Browser {
	t.Helper()
	other := &Browser{t: t, downloads: b.downloads, scripted: b.scripted, saw: &saw{}}
	other.ctx, _ = chromedp.NewContext(b.ctx, options...)
	t.Cleanup(func() {
		// A machine that is too busy for it closes the tab when Chromium ends.
		if err := chromedp.Cancel(other.ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close a tab: %v", err)
		}
	})
	if err := chromedp.Do(other.ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	other.setUp()
	return other
}

// saw is what a tab did since it was opened.
type saw struct {
	mu         sync.Mutex
	requests   []string
	complaints []string
}

// watch notes requests and complaints of the tab.
func (b *Browser) watch() {
	b.t.Helper()
	b.do("watch the network", send(network.Enable, network.EnableParams{}))
	err := chromedp.Listen(b.ctx, func(event any) {
		b.saw.mu.Lock()
		defer b.saw.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if strings.HasPrefix(e.Request.URL, "http") {
				b.saw.requests = append(b.saw.requests, e.Request.Method+" "+e.Request.URL)
			}
		case *runtime.EventExceptionThrown:
			text := e.ExceptionDetails.Text
			if e.ExceptionDetails.Exception != nil {
				text += " " + e.ExceptionDetails.Exception.Description
			}
			b.saw.complaints = append(b.saw.complaints, text)
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
				b.saw.complaints = append(b.saw.complaints, fmt.Sprintf("%s %s", e.Type, arguments(e.Args)))
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
				b.saw.complaints = append(b.saw.complaints, fmt.Sprintf("%s %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
			}
		}
	})
	if err != nil {
		b.t.Fatalf("watch the tab: %v", err)
	}
}

func arguments(all []*runtime.RemoteObject) string {
	var said []string
	for _, a := range all {
		said = append(said, strings.Trim(a.Description+" "+string(a.Value), " "))
	}
	return strings.Join(said, " ")
}

// Requests are those of this tab so far, like "GET http://shop.localhost/". What
// frames of other sites ask for themselves is not among them.
func (b *Browser) Requests() []string {
	b.saw.mu.Lock()
	defer b.saw.mu.Unlock()
	return slices.Clone(b.saw.requests)
}

// Hosts are those that were asked by this tab so far, each once, in order.
func (b *Browser) Hosts() []string {
	b.t.Helper()
	hosts := map[string]bool{}
	for _, request := range b.Requests() {
		_, address, _ := strings.Cut(request, " ")
		u, err := url.Parse(address)
		if err != nil {
			b.t.Fatal(err)
		}
		hosts[u.Host] = true
	}
	return slices.Sorted(maps.Keys(hosts))
}

// Complaints are the errors and warnings of the console of this tab so far, and
// what no script caught.
func (b *Browser) Complaints() []string {
	b.saw.mu.Lock()
	defer b.saw.mu.Unlock()
	return slices.Clone(b.saw.complaints)
}

// Evaluate gives what an expression is worth on the page, or what its promise
// comes to.
func Evaluate[T any](b *Browser, expression string) T {
	b.t.Helper()
	return run(b, "evaluate "+expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Await waits until an expression is true on the page. It may be another page
// by then.
func (b *Browser) Await(expression string) {
	b.t.Helper()
	b.until(expression, func(ctx context.Context) bool {
		held, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")", chromedp.EvalAwaitPromise))
		return err == nil && held
	})
}

// Until waits for something that is no matter of the page.
func (b *Browser) Until(what string, holds func() bool) {
	b.t.Helper()
	b.until(what, func(context.Context) bool { return holds() })
}

func (b *Browser) until(what string, holds func(context.Context) bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience/2)
	defer cancel()
	for !holds(ctx) {
		select {
		case <-ctx.Done():
			b.t.Fatalf("waited in vain: %s\n%s\nconsole: %q", what, b.where(), b.Complaints())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Fresh opens a page without what the browser keeps of earlier answers.
func (b *Browser) Fresh(url string) {
	b.t.Helper()
	b.do("empty the cache", send(network.ClearBrowserCache, cdp.Empty{}))
	b.Open(url)
}

// Before runs a script in each page that is opened from now on, before its own.
func (b *Browser) Before(script string) page.ScriptIdentifier {
	b.t.Helper()
	return run(b, "put a script before others", func(ctx context.Context, t *chromedp.Target) (page.ScriptIdentifier, error) {
		got, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return got.Identifier, err
	})
}

// Signal asks all sites from now on not to sell or share, by Global Privacy
// Control.
func (b *Browser) Signal() {
	b.t.Helper()
	b.Before(`Object.defineProperty(Navigator.prototype, "globalPrivacyControl", {configurable: true, get: () => true})`)
	b.do("send Sec-GPC", send(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Sec-GPC": "1"}}))
}

// Clock sets the clock of pages that are opened from now on: ahead of this
// machine's by so much, or behind.
func (b *Browser) Clock(ahead time.Duration) {
	b.t.Helper()
	if b.clock != "" {
		b.do("forget the clock", send(page.RemoveScriptToEvaluateOnNewDocument, page.RemoveScriptToEvaluateOnNewDocumentParams{Identifier: b.clock}))
	}
	b.clock = b.Before(fmt.Sprintf(`{
		const Real = Date, ahead = %d;
		window.Date = class extends Real {
			constructor(...parts) { parts.length ? super(...parts) : super(Real.now() + ahead) }
			static now() { return Real.now() + ahead }
		};
	}`, ahead.Milliseconds()))
}

// Network cuts this tab off, or gives it back.
func (b *Browser) Network(there bool) {
	b.t.Helper()
	run(b, "set the network", func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: !there, DownloadThroughput: -1, UploadThroughput: -1}},
		})
		if err == nil {
			_, err = cdp.Call(ctx, t, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: !there, DownloadThroughput: -1, UploadThroughput: -1})
		}
		return chromedp.Void{}, err
	})
}

// Scripts lets pages run scripts, or not.
func (b *Browser) Scripts(on bool) {
	b.t.Helper()
	b.do("set scripts", scripts(on))
	b.scripted = on
}

// Key presses a key where the focus is.
func (b *Browser) Key(key string) {
	b.t.Helper()
	b.do("press a key", chromedp.KeyEvent(key))
}

// KeyBack moves the focus back.
func (b *Browser) KeyBack() {
	b.t.Helper()
	b.do("move the focus back", chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(kb.ModifierShift)))
}

// Cookies are those that the page can be sent, by name.
func (b *Browser) Cookies() map[string]string {
	b.t.Helper()
	return run(b, "read cookies", func(ctx context.Context, t *chromedp.Target) (map[string]string, error) {
		got, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{})
		if err != nil {
			return nil, err
		}
		cookies := map[string]string{}
		for _, c := range got.Cookies {
			cookies[c.Name] = c.Value
		}
		return cookies, nil
	})
}

// Storage is the local storage of the page.
func (b *Browser) Storage() map[string]string {
	b.t.Helper()
	return Evaluate[map[string]string](b, `({...localStorage})`)
}

// WatchShifts has pages that are opened from now on note layout shifts and long
// tasks, for Shifts and LongTasks.
func (b *Browser) WatchShifts() {
	b.t.Helper()
	b.Before(`window.watched = {shifts: [], tasks: []};
		const place = s => [s.x, s.y, s.width, s.height].map(Math.round).join(" ");
		new PerformanceObserver(l => l.getEntries().forEach(e => { if (!e.hadRecentInput) watched.shifts.push(e.value.toFixed(4) + ": " +
			e.sources.map(s => (s.node ? s.node.nodeName + " " + s.node.textContent.slice(0, 40) : "something") + " from " + place(s.previousRect) + " to " + place(s.currentRect)).join(", ")) })).observe({type: "layout-shift", buffered: true});
		new PerformanceObserver(l => l.getEntries().forEach(e => watched.tasks.push(e.duration))).observe({type: "longtask", buffered: true});`)
}

// Shifts are the layout shifts of the page that were not caused by input, as
// browsers measure them: how much, and what moved from where to where.
func (b *Browser) Shifts() []string {
	b.t.Helper()
	return Evaluate[[]string](b, `new Promise(seen => requestAnimationFrame(() => setTimeout(() => seen(watched.shifts))))`)
}

// LongTasks are the tasks of the page that took more than 50 ms, by the clock.
func (b *Browser) LongTasks() []float64 {
	b.t.Helper()
	return Evaluate[[]float64](b, `new Promise(seen => requestAnimationFrame(() => setTimeout(() => seen(watched.tasks))))`)
}
