package site

import (
	"slices"
	"strings"
	"testing"
)

func dressed(look Look) Draft {
	d := Start()
	d.Origins, d.Look = []string{"https://shop.example"}, look
	return d
}

func TestLookIsReadableInLightAndDark(t *testing.T) { // W14, W16
	for _, c := range []struct {
		look Look
		want []string
	}{
		{nil, nil},
		{Look{"accent": "#767676", "on-accent": "#fff"}, nil}, // 4.54 of the needed 4.5; 3.54 in the dark
		{Look{"accent": "#777777", "on-accent": "#fff"}, []string{"look.on-accent: too little contrast in light colours: on-accent on accent has 4.47, and needs 4.5", "look.on-accent: too little contrast in dark"}},
		{Look{"accent": "#0b4f9e"}, []string{"look.accent: too little contrast in dark colours: on-accent on accent has 2.02", "look.accent: too little contrast in dark colours: accent on background"}},
		{Look{"accent": "#0b4f9e", "dark-accent": "#8fc1ff"}, nil},
		{Look{"background": "#000"}, []string{"look.background: too little contrast in light colours: text on background", "look.background: too little contrast in light colours: quiet on background", "look.background: too little contrast in light colours: on-accent on accent", "look.background: too little contrast in light colours: accent on background"}},
		{Look{"dark-quiet": "#444"}, []string{"look.dark-quiet: too little contrast in dark"}},
		{Look{"edge": "#eee", "dark-edge": "#8a939d"}, []string{"look.edge: too little contrast in light colours: edge on background has 1.16, and needs 3 "}},
		{Look{"line": "#fff"}, nil}, // it only divides
	} {
		var got []string
		for _, p := range dressed(c.look).Problems(nil) {
			got = append(got, p.Field+": "+p.Text)
		}
		if len(got) != len(c.want) || !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("%v:\n  %s\nwant\n  %s", c.look, strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
		}
	}
}

func TestLookIsNothingButItsProperties(t *testing.T) { // W16
	sound := Look{"font": `"Inter", system-ui, sans-serif`, "size": "17px", "radius": "0px", "width": ".5rem", "position": "bottom-right"}
	if wrong := dressed(sound).Problems(nil); len(wrong) > 0 {
		t.Errorf("%v", wrong)
	}
	for name, values := range map[string][]string{
		"text": {"red", "#12", "#1234567", "var(--x)", "#1c2127;}", ""}, "font": {"", "a;b", "url(x)", "a}b", `a\b`},
		"size": {"1", "-1px", "1vw", "calc(1px)", "12345px", "1px;"}, "position": {"left", "0", "bottom;"}, "z-index": {"1"}, "dark-size": {"1px"}, "dark-dark-text": {"#000"},
	} {
		for _, value := range values {
			if wrong := dressed(Look{name: value}).Problems(nil); len(wrong) != 1 || wrong[0].Field != "look."+name {
				t.Errorf("%s: %q is found to have %v", name, value, wrong)
			}
		}
	}
}

func TestLookIsPublishedWithoutAskingAnew(t *testing.T) { // W7, W16
	plain, err := Publish(dressed(nil), nil, Publication{Site: "1"})
	if err != nil {
		t.Fatal(err)
	}
	d := dressed(Look{"radius": "0px", "position": "bottom-right"})
	if c := d.Change(&plain); c.Material || len(c.Differences) != 2 || c.Differences[0].Kind != "look" || c.Differences[0].Key != "position" || c.Differences[0].How != "added" {
		t.Errorf("the change is %+v", c)
	}
	v, err := Publish(d, &plain, Publication{Site: "1"})
	if err != nil || v.Number != 2 || v.Material != 1 {
		t.Fatalf("version %d, material %d: %v", v.Number, v.Material, err)
	}
	if shown := v.Document("key", "en", "all").Look; shown["radius"] != "0px" || shown["position"] != "auto 1em 1em auto" {
		t.Errorf("visitors are shown %v", shown)
	}
	if v.Digest() == plain.Digest() || strings.Contains(string(plain.Canonical()), "look") {
		t.Error("a look is part of the digest, and none leaves it as it was")
	}
}
