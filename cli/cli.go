// Package cli is the command line: it reads what was typed, hands it to the
// rooms behind internal/server, shows what came of it and gives the exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/alecthomas/kong"

	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/connector"
	"volenti.dev/volenti/internal/store"
	"volenti.dev/volenti/request"
	"volenti.dev/volenti/request/fulfill"
	"volenti.dev/volenti/request/graph"
)

// Exit codes, part of the contract with scripts.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitProblems    = 3 // a configuration has errors; a request left residue
	exitNotFound    = 4
	exitNotAllowed  = 5 // a limit or a missing permission
	exitConflict    = 6 // not the approved plan, drift, in use by another process
	exitUnreachable = 7
)

// IO is what a command may use of the process that it runs in.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	// Ask says that a person can answer questions; Watch that somebody sees
	// Err as it is written.
	Ask, Watch bool
	Env        func(string) (string, bool)
	User       string // who operates: the name in the operating system
	Now        func() time.Time
}

// commands is the whole command line; its tags are the reference.
type commands struct {
	Verbose bool `short:"v" help:"Log what happens to standard error."`

	Serve   serveCommand `cmd:"" help:"Answer HTTP requests."`
	Demo    demoCommand  `cmd:"" help:"Show it all on a shop of made-up people."`
	Check   checkCommand `cmd:"" help:"Find what is wrong in a configuration directory."`
	Apply   applyCommand `cmd:"" help:"Take over a configuration directory as the next version of what the server goes by."`
	Dataset struct {
		Generate generateCommand `cmd:"" help:"Propose a description of a database, or what an existing one lacks."`
	} `cmd:"" help:"Describe databases."`
	Catalogue struct {
		Refresh catalogueRefreshCommand `cmd:"" help:"Read again what the databases say of themselves."`
	} `cmd:"" help:"Look after the stored catalogues that plans are made from."`
	System     systemCommands     `cmd:"" help:"Say which systems the company has, and what they use data for."`
	Connection connectionCommands `cmd:"" help:"Look after the ways to the company's systems."`
	Connector  connectorCommands  `cmd:"" help:"Look at descriptions of vendors with an HTTP API, and try them."`
	Request    struct {
		Plan     planCommand     `cmd:"" help:"Show what a request would do. Changes nothing."`
		Run      runCommand      `cmd:"" help:"Carry a request out here, without a server."`
		New      newCommand      `cmd:"" help:"Submit a request to a server."`
		List     listCommand     `cmd:"" help:"List the requests of a server."`
		Show     showCommand     `cmd:"" help:"Show a request of a server and what became of it, or its plan."`
		Approve  approveCommand  `cmd:"" help:"Approve a request of a server under the plan that was seen."`
		Deny     denyCommand     `cmd:"" help:"Deny a request of a server."`
		Watch    watchCommand    `cmd:"" help:"Follow a request of a server until it ends or needs an operator."`
		Retry    retryCommand    `cmd:"" help:"Go on with a request that has stopped, or with one collection of it."`
		Skip     skipCommand     `cmd:"" help:"Take a collection out of a request that has stopped, or waits for its system."`
		Finalise finaliseCommand `cmd:"" help:"End a request that has stopped, or waits for systems, as it is, with what it has left undone."`
		Messages messagesCommand `cmd:"" help:"Show what a person and operators have written to each other about a request. That is in the audit log before."`
		Answer   answerCommand   `cmd:"" help:"Write to the person about a request."`
		Cancel   cancelCommand   `cmd:"" help:"Give up a request that cannot go on, and destroy what it had found."`
		Log      logCommand      `cmd:"" help:"Show what was done in each collection, attempt by attempt."`
	} `cmd:"" help:"Plan and carry out privacy requests."`
	Hold  holdCommands `cmd:"" help:"Forbid erasures that a law, a court or a dispute forbids."`
	Audit struct {
		Export auditExportCommand `cmd:"" help:"Write the audit log to a file that verifies on its own."`
		Verify auditVerifyCommand `cmd:"" help:"Verify an exported audit log."`
	} `cmd:"" help:"Export and verify the log of every act."`
	Ledger    consentCommands   `embed:""`
	Site      siteCommands      `cmd:"" help:"Look after the banners of sites, on a server."`
	Propagate propagateCommands `cmd:"" help:"Look at how choices reach the connections of a server."`
	APIKey    struct {
		Create apikeyCreateCommand `cmd:"" help:"Make a key and show it, this once."`
		List   apikeyListCommand   `cmd:"" help:"List the keys."`
		Revoke apikeyRevokeCommand `cmd:"" help:"End a key."`
	} `cmd:"" name:"apikey" help:"Make and end the keys that programs show to the server."`
	Operator struct {
		Invite      operatorInviteCommand      `cmd:"" help:"Make an invitation and show it, this once."`
		Invitations operatorInvitationsCommand `cmd:"" help:"List the invitations that nobody has accepted yet."`
		Uninvite    operatorUninviteCommand    `cmd:"" help:"Take an invitation back."`
		List        operatorListCommand        `cmd:"" help:"List the operators."`
		Password    operatorPasswordCommand    `cmd:"" help:"Make a token by which an operator sets a new password, and show it, this once."`
		Role        operatorRoleCommand        `cmd:"" help:"Give an operator another role."`
		Disable     operatorDisableCommand     `cmd:"" help:"Keep an operator out."`
		Enable      operatorEnableCommand      `cmd:"" help:"Let an operator in again."`
	} `cmd:"" help:"Say which people may operate, and as what."`
	Message struct {
		Preview messagePreviewCommand `cmd:"" help:"Show a letter as it would be sent, with made-up values."`
		Trial   messageTrialCommand   `cmd:"" help:"Send a letter that is about nobody, to see that mail arrives."`
	} `cmd:"" help:"Look at the letters that people are sent, and try the mail server."`
	Keys struct {
		Rotate keysRotateCommand `cmd:"" help:"Replace a key of this installation."`
	} `cmd:"" help:"Look after the keys of this installation."`
	Version versionCommand `cmd:"" help:"Show the version."`
}

// Main runs a command and gives its exit code.
func Main(ctx context.Context, args []string, std IO) (code int) {
	defer func() { // kong ends the program through here after --help
		if r := recover(); r != nil {
			left, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(left)
		}
	}()
	var c commands
	parser, err := kong.New(&c,
		kong.Name("volenti"),
		kong.Description("Keeps consent as evidence and carries out privacy requests, on your own machines."),
		kong.Writers(std.Out, std.Err),
		kong.Vars{"kinds": kinds()},
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.UsageOnError(),
	)
	if err != nil {
		panic(err) // the tags above are wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(std.Err, "volenti: %s\nRun \"volenti --help\" for the commands, or a command with --help for its flags.\n", err)
		return exitUsage
	}
	level := slog.LevelError + 1
	if c.Verbose {
		level = slog.LevelDebug
	}
	s := session{IO: std, ctx: ctx, log: slog.New(slog.NewTextHandler(std.Err, &slog.HandlerOptions{Level: level}))}
	if err := parsed.Run(&s); err != nil {
		if text := err.Error(); text != "" {
			fmt.Fprintln(std.Err, "volenti: "+text)
		}
		return codeOf(err)
	}
	return exitOK
}

// exit carries kong's wish to end the program up to Main.
type exit int

// session is what every command is given.
type session struct {
	IO
	ctx context.Context
	log *slog.Logger
}

// failure is an error with an exit code of its own. Its text may be empty
// when all has been said.
type failure struct {
	code int
	err  error
}

func (f failure) Error() string {
	if f.err == nil {
		return ""
	}
	return f.err.Error()
}

func (f failure) Unwrap() error { return f.err }

func usage(format string, args ...any) error {
	return failure{exitUsage, fmt.Errorf(format, args...)}
}

// closing closes c at the end of a command and adds what went wrong.
func closing(c io.Closer, err *error) { *err = errors.Join(*err, c.Close()) }

// codeOf maps the kinds of the domain to exit codes, once and for all.
func codeOf(err error) int {
	var f failure
	var plan *graph.Error
	var held *request.HeldError
	switch {
	case errors.As(err, &f):
		return f.code
	case errors.As(err, &plan) && plan.Drift:
		return exitConflict
	case errors.As(err, &plan):
		return exitProblems
	case errors.Is(err, request.ErrNotFound):
		return exitNotFound
	case errors.As(err, &held), errors.Is(err, fulfill.ErrPaused):
		return exitNotAllowed
	case errors.Is(err, store.ErrInUse), errors.Is(err, store.ErrNewer), errors.Is(err, request.ErrLeased), errors.Is(err, request.ErrFenced), errors.Is(err, request.ErrTransition):
		return exitConflict
	case errors.Is(err, store.ErrUnavailable):
		return exitUnreachable
	}
	switch connector.KindOf(err) {
	case connector.Denied:
		return exitNotAllowed
	case connector.Drift:
		return exitConflict
	case connector.Unreachable, connector.Transient:
		return exitUnreachable
	default:
		return exitFailure
	}
}

// problems turns findings into an error that lists them.
func problems(found []source.Problem) error { return problemsIn("the configuration", found) }

func problemsIn(what string, found []source.Problem) error {
	text := ""
	for _, p := range found {
		text += "\n  " + p.String()
	}
	return failure{exitProblems, errors.New(what + " has errors:" + text)}
}
