// Package webhook takes the callbacks of payment gateways, at POST /webhooks/{gateway} of the public API. A gateway has no
// credentials: its signature is what counts (requirements S-5, X-6).
//
// A callback is answered with 2xx when its outcomes are in hands that keep them until they are stored. Should the process die before,
// the gateway is asked about the call, so nothing is lost by the answer; with any other answer the gateway comes again. What nobody
// would ask about, a dispute or a refund that comes back, is stored before the answer. A callback
// that has been taken is known by its webhook-id for a while and has no effect then. That is a short cut: outcomes are decided by
// state and take effect once, however often they are told.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
	"golang.org/x/sync/semaphore"

	"github.com/seed-255eabaa/oms/internal/clock"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// Prefix begins the path of every callback; the gateway's name follows.
const Prefix = "/webhooks/"

// HeaderID names a message of Standard Webhooks, the same each time that it is sent.
const HeaderID = "webhook-id"

// Options configures a handler. Zero values stand for the defaults.
type Options struct {
	Receivers map[string]gateway.Receiver // by the gateway's name
	// Take keeps an outcome; nil where this process calls no gateways, and callbacks must go to one that does.
	Take gateway.Callback
	// Dispute stores what is told of a dispute; nil as Take is.
	Dispute gateway.DisputeTaker

	Clock       clock.Clock   // for the age of signatures
	BodyLimit   int64         // bytes; 64 KiB
	ReadTimeout time.Duration // for a body to arrive; 20 s
	InFlight    int64         // callbacks at once; 256
	Remember    int           // webhook-ids; 65,536
	RememberFor time.Duration // and for how long: longer than a signature is good; 15 min
	Log         *slog.Logger
}

// Handler serves callbacks. It is made by New.
type Handler struct {
	options Options
	room    *semaphore.Weighted
	taken   *expirable.LRU[message, struct{}]
}

// message names a callback; different gateways may use the same ids.
type message struct{ gateway, id string }

// New makes a handler.
func New(options Options) *Handler {
	if options.BodyLimit <= 0 {
		options.BodyLimit = 64 << 10
	}
	if options.ReadTimeout <= 0 {
		options.ReadTimeout = 20 * time.Second
	}
	if options.InFlight <= 0 {
		options.InFlight = 256
	}
	if options.Remember <= 0 {
		options.Remember = 65536
	}
	if options.RememberFor <= 0 {
		options.RememberFor = 15 * time.Minute
	}
	if options.Clock == nil {
		options.Clock = clock.Steady()
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Handler{
		options: options, room: semaphore.NewWeighted(options.InFlight),
		taken: expirable.NewLRU[message, struct{}](options.Remember, nil, options.RememberFor),
	}
}

// refusal is an answer that is not 2xx.
type refusal struct {
	status    int
	code      string
	message   string
	retryable bool
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refused := h.serve(w, r); refused != nil {
		answer(w, refused)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) *refusal {
	name := strings.TrimPrefix(r.URL.Path, Prefix)
	receiver, found := h.options.Receivers[name]
	switch {
	case !found:
		return &refusal{http.StatusNotFound, "ROUTE_NOT_FOUND", "no gateway of that name sends callbacks here", false}
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return &refusal{http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "this path allows POST", false}
	case h.options.Take == nil:
		return &refusal{http.StatusServiceUnavailable, "UNAVAILABLE", "this process calls no gateways; send to one with the role effect", true}
	case !h.room.TryAcquire(1):
		return &refusal{http.StatusServiceUnavailable, "UNAVAILABLE", "too many callbacks at once; send it again", true}
	}
	defer h.room.Release(1)
	body, refused := h.read(w, r)
	if refused != nil {
		return refused
	}
	outcomes, err := receiver.Receive(r.Header, body, h.options.Clock())
	switch {
	case errors.Is(err, gateway.ErrForged):
		h.options.Log.Warn("a callback is refused", "gateway", name, "remote", r.RemoteAddr, "cause", err)
		return &refusal{http.StatusUnauthorized, "SIGNATURE_INVALID", "the signature or its time is wrong", false}
	case err != nil:
		h.options.Log.Warn("a callback cannot be understood", "gateway", name, "cause", err)
		return &refusal{http.StatusBadRequest, "INVALID_ARGUMENT", "the callback cannot be understood", false}
	}
	return h.take(r.Context(), message{name, r.Header.Get(HeaderID)}, outcomes)
}

// take hands the outcomes over, unless the message was taken before. It is known as taken only when all of them are.
func (h *Handler) take(ctx context.Context, m message, outcomes []gateway.Outcome) *refusal {
	if _, before := h.taken.Get(m); before && m.id != "" {
		return nil
	}
	for _, outcome := range outcomes {
		if err := h.takeOne(ctx, m.gateway, outcome); err != nil {
			h.options.Log.Warn("a callback is not taken", "gateway", m.gateway, "effect", outcome.Key, "cause", err)
			return &refusal{http.StatusServiceUnavailable, "UNAVAILABLE", "the outcome was not taken; send it again", true}
		}
	}
	if m.id != "" {
		h.taken.Add(m, struct{}{})
	}
	return nil
}

func (h *Handler) takeOne(ctx context.Context, name string, outcome gateway.Outcome) error {
	if outcome.Dispute == nil {
		return h.options.Take(ctx, outcome.Tenant, outcome.Key, outcome.Answer)
	}
	told := *outcome.Dispute
	told.Provider = name
	return h.options.Dispute(ctx, told)
}

func (h *Handler) read(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.options.ReadTimeout)) // not every test's writer can
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.options.BodyLimit))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, &refusal{http.StatusRequestEntityTooLarge, "BODY_TOO_LARGE", "the body is too long for a callback", false}
	case err != nil:
		return nil, &refusal{http.StatusRequestTimeout, "BODY_TIMEOUT", "the body did not arrive", true}
	}
	return body, nil
}

func answer(w http.ResponseWriter, refused *refusal) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(refused.status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // a sender that has gone needs no answer
		"code": refused.code, "message": refused.message, "retryable": refused.retryable,
	})
}
