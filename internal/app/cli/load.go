package cli

import (
	"io"
	"os"
	"time"

	orders "github.com/seed-255eabaa/oms/internal/replay"
)

// replay is `oms replay`.
type replay struct {
	target
	GRPCAddr     string        `name:"grpc-addr" default:"127.0.0.1:9090" placeholder:"HOST:PORT" help:"Public gRPC of the server."`
	Clients      int           `env:"-" default:"32" help:"Customers served at once."`
	PaymentToken string        `env:"-" default:"sim:ok" help:"What every order is paid with."`
	OrderTimeout time.Duration `env:"-" default:"2m" help:"How long an order may take to its end."`
	JSON         bool          `env:"-" name:"json" help:"Write the report as JSON."`
	File         string        `arg:"" type:"existingfile" help:"Transactions in the columns of \"Online Retail\", CSV, also compressed by gzip."`
}

// Run replays the file; it goes on where an earlier run stopped.
func (r *replay) Run(c *console, ctx *contextOf) error {
	return orders.Run(ctx, orders.Options{
		File: r.File, GRPCAddr: r.GRPCAddr, InternalAddr: r.InternalAddr, Token: r.Token.Reveal(), PaymentToken: r.PaymentToken,
		Clients: r.Clients, JSON: r.JSON, Out: c.out, Progress: terminal(c.err), OrderTimeout: r.OrderTimeout,
	})
}

// terminal answers a writer if a person sees what is written there, else nil.
func terminal(w io.Writer) io.Writer {
	file, isFile := w.(*os.File)
	if !isFile {
		return nil
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return w
}
