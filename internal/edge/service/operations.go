package service

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Operations implements oms.v1.OperationsService.
type Operations struct {
	omsv1.UnimplementedOperationsServiceServer
	*Environment
}

// How much is looked at in one call.
const (
	stuckPage     = 200
	stuckMost     = 1_000
	stuckLookedAt = 20_000
)

// Steps that an order waits for.
const (
	stepReservation  = "RESERVATION"
	stepPayment      = "PAYMENT"
	stepCapture      = "CAPTURE"
	stepCompensation = "COMPENSATION"
	stepDeadLetter   = "DEAD_LETTER"
)

// ListStuckOrders implements the contract (requirement X-9).
func (s *Operations) ListStuckOrders(ctx context.Context, request *omsv1.ListStuckOrdersRequest) (*omsv1.ListStuckOrdersResponse, error) {
	response := &omsv1.ListStuckOrdersResponse{}
	tenant, asked := edge.ScopeOf(ctx).Caller.Tenant, time.Duration(request.OlderThanSeconds)*time.Second
	now, err := s.View.Now(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	query := state.OrderQuery{
		Tenant: tenant, Statuses: []state.OrderStatus{state.OrderPending, state.OrderReserved, state.OrderPaid},
		Limit: stuckPage, ScanLimit: scanLimit,
	}
	for looked := 0; len(response.Orders) < stuckMost; looked += stuckPage {
		page, err := s.View.Orders(ctx, query)
		if err != nil {
			return nil, unavailable(err)
		}
		for _, o := range page.Orders {
			step, limit := waitsFor(o, &s.StepLimits)
			if asked > 0 {
				limit = asked
			}
			if step == "" || now.Sub(o.UpdatedAt) < limit {
				continue
			}
			found, err := s.stuck(ctx, o, step)
			if err != nil {
				return nil, err
			}
			response.Orders = append(response.Orders, found)
		}
		if query.BeforeID = page.Next; page.Next == "" {
			break
		}
		response.Truncated = looked+stuckPage >= stuckLookedAt || len(response.Orders) >= stuckMost
		if response.Truncated {
			break
		}
	}
	if err := s.addLetters(ctx, tenant, response); err != nil {
		return nil, err
	}
	return response, s.addPayments(ctx, tenant, asked, response)
}

// addPayments adds the payments of players.
func (s *Operations) addPayments(ctx context.Context, tenant string, asked time.Duration, response *omsv1.ListStuckOrdersResponse) error {
	limits := s.StepLimits
	if asked > 0 {
		limits.Payment, limits.Capture = asked, asked
	}
	found, err := s.View.StuckPayments(ctx, tenant, limits, stuckMost)
	if err != nil {
		return unavailable(err)
	}
	response.Truncated = response.Truncated || found.Count > stuckMost
	for _, p := range found.Payments {
		advice := "the gateway is being asked: wait, or look at the gateway"
		if p.LetterID != "" {
			advice = replayAdvice(p.LetterID)
		}
		response.Payments = append(response.Payments, &omsv1.StuckPayment{
			PaymentId: p.PaymentID, PlayerId: p.PlayerID, Type: p.Type.String(), Step: p.Step, Status: p.Status.String(),
			Since: timestamppb.New(p.Since), LastError: p.Error, Advice: advice,
		})
	}
	return nil
}

func replayAdvice(letterID string) string {
	return "replay " + letterID + " when its cause is gone (oms dlq replay)"
}

// waitsFor names the step that an order waits for, and how long it may; empty for none but its client's.
func waitsFor(o *state.Order, limits *state.StepLimits) (step string, limit time.Duration) {
	switch {
	case !order.Waits(o):
		return "", 0
	case o.CancelRequested:
		return stepCompensation, limits.Compensation
	case o.Status == state.OrderPending:
		return stepReservation, limits.Reservation
	case o.Status == state.OrderReserved:
		return stepPayment, limits.Payment
	default:
		return stepCapture, limits.Capture
	}
}

// stuck describes an order that waits, with what its calls say.
func (s *Operations) stuck(ctx context.Context, o *state.Order, step string) (*omsv1.StuckOrder, error) {
	found := &omsv1.StuckOrder{
		OrderId: o.ID, Step: step, Status: omsv1.OrderStatus(o.Status), PaymentStatus: omsv1.PaymentStatus(o.PaymentStatus),
		Since: timestamppb.New(o.UpdatedAt), Advice: "no call is open: retry the step, or compensate the order",
	}
	calls, err := s.View.Effects(ctx, o.Tenant, id.Derive("payment", o.ID))
	if err != nil {
		return nil, unavailable(err)
	}
	for _, call := range calls {
		if call.LastError != "" {
			found.LastError = call.LastError
		}
		if call.State == state.EffectOpen {
			found.Advice = "the gateway is being asked (" + call.Kind + "): wait, or look at the gateway; compensating waits for its answer too"
		}
	}
	return found, nil
}

// addLetters adds the orders of open dead letters that are not listed yet, of each order the newest.
func (s *Operations) addLetters(ctx context.Context, tenant string, response *omsv1.ListStuckOrdersResponse) error {
	listed := map[string]*omsv1.StuckOrder{}
	for _, found := range response.Orders {
		listed[found.OrderId] = found
	}
	letters, err := s.View.DeadLetters(ctx, state.DeadLetterQuery{Tenant: tenant, Limit: stuckMost})
	if err != nil {
		return unavailable(err)
	}
	for _, letter := range letters {
		kind, number, _ := strings.Cut(letter.AggregateID, ":")
		if kind != "order" && kind != "payment" {
			continue
		}
		orderID := "order:" + number
		found := listed[orderID]
		if found == nil {
			o, err := s.View.Order(ctx, tenant, orderID)
			if err != nil {
				return read(err, "order", orderID)
			}
			found = &omsv1.StuckOrder{
				OrderId: orderID, Status: omsv1.OrderStatus(o.Status), PaymentStatus: omsv1.PaymentStatus(o.PaymentStatus),
			}
			listed[orderID] = found
			response.Orders = append(response.Orders, found)
		}
		if found.Step != stepDeadLetter {
			found.Step, found.Since, found.LastError = stepDeadLetter, timestamppb.New(letter.CreatedAt), letter.Error
			found.Advice = replayAdvice(letter.ID)
		}
	}
	return nil
}

// subjectOf reads what an operator's command must name: the order's stock, and its payment; nil for none.
func (s *Operations) subjectOf(ctx context.Context, orderID string) (flow.Subject, *state.Payment, error) {
	about := subject(ctx, orderID)
	o, err := s.View.Order(ctx, about.Tenant, orderID)
	if err != nil {
		return about, nil, read(err, "order", orderID)
	}
	about.Names, about.Checked = flow.SKUs(o.Lines), s.RequireKYC
	p, err := s.View.Payment(ctx, about.Tenant, id.Derive("payment", orderID))
	if err != nil && !isNotFound(err) {
		return about, nil, unavailable(err)
	}
	return about, p, nil
}

// RetryStep implements the contract.
func (s *Operations) RetryStep(ctx context.Context, request *omsv1.RetryStepRequest) (*omsv1.RetryStepResponse, error) {
	answer, err := s.operate(ctx, request.OrderId, func(about flow.Subject, seen *state.Payment) []command.Step {
		return flow.RetryStep(about, order.Operate{
			Name:   order.Name{Tenant: about.Tenant, OrderID: about.OrderID},
			Action: order.OperatorRetry, Operator: request.Operator, Words: request.Reason,
		}, s.Provider, seen)
	})
	return &omsv1.RetryStepResponse{Order: answer}, err
}

// ForceCompensation implements the contract.
func (s *Operations) ForceCompensation(ctx context.Context, request *omsv1.ForceCompensationRequest,
) (*omsv1.ForceCompensationResponse, error) {
	answer, err := s.operate(ctx, request.OrderId, func(about flow.Subject, seen *state.Payment) []command.Step {
		return flow.ForceCompensation(about, order.Operate{
			Name:   order.Name{Tenant: about.Tenant, OrderID: about.OrderID},
			Action: order.OperatorCompensation, Operator: request.Operator, Words: request.Reason,
		}, seen)
	})
	return &omsv1.ForceCompensationResponse{Order: answer}, err
}

// operate carries an operator's command out.
func (s *Operations) operate(ctx context.Context, orderID string, steps func(about flow.Subject, seen *state.Payment) []command.Step,
) (*omsv1.Order, error) {
	result, err := s.submitAnew(ctx, prepare(ctx), func() ([]command.Step, error) {
		about, seen, err := s.subjectOf(ctx, orderID)
		if err != nil {
			return nil, err
		}
		return steps(about, seen), nil
	})
	if err != nil {
		return nil, err
	}
	return answered(ctx, result, &omsv1.Order{})
}
