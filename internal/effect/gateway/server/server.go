// Package server is the gateway simulator as an HTTP program of its own, which `oms gateway` runs. It is a sandbox for whoever
// integrates: each request may say how it goes wrong, by the payer's token or by HeaderSimulate (requirements S-5, X-5).
//
// The protocol is that of package remote. A call is accepted with 202 and its outcome told by a callback, signed as Standard
// Webhooks 1.0.0 says and sent again until it is answered with 2xx. Callbacks that wait are lost with the process; what was done is
// not: its callers ask. Nobody asks about disputes and refunds that come back, so the journal knows which of them were taken.
package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/remote"
)

// HeaderSimulate has one request behave as a token says, whatever the payer's token is.
const HeaderSimulate = "Simulate"

// Options configures a server. Zero values stand for the defaults.
type Options struct {
	DataDir     string // its journal is here
	CallbackURL string
	Secret      string        // whsec_…; signs callbacks
	APIKey      string        // asked of callers; nobody is asked when empty
	Delay       time.Duration // from a call to its callback, give or take a half; 1 ms, below zero for none
	Late        time.Duration // the same of late callbacks; 20 s
	Dispute     time.Duration // from a capture to its dispute, from there to its end, and from a refund to its return; 2 s
	ShortHold   time.Duration // how long a hold of sim:short_hold is good; 0: it has gone as soon as it is told
	Logger      *slog.Logger
}

// Server is a gateway that serves HTTP. It is made by Open.
type Server struct {
	simulator *gateway.Simulator
	courier   *courier
	journal   string
	apiKey    string
	log       *slog.Logger
	mux       *http.ServeMux
}

// JournalName is the file in DataDir that holds what was done.
const JournalName = "gateway.journal"

// Open opens a gateway on its journal.
func Open(options Options) (*Server, error) {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(options.DataDir, 0o700); err != nil {
		return nil, err
	}
	courier, err := newCourier(options.CallbackURL, options.Secret, options.Logger)
	if err != nil {
		return nil, err
	}
	s := &Server{
		courier: courier, journal: filepath.Join(options.DataDir, JournalName), apiKey: options.APIKey, log: options.Logger,
		mux: http.NewServeMux(),
	}
	s.simulator, err = gateway.OpenSimulator(gateway.SimulatorOptions{
		Journal: s.journal, Callback: courier.send, Returned: courier.returned, Dispute: courier.dispute, DisputeAfter: options.Dispute,
		Latency: options.Delay, LateAfter: options.Late, ShortHold: options.ShortHold,
	})
	if err != nil {
		courier.close()
		return nil, err
	}
	for _, kind := range []string{gateway.KindHold, gateway.KindCapture, gateway.KindVoid, gateway.KindRefund, gateway.KindPayout} {
		s.mux.HandleFunc("POST "+remote.Path(kind), s.asked(func(w http.ResponseWriter, r *http.Request) { s.call(w, r, kind) }))
	}
	s.mux.HandleFunc("GET "+remote.PathCalls, s.asked(s.lookup))
	s.mux.HandleFunc("GET "+remote.PathTotals, s.asked(s.totals))
	s.mux.HandleFunc("GET "+remote.PathPayments, s.asked(s.payments))
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close ends the gateway. Callbacks that wait are lost, but for disputes and refunds that come back.
func (s *Server) Close() error {
	err := s.simulator.Close()
	s.courier.close()
	return err
}

// asked lets in who has the API key.
func (s *Server) asked(handle http.HandlerFunc) http.HandlerFunc {
	want := sha256.Sum256([]byte("Bearer " + s.apiKey))
	return func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if s.apiKey != "" && subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			refuse(w, http.StatusUnauthorized, "the header Authorization must bear the API key")
			return
		}
		handle(w, r)
	}
}

// bodyLimit bounds a request.
const bodyLimit = 64 << 10

func (s *Server) call(w http.ResponseWriter, r *http.Request, kind string) {
	request, err := requestOf(w, r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	told, err := s.simulator.Simulate(r.Context(), kind, request, r.Header.Get(HeaderSimulate))
	switch {
	case err == nil && told.Status == gateway.Accepted:
		answer(w, http.StatusAccepted, remote.Tell(told))
	case err == nil:
		answer(w, http.StatusOK, remote.Tell(told))
	case errors.Is(err, gateway.ErrBusy):
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, err.Error())
	case errors.Is(err, gateway.ErrLost), errors.Is(err, gateway.ErrSilent), errors.Is(err, context.Canceled):
		panic(http.ErrAbortHandler) // the connection ends without an answer
	case errors.Is(err, gateway.ErrBroken):
		refuse(w, http.StatusInternalServerError, err.Error())
	case gateway.ClassOf(err) == gateway.ClassPermanent:
		refuse(w, http.StatusConflict, err.Error())
	default:
		s.log.Error("a call cannot be carried out", "kind", kind, "key", request.Key, "cause", err)
		refuse(w, http.StatusServiceUnavailable, "the gateway cannot write down what it would do")
	}
}

// requestOf reads a call. What is refused is never repeated: it may hold what must not be shown.
func requestOf(w http.ResponseWriter, r *http.Request) (gateway.Request, error) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyLimit))
	if err != nil {
		return gateway.Request{}, errors.New("the body cannot be read, or is too long")
	}
	var call remote.Call
	if err := json.Unmarshal(text, &call); err != nil {
		return gateway.Request{}, errors.New("the body is not the JSON of a call")
	}
	request := gateway.Request{
		Tenant: call.Tenant, Key: r.Header.Get(remote.HeaderKey), Payment: call.Payment, OrderID: call.OrderID, Token: call.Token,
		ExternalID: call.ExternalID, Currency: call.Currency, AmountMinor: call.AmountMinor, TraceID: r.Header.Get(remote.HeaderTrace),
	}
	switch {
	case request.Key == "" || len(request.Key) > 255:
		return request, errors.New("the header Idempotency-Key must have 1 to 255 characters")
	case request.Tenant == "" || request.Payment == "":
		return request, errors.New("tenant and payment are required")
	case len(request.Currency) != 3 || request.AmountMinor <= 0:
		return request, errors.New("currency must be an ISO 4217 code and amount_minor above zero")
	}
	return request, nil
}

func (s *Server) lookup(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	request := gateway.Request{Tenant: query.Get("tenant"), Key: query.Get("key")}
	if request.Tenant == "" || request.Key == "" {
		refuse(w, http.StatusBadRequest, "the parameters tenant and key are required")
		return
	}
	told, err := s.simulator.Lookup(r.Context(), request)
	switch {
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, "the gateway cannot read what it has done")
	case told.Status == gateway.NotFound:
		answer(w, http.StatusNotFound, remote.Tell(told))
	default:
		answer(w, http.StatusOK, remote.Tell(told))
	}
}

func (s *Server) totals(w http.ResponseWriter, _ *http.Request) {
	totals, err := s.simulator.Totals()
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "the gateway cannot read what it has done")
		return
	}
	answer(w, http.StatusOK, remote.TellTotals(totals))
}

// listLimit is how many payments a page has at most.
const listLimit = 1000

// payments answers a page of totals.
func (s *Server) payments(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	listing := gateway.Listing{Tenant: query.Get("tenant"), After: query.Get("after"), Before: query.Get("before"), Limit: listLimit}
	if text := query.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > listLimit {
			refuse(w, http.StatusBadRequest, "the parameter limit must be 1 to "+strconv.Itoa(listLimit))
			return
		}
		listing.Limit = limit
	}
	if listing.Tenant == "" || listing.Before == "" {
		refuse(w, http.StatusBadRequest, "the parameters tenant and before are required")
		return
	}
	totals, err := s.simulator.List(r.Context(), listing)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "the gateway cannot read what it has done")
		return
	}
	answer(w, http.StatusOK, remote.TellTotals(totals))
}

func refuse(w http.ResponseWriter, status int, why string) {
	answer(w, status, remote.Refused{Error: why})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that has gone needs no answer
}
