package vendortest

import (
	"fmt"
	"net/http"
)

// Mixpanel speaks two APIs of Mixpanel: queries of profiles, as a service
// account by basic authentication, and the GDPR API, with a bearer token, whose
// deletions are carried out later. One secret is good for both here.
//
// Tables: profiles with "distinct_id" and "properties"; events with
// "distinct_id"; deletions.
//
// From docs.mixpanel.com/reference: engage-query, gdpr-api, create-deletion,
// get-deletion, service-accounts.
func Mixpanel() *Vendor {
	return vendor("canary3b1e5c7a9d", rules{
		hosts: []string{"mixpanel.com", "eu.mixpanel.com"},
		allowed: func(v *Vendor, r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			return user != "" && password == v.Secret || bearer(v, r)
		},
		denied:  answer{status: http.StatusUnauthorized, body: Row{"status": "error", "error": "Invalid credentials"}},
		busy:    answer{status: http.StatusTooManyRequests, body: Row{"status": "error", "error": "rate limit exceeded"}},
		unknown: answer{status: http.StatusNotFound, body: Row{"status": "error", "error": "not found"}},
		routes: map[string]func(*Vendor, request) answer{
			"POST /api/query/engage":                mixpanelEngage,
			"POST /api/app/data-deletions/v3.0":     mixpanelDelete,
			"GET /api/app/data-deletions/v3.0/{id}": mixpanelDeletion,
		},
	})
}

func mixpanelEngage(v *Vendor, r request) answer {
	if r.query("project_id") == "" {
		return answer{status: http.StatusBadRequest, body: Row{"status": "error", "error": "project_id is needed"}}
	}
	results := []Row{}
	for _, profile := range v.where("profiles", "distinct_id", r.body["distinct_id"]) {
		results = append(results, Row{"$distinct_id": profile["distinct_id"], "$properties": profile["properties"]})
	}
	return ok(Row{"page": 0, "page_size": 1000, "session_id": "1234567890-EXAMPL", "status": "ok", "total": len(results), "results": results})
}

func mixpanelDelete(v *Vendor, r request) answer {
	ids := texts(r.body["distinct_ids"])
	if r.query("token") == "" || len(ids) == 0 || len(ids) > 2000 {
		return answer{status: http.StatusBadRequest, body: Row{"status": "error", "error": "token and distinct_ids are needed"}}
	}
	deletion := Row{"id": v.id("deletions"), "status": "PENDING", "compliance_type": r.body["compliance_type"]}
	v.tables["deletions"] = append(v.tables["deletions"], deletion)
	v.later = append(v.later, func() {
		for _, id := range ids {
			v.remove("profiles", "distinct_id", id)
			v.remove("events", "distinct_id", id)
		}
		deletion["status"] = "SUCCESS"
	})
	return answer{status: http.StatusCreated, body: Row{"status": "ok", "results": Row{"task_id": deletion["id"]}}}
}

func mixpanelDeletion(v *Vendor, r request) answer {
	deletion := v.find("deletions", r.PathValue("id"))
	if deletion == nil || r.query("token") == "" {
		return answer{status: http.StatusNotFound, body: Row{"status": "error", "error": "not found"}}
	}
	return ok(Row{"status": "ok", "results": Row{
		"tracking_id": deletion["id"], "status": fmt.Sprint(deletion["status"]), "compliance_type": deletion["compliance_type"],
	}})
}
