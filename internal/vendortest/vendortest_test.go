package vendortest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"volenti.dev/volenti/internal/vendortest"
)

// client calls a vendor as its documentation says.
type client struct {
	*testing.T
	url  string
	auth func(*http.Request)
}

func reach(t *testing.T, v *vendortest.Vendor, auth func(*http.Request)) client {
	return client{t, v.Serve(t), auth}
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func basic(user, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

// call sends a JSON body, or a form, and gives the status and what was
// answered; a list is given as its member "list".
func (c client) call(method, path string, body any, edit ...func(*http.Request)) (int, vendortest.Row) {
	c.Helper()
	text, kind := "", "application/json"
	switch body := body.(type) {
	case nil:
	case url.Values:
		text, kind = body.Encode(), "application/x-www-form-urlencoded"
	default:
		encoded, err := json.Marshal(body)
		if err != nil {
			c.Fatal(err)
		}
		text = string(encoded)
	}
	r, err := http.NewRequestWithContext(c.Context(), method, c.url+path, strings.NewReader(text))
	if err != nil {
		c.Fatal(err)
	}
	if text != "" {
		r.Header.Set("Content-Type", kind)
	}
	for _, e := range append([]func(*http.Request){c.auth}, edit...) {
		e(r)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answered, err := io.ReadAll(response.Body)
	if err != nil {
		c.Fatal(err)
	}
	if len(answered) == 0 {
		return response.StatusCode, nil
	}
	var value any
	if err := json.Unmarshal(answered, &value); err != nil {
		c.Fatalf("%s %s answered no JSON: %v", method, path, err)
	}
	if list, isList := value.([]any); isList {
		value = vendortest.Row{"list": list}
	}
	row, _ := value.(vendortest.Row)
	return response.StatusCode, row
}

// at follows a path through an answer; numbers lead into lists.
func at(value any, path ...any) string {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(vendortest.Row)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return "nothing"
			}
			value = list[step]
		}
	}
	return fmt.Sprint(value)
}

func ids(value any, field string) (all []string) {
	list, _ := value.([]any)
	for _, one := range list {
		all = append(all, at(one, field))
	}
	return all
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestVendorsRefuseAWrongSecretAndTooManyCalls(t *testing.T) {
	for name, v := range vendors() {
		t.Run(name, func(t *testing.T) {
			c := reach(t, v.vendor, v.auth("wrong"))
			status, body := c.call(v.method, v.path, v.body)
			want(t, "status of a wrong secret", status, v.denied)
			if strings.Contains(fmt.Sprint(body), v.vendor.Secret) {
				t.Error("the answer shows the secret")
			}
			c.auth = v.auth(v.vendor.Secret)
			v.vendor.Busy(1)
			if status, _ = c.call(v.method, v.path, v.body); status != http.StatusTooManyRequests {
				t.Errorf("answered %d when it was busy, want 429", status)
			}
			if status, _ = c.call(v.method, v.path, v.body); status/100 != 2 {
				t.Errorf("answered %d afterwards", status)
			}
			if status, _ = c.call("GET", "/nowhere", nil); status != http.StatusNotFound {
				t.Errorf("answered %d to a route that it has not, want 404", status)
			}
			want(t, "calls noted", len(v.vendor.Calls()), 4)
		})
	}
}

// known is a vendor with a call that it answers.
type known struct {
	vendor       *vendortest.Vendor
	auth         func(secret string) func(*http.Request)
	method, path string
	body         any
	denied       int
}

func vendors() map[string]known {
	asUser := func(secret string) func(*http.Request) { return basic(secret, "") }
	asPassword := func(secret string) func(*http.Request) { return basic("any", secret) }
	asHeader := func(secret string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", secret) }
	}
	asToken := func(secret string) func(*http.Request) {
		if secret == "wrong" {
			return bearer(secret)
		}
		return bearer("canary-token-0")
	}
	return map[string]known{
		"stripe":     {vendortest.Stripe(), asUser, "GET", "/v1/customers", nil, 401},
		"hubspot":    {vendortest.HubSpot(), bearer, "POST", "/crm/v3/objects/contacts/search", vendortest.Row{"limit": 10}, 401},
		"mailchimp":  {vendortest.Mailchimp(), asPassword, "GET", "/3.0/lists", nil, 401},
		"opendsr":    {vendortest.OpenDSR(), asHeader, "POST", "/v1/opendsr_requests", opendsr("gdpr"), 401},
		"braze":      {vendortest.Braze(), bearer, "POST", "/users/export/ids", vendortest.Row{"fields_to_export": []string{"email"}}, 401},
		"zendesk":    {vendortest.Zendesk(), func(secret string) func(*http.Request) { return basic("a@b/token", secret) }, "GET", "/api/v2/users/search?query=a", nil, 401},
		"intercom":   {vendortest.Intercom(), bearer, "POST", "/contacts/search", search("email", "x"), 401},
		"segment":    {vendortest.Segment(), bearer, "POST", "/regulations", vendortest.Row{"regulationType": "DELETE_ONLY", "subjectType": "USER_ID", "subjectIds": []string{"u1"}}, 401},
		"mixpanel":   {vendortest.Mixpanel(), asPassword, "POST", "/api/query/engage?project_id=1", url.Values{"distinct_id": {"u1"}}, 401},
		"amplitude":  {vendortest.Amplitude(), asPassword, "GET", "/api/2/usersearch?user=u1", nil, 401},
		"salesforce": {vendortest.Salesforce(), asToken, "GET", "/services/data/v60.0/query/?q=" + url.QueryEscape("SELECT Id FROM Case WHERE ContactId = '1'"), nil, 401},
	}
}

func opendsr(regulation string) vendortest.Row {
	return vendortest.Row{
		"regulation": regulation, "subject_request_type": "erasure", "submitted_time": "2026-01-02T03:04:05Z",
		"subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798",
		"subject_identities": []any{vendortest.Row{"identity_type": "email", "identity_value": "anna@example.com", "identity_format": "raw"}},
	}
}

func search(field, value string) vendortest.Row {
	return vendortest.Row{"query": vendortest.Row{"field": field, "operator": "=", "value": value}}
}

func TestHoldingFindsEveryDepth(t *testing.T) {
	v := vendortest.Stripe()
	v.Put("customers", vendortest.Row{"id": "cus_1", "email": "Anna@example.com", "shipping": vendortest.Row{"lines": []any{"anna@example.com"}}})
	v.Put("customers", vendortest.Row{"email": "bob@example.com"})
	want(t, "places", v.Holding("anna@example.com"), []string{"customers/cus_1/email", "customers/cus_1/shipping/lines/0"})
}

func TestStripeListsByCursor(t *testing.T) {
	v := vendortest.Stripe()
	for i := range 5 {
		v.Put("charges", vendortest.Row{"id": fmt.Sprint("ch_", i), "customer": "cus_1"}, vendortest.Row{"customer": "cus_2"})
	}
	c := reach(t, v, basic(v.Secret, ""))
	after, all := "", []string(nil)
	for more := "true"; more == "true"; {
		status, body := c.call("GET", "/v1/charges?customer=cus_1&limit=100"+after, nil)
		want(t, "status", status, 200)
		page := ids(body["data"], "id")
		all, more = append(all, page...), at(body, "has_more")
		after = "&starting_after=" + page[len(page)-1]
	}
	want(t, "charges", all, []string{"ch_0", "ch_1", "ch_2", "ch_3", "ch_4"})
	status, body := c.call("GET", "/v1/charges?limit=101", nil)
	want(t, "error of a limit", at(body, "error", "type"), "invalid_request_error")
	want(t, "status of a limit", status, 400)
	if status, _ = c.call("GET", "/v1/charges?starting_after=ch_9", nil); status != 400 {
		t.Errorf("answered %d to a cursor that it did not give, want 400", status)
	}
}

func TestStripeTakesAnIdempotencyKeyOnce(t *testing.T) {
	v := vendortest.Stripe()
	v.Put("customers", vendortest.Row{"id": "cus_1", "name": "Anna", "shipping": vendortest.Row{"name": "Anna", "phone": "1"}})
	c := reach(t, v, basic(v.Secret, ""))
	key := func(r *http.Request) { r.Header.Set("Idempotency-Key", "k1") }
	form := url.Values{"name": {""}, "shipping[name]": {"erased"}, "shipping[address][city]": {"x"}}
	for range 2 {
		status, body := c.call("POST", "/v1/customers/cus_1", form, key)
		want(t, "status", status, 200)
		want(t, "shipping", at(body, "shipping"), "map[address:map[city:x] name:erased phone:1]")
	}
	status, body := c.call("POST", "/v1/customers/cus_1", url.Values{"name": {"Eve"}}, key)
	want(t, "status", status, 400)
	want(t, "error", at(body, "error", "type"), "idempotency_error")
	want(t, "name", v.Rows("customers")[0]["name"], any(nil))
	status, body = c.call("POST", "/v1/customers/cus_1", url.Values{"balance": {"1"}})
	want(t, "status of an unknown parameter", status, 400)
	want(t, "code", at(body, "error", "code"), "parameter_unknown")
}

func TestStripeWantsANameInShippingAndSendsReceipts(t *testing.T) {
	v := vendortest.Stripe()
	held := vendortest.Row{"id": "1", "shipping": vendortest.Row{"name": "Anna", "address": vendortest.Row{"city": "Rome"}}}
	v.Put("customers", held)
	v.Put("charges", held)
	c := reach(t, v, basic(v.Secret, ""))
	for form, status := range map[string]int{
		"shipping[name]=": 400, "shipping[phone]=": 400, "shipping[name]=x&shipping[address][city]=": 200, "shipping=": 200, "shipping=x": 400,
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := c.call("POST", "/v1/customers/1", values)
		want(t, form, got, status)
	}
	got, _ := c.call("POST", "/v1/charges/1", url.Values{"shipping": {""}})
	want(t, "shipping of a charge, unset", got, 400)
	c.call("POST", "/v1/charges/1", url.Values{"description": {"x"}})
	want(t, "receipts", len(v.Rows("receipts")), 0)
	c.call("POST", "/v1/charges/1", url.Values{"receipt_email": {"eve@example.com"}})
	want(t, "whom the receipt went to", v.Rows("receipts")[0]["to"], any("eve@example.com"))
}

func TestHubSpotSearchesAndDeletesForGood(t *testing.T) {
	v := vendortest.HubSpot()
	v.Put("contacts", vendortest.Row{"id": "501", "properties": vendortest.Row{"email": "anna@example.com", "phone": "1"}},
		vendortest.Row{"id": "502", "properties": vendortest.Row{"email": "bob@example.com"}})
	for i := range 3 {
		v.Put("associations", vendortest.Row{"contact": "501", "type": "tickets", "to": 900 + i})
	}
	v.Put("tickets", vendortest.Row{"id": "900", "properties": vendortest.Row{"content": "help"}})
	c := reach(t, v, bearer(v.Secret))

	filter := []any{vendortest.Row{"filters": []any{vendortest.Row{"propertyName": "email", "operator": "EQ", "value": "Anna@example.com"}}}}
	_, body := c.call("POST", "/crm/v3/objects/contacts/search", vendortest.Row{"filterGroups": filter, "properties": []string{"email"}})
	want(t, "found", at(body, "results", 0, "properties"), "map[email:anna@example.com hs_object_id:501]")
	want(t, "total", at(body, "total"), "1")

	_, body = c.call("GET", "/crm/v4/objects/contacts/501/associations/tickets?limit=500", nil)
	want(t, "first page", ids(body["results"], "toObjectId"), []string{"900", "901"})
	link := "/crm" + strings.SplitN(at(body, "paging", "next", "link"), "/crm", 2)[1]
	_, body = c.call("GET", link, nil)
	want(t, "second page", ids(body["results"], "toObjectId"), []string{"902"})
	want(t, "paging of the last page", at(body, "paging"), "<nil>")

	status, _ := c.call("POST", "/crm/v3/objects/contacts/gdpr-delete", vendortest.Row{"objectId": "501"})
	want(t, "status", status, 204)
	want(t, "left of her", v.Holding("anna@example.com"), []string(nil))
	want(t, "associations", len(v.Rows("associations")), 0)
	want(t, "tickets, which stay", len(v.Rows("tickets")), 1)
	status, _ = c.call("POST", "/crm/v3/objects/contacts/gdpr-delete", vendortest.Row{"objectId": "501"})
	want(t, "status of what is gone", status, 404)
}

func TestHubSpotSetsOneSubscription(t *testing.T) {
	v := vendortest.HubSpot()
	c := reach(t, v, bearer(v.Secret))
	for _, state := range []string{"SUBSCRIBED", "UNSUBSCRIBED"} {
		status, _ := c.call("POST", "/communication-preferences/v4/statuses/anna@example.com",
			vendortest.Row{"channel": "EMAIL", "statusState": state, "subscriptionId": 42, "legalBasis": "CONSENT_WITH_NOTICE", "legalBasisExplanation": "asked"})
		want(t, "status", status, 200)
	}
	_, body := c.call("GET", "/communication-preferences/v4/statuses/anna@example.com?channel=EMAIL", nil)
	want(t, "statuses", ids(body["results"], "status"), []string{"UNSUBSCRIBED"})
	for what, body := range map[string]vendortest.Row{
		"a wrong state":      {"channel": "EMAIL", "statusState": "GONE", "subscriptionId": 42, "legalBasis": "CONSENT_WITH_NOTICE", "legalBasisExplanation": "asked"},
		"no legal basis":     {"channel": "EMAIL", "statusState": "SUBSCRIBED", "subscriptionId": 42},
		"an id that is text": {"channel": "EMAIL", "statusState": "SUBSCRIBED", "subscriptionId": "42", "legalBasis": "CONSENT_WITH_NOTICE", "legalBasisExplanation": "asked"},
	} {
		status, _ := c.call("POST", "/communication-preferences/v4/statuses/anna@example.com", body)
		want(t, "status of "+what, status, 400)
	}
}

func TestMailchimpListsByOffset(t *testing.T) {
	v := vendortest.Mailchimp()
	for i := range 12 {
		v.Put("lists", vendortest.Row{"id": fmt.Sprint("l", i)})
	}
	c := reach(t, v, basic("any", v.Secret))
	_, body := c.call("GET", "/3.0/lists", nil)
	want(t, "lists unless told how many", len(ids(body["lists"], "id")), 10)
	_, body = c.call("GET", "/3.0/lists?count=10&offset=10", nil)
	want(t, "the rest", ids(body["lists"], "id"), []string{"l10", "l11"})
	status, body := c.call("GET", "/3.0/lists?count=1001", nil)
	want(t, "status", status, 400)
	want(t, "title", at(body, "title"), "Invalid Resource")
}

func TestMailchimpDoesNotSubscribeAgainWhoLeft(t *testing.T) {
	v := vendortest.Mailchimp()
	v.Put("lists", vendortest.Row{"id": "l1"})
	vendortest.PutMember(v, "l1", vendortest.Row{"email_address": "bob@example.com", "status": "unsubscribed", "compliance": true})
	c := reach(t, v, basic("any", v.Secret))
	put := func(address, ifNew, status string) (int, vendortest.Row) {
		return c.call("PUT", "/3.0/lists/l1/members/"+address, vendortest.Row{"email_address": address, "status_if_new": ifNew, "status": status})
	}
	status, body := put("Anna@example.com", "subscribed", "subscribed")
	want(t, "status of a new member", status, 200)
	want(t, "id", at(body, "id"), "6b56db1f84a3997b902509d3fbf0a306")
	put("anna@example.com", "unsubscribed", "unsubscribed")
	status, _ = put("anna@example.com", "subscribed", "subscribed")
	want(t, "status of who was unsubscribed by us", status, 200)
	status, body = put("bob@example.com", "subscribed", "subscribed")
	want(t, "status", status, 400)
	want(t, "title", at(body, "title"), "Member In Compliance State")
	_, body = put("bob@example.com", "pending", "pending")
	want(t, "member", at(body, "status"), "pending")

	v.Put("notes", vendortest.Row{"list_id": "l1", "member": "l1/" + at(body, "id"), "note": "called"})
	status, _ = c.call("POST", "/3.0/lists/l1/members/bob@example.com/actions/delete-permanent", nil)
	want(t, "status", status, 204)
	want(t, "members", len(v.Rows("members")), 1)
	want(t, "notes", len(v.Rows("notes")), 0)
}
