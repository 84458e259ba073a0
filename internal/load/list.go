package load

import (
	"context"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// pageSize is the greatest page that the contract allows.
const pageSize = 100

// EachOrder reads every page of a list, newest first. A page may be empty and yet not be the last (requirement O-10).
func (c *Client) EachOrder(ctx context.Context, filter *omsv1.ListOrdersRequest, each func(*omsv1.Order) error) error {
	request := proto.CloneOf(filter)
	request.PageSize = pageSize
	for {
		page, err := Send(ctx, c, "", c.Orders.ListOrders, request)
		if err != nil {
			return err
		}
		for _, order := range page.Orders {
			if err := each(order); err != nil {
				return err
			}
		}
		if page.NextPageToken == "" {
			return nil
		}
		request.PageToken = page.NextPageToken
	}
}

// EachItem reads the stock of every SKU.
func (c *Client) EachItem(ctx context.Context, each func(*omsv1.StockItem)) error {
	request := &omsv1.ListStockRequest{PageSize: pageSize}
	for {
		page, err := Send(ctx, c, "", c.Inventory.ListStock, request)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			each(item)
		}
		if page.NextPageToken == "" {
			return nil
		}
		request.PageToken = page.NextPageToken
	}
}
