package replay

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/load/screen"
)

// setStock makes available what the sales still to be reserved need: on a fresh server the pieces that the file sells of each
// stock code, later the rest of them. Doing it again changes nothing.
func (r *run) setStock(ctx context.Context) error {
	need := r.need()
	items := map[string]*omsv1.StockItem{}
	if err := r.client.EachItem(ctx, func(item *omsv1.StockItem) { items[item.GetSku()] = item }); err != nil {
		return err //nolint:wrapcheck // the caller wraps
	}
	for sku, pieces := range need {
		if items[sku].GetAvailable() >= pieces {
			delete(need, sku)
		}
	}
	bar := screen.NewBar(r.options.Progress, "stock", int64(len(need)))
	defer bar.End()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.options.Clients)
	for sku, pieces := range need {
		group.Go(func() error {
			defer bar.Add(1)
			return r.stock(ctx, sku, pieces, items[sku])
		})
	}
	return group.Wait() //nolint:wrapcheck // wrapped below
}

// need sums the pieces by stock code over the sales that have not been reserved.
func (r *run) need() map[string]int64 {
	need := map[string]int64{}
	for _, inv := range r.shop.invoices {
		prior := r.before.orders[reference(inv.number)]
		switch {
		case inv.credit, prior.final != "" && prior.live == nil:
		case prior.live == nil:
			for i := range inv.lines {
				if l := &inv.lines[i]; l.fate == open && l.qty > 0 {
					need[l.sku] += l.qty
				}
			}
		case prior.live.GetStatus() == omsv1.OrderStatus_ORDER_STATUS_PENDING:
			for _, item := range prior.live.GetItems() {
				need[item.GetSku()] += int64(item.GetQty())
			}
		}
	}
	return need
}

// stockTries bounds how often the stock of one SKU is looked at again, because somebody else changed it meanwhile.
const stockTries = 10

// stock sets one SKU so that so many pieces are available. A SKU that the server does not take is left to the orders to show.
func (r *run) stock(ctx context.Context, sku string, pieces int64, item *omsv1.StockItem) error {
	for range stockTries {
		_, err := load.Send(ctx, r.client, load.Key(), r.client.Inventory.SetStock, &omsv1.SetStockRequest{
			Sku: sku, OnHand: proto.Int64(item.GetReserved() + pieces), ExpectedVersion: item.GetVersion(),
		})
		if err == nil {
			return nil
		}
		switch refusal := load.RefusalOf(err); {
		case ctx.Err() != nil:
			return err //nolint:wrapcheck // the context's end
		case refusal.Code == codes.InvalidArgument:
			return nil
		case refusal.Reason != "VERSION_CONFLICT" && refusal.Reason != "BELOW_RESERVED":
			return fmt.Errorf("stock of %s: %w", sku, err)
		}
		answer, err := load.Send(ctx, r.client, "", r.client.Inventory.GetStock, &omsv1.GetStockRequest{Sku: sku})
		if err != nil {
			return fmt.Errorf("stock of %s: %w", sku, err)
		}
		if item = answer.GetItem(); item.GetAvailable() >= pieces {
			return nil
		}
	}
	return fmt.Errorf("stock of %s: it keeps changing", sku)
}
