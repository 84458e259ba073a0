package restapi

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// Options say what a handler serves and within which limits.
type Options struct {
	// Chain wraps every call.
	Chain edge.Chain
	// Routes are those of all services: slices.Concat(omsv1.OrderServiceRoutes(orders), …).
	Routes []*contract.Route
	// BodyLimit is the greatest length of a body in bytes; 0 is 1 MiB.
	BodyLimit int
	// Heartbeat is the time between two signs of life in an event stream; 0 is 15 s.
	Heartbeat time.Duration
	// WriteTimeout is how long a client may take to accept one event; 0 is 10 s.
	WriteTimeout time.Duration
	// Log takes panics; nil is slog.Default().
	Log *slog.Logger
}

// Refuser is implemented by a Chain that wants to see the requests which end before they are a message: no such path, not
// JSON, a wrong field. It runs the wrappers that need no message (trace, authenticate, limit) and answers err, with the trace
// id, or the refusal of a wrapper. Call.Method is nil where no route was found, and Call.Request is always nil.
type Refuser interface {
	Refuse(ctx context.Context, call *edge.Call, err error) error
}

// Handler serves the REST dialect. It is made by New.
type Handler struct {
	options Options
	router  *contract.Router
	refuser Refuser
	closing context.Context //nolint:containedctx // ends the streams of all requests
	close   context.CancelFunc
}

// New makes a handler; it fails when two routes collide.
func New(options Options) (*Handler, error) {
	router, err := contract.NewRouter(options.Routes)
	if err != nil {
		return nil, err
	}
	if options.BodyLimit == 0 {
		options.BodyLimit = 1 << 20
	}
	if options.Heartbeat == 0 {
		options.Heartbeat = 15 * time.Second
	}
	if options.WriteTimeout == 0 {
		options.WriteTimeout = 10 * time.Second
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	h := &Handler{options: options, router: router}
	h.refuser, _ = options.Chain.(Refuser)
	h.closing, h.close = context.WithCancel(context.Background())
	return h, nil
}

// Close ends all event streams, so that their clients go on elsewhere; http.Server.RegisterOnShutdown calls it, because a
// shutdown waits for every request to end.
func (h *Handler) Close() { h.close() }

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.recovered(w, r)
	match := h.router.Match(r.Method, r.URL.EscapedPath())
	document, isDocument := documents[r.URL.Path]
	if isDocument && match.Allow == "" {
		match.Allow = documentVerbs
	}
	switch {
	case match.Route != nil && match.Route.Stream != nil:
		h.stream(w, r, &match)
	case match.Route != nil:
		h.unary(w, r, &match)
	case isDocument && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		serveDocument(w, document)
	case match.Allow == "":
		h.refuse(w, r, nil, http.StatusNotFound, fault.New(fault.NotFound, "ROUTE_NOT_FOUND", "there is no such path"))
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", match.Allow)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", match.Allow)
		h.refuse(w, r, nil, http.StatusMethodNotAllowed,
			fault.New(fault.Unimplemented, "METHOD_NOT_ALLOWED", "this path allows %s", match.Allow))
	}
}

// recovered answers a panic of this package or of generated code; those of handlers end in the chain.
func (h *Handler) recovered(w http.ResponseWriter, r *http.Request) {
	panicked := recover()
	if panicked == nil {
		return
	}
	if panicked == http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
		panic(panicked)
	}
	h.options.Log.ErrorContext(r.Context(), "panic in the REST edge", "panic", panicked, "stack", string(debug.Stack()))
	h.fail(w, r, fault.From(errPanicked))
}

// bodyTimeout is how long a body may take to arrive.
const bodyTimeout = 20 * time.Second

// unary serves a method with one answer.
func (h *Handler) unary(w http.ResponseWriter, r *http.Request, match *contract.Match) {
	b := takeBuffers()
	defer b.release()
	route := match.Route
	// A body that trickles in must not hold a connection and a buffer for as long as its sender likes.
	connection := http.NewResponseController(w)
	if route.Body {
		_ = connection.SetReadDeadline(time.Now().Add(bodyTimeout)) // not every test's writer can
	}
	request, refused := h.request(r, match, b)
	if refused != nil {
		h.refuse(w, r, route.Method, 0, refused)
		return
	}
	if route.Body {
		_ = connection.SetReadDeadline(time.Time{}) // as above
	}
	call := newCall(w, r, route.Method, request)
	response, err := h.options.Chain.Unary(r.Context(), call, func(ctx context.Context) (proto.Message, error) {
		return route.Call(ctx, request)
	})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	b.out = route.Encode(b.out[:0], response)
	respond(w, route.Method.SuccessStatus, jsonType, b.out)
}

// request makes the request message, or the fault that tells everything that is wrong with it.
func (h *Handler) request(r *http.Request, match *contract.Match, b *buffers) (proto.Message, *fault.Fault) {
	route := match.Route
	in := &b.in
	*in = contract.Input{Params: match.Params(), RawQuery: r.URL.RawQuery}
	if route.Stream != nil {
		in.LastEventID = r.Header.Get("Last-Event-ID")
	}
	if route.Body {
		if refused := b.read(r, h.options.BodyLimit); refused != nil {
			return nil, refused
		}
		in.Body = b.body
	}
	request := route.Decode(in)
	violations := append(in.Violations(), route.Method.CheckIDs(request)...)
	if len(violations) > 0 {
		return nil, contract.Invalid(violations)
	}
	return request, nil
}

func newCall(w http.ResponseWriter, r *http.Request, method *contract.Method, request proto.Message) *edge.Call {
	return &edge.Call{
		Method: method, Request: request, Dialect: edge.REST, RemoteAddr: r.RemoteAddr,
		Header: r.Header.Values, SetHeader: w.Header().Set,
	}
}

// refuse answers a request that did not become a call. Status 0 is that of the fault's code.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, method *contract.Method, status int, refused *fault.Fault) {
	err := error(refused)
	if h.refuser != nil {
		if err = h.refuser.Refuse(r.Context(), newCall(w, r, method, nil), refused); err == nil {
			err = refused
		}
	}
	f := fault.From(err)
	if status == 0 || f.Reason != refused.Reason {
		status = contract.HTTPStatus(f.Code)
	}
	writeFault(w, r, status, f)
}

// fail answers with an error of the chain.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.From(err)
	writeFault(w, r, contract.HTTPStatus(f.Code), f)
}
