package vendors_test

import (
	"fmt"
	"slices"
	"strings"

	"volenti.dev/volenti/internal/vendortest"
)

// row is an object at a vendor. Whatever is about Anna holds "anna", whatever
// is about others "bob".
type row = vendortest.Row

// scenario is a vendor with data of Anna and of others.
type scenario struct {
	vendor  *vendortest.Vendor
	secrets func(secret string) map[string]string
	held    map[string][]row // by the vendor's table
	rows    map[string]int   // of Anna, by endpoint
	left    []string         // places that still hold her after the erasure
	consent *consent
	pause   int // seconds that the vendor asks for when it is busy
}

// consent is what becomes of a choice at the vendor.
type consent struct {
	item   string
	state  func(*vendortest.Vendor) any
	out    any
	in     any
	settle func(*vendortest.Vendor) // what the vendor does later
}

func scenarios() map[string]scenario {
	return map[string]scenario{
		"stripe": stripe(), "hubspot": hubspot(), "mailchimp": mailchimp(), "braze": braze(), "zendesk": zendesk(), "intercom": intercom(),
		"segment": segment(), "mixpanel": mixpanel(), "amplitude": amplitude(), "salesforce": salesforce(), "opendsr": opendsr(),
	}
}

func (s scenario) fill() {
	for table, rows := range s.held {
		s.vendor.Put(table, rows...)
	}
}

// many makes n rows, and one of somebody else after each.
func many(n int, anna, bob func(i int) row) (all []row) {
	for i := range n {
		all = append(all, anna(i), bob(i))
	}
	return all
}

func stripe() scenario {
	who := func(id, name string) row {
		return row{
			"id": "cus_" + id, "email": name + "@example.com", "name": name, "phone": "1 " + name, "description": "says " + name, "balance": 0,
			"address":  row{"line1": name + " street", "city": name, "country": "DE"},
			"shipping": row{"name": name, "phone": "2 " + name, "address": row{"line1": name + " yard", "city": name}},
		}
	}
	charges := many(5, func(i int) row {
		return row{
			"id": fmt.Sprint("ch_", i), "customer": "cus_1", "amount": 1000 + i, "receipt_email": "anna@example.com", "description": "for anna",
			"shipping": row{"name": "anna", "address": row{"line1": "anna street"}}, "billing_details": row{"name": "anna", "email": "anna@example.com"},
		}
	}, func(int) row { return row{"customer": "cus_2", "receipt_email": "bob@example.com"} })
	var left []string
	for i := range 5 {
		at := fmt.Sprintf("charges/ch_%d/", i)
		left = append(left, at+"billing_details/email", at+"billing_details/name", at+"receipt_email")
	}
	return scenario{
		vendor: vendortest.Stripe(),
		secrets: func(secret string) map[string]string {
			return map[string]string{"api_key": secret}
		},
		held: map[string][]row{
			"customers": {who("1", "anna"), who("2", "bob")},
			"payment_methods": many(3, func(i int) row {
				return row{"id": fmt.Sprint("pm_", i), "customer": "cus_1", "type": "card", "card": row{"last4": "4242"}, "billing_details": row{"name": "anna", "email": "anna@example.com", "address": row{"city": "anna"}}}
			}, func(int) row { return row{"customer": "cus_2", "billing_details": row{"name": "bob"}} }),
			"charges": charges,
			"invoices": many(3, func(i int) row {
				return row{"id": fmt.Sprint("in_", i), "customer": "cus_1", "customer_email": "anna@example.com", "total": i}
			}, func(int) row { return row{"customer": "cus_2", "customer_email": "bob@example.com"} }),
			"subscriptions": {{"id": "sub_1", "customer": "cus_1", "status": "canceled"}, {"id": "sub_2", "customer": "cus_1", "status": "active"}, {"customer": "cus_2", "status": "active"}},
		},
		rows: map[string]int{"customers": 1, "payment_methods": 3, "charges": 5, "invoices": 3, "subscriptions": 2},
		left: append(left, "invoices/in_0/customer_email", "invoices/in_1/customer_email", "invoices/in_2/customer_email"),
	}
}

func hubspot() scenario {
	links := func(kind string, n int) []row {
		return many(n, func(i int) row { return row{"contact": "501", "type": kind, "to": fmt.Sprint(kind, i)} },
			func(i int) row { return row{"contact": "502", "type": kind, "to": fmt.Sprint("bob", kind, i)} })
	}
	return scenario{
		vendor:  vendortest.HubSpot(),
		secrets: func(secret string) map[string]string { return map[string]string{"access_token": secret} },
		held: map[string][]row{
			"contacts": {
				{"id": "501", "properties": row{"email": "anna@example.com", "firstname": "anna", "phone": "1 anna"}},
				{"id": "502", "properties": row{"email": "bob@example.com", "firstname": "bob"}},
			},
			"associations": append(links("tickets", 3), links("notes", 5)...),
			"tickets": many(3, func(i int) row {
				return row{"id": fmt.Sprint("tickets", i), "properties": row{"subject": "anna asks", "content": "I am anna"}}
			}, func(i int) row {
				return row{"id": fmt.Sprint("bobtickets", i), "properties": row{"subject": "bob asks"}}
			}),
			"notes": many(5, func(i int) row {
				return row{"id": fmt.Sprint("notes", i), "properties": row{"hs_note_body": "called anna"}}
			}, func(i int) row {
				return row{"id": fmt.Sprint("bobnotes", i), "properties": row{"hs_note_body": "called bob"}}
			}),
			"statuses": {{"email": "anna@example.com", "subscriptionId": "42", "status": "SUBSCRIBED"}, {"email": "bob@example.com", "subscriptionId": "42", "status": "SUBSCRIBED"}},
		},
		rows: map[string]int{"contacts": 1, "ticket_links": 3, "note_links": 5, "tickets": 3, "notes": 5, "subscriptions": 1},
		consent: &consent{item: "42", out: "UNSUBSCRIBED", in: "SUBSCRIBED", state: func(v *vendortest.Vendor) any {
			return of(v, "statuses", "email")["status"]
		}},
	}
}

// of gives Anna's object in a table.
func of(v *vendortest.Vendor, table, field string) row {
	for _, r := range v.Rows(table) {
		if strings.Contains(fmt.Sprint(r[field]), "anna") {
			return r
		}
	}
	return nil
}

func mailchimp() scenario {
	s := scenario{
		vendor: vendortest.Mailchimp(),
		secrets: func(secret string) map[string]string {
			return map[string]string{"domain": "us6.api.mailchimp.com", "api_key": secret}
		},
		held: map[string][]row{},
		rows: map[string]int{"audiences": 120, "members": 2, "notes": 150, "activity": 1},
		consent: &consent{item: "l7", out: "unsubscribed", in: "subscribed", state: func(v *vendortest.Vendor) any {
			for _, m := range v.Rows("members") {
				if m["list_id"] == "l7" && m["email_address"] == "anna@example.com" {
					return m["status"]
				}
			}
			return nil
		}},
	}
	for i := range 120 {
		s.held["lists"] = append(s.held["lists"], row{"id": fmt.Sprint("l", i), "name": "a list"})
	}
	for _, list := range []string{"l7", "l110"} {
		vendortest.PutMember(s.vendor, list, row{"email_address": "bob@example.com", "full_name": "bob"})
		hash := vendortest.PutMember(s.vendor, list, row{"email_address": "anna@example.com", "full_name": "anna", "status": "subscribed", "merge_fields": row{"FNAME": "anna"}})
		if list == "l7" {
			s.held["activity"] = []row{{"member": list + "/" + hash, "activity_type": "open", "campaign_title": "dear anna", "created_at_timestamp": "1"}}
			s.held["notes"] = many(150, func(i int) row {
				return row{"id": i, "list_id": list, "member": list + "/" + hash, "note": "anna called"}
			}, func(i int) row {
				return row{"id": 1000 + i, "list_id": list, "member": "l7/other", "note": "bob called"}
			})
		}
	}
	return s
}

func braze() scenario {
	return scenario{
		vendor: vendortest.Braze(),
		secrets: func(secret string) map[string]string {
			return map[string]string{"domain": "rest.fra-01.braze.eu", "api_key": secret}
		},
		held: map[string][]row{"users": {
			{"braze_id": "b1", "external_id": "u1", "email": "anna@example.com", "first_name": "anna"},
			{"braze_id": "b2", "external_id": "u1-old", "email": "anna@example.com", "first_name": "anna"},
			{"braze_id": "b3", "external_id": "u10", "email": "bob@example.com", "first_name": "bob"},
		}},
		rows: map[string]int{"users": 2},
		consent: &consent{item: "g1", out: "unsubscribed", in: "subscribed", state: func(v *vendortest.Vendor) any {
			return of(v, "subscriptions", "email")["state"]
		}},
	}
}

func zendesk() scenario {
	return scenario{
		vendor: vendortest.Zendesk(),
		secrets: func(secret string) map[string]string {
			return map[string]string{"domain": "shop.zendesk.com", "user": "admin@example.com", "api_token": secret}
		},
		held: map[string][]row{
			"users": {
				{"id": 7, "name": "anna", "email": "Anna@example.com", "active": true, "notes": "likes anna"},
				{"id": 8, "name": "bob", "email": "anna@example.community", "active": true},
			},
			"tickets": many(5, func(i int) row { return row{"id": 70 + i, "requester_id": 7, "subject": "from anna"} },
				func(i int) row { return row{"id": 80 + i, "requester_id": 8, "subject": "from bob"} }),
			"comments": many(3, func(i int) row { return row{"id": 700 + i, "ticket": 70, "plain_body": "I am anna"} },
				func(i int) row { return row{"id": 800 + i, "ticket": 80, "plain_body": "I am bob"} }),
		},
		rows:  map[string]int{"users": 1, "profiles": 1, "tickets": 5, "comments": 3},
		left:  []string{"users/8/email"}, // bob's
		pause: 11,
	}
}

func intercom() scenario {
	return scenario{
		vendor:  vendortest.Intercom(),
		secrets: func(secret string) map[string]string { return map[string]string{"access_token": secret} },
		held: map[string][]row{
			"contacts": append(many(3, func(i int) row {
				return row{"id": fmt.Sprint("k", i), "role": "lead", "email": "anna@example.com", "name": "anna"}
			}, func(i int) row { return row{"id": fmt.Sprint("b", i), "email": "bob@example.com"} }),
				row{"id": "k9", "role": "user", "external_id": "u1", "email": "other anna", "name": "anna"}),
			"conversations": many(5, func(i int) row { return row{"id": fmt.Sprint("c", i), "contact": "k1", "title": "anna asks"} },
				func(i int) row { return row{"id": fmt.Sprint("bc", i), "contact": "b1", "title": "bob asks"} }),
			"parts": many(3, func(i int) row { return row{"conversation": fmt.Sprint("c", i), "body": "anna says"} },
				func(i int) row { return row{"conversation": fmt.Sprint("bc", i), "body": "bob says"} }),
		},
		rows: map[string]int{"contacts": 4, "conversations": 5, "messages": 3},
	}
}

func segment() scenario {
	about := func(user, name string) func(int) row {
		return func(i int) row {
			return row{"id": fmt.Sprint(name, i), "user_id": user, "type": "email", "message_id": fmt.Sprint("m", i), "event": name + " looked"}
		}
	}
	return scenario{
		vendor: vendortest.Segment(),
		secrets: func(secret string) map[string]string {
			return map[string]string{"public_token": secret, "profiles_token": secret, "space_id": "lg8283283"}
		},
		held: map[string][]row{
			"profiles":     {{"user_id": "u1", "traits": row{"email": "anna@example.com"}}, {"user_id": "u10", "traits": row{"email": "bob@example.com"}}},
			"external_ids": many(3, about("u1", "anna"), about("u10", "bob")),
			"events":       many(5, about("u1", "anna"), about("u10", "bob")),
		},
		rows: map[string]int{"users": 1, "traits": 1, "external_ids": 3, "events": 5},
		consent: &consent{out: 1, in: 0, settle: (*vendortest.Vendor).Finish, state: func(v *vendortest.Vendor) any {
			return len(v.Rows("suppressed"))
		}},
	}
}

func mixpanel() scenario {
	return scenario{
		vendor: vendortest.Mixpanel(),
		secrets: func(secret string) map[string]string {
			return map[string]string{"project_id": "12", "project_token": "t", "service_account": "volenti.1a2b", "service_secret": secret, "gdpr_token": secret}
		},
		held: map[string][]row{
			"profiles": {{"distinct_id": "u1", "properties": row{"$email": "anna@example.com"}}, {"distinct_id": "u10", "properties": row{"$email": "bob@example.com"}}},
			"events":   {{"distinct_id": "u1", "event": "anna looked"}, {"distinct_id": "u10", "event": "bob looked"}},
		},
		rows: map[string]int{"profiles": 1},
	}
}

func amplitude() scenario {
	const anna, bob = 247246881751, 99
	return scenario{
		vendor:  vendortest.Amplitude(),
		secrets: func(secret string) map[string]string { return map[string]string{"api_key": "k", "secret_key": secret} },
		held: map[string][]row{
			"users": {{"user_id": "u1", "amplitude_id": anna, "city": "anna"}, {"user_id": "u10", "amplitude_id": bob, "city": "bob"}},
			"events": many(1100, func(i int) row { return row{"amplitude_id": anna, "event_id": i, "event_type": "anna looked"} },
				func(i int) row { return row{"amplitude_id": bob, "event_id": i, "event_type": "bob looked"} }),
		},
		rows: map[string]int{"users": 1, "activity": 1, "events": 1100},
	}
}

func salesforce() scenario {
	return scenario{
		vendor: vendortest.Salesforce(),
		secrets: func(secret string) map[string]string {
			return map[string]string{"domain": "shop.my.salesforce.com", "client_id": "id", "client_secret": secret}
		},
		held: map[string][]row{
			"Contact": {
				{"id": "1", "Id": "003A", "LastName": "anna", "FirstName": "anna", "Email": "Anna@example.com", "MailingCity": "anna"},
				{"id": "2", "Id": "003B", "LastName": "bob", "Email": "bob.anna@example.com", "Description": "bob knows anna@example.com"},
			},
			"Lead": {{"id": "3", "Id": "00QA", "LastName": "anna", "Email": "anna@example.com"}},
			"Case": many(3, func(i int) row {
				return row{"id": fmt.Sprint("a", i), "Id": fmt.Sprint("500A", i), "ContactId": "003A", "Subject": "anna asks", "SuppliedEmail": "anna@example.com"}
			}, func(i int) row {
				return row{"id": fmt.Sprint("b", i), "Id": fmt.Sprint("500B", i), "ContactId": "003B", "Subject": "bob asks"}
			}),
		},
		rows: map[string]int{"contacts": 1, "leads": 1, "cases": 3},
		left: []string{"Contact/2/Description", "Contact/2/Email"}, // bob's
	}
}

func opendsr() scenario {
	return scenario{
		vendor: vendortest.OpenDSR(),
		secrets: func(secret string) map[string]string {
			return map[string]string{"domain": "opendsr.processor.example", "authorization": secret}
		},
		held: map[string][]row{"people": {{"email": "anna@example.com"}, {"email": "bob@example.com"}}},
		rows: map[string]int{"subjects": 1},
	}
}

// sorted gives the places in order.
func sorted(places []string) []string {
	slices.Sort(places)
	return places
}
