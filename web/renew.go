package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
)

// renewal is where a part of a page is asked for again while it is looked at. The
// address says what is shown, so that only something else is sent: with same, nothing
// is, and the answer is given.
func (v *visit) renewal(shown any) (at string, same bool, err error) {
	text, err := json.Marshal(shown)
	if err != nil {
		return "", false, fmt.Errorf("compare what is shown: %w", err)
	}
	sum := sha256.Sum256(text)
	seen := hex.EncodeToString(sum[:8])
	q := v.r.URL.Query()
	if q.Get("seen") == seen {
		v.w.WriteHeader(http.StatusNoContent)
		return "", true, nil
	}
	q.Set("seen", seen)
	return v.r.URL.Path + "?" + q.Encode(), false, nil
}
