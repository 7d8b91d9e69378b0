package masking_test

import (
	"fmt"
	"strings"
	"testing"

	"volenti.dev/volenti/request/masking"
)

// A request may be resumed by a newer version, which must recognise the masks
// of the older one. These are never to be changed, only added to; the words of
// fake values are part of them.
func TestMasksStayAsTheyWereInEveryVersion(t *testing.T) { // D28
	before := map[string]string{
		"aes":               "7nPVjP6U3ifnbSInjIVJRmZVpJZ7FINS/V3GFG+G | 7HS/gsyPN+j9jT0CY5cM9cQ/YDA6dX2WXxZSifjW | yi7aDOKAjFAbHJDEr3f90iQuOLqPmffqZRPOJbhy",
		"alphanumeric":      "+W0 9GP EKT2PVD | 6E7T-4D-P6 | V1AJ9V9",
		"decade":            "345f395867240ff2e08dad67d97f8f6fed7f924b | 1990-01-01 | 3b0918f60a459c36a9f41d773d1606aadc5d099c",
		"digits":            "+28 021 2994246 | 4433-13-34 | 3057965",
		"email":             "74c5mwhbh72m2hml@example.com | 3f4h74dkga756kfp@example.com | 76sv7yxxqt6f6x5x@example.com",
		"email elsewhere":   "74c5mwhbh72m2hml@erased.invalid | 3f4h74dkga756kfp@erased.invalid | 76sv7yxxqt6f6x5x@erased.invalid",
		"fake city":         "Beckley | Aldenham | Pemberley",
		"fake company":      "Tiller Motors | Ellison Instruments | Paulson Works",
		"fake first name":   "Damian | Ulla | Beatrix",
		"fake last name":    "Tiller | Ellison | Paulson",
		"fake name":         "Damian Tiller | Ulla Ellison | Beatrix Paulson",
		"fake street":       "57 Fountain Street | 165 Court Street | 12 Rose Street",
		"hash":              "345f395867240ff2e08dad67d97f8f6fed7f924b | d94a26b5a235416b7d4bfa6cce4df2e26e4d30e0 | 3b0918f60a459c36a9f41d773d1606aadc5d099c",
		"hash 512":          "32bbf3aa0074339f28151fa891000d5a03cee7b2 | c541e992dc90a2ad2201b41891ff45e8deed1cd3 | d53b5ae066219a5db590030ce678418efd01f4fb",
		"hash suffix":       "345f395867240ff2e08dad67d97f8f6fed7f924b | d94a26b5a235416b7d4bfa6cce4df2e26e4d30e0 | 3b0918f60a459c36a9f41d773d1606aadc5d099c",
		"hmac":              "2bb8a028526ba0d4267db701b762ab37b99575ce | a4c7c14a0069501356ead06432bd4a7674674841 | 5d59fa9e35552893f3e47853132de22edc04e8da",
		"hmac 512":          "96905e710a2ef271fd928a8d54ab4e523bda33dc | 29ea3ef16c0a6c82a94bddcacc16b739ff68b9ae | 7c384bbffb50350767dcaf7870214097b8874e9a",
		"month":             "345f395867240ff2e08dad67d97f8f6fed7f924b | 1990-05-01 | 3b0918f60a459c36a9f41d773d1606aadc5d099c",
		"noise":             "345f395867240ff2e08dad67d97f8f6fed7f924b | d94a26b5a235416b7d4bfa6cce4df2e26e4d30e0 | 1322997",
		"phone":             "+49 292 5875978 | 8520-85-33 | 5287026",
		"random":            "fioyixlnf4zhv3ahbtuttbr57cgnlr | gbqukuovxbw67givmr2szqohdjm7be | 2e4x45qn2z4ukcp3yc7mxbv2be5jxs",
		"random 200 suffix": "fioyixlnf4zhv3ahbtuttbr57cgnlrw76u5vi7w2 | gbqukuovxbw67givmr2szqohdjm7bedtfmehnnki | 2e4x45qn2z4ukcp3yc7mxbv2be5jxssr7bwangjk",
		"random 5":          "fioyi | gbquk | 2e4x4",
		"round":             "345f395867240ff2e08dad67d97f8f6fed7f924b | d94a26b5a235416b7d4bfa6cce4df2e26e4d30e0 | 1234560",
		"round finely":      "345f395867240ff2e08dad67d97f8f6fed7f924b | d94a26b5a235416b7d4bfa6cce4df2e26e4d30e0 | 1234567",
		"shift":             "345f395867240ff2e08dad67d97f8f6fed7f924b | 1990-06-01 | 3b0918f60a459c36a9f41d773d1606aadc5d099c",
		"year":              "345f395867240ff2e08dad67d97f8f6fed7f924b | 1990-01-01 | 3b0918f60a459c36a9f41d773d1606aadc5d099c",
		"zero":              "0 | 0 | 0",
	}
	kept := map[string]bool{masking.NullRewrite: true, masking.StringRewrite: true, masking.Preserve: true, masking.Delete: true}
	for name, want := range before {
		kept[strategies()[name].Strategy] = true
		var masks []string
		for _, v := range []any{"+49 170 1234567", "1990-05-17", int64(1234567)} {
			masks = append(masks, fmt.Sprintf("%.40v", mask(t, strategies()[name], v, anyText, place())))
		}
		if got := strings.Join(masks, " | "); got != want {
			t.Errorf("%s:\n%s, it was\n%s", name, got, want)
		}
	}
	for _, name := range masking.Names {
		if !kept[name] {
			t.Errorf("no mask of %s is kept here", name)
		}
	}
}
