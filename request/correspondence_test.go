package request

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/message"
)

func TestCompletionHasALinkForEachAccessRule(t *testing.T) { // X15, SE3
	now := time.Date(2026, 11, 26, 17, 0, 0, 0, time.UTC)
	c := Correspondence{URL: "https://privacy.example.com", Now: func() time.Time { return now }, Random: strings.NewReader(strings.Repeat("0123456789abcdef", 100))}
	r := Request{ID: "r1", Tenant: "acme", Policy: "copy", Language: "de"}
	to := KeptAddress("anna@example.org")
	told, err := c.Completion(r, to, []string{"archive", "shop"}, message.Values{"residue": true})
	if err != nil || len(told.Letters) != 1 || len(told.Passes) != 3 {
		t.Fatalf("%d letters, %d passes, %v", len(told.Letters), len(told.Passes), err)
	}
	letter := told.Letters[0]
	if letter.Kind != message.Completion || letter.Language != "de" || letter.Request != "r1" || letter.To.Reveal() != "anna@example.org" {
		t.Errorf("the letter: %s, %s, about %s", letter.Kind, letter.Language, letter.Request)
	}
	v := letter.Values
	if v["reference"] != "r1" || v["policy"] != "copy" || v["residue"] != true || v["expires"] != "2026-12-03" {
		t.Errorf("it says %#v", map[string]any(v))
	}
	tokens := map[string]bool{}
	for i, d := range v["downloads"].([]any) {
		download := d.(map[string]any)
		token, ok := strings.CutPrefix(download["url"].(string), "https://privacy.example.com/packages/")
		p := told.Passes[i+1]
		if !ok || tokens[token] || p.Check(token, now) != nil || p.Part != download["name"] {
			t.Errorf("link %d is for %q: %v", i, p.Part, download["name"])
		}
		tokens[token] = true
		if p.Kind != auth.FetchPackage || p.Object != "package/r1" || p.Uses != 3 || !p.Expires.Equal(now.AddDate(0, 0, 7)) {
			t.Errorf("link %d: %s for %s, %d uses until %s", i, p.Kind, p.Object, p.Uses, p.Expires)
		}
	}
	follow, _ := strings.CutPrefix(v["url"].(string), "https://privacy.example.com/requests/")
	if p := told.Passes[0]; p.Kind != auth.FollowRequest || p.Object != "request/r1" || p.Check(follow, now) != nil || p.Uses != auth.AnyUses {
		t.Errorf("the link to follow: %+v", p)
	}
	c.Until, c.Policy = now.Add(time.Hour), "A copy of my data"
	if told, err = c.Completion(r, to, []string{""}, nil); err != nil || !told.Passes[1].Expires.Equal(c.Until) {
		t.Errorf("the link outlives its package: %v", err)
	}
	if v := told.Letters[0].Values; v["policy"] != c.Policy || v["downloads"].([]any)[0].(map[string]any)["name"] != c.Policy {
		t.Errorf("the policy has a name, and it says %#v", map[string]any(v))
	}
	if told, err = c.Completion(r, to, nil, nil); err != nil || len(told.Passes) != 1 || told.Letters[0].Values["expires"] != "" {
		t.Errorf("without a package there are %d passes, %v", len(told.Passes), err)
	}
	if told, err = c.Completion(r, Address{}, []string{""}, nil); err != nil || len(told.Letters)+len(told.Passes) > 0 {
		t.Errorf("without an address there are %d letters, %d passes, %v", len(told.Letters), len(told.Passes), err)
	}
	if _, err := (Correspondence{Now: c.Now, Random: bytes.NewReader(nil)}).Completion(r, to, []string{""}, nil); err == nil {
		t.Error("there was nothing random, and it was written all the same")
	}
}
