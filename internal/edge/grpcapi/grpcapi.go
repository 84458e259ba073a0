// Package grpcapi is the gRPC dialect: it hands every call to the chain that REST uses too, and turns faults into statuses.
package grpcapi

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// Options configures a server.
type Options struct {
	Chain      edge.Chain
	Methods    contract.Table
	Internal   bool   // the listener of the internal services
	Reflection bool   // off in production unless asked for: it tells strangers the whole contract
	Workers    uint32 // goroutines that are kept for calls

	MaxMessage    int           // bytes of a request
	MaxHeader     uint32        // bytes of a call's metadata
	MaxStreams    uint32        // calls at once on one connection
	MaxDeadline   time.Duration // for a call with one answer, the arrival of its request included
	HeaderTimeout time.Duration // for a new connection to speak HTTP/2
	IdleTimeout   time.Duration // after which a connection without calls is given up
}

// Server is a gRPC server with health and, if wanted, reflection.
type Server struct {
	*grpc.Server
	Health *health.Server
}

// New makes a server; the caller registers services and serves.
func New(options Options) *Server {
	i := interceptor{options, newCodec(options.MaxMessage)}
	server := grpc.NewServer(
		grpc.ForceServerCodecV2(i.codec), grpc.UnknownServiceHandler(i.unknown),
		grpc.UnaryInterceptor(i.unary), grpc.StreamInterceptor(i.stream),
		grpc.MaxRecvMsgSize(4*options.MaxMessage), grpc.MaxConcurrentStreams(options.MaxStreams),
		grpc.NumStreamWorkers(options.Workers), grpc.InTapHandle(i.admit),
		grpc.MaxHeaderListSize(options.MaxHeader), grpc.ConnectionTimeout(options.HeaderTimeout),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: options.IdleTimeout, Time: time.Minute, Timeout: 20 * time.Second,
		}),
	)
	s := &Server{Server: server, Health: health.NewServer()}
	healthv1.RegisterHealthServer(server, s.Health)
	if options.Reflection {
		reflection.Register(server)
	}
	return s
}

// interceptor hands calls of the contract to the chain; health and reflection go past it.
type interceptor struct {
	Options
	codec codec
}

// admit refuses a call before its message is read; grpc-go has an interceptor wait for the whole of it. It also bounds the time
// that the message may take, of a call that names no deadline too. It runs where the connection is read, so it must not wait.
func (i interceptor) admit(ctx context.Context, info *tap.Info) (context.Context, error) {
	method := i.Methods[info.FullMethodName]
	if method == nil {
		return ctx, nil
	}
	call, _ := i.call(ctx, method, info.Header) // a call that is refused here has no place for headers; its details name the trace
	admitted, err := i.Chain.Admit(ctx, call)
	if err != nil {
		return ctx, Status(fault.From(err))
	}
	if deadline, found := ctx.Deadline(); method.Streaming || found && time.Until(deadline) <= i.MaxDeadline {
		return admitted, nil
	}
	limited, cancel := context.WithTimeout(admitted, i.MaxDeadline)
	context.AfterFunc(ctx, cancel) // the call's own context ends with the call
	return limited, nil
}

// unknown refuses calls of services and methods that there are not. One of a service of the other listener is in the contract, so the
// chain has let it in already and translates what is answered here.
func (i interceptor) unknown(_ any, stream grpc.ServerStream) error {
	name, _ := grpc.MethodFromServerStream(stream)
	if i.Methods[name] != nil {
		return fault.New(fault.Unimplemented, "METHOD_NOT_FOUND", "there is no method %s here: internal services listen apart", name)
	}
	incoming, _ := metadata.FromIncomingContext(stream.Context())
	call, headers := i.call(stream.Context(), nil, incoming)
	err := i.Chain.Refuse(stream.Context(), call, fault.New(fault.Unimplemented, "METHOD_NOT_FOUND", "there is no method %s here", name))
	_ = stream.SetHeader(headers) // fails when the client is gone
	return Status(fault.From(err))
}

func (i interceptor) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	method := i.Methods[info.FullMethod]
	if method == nil {
		return handler(ctx, request)
	}
	incoming, _ := metadata.FromIncomingContext(ctx)
	call, headers := i.call(ctx, method, incoming)
	call.Request, _ = request.(proto.Message)
	call.Unreadable = i.codec.unreadable(call.Request)
	answer, err := i.Chain.Unary(ctx, call, func(ctx context.Context) (proto.Message, error) {
		answer, err := handler(ctx, request)
		if err != nil {
			return nil, err
		}
		message, _ := answer.(proto.Message)
		return message, nil
	})
	if len(headers) > 0 {
		_ = grpc.SetHeader(ctx, headers) // fails when the client is gone, which the answer finds out too
	}
	if err != nil {
		return nil, Status(fault.From(err))
	}
	return answer, nil
}

func (i interceptor) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	method := i.Methods[info.FullMethod]
	if method == nil {
		return handler(service, stream)
	}
	incoming, _ := metadata.FromIncomingContext(stream.Context())
	call, headers := i.call(stream.Context(), method, incoming)
	err := i.Chain.Stream(stream.Context(), call, func(ctx context.Context) error {
		_ = stream.SetHeader(headers) // as above
		return handler(service, &contextStream{ServerStream: stream, context: ctx, check: edge.ScopeOf(ctx).Check, codec: i.codec})
	})
	if err != nil {
		_ = stream.SetHeader(headers) // a refused stream names its trace too; fails when the headers are sent already
		return Status(fault.From(err))
	}
	return nil
}

// call describes a call to the chain. Headers that are set gather in the metadata.
func (i interceptor) call(ctx context.Context, method *contract.Method, incoming metadata.MD) (*edge.Call, metadata.MD) {
	headers := metadata.MD{}
	call := &edge.Call{
		Method: method, Dialect: edge.GRPC, Internal: i.Internal,
		Header:    incoming.Get,
		SetHeader: func(name, value string) { headers.Set(name, value) },
	}
	if from, found := peer.FromContext(ctx); found {
		call.RemoteAddr = from.Addr.String()
	}
	return call, headers
}

// contextStream is a stream with the chain's context, which checks the request when it is read.
type contextStream struct {
	grpc.ServerStream
	context context.Context //nolint:containedctx // grpc.ServerStream answers the context of its call
	check   func(request proto.Message) error
	codec   codec
}

// Context implements grpc.ServerStream.
func (s *contextStream) Context() context.Context { return s.context }

// RecvMsg implements grpc.ServerStream.
func (s *contextStream) RecvMsg(message any) error {
	if err := s.ServerStream.RecvMsg(message); err != nil {
		return err //nolint:wrapcheck // grpc's own
	}
	request, found := message.(proto.Message)
	if !found {
		return nil
	}
	if refusal := s.codec.unreadable(request); refusal != nil {
		return refusal
	}
	return s.check(request)
}

// SendMsg implements grpc.ServerStream. A caller who went away in the middle of a message is no defect of ours.
func (s *contextStream) SendMsg(message any) error {
	err := s.ServerStream.SendMsg(message)
	if err != nil && s.context.Err() != nil {
		return s.context.Err() //nolint:wrapcheck // the chain translates it
	}
	return err //nolint:wrapcheck // grpc's own
}
