package vendortest

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Salesforce speaks Salesforce's REST API: tokens by client credentials, which
// end when Expire is called, searches that find whatever holds the text,
// queries in pages, and changes of records.
//
// Tables: Contact, Lead and Case, the last with "ContactId"; ids in "Id".
//
// From developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest:
// resources_search_parameterized_get, dome_query, dome_update_fields, errorcodes;
// and help.salesforce.com: OAuth 2.0 Client Credentials Flow.
func Salesforce() *Vendor {
	return vendor("canary00Dx0000000client", rules{
		hosts: []string{"shop.my.salesforce.com"},
		allowed: func(v *Vendor, r *http.Request) bool {
			return r.URL.Path == "/services/oauth2/token" || r.Header.Get("Authorization") == "Bearer "+v.token()
		},
		denied:  salesforceError(http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid"),
		busy:    salesforceError(http.StatusTooManyRequests, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests limit exceeded"),
		unknown: salesforceError(http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist"),
		routes: map[string]func(*Vendor, request) answer{
			"POST /services/oauth2/token":                          salesforceToken,
			"GET /services/data/{version}/parameterizedSearch/":    salesforceSearch,
			"GET /services/data/{version}/query/":                  salesforceQuery,
			"GET /services/data/{version}/query/{locator}":         salesforceMore,
			"PATCH /services/data/{version}/sobjects/{table}/{id}": salesforceUpdate,
		},
	})
}

// Expire ends all tokens that were given.
func (v *Vendor) Expire() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tokens++
}

func (v *Vendor) token() string { return fmt.Sprint("canary-token-", v.tokens) }

func salesforceError(status int, code, message string) answer {
	return answer{status: status, body: []Row{{"errorCode": code, "message": message}}}
}

func salesforceToken(v *Vendor, r request) answer {
	if r.body["grant_type"] != "client_credentials" || r.body["client_secret"] != v.Secret {
		return answer{status: http.StatusBadRequest, body: Row{"error": "invalid_client", "error_description": "invalid client credentials"}}
	}
	return ok(Row{"access_token": v.token(), "instance_url": "https://shop.my.salesforce.com", "token_type": "Bearer"})
}

// salesforceSearch finds what holds the text, and so more than what is it.
func salesforceSearch(v *Vendor, r request) answer {
	table := r.query("sobject")
	fields := strings.Split(r.query(table+".fields"), ",")
	found := []Row{}
	for _, row := range v.tables[table] {
		for _, value := range row {
			if text, isText := value.(string); isText && strings.Contains(strings.ToLower(text), strings.ToLower(r.query("q"))) {
				found = append(found, salesforceShown(table, row, fields))
				break
			}
		}
	}
	return ok(Row{"searchRecords": found})
}

func salesforceShown(table string, row Row, fields []string) Row {
	shown := Row{"attributes": Row{"type": table, "url": fmt.Sprint("/services/data/v60.0/sobjects/", table, "/", row["Id"])}}
	for _, field := range fields {
		shown[field] = row[field]
	}
	return shown
}

var soql = regexp.MustCompile(`^SELECT ([A-Za-z_,]+) FROM (\w+) WHERE (\w+) = '(\w+)'$`)

// salesforceQuery knows one form of query, and pages of two.
func salesforceQuery(v *Vendor, r request) answer {
	parts := soql.FindStringSubmatch(r.query("q"))
	if parts == nil {
		return salesforceError(http.StatusBadRequest, "MALFORMED_QUERY", "unexpected token")
	}
	return salesforcePage(v, r, parts, 0)
}

func salesforcePage(v *Vendor, r request, parts []string, from int) answer {
	rows := v.where(parts[2], parts[3], parts[4])
	records := []Row{}
	for _, row := range pageFrom(rows, from, perPage) {
		records = append(records, salesforceShown(parts[2], row, strings.Split(parts[1], ",")))
	}
	body := Row{"totalSize": len(rows), "done": from+perPage >= len(rows), "records": records}
	if body["done"] == false {
		locator := v.id("locators")
		v.tables["locators"] = append(v.tables["locators"], Row{"id": locator, "query": parts[0], "from": from + perPage})
		body["nextRecordsUrl"] = "/services/data/" + r.PathValue("version") + "/query/" + locator
	}
	return ok(body)
}

func salesforceMore(v *Vendor, r request) answer {
	locator := v.find("locators", r.PathValue("locator"))
	if locator == nil {
		return salesforceError(http.StatusBadRequest, "INVALID_QUERY_LOCATOR", "invalid query locator")
	}
	from, _ := locator["from"].(int)
	return salesforcePage(v, r, soql.FindStringSubmatch(fmt.Sprint(locator["query"])), from)
}

func salesforceUpdate(v *Vendor, r request) answer {
	rows := v.where(r.PathValue("table"), "Id", r.PathValue("id"))
	if len(rows) == 0 {
		return salesforceError(http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
	}
	if r.PathValue("table") == "Contact" {
		if name, given := r.body["LastName"]; given && (name == nil || name == "") {
			return salesforceError(http.StatusBadRequest, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]")
		}
	}
	merge(rows[0], r.body)
	return answer{status: http.StatusNoContent}
}
