package service

import (
	"context"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// Admin implements oms.v1.AdminService.
type Admin struct {
	omsv1.UnimplementedAdminServiceServer
	*Environment
}

// ListDeadLetters implements the contract.
func (s *Admin) ListDeadLetters(ctx context.Context, request *omsv1.ListDeadLettersRequest) (*omsv1.ListDeadLettersResponse, error) {
	caller, limit := edge.ScopeOf(ctx).Caller, int(request.PageSize)
	if limit == 0 {
		limit = defaultPage
	}
	query := state.DeadLetterQuery{Tenant: caller.Tenant, IncludeReplayed: request.IncludeReplayed, Limit: limit + 1}
	binding := []string{"deadletters", caller.Tenant, caller.Principal}
	if request.PageToken != "" {
		position, ok := s.Sealer.Open(request.PageToken, binding...)
		if !ok {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
		query.BeforeID = position
	}
	letters, err := s.View.DeadLetters(ctx, query)
	if err != nil {
		return nil, unavailable(err)
	}
	response := &omsv1.ListDeadLettersResponse{}
	if len(letters) > limit {
		letters = letters[:limit]
		response.NextPageToken = s.Sealer.Seal(letters[limit-1].ID, binding...)
	}
	for _, letter := range letters {
		response.DeadLetters = append(response.DeadLetters, wire.DeadLetter(letter))
	}
	return response, nil
}

// find reads a dead letter of the caller's.
func (s *Admin) find(ctx context.Context, letterID string) (*state.DeadLetter, error) {
	letter, err := s.View.DeadLetter(ctx, edge.ScopeOf(ctx).Caller.Tenant, letterID)
	return letter, read(err, "dead letter", letterID)
}

// GetDeadLetter implements the contract.
func (s *Admin) GetDeadLetter(ctx context.Context, request *omsv1.GetDeadLetterRequest) (*omsv1.GetDeadLetterResponse, error) {
	letter, err := s.find(ctx, request.Id)
	if err != nil {
		return nil, err
	}
	return &omsv1.GetDeadLetterResponse{DeadLetter: wire.DeadLetter(letter)}, nil
}

// ReplayDeadLetter implements the contract.
func (s *Admin) ReplayDeadLetter(ctx context.Context, request *omsv1.ReplayDeadLetterRequest,
) (*omsv1.ReplayDeadLetterResponse, error) {
	letter, err := s.find(ctx, request.Id)
	if err != nil {
		return nil, err
	}
	steps, err := s.Replay(ctx, letter)
	if err != nil {
		return nil, err
	}
	c := prepare(ctx)
	c.Steps = steps
	answer, err := submit(ctx, s.Environment, c, &omsv1.DeadLetter{})
	return &omsv1.ReplayDeadLetterResponse{DeadLetter: answer}, err
}
