package shopapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// createOrder serves POST /api/orders/create. Two orders that are alike may both be meant, and nothing in the body tells a repeat from
// another order. So without a key of the client's each request is an order of its own.
func (h *Handler) createOrder(ctx context.Context, in *incoming) answer {
	var customer, total string
	var lines []line
	r := &reader{}
	in.from.needed = true
	unreadable := in.read(r, map[string]member{
		"userId": text(&customer), "orderAmount": amount(&total), "items": r.items(&lines),
	})
	wanted := &omsv1.CreateOrderRequest{CustomerId: customer, Items: make([]*omsv1.OrderItem, len(lines))}
	for i, line := range lines {
		wanted.Items[i] = &omsv1.OrderItem{Sku: line.product, Qty: line.quantity}
	}
	var created *omsv1.Order
	request := h.Orders.Unpriced(wanted, total)
	err := h.carry(ctx, in, "OrderService/CreateOrder", freshKey(), request, unreadable, func(ctx context.Context) (proto.Message, error) {
		var err error
		created, err = h.Orders.CreateAtCatalogue(ctx, request, "orderAmount", total)
		return created, err
	})
	if err != nil {
		return h.failed(err)
	}
	return said(http.StatusOK, "Order created successfully", func(e *jx.Encoder) {
		e.FieldStart("orderId")
		e.Str(created.Id)
		e.FieldStart("status")
		e.Str("pending")
	})
}

// lockInventory serves POST /api/inventory/lock. An order's stock is locked once, by the state of its reservation (requirement S-4); its
// derived key is that of the whole request, so that one with a slip does not stand in the way of the right one.
func (h *Handler) lockInventory(ctx context.Context, in *incoming) answer {
	request := &omsv1.ReserveRequest{}
	var lines []line
	r := &reader{}
	unreadable := in.read(r, map[string]member{"orderId": text(&request.OrderId), "items": r.items(&lines)})
	for _, line := range lines {
		request.Items = append(request.Items, &omsv1.ReservationItem{Sku: line.product, Qty: int64(line.quantity)})
	}
	unreadable = orderID(&request.OrderId, unreadable)
	var locked *omsv1.Reservation
	key := "api/inventory/lock/" + request.OrderId + "/" + digest(request)
	err := h.carry(ctx, in, "InventoryService/Reserve", key, request, unreadable, func(ctx context.Context) (proto.Message, error) {
		response, err := h.Inventory.Reserve(ctx, request)
		locked = response.GetReservation()
		return response, err
	})
	switch {
	case err != nil:
		return h.failed(err)
	case locked.Status == omsv1.ReservationStatus_RESERVATION_STATUS_REJECTED:
		return said(http.StatusBadRequest, "Insufficient inventory", lock(false))
	case locked.Status == omsv1.ReservationStatus_RESERVATION_STATUS_RELEASED:
		return h.declined(in, fault.New(fault.FailedPrecondition, "ILLEGAL_TRANSITION",
			"The order has ended and its inventory was released"), lock(false))
	case !sameDemand(locked.Items, request.Items):
		return h.declined(in, fault.New(fault.InvalidArgument, "DEMAND_MISMATCH", "The items are not those of the order").
			Violating("items", "DEMAND_MISMATCH", "must be the order's products and quantities"), lock(false))
	}
	return said(http.StatusOK, "Inventory locked successfully", lock(true))
}

// digest tells requests apart.
func digest(request proto.Message) string {
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil { // text that is not UTF-8, which is refused before a key is looked at
		return "unreadable"
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

func lock(locked bool) func(e *jx.Encoder) {
	return func(e *jx.Encoder) {
		e.FieldStart("locked")
		e.Bool(locked)
	}
}

// sameDemand tells whether two lists ask for the same pieces, however they are split into lines.
func sameDemand(held, asked []*omsv1.ReservationItem) bool {
	open := map[string]int64{}
	for _, item := range held {
		open[item.Sku] += item.Qty
	}
	for _, item := range asked {
		open[item.Sku] -= item.Qty
	}
	for _, left := range open {
		if left != 0 {
			return false
		}
	}
	return true
}

// orderID refuses what is no order's id, and writes one in its canonical form: a derived key must not depend on the case of digits.
func orderID(place *string, unreadable *fault.Fault) *fault.Fault {
	canonical, ok := contract.CanonicalID("order", *place)
	if !ok {
		if unreadable == nil {
			unreadable = fault.Invalid("orderId", contract.WrongKind, `must read "order:<uuid>", as /api/orders/create answered it`)
		}
		*place = ""
		return unreadable
	}
	*place = canonical
	return unreadable
}
