package loadtest

import (
	"context"
	"fmt"
	"net"
	"sort"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// reserve is the saga's first step.
func (s *Server) reserve(order *omsv1.Order) {
	if order.Status != omsv1.OrderStatus_ORDER_STATUS_PENDING {
		return
	}
	wanted := demand(order)
	for _, sku := range skus(wanted) {
		if s.items[sku].GetAvailable() < wanted[sku] {
			s.cancel(order, "OUT_OF_STOCK")
			return
		}
	}
	for sku, qty := range wanted {
		s.items[sku].Available -= qty
		s.items[sku].Reserved += qty
	}
	order.Status = omsv1.OrderStatus_ORDER_STATUS_RESERVED
	s.changed(order)
	if order.Payment != nil {
		s.settle(order)
	}
}

// settle is the gateway's answer, and everything that follows.
func (s *Server) settle(order *omsv1.Order) {
	if order.Status != omsv1.OrderStatus_ORDER_STATUS_RESERVED {
		return
	}
	if s.tokens[order.Id].token == "sim:declined" {
		order.Payment.Status = omsv1.PaymentStatus_PAYMENT_STATUS_DECLINED
		order.Payment.DeclineReason = "insufficient_funds"
		if !s.tokens[order.Id].keep {
			s.cancel(order, "PAYMENT_DECLINED")
			return
		}
		s.changed(order)
		return
	}
	order.Status = omsv1.OrderStatus_ORDER_STATUS_PAID
	order.Payment.Status = omsv1.PaymentStatus_PAYMENT_STATUS_AUTHORIZED
	s.changed(order)
	order.Status = omsv1.OrderStatus_ORDER_STATUS_CONFIRMED
	order.Payment.Status = omsv1.PaymentStatus_PAYMENT_STATUS_CAPTURED
	order.Payment.CapturedMinor = order.Amount.AmountMinor
	for sku, qty := range demand(order) {
		item := s.items[sku]
		item.Reserved, item.OnHand, item.Sold = item.Reserved-qty, item.OnHand-qty, item.Sold+qty
	}
	s.changed(order)
}

// cancel ends an order and gives its stock back.
func (s *Server) cancel(order *omsv1.Order, reason string) {
	if order.Status == omsv1.OrderStatus_ORDER_STATUS_RESERVED {
		for sku, qty := range demand(order) {
			s.items[sku].Available += qty
			s.items[sku].Reserved -= qty
		}
	}
	order.Status, order.StatusReason = omsv1.OrderStatus_ORDER_STATUS_CANCELED, reason
	s.changed(order)
}

func (s *Server) giveBack(order *omsv1.Order, refund *omsv1.PaymentRefund) {
	refund.State = omsv1.RefundState_REFUND_STATE_SUCCEEDED
	payment := order.Payment
	payment.RefundPendingMinor -= refund.AmountMinor
	payment.RefundedMinor += refund.AmountMinor
	payment.Status = omsv1.PaymentStatus_PAYMENT_STATUS_PARTIALLY_REFUNDED
	if payment.RefundedMinor == payment.CapturedMinor {
		payment.Status = omsv1.PaymentStatus_PAYMENT_STATUS_REFUNDED
		order.Status, order.StatusReason = omsv1.OrderStatus_ORDER_STATUS_REFUNDED, "REFUNDED"
	}
	s.changed(order)
}

// SetStock implements the contract.
func (s *Server) SetStock(ctx context.Context, request *omsv1.SetStockRequest) (*omsv1.SetStockResponse, error) {
	return once(ctx, s, "SetStock", request, func() (*omsv1.SetStockResponse, error) {
		item, found := s.items[request.Sku]
		if !found {
			item = &omsv1.StockItem{Sku: request.Sku}
			s.items[request.Sku] = item
		}
		if request.ExpectedVersion != 0 && request.ExpectedVersion != item.Version {
			return nil, refuse(codes.Aborted, "VERSION_CONFLICT", "the item has changed")
		}
		if request.GetOnHand() < item.Reserved {
			return nil, refuse(codes.FailedPrecondition, "BELOW_RESERVED", "more is reserved")
		}
		s.commands["SetStock"]++
		item.OnHand, item.Available = request.GetOnHand(), request.GetOnHand()-item.Reserved
		item.Stocked = item.OnHand + item.Sold
		item.Version++
		return &omsv1.SetStockResponse{Item: proto.CloneOf(item)}, nil
	})
}

// ListStock implements the contract.
func (s *Server) ListStock(_ context.Context, request *omsv1.ListStockRequest) (*omsv1.ListStockResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var names []string
	for sku := range s.items {
		if sku > request.PageToken {
			names = append(names, sku)
		}
	}
	sort.Strings(names)
	answer := &omsv1.ListStockResponse{}
	for i, sku := range names {
		if i == int(request.PageSize) {
			answer.NextPageToken = names[i-1]
			break
		}
		answer.Items = append(answer.Items, proto.CloneOf(s.items[sku]))
	}
	return answer, nil
}

// GetStock implements the contract.
func (s *Server) GetStock(_ context.Context, request *omsv1.GetStockRequest) (*omsv1.GetStockResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	item, found := s.items[request.Sku]
	if !found {
		return nil, refuse(codes.NotFound, "NOT_FOUND", "no such SKU")
	}
	return &omsv1.GetStockResponse{Item: proto.CloneOf(item)}, nil
}

// WatchOrders implements the contract. A token is "epoch.position" in the log.
func (s *Server) WatchOrders(request *omsv1.WatchOrdersRequest, stream grpc.ServerStreamingServer[omsv1.WatchOrdersResponse]) error {
	wake := make(chan struct{}, 1)
	s.mutex.Lock()
	next, epoch, cut := len(s.log), s.epoch, s.cut
	if request.ResumeToken != "" {
		of, position, _ := strings.Cut(request.ResumeToken, ".")
		if of != strconv.Itoa(epoch) {
			s.mutex.Unlock()
			return refuse(codes.InvalidArgument, "RESUME_TOKEN_INVALID", "begin anew")
		}
		next, _ = strconv.Atoi(position)
	}
	s.watchers[wake] = true
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		delete(s.watchers, wake)
	}()
	for first := true; ; first = false {
		s.mutex.Lock()
		fresh := s.log[next:]
		if first {
			fresh = nil
		} else {
			next = len(s.log)
		}
		s.mutex.Unlock()
		token := strconv.Itoa(epoch) + "." + strconv.Itoa(next)
		if err := stream.Send(&omsv1.WatchOrdersResponse{Changes: fresh, ResumeToken: token}); err != nil {
			return err //nolint:wrapcheck // grpc's own
		}
		if first {
			continue
		}
		select {
		case <-wake:
		case <-cut:
			return refuse(codes.Unavailable, "SHUTTING_DOWN", "the feed is closed")
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// Connect serves the fake in memory and answers a connection to it, for both the public and the internal client.
func (s *Server) Connect(t testing.TB) *grpc.ClientConn {
	t.Helper()
	conn, end, err := s.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return conn
}

// Open is Connect without a test. The end waits for the calls under way, so that none takes effect later.
func (s *Server) Open() (conn *grpc.ClientConn, end func(), err error) {
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.WaitForHandlers(true))
	omsv1.RegisterOrderServiceServer(server, s)
	omsv1.RegisterInventoryServiceServer(server, s)
	omsv1.RegisterPaymentServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	conn, err = grpc.NewClient("passthrough:///fake", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the fake: %w", err)
	}
	return conn, func() {
		_ = conn.Close()
		server.Stop()
	}, nil
}
