package app

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/domain/player"
	"github.com/seed-255eabaa/oms/internal/domain/wallet"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// unwell is a store that does not answer some reads of orders.
type unwell struct {
	store
	left atomic.Int32 // reads that fail
}

func (s *unwell) Order(ctx context.Context, tenant, orderID string) (*state.Order, error) {
	if s.left.Add(-1) >= 0 {
		return nil, errors.New("the connection is gone")
	}
	return s.store.Order(ctx, tenant, orderID) //nolint:wrapcheck // the store's own
}

// shop is a server whose table reads from an unwell store.
type shop struct {
	*testing.T
	*App
	unwell *unwell
}

func newShop(t *testing.T) *shop {
	t.Helper()
	c := config.Default()
	c.Dev, c.DataDir = true, t.TempDir()
	c.APIAddr, c.GRPCAddr, c.InternalAddr, c.OpsAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	ctx, stop := context.WithCancel(context.Background())
	a, err := New(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		stop()
		t.Fatal(err)
	}
	s := &shop{T: t, App: a, unwell: &unwell{store: a.store}}
	a.table.names.store = s.unwell
	a.reactor.RetryFrom, a.reactor.RetryTo = time.Millisecond, time.Millisecond
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, a.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// does carries commands out.
func (s *shop) does(commands ...domain.Command) state.Row {
	s.Helper()
	c := command.Command{Tenant: shopTenant, Principal: "test", Method: "test"}
	for _, does := range commands {
		c.Steps = append(c.Steps, command.Do(does))
	}
	return s.carry(c)
}

func (s *shop) carry(c command.Command) state.Row {
	s.Helper()
	result := s.submit(s.Context(), c)
	if result.Fault != nil {
		s.Fatal(result.Fault)
	}
	return result.Row
}

// await waits until the order has a status.
func (s *shop) await(orderID string, wanted state.OrderStatus) {
	s.Helper()
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		o, err := s.store.Order(s.Context(), shopTenant, orderID)
		if err != nil {
			s.Fatal(err)
		}
		if o.Status == wanted {
			return
		}
		if time.Since(begun) > 20*time.Second {
			s.Fatalf("the order is %s (%s), wanted %s", o.Status, o.StatusReason, wanted)
		}
	}
}

// An outage parks no event, however often an order cannot be read: what follows from it is tried until it can.
func TestOutagesParkNothing(t *testing.T) {
	const outage = 100 // more reads than any limit of attempts
	for name, price := range map[string]int64{"from a wallet": 700, "free": 0} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.does(inventory.SetStock{Tenant: shopTenant, SKU: "A", OnHand: 1})
			s.does(wallet.Move{
				Tenant: shopTenant, Transfer: ledger.Transfer{ID: "transfer:1", Kind: "test", Currency: "EUR"},
				From: ledger.ID("", ledger.GatewayClearing, "EUR"), To: ledger.ID("ann", ledger.PlayerCash, "EUR"), AmountMinor: 1000,
			})
			var entropy id.Random
			_, _ = rand.Read(entropy[:])
			create, refusal := order.NewCreate(order.Draft{
				Tenant: shopTenant, CustomerID: "ann", Currency: "EUR", SKUs: []string{"A"}, Quantities: []int32{1},
				Prices: []order.Priced{{Currency: "EUR", AmountMinor: price}},
			}, time.Hour, entropy)
			if refusal != nil {
				t.Fatal(refusal)
			}
			orderID := s.does(create).Ref().ID
			s.await(orderID, state.OrderReserved)
			s.unwell.left.Store(outage)
			about := flow.Subject{Tenant: shopTenant, OrderID: orderID}
			pay := order.Pay{Name: order.Name{Tenant: shopTenant, OrderID: orderID}, Token: payment.Wallet}
			s.carry(command.Command{Tenant: shopTenant, Principal: "test", Method: "test", Steps: flow.Pay(about, pay, "sim")})
			s.await(orderID, state.OrderConfirmed)
			if left := s.unwell.left.Load(); left >= 0 {
				t.Errorf("%d reads have not failed", left)
			}
			parked, err := s.store.Parked(t.Context())
			if err != nil || len(parked) > 0 {
				t.Errorf("parked: %v %v", parked, err)
			}
		})
	}
}

// What an event leads to is read when it is carried out, so that nothing waits while events are taken in.
func TestReactionsReadLater(t *testing.T) {
	s, down := paidFromWallet(t)
	event := s.last("payment")
	down.left.Store(1)
	commands, err := s.table.react(event)
	if err != nil || len(commands) != 1 {
		t.Fatal(commands, err)
	}
	if _, refused := commands[0].Ready(t.Context()); refused == nil || refused.Code != fault.Unavailable {
		t.Errorf("while the order cannot be read: %v", refused)
	}
	ready, refused := commands[0].Ready(t.Context())
	if refused != nil || len(ready.Steps) == 0 || ready.Size < len(s.subject.Names) {
		t.Errorf("afterwards: %+v %v", ready, refused)
	}
}

// Whether a player is verified is asked again when the money is set aside, for it may have changed since the payment was asked for.
func TestWalletsAreCheckedAtTheHold(t *testing.T) {
	s, _ := paidFromWallet(t)
	s.client([]command.Step{command.Do(player.SetKYC{By: byShop, PlayerID: "c", Status: state.KYCRejected, Reason: "expired"})})
	commands, err := s.table.react(s.last("payment"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		ready, refused := c.Ready(t.Context())
		if refused != nil {
			t.Fatal(refused)
		}
		s.submit(ready)
	}
	s.await("CANCELED for KYC", func(o *state.Order) bool {
		return o.Status == state.OrderCanceled && o.PaymentStatus == state.PaymentDeclined && o.DeclineReason == "kyc_required"
	})
}

var byShop = state.Origin{Tenant: shopTenant, Brand: "b", Region: "EU"}

// paidFromWallet is a stage that checks players, and whose order a verified one has asked to pay.
func paidFromWallet(t *testing.T) (*stage, *unwell) {
	t.Helper()
	s := newStage(t, "")
	down := &unwell{store: s.store}
	s.table.kyc, s.table.names.store = true, down
	s.create(10, time.Hour)
	s.client([]command.Step{
		command.Do(player.Create{By: byShop, PlayerID: "c", Currency: "EUR", Locale: "de-DE", Country: "DE"}),
		command.Do(player.SetKYC{By: byShop, PlayerID: "c", Status: state.KYCVerified}),
		command.Do(wallet.Move{
			Tenant: shopTenant, Transfer: ledger.Transfer{ID: "transfer:1", Kind: "test", Currency: "EUR"},
			From: ledger.ID("", ledger.GatewayClearing, "EUR"), To: ledger.ID("c", ledger.PlayerCash, "EUR"), AmountMinor: 5000,
		}),
	})
	payer := payment.Payer{Tenant: shopTenant, CustomerID: "c", Currency: "EUR", Checked: true}
	s.client(flow.PayFromWallet(s.subject, order.Pay{Name: s.name(), Token: payment.Wallet}, payer))
	return s, down
}

// last answers the last event of the order's aggregate of a kind.
func (s *stage) last(kind string) state.Event {
	s.Helper()
	events, err := s.store.AggregateEvents(s.Context(), shopTenant, id.Derive(kind, s.subject.OrderID), 0, 0)
	if err != nil || len(events) == 0 {
		s.Fatal(events, err)
	}
	return events[len(events)-1]
}
