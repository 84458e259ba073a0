package service

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/edge"
)

// Dev implements oms.v1.DevService. Only a server for development has it.
type Dev struct {
	omsv1.UnimplementedDevServiceServer
	*Environment
	// Turn puts the clock ahead and answers the time and how far it is ahead in all.
	Turn func(ctx context.Context, by time.Duration) (now time.Time, ahead time.Duration, err error)
}

func (s *Dev) turn(ctx context.Context, by time.Duration) (*timestamppb.Timestamp, int64, error) {
	now, ahead, err := s.Turn(ctx, by)
	if err != nil {
		return nil, 0, unavailable(err)
	}
	return timestamppb.New(now), int64(ahead.Round(time.Second) / time.Second), nil
}

// GetClock implements the contract.
func (s *Dev) GetClock(ctx context.Context, _ *omsv1.GetClockRequest) (*omsv1.GetClockResponse, error) {
	now, ahead, err := s.turn(ctx, 0)
	return &omsv1.GetClockResponse{Now: now, AheadSeconds: ahead}, err
}

// AdvanceClock implements the contract. A command of no steps stores the key, so that the clock is put ahead once for each key.
func (s *Dev) AdvanceClock(ctx context.Context, request *omsv1.AdvanceClockRequest) (*omsv1.AdvanceClockResponse, error) {
	by := time.Duration(request.Seconds) * time.Second
	result := s.Submit(ctx, prepare(ctx))
	if result.Fault != nil {
		return nil, result.Fault
	}
	if result.Replayed {
		edge.ScopeOf(ctx).Call.SetHeader("Idempotent-Replayed", "true")
		by = 0
	}
	now, ahead, err := s.turn(ctx, by)
	return &omsv1.AdvanceClockResponse{Now: now, AheadSeconds: ahead}, err
}
