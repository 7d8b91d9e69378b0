package site

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Look is how the banner looks, by name of a property: LookColours, each for light
// schemes and with DarkLook before it for dark ones, and LookSizes. What is not there
// is as every banner has it. The custom properties that a page sets itself count more;
// sdk/js/THEMING.md tells of them.
type Look map[string]string

// DarkLook begins the names of colours in dark schemes. A colour without one there
// holds in both.
const DarkLook = "dark-"

// LookColours are the names of colours, which are written like #0b4f9e.
func LookColours() []string { return slices.Clone(lookColours) }

// LookSizes are the names of all else.
func LookSizes() []string { return slices.Sorted(maps.Keys(lookSizes)) }

// LookPositions are where the first layer can be: the values of "position".
func LookPositions() []string { return slices.Sorted(maps.Keys(positions)) }

var lookColours = []string{"background", "text", "quiet", "line", "edge", "accent", "on-accent"}

// usualLook are the colours of sdk/js/src/ui/style.ts, in the order of lookColours;
// accent and on-accent are those of the text and the background there.
var usualLook = map[bool][]string{
	false: {"#ffffff", "#1c2127", "#59626c", "#d5dae0", "#767f89"},
	true:  {"#1d2126", "#eceef0", "#abb3bc", "#3d444c", "#8a939d"},
}

// lookSizes say what each may be.
var lookSizes = map[string]struct {
	form *regexp.Regexp
	text string
}{
	"font":     {regexp.MustCompile(`^[\pL\pN ,"'._-]{1,200}$`), "it must be names of fonts, with commas between them"},
	"size":     {length, "it must be a length like 1rem or 17px"},
	"radius":   {length, "it must be a length like 0px or .5em"},
	"width":    {length, "it must be a length like 24em"},
	"position": {regexp.MustCompile(`^(` + strings.Join(LookPositions(), "|") + `)$`), "it must be one of " + strings.Join(LookPositions(), ", ")},
}

var length = regexp.MustCompile(`^(\d{1,4}|\d{0,3}\.\d{1,3})(px|em|rem)$`)

// positions are the values of the CSS property inset.
var positions = map[string]string{
	"bottom": "auto 1em 1em", "bottom-left": "auto auto 1em 1em", "bottom-right": "auto 1em 1em auto",
	"top": "1em 1em auto", "centre": "1em",
}

// Shown is the look as the script takes it: position as the property inset does. What
// is no look is left out.
func (l Look) Shown() Look {
	var shown Look
	for name, value := range l {
		if wrongLook(name, value) != "" {
			continue
		}
		if shown == nil {
			shown = Look{}
		}
		shown[name] = cmp.Or(positions[value], value)
	}
	return shown
}

var colour = regexp.MustCompile(`^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`)

// wrongLook says what is wrong with a property.
func wrongLook(name, value string) string {
	size, sized := lookSizes[name]
	switch {
	case sized && !size.form.MatchString(value):
		return size.text
	case sized:
		return ""
	case !slices.Contains(lookColours, strings.TrimPrefix(name, DarkLook)):
		return "the banner has no such property"
	case !colour.MatchString(value):
		return "it must be a colour like #0b4f9e"
	}
	return ""
}

func (c *check) look() {
	for _, name := range slices.Sorted(maps.Keys(c.draft.Look)) {
		if wrong := wrongLook(name, c.draft.Look[name]); wrong != "" {
			c.add(in("look", name), "%s", wrong)
		}
	}
	for _, p := range c.draft.Look.Contrasts() { // a pair of which neither is set is as every banner has it
		if scheme := map[bool]string{false: "light", true: "dark"}[p.Dark]; p.set != "" && p.Has != "" && !p.Enough {
			c.add(in("look", p.set), "too little contrast in %s colours: %s on %s has %s, and needs %s (WCAG 2.2 AA)", scheme, p.Front, p.Ground, p.Has, p.Least)
		}
	}
}

// pairs are colours that must be told from one another, and by which contrast: text
// by 4.5 (WCAG 2.2, 1.4.3), what only shows where something is by 3 (1.4.11).
var pairs = []struct {
	front, ground string
	least         float64
}{
	{"text", "background", 4.5}, {"quiet", "background", 4.5}, {"on-accent", "accent", 4.5},
	{"accent", "background", 3}, {"edge", "background", 3},
}

// Contrast is how well two colours of a scheme can be told from one another.
type Contrast struct {
	Front, Ground string // names of LookColours
	Dark          bool
	Has, Least    string // ratios from 1 to 21; Has is "" where one of them is no colour
	Enough        bool
	set           string // the property that one of them is set by; "" for what every banner has
}

// Contrasts are those of all colours that must be told from one another: the pairs of
// the light scheme first, and then the same of the dark one.
func (l Look) Contrasts() (all []Contrast) {
	for _, dark := range []bool{false, true} {
		for _, p := range pairs {
			front, field := l.colour(p.front, dark)
			ground, below := l.colour(p.ground, dark)
			c := Contrast{Front: p.front, Ground: p.ground, Dark: dark, Least: down(p.least), set: cmp.Or(field, below)}
			if colour.MatchString(front) && colour.MatchString(ground) {
				has := contrast(front, ground)
				c.Has, c.Enough = down(has), has >= p.least
			}
			all = append(all, c)
		}
	}
	return all
}

// colour gives a colour in a scheme, and the name under which it, or what it is taken
// from, is set; "" for what every banner has.
func (l Look) colour(name string, dark bool) (value, set string) {
	for _, one := range map[bool][]string{false: {name}, true: {DarkLook + name, name}}[dark] {
		if l[one] != "" {
			return l[one], one
		}
	}
	switch name {
	case "accent":
		return l.colour("text", dark)
	case "on-accent":
		return l.colour("background", dark)
	}
	return usualLook[dark][slices.Index(lookColours, name)], ""
}

// Usual is what holds where a property is not set: for a colour in dark schemes it is
// that of all.
func (l Look) Usual(name string) string {
	if size, sized := usualSizes[name]; sized {
		return size
	}
	plain, dark := strings.CutPrefix(name, DarkLook)
	value, _ := l.colour(plain, dark)
	return value
}

// usualSizes are those of sdk/js/src/ui/style.ts.
var usualSizes = Look{"font": "system-ui, sans-serif", "size": "medium", "radius": ".5em", "width": "48em", "position": "bottom"}

// contrast is the contrast ratio of two colours, from 1 to 21.
// https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// luminance is the relative luminance of a colour of sRGB.
func luminance(hex string) float64 {
	hex = strings.TrimPrefix(hex, "#")
	if len(hex) == 3 {
		hex = fmt.Sprintf("%c%[1]c%c%[2]c%c%[3]c", hex[0], hex[1], hex[2])
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		panic(err) // it was looked at before
	}
	part := func(shift int) float64 {
		v := float64(n>>shift&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

// down writes a contrast, which is never rounded up to what is needed.
func down(ratio float64) string {
	return strconv.FormatFloat(math.Floor(ratio*100)/100, 'f', -1, 64)
}
