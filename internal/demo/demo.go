// Package demo shows the whole system at work in a few seconds: realistic orders, and everything that goes wrong with orders,
// on purpose. It is a client like any other, over gRPC.
//
// What the buyers will do is drawn from a seed before the first of them comes (plan.go); each story knows how its order must
// end (buyer.go). Afterwards all orders are read back, compared with what the buyers were told, and the invariants of the
// store are checked: the report is about facts at the server, not about what a client believes.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/load/screen"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Options say where the server is and how much to show.
type Options struct {
	GRPCAddr     string
	InternalAddr string
	APIAddr      string // for the lines that tell where to look next
	OpsAddr      string
	Again        string // the command that starts the server again over the same data; empty when it stays
	Token        string // bearer token; empty for none
	Orders       int    // 1,000 when 0
	Clients      int    // buyers at once; 32 when 0
	Seed         uint64 // the same seed makes the same orders
	JSON         bool   // the report as JSON
	Out          io.Writer
	Progress     io.Writer                                          // where the bar is drawn; nil for none
	Verify       func(ctx context.Context) ([]state.Finding, error) // checks the invariants of the store; nil for none
	OrderTimeout time.Duration                                      // how long an order may take to its end; 1 min when 0
}

// ErrFailed says that something did not end as it must; the report says what.
var ErrFailed = errors.New("the demo found something wrong")

func (o Options) withDefaults() Options {
	if o.Orders <= 0 {
		o.Orders = 1000
	}
	if o.Clients <= 0 {
		o.Clients = 32
	}
	if o.OrderTimeout <= 0 {
		o.OrderTimeout = time.Minute
	}
	return o
}

// Run sends the orders and writes the report. The error is ErrFailed when an invariant is violated or an order has not ended as it
// must, else why the demo could not be carried out.
func Run(ctx context.Context, options Options) error {
	client, err := load.Dial(ctx, load.Target{GRPCAddr: options.GRPCAddr, InternalAddr: options.InternalAddr, Token: options.Token})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return errors.Join(run(ctx, client, options.withDefaults()), client.Close())
}

// show is one demo under way.
type show struct {
	options Options
	client  *load.Client
	feed    *load.Feed
	plan    *plan
	run     string
	start   time.Time

	create, reserve, confirm, slow *load.Latency

	mutex    sync.Mutex
	outcomes []outcome
}

func run(ctx context.Context, client *load.Client, options Options) error {
	key := load.Key()
	d := &show{
		options: options, client: client, run: key[len(key)-8:],
		create: load.NewLatency(), reserve: load.NewLatency(), confirm: load.NewLatency(), slow: load.NewLatency(),
	}
	d.plan = makePlan(d.run, options.Orders, options.Seed)
	feed, err := client.Follow(ctx)
	if err != nil {
		return fmt.Errorf("follow the orders: %w", err)
	}
	defer feed.Close()
	d.feed = feed
	if err := d.stock(ctx); err != nil {
		return fmt.Errorf("stock the shop: %w", err)
	}
	if err := d.open(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	report, err := d.report(ctx)
	if err != nil {
		return err
	}
	if err := report.write(options); err != nil {
		return err
	}
	if !report.OK {
		return ErrFailed
	}
	return nil
}

// stock fills the shelves: what the plan needs, beside what earlier orders have reserved.
func (d *show) stock(ctx context.Context) error {
	reserved := map[string]int64{}
	err := d.client.EachItem(ctx, func(item *omsv1.StockItem) { reserved[item.GetSku()] = item.GetReserved() })
	if err != nil {
		return err //nolint:wrapcheck // the caller wraps
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(d.options.Clients)
	for sku, pieces := range d.plan.stock {
		group.Go(func() error {
			_, err := load.Send(ctx, d.client, load.Key(), d.client.Inventory.SetStock,
				&omsv1.SetStockRequest{Sku: sku, OnHand: proto.Int64(reserved[sku] + pieces)})
			return err //nolint:wrapcheck // the caller wraps
		})
	}
	return group.Wait() //nolint:wrapcheck // the caller wraps
}

// open lets the buyers in, so many at once. Only an error that ends the demo is answered.
func (d *show) open(ctx context.Context) error {
	bar := screen.NewBar(d.options.Progress, "orders", int64(len(d.plan.wishes)))
	defer bar.End()
	d.start = time.Now()
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(d.options.Clients)
	for _, w := range d.plan.wishes {
		if running.Err() != nil {
			break
		}
		group.Go(func() error {
			defer bar.Add(1)
			limit, cancel := context.WithTimeout(running, d.options.OrderTimeout)
			defer cancel()
			o := d.serve(limit, w)
			d.mutex.Lock()
			defer d.mutex.Unlock()
			d.outcomes = append(d.outcomes, o)
			return context.Cause(running) //nolint:wrapcheck // the context's end
		})
	}
	if err := group.Wait(); err != nil {
		return err //nolint:wrapcheck // the caller wraps
	}
	return context.Cause(ctx) //nolint:wrapcheck // the context's end
}

// short is a status without the enum's prefix.
func short(status omsv1.OrderStatus) string {
	return strings.TrimPrefix(status.String(), "ORDER_STATUS_")
}
