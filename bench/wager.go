package main

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
)

const (
	// spread is how many players bets are spread over, and providers how many providers those play at; each has games of its own.
	spread, providers = 2000, 16
	// funds is what each player pays in, stake what a bet holds, and win what every second one brings, in cents.
	funds, stake, win = 100_000_000_000, 100, 190
	// stormCalls is how many calls of a storm may be under way at once: more than commands may wait (--max-queue).
	stormCalls = 12_288
	// callsPerConnection is how many of them share a connection, below --max-streams.
	callsPerConnection = 512
	// stormFactor is how much of its base rate a burst is, and stormLength how long it lasts.
	stormFactor, stormLength = 10, 3 * time.Second
)

// seat is a player in a session.
type seat struct {
	provider, session, round string // no round: each bet has its own
}

// as carries the headers of a provider, and a fresh idempotency key.
func as(ctx context.Context, provider string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-trace-id", "bench", "x-brand-id", "brand", "x-region", "EU", "x-provider-id", provider,
		"x-idempotency-key", key())
}

// seat makes players with money in sessions. In hothouse all play at one provider, one game, one round.
func (m *measurement) seat(ctx context.Context, count int) error {
	m.seats = make([]seat, count)
	var group sync.WaitGroup
	var next atomic.Int64
	for worker := range min(count, 256) {
		group.Go(func() {
			c := m.clients[worker%len(m.clients)]
			for number := int(next.Add(1)) - 1; number < count; number = int(next.Add(1)) - 1 {
				s := seat{provider: fmt.Sprintf("provider-%d", number%providers)}
				if m.name == "hothouse" {
					s.provider, s.round = "provider", "round"
				}
				var err error
				if s.session, err = c.sit(ctx, s.provider, fmt.Sprintf("player-%d", number)); err != nil {
					m.fail(err)
					return
				}
				m.seats[number] = s
			}
		})
	}
	group.Wait()
	if m.failure != nil {
		return fmt.Errorf("make the players: %w", m.failure)
	}
	return nil
}

// sit makes a player, pays in and opens a session.
func (c *client) sit(ctx context.Context, provider, player string) (string, error) {
	create := &providerv1.CreatePlayerRequest{PlayerId: player, Currency: "EUR", Locale: "de-DE"}
	if _, err := c.players.CreatePlayer(as(ctx, provider), create); err != nil {
		return "", err //nolint:wrapcheck // the status says it
	}
	paid, err := c.deposits.CreatePayment(as(ctx, provider), &providerv1.CreatePaymentRequest{
		PlayerId: player, Type: providerv1.PaymentType_PAYMENT_TYPE_DEPOSIT, Amount: euros(funds), PaymentToken: "sim:ok",
	})
	if err != nil {
		return "", err //nolint:wrapcheck // the status says it
	}
	if err := c.succeeds(ctx, provider, paid.Payment.PaymentId); err != nil {
		return "", err
	}
	opened, err := c.sessions.CreateSession(as(ctx, provider), &providerv1.CreateSessionRequest{
		PlayerId: player, GameId: provider + ":slot", Currency: "EUR", Locale: "de-DE", TtlSeconds: 86400,
	})
	if err != nil {
		return "", err //nolint:wrapcheck // the status says it
	}
	return opened.SessionId, nil
}

// succeeds waits for a payment's end.
func (c *client) succeeds(ctx context.Context, provider, paymentID string) error {
	for limit := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		read, err := c.deposits.GetPayment(as(ctx, provider), &providerv1.GetPaymentRequest{PaymentId: paymentID})
		if err != nil {
			return err //nolint:wrapcheck // the status says it
		}
		if read.Payment.Status == providerv1.PaymentStatus_PAYMENT_STATUS_SUCCEEDED {
			return nil
		}
		if time.Now().After(limit) {
			return fmt.Errorf("the deposit %s is %v", paymentID, read.Payment.Status)
		}
	}
}

func euros(minor int64) *providerv1.Money {
	return &providerv1.Money{Currency: "EUR", AmountMinor: minor}
}

// authorize places one bet of some player.
func authorize(ctx context.Context, m *measurement, c *client, worker int) error {
	_, _, err := m.place(ctx, c, worker)
	return err
}

// bet places a bet and settles it.
func bet(ctx context.Context, m *measurement, c *client, worker int) error {
	begun := time.Now()
	provider, placed, err := m.place(ctx, c, worker)
	if err != nil {
		return err
	}
	m.creates.Since(begun)
	settle := &providerv1.SettleBetRequest{BetId: placed.BetId, RoundId: placed.RoundId, Win: euros(win * mathrand.Int64N(2))} //nolint:gosec // load
	_, err = c.bets[worker%len(c.bets)].SettleBet(as(ctx, provider), settle)
	return err //nolint:wrapcheck // the status says it
}

// place authorizes a bet.
func (m *measurement) place(ctx context.Context, c *client, worker int) (provider string, placed *providerv1.AuthorizeBetRequest, err error) {
	s := m.seats[mathrand.IntN(len(m.seats))] //nolint:gosec // load, not secrets
	placed = &providerv1.AuthorizeBetRequest{SessionId: s.session, BetId: key(), RoundId: s.round, Amount: euros(stake)}
	if placed.RoundId == "" {
		placed.RoundId = placed.BetId
	}
	_, err = c.bets[worker%len(c.bets)].AuthorizeBet(as(ctx, s.provider), placed)
	if m.told != nil {
		m.mu.Lock()
		m.told[placed.BetId] = status.Code(err)
		m.mu.Unlock()
	}
	return s.provider, placed, err //nolint:wrapcheck // the status says it
}

// burst answers the phases of a storm: a base rate, ten times as much, and the base rate again. Without -rate the base is a quarter of
// the peak, so that the burst is more than the server can do.
func (m *measurement) burst(peak float64) []*phase {
	base := m.rate
	if base == 0 {
		base = peak / 4
	}
	return []*phase{
		newPhase("base", base, m.duration), newPhase("storm", stormFactor*base, stormLength), newPhase("after", base, m.duration),
	}
}

// reread lists all bets and compares them with what was answered: what was acknowledged is there, what was refused is not.
func (m *measurement) reread(ctx context.Context) (lost int, err error) {
	found := map[string]bool{}
	for number := range providers {
		provider, cursor := fmt.Sprintf("provider-%d", number), ""
		for more := true; more; {
			page, err := m.clients[0].bets[0].ListBets(as(ctx, provider), &providerv1.ListBetsRequest{Cursor: cursor, Limit: 200})
			if err != nil {
				return 0, fmt.Errorf("list the bets: %w", err)
			}
			for _, b := range page.Bets {
				found[b.BetId] = true
			}
			cursor, more = page.NextCursor, page.HasMore
		}
	}
	if len(found) == 0 {
		return 0, errors.New("no bet is listed")
	}
	for betID, answered := range m.told {
		if answered == codes.OK && !found[betID] || answered == codes.ResourceExhausted && found[betID] {
			lost++
		}
	}
	return lost, nil
}
