package site

import (
	"net"
	"net/url"

	banner "volenti.dev/volenti/consent/site"
)

// Draft is what the banner of the shop at this origin asks, for the services at
// another.
func Draft(origin, vendor string) banner.Draft {
	var hosts []string // an address has no name; then the paths tell
	if u, err := url.Parse(vendor); err == nil && net.ParseIP(u.Hostname()) == nil {
		hosts = []string{u.Hostname()}
	}
	service := func(key, name, category, purpose string, days int, cookies ...banner.Cookie) banner.Vendor {
		return banner.Vendor{
			Key: key, Name: name, Provider: name + " (made up)", Country: "NL", Category: category, Purposes: []string{purpose},
			Privacy: "https://" + key + ".example/privacy", RetentionDays: days, Cookies: cookies,
			Hosts: hosts, Scripts: []string{"/" + key + "."},
		}
	}
	var languages []string
	for _, t := range tongues {
		languages = append(languages, t.Code)
	}
	return banner.Draft{
		Origins:   []string{origin},
		Languages: languages,
		Links:     map[string]map[string]string{"privacy": {"": origin + "/privacy"}, "imprint": {"": origin + "/imprint"}},
		Categories: []banner.Category{
			{Key: "necessary", Necessary: true, Google: []string{"security_storage"}, Cookies: []banner.Cookie{{Name: basketCookie, Days: 1, Purpose: "How many things are in the basket"}}},
			{Key: "functional", Google: []string{"functionality_storage", "personalization_storage"}},
			{Key: "statistics", Google: []string{"analytics_storage"}},
			{Key: "marketing", Sale: true, Google: []string{"ad_storage", "ad_user_data", "ad_personalization"}},
		},
		Vendors: []banner.Vendor{
			service("clipnook", "Clipnook", "functional", "Shows videos", 180),
			service("mapwren", "Mapwren", "functional", "Shows where the shop is", 30),
			service("chatterling", "Chatterling", "functional", "Lets you talk to the shop", 90, banner.Cookie{Name: "chat_open", Days: 0, Purpose: "Whether the chat is open"}),
			service("tallywell", "Tallywell", "statistics", "Counts visits and the way through the shop", 400,
				banner.Cookie{Name: "tw_id", Days: 400, Purpose: "Tells a browser from others"},
				banner.Cookie{Name: "tw_s_*", Days: 0, Purpose: "Holds a visit together"},
				banner.Cookie{Name: "tw_queue", Days: 0, Purpose: "Keeps what was not sent yet, in local storage"}),
			service("nudgeberry", "Nudgeberry", "marketing", "Shows advertising elsewhere that fits what you looked at here", 90,
				banner.Cookie{Name: "nb_seen", Days: 90, Purpose: "What was looked at"}),
		},
		Regions: []banner.Region{
			{Key: "us", Countries: []string{"US"}, Mode: banner.OptOut},
			{Key: "world", Mode: banner.OptIn},
		},
	}
}
