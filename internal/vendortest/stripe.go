package vendortest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
)

// Stripe speaks Stripe's API: forms in, JSON out, the secret key as the user of
// basic authentication, lists by starting_after, and idempotency keys.
//
// Tables: customers, payment_methods, charges, invoices, subscriptions; all but
// the first with the id of the customer in "customer". receipts hold {to}: whom
// Stripe has sent the receipt of a charge, as it does when the address changes.
//
// From docs.stripe.com/api: authentication, errors, idempotent_requests,
// pagination, customers, payment_methods, charges, invoices, subscriptions; and
// docs.stripe.com/rate-limits.
func Stripe() *Vendor {
	keys := map[string]struct {
		call string
		answer
	}{}
	// A key answers again what it has answered before, and only to the same call.
	once := func(route func(*Vendor, request) answer) func(*Vendor, request) answer {
		return func(v *Vendor, r request) answer {
			key := r.Header.Get("Idempotency-Key")
			call := fmt.Sprint(r.URL.Path, r.body)
			before, known := keys[key]
			switch {
			case key == "":
				return route(v, r)
			case known && before.call != call:
				return stripeError(http.StatusBadRequest, "idempotency_error", "", "Keys for idempotent requests can only be used with the same parameters.")
			case known:
				return before.answer
			}
			before.call, before.answer = call, route(v, r)
			keys[key] = before
			return before.answer
		}
	}
	return vendor("sk_test_canary4eC39HqLyjWD", rules{
		hosts: []string{"api.stripe.com"},
		allowed: func(v *Vendor, r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			return user == v.Secret && password == "" || r.Header.Get("Authorization") == "Bearer "+v.Secret
		},
		denied:  stripeError(http.StatusUnauthorized, "invalid_request_error", "", "Invalid API Key provided."),
		busy:    stripeError(http.StatusTooManyRequests, "invalid_request_error", "rate_limit", "Too many requests."),
		unknown: stripeError(http.StatusNotFound, "invalid_request_error", "", "Unrecognized request URL."),
		routes: map[string]func(*Vendor, request) answer{
			"GET /v1/customers":                      stripeList("customers", "email"),
			"POST /v1/customers/{id}":                once(stripeUpdate("customers", "address", "description", "email", "metadata", "name", "phone", "shipping")),
			"GET /v1/customers/{id}/payment_methods": stripeList("payment_methods", "customer"),
			"POST /v1/payment_methods/{id}":          once(stripeUpdate("payment_methods", "billing_details", "metadata")),
			"GET /v1/charges":                        stripeList("charges", "customer"),
			"POST /v1/charges/{id}":                  once(stripeUpdate("charges", "description", "metadata", "receipt_email", "shipping")),
			"GET /v1/invoices":                       stripeList("invoices", "customer"),
			"GET /v1/subscriptions":                  stripeList("subscriptions", "customer"),
		},
	})
}

func stripeError(status int, kind, code, message string) answer {
	e := Row{"type": kind, "message": message}
	if code != "" {
		e["code"] = code
	}
	return answer{status: status, body: Row{"error": e}}
}

// stripeList filters by a field, whose value is in the path or in the query;
// filters by address are case-sensitive.
func stripeList(table, field string) func(*Vendor, request) answer {
	return func(v *Vendor, r request) answer {
		limit, err := r.number("limit", 10, 1, 100)
		if err != nil {
			return stripeError(http.StatusBadRequest, "invalid_request_error", "parameter_invalid_integer", err.Error())
		}
		rows := v.tables[table]
		if value := cmp.Or(r.PathValue("id"), r.query(field)); value != "" {
			rows = v.where(table, field, value)
		}
		if table == "subscriptions" && r.query("status") != "all" { // unless told, without those that have ended
			rows = slices.DeleteFunc(slices.Clone(rows), func(row Row) bool { return row["status"] == "canceled" })
		}
		page, more, known := pageAfter(rows, r.query("starting_after"), limit)
		if !known {
			return stripeError(http.StatusBadRequest, "invalid_request_error", "resource_missing", "No such object to start after.")
		}
		return ok(Row{"object": "list", "url": r.URL.Path, "has_more": more, "data": page})
	}
}

// stripeUpdate sets what is given; an empty text unsets.
func stripeUpdate(table string, fields ...string) func(*Vendor, request) answer {
	return func(v *Vendor, r request) answer {
		row := v.find(table, r.PathValue("id"))
		if row == nil {
			return stripeError(http.StatusNotFound, "invalid_request_error", "resource_missing", "No such object.")
		}
		for name := range r.body {
			if !slices.Contains(fields, name) {
				return stripeError(http.StatusBadRequest, "invalid_request_error", "parameter_unknown", "Received unknown parameter: "+name)
			}
		}
		if e := stripeShipping(table, r.body["shipping"]); e != "" {
			return stripeError(http.StatusBadRequest, "invalid_request_error", "parameter_invalid_empty", e)
		}
		if to := r.body["receipt_email"]; to != nil {
			v.tables["receipts"] = append(v.tables["receipts"], Row{"id": v.id("receipts"), "to": to})
		}
		unset(r.body)
		merge(row, r.body)
		return ok(row)
	}
}

// stripeShipping says what is wrong with a shipping that is to be set: it must
// have a name and an address. That of customers can be unset as a whole.
func stripeShipping(table string, given any) string {
	switch given := given.(type) {
	case nil:
		return ""
	case Row:
		if name, _ := given["name"].(string); name != "" && given["address"] != nil {
			return ""
		}
		return "Missing required param: shipping[name] or shipping[address]."
	}
	if table == "customers" && given == "" {
		return ""
	}
	return "Invalid object"
}

func unset(body Row) {
	for name, value := range body {
		switch value := value.(type) {
		case Row:
			unset(value)
		case string:
			if value == "" {
				body[name] = nil
			}
		}
	}
}
