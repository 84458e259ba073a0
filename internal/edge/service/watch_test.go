package service

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/feed"
)

// begins is a feed whose history begins, or changes, between a follower's question where it is and its subscription.
type begins struct{ now feed.Place }

func (b begins) Now() feed.Place { return b.now }

func (b begins) Subscribe(_ context.Context, request feed.Request) (*feed.Subscription, error) {
	return nil, fmt.Errorf("%w: %q is not %q", feed.ErrEpoch, request.After.Epoch, "new")
}

type follower struct {
	grpc.ServerStreamingServer[omsv1.WatchOrdersResponse]
	ctx context.Context //nolint:containedctx // a stream has one
}

func (f follower) Context() context.Context { return f.ctx }

// Who follows without a token is told to come again, not that its token is wrong.
func TestFollowingWhileAHistoryBegins(t *testing.T) {
	t.Parallel()
	for _, now := range []feed.Place{{}, {Epoch: "old", Position: 7}} {
		s := &Orders{Environment: &Environment{Feed: begins{now}, Followers: NewFollowers(1, func(int) {})}}
		ctx := edge.WithScope(t.Context(), &edge.Scope{})
		refused := fault.From(s.WatchOrders(&omsv1.WatchOrdersRequest{}, follower{ctx: ctx}))
		if refused == nil || refused.Reason != "FEED_UNAVAILABLE" || !refused.Retryable() {
			t.Errorf("at %+v: %v", now, refused)
		}
	}
}
