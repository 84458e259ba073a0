package contract

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// Route is one REST binding of a method, bound to a service in this process. It is made by generated code.
type Route struct {
	Method *Method
	// Verb is the HTTP method, Template the path as google.api.http writes it: "/v1/orders/{order_id}:pay".
	Verb, Template string
	// Sandbox tells that the path is one of the sandbox.
	Sandbox bool
	// Body tells that the request has a body, and BodyType what it is, such as "text/csv"; empty is JSON.
	Body     bool
	BodyType string
	// Decode makes the request message of path, query and body; what is wrong with them stands in the input.
	Decode func(in *Input) proto.Message
	// Encode appends the answer: the response or its response_body field.
	Encode func(b []byte, response proto.Message) []byte
	// Call carries out a unary method; nil for a streaming one.
	Call func(ctx context.Context, request proto.Message) (proto.Message, error)
	// Stream carries out a streaming method; nil for a unary one.
	Stream func(ctx context.Context, request proto.Message, send func(response proto.Message) error) error
	// Event and EventID say how a streamed response is written: the text of its event line, and the appending of its id.
	Event   string
	EventID func(b []byte, response proto.Message) []byte
	// Resume is the field of the request that a Last-Event-ID header fills; empty where the stream has none.
	Resume string
}

// NeedsBody tells whether a request must have a body. What makes or replaces a resource must: an absent body would else wipe what is
// there. An action upon a resource ("…:cancel") may go without, as far as its fields are optional.
func (r *Route) NeedsBody() bool {
	return r.BodyType != "" || r.Body && !strings.Contains(r.Template[strings.LastIndexByte(r.Template, '/')+1:], ":")
}

// SandboxPath begins the paths of the sandbox.
const SandboxPath = "/sandbox"

// WithSandbox answers routes together with those of the sandbox: the same under SandboxPath, and the ones that are there already.
func WithSandbox(routes []*Route) []*Route {
	var all []*Route
	for _, route := range routes {
		inside := *route
		inside.Sandbox = true
		if !strings.HasPrefix(route.Template, SandboxPath+"/") {
			all = append(all, route)
			inside.Template = SandboxPath + route.Template
		}
		all = append(all, &inside)
	}
	return all
}

// ServerStream lets a service implementation stream to a function instead of to a gRPC connection.
type ServerStream[Response any] struct {
	context context.Context //nolint:containedctx // grpc.ServerStream answers the context of its call
	send    func(*Response) error
}

// NewServerStream makes the stream of one call.
func NewServerStream[Response any](ctx context.Context, send func(*Response) error) *ServerStream[Response] {
	return &ServerStream[Response]{context: ctx, send: send}
}

var _ grpc.ServerStreamingServer[Method] = (*ServerStream[Method])(nil)

// Send hands one response over.
func (s *ServerStream[Response]) Send(response *Response) error { return s.send(response) }

// Context is the context of the call.
func (s *ServerStream[Response]) Context() context.Context { return s.context }

// SendMsg is Send for a response whose type is not known.
func (s *ServerStream[Response]) SendMsg(message any) error {
	response, ok := message.(*Response)
	if !ok {
		panic("contract: a message of another type was sent into a stream")
	}
	return s.send(response)
}

// RecvMsg has nothing to receive: the request was handed over with the call.
func (s *ServerStream[Response]) RecvMsg(any) error {
	panic("contract: a server stream has only one request")
}

// SetHeader does nothing: the chain of wrappers sets the headers of an answer.
func (s *ServerStream[Response]) SetHeader(metadata.MD) error { return nil }

// SendHeader does nothing, as SetHeader.
func (s *ServerStream[Response]) SendHeader(metadata.MD) error { return nil }

// SetTrailer does nothing: HTTP/1.1 clients do not read trailers.
func (s *ServerStream[Response]) SetTrailer(metadata.MD) {}
