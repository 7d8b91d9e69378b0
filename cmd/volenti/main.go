// Command volenti is the whole platform in one binary.
package main

import (
	"context"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"golang.org/x/term"

	"volenti.dev/volenti/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	code := cli.Main(ctx, os.Args[1:], cli.IO{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Ask:   term.IsTerminal(int(os.Stdin.Fd())),
		Watch: term.IsTerminal(int(os.Stderr.Fd())),
		Env:   os.LookupEnv, User: name, Now: time.Now,
	})
	stop()
	os.Exit(code)
}
