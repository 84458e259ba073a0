package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"

	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/load/screen"
)

// Options say what to replay, and where.
type Options struct {
	File         string // CSV, compressed by gzip or not
	GRPCAddr     string
	InternalAddr string
	Token        string // bearer token; empty for none
	PaymentToken string // "sim:ok" when empty
	Clients      int    // customers served at once; 32 when 0
	JSON         bool   // the report as JSON
	Out          io.Writer
	Progress     io.Writer     // where the bar is drawn; nil for none
	OrderTimeout time.Duration // how long an order may take to its end; 2 min when 0
}

// ErrTotals says that the file's, the replay's and the server's totals do not agree; the report says where.
var ErrTotals = errors.New("the totals do not agree")

func (o Options) withDefaults() Options {
	if o.Clients <= 0 {
		o.Clients = 32
	}
	if o.PaymentToken == "" {
		o.PaymentToken = "sim:ok"
	}
	if o.OrderTimeout <= 0 {
		o.OrderTimeout = 2 * time.Minute
	}
	return o
}

// Run replays the file and writes the report. It goes on where an earlier run stopped. The error is ErrTotals, why the server
// could not be used, or the context's end; a report is written in every case once orders have been sent.
func Run(ctx context.Context, options Options) error {
	options = options.withDefaults()
	s, of, err := readFile(options.File)
	if err != nil {
		return err
	}
	client, err := load.Dial(ctx, load.Target{GRPCAddr: options.GRPCAddr, InternalAddr: options.InternalAddr, Token: options.Token})
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	err = replay(ctx, client, s, of, options)
	return errors.Join(err, client.Close())
}

// readFile reads the file twice: once as invoices, once as sums.
func readFile(name string) (*shop, sums, error) {
	var s *shop
	var of sums
	passes := []func(io.Reader) error{
		func(in io.Reader) (err error) { s, err = readShop(in); return err },
		func(in io.Reader) (err error) { of, err = sumFile(in); return err },
	}
	for _, pass := range passes {
		file, err := openFile(name)
		if err != nil {
			return nil, of, err
		}
		if err := errors.Join(pass(file), file.Close()); err != nil {
			return nil, of, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
	}
	s.complete()
	return s, of, nil
}

// run is one replay under way. Every invoice belongs to one chain, and every chain to one worker.
type run struct {
	options Options
	client  *load.Client
	feed    *load.Feed
	shop    *shop
	before  *before
	bar     *screen.Bar

	create, confirm, refund *load.Latency
	start                   time.Time
}

func replay(ctx context.Context, client *load.Client, s *shop, of sums, options Options) error {
	r := &run{
		options: options, client: client, shop: s,
		create: load.NewLatency(), confirm: load.NewLatency(), refund: load.NewLatency(),
	}
	feed, err := client.Follow(ctx)
	if err != nil {
		return fmt.Errorf("follow the orders: %w", err)
	}
	defer feed.Close()
	r.feed = feed
	if err := r.prepare(ctx); err != nil {
		return err
	}
	r.start = time.Now()
	failure := r.all(ctx)
	took := time.Since(r.start)

	var server totals
	if failure == nil {
		if server, failure = r.readTotals(ctx); failure != nil {
			failure = fmt.Errorf("read the totals back: %w", failure)
		}
	}
	report := r.report(of, server, failure == nil, took)
	if err := report.write(options.Out, options.JSON); err != nil {
		return errors.Join(failure, err)
	}
	if failure == nil && !report.Agrees {
		return ErrTotals
	}
	return failure
}

// prepare reads back what the server has of the file, and sets the stock that the rest needs.
func (r *run) prepare(ctx context.Context) error {
	var err error
	if r.before, err = r.readBack(ctx); err != nil {
		return fmt.Errorf("read back what is there: %w", err)
	}
	if err := r.setStock(ctx); err != nil {
		return fmt.Errorf("set the stock: %w", err)
	}
	return nil
}

// all sends every chain.
func (r *run) all(ctx context.Context) error {
	r.bar = screen.NewBar(r.options.Progress, "invoices", int64(len(r.shop.invoices)))
	defer r.bar.End()
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(r.options.Clients)
	for _, chain := range r.shop.chains() {
		if running.Err() != nil {
			break
		}
		group.Go(func() error { return r.chain(running, chain) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	return context.Cause(ctx) //nolint:wrapcheck // the caller's own
}

// chain sends one customer's invoices in the order of the file. A refund is asked for once its order is confirmed; the end
// waits until the money is back.
func (r *run) chain(ctx context.Context, chain []*invoice) error {
	var orders shelf
	defer func() {
		for _, of := range orders {
			of.tracked.Untrack()
		}
	}()
	for _, inv := range chain {
		if inv.credit {
			if err := r.credit(ctx, inv, orders); err != nil {
				return err
			}
		} else {
			of, err := r.sale(ctx, inv)
			if err != nil {
				return err
			}
			if of != nil {
				orders = append(orders, of)
			}
		}
		inv.settled = true
		r.bar.Add(1)
	}
	return r.settleRefunds(ctx, orders)
}

// fatal tells whether an error ends the replay: the context has ended, the server is not to be had, or it does not know us. All
// other refusals are about one invoice.
func fatal(err error) bool {
	var refusal *load.Refusal
	if !errors.As(err, &refusal) {
		return err != nil
	}
	switch refusal.Code {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists, codes.NotFound, codes.OutOfRange, codes.Internal,
		codes.Aborted, codes.DataLoss, codes.Unknown:
		return false
	default:
		return true
	}
}
