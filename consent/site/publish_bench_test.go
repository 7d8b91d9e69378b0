package site

import (
	"fmt"
	"slices"
	"testing"
)

// large is a site of a company in every language that is built in.
func large() Draft {
	d := shop()
	d.Languages, d.Links = append([]string{"en"}, slices.DeleteFunc(BuiltinLanguages(), func(l string) bool { return l == "en" })...), nil
	d.Regions = append([]Region{{Key: "us", Countries: []string{"US"}, Mode: OptOut}}, d.Regions...)
	for i := range 100 {
		v := d.Vendors[0]
		v.Key, v.Name = fmt.Sprint("vendor_", i), fmt.Sprint("Vendor ", i)
		v.Cookies = []Cookie{{"_a", 30, "Counts"}, {"_b", 30, "Counts"}, {"_c", 30, "Counts"}}
		d.Vendors = append(d.Vendors, v)
	}
	return d
}

// What a publication keeps the ledger locked for, without the database.
func BenchmarkPublishOf100VendorsInAllLanguages(b *testing.B) {
	d := large()
	first := published(b, d, nil, false)
	d.Vendors[0].RetentionDays++
	b.ReportAllocs()
	for b.Loop() {
		v := published(b, d, &first, true)
		all, err := Render(v, "abcdefghijklmnop")
		if err != nil {
			b.Fatal(err)
		}
		size := 0
		for _, r := range all {
			size += len(r.Body)
		}
		b.ReportMetric(float64(len(all)), "documents")
		b.ReportMetric(float64(size), "bytes")
	}
}
