// Package wire translates between rows and the messages of the contract: what is answered to clients and stored under their
// keys, and what events carry. It is the only place beside the edges that knows the generated code.
package wire

import (
	"cmp"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// stamp writes a time; a zero time is absent.
func stamp(at time.Time) *timestamppb.Timestamp {
	if at.IsZero() {
		return nil
	}
	return timestamppb.New(at)
}

// Order writes an order with its lines.
func Order(o *state.Order) *omsv1.Order {
	message := OrderHead(o)
	prices := make([]omsv1.Money, len(o.Lines))
	lines := make([]omsv1.OrderItem, len(o.Lines))
	message.Items = make([]*omsv1.OrderItem, len(o.Lines))
	for i := range o.Lines {
		line := &o.Lines[i]
		prices[i].Currency, prices[i].AmountMinor = o.Currency, line.PriceMinor
		lines[i].Sku, lines[i].Qty, lines[i].Price = line.SKU, line.Quantity, &prices[i]
		message.Items[i] = &lines[i]
	}
	return message
}

// OrderHead writes an order without its lines, as events carry it.
func OrderHead(o *state.Order) *omsv1.Order {
	message := &omsv1.Order{
		Id: o.ID, CustomerId: o.CustomerID, Status: omsv1.OrderStatus(o.Status),
		Amount:  &omsv1.Money{Currency: o.Currency, AmountMinor: o.AmountMinor},
		Version: o.Version, CreatedAt: stamp(o.CreatedAt), UpdatedAt: stamp(o.UpdatedAt),
		StatusReason: o.StatusReason, StatusDetail: o.StatusDetail,
		ClientReference: o.ClientReference, Metadata: o.Metadata, CancelRequested: o.CancelRequested,
	}
	for _, adjustment := range o.Adjustments {
		message.Adjustments = append(message.Adjustments, &omsv1.Adjustment{
			Name: adjustment.Name, Amount: &omsv1.Money{Currency: o.Currency, AmountMinor: adjustment.AmountMinor},
		})
	}
	if o.Expires() {
		message.ExpiresAt = stamp(o.ExpiresAt)
	}
	if o.PaymentStatus != state.PaymentNone {
		message.Payment = &omsv1.OrderPayment{
			PaymentId: id.Derive("payment", o.ID), Status: omsv1.PaymentStatus(o.PaymentStatus),
			CapturedMinor: o.CapturedMinor, RefundedMinor: o.RefundedMinor, RefundPendingMinor: o.RefundPendingMinor,
			DeclineReason: o.DeclineReason, DisputedMinor: o.DisputedMinor, ChargedBackMinor: o.ChargedBackMinor,
			CardBrand: o.PaymentCard.Brand, CardLastFour: o.PaymentCard.LastFour,
		}
		message.Refunded = &omsv1.Money{Currency: o.Currency, AmountMinor: o.RefundedMinor}
	}
	return message
}

// Item writes the stock of a SKU.
func Item(i *state.Item) *omsv1.StockItem {
	return &omsv1.StockItem{
		Sku: i.SKU, OnHand: i.OnHand, Available: i.OnHand - i.Reserved, Reserved: i.Reserved, Sold: i.Sold,
		Stocked: i.OnHand + i.Sold, Version: i.Version, UpdatedAt: stamp(i.UpdatedAt),
	}
}

// Reservation writes a reservation.
func Reservation(r *state.Reservation) *omsv1.Reservation {
	message := &omsv1.Reservation{
		Id: r.ID, OrderId: r.OrderID, Status: omsv1.ReservationStatus(r.Status), RejectedSku: r.RejectedSKU, Version: r.Version,
	}
	for _, demand := range r.Items {
		message.Items = append(message.Items, &omsv1.ReservationItem{Sku: demand.SKU, Qty: demand.Quantity})
	}
	return message
}

// Payment writes a payment. The payer's token is not part of it.
func Payment(p *state.Payment) *omsv1.Payment {
	message := &omsv1.Payment{
		Id: p.ID, OrderId: p.OrderID, Status: omsv1.PaymentStatus(p.Status),
		Amount:   &omsv1.Money{Currency: p.Currency, AmountMinor: p.AmountMinor},
		Provider: p.Provider, ExternalId: p.ExternalID, CapturedMinor: p.CapturedMinor, RefundedMinor: p.RefundedMinor,
		RefundPendingMinor: p.RefundPendingMinor, Attempt: p.Attempt, DeclineReason: p.DeclineReason, Version: p.Version,
		DisputedMinor: p.DisputedMinor, ChargedBackMinor: p.ChargedBackMinor,
		CardBrand: p.Card.Brand, CardLastFour: p.Card.LastFour, CaptureBefore: stamp(p.CaptureBefore),
	}
	for _, refund := range p.Refunds {
		message.Refunds = append(message.Refunds, &omsv1.PaymentRefund{
			Id: id.DeriveStep("refund", p.ID, "refund/"+strconv.Itoa(refund.Number)), AmountMinor: refund.AmountMinor,
			State: omsv1.RefundState(refund.State), Reason: refund.Reason, CreatedAt: stamp(refund.CreatedAt),
		})
	}
	for _, d := range p.Disputes {
		message.Disputes = append(message.Disputes, dispute(p, d))
	}
	return message
}

// dispute writes one dispute of a payment.
func dispute(p *state.Payment, d state.Dispute) *omsv1.PaymentDispute {
	return &omsv1.PaymentDispute{
		Id: id.Derive("dispute", p.ID) + "/" + strconv.Itoa(d.Number), ExternalId: d.ExternalID, State: omsv1.DisputeState(d.State),
		Amount:   &omsv1.Money{Currency: cmp.Or(d.Currency, p.Currency), AmountMinor: d.AmountMinor},
		FeeMinor: d.FeeMinor, Reason: d.Reason, DueBy: stamp(d.DueBy), CreatedAt: stamp(d.CreatedAt), UpdatedAt: stamp(d.UpdatedAt),
		BookedMinor: d.BookedMinor,
	}
}

// DeadLetter writes a dead letter.
func DeadLetter(d *state.DeadLetter) *omsv1.DeadLetter {
	return &omsv1.DeadLetter{
		Id: d.ID, TenantId: d.Tenant, AggregateId: d.AggregateID, Kind: d.Kind, Error: d.Error, Attempts: d.Attempts,
		CreatedAt: stamp(d.CreatedAt), ReplayedAt: stamp(d.ReplayedAt), Payload: d.Payload,
	}
}

// Message writes any row that can be an answer; nil for rows that are not.
func Message(row state.Row) proto.Message {
	switch row := row.(type) {
	case *state.Order:
		return Order(row)
	case *state.Item:
		return Item(row)
	case *state.Reservation:
		return Reservation(row)
	case *state.Payment:
		return Payment(row)
	case *state.DeadLetter:
		return DeadLetter(row)
	case *state.Price:
		return Price(row)
	case *state.Catalogue:
		return &omsv1.ImportPricesResponse{OpenedAt: stamp(row.OpenedAt)}
	case *state.Contact:
		return Contact(row)
	case *state.Notification:
		return Notification(row)
	case *state.PlayerPayment:
		return PlayerPayment(row)
	case *state.Bonus:
		return Bonus(row)
	default:
		return playMessage(row)
	}
}

// Answer encodes an answered row as it is stored under its key.
func Answer(row state.Row) []byte {
	message := Message(row)
	if message == nil {
		return nil
	}
	return marshal(message)
}

// marshal encodes a message that was made here, which cannot fail but for invalid UTF-8, which the edge refuses.
func marshal(message proto.Message) []byte {
	encoded, err := proto.Marshal(message)
	if err != nil {
		panic("wire: " + err.Error())
	}
	return encoded
}
