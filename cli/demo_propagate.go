package cli

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/propagate"
	"volenti.dev/volenti/demo/shop"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/subject"
)

// receivers are two programs of the shop's marketing: the newsletter takes what
// it is told, the advertisements answer no.
type receivers struct {
	server *http.Server
	url    string
	key    []byte // that calls are signed with

	mu    sync.Mutex
	calls map[string][]string // what each was told, by its path
}

func openReceivers(ctx context.Context) (*receivers, error) {
	r := &receivers{key: make([]byte, 32), calls: map[string][]string{}}
	if _, err := rand.Read(r.key); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r.url = "http://" + listener.Addr().String()
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: demoTime}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

// knows is what the configuration finds in the environment.
func (r *receivers) knows(name string) (string, bool) {
	v, ok := map[string]string{
		"DEMO_NEWSLETTER": r.url + "/newsletter", "DEMO_ADS": r.url + "/ads", "DEMO_MARKETING_SECRET": "whsec_" + base64.StdEncoding.EncodeToString(r.key),
	}[name]
	return v, ok
}

// ServeHTTP takes a call only when it is signed as Standard Webhooks 1.0 says.
func (r *receivers) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(io.LimitReader(q.Body, 1<<20))
	var call struct {
		Data struct {
			Items   []string `json:"items"`
			Granted bool     `json:"granted"`
		} `json:"data"`
	}
	if err != nil || !r.genuine(q.Header, body) || json.Unmarshal(body, &call) != nil {
		http.Error(w, "this is no call of ours", http.StatusUnauthorized)
		return
	}
	r.mu.Lock()
	r.calls[q.URL.Path] = append(r.calls[q.URL.Path], fmt.Sprintf("%s=%t", strings.Join(call.Data.Items, ","), call.Data.Granted))
	r.mu.Unlock()
	if q.URL.Path == "/ads" {
		http.Error(w, "no such audience", http.StatusUnprocessableEntity)
	}
}

func (r *receivers) genuine(h http.Header, body []byte) bool {
	mac := hmac.New(sha256.New, r.key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(want), []byte(h.Get("Webhook-Signature")))
}

// carry tells how what Anna chooses reaches two connections of one system, and
// that each answers for itself.
func (t *tour) carry() error {
	anna, err := subject.New(subject.Email, shop.AnnaSpelled)
	if err != nil {
		return err
	}
	if err := t.awaitLanes("ads", "newsletter"); err != nil {
		return err
	}
	withdrawal := consent.Entry{Identities: []subject.Identity{anna}, Purpose: "newsletter", Source: consent.SettingsPage}
	recorded, err := t.house.Store.Consents().Append(t.ctx, store.DefaultTenant, "", []consent.Entry{withdrawal})
	if err != nil {
		return err
	}
	view, err := t.outcomes(recorded[0].Record)
	if err != nil {
		return err
	}
	r := t.counter.marketing
	r.mu.Lock()
	told := fmt.Sprint(r.calls)
	r.mu.Unlock()
	took, refused := view.Statuses["newsletter"], view.Statuses["ads"]
	if took != propagate.Complete || refused != propagate.Failed || view.Systems["marketing"] != propagate.Failed || told != "map[/ads:[newsletter=false] /newsletter:[list_42=false]]" {
		return fmt.Errorf("what became of her choice is %v, and the marketing was told %s", view.Statuses, told)
	}
	var why api.WhyReceived
	question := map[string]string{"subject": recorded[0].Subject.String(), "purpose": "newsletter", "connection": "ads"}
	if err := t.counter.post(t.session, "/deliveries/explain", question, &why); err != nil {
		return err
	}
	if len(why.Connections) != 1 || len(why.Connections[0].Log) != 1 || len(why.Connections[0].Log[0].Calls) != 1 {
		return errors.New("it is not known what the advertisements answered")
	}
	ads := why.Connections[0]
	t.say("Anna Keller withdraws the newsletter, and two connections of the marketing are told",
		"newsletter  %-9s it has taken her off list_42\nads         %-9s %s: %s\nEach answers for itself; the system marketing as a whole is: %s. Both calls were signed.", took, refused, ads.Log[0].Calls[0].Reason, ads.Why, view.Systems["marketing"])
	return nil
}

// awaitLanes waits until connections take what is chosen from then on.
func (t *tour) awaitLanes(connections ...string) error {
	return t.until("no choice is carried to the marketing", func() (bool, error) {
		var all api.ConnectionStates
		if err := t.counter.get(t.session, "/deliveries/connections", &all); err != nil {
			return false, err
		}
		there := 0
		for _, l := range all.Items {
			for _, key := range connections {
				if l.Connection == key {
					there++
				}
			}
		}
		return there == len(connections), nil
	})
}

// outcomes waits until a choice has an outcome everywhere.
func (t *tour) outcomes(record string) (view api.ChangeView, err error) {
	err = t.until("her choice does not reach the marketing", func() (bool, error) {
		var missing failure
		switch err := t.counter.get(t.session, "/deliveries/changes/"+record, &view); {
		case errors.As(err, &missing) && missing.code == exitNotFound:
			return false, nil
		case err != nil:
			return false, err
		}
		for _, s := range view.Statuses {
			if s == propagate.Pending || s == propagate.Sending {
				return false, nil
			}
		}
		return true, nil
	})
	return view, err
}

// until waits for what takes a moment.
func (t *tour) until(otherwise string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(t.ctx, demoTime)
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New(otherwise)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
