package shopapi

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/edge/service"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// Prefix begins the paths of the dialect.
const Prefix = "/api/"

// Dialect is what an edge.Call says that came this way.
const Dialect = "shop"

// Options say what a handler serves and within which limits.
type Options struct {
	// Chain wraps every call.
	Chain edge.Chain
	// Orders and Inventory carry the calls out, Methods says what the contract says about them.
	Orders        *service.Orders
	Inventory     *service.Inventory
	Notifications *service.Notifications
	Methods       contract.Table
	// Keys verify signatures. Nil verifies none: a server that asks nobody for credentials has none to check against.
	Keys *Keys
	// PaymentWait is how long a payment's outcome is waited for.
	PaymentWait time.Duration
	// BodyLimit is the greatest length of a body in bytes, ReadTimeout how long it may take to arrive, WriteTimeout how long a client
	// may take to accept an answer.
	BodyLimit                 int
	ReadTimeout, WriteTimeout time.Duration
	Log                       *slog.Logger
}

// Handler serves the dialect. It is made by New.
type Handler struct {
	Options
	origins   *http.CrossOriginProtection
	strangers chan struct{} // one for each body that is read before its sender is known
	paths     map[string]func(h *Handler, ctx context.Context, in *incoming) answer
}

// strangerLimit is how many bodies are read at once of callers whose token is in the body; more are refused.
const strangerLimit = 256

// New makes a handler.
func New(options Options) *Handler {
	return &Handler{
		Options: options, origins: http.NewCrossOriginProtection(), strangers: make(chan struct{}, strangerLimit),
		paths: map[string]func(*Handler, context.Context, *incoming) answer{
			"/api/orders/create":     (*Handler).createOrder,
			"/api/inventory/lock":    (*Handler).lockInventory,
			"/api/payment/process":   (*Handler).processPayment,
			"/api/notification/send": (*Handler).sendNotification,
		},
	}
}

// incoming is one request.
type incoming struct {
	*http.Request
	w    http.ResponseWriter
	body []byte
	call *edge.Call
	from credentials
	// traceID is the call's, once the chain has let it in.
	traceID string
}

// ServeHTTP serves one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.recovered(w, r)
	in := &incoming{Request: r, w: w, call: &edge.Call{
		Dialect: Dialect, RemoteAddr: r.RemoteAddr, Header: r.Header.Values, SetHeader: w.Header().Set,
	}}
	serve, found := h.paths[r.URL.Path]
	switch {
	case !found:
		h.refuse(in, http.StatusNotFound, fault.New(fault.NotFound, "ROUTE_NOT_FOUND", "there is no such path; see /api/openapi.yaml"))
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		h.refuse(in, http.StatusMethodNotAllowed, fault.New(fault.Unimplemented, "METHOD_NOT_ALLOWED", "this path allows POST"))
		return
	}
	// A page of another origin can have a browser send what the browser knows; it must not order in its user's name.
	if err := h.origins.Check(r); err != nil {
		h.refuse(in, http.StatusForbidden, fault.New(fault.PermissionDenied, "CROSS_ORIGIN", "a browser sent this for a page of another origin"))
		return
	}
	ctx, status, refused := h.receive(in)
	if refused != nil {
		h.refuse(in, status, refused)
		return
	}
	h.write(w, serve(h, ctx, in))
}

// receive reads the body. The token may stand in it, so it is read before the caller is known unless a header says who that is.
func (h *Handler) receive(in *incoming) (context.Context, int, *fault.Fault) {
	media, _, _ := strings.Cut(in.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(media), "application/json") {
		return nil, http.StatusUnsupportedMediaType, fault.Invalid("Content-Type", "UNSUPPORTED_MEDIA_TYPE", "must be application/json")
	}
	if in.Header.Get("Authorization") == "" {
		select {
		case h.strangers <- struct{}{}:
			defer func() { <-h.strangers }()
		default:
			return nil, 0, fault.New(fault.ResourceExhausted, "TOO_MANY_REQUESTS",
				"too many requests arrive at once; try again").After(time.Second)
		}
	}
	connection := http.NewResponseController(in.w)
	_ = connection.SetReadDeadline(time.Now().Add(h.ReadTimeout)) // not every test's writer can
	body, err := io.ReadAll(http.MaxBytesReader(in.w, in.Body, int64(h.BodyLimit)))
	_ = connection.SetReadDeadline(time.Time{}) // as above
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, http.StatusRequestEntityTooLarge, fault.New(fault.InvalidArgument, "BODY_TOO_LARGE",
			"the body is longer than %d bytes", h.BodyLimit)
	case err != nil:
		return nil, 0, fault.New(fault.InvalidArgument, "BODY_UNREADABLE",
			"the body ended before its announced length, or took too long").Because(err)
	}
	in.body = body
	return in.Context(), 0, nil
}

// carry brings a call through the chain. Whoever calls is found out first, then whether the body is theirs, and then only what is
// wrong with it.
func (h *Handler) carry(ctx context.Context, in *incoming, method, key string, request proto.Message, unreadable *fault.Fault,
	handle func(ctx context.Context) (proto.Message, error)) error {
	in.call.Method, in.call.Request, in.call.Unreadable = h.Methods["/oms.v1."+method], request, unreadable
	if in.call.Method == nil {
		return fault.From(fmt.Errorf("shopapi: the contract has no %s", method)) //nolint:err113 // for the log only
	}
	if refused := in.authorize(key); refused != nil {
		return h.Chain.Refuse(ctx, in.call, refused) //nolint:wrapcheck // a fault
	}
	ctx, err := h.Chain.Admit(ctx, in.call)
	if err != nil {
		return in.placed(err)
	}
	caller, _ := edge.AdmittedCaller(ctx)
	if refused := h.Keys.verify(caller, in.body, &in.from); refused != nil {
		in.call.Unreadable = refused
	}
	_, err = h.Chain.Unary(ctx, in.call, func(ctx context.Context) (proto.Message, error) {
		in.traceID = edge.ScopeOf(ctx).TraceID
		return handle(ctx)
	})
	return translated(err, in.call.Unreadable)
}

// authorize shows the chain the token of the body as a header's, and a derived key where the client brought none.
func (in *incoming) authorize(key string) *fault.Fault {
	headers := in.Request.Header
	token := in.from.token
	shown := headers.Values("Authorization")
	if token != "" && len(shown) > 0 {
		_, told, _ := strings.Cut(shown[0], " ")
		if len(shown) > 1 || subtle.ConstantTimeCompare([]byte(strings.TrimSpace(told)), []byte(token)) == 0 {
			return fault.New(fault.Unauthenticated, "AUTH_FAILED", "the token of the body and that of the Authorization header differ")
		}
	}
	if token != "" && len(shown) == 0 {
		shown = []string{"Bearer " + token}
	}
	keyed := len(headers.Values("Idempotency-Key"))+len(headers.Values("X-Idempotency-Key")) > 0
	in.call.Header = func(name string) []string {
		switch {
		case strings.EqualFold(name, "authorization"):
			return slices.Clone(shown)
		case !keyed && strings.EqualFold(name, "idempotency-key"):
			return []string{key}
		default:
			return headers.Values(name)
		}
	}
	return nil
}

// freshKey is the key of a request that is meant once each time it is sent.
func freshKey() string { return "api/" + rand.Text() }

// refuse answers a request that came to no call.
func (h *Handler) refuse(in *incoming, status int, refused *fault.Fault) {
	given := h.failed(in.placed(h.Chain.Refuse(in.Context(), in.call, refused)))
	if given.reason == refused.Reason && status != 0 {
		given.status = status
	}
	h.write(in.w, given)
}

var errPanicked = errors.New("the shop dialect panicked")

func (h *Handler) recovered(w http.ResponseWriter, r *http.Request) {
	panicked := recover()
	if panicked == nil {
		return
	}
	if panicked == http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
		panic(panicked)
	}
	h.Log.ErrorContext(r.Context(), "panic in the shop dialect", "panic", panicked, "stack", string(debug.Stack()))
	h.write(w, h.failed(fault.From(errPanicked)))
}
