package vendortest

import (
	"fmt"
	"net/http"
	"strings"
)

// HubSpot speaks HubSpot's API: a bearer token, searches by POST, lists by the
// cursor after, and the GDPR deletion of contacts.
//
// Tables: contacts, tickets and notes hold {id, properties}; associations hold
// {contact, type ("tickets" or "notes"), to}; statuses hold {email,
// subscriptionId, status}; blocked holds addresses that were deleted without
// being there.
//
// From developers.hubspot.com/docs/api-reference: crm search, contacts
// (gdpr-delete), associations v4, tickets, notes, communication preferences v4;
// and guides/apps/api-usage/usage-details.
func HubSpot() *Vendor {
	return vendor("pat-eu1-canary-6f0b7c1e", rules{
		hosts:   []string{"api.hubapi.com"},
		allowed: bearer,
		denied:  hubspotError(http.StatusUnauthorized, "INVALID_AUTHENTICATION", "Authentication credentials not found."),
		busy: answer{status: http.StatusTooManyRequests, body: Row{
			"status": "error", "message": "You have reached your ten_secondly_rolling limit.",
			"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING", "correlationId": hubspotCorrelation,
		}},
		unknown: answer{status: http.StatusNotFound},
		routes: map[string]func(*Vendor, request) answer{
			"POST /crm/v3/objects/contacts/search":                     hubspotSearch,
			"POST /crm/v3/objects/contacts/gdpr-delete":                hubspotDelete,
			"GET /crm/v4/objects/contacts/{id}/associations/{type}":    hubspotAssociations,
			"GET /crm/v3/objects/{type}/{id}":                          hubspotRead,
			"PATCH /crm/v3/objects/{type}/{id}":                        hubspotUpdate,
			"DELETE /crm/v3/objects/{type}/{id}":                       hubspotArchive,
			"GET /communication-preferences/v4/statuses/{subscriber}":  hubspotStatuses,
			"POST /communication-preferences/v4/statuses/{subscriber}": hubspotSetStatus,
		},
	})
}

func bearer(v *Vendor, r *http.Request) bool {
	return r.Header.Get("Authorization") == "Bearer "+v.Secret
}

const hubspotCorrelation = "aeb5f871-7f07-4993-9211-075dc63e7cbf"

func hubspotError(status int, category, message string) answer {
	return answer{status: status, body: Row{
		"status": "error", "message": message, "correlationId": hubspotCorrelation, "category": category,
	}}
}

var hubspotMissing = hubspotError(http.StatusNotFound, "OBJECT_NOT_FOUND", "resource not found")

// hubspotSearch knows the operator EQ on properties, groups joined by OR.
func hubspotSearch(v *Vendor, r request) answer {
	limit, isNumber := r.body["limit"].(float64)
	if isNumber && (limit < 1 || limit > 200) {
		return hubspotError(http.StatusBadRequest, "VALIDATION_ERROR", "limit must be between 1 and 200")
	}
	found := []Row{}
	for _, contact := range v.tables["contacts"] {
		if hubspotMatches(contact, r.body["filterGroups"]) {
			found = append(found, hubspotShown(contact, strings.Join(texts(r.body["properties"]), ",")))
		}
	}
	return ok(Row{"total": len(found), "results": found})
}

func hubspotMatches(contact Row, groups any) bool {
	list, _ := groups.([]any)
	for _, group := range list {
		group, _ := group.(Row)
		filters, _ := group["filters"].([]any)
		all := len(filters) > 0
		for _, filter := range filters {
			filter, _ := filter.(Row)
			properties, _ := contact["properties"].(Row)
			value := fmt.Sprint(properties[fmt.Sprint(filter["propertyName"])])
			all = all && filter["operator"] == "EQ" && strings.EqualFold(value, fmt.Sprint(filter["value"]))
		}
		if all {
			return true
		}
	}
	return false
}

// hubspotShown gives an object with those properties that were asked for, null
// where it has none.
func hubspotShown(object Row, properties string) Row {
	all, _ := object["properties"].(Row)
	shown := Row{"hs_object_id": object["id"]}
	for _, name := range strings.Split(properties, ",") {
		if name != "" {
			shown[name] = all[name]
		}
	}
	return Row{"id": object["id"], "properties": shown, "archived": false}
}

func texts(value any) (all []string) {
	list, _ := value.([]any)
	for _, one := range list {
		all = append(all, fmt.Sprint(one))
	}
	return all
}

// hubspotDelete removes a contact and what ties it to other objects, which
// stay. An address that is not there is blocked.
func hubspotDelete(v *Vendor, r request) answer {
	id := fmt.Sprint(r.body["objectId"])
	if r.body["idProperty"] == "email" {
		address := id
		id = ""
		for _, contact := range v.tables["contacts"] {
			if properties, _ := contact["properties"].(Row); properties["email"] == address {
				id = fmt.Sprint(contact["id"])
			}
		}
		if id == "" {
			v.tables["blocked"] = append(v.tables["blocked"], Row{"id": v.id("blocked"), "email": address})
			return answer{status: http.StatusNoContent}
		}
	}
	contact := v.find("contacts", id)
	if contact == nil {
		return hubspotMissing
	}
	properties, _ := contact["properties"].(Row)
	v.remove("statuses", "email", properties["email"])
	v.remove("associations", "contact", id)
	v.remove("contacts", "id", id)
	return answer{status: http.StatusNoContent}
}

func hubspotAssociations(v *Vendor, r request) answer {
	limit, err := r.number("limit", 500, 1, 500)
	if err != nil {
		return hubspotError(http.StatusBadRequest, "VALIDATION_ERROR", err.Error())
	}
	if v.find("contacts", r.PathValue("id")) == nil {
		return hubspotMissing
	}
	var rows []Row
	for _, a := range v.where("associations", "contact", r.PathValue("id")) {
		if a["type"] == r.PathValue("type") {
			rows = append(rows, a)
		}
	}
	page, more, known := pageAfter(rows, r.query("after"), limit)
	if !known {
		return hubspotError(http.StatusBadRequest, "VALIDATION_ERROR", "after is not a cursor")
	}
	results := []Row{}
	for _, a := range page {
		results = append(results, Row{"toObjectId": a["to"], "associationTypes": []Row{{"category": "HUBSPOT_DEFINED", "typeId": 1, "label": nil}}})
	}
	body := Row{"results": results}
	if more {
		after := fmt.Sprint(page[len(page)-1]["id"])
		body["paging"] = Row{"next": Row{"after": after, "link": "https://" + r.Host + r.URL.Path + "?limit=" + fmt.Sprint(limit) + "&after=" + after}}
	}
	return ok(body)
}

func hubspotRead(v *Vendor, r request) answer {
	object := v.find(r.PathValue("type"), r.PathValue("id"))
	if object == nil {
		return hubspotMissing
	}
	return ok(hubspotShown(object, r.query("properties")))
}

func hubspotUpdate(v *Vendor, r request) answer {
	object := v.find(r.PathValue("type"), r.PathValue("id"))
	given, isObject := r.body["properties"].(Row)
	switch {
	case object == nil:
		return hubspotMissing
	case !isObject || len(r.body) > 1:
		return hubspotError(http.StatusBadRequest, "VALIDATION_ERROR", "properties must be an object, and all there is")
	}
	merge(object, Row{"properties": given})
	return ok(hubspotShown(object, ""))
}

func hubspotArchive(v *Vendor, r request) answer {
	v.remove(r.PathValue("type"), "id", r.PathValue("id"))
	return answer{status: http.StatusNoContent}
}

func hubspotStatuses(v *Vendor, r request) answer {
	if r.query("channel") != "EMAIL" {
		return hubspotError(http.StatusBadRequest, "VALIDATION_ERROR", "channel must be EMAIL")
	}
	results := []Row{}
	for _, status := range v.where("statuses", "email", r.PathValue("subscriber")) {
		results = append(results, hubspotStatus(status))
	}
	return ok(Row{"status": "COMPLETE", "results": results})
}

func hubspotStatus(status Row) Row {
	return Row{
		"channel": "EMAIL", "subscriberIdString": status["email"], "subscriptionId": status["subscriptionId"],
		"status": status["status"], "source": "API", "timestamp": "2026-01-02T03:04:05Z",
	}
}

func hubspotSetStatus(v *Vendor, r request) answer {
	state := fmt.Sprint(r.body["statusState"])
	id, isNumber := r.body["subscriptionId"].(float64)
	switch {
	case r.body["channel"] != "EMAIL" || !isNumber:
		return hubspotError(http.StatusBadRequest, "VALIDATION_ERROR", "channel must be EMAIL and subscriptionId a number")
	case r.body["legalBasis"] == nil || r.body["legalBasisExplanation"] == nil: // as with privacy settings
		return hubspotError(http.StatusBadRequest, "VALIDATION_ERROR", "legalBasis and legalBasisExplanation are required")
	case state != "SUBSCRIBED" && state != "UNSUBSCRIBED" && state != "NOT_SPECIFIED":
		return hubspotError(http.StatusBadRequest, "VALIDATION_ERROR", "statusState must be SUBSCRIBED, UNSUBSCRIBED or NOT_SPECIFIED")
	}
	subscription := fmt.Sprint(int(id))
	for _, status := range v.where("statuses", "email", r.PathValue("subscriber")) {
		if fmt.Sprint(status["subscriptionId"]) == subscription {
			status["status"] = state
			return ok(Row{"status": "COMPLETE", "results": []Row{hubspotStatus(status)}})
		}
	}
	status := Row{"id": v.id("statuses"), "email": r.PathValue("subscriber"), "subscriptionId": subscription, "status": state}
	v.tables["statuses"] = append(v.tables["statuses"], status)
	return ok(Row{"status": "COMPLETE", "results": []Row{hubspotStatus(status)}})
}
