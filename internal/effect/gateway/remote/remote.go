// Package remote is a gateway.Gateway that talks to a payment gateway by HTTP, as `oms gateway` serves it, and reads the callbacks
// that it sends (Standard Webhooks 1.0.0).
//
// What it says of an error is what the effect workers act upon, so it never says more than it knows: a call is NotReached when no
// connection was made, or the gateway said so itself (429, 401), or it was refused here, by the breaker or for want of room. It is
// Permanent when the gateway refused the request as such. Everything else may have taken place.
//
// Nothing is tried again here: the workers do, and ask first.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// Options configures a remote gateway. Zero values stand for the defaults.
type Options struct {
	URL    string // of the gateway, without the paths of the protocol
	APIKey string // sent as a bearer token; none when empty
	Secret string // whsec_…, of its callbacks

	Timeout   time.Duration // of a request; 5 s
	Calls     int           // requests under way at most; 128
	Tolerance time.Duration // between the gateway's clock and this one's, for callbacks; 5 min
	OpenFor   time.Duration // how long nothing is sent after the gateway has failed; 1 s

	// Opened is told of each time that the breaker opens or closes; optional.
	Opened func(open bool)
}

func (o *Options) setDefaults() error {
	parsed, err := url.Parse(o.URL)
	if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return errors.New("remote gateway: its URL must be http://HOST:PORT or https://HOST")
	}
	o.URL = strings.TrimRight(o.URL, "/")
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Calls <= 0 {
		o.Calls = 128
	}
	if o.Tolerance <= 0 {
		o.Tolerance = 5 * time.Minute
	}
	if o.OpenFor <= 0 {
		o.OpenFor = time.Second
	}
	return nil
}

// The breaker opens when half of at least 20 requests in ten seconds have failed, and closes after three that have not.
const (
	failureShare  = 0.5
	failureLeast  = 20
	failurePeriod = 10 * time.Second
	closeAfter    = 3
)

// Gateway talks to one gateway. It is made by New.
type Gateway struct {
	options Options
	client  *http.Client
	guard   failsafe.Executor[gateway.Answer]
	*receiver
}

// Gateway implements both sides.
var (
	_ gateway.Gateway  = (*Gateway)(nil)
	_ gateway.Receiver = (*Gateway)(nil)
)

// New makes a gateway; nothing is sent yet.
func New(options Options) (*Gateway, error) {
	if err := options.setDefaults(); err != nil {
		return nil, err
	}
	receiver, err := newReceiver(options.Secret, options.Tolerance)
	if err != nil {
		return nil, err
	}
	breaker := circuitbreaker.NewBuilder[gateway.Answer]().
		HandleIf(func(_ gateway.Answer, err error) bool {
			return err != nil && gateway.ClassOf(err) != gateway.ClassPermanent
		}).
		WithFailureRateThreshold(failureShare, failureLeast, failurePeriod).
		WithSuccessThreshold(closeAfter).
		WithDelay(options.OpenFor)
	if options.Opened != nil {
		breaker = breaker.OnStateChanged(func(change circuitbreaker.StateChangedEvent) {
			if change.NewState != circuitbreaker.HalfOpenState {
				options.Opened(change.NewState == circuitbreaker.OpenState)
			}
		})
	}
	transport := &http.Transport{
		MaxIdleConnsPerHost: options.Calls, MaxConnsPerHost: options.Calls, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: options.Timeout,
	}
	return &Gateway{
		options: options, receiver: receiver,
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		// The bulkhead is outside: what finds no room says nothing about the gateway and is not counted by the breaker.
		guard: failsafe.With(bulkhead.New[gateway.Answer](uint(options.Calls)), breaker.Build()),
	}, nil
}

// Close lets go of connections that nobody uses.
func (g *Gateway) Close() error {
	g.client.CloseIdleConnections()
	return nil
}

// Hold implements gateway.Gateway.
func (g *Gateway) Hold(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	return g.post(ctx, gateway.KindHold, request)
}

// Capture implements gateway.Gateway.
func (g *Gateway) Capture(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	return g.post(ctx, gateway.KindCapture, request)
}

// Void implements gateway.Gateway.
func (g *Gateway) Void(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	return g.post(ctx, gateway.KindVoid, request)
}

// Refund implements gateway.Gateway.
func (g *Gateway) Refund(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	return g.post(ctx, gateway.KindRefund, request)
}

// Payout implements gateway.Payer.
func (g *Gateway) Payout(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	return g.post(ctx, gateway.KindPayout, request)
}

// Lookup implements gateway.Gateway.
func (g *Gateway) Lookup(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	query := url.Values{"tenant": {request.Tenant}, "key": {request.Key}}
	answer, err := g.guarded(ctx, http.MethodGet, PathCalls+"?"+query.Encode(), request, nil)
	if err == nil && answer.Status == gateway.Accepted {
		return gateway.Answer{}, gateway.Unknown(errors.New("the gateway answers an inquiry with accepted"))
	}
	return answer, err
}

func (g *Gateway) post(ctx context.Context, kind string, request gateway.Request) (gateway.Answer, error) {
	call := Call{
		Tenant: request.Tenant, Payment: request.Payment, OrderID: request.OrderID, ExternalID: request.ExternalID,
		Currency: request.Currency, AmountMinor: request.AmountMinor,
	}
	if kind == gateway.KindHold || kind == gateway.KindPayout {
		call.Token = request.Token
	}
	body, err := json.Marshal(call)
	if err != nil {
		return gateway.Answer{}, gateway.Permanent(err)
	}
	return g.guarded(ctx, http.MethodPost, Path(kind), request, body)
}

// guarded sends a request unless there is no room or the gateway has been failing: then it is refused at once.
func (g *Gateway) guarded(ctx context.Context, method, path string, request gateway.Request, body []byte) (gateway.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, g.options.Timeout)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return gateway.Answer{}, gateway.NotReached(err)
	}
	var sent atomic.Bool
	answer, err := g.guard.Get(func() (gateway.Answer, error) {
		sent.Store(true)
		return g.send(ctx, method, path, request, body)
	})
	if err != nil && !sent.Load() {
		return gateway.Answer{}, gateway.NotReached(fmt.Errorf("not sent to the gateway: %w", err))
	}
	return answer, err
}

// answerLimit bounds an answer.
const answerLimit = 64 << 10

// send sends a request and reads its answer.
func (g *Gateway) send(ctx context.Context, method, path string, request gateway.Request, body []byte) (gateway.Answer, error) {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	sent, err := http.NewRequestWithContext(ctx, method, g.options.URL+path, bytes.NewReader(body))
	if err != nil {
		return gateway.Answer{}, gateway.Permanent(err)
	}
	sent.GetBody = nil // or net/http would send it again by itself when a connection is lost that was used before
	sent.Header.Set("Content-Type", "application/json")
	sent.Header.Set(HeaderKey, request.Key)
	sent.Header.Set(HeaderTrace, request.TraceID)
	if g.options.APIKey != "" {
		sent.Header.Set("Authorization", "Bearer "+g.options.APIKey)
	}
	response, err := g.client.Do(sent)
	switch {
	case err != nil && !connected.Load():
		return gateway.Answer{}, gateway.NotReached(err)
	case err != nil:
		return gateway.Answer{}, gateway.Unknown(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return gateway.Answer{}, gateway.Unknown(fmt.Errorf("the answer broke off: %w", err))
	}
	return read(response.StatusCode, text)
}

// read makes an answer, or an error of the right class, of what came back. Only a body of the protocol is believed: a proxy on the
// way answers 404, too.
func read(status int, text []byte) (gateway.Answer, error) {
	switch status {
	case http.StatusOK, http.StatusAccepted, http.StatusNotFound:
		var told Told
		if err := json.Unmarshal(text, &told); err != nil || told.Status == "" {
			break
		}
		answer, err := told.answer()
		if err != nil {
			return answer, gateway.Unknown(err)
		}
		return answer, nil
	case http.StatusTooManyRequests:
		return gateway.Answer{}, gateway.NotReached(errors.New("the gateway has too much to do (429)"))
	case http.StatusUnauthorized, http.StatusForbidden:
		return gateway.Answer{}, gateway.NotReached(fmt.Errorf("the gateway knows no such api_key (%d)", status))
	case http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity:
		var refused Refused
		if err := json.Unmarshal(text, &refused); err == nil && refused.Error != "" {
			return gateway.Answer{}, gateway.Permanent(fmt.Errorf("the gateway refuses the request (%d): %s", status, refused.Error))
		}
	}
	return gateway.Answer{}, gateway.Unknown(fmt.Errorf("the gateway answered %d and nothing that can be understood", status))
}
