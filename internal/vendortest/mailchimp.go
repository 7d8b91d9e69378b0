package vendortest

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

// Mailchimp speaks Mailchimp's marketing API: basic authentication with any
// user, lists by offset and count, members that are found by their address or
// the MD5 of it, and the permanent deletion of a member.
//
// Tables: lists; members, put there by PutMember, with "compliance" where they
// have unsubscribed by a link of Mailchimp; notes and activity hold the member
// as LIST/HASH.
//
// From mailchimp.com/developer/marketing/docs: fundamentals, errors; and
// mailchimp.com/developer/marketing/api: lists, list-members, member-notes,
// member-activity-feed.
func Mailchimp() *Vendor {
	return vendor("canary0b1c2d3e4f5061728394-us6", rules{
		hosts: []string{"us6.api.mailchimp.com"},
		allowed: func(v *Vendor, r *http.Request) bool {
			_, password, _ := r.BasicAuth()
			return password == v.Secret || bearer(v, r)
		},
		denied:  mailchimpError(http.StatusUnauthorized, "API Key Invalid", "Your API key may be invalid, or you've attempted to access the wrong datacenter."),
		busy:    mailchimpError(http.StatusTooManyRequests, "Too Many Requests", "You have exceeded the limit of 10 simultaneous connections."),
		unknown: mailchimpMissing,
		routes: map[string]func(*Vendor, request) answer{
			"GET /3.0/lists": func(v *Vendor, r request) answer { return mailchimpPage(v.tables["lists"], "lists", r) },
			"GET /3.0/lists/{list}/members/{member}": mailchimpMember(func(_ *Vendor, _ request, member Row) answer {
				return ok(member)
			}),
			"PUT /3.0/lists/{list}/members/{member}":   mailchimpPut,
			"PATCH /3.0/lists/{list}/members/{member}": mailchimpMember(mailchimpUpdate),
			"POST /3.0/lists/{list}/members/{member}/actions/delete-permanent": mailchimpMember(func(v *Vendor, _ request, member Row) answer {
				v.remove("notes", "member", member["member"])
				v.remove("activity", "member", member["member"])
				v.remove("members", "member", member["member"])
				return answer{status: http.StatusNoContent}
			}),
			"DELETE /3.0/lists/{list}/members/{member}/notes/{id}": mailchimpMember(func(v *Vendor, r request, _ Row) answer {
				if v.find("notes", r.PathValue("id")) == nil {
					return mailchimpMissing
				}
				v.remove("notes", "id", r.PathValue("id"))
				return answer{status: http.StatusNoContent}
			}),
			"GET /3.0/lists/{list}/members/{member}/notes":         mailchimpMember(mailchimpBelonging("notes", "notes")),
			"GET /3.0/lists/{list}/members/{member}/activity-feed": mailchimpMember(mailchimpBelonging("activity", "activity")),
		},
	})
}

// PutMember puts an address on a list, and gives what the vendor calls it:
// the MD5 of the address.
func PutMember(v *Vendor, list string, member Row) (hash string) {
	hash = subscriberHash(fmt.Sprint(member["email_address"]))
	all := Row{"list_id": list, "member": list + "/" + hash}
	merge(all, member)
	all["id"] = hash
	v.Put("members", all)
	return hash
}

func subscriberHash(address string) string {
	sum := md5.Sum([]byte(strings.ToLower(address))) // as Mailchimp names members
	return hex.EncodeToString(sum[:])
}

func mailchimpError(status int, title, detail string) answer {
	return answer{status: status, body: Row{
		"type": "https://mailchimp.com/developer/marketing/docs/errors/", "title": title, "status": status,
		"detail": detail, "instance": "c2a3b4d5-0000-4000-8000-000000000000",
	}, header: map[string]string{"Content-Type": "application/problem+json"}}
}

var mailchimpMissing = mailchimpError(http.StatusNotFound, "Resource Not Found", "The requested resource could not be found.")

func mailchimpPage(rows []Row, name string, r request) answer {
	count, err := r.number("count", 10, 0, 1000)
	if err != nil {
		return mailchimpError(http.StatusBadRequest, "Invalid Resource", err.Error())
	}
	offset, err := r.number("offset", 0, 0, 1<<30)
	if err != nil {
		return mailchimpError(http.StatusBadRequest, "Invalid Resource", err.Error())
	}
	return ok(Row{name: pageFrom(rows, offset, count), "total_items": len(rows)})
}

// mailchimpMember finds the member by hash or address.
func mailchimpMember(then func(*Vendor, request, Row) answer) func(*Vendor, request) answer {
	return func(v *Vendor, r request) answer {
		for _, member := range v.where("members", "list_id", r.PathValue("list")) {
			key := r.PathValue("member")
			if member["id"] == key || member["id"] == subscriberHash(key) {
				return then(v, r, member)
			}
		}
		return mailchimpMissing
	}
}

// mailchimpPut changes a member, or adds one with status_if_new.
func mailchimpPut(v *Vendor, r request) answer {
	there := mailchimpMember(mailchimpUpdate)(v, r)
	if there.status != http.StatusNotFound {
		return there
	}
	list, address := v.find("lists", r.PathValue("list")), fmt.Sprint(r.body["email_address"])
	if list == nil {
		return mailchimpMissing
	}
	if r.body["status_if_new"] == nil || !strings.Contains(address, "@") {
		return mailchimpError(http.StatusBadRequest, "Invalid Resource", "email_address and status_if_new are needed for a new member.")
	}
	hash := subscriberHash(address)
	member := Row{
		"id": hash, "list_id": list["id"], "member": fmt.Sprint(list["id"], "/", hash),
		"email_address": address, "status": r.body["status_if_new"],
	}
	v.tables["members"] = append(v.tables["members"], member)
	return ok(member)
}

// mailchimpUpdate lets nobody be subscribed who has unsubscribed by themselves:
// they have to confirm it, which is the status pending.
func mailchimpUpdate(_ *Vendor, r request, member Row) answer {
	if member["compliance"] == true && r.body["status"] == "subscribed" {
		return mailchimpError(http.StatusBadRequest, "Member In Compliance State",
			"The member is in a compliance state due to unsubscribe, bounce or compliance review and cannot be subscribed.")
	}
	given := Row{}
	merge(given, r.body)
	delete(given, "status_if_new")
	merge(member, given)
	return ok(member)
}

// mailchimpBelonging lists what belongs to a member.
func mailchimpBelonging(table, name string) func(*Vendor, request, Row) answer {
	return func(v *Vendor, r request, member Row) answer {
		return mailchimpPage(v.where(table, "member", member["member"]), name, r)
	}
}
