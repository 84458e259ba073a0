// Package loadtest is a server in memory that speaks the contract, for the tests of those who call one. It has the manners
// that matter to a client: keys that replay answers and can be forgotten, refusals with details, stock, progress that takes
// place after the answer, a feed that can break, and trouble on demand. It is no model of the real server's inside.
package loadtest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// Trouble decides on the fate of a call by its number: an error in place of it, or one in place of its answer.
type Trouble func(method string, call int) (before, after error)

// ErrHeld as the first error of a Trouble holds the command back until the next one of its method: the client was killed
// while its command was on the way, and it takes effect later.
var ErrHeld = errors.New("held back")

// Server is the fake. Everything is under one mutex.
type Server struct {
	omsv1.UnimplementedOrderServiceServer
	omsv1.UnimplementedInventoryServiceServer
	omsv1.UnimplementedPaymentServiceServer

	mutex    sync.Mutex
	trouble  Trouble
	calls    int
	commands map[string]int // by method, those that had an effect
	keys     map[string]stored
	held     map[string][]func() // by method
	orders   []*omsv1.Order      // oldest first
	byID     map[string]*omsv1.Order
	refunds  map[string][]*omsv1.PaymentRefund
	tokens   map[string]intent
	items    map[string]*omsv1.StockItem

	log      []*omsv1.OrderChange
	watchers map[chan struct{}]bool
	cut      chan struct{} // closed to break the feeds
	epoch    int           // resume tokens of another epoch are refused
}

type stored struct {
	request string
	answer  proto.Message
	err     error
}

type intent struct {
	token string
	keep  bool
}

// New makes an empty server.
func New() *Server {
	return &Server{
		commands: map[string]int{}, keys: map[string]stored{}, held: map[string][]func(){}, byID: map[string]*omsv1.Order{},
		refunds: map[string][]*omsv1.PaymentRefund{}, tokens: map[string]intent{}, items: map[string]*omsv1.StockItem{},
		watchers: map[chan struct{}]bool{}, cut: make(chan struct{}),
	}
}

// SetTrouble replaces the trouble; nil for none.
func (s *Server) SetTrouble(trouble Trouble) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.trouble = trouble
}

// ForgetKeys purges the idempotency keys, as days do; what was held back has long taken effect.
func (s *Server) ForgetKeys() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for method := range s.held {
		s.release(method)
	}
	s.keys = map[string]stored{}
}

// Commands answers how many commands of a method had an effect.
func (s *Server) Commands(method string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.commands[method]
}

// Orders answers copies of all orders, oldest first.
func (s *Server) Orders() []*omsv1.Order {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	all := make([]*omsv1.Order, len(s.orders))
	for i, order := range s.orders {
		all[i] = proto.CloneOf(order)
	}
	return all
}

// Item answers a copy of a SKU's stock; nil without one.
func (s *Server) Item(sku string) *omsv1.StockItem {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return proto.CloneOf(s.items[sku])
}

// ExpireUnpaid ends every order that waits for a payment.
func (s *Server) ExpireUnpaid() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, order := range s.orders {
		if order.Payment == nil && order.Status <= omsv1.OrderStatus_ORDER_STATUS_RESERVED {
			s.cancel(order, "EXPIRED")
		}
	}
}

// BreakFeeds breaks every open feed. With forget, their resume tokens are void too.
func (s *Server) BreakFeeds(forget bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if forget {
		s.epoch++
	}
	close(s.cut)
	s.cut = make(chan struct{})
}

// once carries a command out unless its key has been seen; then it answers as before.
func once[A proto.Message](ctx context.Context, s *Server, method string, request proto.Message, do func() (A, error)) (A, error) {
	var none A
	md, _ := metadata.FromIncomingContext(ctx)
	values := md.Get("idempotency-key")
	if len(values) != 1 {
		return none, refuse(codes.InvalidArgument, "IDEMPOTENCY_KEY_MISSING", "send an idempotency key")
	}
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return none, fmt.Errorf("hash: %w", err)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.calls++
	var before, after error
	if s.trouble != nil {
		before, after = s.trouble(method, s.calls)
	}
	if errors.Is(before, ErrHeld) {
		s.held[method] = append(s.held[method], func() { _, _ = replay(s, values[0], method+string(text), do) })
		return none, refuse(codes.Unavailable, "HELD", "the server is gone")
	}
	if before != nil {
		return none, before
	}
	s.release(method)
	answer, err := replay(s, values[0], method+string(text), do)
	if after != nil {
		return none, after
	}
	return answer, err
}

// release carries out what was held back.
func (s *Server) release(method string) {
	for _, command := range s.held[method] {
		command()
	}
	delete(s.held, method)
}

func replay[A proto.Message](s *Server, key, request string, do func() (A, error)) (A, error) {
	if first, found := s.keys[key]; found {
		if first.request != request {
			var none A
			return none, refuse(codes.AlreadyExists, "IDEMPOTENCY_MISMATCH", "the key was used for another command")
		}
		answer, _ := first.answer.(A)
		return answer, first.err
	}
	answer, err := do()
	if err == nil {
		answer, _ = proto.Clone(answer).(A)
	}
	s.keys[key] = stored{request, answer, err}
	return answer, err
}

// changed gives an order its next version and tells the feeds.
func (s *Server) changed(order *omsv1.Order) {
	order.Version++
	order.UpdatedAt = timestamppb.Now()
	s.log = append(s.log, &omsv1.OrderChange{
		OrderId: order.Id, CustomerId: order.CustomerId, Version: order.Version, Status: order.Status,
		StatusReason: order.StatusReason, PaymentStatus: order.GetPayment().GetStatus(), OccurredAt: order.UpdatedAt,
		RefundedMinor: order.GetPayment().GetRefundedMinor(),
	})
	for watcher := range s.watchers {
		select {
		case watcher <- struct{}{}:
		default:
		}
	}
}
