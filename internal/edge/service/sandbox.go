package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/sandbox"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/state"
)

// Sandbox implements provider.v1.SandboxService, and stands before every call of the sandbox (docs/decisions/0022).
type Sandbox struct {
	providerv1.UnimplementedSandboxServiceServer
	*Environment

	waiting atomic.Int64 // calls of slow players
}

// Bounds of the calls of slow players. They wait before anything is done, so that they hold nothing but their own connection.
const (
	slowFor   = 2 * time.Second
	slowCalls = 256 // at once in a process
)

// ResetSandbox implements the contract. The key belongs to the tenant of the sandboxes, so it outlives what is reset.
func (s *Sandbox) ResetSandbox(ctx context.Context, _ *providerv1.ResetSandboxRequest) (*providerv1.ResetSandboxResponse, error) {
	by := origin(ctx)
	answer, err := do[*providerv1.Sandbox](ctx, s.Environment, sandbox.Reset{Tenant: by.Tenant, Provider: by.Provider})
	return &providerv1.ResetSandboxResponse{Sandbox: answer}, err
}

// Call carries out a call that came to the sandbox: in the present generation of its provider's, and as the test player wants it whom the
// call is about. The generation is read anew for every call, so a reset that was answered holds for whatever comes later, to any process.
func (s *Sandbox) Call(ctx context.Context, handle func(context.Context) (proto.Message, error)) (proto.Message, error) {
	scope := edge.ScopeOf(ctx)
	if _, reset := scope.Call.Request.(*providerv1.ResetSandboxRequest); reset {
		return handle(ctx)
	}
	present := state.NewSandbox(scope.Caller.Tenant, scope.Origin.Provider)
	row, err := s.View.PlayRow(ctx, present.Ref())
	switch found, is := row.(*state.Sandbox); {
	case err == nil && is:
		present = found
	case !errors.Is(err, state.ErrNotFound):
		return nil, unavailable(err)
	}
	scope.Caller.Tenant = present.Within()
	playerID, err := s.player(ctx, scope.Call.Request)
	if err != nil {
		return nil, err
	}
	behaviour, test := sandbox.BehaviourOf(playerID)
	if !test {
		return handle(ctx)
	}
	// Reading makes none but the seven themselves: there are any number of other names.
	if scope.Call.Method.Mutation && !scope.DryRun || playerID == string(behaviour) {
		if refusal := s.welcome(ctx, playerID, behaviour); refusal != nil {
			return nil, refusal
		}
	}
	return s.behave(ctx, playerID, behaviour, handle)
}

// player answers whom a request is about: the player that it names, or whose session or bet it names.
func (s *Sandbox) player(ctx context.Context, request proto.Message) (string, error) {
	if named, can := request.(interface{ GetPlayerId() string }); can && named.GetPlayerId() != "" {
		return named.GetPlayerId(), nil
	}
	var ref state.Ref
	if of, can := request.(interface{ GetBetId() string }); can && of.GetBetId() != "" {
		ref = state.BetRef(origin(ctx), of.GetBetId())
	}
	if of, can := request.(interface{ GetSessionId() string }); can && of.GetSessionId() != "" {
		ref = state.SessionRef(origin(ctx), of.GetSessionId())
	}
	if ref == (state.Ref{}) {
		return "", nil
	}
	wallet, err := s.WalletOf(ctx, ref, false)
	if err != nil {
		return "", unavailable(err)
	}
	return wallet.PlayerID, nil
}

// welcome makes a test player who was not named before, in the words of the request where it has some.
func (s *Sandbox) welcome(ctx context.Context, playerID string, behaviour sandbox.Behaviour) error {
	by := origin(ctx)
	_, err := s.View.PlayRow(ctx, state.PlayerRef(by.Tenant, playerID))
	if !errors.Is(err, state.ErrNotFound) {
		return read(err, "player", playerID)
	}
	w := sandbox.Welcome{By: by, PlayerID: playerID, Behaviour: behaviour, Currency: "EUR", Locale: "en"}
	request := edge.ScopeOf(ctx).Call.Request
	if of, can := request.(interface{ GetLocale() string }); can && checkLocale(of.GetLocale()) == nil {
		w.Locale = of.GetLocale()
	}
	if of, can := request.(interface{ GetCountry() string }); can {
		w.Country = of.GetCountry()
	}
	if of, can := request.(interface{ GetCurrency() string }); can && of.GetCurrency() != "" {
		w.Currency = of.GetCurrency()
	}
	if of, can := request.(interface{ GetAmount() *providerv1.Money }); can && of.GetAmount().GetCurrency() != "" {
		w.Currency = of.GetAmount().GetCurrency()
	}
	c := s.own(ctx, "welcome", "")
	c.Steps = []command.Step{command.Do(w)}
	if refusal := s.Submit(ctx, c).Fault; refusal != nil {
		return refusal
	}
	return nil
}

// own makes a command of the sandbox itself, beside that of the call. No credential has a name with a slash, so its keys are its own.
func (s *Sandbox) own(ctx context.Context, name, key string) command.Command {
	scope := edge.ScopeOf(ctx)
	c := command.Command{
		Tenant: scope.Caller.Tenant, Principal: "sandbox/" + name, Method: "sandbox/" + name, Key: key, TraceID: scope.TraceID,
	}
	if deadline, found := ctx.Deadline(); found {
		c.Deadline = deadline
	}
	return c
}

// behave carries a call about a test player out.
func (s *Sandbox) behave(ctx context.Context, playerID string, behaviour sandbox.Behaviour,
	handle func(context.Context) (proto.Message, error),
) (proto.Message, error) {
	switch behaviour {
	case sandbox.Rich, sandbox.Poor, sandbox.Excluded, sandbox.Limited: // what is in their rows does it
	case sandbox.Slow:
		if err := s.wait(ctx); err != nil {
			return nil, err
		}
	case sandbox.Flaky:
		if first, err := s.first(ctx, playerID); err != nil || first {
			return nil, either(err, fault.New(fault.Unavailable, "STORE_UNAVAILABLE", "test_flaky: nothing was done; repeat with the same key"))
		}
	case sandbox.Lost:
		answer, err := handle(ctx)
		if err != nil {
			return nil, err
		}
		if first, err := s.first(ctx, playerID); err != nil || first {
			return nil, either(err, fault.New(fault.Unavailable, "OUTCOME_UNKNOWN", "test_lost: it was done; repeat with the same key"))
		}
		return answer, nil
	}
	return handle(ctx)
}

// either answers an error, or what to refuse with when there is none.
func either(err error, refusal *fault.Fault) error {
	if err != nil {
		return err
	}
	return refusal.After(time.Second)
}

// wait waits as long as the wallet of a slow player takes; who goes away meanwhile has done nothing.
func (s *Sandbox) wait(ctx context.Context) error {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > slowCalls {
		return fault.New(fault.ResourceExhausted, "TOO_MANY_REQUESTS", "%d calls of test_slow are under way; try again", slowCalls).After(slowFor)
	}
	timer := time.NewTimer(slowFor)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the chain translates it
	}
}

// first tells whether the key of a change is new, once for each key in all processes: the first command under a key of its own that derives
// from the caller's is no repeat. Reads and dry runs have no key that counts.
func (s *Sandbox) first(ctx context.Context, playerID string) (bool, error) {
	scope := edge.ScopeOf(ctx)
	if !scope.Call.Method.Mutation || scope.DryRun {
		return false, nil
	}
	sum := sha256.Sum256([]byte(scope.Caller.Principal + "\x00" + scope.Key))
	c := s.own(ctx, "first", hex.EncodeToString(sum[:]))
	c.Steps = []command.Step{command.Do(sandbox.See{Tenant: c.Tenant, PlayerID: playerID})}
	result := s.Submit(ctx, c)
	if result.Fault != nil {
		return false, result.Fault
	}
	return !result.Replayed, nil
}
