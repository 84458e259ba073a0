package edge_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// door is a chain and what it was asked and told.
type door struct {
	edge.Chain
	asked    int // how often a caller was authenticated
	caller   func() (edge.Caller, *fault.Fault)
	observed []fault.Code
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{caller: func() (edge.Caller, *fault.Fault) { return edge.Caller{Tenant: "north", Principal: "ann"}, nil }}
	chain, err := edge.NewChain(edge.Options{
		Authenticate: func(*edge.Call) (edge.Caller, *fault.Fault) {
			d.asked++
			return d.caller()
		},
		Logger: slog.New(slog.DiscardHandler), DefaultDeadline: time.Minute, MaxDeadline: time.Minute, MaxInFlight: 1,
		Observe: func(_ context.Context, _ *edge.Call, code fault.Code, _ time.Duration) {
			d.observed = append(d.observed, code)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Chain = chain
	return d
}

func readOrder() *edge.Call {
	return &edge.Call{
		Method: contract.NewTable(omsv1.Methods)["/oms.v1.OrderService/ListOrders"], Request: &omsv1.ListOrdersRequest{},
		Header: func(string) []string { return nil }, SetHeader: func(string, string) {},
	}
}

func done(context.Context) (proto.Message, error) { return &omsv1.ListOrdersResponse{}, nil }

func TestAdmittedOnce(t *testing.T) {
	d := newDoor(t)
	ctx, err := d.Admit(t.Context(), readOrder())
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Unary(ctx, readOrder(), func(ctx context.Context) (proto.Message, error) {
		if caller := edge.ScopeOf(ctx).Caller; caller.Tenant != "north" || caller.Principal != "ann" {
			t.Errorf("the caller is %+v", caller)
		}
		return done(ctx)
	})
	if err != nil || d.asked != 1 {
		t.Errorf("%v, asked %d times", err, d.asked)
	}
	if _, err := d.Unary(t.Context(), readOrder(), done); err != nil || d.asked != 2 {
		t.Errorf("a call that was not admitted: %v, asked %d times", err, d.asked)
	}
}

func TestTurnedAway(t *testing.T) {
	d := newDoor(t)
	want := func(err error, reason string) {
		t.Helper()
		if f := fault.From(err); f.Reason != reason || f.TraceID == "" {
			t.Errorf("refused by %v, want %s and a trace", f, reason)
		}
	}
	lost := fault.New(fault.NotFound, "ROUTE_NOT_FOUND", "no such path")
	want(d.Refuse(t.Context(), readOrder(), lost), "ROUTE_NOT_FOUND")
	d.caller = func() (edge.Caller, *fault.Fault) { return edge.Caller{Scopes: map[string]bool{}}, nil }
	_, err := d.Admit(t.Context(), readOrder())
	want(err, "SCOPE_MISSING")
	d.caller = func() (edge.Caller, *fault.Fault) {
		return edge.Caller{}, fault.New(fault.Unauthenticated, "AUTH_FAILED", "no")
	}
	want(d.Refuse(t.Context(), readOrder(), lost), "AUTH_FAILED")
	_, err = d.Admit(t.Context(), readOrder())
	want(err, "AUTH_FAILED")
	d.caller = func() (edge.Caller, *fault.Fault) { panic("secret") }
	_, err = d.Admit(t.Context(), readOrder())
	want(err, "INTERNAL")
	if len(d.observed) != 5 {
		t.Errorf("observed %v", d.observed)
	}
}

func TestUnreadableIsNotHandled(t *testing.T) {
	d := newDoor(t)
	call := readOrder()
	call.Request, call.Unreadable = nil, fault.New(fault.InvalidArgument, "MALFORMED_JSON", "no")
	handled := errors.New("handled")
	_, unary := d.Unary(t.Context(), call, func(context.Context) (proto.Message, error) { return nil, handled })
	stream := d.Stream(t.Context(), call, func(context.Context) error { return handled })
	for _, err := range []error{unary, stream} {
		if fault.From(err).Reason != "MALFORMED_JSON" {
			t.Errorf("answered %v", err)
		}
	}
}

func TestInFlightIsLimited(t *testing.T) {
	d := newDoor(t)
	_, err := d.Unary(t.Context(), readOrder(), func(ctx context.Context) (proto.Message, error) {
		_, unary := d.Unary(t.Context(), readOrder(), done) // while this one is under way
		_, admitted := d.Admit(t.Context(), readOrder())    // before its message is read
		for _, err := range []error{unary, admitted} {
			if f := fault.From(err); f == nil || f.Reason != "TOO_MANY_REQUESTS" || edge.RetryDelay(f) == 0 {
				t.Errorf("a second call beside one: %v", err)
			}
		}
		return done(ctx)
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := d.Unary(t.Context(), readOrder(), done); err != nil {
		t.Errorf("after the first: %v", err)
	}
}

func TestDetails(t *testing.T) {
	f := fault.New(fault.ResourceExhausted, "FULL", "full").Violating("a", "B", "c").Needing("d", "e", "f").With("k", "v")
	kinds := map[string]int{}
	for _, detail := range edge.Details(f) {
		kinds[string(detail.ProtoReflect().Descriptor().Name())]++
	}
	for _, kind := range []string{"ErrorInfo", "BadRequest", "PreconditionFailure", "RetryInfo", "QuotaFailure"} {
		if kinds[kind] != 1 {
			t.Errorf("%s is told %d times", kind, kinds[kind])
		}
	}
	plain := edge.Details(fault.New(fault.NotFound, "NOT_FOUND", "no"))
	info, found := plain[0].(*errdetails.ErrorInfo)
	if len(plain) != 1 || !found || info.Reason != "NOT_FOUND" || info.Domain != "oms" {
		t.Errorf("told %v", plain)
	}
}
