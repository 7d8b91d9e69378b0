package vendortest

import (
	"fmt"
	"net/http"
	"strings"
)

// Zendesk speaks Zendesk's ticketing API: users by search, what they have asked
// by cursors, and deletion in two steps: what is deleted can be restored, until
// it is deleted for good, which is done later.
//
// Tables: users; tickets with "requester_id"; comments with "ticket".
//
// From developer.zendesk.com/api-reference: introduction/security-and-auth,
// introduction/rate-limits, introduction/pagination, ticketing/users/users,
// ticketing/tickets/tickets, ticketing/tickets/ticket_comments.
func Zendesk() *Vendor {
	return vendor("canaryQ2xhc3NpYyB0b2tlbg", rules{
		hosts: []string{"shop.zendesk.com"},
		allowed: func(v *Vendor, r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			return strings.HasSuffix(user, "/token") && password == v.Secret
		},
		denied:  answer{status: http.StatusUnauthorized, body: Row{"error": "Couldn't authenticate you"}},
		busy:    answer{status: http.StatusTooManyRequests, body: Row{"error": "APIRateLimitExceeded"}, header: map[string]string{"Retry-After": "11"}},
		unknown: zendeskMissing,
		routes: map[string]func(*Vendor, request) answer{
			"GET /api/v2/users/search":                 zendeskSearch,
			"GET /api/v2/users/{id}":                   zendeskShow,
			"GET /api/v2/users/{id}/tickets/requested": zendeskList("tickets", "requester_id"),
			"GET /api/v2/tickets/{id}/comments":        zendeskList("comments", "ticket"),
			"DELETE /api/v2/tickets/{id}":              zendeskDeleteTicket,
			"DELETE /api/v2/users/{id}":                zendeskDelete,
			"DELETE /api/v2/deleted_users/{id}":        zendeskForget,
		},
	})
}

var zendeskMissing = answer{status: http.StatusNotFound, body: Row{"error": "RecordNotFound", "description": "Not found"}}

// zendeskSearch finds users whose name or address begins with the text: more
// than the one that is meant.
func zendeskSearch(v *Vendor, r request) answer {
	text := strings.ToLower(r.query("query"))
	if text == "" {
		return answer{status: http.StatusBadRequest, body: Row{"error": "InvalidValue"}}
	}
	found := []Row{}
	for _, user := range v.tables["users"] {
		for _, field := range []string{"name", "email"} {
			if user["active"] != false && strings.HasPrefix(strings.ToLower(fmt.Sprint(user[field])), text) {
				found = append(found, user)
				break
			}
		}
	}
	return ok(Row{"users": found, "count": len(found), "next_page": nil, "previous_page": nil})
}

func zendeskShow(v *Vendor, r request) answer {
	user := v.find("users", r.PathValue("id"))
	if user == nil {
		return zendeskMissing
	}
	return ok(Row{"user": user})
}

// zendeskList gives pages by cursor. There is a link to a next page on every
// page, also the last.
func zendeskList(table, field string) func(*Vendor, request) answer {
	return func(v *Vendor, r request) answer {
		size, err := r.number("page[size]", 100, 1, 100)
		if err != nil {
			return answer{status: http.StatusBadRequest, body: Row{"error": "InvalidPaginationParameter", "description": err.Error()}}
		}
		page, more, known := pageAfter(v.where(table, field, r.PathValue("id")), r.query("page[after]"), size)
		if !known {
			return answer{status: http.StatusBadRequest, body: Row{"error": "InvalidPaginationParameter"}}
		}
		after := ""
		if len(page) > 0 {
			after = fmt.Sprint(page[len(page)-1]["id"])
		}
		next := fmt.Sprintf("https://%s%s?page%%5Bafter%%5D=%s&page%%5Bsize%%5D=%d", r.Host, r.URL.Path, after, size)
		return ok(Row{
			table: page, "meta": Row{"has_more": more, "after_cursor": after, "before_cursor": ""},
			"links": Row{"next": next, "prev": nil},
		})
	}
}

func zendeskDeleteTicket(v *Vendor, r request) answer {
	id := r.PathValue("id")
	if v.find("tickets", id) == nil {
		return zendeskMissing
	}
	v.remove("tickets", "id", id)
	v.remove("comments", "ticket", id)
	return answer{status: http.StatusNoContent}
}

func zendeskDelete(v *Vendor, r request) answer {
	user := v.find("users", r.PathValue("id"))
	if user == nil {
		return zendeskMissing
	}
	user["active"] = false
	return ok(Row{"user": user})
}

// zendeskForget takes deleted users only.
func zendeskForget(v *Vendor, r request) answer {
	user := v.find("users", r.PathValue("id"))
	if user == nil || user["active"] != false {
		return zendeskMissing
	}
	v.later = append(v.later, func() {
		for name := range user {
			if name != "id" && name != "active" {
				user[name] = nil
			}
		}
		user["name"] = "Permanently Deleted User"
	})
	return ok(Row{"deleted_user": Row{"id": user["id"], "active": false}})
}
