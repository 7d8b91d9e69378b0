package webhook

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Type is the kind of an event: "noun.verb".
type Type string

// The types that there are so far.
const (
	ConsentGranted    Type = "consent.granted"
	ConsentRefused    Type = "consent.refused"
	ConsentWithdrawn  Type = "consent.withdrawn"
	ConsentExpired    Type = "consent.expired"
	ReconsentRequired Type = "reconsent.required" // a material version was published
	// Of privacy requests.
	RequestReceived  Type = "request.received"
	RequestVerified  Type = "request.verified"
	RequestApproved  Type = "request.approved"
	RequestDenied    Type = "request.denied"
	RequestCompleted Type = "request.completed"
	RequestFailed    Type = "request.failed"
	RequestOverdue   Type = "request.overdue"
	TaskWaiting      Type = "task.waiting"    // colleagues are asked for something
	RequestMessage   Type = "request.message" // the person has written about it
	// Of what visitors of a site chose in its banner.
	BannerGiven     Type = "banner.given"
	BannerUpdated   Type = "banner.updated"
	BannerWithdrawn Type = "banner.withdrawn"
	BannerExpired   Type = "banner.expired"
	// Test is sent when somebody asks for it, and is no event of the ledger.
	Test Type = "webhook.test"
)

// Types lists those that can be followed.
func Types() []Type {
	return []Type{
		ConsentGranted, ConsentRefused, ConsentWithdrawn, ConsentExpired, ReconsentRequired,
		RequestReceived, RequestVerified, RequestApproved, RequestDenied, RequestCompleted, RequestFailed, RequestOverdue, RequestMessage, TaskWaiting,
		BannerGiven, BannerUpdated, BannerWithdrawn, BannerExpired,
	}
}

// ParseTypes reads names of types. None means all.
func ParseTypes(names []string) ([]Type, error) {
	var types []Type
	for _, name := range names {
		t := Type(name)
		if !slices.Contains(Types(), t) {
			return nil, fmt.Errorf("there is no such type; there are %s", joined(Types()))
		}
		types = append(types, t)
	}
	slices.Sort(types)
	return slices.Compact(types), nil
}

func joined(types []Type) string {
	var names []string
	for _, t := range types {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

// Event is something that happened, made of what the ledger says. It holds
// ids and keys of the configuration, and nothing personal.
type Event struct {
	// ID is the same whenever and wherever the event is sent.
	ID       string `json:"id"`
	Type     Type   `json:"type"`
	Sequence int64  `json:"sequence" doc:"Number in the ledger: the order of events, with gaps"`
	// Timestamp is when the ledger recorded it, by its clock.
	Timestamp time.Time `json:"timestamp"`
	Data      Data      `json:"data"`
}

// Data is what an event is about; each type has its own fields.
type Data struct {
	Subject  string   `json:"subject,omitempty" doc:"Random id of the person (consent.*)"`
	Purpose  string   `json:"purpose,omitempty" doc:"Key of the purpose (consent.*)"`
	Record   string   `json:"record,omitempty" doc:"Id of the record (consent.*)"`
	Notice   string   `json:"notice,omitempty" doc:"Version that was published (reconsent.required)"`
	Purposes []string `json:"purposes,omitempty" doc:"Purposes that people are asked about again (reconsent.required)"`
	Request  string   `json:"request,omitempty" doc:"Id of the privacy request (request.*, task.*)"`
	Policy   string   `json:"policy,omitempty" doc:"Key of its policy (request.*, task.*)"`
	Status   string   `json:"status,omitempty" doc:"Its status by then (request.*, task.*)"`
	Site     string   `json:"site,omitempty" doc:"Id of the site (banner.*)"`
	Consent  string   `json:"consent,omitempty" doc:"Random id of what a visitor chose there (banner.*)"`
	Version  int      `json:"version,omitempty" doc:"Version of the banner that was shown (banner.*)"`
}

// Wanted says whether a type is among those that are followed; none means all.
func Wanted(types []Type, t Type) bool { return len(types) == 0 || slices.Contains(types, t) }

// lane is what the event must stay in order with: the events of one subject, of
// one request or of one consent in a banner, or those of none.
func (e Event) lane() string { return cmp.Or(e.Data.Subject, e.Data.Request, e.Data.Consent) }

// body is the event as it is sent.
func (e Event) body(tenant string, cloud bool) ([]byte, error) {
	if !cloud {
		return json.Marshal(e)
	}
	return json.Marshal(cloudEvent{
		SpecVersion: "1.0", ID: e.ID, Source: "/tenants/" + tenant, Type: "dev.volenti." + string(e.Type) + ".v1",
		Subject: e.lane(), Time: e.Timestamp, ContentType: "application/json", Sequence: fmt.Sprintf("%020d", e.Sequence), Data: e.Data,
	})
}

// cloudEvent is the structured mode of CloudEvents 1.0, with its extension
// "sequence", which sorts as text.
type cloudEvent struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Subject     string    `json:"subject,omitempty"`
	Time        time.Time `json:"time"`
	ContentType string    `json:"datacontenttype"`
	Sequence    string    `json:"sequence"`
	Data        Data      `json:"data"`
}
