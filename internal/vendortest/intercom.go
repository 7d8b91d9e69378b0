package vendortest

import (
	"fmt"
	"net/http"
)

// Intercom speaks Intercom's API: searches by POST, whose cursor goes into the
// body, and the deletion of contacts and conversations.
//
// Tables: contacts; conversations with the id of the contact in "contact"; parts
// with that of the conversation in "conversation".
//
// From developers.intercom.com/docs/references/2.14/rest-api: contacts
// (search, delete), conversations (search, retrieve, delete), errors, rate
// limiting, pagination.
func Intercom() *Vendor {
	return vendor("canarydG9rOmM1ZTY3", rules{
		hosts:   []string{"api.intercom.io", "api.eu.intercom.io"},
		allowed: bearer,
		denied:  intercomError(http.StatusUnauthorized, "unauthorized", "Access Token Invalid"),
		busy:    intercomError(http.StatusTooManyRequests, "rate_limit_exceeded", "You have exceeded the rate limit. Please see the documentation for details"),
		unknown: intercomError(http.StatusNotFound, "not_found", "Resource Not Found"),
		routes: map[string]func(*Vendor, request) answer{
			"POST /contacts/search":      intercomSearch("contacts", map[string]string{"email": "email", "external_id": "external_id"}),
			"DELETE /contacts/{id}":      intercomDelete("contacts", "contact"),
			"POST /conversations/search": intercomSearch("conversations", map[string]string{"contact_ids": "contact"}),
			"GET /conversations/{id}":    intercomConversation,
			"DELETE /conversations/{id}": intercomDelete("conversations", "conversation"),
		},
	})
}

func intercomError(status int, code, message string) answer {
	return answer{status: status, body: Row{
		"type": "error.list", "request_id": "b2f3a4c5", "errors": []Row{{"code": code, "message": message}},
	}}
}

// intercomSearch knows one filter with the operator =, on the fields that are
// named.
func intercomSearch(table string, fields map[string]string) func(*Vendor, request) answer {
	return func(v *Vendor, r request) answer {
		query, _ := r.body["query"].(Row)
		field := fields[fmt.Sprint(query["field"])]
		if query["operator"] != "=" || field == "" {
			return intercomError(http.StatusBadRequest, "parameter_invalid", "the query needs a field, an operator and a value")
		}
		pagination, _ := r.body["pagination"].(Row)
		size, isNumber := pagination["per_page"].(float64)
		if isNumber && (size < 1 || size > 150) {
			return intercomError(http.StatusBadRequest, "parameter_invalid", "per_page must be from 1 to 150")
		}
		after, _ := pagination["starting_after"].(string)
		rows := v.where(table, field, query["value"])
		page, more, known := pageAfter(rows, after, 150)
		if !known {
			return intercomError(http.StatusBadRequest, "parameter_invalid", "starting_after is not a cursor")
		}
		pages := Row{"type": "pages", "page": 1, "per_page": size, "total_pages": 1}
		if more {
			pages["next"] = Row{"page": 2, "starting_after": page[len(page)-1]["id"]}
		}
		name := "data"
		if table == "conversations" {
			name = "conversations"
		}
		return ok(Row{"type": "list", name: page, "total_count": len(rows), "pages": pages})
	}
}

func intercomDelete(table, kind string) func(*Vendor, request) answer {
	return func(v *Vendor, r request) answer {
		id := r.PathValue("id")
		if v.find(table, id) == nil {
			return intercomError(http.StatusNotFound, "not_found", "Resource Not Found")
		}
		v.remove(table, "id", id)
		v.remove("parts", "conversation", id)
		return ok(Row{"type": kind, "object": kind, "id": id, "deleted": true})
	}
}

func intercomConversation(v *Vendor, r request) answer {
	conversation := v.find("conversations", r.PathValue("id"))
	if conversation == nil {
		return intercomError(http.StatusNotFound, "not_found", "Resource Not Found")
	}
	parts := v.where("parts", "conversation", conversation["id"])
	whole := Row{"conversation_parts": Row{"type": "conversation_part.list", "conversation_parts": parts, "total_count": len(parts)}}
	merge(whole, conversation)
	return ok(whole)
}
