package restapi

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
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
	// ReadTimeout is how long a body may take to arrive; 0 is 20 s.
	ReadTimeout time.Duration
	// WriteTimeout is how long a client may take to accept an answer or one event; 0 is 10 s.
	WriteTimeout time.Duration
	// Log takes panics; nil is slog.Default().
	Log *slog.Logger
}

// Handler serves the REST dialect. It is made by New.
type Handler struct {
	options Options
	router  *contract.Router
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
	if options.ReadTimeout == 0 {
		options.ReadTimeout = 20 * time.Second
	}
	if options.WriteTimeout == 0 {
		options.WriteTimeout = 10 * time.Second
	}
	if options.Log == nil {
		options.Log = slog.Default()
	}
	h := &Handler{options: options, router: router}
	h.closing, h.close = context.WithCancel(context.Background())
	return h, nil
}

// Close ends all event streams, so that their clients go on elsewhere; http.Server.RegisterOnShutdown calls it, because a
// shutdown waits for every request to end.
func (h *Handler) Close() { h.close() }

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// Until the body has been read, an answer must be the last: net/http would else read the body before it answers.
		w.Header().Set("Connection", "close")
		defer h.limitRest(w)
	}
	defer h.recovered(w, r)
	match := h.router.Match(r.Method, r.URL.EscapedPath())
	document, isDocument := h.document(r.URL.Path)
	if isDocument && match.Allow == "" {
		match.Allow = documentVerbs
	}
	switch {
	case match.Route != nil && match.Route.Stream != nil:
		h.stream(w, r, &match)
	case match.Route != nil:
		h.unary(w, r, &match)
	case (r.URL.Path == "/" || r.URL.Path == docsPath+"/") && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		h.limitWrite(w)
		http.Redirect(w, r, docsPath, http.StatusFound)
	case isDocument && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		h.limitWrite(w)
		serveDocument(w, document)
	case match.Allow == "":
		h.refuse(w, r, fault.New(fault.NotFound, routeNotFound, "there is no path %s; see %s", codec.Excerpt(r.URL.Path), h.documentOf(r.URL.Path)))
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", match.Allow)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", match.Allow)
		h.refuse(w, r, fault.New(fault.Unimplemented, methodNotAllowed, "this path allows %s", match.Allow))
	}
}

// limitRest bounds the time in which net/http reads past a body that nobody wanted, after the answer.
func (h *Handler) limitRest(w http.ResponseWriter) {
	if w.Header().Get("Connection") == "close" {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.options.ReadTimeout)) // not every test's writer can
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

// unary serves a method with one answer.
func (h *Handler) unary(w http.ResponseWriter, r *http.Request, match *contract.Match) {
	b := takeBuffers()
	defer b.release()
	route := match.Route
	ctx, call, err := h.admit(w, r, match, b)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	response, err := h.options.Chain.Unary(ctx, call, func(ctx context.Context) (proto.Message, error) {
		return route.Call(ctx, call.Request)
	})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	b.out = route.Encode(b.out[:0], response)
	h.respond(w, route.Method.SuccessStatus, jsonType, b.out)
}

// admit has the chain admit a call, and then reads its request.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, match *contract.Match, b *buffers) (context.Context, *edge.Call, error) {
	call := newCall(w, r, match.Route.Method)
	call.Sandbox = match.Route.Sandbox
	ctx, err := h.options.Chain.Admit(r.Context(), call)
	if err != nil {
		return ctx, call, err
	}
	call.Request, call.Unreadable = h.request(w, r, match, b)
	return ctx, call, nil
}

// request makes the request message, and the fault that tells everything that could not be read of it.
func (h *Handler) request(w http.ResponseWriter, r *http.Request, match *contract.Match, b *buffers) (proto.Message, *fault.Fault) {
	route := match.Route
	in := &b.in
	*in = contract.Input{Params: match.Params(), RawQuery: r.URL.RawQuery}
	if route.Stream != nil {
		in.LastEventID = r.Header.Get(contract.LastEventID)
	}
	if route.Body {
		if refused := h.readBody(w, r, route, b); refused != nil {
			return nil, refused
		}
		if len(b.body) == 0 && route.NeedsBody() {
			return nil, fault.New(fault.InvalidArgument, "BODY_MISSING", "the body is missing: send %s", bodyName(route))
		}
		in.Body = b.body
	}
	request := route.Decode(in)
	violations := append(in.Violations(), route.Method.CheckIDs(request)...)
	if len(violations) > 0 {
		return request, contract.Invalid(violations)
	}
	return request, nil
}

// bodyName says what a body must be.
func bodyName(route *contract.Route) string {
	if route.BodyType != "" {
		return "one of type " + route.BodyType
	}
	return "a JSON object"
}

// readBody reads the body within its limits of length and time: one that trickles in must not hold a connection and a buffer for
// as long as its sender likes.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request, route *contract.Route, b *buffers) *fault.Fault {
	if refused := checkType(r, route); refused != nil {
		return refused
	}
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(h.options.ReadTimeout)) // not every test's writer can
	if refused := b.read(r, h.options.BodyLimit, h.options.ReadTimeout); refused != nil {
		return refused
	}
	_ = connection.SetReadDeadline(time.Time{}) // as above
	w.Header().Del("Connection")
	return nil
}

func newCall(w http.ResponseWriter, r *http.Request, method *contract.Method) *edge.Call {
	return &edge.Call{
		Method: method, Dialect: edge.REST, RemoteAddr: r.RemoteAddr, Header: r.Header.Values, SetHeader: w.Header().Set,
	}
}

// refuse answers a request that meant no method.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, refused *fault.Fault) {
	call := newCall(w, r, nil)
	call.Sandbox = strings.HasPrefix(r.URL.Path, contract.SandboxPath+"/")
	h.fail(w, r, h.options.Chain.Refuse(r.Context(), call, refused))
}
