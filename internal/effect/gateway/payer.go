package gateway

import "context"

// Payer pays money out to somebody's means, without a payment before. Not every gateway can.
type Payer interface {
	// Payout pays the amount out to the request's token. It is asked about and called back as every call is.
	Payout(ctx context.Context, request Request) (Answer, error)
}

// ReasonNoPayouts is why a payout is declined at a gateway that makes none.
const ReasonNoPayouts = "payouts_not_supported"

// payOut makes a payout. A gateway that can make none has surely not made this one: it is declined.
func payOut(ctx context.Context, g Gateway, request Request) (Answer, error) {
	if payer, can := g.(Payer); can {
		return payer.Payout(ctx, request)
	}
	return Answer{Status: Declined, Reason: ReasonNoPayouts}, nil
}

// Lookup asks a gateway what became of a call. One that makes no payouts need not be asked about them.
func Lookup(ctx context.Context, g Gateway, kind string, request Request) (Answer, error) {
	if _, can := g.(Payer); kind == KindPayout && !can {
		return Answer{Status: NotFound}, nil
	}
	return g.Lookup(ctx, request) //nolint:wrapcheck // its errors are classed
}
