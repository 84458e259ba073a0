package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/id"
)

// Target says where the server is and who calls.
type Target struct {
	GRPCAddr     string        // public gRPC
	InternalAddr string        // internal gRPC: stock and payments
	Token        string        // bearer token; empty for none
	Ready        time.Duration // how long to wait for the server; 10 s when 0
}

// Client talks to one server.
type Client struct {
	Orders    omsv1.OrderServiceClient
	Inventory omsv1.InventoryServiceClient
	Payments  omsv1.PaymentServiceClient

	// Policy says how long to insist; New and Dial set the default.
	Policy Policy

	conns   []*grpc.ClientConn
	sent    atomic.Int64
	retried atomic.Int64
}

// messageLimit is the greatest answer: a page of a hundred orders of a thousand lines.
const messageLimit = 64 << 20

// New makes a client of two connections that are open already.
func New(public, internal grpc.ClientConnInterface) *Client {
	return &Client{
		Orders:    omsv1.NewOrderServiceClient(public),
		Inventory: omsv1.NewInventoryServiceClient(internal),
		Payments:  omsv1.NewPaymentServiceClient(internal),
		Policy:    DefaultPolicy(),
	}
}

// Dial connects and waits until the server is there, so that the first error is about the address and not about an order.
func Dial(ctx context.Context, target Target) (*Client, error) {
	if target.Ready == 0 {
		target.Ready = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, target.Ready)
	defer cancel()
	var conns []*grpc.ClientConn
	for _, address := range []string{target.GRPCAddr, target.InternalAddr} {
		conn, err := connect(ctx, address, target.Token)
		if err != nil {
			return nil, errors.Join(err, closeAll(conns))
		}
		conns = append(conns, conn)
	}
	client := New(conns[0], conns[1])
	client.conns = conns
	return client, nil
}

func connect(ctx context.Context, address, token string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageLimit)),
		grpc.WithUnaryInterceptor(bearer(token)), grpc.WithStreamInterceptor(bearerStream(token)),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", address, err)
	}
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if !conn.WaitForStateChange(ctx, state) {
			_ = conn.Close()
			return nil, fmt.Errorf("no server answers at %s (`oms dev` starts one): %w", address, ctx.Err())
		}
	}
	return conn, nil
}

func authorized(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

func bearer(token string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker,
		options ...grpc.CallOption,
	) error {
		return invoke(authorized(ctx, token), method, request, reply, conn, options...)
	}
}

func bearerStream(token string) grpc.StreamClientInterceptor {
	return func(ctx context.Context, stream *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer,
		options ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		return open(authorized(ctx, token), stream, conn, method, options...)
	}
}

// Close closes the connections that Dial opened.
func (c *Client) Close() error { return closeAll(c.conns) }

func closeAll(conns []*grpc.ClientConn) error {
	var err error
	for _, conn := range conns {
		err = errors.Join(err, conn.Close())
	}
	return err
}

// Sent counts the calls so far, repeated ones included; Retried counts the repeated ones.
func (c *Client) Sent() int64 { return c.sent.Load() }

// Retried counts the calls that were repeated.
func (c *Client) Retried() int64 { return c.retried.Load() }

// Key makes an idempotency key: a UUID version 7.
func Key() string {
	var random id.Random
	_, _ = rand.Read(random[:]) // never fails
	return id.V7(time.Now(), random).String()
}
