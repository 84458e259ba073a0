package app_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/config"
)

// studio calls as a provider over gRPC.
type studio struct {
	t        *testing.T
	players  providerv1.PlayerServiceClient
	sessions providerv1.SessionServiceClient
	bets     providerv1.BetServiceClient
	rounds   providerv1.RoundServiceClient
	payments providerv1.PaymentServiceClient
}

func (r *running) studio(t *testing.T) *studio {
	t.Helper()
	_, public, _, _ := r.Addresses()
	c := dial(t, public)
	return &studio{
		t, providerv1.NewPlayerServiceClient(c), providerv1.NewSessionServiceClient(c), providerv1.NewBetServiceClient(c),
		providerv1.NewRoundServiceClient(c), providerv1.NewPaymentServiceClient(c),
	}
}

// said calls a method as the studio under a key, empty for a read; the answer's headers are told too.
func said[Q, A any](s *studio, method func(context.Context, Q, ...grpc.CallOption) (A, error), key string, request Q) (A, metadata.MD, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-trace-id", "tr_a1b2c3", "x-brand-id", "brand-7", "x-region", "EU", "x-provider-id", "studio")
	if key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "x-idempotency-key", key)
	}
	var header metadata.MD
	answer, err := method(ctx, request, grpc.Header(&header))
	return answer, header, err
}

// must is said for what must be answered.
func must[Q, A any](s *studio, method func(context.Context, Q, ...grpc.CallOption) (A, error), key string, request Q) A {
	s.t.Helper()
	answer, _, err := said(s, method, key, request)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// refuses is said for what must be refused with a code, a reason and something told beside it.
func refuses[Q, A any](s *studio, method func(context.Context, Q, ...grpc.CallOption) (A, error), key string, request Q, code codes.Code, reason string,
	beside map[string]string, fields ...string,
) {
	s.t.Helper()
	_, _, err := said(s, method, key, request)
	var info *errdetails.ErrorInfo
	for _, detail := range status.Convert(err).Details() {
		if found, is := detail.(*errdetails.ErrorInfo); is {
			info = found
		}
	}
	if status.Code(err) != code || info.GetReason() != reason || info.GetDomain() != "oms" || !slices.Equal(violated(err), fields) {
		s.t.Errorf("%v: %v %v %q, want %s %s %q", request, err, info, violated(err), code, reason, fields)
	}
	for name, value := range beside {
		if info.GetMetadata()[name] != value {
			s.t.Errorf("%v: %v, want %v", request, info, beside)
		}
	}
}

func inEuros(minor int64) *providerv1.Money {
	return &providerv1.Money{Currency: "EUR", AmountMinor: minor}
}

// Everything that a provider does works over gRPC as over REST: headers as metadata, answers, refusals with their details, lists
// (requirements P-1, P-2, P-4, P-7).
func TestProviderOverGRPC(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		s := start(t, store).studio(t)
		s.seat()
		s.play()
		s.isRefused()
		s.reads()
	})
}

// seat makes a player with 100.00 EUR in a session.
func (s *studio) seat() {
	s.t.Helper()
	create := &providerv1.CreatePlayerRequest{PlayerId: "ann", Currency: "EUR", Locale: "de-DE"}
	made, header, err := said(s, s.players.CreatePlayer, "player", create)
	if err != nil || made.Player.BrandId != "brand-7" || !slices.Equal(header.Get("x-trace-id"), []string{"tr_a1b2c3"}) {
		s.t.Fatalf("%v %v %v", made, header, err)
	}
	again, header, err := said(s, s.players.CreatePlayer, "player", create)
	if err != nil || !proto.Equal(again, made) || !slices.Equal(header.Get("idempotent-replayed"), []string{"true"}) {
		s.t.Errorf("again: %v %v %v", again, header, err)
	}
	deposit := must(s, s.payments.CreatePayment, "deposit", &providerv1.CreatePaymentRequest{
		PlayerId: "ann", Type: providerv1.PaymentType_PAYMENT_TYPE_DEPOSIT, Amount: inEuros(10_000), PaymentToken: "sim:ok",
	})
	s.pays(deposit.Payment.PaymentId)
	opened := must(s, s.sessions.CreateSession, "session", &providerv1.CreateSessionRequest{
		SessionId: "s", PlayerId: "ann", GameId: "slot", Currency: "EUR", Locale: "de-DE", Constraints: &providerv1.Constraints{MaxBet: proto.String("50")},
	})
	if opened.SessionId != "s" || opened.ExpiresAt == nil {
		s.t.Errorf("%v", opened)
	}
}

// pays waits until a payment has succeeded.
func (s *studio) pays(paymentID string) {
	s.t.Helper()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		found := must(s, s.payments.GetPayment, "", &providerv1.GetPaymentRequest{PaymentId: paymentID}).Payment
		if found.Status == providerv1.PaymentStatus_PAYMENT_STATUS_SUCCEEDED {
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("%v", found)
		}
	}
}

// has wants the player's balance to be so.
func (s *studio) has(available, held int64) {
	s.t.Helper()
	balances := must(s, s.players.GetBalances, "", &providerv1.GetBalancesRequest{PlayerId: "ann"}).Balances
	at := slices.IndexFunc(balances, func(b *providerv1.Balance) bool { return b.Kind == providerv1.BalanceKind_BALANCE_KIND_CASH })
	if at < 0 || balances[at].Available.AmountMinor != available || balances[at].Held.AmountMinor != held {
		s.t.Errorf("%v, want %d and %d held", balances, available, held)
	}
}

func authorization(bet string, minor int64) *providerv1.AuthorizeBetRequest {
	return &providerv1.AuthorizeBetRequest{SessionId: "s", BetId: bet, RoundId: "r", Amount: inEuros(minor)}
}

// play makes five bets: one lost, one won, one in two results, one rolled back, one left open; and one that comes too late.
func (s *studio) play() {
	s.t.Helper()
	for i := range 5 {
		id := fmt.Sprintf("b%d", i)
		held := must(s, s.bets.AuthorizeBet, "authorize "+id, authorization(id, 1000))
		if held.Status != providerv1.BetStatus_BET_STATUS_AUTHORIZED || held.HoldId != "hold:studio/"+id {
			s.t.Errorf("%v", held)
		}
	}
	s.has(5000, 5000)
	settle := func(bet, result string, win int64, partial bool, want providerv1.BetStatus) {
		s.t.Helper()
		request := &providerv1.SettleBetRequest{
			BetId: bet, RoundId: "r", Win: inEuros(win), ResultId: result, Partial: partial, BonusState: &providerv1.BonusState{FreespinsLeft: 7},
		}
		first := must(s, s.bets.SettleBet, "settle "+bet+result, request)
		if again := must(s, s.bets.SettleBet, "settle again "+bet+result, request); first.Status != want || !proto.Equal(first, again) {
			s.t.Errorf("%v: %v, and again %v", request, first, again)
		}
	}
	settle("b0", "", 0, false, providerv1.BetStatus_BET_STATUS_FORFEITED)
	settle("b1", "", 2500, false, providerv1.BetStatus_BET_STATUS_CREDITED)
	settle("b2", "x", 300, true, providerv1.BetStatus_BET_STATUS_CREDITED)
	settle("b2", "y", 0, false, providerv1.BetStatus_BET_STATUS_FORFEITED)
	for bet, applied := range map[string]bool{"b3": true, "late": false} {
		back := must(s, s.bets.RollbackBet, "roll back "+bet, &providerv1.RollbackBetRequest{BetId: bet, RoundId: "r", Reason: "cancelled"})
		if back.Applied != applied || back.Status != providerv1.BetStatus_BET_STATUS_ROLLED_BACK {
			s.t.Errorf("%v", back)
		}
	}
	s.has(8800, 1000)
}

// isRefused sends what must not be done.
func (s *studio) isRefused() {
	s.t.Helper()
	refuses(s, s.bets.AuthorizeBet, "late", authorization("late", 1000), codes.FailedPrecondition, "INVALID_STATE", map[string]string{"status": "rolled_back"})
	refuses(s, s.bets.AuthorizeBet, "too much", authorization("b9", 5001), codes.FailedPrecondition, "LIMIT_EXCEEDED",
		map[string]string{"limit": "max_bet", "left": "50.00"})
	refuses(s, s.bets.AuthorizeBet, "another", authorization("b0", 999), codes.AlreadyExists, "DUPLICATE", map[string]string{"id": "b0"})
	refuses(s, s.bets.AuthorizeBet, "authorize b0", authorization("b0", 999), codes.AlreadyExists, "IDEMPOTENCY_MISMATCH", nil)
	stranger := authorization("b9", 100)
	stranger.SessionId = "none"
	refuses(s, s.bets.AuthorizeBet, "no session", stranger, codes.NotFound, "NOT_FOUND", nil)
	refuses(s, s.bets.AuthorizeBet, "fields", &providerv1.AuthorizeBetRequest{BetId: " b", RoundId: "r", Amount: &providerv1.Money{AmountMinor: 1, Currency: "EUX"}},
		codes.InvalidArgument, "VALIDATION_FAILED", nil, "session_id STRING_MIN_LEN", "bet_id STRING_PATTERN", "amount.currency STRING_CURRENCY")
	refuses(s, s.bets.SettleBet, "unknown", &providerv1.SettleBetRequest{BetId: "b9", RoundId: "r", Win: inEuros(0)}, codes.FailedPrecondition,
		"INVALID_STATE", map[string]string{"status": "unknown"})
	refuses(s, s.bets.RollbackBet, "settled", &providerv1.RollbackBetRequest{BetId: "b0", RoundId: "r"}, codes.FailedPrecondition, "INVALID_STATE",
		map[string]string{"status": "forfeited"})
	refuses(s, s.bets.GetBet, "", &providerv1.GetBetRequest{BetId: "b9"}, codes.NotFound, "NOT_FOUND", nil)
	refuses(s, s.bets.ListBets, "", &providerv1.ListBetsRequest{Cursor: "nonsense"}, codes.InvalidArgument, "PAGE_TOKEN_INVALID", nil,
		"cursor PAGE_TOKEN_INVALID")
	for i := range 2 {
		must(s, s.bets.AuthorizeBet, fmt.Sprint("rich ", i), authorization(fmt.Sprint("rich", i), 4000))
	}
	refuses(s, s.bets.AuthorizeBet, "poor", authorization("poor", 801), codes.FailedPrecondition, "INSUFFICIENT_FUNDS", map[string]string{"available": "8.00"})
	for i := range 2 {
		must(s, s.bets.RollbackBet, fmt.Sprint("rich back ", i), &providerv1.RollbackBetRequest{BetId: fmt.Sprint("rich", i), RoundId: "r"})
	}
	s.has(8800, 1000)
}

// reads looks at what has been done, one by one and by pages of two.
func (s *studio) reads() {
	s.t.Helper()
	if b := must(s, s.bets.GetBet, "", &providerv1.GetBetRequest{BetId: "b2"}).Bet; b.Win.AmountMinor != 300 || len(b.Settlements) != 2 ||
		b.Status != providerv1.BetStatus_BET_STATUS_CREDITED || b.PlayerId != "ann" || b.Settlements[0].BonusState.GetFreespinsLeft() != 7 {
		s.t.Errorf("%v", b)
	}
	if r := must(s, s.rounds.CloseRound, "close", &providerv1.CloseRoundRequest{RoundId: "r"}).Round; r.OpenBets != 1 {
		s.t.Errorf("%v", r)
	}
	statuses, cursor := map[string]providerv1.BetStatus{}, ""
	pages := 0
	for more := true; more; pages++ {
		page := must(s, s.bets.ListBets, "", &providerv1.ListBetsRequest{PlayerId: "ann", Limit: 2, Cursor: cursor})
		for _, b := range page.Bets {
			statuses[b.BetId] = b.Status
		}
		if cursor, more = page.NextCursor, page.HasMore; more == (cursor == "") {
			s.t.Fatalf("%v", page)
		}
	}
	want := map[string]providerv1.BetStatus{
		"b0": providerv1.BetStatus_BET_STATUS_FORFEITED, "b1": providerv1.BetStatus_BET_STATUS_CREDITED, "b2": providerv1.BetStatus_BET_STATUS_CREDITED,
		"b3": providerv1.BetStatus_BET_STATUS_ROLLED_BACK, "b4": providerv1.BetStatus_BET_STATUS_AUTHORIZED,
		"rich0": providerv1.BetStatus_BET_STATUS_ROLLED_BACK, "rich1": providerv1.BetStatus_BET_STATUS_ROLLED_BACK,
	}
	if !maps.Equal(statuses, want) || pages != 4 {
		s.t.Errorf("%d pages: %v", pages, statuses)
	}
	results := must(s, s.bets.ListSettlements, "", &providerv1.ListSettlementsRequest{RoundId: "r", Order: providerv1.SortOrder_SORT_ORDER_DESC}).Settlements
	if len(results) != 4 || results[0].ResultId != "y" {
		s.t.Errorf("%v", results)
	}
	one := must(s, s.bets.GetSettlement, "", &providerv1.GetSettlementRequest{SettlementId: results[0].SettlementId}).Settlement
	if !proto.Equal(one, results[0]) || !strings.HasPrefix(one.SettlementId, "settlement:") {
		s.t.Errorf("%v, want %v", one, results[0])
	}
	closed := must(s, s.sessions.CloseSession, "end", &providerv1.CloseSessionRequest{SessionId: "s"}).Session
	if closed.Status != providerv1.SessionStatus_SESSION_STATUS_CLOSED || len(must(s, s.sessions.ListSessions, "", &providerv1.ListSessionsRequest{}).Sessions) != 1 {
		s.t.Errorf("%v", closed)
	}
	if all := must(s, s.players.ListPlayers, "", &providerv1.ListPlayersRequest{}).Players; len(all) != 1 || all[0].PlayerId != "ann" {
		s.t.Errorf("%v", all)
	}
}
