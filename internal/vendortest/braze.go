package vendortest

import (
	"fmt"
	"net/http"
	"slices"
)

// Braze speaks Braze's REST API: exports and deletions of user profiles, the
// deletions queued, and the state of subscription groups.
//
// Tables: users hold profiles with braze_id, external_id and email;
// subscriptions hold {group, email, state}.
//
// From braze.com/docs/api: endpoints/export/user_data/post_users_identifier,
// endpoints/user_data/post_user_delete,
// endpoints/subscription_groups/post_update_user_subscription_group_status,
// errors, api_limits.
func Braze() *Vendor {
	return vendor("canary-7c1d-4a5e-rest-key", rules{
		hosts:   []string{"rest.fra-01.braze.eu"},
		allowed: bearer,
		denied:  answer{status: http.StatusUnauthorized, body: Row{"message": "Invalid API key"}},
		busy: answer{status: http.StatusTooManyRequests, body: Row{"message": "Rate limit exceeded"}, header: map[string]string{
			"X-RateLimit-Limit": "250", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767322800",
		}},
		unknown: answer{status: http.StatusNotFound, body: Row{"message": "Not found"}},
		routes: map[string]func(*Vendor, request) answer{
			"POST /users/export/ids":        brazeExport,
			"POST /users/delete":            brazeDelete,
			"POST /subscription/status/set": brazeSubscribe,
		},
	})
}

func brazeFatal(message string) answer {
	return answer{status: http.StatusBadRequest, body: Row{"message": message}}
}

// brazeExport takes one address, or up to 50 external ids, and gives the fields
// that are asked for.
func brazeExport(v *Vendor, r request) answer {
	fields := texts(r.body["fields_to_export"])
	if len(fields) == 0 {
		return brazeFatal("fields_to_export is required")
	}
	ids := texts(r.body["external_ids"])
	if len(ids) > 50 {
		return brazeFatal("up to 50 external_ids")
	}
	users := []Row{}
	for _, user := range v.tables["users"] {
		address, byAddress := r.body["email_address"].(string)
		if byAddress && user["email"] == address || slices.Contains(ids, fmt.Sprint(user["external_id"])) {
			shown := Row{}
			for _, field := range fields {
				if user[field] != nil {
					shown[field] = user[field]
				}
			}
			users = append(users, shown)
		}
	}
	return ok(Row{"message": "success", "users": users})
}

// brazeDelete queues the deletion of profiles, by one kind of id.
func brazeDelete(v *Vendor, r request) answer {
	kinds := map[string]string{"braze_ids": "braze_id", "external_ids": "external_id"}
	if len(r.body) != 1 {
		return brazeFatal("only one of external_ids, user_aliases and braze_ids")
	}
	queued := 0
	for name, field := range kinds {
		for _, id := range texts(r.body[name]) {
			queued++
			v.later = append(v.later, func() {
				for _, user := range v.where("users", field, id) {
					v.remove("subscriptions", "email", user["email"])
				}
				v.remove("users", field, id)
			})
		}
	}
	return answer{status: http.StatusCreated, body: Row{"deleted": queued, "message": "success"}}
}

func brazeSubscribe(v *Vendor, r request) answer {
	group, state, emails := r.body["subscription_group_id"], r.body["subscription_state"], texts(r.body["email"])
	if group == nil || state != "subscribed" && state != "unsubscribed" || len(emails) == 0 || len(emails) > 50 {
		return brazeFatal("subscription_group_id, subscription_state and email are required")
	}
	for _, email := range emails {
		v.tables["subscriptions"] = slices.DeleteFunc(v.tables["subscriptions"], func(s Row) bool {
			return s["group"] == group && s["email"] == email
		})
		v.tables["subscriptions"] = append(v.tables["subscriptions"], Row{"id": v.id("subscriptions"), "group": group, "email": email, "state": state})
	}
	return answer{status: http.StatusCreated, body: Row{"message": "success"}}
}
