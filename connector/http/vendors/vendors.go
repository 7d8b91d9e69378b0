// Package vendors holds the descriptions of vendors that come with Volenti: for
// each a file with its saas_config and the dataset of what it holds. Every
// endpoint says which page of the vendor's public documentation it is from;
// what was not found there was left out. docs/vendors.md says what each can do.
package vendors

import "embed"

// Files are the descriptions, NAME.yml; NAME is the type of its connections.
//
//go:embed *.yml
var Files embed.FS
