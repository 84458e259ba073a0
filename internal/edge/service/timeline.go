package service

import (
	"context"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/wire"
)

const (
	timelinePage = 200
	// letterLimit bounds the dead letters that a timeline tells of, the oldest ones. A step is written down once, so there are few.
	letterLimit = 1000
)

// GetTimeline implements the contract: the events of the order and of its payment, its stock, its timers, the calls to the gateway
// and the dead letters.
func (s *Orders) GetTimeline(ctx context.Context, request *omsv1.GetTimelineRequest) (*omsv1.GetTimelineResponse, error) {
	caller := edge.ScopeOf(ctx).Caller
	binding := []string{"timeline", caller.Tenant, caller.Principal, request.OrderId}
	var after wire.TimelineCursor
	if request.PageToken != "" {
		position, ok := s.Sealer.Open(request.PageToken, binding...)
		if !ok {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
		var err error
		if after, err = wire.ParseTimelineCursor(position); err != nil {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
	}
	limit := int(request.PageSize)
	if limit == 0 {
		limit = timelinePage
	}
	life, err := s.life(ctx, caller.Tenant, request.OrderId, after, limit)
	if err != nil {
		return nil, read(err, "order", request.OrderId)
	}
	entries, next, more, err := life.Timeline(after, limit)
	if err != nil {
		return nil, fault.From(err)
	}
	response := &omsv1.GetTimelineResponse{Entries: entries}
	if more {
		response.NextPageToken = s.Sealer.Seal(next.String(), binding...)
	}
	return response, nil
}

// life reads what a page of a timeline is made of. Events come first: an event that is told has its causes in what is read later,
// so no page leaves out what stands before its end.
func (s *Orders) life(ctx context.Context, tenant, orderID string, after wire.TimelineCursor, limit int) (life wire.Life, err error) {
	paymentID := id.Derive("payment", orderID)
	if life.PaymentEvents, err = s.View.AggregateEvents(ctx, tenant, paymentID, after.PaymentSeq, limit+1); err != nil {
		return life, err
	}
	if life.OrderEvents, err = s.View.AggregateEvents(ctx, tenant, orderID, after.OrderSeq, limit+1); err != nil {
		return life, err
	}
	if after.OrderSeq > 0 { // the lines may have been changed before the page
		before, err := s.View.AggregateEvents(ctx, tenant, orderID, 0, int(after.OrderSeq))
		if err != nil {
			return life, err
		}
		if life.Items, err = wire.LastItems(before); err != nil {
			return life, err
		}
	}
	if life.Order, err = s.View.Order(ctx, tenant, orderID); err != nil {
		return life, err
	}
	life.Payment, err = s.View.Payment(ctx, tenant, paymentID)
	if err != nil && !isNotFound(err) {
		return life, err
	}
	life.Reservation, err = s.View.Reservation(ctx, tenant, inventory.ReservationRef(tenant, orderID).ID)
	if err != nil && !isNotFound(err) {
		return life, err
	}
	if life.Effects, err = s.View.Effects(ctx, tenant, paymentID); err != nil {
		return life, err
	}
	life.Letters, err = s.View.DeadLettersOf(ctx, tenant, []string{orderID, paymentID}, letterLimit)
	return life, err
}
