package shopapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-faster/jx"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// paymentBody is the body of /api/payment/process. It is never printed: it holds a card.
type paymentBody struct {
	orderID, userID, amount, method string
	card                            omsv1.Card
	expiry                          string
}

// processPayment serves POST /api/payment/process: it has the order paid and waits for what the gateway says. Its key derives from the
// order, and the command that is hashed is without the card: an order is paid once, whatever is repeated.
func (h *Handler) processPayment(ctx context.Context, in *incoming) answer {
	body, unreadable := in.paymentBody()
	request := &omsv1.PayOrderRequest{OrderId: body.orderID}
	var order *omsv1.Order
	key := "api/payment/process/" + body.orderID
	err := h.carry(ctx, in, "OrderService/PayOrder", key, request, unreadable, func(ctx context.Context) (_ proto.Message, err error) {
		order, err = h.pay(ctx, body)
		return order, err
	})
	if err != nil {
		return h.failed(err)
	}
	return h.outcome(in, order)
}

// paymentBody reads the body. What is wrong with the card's form is told here, with the order known; never its digits.
func (in *incoming) paymentBody() (body *paymentBody, unreadable *fault.Fault) {
	body = &paymentBody{}
	r := &reader{}
	unreadable = in.read(r, map[string]member{
		"orderId": text(&body.orderID), "userId": text(&body.userID), "paymentAmount": amount(&body.amount),
		"paymentMethod": text(&body.method),
		"paymentDetails": func(d *jx.Decoder, path string) error {
			return r.object(d, path, map[string]member{
				"cardNumber": text(&body.card.Number), "expiryDate": text(&body.expiry), "cvv": text(&body.card.Cvv),
			}, nil)
		},
	})
	unreadable = orderID(&body.orderID, unreadable)
	if unreadable != nil {
		return body, unreadable
	}
	if body.method != "credit_card" {
		return body, fault.Invalid("paymentMethod", "PAYMENT_METHOD_UNSUPPORTED", `must be "credit_card"; this version takes no other`)
	}
	expires, err := time.Parse("01/06", body.expiry)
	if err != nil { // the error would repeat what was sent
		return body, fault.Invalid("paymentDetails.expiryDate", card.ReasonExpiry, `must read "MM/YY"`)
	}
	body.card.ExpMonth, body.card.ExpYear = int32(expires.Month()), int32(expires.Year()) //nolint:gosec // two digits each
	return body, nil
}

// pay has an order paid by a card, unless it has a payment already, and answers the order once the payment's outcome is known or the
// wait is over.
func (h *Handler) pay(ctx context.Context, body *paymentBody) (*omsv1.Order, error) {
	payable, err := h.Orders.Payable(ctx, body.orderID, body.userID, "paymentAmount", body.amount)
	if err != nil {
		return nil, err //nolint:wrapcheck // a fault
	}
	if payable {
		_, err := h.Orders.PayOrder(ctx, &omsv1.PayOrderRequest{OrderId: body.orderID, Card: &body.card})
		if err != nil && fault.From(err).Reason != "PAYMENT_IN_PROGRESS" { // another payment came first: its outcome is the answer
			return nil, err //nolint:wrapcheck // a fault
		}
	}
	return h.Orders.AwaitPayment(ctx, body.orderID, h.PaymentWait) //nolint:wrapcheck // a fault
}

// outcome translates what became of a payment.
func (h *Handler) outcome(in *incoming, order *omsv1.Order) answer {
	payment := order.GetPayment()
	switch payment.GetStatus() {
	case omsv1.PaymentStatus_PAYMENT_STATUS_CAPTURED, omsv1.PaymentStatus_PAYMENT_STATUS_PARTIALLY_REFUNDED,
		omsv1.PaymentStatus_PAYMENT_STATUS_REFUNDED:
		return said(http.StatusOK, "Payment successful", paid("completed", payment.GetPaymentId()))
	case omsv1.PaymentStatus_PAYMENT_STATUS_DECLINED:
		return said(http.StatusBadRequest, "Payment failed due to "+words(payment.GetDeclineReason()), paid("failed", ""))
	default: // the order tells
	}
	switch order.Status {
	case omsv1.OrderStatus_ORDER_STATUS_CONFIRMED, omsv1.OrderStatus_ORDER_STATUS_REFUNDED: // of amount 0
		return said(http.StatusOK, "Payment successful", paid("completed", payment.GetPaymentId()))
	case omsv1.OrderStatus_ORDER_STATUS_CANCELED:
		return h.declined(in, fault.New(fault.FailedPrecondition, "ILLEGAL_TRANSITION",
			"Payment failed: the order was canceled, %s", order.StatusReason), paid("failed", ""))
	default:
		return said(http.StatusAccepted, "Payment is being processed", paid("processing", payment.GetPaymentId()))
	}
}

// declineWords say what a gateway's reason means where its own words make no sentence behind "due to".
var declineWords = map[string]string{"do_not_honor": "a refusal by the bank", "generic_decline": "a refusal by the bank"}

func words(reason string) string {
	if said, found := declineWords[reason]; found {
		return said
	}
	return strings.ReplaceAll(reason, "_", " ")
}

func paid(status, transaction string) func(e *jx.Encoder) {
	return func(e *jx.Encoder) {
		e.FieldStart("paymentStatus")
		e.Str(status)
		if transaction != "" {
			e.FieldStart("transactionId")
			e.Str(transaction)
		}
	}
}
