package vendortest

import (
	"fmt"
	"net/http"
	"slices"
)

// Segment speaks two APIs of Segment: the Profile API, whose token is the user
// of basic authentication, and the Public API, with a bearer token, whose
// regulations are carried out later. One secret is good for both here.
//
// Tables: profiles with "user_id" and "traits"; external_ids and events with
// "user_id"; regulations; suppressed with "user_id".
//
// From segment.com/docs: unify/profile-api,
// privacy/user-deletion-and-suppression; and docs.segmentapis.com: Deletion and
// Suppression.
func Segment() *Vendor {
	return vendor("canarysgp_5f6e7d8c", rules{
		hosts: []string{"profiles.segment.com", "api.segmentapis.com"},
		allowed: func(v *Vendor, r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			if r.URL.Path[:4] == "/v1/" {
				return user == v.Secret && password == ""
			}
			return bearer(v, r)
		},
		denied:  segmentError(http.StatusUnauthorized, "authentication_error", "no valid access token"),
		busy:    segmentError(http.StatusTooManyRequests, "rate_limit_error", "too many requests"),
		unknown: segmentError(http.StatusNotFound, "not_found", "not found"),
		routes: map[string]func(*Vendor, request) answer{
			"GET /v1/spaces/{space}/collections/users/profiles/{id}/traits":       segmentProfile(segmentTraits),
			"GET /v1/spaces/{space}/collections/users/profiles/{id}/external_ids": segmentProfile(segmentList("external_ids")),
			"GET /v1/spaces/{space}/collections/users/profiles/{id}/events":       segmentProfile(segmentList("events")),
			"POST /regulations":     segmentRegulate,
			"GET /regulations/{id}": segmentRegulation,
		},
	})
}

func segmentError(status int, code, message string) answer {
	return answer{status: status, body: Row{"error": Row{"code": code, "message": message}}}
}

// segmentProfile finds a profile by user_id:ID.
func segmentProfile(then func(*Vendor, request, Row) answer) func(*Vendor, request) answer {
	return func(v *Vendor, r request) answer {
		for _, profile := range v.tables["profiles"] {
			if r.PathValue("id") == fmt.Sprint("user_id:", profile["user_id"]) {
				return then(v, r, profile)
			}
		}
		return segmentError(http.StatusNotFound, "not_found", "Profile was not found.")
	}
}

func segmentTraits(_ *Vendor, r request, profile Row) answer {
	if _, err := r.number("limit", 10, 1, 200); err != nil {
		return segmentError(http.StatusBadRequest, "validation_error", err.Error())
	}
	return ok(Row{"traits": profile["traits"], "cursor": Row{"url": r.URL.Path, "has_more": false, "next": ""}})
}

func segmentList(table string) func(*Vendor, request, Row) answer {
	return func(v *Vendor, r request, profile Row) answer {
		limit, err := r.number("limit", 25, 1, 100)
		if err != nil {
			return segmentError(http.StatusBadRequest, "validation_error", err.Error())
		}
		page, more, known := pageAfter(v.where(table, "user_id", profile["user_id"]), r.query("next"), limit)
		if !known {
			return segmentError(http.StatusBadRequest, "validation_error", "next is not a cursor")
		}
		next := ""
		if more {
			next = fmt.Sprint(page[len(page)-1]["id"])
		}
		return ok(Row{"data": page, "cursor": Row{"url": r.URL.Path, "has_more": more, "next": next}})
	}
}

var segmentRegulations = []string{
	"DELETE_INTERNAL", "DELETE_ONLY", "SUPPRESS_ONLY", "SUPPRESS_WITH_DELETE", "SUPPRESS_WITH_DELETE_INTERNAL", "UNSUPPRESS",
}

func segmentRegulate(v *Vendor, r request) answer {
	kind, ids := fmt.Sprint(r.body["regulationType"]), texts(r.body["subjectIds"])
	if !slices.Contains(segmentRegulations, kind) || r.body["subjectType"] != "USER_ID" || len(ids) == 0 || len(ids) > 5000 {
		return answer{status: http.StatusBadRequest, body: Row{"errors": []Row{{"type": "validation", "message": "regulationType, subjectType and subjectIds are needed"}}}}
	}
	regulation := Row{"id": v.id("regulations"), "overallStatus": "INITIALIZED"}
	v.tables["regulations"] = append(v.tables["regulations"], regulation)
	v.later = append(v.later, func() {
		for _, id := range ids {
			v.remove("suppressed", "user_id", id)
			if kind == "SUPPRESS_ONLY" || kind == "SUPPRESS_WITH_DELETE" {
				v.tables["suppressed"] = append(v.tables["suppressed"], Row{"id": v.id("suppressed"), "user_id": id})
			}
			if kind == "SUPPRESS_WITH_DELETE" {
				for _, table := range []string{"profiles", "external_ids", "events"} {
					v.remove(table, "user_id", id)
				}
			}
		}
		regulation["overallStatus"] = "FINISHED"
	})
	return ok(Row{"data": Row{"regulateId": regulation["id"]}})
}

func segmentRegulation(v *Vendor, r request) answer {
	regulation := v.find("regulations", r.PathValue("id"))
	if regulation == nil {
		return answer{status: http.StatusNotFound, body: Row{"errors": []Row{{"type": "not-found", "message": "not found"}}}}
	}
	return ok(Row{"data": Row{"regulation": regulation}})
}
