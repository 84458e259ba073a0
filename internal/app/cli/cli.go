// Package cli is the command line: what a person types, turned into settings and a call of app, demo or replay, and what those
// answer, turned into lines and an exit code. It decides nothing else.
//
// Exit codes: 0 done; 1 failed, or an invariant is violated; 2 called wrongly or with settings that are refused; 3 the check
// could not be made; 4 orders are stuck, and verify was to fail for that; 130 stopped at once by a second signal.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/seed-255eabaa/oms/internal/config"
)

// Exit codes.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitNotChecked = 3
	exitStuck      = 4
	exitAtOnce     = 130
)

// program is the tree of commands and flags.
type program struct {
	Config kong.ConfigFlag `placeholder:"FILE" help:"YAML file of settings; the environment and flags go before it."`

	Dev       dev       `cmd:"" help:"Run everything on this machine for a try: embedded store and bus, simulated payments, no credentials."`
	Demo      demoRun   `cmd:"" help:"Do what dev does, send realistic orders through it, report and exit."`
	Serve     serve     `cmd:"" help:"Run a server. Unsafe settings are refused."`
	Replay    replay    `cmd:"" help:"Send the real orders of a file through a running server and compare the totals."`
	Verify    verify    `cmd:"" help:"Check the invariants of a database, beside a live server if need be."`
	Drill     drills    `cmd:"" help:"Try the rules of the system on a server, with kill -9 and a failing gateway, and print the verdict."`
	DLQ       dlq       `cmd:"" name:"dlq" help:"Show and replay what could not be carried out, through a running server."`
	Orders    handle    `cmd:"" help:"Find stuck orders and act on them, through a running server."`
	Payments  money     `cmd:"" help:"Compare payments with what the gateway did, through a running server."`
	Catalogue catalogue `cmd:"" help:"Import the prices of the catalogue, through a running server."`
	Gateway   simulated `cmd:"" help:"Run the payment simulator as a gateway of its own, with failures on demand."`
	Migrate   migrate   `cmd:"" help:"Bring the tables of a database up to date and exit; serve does that too."`
	Health    health    `cmd:"" help:"Ask the server of this machine whether it accepts commands, for health checks."`
	Version   ver       `cmd:"" help:"Tell the version of this program."`
}

// console is what commands write to.
type console struct {
	out, err io.Writer
}

// exit is how kong's --help ends the program.
type exit int

// failure is an error with an exit code of its own.
type failure struct {
	code int
	err  error // nil when everything was said
}

func (f failure) Error() string {
	if f.err == nil {
		return "failed"
	}
	return f.err.Error()
}

func (f failure) Unwrap() error { return f.err }

// Main runs the program and answers its exit code.
func Main(arguments []string, out, errOut io.Writer) (code int) {
	defer func() {
		switch ended := recover().(type) {
		case nil:
		case exit:
			code = int(ended)
		default:
			panic(ended)
		}
	}()
	var commands program
	options := append(config.Sources(),
		kong.Name("oms"),
		kong.Description("Order management: orders, stock and payments, each step durable and none done twice."),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
	)
	parser, err := kong.New(&commands, options...)
	if err != nil {
		panic("cli: " + err.Error())
	}
	if len(arguments) == 0 {
		arguments = []string{"--help"}
	}
	parsed, err := parser.Parse(arguments)
	if err != nil {
		return complain(errOut, failure{exitUsage, err})
	}
	ctx, stop := signals(context.Background(), errOut, os.Exit)
	defer stop()
	return complain(errOut, parsed.Run(&console{out, errOut}, &contextOf{ctx}))
}

// contextOf lets kong bind a context, which is an interface.
type contextOf struct{ context.Context }

// say writes to the terminal, which may be gone; nobody could be told.
func say(w io.Writer, format string, arguments ...any) {
	_, _ = fmt.Fprintf(w, format, arguments...)
}

// complain prints an error and answers the exit code.
func complain(errOut io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	var failed failure
	var problems config.Problems
	switch {
	case errors.As(err, &failed):
	case errors.As(err, &problems):
		failed = failure{exitUsage, err}
	default:
		failed = failure{exitFailed, err}
	}
	switch {
	case failed.err == nil:
	case errors.As(failed.err, &problems):
		say(errOut, "oms: these settings are refused:\n")
		for _, problem := range problems {
			say(errOut, "  - %s\n", problem)
		}
	default:
		say(errOut, "oms: %v\n", failed.err)
	}
	return failed.code
}

// signals answers a context that the first SIGINT or SIGTERM ends. The second one exits at once.
func signals(parent context.Context, errOut io.Writer, leave func(int)) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	received := make(chan os.Signal, 2)
	signal.Notify(received, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-received:
		case <-done:
			return
		}
		say(errOut, "oms: finishing what was accepted; a second signal stops at once\n")
		cancel()
		select {
		case <-received:
			leave(exitAtOnce)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(received)
		close(done)
		cancel()
	}
}
