package propagate

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Key is the idempotency key of the last attempt: "vc_" and the first 40 hex digits
// of the SHA-256 of tenant, record, connection, and the number of the attempt that
// it was made for, each on a line.
func (d Delivery) Key() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{d.Tenant, d.Record, d.Connection, strconv.Itoa(d.Keyed)}, "\n")))
	return "vc_" + hex.EncodeToString(sum[:])[:40]
}
