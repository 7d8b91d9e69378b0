// Package js is the script that a site's pages load: it asks visitors, holds
// back what they have not agreed to, and sends what they choose. It is written
// in TypeScript in src; what is served is built from that and lies in dist.
package js

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
)

//go:generate go run ./build

// Dist has the built files, in the directory dist: core, headless and banner,
// each as .js for a script element and as .mjs for bundlers.
//
//go:embed dist
var Dist embed.FS

// Hash is what the address of a built file has that never changes: the first 8 bytes
// of its SHA-256, hex.
func Hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}
