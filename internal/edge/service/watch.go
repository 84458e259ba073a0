package service

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/feed"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// Feed is the live end of the events.
type Feed interface {
	Subscribe(ctx context.Context, request feed.Request) (*feed.Subscription, error)
	Now() feed.Place
}

// WatchOrder implements the contract. The subscription begins before the snapshot is read, so no version falls between them.
func (s *Orders) WatchOrder(request *omsv1.WatchOrderRequest, stream grpc.ServerStreamingServer[omsv1.WatchOrderResponse]) error {
	ctx := stream.Context()
	tenant := edge.ScopeOf(ctx).Caller.Tenant
	leave, err := s.Followers.enter()
	if err != nil {
		return err
	}
	defer leave()
	subscription, err := s.Feed.Subscribe(ctx, feed.Request{Tenant: tenant, Aggregates: []string{request.OrderId}})
	if err != nil {
		return feedFault(err)
	}
	defer subscription.Close()
	found, err := s.View.Order(ctx, tenant, request.OrderId)
	if err != nil {
		return read(err, "order", request.OrderId)
	}
	w := &watch{stream: stream, snapshot: wire.Order(found), version: request.AfterVersion}
	if w.version > found.Version {
		return fault.Invalid(saidIn(ctx, "after_version"), "AFTER_VERSION_INVALID", "is %d, and the order has version %d", w.version, found.Version)
	}
	if err := w.begin(ctx, s, tenant); err != nil || w.ended {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err() //nolint:wrapcheck // the chain translates it
		case events, open := <-subscription.C:
			if !open {
				return feedFault(subscription.Err())
			}
			if err := w.send(events); err != nil || w.ended {
				return err
			}
		}
	}
}

// saidIn is the place that a stream's beginning came from, in the caller's own words: the header of an event stream wins over the field.
func saidIn(ctx context.Context, field string) string {
	const header = "Last-Event-ID"
	if call := edge.ScopeOf(ctx).Call; call.Dialect == edge.REST && len(call.Header(header)) > 0 {
		return header
	}
	return field
}

// watch is one stream of one order.
type watch struct {
	stream   grpc.ServerStreamingServer[omsv1.WatchOrderResponse]
	snapshot *omsv1.Order
	items    []*omsv1.OrderItem // the lines at the last version sent, which most events do not repeat
	version  int64              // the last one sent
	ended    bool               // CANCELED or REFUNDED was sent
}

// begin sends the snapshot, or what followed the version that the caller has seen.
func (w *watch) begin(ctx context.Context, s *Orders, tenant string) error {
	if w.version == 0 {
		w.items = w.snapshot.Items
		return w.sendOrder(w.snapshot)
	}
	seen, err := s.View.AggregateEvents(ctx, tenant, w.snapshot.Id, 0, int(w.version))
	if err != nil {
		return unavailable(err)
	}
	if w.items, err = wire.LastItems(seen); err != nil {
		return fault.From(err)
	}
	missed, err := s.View.AggregateEvents(ctx, tenant, w.snapshot.Id, w.version, 0)
	if err != nil {
		return unavailable(err)
	}
	if err := w.send(missed); err != nil {
		return err
	}
	w.ended = w.ended || (w.version == w.snapshot.Version && terminal(w.snapshot.Status))
	return nil
}

// send sends the versions after the last one sent; what was sent already is skipped.
func (w *watch) send(events []state.Event) error {
	for i := range events {
		version, err := wire.OrderOf(&events[i])
		if err != nil {
			return fault.From(err)
		}
		if version == nil || version.Version <= w.version {
			continue
		}
		if len(version.Items) > 0 {
			w.items = version.Items
		}
		version.Items = w.items
		if err := w.sendOrder(version); err != nil || w.ended {
			return err
		}
	}
	return nil
}

func (w *watch) sendOrder(version *omsv1.Order) error {
	if err := w.stream.Send(&omsv1.WatchOrderResponse{Order: wire.WithToken(version)}); err != nil {
		return err //nolint:wrapcheck // the stream is gone
	}
	w.version, w.ended = version.Version, terminal(version.Status)
	return nil
}

func terminal(status omsv1.OrderStatus) bool { return state.OrderStatus(status).Terminal() } //nolint:gosec // an enum of seven

// WatchOrders implements the contract.
func (s *Orders) WatchOrders(request *omsv1.WatchOrdersRequest, stream grpc.ServerStreamingServer[omsv1.WatchOrdersResponse]) error {
	ctx := stream.Context()
	caller := edge.ScopeOf(ctx).Caller
	follow := feed.Request{Tenant: caller.Tenant, Match: func(e *state.Event) bool { return e.AggregateKind == state.KindOrder }}
	binding := []string{"feed", caller.Tenant, caller.Principal, request.CustomerId}
	place := s.Feed.Now()
	if request.ResumeToken != "" {
		resumed, ok := s.openPlace(request.ResumeToken, binding)
		if !ok {
			return badToken(saidIn(ctx, "resume_token"), "RESUME_TOKEN_INVALID", "resume_token of an answer to the same request")
		}
		place = resumed
	}
	follow.After = &place
	leave, err := s.Followers.enter()
	if err != nil {
		return err
	}
	defer leave()
	subscription, err := s.Feed.Subscribe(ctx, follow)
	if errors.Is(err, feed.ErrEpoch) && request.ResumeToken == "" {
		err = feed.ErrUnready // the history began after Now was asked; the caller has no token that could be wrong
	}
	if err != nil {
		return feedFault(err)
	}
	defer subscription.Close()
	token := s.sealPlace(place, binding)
	if err := stream.Send(&omsv1.WatchOrdersResponse{ResumeToken: token}); err != nil {
		return err //nolint:wrapcheck // the stream is gone
	}
	heartbeat := time.NewTicker(s.Heartbeat)
	defer heartbeat.Stop()
	for {
		response := &omsv1.WatchOrdersResponse{ResumeToken: token}
		select {
		case <-ctx.Done():
			return ctx.Err() //nolint:wrapcheck // the chain translates it
		case <-heartbeat.C: // what did not concern the caller is behind it all the same
			token = s.sealPlace(place, binding)
			response.ResumeToken = token
		case events, open := <-subscription.C:
			if !open {
				return feedFault(subscription.Err())
			}
			if response.Changes, err = changes(events, request.CustomerId); err != nil {
				return fault.From(err)
			}
			place.Position = events[len(events)-1].Position
			if len(response.Changes) == 0 {
				continue
			}
			token = s.sealPlace(place, binding)
			response.ResumeToken = token
		}
		if err := stream.Send(response); err != nil {
			return err //nolint:wrapcheck // the stream is gone
		}
	}
}

// changes translates a batch of events for a follower of many orders.
func changes(events []state.Event, customer string) ([]*omsv1.OrderChange, error) {
	all := make([]*omsv1.OrderChange, 0, len(events))
	for i := range events {
		change, err := wire.Change(&events[i])
		if err != nil {
			return nil, err
		}
		if change != nil && (customer == "" || change.CustomerId == customer) {
			all = append(all, change)
		}
	}
	return all, nil
}

func (s *Orders) sealPlace(place feed.Place, binding []string) string {
	return s.Sealer.Seal(place.Epoch+"/"+strconv.FormatInt(place.Position, 10), binding...)
}

func (s *Orders) openPlace(token string, binding []string) (feed.Place, bool) {
	text, ok := s.Sealer.Open(token, binding...)
	epoch, position, found := strings.Cut(text, "/")
	if !ok || !found {
		return feed.Place{}, false
	}
	number, err := strconv.ParseInt(position, 10, 64)
	return feed.Place{Epoch: epoch, Position: number}, err == nil
}

// feedFault translates the end of a subscription.
func feedFault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, feed.ErrSlow):
		return fault.New(fault.ResourceExhausted, "FOLLOWER_TOO_SLOW",
			"the changes were not read fast enough; resume after the last one seen").After(time.Second)
	case errors.Is(err, feed.ErrTooOld), errors.Is(err, feed.ErrEpoch):
		return fault.Invalid("resume_token", "RESUME_TOKEN_INVALID",
			"is too old or of another history of the database; list the orders, then follow without it")
	default:
		return fault.New(fault.Unavailable, "FEED_UNAVAILABLE", "the feed has ended; resume after the last change seen").
			Because(err).After(time.Second)
	}
}
