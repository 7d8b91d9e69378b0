package site

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestVersionIsWrittenAsItAlwaysWas(t *testing.T) { // B17
	v := published(t, shop(), nil, false)
	got := append(v.Canonical(), '\n')
	got = append(got, v.Digest()+"\n"...)
	const file = "testdata/version.golden"
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("earlier digests would no longer be those of their versions: %s", got)
	}
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(v.Digest()) {
		t.Errorf("the digest is cut: %s", v.Digest())
	}
}

// The example of RFC 8785, section 3.2.3, with whole numbers.
func TestCanonicalTextIsThatOfTheStandard(t *testing.T) { // B17
	const in = `{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`
	const want = `{"\r":"Carriage Return","1":"One","` + "\u0080" + `":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","` + "\ufb33" + `":"Hebrew Letter Dalet With Dagesh"}`
	const literals = `[56,{"1":[],"10":{}},true,false,null,"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/</\u2028"]`
	const wantLiterals = `[56,{"1":[],"10":{}},true,false,null,"€$\u000f\nA'B\"\\\\\"/</` + "\u2028" + `"]`
	for text, want := range map[string]string{in: want, literals: wantLiterals} {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var tree any
		if err := d.Decode(&tree); err != nil {
			t.Fatal(err)
		}
		var w bytes.Buffer
		canonical(&w, tree)
		if w.String() != want {
			t.Errorf("%s\nwant %s", w.String(), want)
		}
	}
}

// Each value of a version, however deep, is changed, and each list and map
// loses something; every one of them is another digest.
func TestEveryChangeIsAnotherDigest(t *testing.T) { // B17
	var v Version
	fill(reflect.ValueOf(&v).Elem())
	digests := map[string]string{v.Digest(): "nothing"}
	changed := 0
	each(reflect.ValueOf(&v).Elem(), "version", func(field string) {
		changed++
		if was, known := digests[v.Digest()]; known {
			t.Errorf("a change of %s has the digest of a change of %s", field, was)
		}
		digests[v.Digest()] = field
	})
	if changed < 60 {
		t.Errorf("only %d things were changed", changed)
	}
	fresh := Version{}
	fill(reflect.ValueOf(&fresh).Elem())
	if fresh.Digest() != v.Digest() || digests[fresh.Digest()] != "nothing" {
		t.Error("the changes were not taken back, or the order of keys counts")
	}
}

// fill makes a value in which nothing is empty.
func fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{"a", "b", "c"} {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value)
			v.SetMapIndex(reflect.ValueOf(key), value)
		}
	case v.Kind() == reflect.String:
		v.SetString("x")
	case v.Kind() == reflect.Int:
		v.SetInt(7)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	}
}

// each changes one thing in v after the other, calls tell, and takes it back.
func each(v reflect.Value, field string, tell func(string)) {
	change := func(what string, to reflect.Value) {
		was := reflect.New(v.Type()).Elem()
		was.Set(v)
		v.Set(to.Convert(v.Type()))
		tell(what)
		v.Set(was)
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		if !strings.HasSuffix(field, ".Published") { // it is no part of what is shown
			change(field, reflect.ValueOf(noon.Add(time.Second)))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			each(v.Field(i), field+"."+v.Type().Field(i).Name, tell)
		}
	case v.Kind() == reflect.Slice:
		change(field+" cut", v.Slice(0, 1))
		each(v.Index(0), field+"[0]", tell)
		each(v.Index(1), field+"[1]", tell)
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			was := v.MapIndex(key)
			v.SetMapIndex(key, reflect.Value{})
			tell(field + " without " + key.String())
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(was)
			each(value, field+"."+key.String(), func(what string) {
				v.SetMapIndex(key, value)
				tell(what)
			})
			v.SetMapIndex(key, was)
		}
	case v.Kind() == reflect.String:
		change(field, reflect.ValueOf("y"))
	case v.Kind() == reflect.Int:
		change(field, reflect.ValueOf(8))
	case v.Kind() == reflect.Bool:
		change(field, reflect.ValueOf(false))
	}
}

func TestDigestIsOfWhatIsShown(t *testing.T) { // B17
	first := published(t, shop(), nil, false)
	for name, change := range map[string]func(*Draft){
		"title":     func(d *Draft) { d.Texts = map[string]map[string]string{"de": {"title": "x"}} },
		"button":    func(d *Draft) { d.Texts = map[string]map[string]string{"en": {"refuse": "x"}} },
		"privacy":   func(d *Draft) { d.Links["privacy"]["de"] += "x" },
		"imprint":   func(d *Draft) { d.Links["imprint"] = map[string]string{"": "https://shop.example/i"} },
		"retention": func(d *Draft) { d.Categories[1].RetentionDays = 1 },
		"language":  func(d *Draft) { slices.Reverse(d.Languages) },
		"mapping":   func(d *Draft) { d.Categories[1].Purposes = nil },
	} {
		d := shop()
		d.Links = map[string]map[string]string{"privacy": maps.Clone(d.Links["privacy"])}
		change(&d)
		if v := published(t, d, nil, false); v.Digest() == first.Digest() {
			t.Errorf("%s is not in the digest", name)
		}
	}
}

// fillVersion makes a version in which nothing is empty and no key is twice.
func fillVersion(v *Version) {
	fill(reflect.ValueOf(v).Elem())
	v.Languages = []string{"a", "b"}
	v.Categories[1].Key, v.Vendors[1].Key, v.Regions[1].Key = "z", "z", "z"
}

// eachChange gives v with one thing changed that a draft decides.
func eachChange(v *Version, tell func(field string, after Version)) {
	after := *v
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &after)
	}
	if err != nil {
		panic(err)
	}
	each(reflect.ValueOf(&after).Elem(), "version", func(field string) {
		// Texts are those of the languages: no draft has others.
		for _, out := range []string{".c", ".Languages[", ".Languages cut", ".Texts without", ".Links without"} {
			if strings.Contains(field, out) {
				return
			}
		}
		tell(field, after)
	})
}
