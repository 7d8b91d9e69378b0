package web

import (
	"net/http"
	"net/url"
	"strings"

	"volenti.dev/volenti/request"
)

// bulk is a decision on many requests, before it is made or afterwards.
type bulk struct {
	policyList
	Denies   bool
	Requests []bulkRequest // that can be decided on
	Others   []bulkRequest // that cannot, as they are
	Erases   int           // how many of the plans erase something
	Done     int
	Made     bool
}

// bulkRequest is one of them. Problem is why it was not done.
type bulkRequest struct {
	privacyRequest
	Plan    plan
	Problem string
}

// Chosen is what a form sends of a request.
func (r bulkRequest) Chosen() string { return r.ID + " " + r.PlanHash }

// weighRequests shows what a decision on the chosen requests would do.
func weighRequests(v *visit) error {
	if len(v.r.PostForm["request"]) == 0 {
		return v.inbox(http.StatusUnprocessableEntity, soughtIn(v.r.PostForm), "", v.lacking("request", "bulk.nothing"))
	}
	return v.weigh(http.StatusOK, nil)
}

func (v *visit) weigh(status int, f *form) error {
	v.here = start
	b := bulk{Denies: v.value("decision") == "deny"}
	if err := v.get("/policies", &b.policyList); err != nil {
		return err
	}
	for _, chosen := range v.r.PostForm["request"] {
		id, _, _ := strings.Cut(chosen, " ")
		r, err := v.weighOne(id)
		if err != nil {
			return err
		}
		event := request.Approve
		if b.Denies {
			event = request.Deny
		}
		if _, err := r.Status.Next(event); err != nil || !b.Denies && r.PlanHash == "" {
			b.Others = append(b.Others, r)
			continue
		}
		if b.Requests = append(b.Requests, r); r.Plan.Erases() {
			b.Erases++
		}
	}
	return v.show(status, "admin/decide", b, f)
}

func (v *visit) weighOne(id string) (r bulkRequest, err error) {
	at := "/requests/" + url.PathEscape(id)
	if err := v.get(at, &r.privacyRequest); err != nil || r.PlanHash == "" {
		return r, err
	}
	return r, v.get(at+"/plan", &r.Plan)
}

// decideRequests makes the decision that was shown, and tells what became of each.
func decideRequests(v *visit) error {
	type one struct {
		ID       string `json:"id"`
		PlanHash string `json:"plan_hash,omitempty"`
	}
	body := struct {
		Decision string `json:"decision"`
		Requests []one  `json:"requests"`
		Reason   string `json:"reason,omitempty"`
	}{Decision: v.value("decision"), Reason: v.value("reason")}
	for _, chosen := range v.r.PostForm["request"] {
		id, hash, _ := strings.Cut(chosen, " ")
		if body.Decision == "deny" {
			hash = ""
		} else if r, err := v.weighOne(id); err != nil {
			return err
		} else if r.Plan.Erases() && !strings.EqualFold(v.value("confirm"), v.language.word("approve.word")) {
			return v.weigh(http.StatusUnprocessableEntity, v.lacking("confirm", "approve.unconfirmed"))
		}
		body.Requests = append(body.Requests, one{id, hash})
	}
	var made struct {
		Results []struct {
			ID      string
			Done    bool
			Problem *problem
		}
	}
	if err := v.post("/requests/decide", body, &made); err != nil {
		f, status, err := v.mistaken(err, nil)
		if err != nil {
			return err
		}
		return v.weigh(status, f)
	}
	v.here = start
	b := bulk{Denies: body.Decision == "deny", Made: true}
	for _, r := range made.Results {
		if r.Done {
			b.Done++
			continue
		}
		b.Others = append(b.Others, bulkRequest{privacyRequest: privacyRequest{ID: r.ID}, Problem: r.Problem.Detail})
	}
	return v.show(http.StatusOK, "admin/decide", b, nil)
}
