package vendortest

import (
	"fmt"
	"net/http"
	"strings"
)

// Amplitude speaks Amplitude's Dashboard REST API and User Privacy API: a
// search that also takes the beginning of an id, events by offset, and
// deletions that run days later.
//
// Tables: users with "amplitude_id", "user_id" and more; events with
// "amplitude_id".
//
// From amplitude.com/docs/apis/analytics: dashboard-rest, user-privacy.
func Amplitude() *Vendor {
	return vendor("canary9f8e7d6c5b4a", rules{
		hosts: []string{"amplitude.com", "analytics.eu.amplitude.com"},
		allowed: func(v *Vendor, r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			return user != "" && password == v.Secret
		},
		denied:  answer{status: http.StatusUnauthorized, body: Row{"error": Row{"http_code": 401, "type": "invalid_credentials"}}},
		busy:    answer{status: http.StatusTooManyRequests, body: Row{"error": Row{"http_code": 429, "type": "too_many_requests"}}},
		unknown: answer{status: http.StatusNotFound},
		routes: map[string]func(*Vendor, request) answer{
			"GET /api/2/usersearch":       amplitudeSearch,
			"GET /api/2/useractivity":     amplitudeActivity,
			"POST /api/2/deletions/users": amplitudeDelete,
		},
	})
}

func amplitudeSearch(v *Vendor, r request) answer {
	matches := []Row{}
	for _, user := range v.tables["users"] {
		if wanted := r.query("user"); wanted != "" && strings.HasPrefix(fmt.Sprint(user["user_id"]), wanted) {
			matches = append(matches, Row{"user_id": user["user_id"], "amplitude_id": user["amplitude_id"]})
		}
	}
	return ok(Row{"matches": matches, "type": "match_user_id_prefix"})
}

func amplitudeActivity(v *Vendor, r request) answer {
	offset, err := r.number("offset", 0, 0, 1<<30)
	if err != nil {
		return answer{status: http.StatusBadRequest}
	}
	limit, err := r.number("limit", 1000, 1, 1000)
	if err != nil {
		return answer{status: http.StatusBadRequest}
	}
	users := v.where("users", "amplitude_id", r.query("user"))
	if len(users) == 0 {
		return answer{status: http.StatusBadRequest, body: Row{"error": Row{"http_code": 400, "type": "invalid_user"}}}
	}
	return ok(Row{"userData": users[0], "events": pageFrom(v.where("events", "amplitude_id", r.query("user")), offset, limit)})
}

func amplitudeDelete(v *Vendor, r request) answer {
	ids := texts(r.body["amplitude_ids"])
	if len(ids) == 0 || len(ids) > 100 {
		return answer{status: http.StatusBadRequest}
	}
	for _, id := range ids {
		number := trimFloat(id)
		v.later = append(v.later, func() {
			v.remove("users", "amplitude_id", number)
			v.remove("events", "amplitude_id", number)
		})
	}
	return ok(Row{"day": "2026-01-14", "status": "staging", "amplitude_ids": []Row{{"amplitude_id": ids[0], "requester": r.body["requester"], "requested_on_day": "2026-01-02"}}})
}

// trimFloat writes a number of JSON as an id.
func trimFloat(text string) string {
	var n float64
	if _, err := fmt.Sscan(text, &n); err != nil {
		return text
	}
	return fmt.Sprintf("%.0f", n)
}
