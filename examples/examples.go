// Package examples holds configuration directories to read, to copy and to
// run. Those that the program itself needs are built into it.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed demo-shop/*.yml
var files embed.FS

// DemoShop is the configuration of the shop that package shop makes up.
func DemoShop() fs.FS {
	dir, err := fs.Sub(files, "demo-shop")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return dir
}
