package docs_test

import (
	"strings"
	"testing"
)

func TestLimitsOfIntakeAreThoseOfTheCode(t *testing.T) { // SE2
	code := ""
	for _, file := range []string{"../request/proof.go", "../internal/store/codes.go", "../internal/store/intake.go", "../api/limit.go", "../request/correspondence.go", "../request/policy/intake_decode.go"} {
		code += read(t, file)
	}
	code, text := strings.Join(strings.Fields(code), " "), read(t, "intake.md")
	for inCode, inText := range map[string]string{
		"CodeDigits = 8": "code of 8 digits", "CodeLasts = 10 * time.Minute CodeTries = 5": "10 minutes, 5 tries",
		"mostCodes = 5 codesTime = time.Hour": "5 in an hour", "mostWrong = 20 wrongTime = 24 * time.Hour": "20 in a day",
		"unprovenTime = 7 * 24 * time.Hour": "after seven days", "usualMost = 60": "60 requests a minute", "followDays = 365": "good for a year",
		"DefaultWindow = 30": "30 unless told", "mostWindow = 3650": "0 to 3,650", "defaultMax = 1000": "1,000 unless told", "mostMax = 10_000": "10,000 at most", "mostFields = 50": "up to 50 questions",
	} {
		if !strings.Contains(code, inCode) || !strings.Contains(text, inText) {
			t.Errorf("the code must say %q and intake.md %q", inCode, inText)
		}
	}
}
