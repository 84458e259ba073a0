package service

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// Dev implements oms.v1.DevService. Only a server for development has it.
type Dev struct {
	omsv1.UnimplementedDevServiceServer
	*Environment
	// Turn puts the clock ahead and answers the time and how far it is ahead in all; nil where the clock is another server's.
	Turn func(by time.Duration) (now time.Time, ahead time.Duration)
}

func (s *Dev) turn(by time.Duration) (*timestamppb.Timestamp, int64, error) {
	if s.Turn == nil {
		return nil, 0, fault.New(fault.Unimplemented, "CLOCK_FIXED", "the clock is PostgreSQL's; oms dev turns that of its SQLite only")
	}
	now, ahead := s.Turn(by)
	return timestamppb.New(now), int64(ahead.Round(time.Second) / time.Second), nil
}

// GetClock implements the contract.
func (s *Dev) GetClock(context.Context, *omsv1.GetClockRequest) (*omsv1.GetClockResponse, error) {
	now, ahead, err := s.turn(0)
	return &omsv1.GetClockResponse{Now: now, AheadSeconds: ahead}, err
}

// AdvanceClock implements the contract. A command of no steps stores the key, so that the clock is put ahead once for each key.
func (s *Dev) AdvanceClock(ctx context.Context, request *omsv1.AdvanceClockRequest) (*omsv1.AdvanceClockResponse, error) {
	by := time.Duration(request.Seconds) * time.Second
	if s.Turn != nil {
		result := s.Submit(ctx, prepare(ctx))
		if result.Fault != nil {
			return nil, result.Fault
		}
		if result.Replayed {
			edge.ScopeOf(ctx).Call.SetHeader("Idempotent-Replayed", "true")
			by = 0
		}
	}
	now, ahead, err := s.turn(by)
	return &omsv1.AdvanceClockResponse{Now: now, AheadSeconds: ahead}, err
}
