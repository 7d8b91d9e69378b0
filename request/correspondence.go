package request

import (
	"cmp"
	"io"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/message"
)

// Correspondence writes letters to the people who ask. Its letters and passes
// have their ids before they are stored, so that a commit that is tried again
// stores the same.
type Correspondence struct {
	Policy string // its name as people read it; "" for its key
	URL    string // what links begin with, without a slash at the end
	Times  int    // how often a link to a package can be used; 3
	Days   int    // how long it can be; 7
	// Until, when set, is what no link to a package outlives.
	Until  time.Time
	Now    func() time.Time
	Random io.Reader
}

// What is usual for links to packages (SE3), and how long a link to follow a
// request is good: the longest answer that the GDPR allows takes three months,
// and what becomes of it some more.
const (
	usualTimes = 3
	usualDays  = 7
	followDays = 365
)

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// Follow makes the link by which a person sees how far the request is.
func (c Correspondence) Follow(r Request) (auth.Pass, string, error) {
	return auth.NewPass(r.Tenant, auth.FollowRequest, "request/"+r.ID, auth.AnyUses, c.Now().Add(days(followDays)), c.Random)
}

// FollowURL is the page behind the token of such a link.
func (c Correspondence) FollowURL(token string) string { return c.URL + "/requests/" + token }

// Letter writes to the person about the request, with a link to follow it.
// Nothing is written where there is no address.
func (c Correspondence) Letter(r Request, to Address, kind message.Kind, values message.Values) (Told, error) {
	if to.None() {
		return Told{}, nil
	}
	follow, token, err := c.Follow(r)
	if err != nil {
		return Told{}, err
	}
	all := message.Values{"reference": r.ID, "policy": cmp.Or(c.Policy, r.Policy), "url": c.FollowURL(token)}
	for name, value := range values {
		all[name] = value
	}
	letter, err := message.New(message.Letter{Request: r.ID, Kind: kind, Language: r.Language, To: to.To(), Values: all})
	return Told{Letters: []message.Letter{letter}, Passes: []auth.Pass{follow}}, err
}

// Completion is the letter with the answer: links to the package, one for each
// access rule, and what else there is to tell. Rules has "" where there is but
// one, and nothing where there is no package.
func (c Correspondence) Completion(r Request, to Address, rules []string, values message.Values) (Told, error) {
	if to.None() {
		return Told{}, nil
	}
	expires := c.Now().Add(days(cmp.Or(c.Days, usualDays)))
	if !c.Until.IsZero() && c.Until.Before(expires) {
		expires = c.Until
	}
	all := message.Values{"downloads": []any{}, "expires": "", "erased": []any{}, "kept": []any{}, "residue": false}
	var passes []auth.Pass
	var downloads []any
	for _, rule := range rules {
		pass, token, err := auth.NewPass(r.Tenant, auth.FetchPackage, PackageObject(r.ID), cmp.Or(c.Times, usualTimes), expires, c.Random)
		if err != nil {
			return Told{}, err
		}
		pass.Part = rule
		passes = append(passes, pass)
		downloads = append(downloads, map[string]any{"name": cmp.Or(rule, c.Policy, r.Policy), "url": c.URL + "/packages/" + token})
	}
	if len(rules) > 0 {
		all["downloads"], all["expires"] = downloads, expires.UTC().Format(time.DateOnly)
	}
	for name, value := range values {
		all[name] = value
	}
	told, err := c.Letter(r, to, message.Completion, all)
	told.Passes = append(told.Passes, passes...)
	return told, err
}

// PackageObject is what passes to the package of a request are for.
func PackageObject(id string) string { return "package/" + id }
