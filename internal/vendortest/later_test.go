package vendortest_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"volenti.dev/volenti/internal/vendortest"
)

func TestDeletionsFinishLater(t *testing.T) {
	for name, v := range map[string]struct {
		vendor       *vendortest.Vendor
		table        string
		held         vendortest.Row
		ask          func(c client) (id string)
		status       func(id string) (path string, at []any)
		before, then string
	}{
		"opendsr": {
			vendortest.OpenDSR(), "people", vendortest.Row{"email": "anna@example.com"},
			func(c client) string {
				_, body := c.call("POST", "/v1/opendsr_requests", opendsr("gdpr"))
				return at(body, "subject_request_id")
			},
			func(id string) (string, []any) { return "/v1/opendsr_requests/" + id, []any{"request_status"} },
			"pending", "completed",
		},
		"segment": {
			vendortest.Segment(), "profiles", vendortest.Row{"user_id": "u1", "traits": vendortest.Row{"email": "anna@example.com"}},
			func(c client) string {
				_, body := c.call("POST", "/regulations", vendortest.Row{"regulationType": "SUPPRESS_WITH_DELETE", "subjectType": "USER_ID", "subjectIds": []string{"u1"}})
				return at(body, "data", "regulateId")
			},
			func(id string) (string, []any) {
				return "/regulations/" + id, []any{"data", "regulation", "overallStatus"}
			},
			"INITIALIZED", "FINISHED",
		},
		"mixpanel": {
			vendortest.Mixpanel(), "profiles", vendortest.Row{"distinct_id": "u1", "properties": vendortest.Row{"$email": "anna@example.com"}},
			func(c client) string {
				_, body := c.call("POST", "/api/app/data-deletions/v3.0?token=t", vendortest.Row{"distinct_ids": []string{"u1"}, "compliance_type": "GDPR"})
				return at(body, "results", "task_id")
			},
			func(id string) (string, []any) {
				return "/api/app/data-deletions/v3.0/" + id + "?token=t", []any{"results", "status"}
			},
			"PENDING", "SUCCESS",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v.vendor.Put(v.table, v.held, vendortest.Row{"user_id": "u2", "distinct_id": "u2", "email": "bob@example.com"})
			auth := bearer(v.vendor.Secret)
			if name == "opendsr" {
				auth = vendors()["opendsr"].auth(v.vendor.Secret)
			}
			c := reach(t, v.vendor, auth)
			path, where := v.status(v.ask(c))
			_, body := c.call("GET", path, nil)
			want(t, "status at first", at(body, where...), v.before)
			want(t, "places that hold her address", len(v.vendor.Holding("anna@example.com")), 1)
			v.vendor.Finish()
			_, body = c.call("GET", path, nil)
			want(t, "status then", at(body, where...), v.then)
			want(t, "places that hold her address then", len(v.vendor.Holding("anna@example.com")), 0)
			want(t, "people who are left", len(v.vendor.Rows(v.table)), 1)
		})
	}
}

func TestOpenDSRTakesWhatTheSpecificationAsksFor(t *testing.T) {
	v := vendortest.OpenDSR()
	c := reach(t, v, vendors()["opendsr"].auth(v.Secret))
	for name, wrong := range map[string]any{"subject_request_id": "0192", "regulation": "lgpd", "subject_identities": []any{}} {
		ask := opendsr("gdpr")
		ask[name] = wrong
		if status, body := c.call("POST", "/v1/opendsr_requests", ask); status != 400 || at(body, "error", "code") != "400" {
			t.Errorf("a wrong %s was answered with %d, want 400 and an error", name, status)
		}
	}
}

func TestBrazeExportsTheFieldsThatAreAskedForAndDeletesLater(t *testing.T) {
	v := vendortest.Braze()
	v.Put("users", vendortest.Row{"braze_id": "b1", "external_id": "u1", "email": "anna@example.com", "first_name": "Anna"}, vendortest.Row{"braze_id": "b2", "email": "bob@example.com"})
	c := reach(t, v, bearer(v.Secret))
	_, body := c.call("POST", "/users/export/ids", vendortest.Row{"email_address": "anna@example.com", "fields_to_export": []string{"braze_id", "phone"}})
	want(t, "users", at(body, "users"), "[map[braze_id:b1]]")
	_, body = c.call("POST", "/users/delete", vendortest.Row{"braze_ids": []string{"b1"}})
	want(t, "queued", at(body, "deleted"), "1")
	want(t, "users before it ran", len(v.Rows("users")), 2)
	v.Finish()
	want(t, "users", len(v.Rows("users")), 1)
	status, _ := c.call("POST", "/subscription/status/set", vendortest.Row{"subscription_group_id": "g1", "subscription_state": "maybe", "email": []string{"a"}})
	want(t, "status of a wrong state", status, 400)
}

func TestZendeskDeletesForGoodOnlyWhatIsDeleted(t *testing.T) {
	v := vendortest.Zendesk()
	v.Put("users", vendortest.Row{"id": 7, "name": "Anna", "email": "anna@example.com", "active": true}, vendortest.Row{"id": 8, "name": "Annabel", "email": "anna@example.community"})
	for i := range 5 {
		v.Put("tickets", vendortest.Row{"id": 70 + i, "requester_id": 7})
	}
	c := reach(t, v, basic("admin@example.com/token", v.Secret))
	_, body := c.call("GET", "/api/v2/users/search?query=anna@example.com", nil)
	want(t, "found, more than her", len(ids(body["users"], "id")), 2)

	path, all := "/api/v2/users/7/tickets/requested?page[size]=100", []string(nil)
	for more := "true"; more == "true"; more = at(body, "meta", "has_more") {
		_, body = c.call("GET", path, nil)
		all = append(all, ids(body["tickets"], "id")...)
		path = "/api" + strings.SplitN(at(body, "links", "next"), "/api", 2)[1]
	}
	want(t, "tickets", all, []string{"70", "71", "72", "73", "74"})

	status, _ := c.call("DELETE", "/api/v2/deleted_users/7", nil)
	want(t, "status of somebody who is not deleted", status, 404)
	c.call("DELETE", "/api/v2/users/7", nil)
	want(t, "places that hold the name, as it can be restored", v.Holding("anna@example.com"), []string{"users/7/email", "users/8/email"})
	status, _ = c.call("DELETE", "/api/v2/deleted_users/7", nil)
	want(t, "status", status, 200)
	v.Finish()
	want(t, "places", v.Holding("anna@example.com"), []string{"users/8/email"})
	want(t, "name", v.Rows("users")[0]["name"], any("Permanently Deleted User"))
}

func TestIntercomSearchesByACursorInTheBody(t *testing.T) {
	v := vendortest.Intercom()
	for i := range 3 {
		v.Put("conversations", vendortest.Row{"id": fmt.Sprint("c", i), "contact": "k1"})
	}
	c := reach(t, v, bearer(v.Secret))
	ask := search("contact_ids", "k1")
	_, body := c.call("POST", "/conversations/search", ask)
	want(t, "first page", ids(body["conversations"], "id"), []string{"c0", "c1"})
	ask["pagination"] = vendortest.Row{"per_page": 150, "starting_after": at(body, "pages", "next", "starting_after")}
	_, body = c.call("POST", "/conversations/search", ask)
	want(t, "second page", ids(body["conversations"], "id"), []string{"c2"})
	want(t, "next", at(body, "pages", "next"), "<nil>")
	v.Put("parts", vendortest.Row{"conversation": "c2", "body": "hello"}, vendortest.Row{"conversation": "c1"})
	_, body = c.call("GET", "/conversations/c2", nil)
	want(t, "parts", at(body, "conversation_parts", "conversation_parts", 0, "body"), "hello")
	status, _ := c.call("DELETE", "/conversations/c2", nil)
	want(t, "status", status, 200)
	want(t, "left", len(v.Rows("conversations")), 2)
	want(t, "parts left", len(v.Rows("parts")), 1)
}

func TestAmplitudeFindsByTheBeginningOfAnID(t *testing.T) {
	v := vendortest.Amplitude()
	v.Put("users", vendortest.Row{"user_id": "u1", "amplitude_id": 247246881751}, vendortest.Row{"user_id": "u10", "amplitude_id": 2})
	v.Put("events", vendortest.Row{"amplitude_id": 247246881751, "event_type": "opened"})
	c := reach(t, v, basic("key", v.Secret))
	_, body := c.call("GET", "/api/2/usersearch?user=u1", nil)
	want(t, "found", ids(body["matches"], "user_id"), []string{"u1", "u10"})
	_, body = c.call("GET", "/api/2/useractivity?user=247246881751&limit=1000&offset=0", nil)
	want(t, "events", ids(body["events"], "event_type"), []string{"opened"})
	c.call("POST", "/api/2/deletions/users", vendortest.Row{"amplitude_ids": []int{247246881751}, "requester": "volenti"})
	v.Finish()
	want(t, "users", len(v.Rows("users")), 1)
	want(t, "events", len(v.Rows("events")), 0)
}

func TestSalesforceGivesTokensThatEnd(t *testing.T) {
	v := vendortest.Salesforce()
	for i := range 3 {
		v.Put("Case", vendortest.Row{"Id": fmt.Sprint("500", i), "ContactId": "003A", "Subject": "help"})
	}
	c := reach(t, v, bearer("none yet"))
	status, _ := c.call("POST", "/services/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_secret": {"wrong"}})
	want(t, "status of a wrong secret", status, 400)
	_, body := c.call("POST", "/services/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {"id"}, "client_secret": {v.Secret}})
	c.auth = bearer(at(body, "access_token"))
	_, body = c.call("GET", "/services/data/v60.0/query/?q="+url.QueryEscape("SELECT Id,Subject FROM Case WHERE ContactId = '003A'"), nil)
	want(t, "first page", ids(body["records"], "Id"), []string{"5000", "5001"})
	next := at(body, "nextRecordsUrl")
	_, body = c.call("GET", next, nil)
	want(t, "second page", ids(body["records"], "Id"), []string{"5002"})
	want(t, "done", at(body, "done"), "true")
	status, body = c.call("GET", "/services/data/v60.0/query/?q="+url.QueryEscape("SELECT Id FROM Case WHERE ContactId = 'o'brien'"), nil)
	want(t, "status of a query with a quote in it", status, 400)
	want(t, "its error", at(body, "list", 0, "errorCode"), "MALFORMED_QUERY")
	v.Expire()
	status, body = c.call("GET", next, nil)
	want(t, "status of a token that has ended", status, 401)
	want(t, "its error", at(body, "list", 0, "errorCode"), "INVALID_SESSION_ID")
}
