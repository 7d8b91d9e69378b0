package discover

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// digits gives the digits of a text and drops spaces, dots and hyphens.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// plain says that a text is digits with separators, and gives the digits.
func plain(s string) (string, bool) {
	d := digits(s)
	return d, len(d) > 0 && strings.Trim(s, "0123456789 .-/") == ""
}

// isIBAN checks by ISO 7064, mod 97-10, as ISO 13616 has it.
func isIBAN(s string) bool {
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	if !ibanForm.MatchString(s) {
		return false
	}
	var number strings.Builder
	for _, r := range s[4:] + s[:4] {
		if r >= 'A' {
			number.WriteString(strconv.Itoa(int(r-'A') + 10))
		} else {
			number.WriteRune(r)
		}
	}
	n, ok := new(big.Int).SetString(number.String(), 10)
	return ok && n.Mod(n, big.NewInt(97)).Int64() == 1
}

var ibanForm = regexp.MustCompile(`^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$`)

// isCard checks by Luhn, ISO/IEC 7812-1, and takes the first digits of the
// large networks only.
func isCard(s string) bool {
	d, ok := plain(s)
	return ok && len(d) >= 13 && len(d) <= 19 && strings.ContainsRune("23456", rune(d[0])) && luhn(d)
}

func luhn(d string) bool {
	sum := 0
	for i := range len(d) {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			n *= 2
			if n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// nationals are numbers of people with check digits, each as its state has
// published how it is checked.
var nationals = []func(string) bool{isSteuerID, isDNI, isCodiceFiscale, isPESEL, isBSN, isNIR, isCPF, isHETU}

func isNational(s string) bool {
	s = strings.ToUpper(strings.TrimSpace(s))
	return slices.ContainsFunc(nationals, func(is func(string) bool) bool { return is(s) })
}

// weighted sums digits times weights.
func weighted(d string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += int(d[i]-'0') * w
	}
	return sum
}

// isSteuerID: Germany, ISO 7064 mod 11,10; of the first ten digits one comes
// two or three times.
func isSteuerID(s string) bool {
	d, ok := plain(s)
	if !ok || len(d) != 11 || d[0] == '0' {
		return false
	}
	count := map[byte]int{}
	product := 10
	for i := range 10 {
		count[d[i]]++
		sum := (int(d[i]-'0') + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	often := 0
	for _, n := range count {
		if n > 1 {
			often++
		}
	}
	return often == 1 && (11-product)%10 == int(d[10]-'0')
}

// isDNI: Spain, DNI and NIE; the letter is the number mod 23.
func isDNI(s string) bool {
	s = strings.ReplaceAll(s, "-", "")
	if !dniForm.MatchString(s) {
		return false
	}
	n, err := strconv.Atoi(strings.NewReplacer("X", "0", "Y", "1", "Z", "2").Replace(s[:1]) + s[1:8])
	return err == nil && "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] == s[8]
}

var dniForm = regexp.MustCompile(`^[XYZ0-9]\d{7}[A-Z]$`)

// isCodiceFiscale: Italy; the last letter from tables of the others.
func isCodiceFiscale(s string) bool {
	if !codiceForm.MatchString(s) {
		return false
	}
	odd := []int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 15 {
		n := int(s[i] - 'A')
		if s[i] <= '9' {
			n = int(s[i] - '0')
		}
		if i%2 == 0 { // the first counts as odd
			n = odd[n]
		}
		sum += n
	}
	return int(s[15]-'A') == sum%26
}

var codiceForm = regexp.MustCompile(`^[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]$`)

// isPESEL: Poland; with a month and a day in it.
func isPESEL(s string) bool {
	d, ok := plain(s)
	if !ok || len(d) != 11 {
		return false
	}
	month, day := weighted(d[2:], 10, 1)%20, weighted(d[4:], 10, 1)
	return month >= 1 && month <= 12 && day >= 1 && day <= 31 && weighted(d, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0
}

// isBSN: the Netherlands, the eleven test.
func isBSN(s string) bool {
	d, ok := plain(s)
	return ok && len(d) == 9 && strings.Trim(d, "0") != "" && weighted(d, 9, 8, 7, 6, 5, 4, 3, 2, -1)%11 == 0
}

// isNIR: France; the last two digits are 97 minus the rest mod 97.
func isNIR(s string) bool {
	s = strings.ReplaceAll(s, " ", "")
	if !nirForm.MatchString(s) {
		return false
	}
	n, err := strconv.ParseInt(strings.NewReplacer("2A", "19", "2B", "18").Replace(s[:13]), 10, 64)
	key, _ := strconv.ParseInt(s[13:], 10, 64)
	return err == nil && key == 97-n%97
}

var nirForm = regexp.MustCompile(`^[1-478]\d{4}(\d{2}|2[AB])\d{8}$`)

// isCPF: Brazil; two digits mod 11.
func isCPF(s string) bool {
	d, ok := plain(s)
	if !ok || len(d) != 11 || strings.Trim(d, d[:1]) == "" {
		return false
	}
	check := func(n int) int {
		sum := 0
		for i := range n {
			sum += int(d[i]-'0') * (n + 1 - i)
		}
		return sum * 10 % 11 % 10
	}
	return check(9) == int(d[9]-'0') && check(10) == int(d[10]-'0')
}

// isHETU: Finland; the letter is the rest of date and number by 31.
func isHETU(s string) bool {
	if !hetuForm.MatchString(s) {
		return false
	}
	n, err := strconv.Atoi(s[:6] + s[7:10])
	return err == nil && "0123456789ABCDEFHJKLMNPRSTUVWXY"[n%31] == s[10]
}

var hetuForm = regexp.MustCompile(`^\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]$`)
