// Package examples holds configuration directories to read, to copy and to
// run. Those that the program itself needs are built into it.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed demo-shop/*.yml demo-desk/*.yml
var files embed.FS

// DemoShop is the configuration of the shop that package shop makes up.
func DemoShop() fs.FS { return within("demo-shop") }

// DemoDesk is what the server of the demo adds to that.
func DemoDesk() fs.FS { return within("demo-desk") }

func within(name string) fs.FS {
	dir, err := fs.Sub(files, name)
	if err != nil {
		panic(err) // the directories are embedded above
	}
	return dir
}
