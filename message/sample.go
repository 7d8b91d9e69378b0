package message

import (
	"maps"
	"slices"
)

// samples are made-up values for letters of a kind: one with everything in it,
// and then others, so that a template comes through its other branches, too.
func samples(kind Kind) []Values {
	const (
		due = "2026-12-24"
		url = "https://privacy.example.com/requests/vr_sample"
	)
	toPerson := func(more Values) Values {
		v := Values{"reference": "0198c0de-0000-7000-8000-000000000001", "policy": "copy-of-my-data"}
		for name, value := range more {
			v[name] = value
		}
		return v
	}
	type (
		list = []any
		item = map[string]any
	)
	switch kind {
	case Receipt:
		return []Values{toPerson(Values{"due": due, "url": url}), toPerson(Values{"due": "", "url": url})}
	case Code:
		return []Values{toPerson(Values{"code": "01234567", "minutes": 10})}
	case Approval, Answer:
		return []Values{toPerson(Values{"url": url})}
	case Denial:
		return []Values{toPerson(Values{"reason": "We could not find out that it is you who asks.", "url": url})}
	case Extension:
		return []Values{toPerson(Values{"due": due, "reason": "We have to look into paper files.", "url": url})}
	case Completion:
		return []Values{
			toPerson(Values{
				"downloads": list{item{"name": "copy-of-my-data", "url": "https://privacy.example.com/packages/vd_sample"}}, "expires": due,
				"erased": list{item{"what": "customers", "count": 1}, item{"what": "orders", "count": 12}},
				"kept": list{
					item{"what": "invoices", "reason": "We have to keep them.", "ground": "§ 147 AO", "until": "2031-12-31"},
					item{"what": "complaints", "reason": "They are not settled yet.", "ground": "", "until": ""},
				},
				"residue": true, "url": url,
			}),
			toPerson(Values{"downloads": list{}, "expires": "", "erased": list{}, "kept": list{}, "residue": false, "url": url}),
		}
	case DeviceCode:
		return []Values{{"site": "Example Shop", "code": "01234567", "minutes": 15}}
	case Preferences:
		return []Values{{"url": "https://privacy.example.com/preferences/vp_sample", "minutes": 60}}
	case Password:
		return []Values{{"url": "https://privacy.example.com/new-password/vn_sample", "minutes": 60}}
	case Task:
		return []Values{{"connection": "the archive", "due": due, "url": url}, {"connection": "the archive", "due": "", "url": url}}
	case Instructions:
		return []Values{
			{"collections": list{item{
				"name":     "subscribers",
				"locators": list{item{"field": "email", "values": list{"anna@example.org", "a.berg@example.org"}, "of": "", "their": ""}},
				"update": list{
					item{"field": "name", "action": "null_rewrite", "value": ""},
					item{"field": "nickname", "action": "string_rewrite", "value": "nobody"},
				},
			}, item{
				"name":     "deliveries",
				"locators": list{item{"field": "subscriber", "values": list{}, "of": "subscribers", "their": "number"}},
				"update":   list{},
			}, item{
				"name":     "complaints",
				"locators": list{item{"field": "delivery", "values": list{}, "of": "deliveries", "their": "number"}},
				"update":   list{item{"field": "", "action": "delete", "value": ""}},
			}}, "due": due, "url": url},
			{"collections": list{}, "due": "", "url": url},
		}
	case Choices:
		const since = "2026-12-24T09:30:00Z"
		refusal := item{
			"identities": list{item{"type": "email", "value": "anna@example.org"}, item{"type": "customer_number", "value": "1017"}},
			"purpose":    "marketing_email", "names": list{"list_42", "list_43"}, "granted": false, "since": since, "key": "vc_0001",
		}
		grant := item{
			"identities": list{item{"type": "email", "value": ""}, item{"type": "customer_number", "value": "1018"}},
			"purpose":    "analytics", "names": list{}, "granted": true, "since": since, "key": "vc_0002",
		}
		return []Values{{"columns": list{"email", "customer_number"}, "rows": list{refusal, grant}}, {"columns": list{}, "rows": list{}}}
	case Reminder:
		return []Values{{"of": "task", "due": due, "url": url}, {"of": "instructions", "due": due, "url": url}, {"of": "task", "due": "", "url": url}}
	}
	return []Values{{}}
}

// Sample is a made-up letter of a kind with everything in it.
func Sample(kind Kind, language string) Letter {
	return Letter{Kind: kind, Language: language, Values: samples(kind)[0]}
}

// Names gives the names of the values that templates for a kind may use.
func Names(kind Kind) []string {
	return append(slices.Sorted(maps.Keys(samples(kind)[0])), "organisation")
}

// Check finds what is wrong with an override, before it is used: it is filled
// in with made-up values. The error is a *Fault where it is in the template.
func (o Override) Check() error {
	w, err := o.parse()
	if err != nil {
		return err
	}
	for _, sample := range samples(o.Kind) {
		values, err := plain(sample)
		if err != nil {
			return err
		}
		values["organisation"] = "Example GmbH"
		if _, err := w.fill(values); err != nil {
			return err
		}
	}
	return nil
}
