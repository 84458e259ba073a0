// Package stripe is the payment gateway Stripe: a hold is a PaymentIntent with capture_method=manual, created and confirmed in one
// call; capture, cancel and refund follow on it. Every call carries the effect's key as Stripe's Idempotency-Key, and the objects that
// calls make carry it in their metadata, with tenant, order and payment.
//
// # What became of a key
//
// Two things tell, and each covers where the other ends. Repeating a call with its idempotency key answers as the first did, for 24
// hours; a question asked that way would carry the call out if there was none, so Lookup does not ask so. It reads: captures and voids
// from the PaymentIntent, whose number is known by then; refunds from its list, where each has its key; a hold by a search for its key.
// Search may lag a minute behind, so it may miss a hold that took place. That is why NotFound is safe all the same: the call that
// follows it carries the same idempotency key, and within its 24 hours Stripe answers it with the hold that the search has missed.
// Workers ask within seconds or minutes; a letter replayed days later is asked about long after the index has caught up.
//
// A void has no key of its own at Stripe: a PaymentIntent is canceled or not.
//
// Payers are not there when a hold is made, so one that would need them (3-D Secure) is declined as authentication_required.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
	sdk "github.com/stripe/stripe-go/v82"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// Name is the provider name of this gateway.
const Name = "stripe"

// Names of metadata. An object may belong to several calls: a PaymentIntent to a hold and to a capture.
const (
	metaTenant  = "oms_tenant"
	metaOrder   = "oms_order"
	metaPayment = "oms_payment"
	metaHold    = "oms_hold_key"
	metaCapture = "oms_capture_key"
	metaRefund  = "oms_refund_key"
)

// Options configures the gateway.
type Options struct {
	SecretKey     string // sk_… or rk_…; never logged
	WebhookSecret string // whsec_…; several with commas between them while one is being replaced; never logged
	URL           string // of the API; Stripe's own when empty
	Client        *http.Client
}

// Gateway talks to Stripe.
type Gateway struct {
	client  *sdk.Client
	secrets []string
	mu      sync.Mutex                       // of seen, between look and write
	seen    *expirable.LRU[string, struct{}] // deliveries of webhooks
}

// Gateway implements these.
var (
	_ gateway.Gateway  = (*Gateway)(nil)
	_ gateway.Receiver = (*Gateway)(nil)
)

// New makes the gateway; it does not call Stripe.
func New(options Options) (*Gateway, error) {
	if options.SecretKey == "" {
		return nil, errors.New("stripe: it needs a secret key")
	}
	backend := &sdk.BackendConfig{
		// Effects are retried by their workers, which ask first.
		MaxNetworkRetries: sdk.Int64(0), EnableTelemetry: sdk.Bool(false), HTTPClient: options.Client,
		LeveledLogger: &sdk.LeveledLogger{Level: sdk.LevelNull}, // it would log messages that may repeat what was sent
	}
	if backend.HTTPClient == nil {
		backend.HTTPClient = &http.Client{Timeout: time.Minute}
	}
	if options.URL != "" {
		backend.URL = sdk.String(options.URL)
	}
	g := &Gateway{
		client: sdk.NewClient(options.SecretKey, sdk.WithBackends(sdk.NewBackendsWithConfig(backend))),
		seen:   expirable.NewLRU[string, struct{}](seenLimit, nil, 2*tolerance),
	}
	if options.WebhookSecret != "" {
		g.secrets = strings.Split(options.WebhookSecret, ",")
	}
	return g, nil
}

// ready refuses a call whose time is over before it begins.
func ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return gateway.NotReached(err)
	}
	return nil
}

// keyed makes the parameters that all calls have.
func keyed(request gateway.Request) sdk.Params {
	return sdk.Params{IdempotencyKey: sdk.String(request.Key)}
}

func metadata(request gateway.Request, key string) map[string]string {
	return map[string]string{
		metaTenant: request.Tenant, metaOrder: request.OrderID, metaPayment: request.Payment, key: request.Key,
	}
}

// expansion has Stripe tell of the charge, which knows until when a hold lasts.
func expansion() []*string { return []*string{sdk.String("latest_charge")} }

// Hold implements gateway.Gateway.
func (g *Gateway) Hold(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	if err := ready(ctx); err != nil {
		return gateway.Answer{}, err
	}
	amount, currency, err := toStripe(request.Currency, request.AmountMinor)
	if err != nil { // nothing was sent, and nothing will be
		return gateway.Answer{Status: gateway.Declined, Reason: "amount_not_supported"}, nil //nolint:nilerr // an outcome
	}
	intent, err := g.client.V1PaymentIntents.Create(ctx, &sdk.PaymentIntentCreateParams{
		Params: keyed(request), Amount: sdk.Int64(amount), Currency: sdk.String(currency),
		CaptureMethod: sdk.String(string(sdk.PaymentIntentCaptureMethodManual)), Confirm: sdk.Bool(true),
		PaymentMethod: sdk.String(request.Token), PaymentMethodTypes: []*string{sdk.String("card")},
		ErrorOnRequiresAction: sdk.Bool(true), Metadata: metadata(request, metaHold), Expand: expansion(),
	})
	if err != nil {
		return judge(err)
	}
	return heldAnswer(intent), nil
}

// Capture implements gateway.Gateway. Less than is held may be captured; the rest is given up by Stripe.
func (g *Gateway) Capture(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	if err := ready(ctx); err != nil {
		return gateway.Answer{}, err
	}
	amount, _, err := toStripe(request.Currency, request.AmountMinor)
	if err != nil {
		return gateway.Answer{}, gateway.Permanent(err)
	}
	intent, err := g.client.V1PaymentIntents.Capture(ctx, request.ExternalID, &sdk.PaymentIntentCaptureParams{
		Params: keyed(request), AmountToCapture: sdk.Int64(amount), Expand: expansion(),
		Metadata: map[string]string{metaCapture: request.Key},
	})
	if err != nil {
		return judge(err)
	}
	return capturedAnswer(intent, request.Key), nil
}

// Void implements gateway.Gateway. A PaymentIntent that is canceled already has been given up.
func (g *Gateway) Void(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	if err := ready(ctx); err != nil {
		return gateway.Answer{}, err
	}
	intent, err := g.client.V1PaymentIntents.Cancel(ctx, request.ExternalID, &sdk.PaymentIntentCancelParams{
		Params: keyed(request), Expand: expansion(),
	})
	var told *sdk.Error
	switch {
	case errors.As(err, &told) && told.Code == sdk.ErrorCodePaymentIntentUnexpectedState && told.PaymentIntent != nil:
		return voidedAnswer(told.PaymentIntent), nil
	case err != nil:
		return judge(err)
	}
	return voidedAnswer(intent), nil
}

// Refund implements gateway.Gateway.
func (g *Gateway) Refund(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	if err := ready(ctx); err != nil {
		return gateway.Answer{}, err
	}
	amount, _, err := toStripe(request.Currency, request.AmountMinor)
	if err != nil {
		return gateway.Answer{}, gateway.Permanent(err)
	}
	refund, err := g.client.V1Refunds.Create(ctx, &sdk.RefundCreateParams{
		Params: keyed(request), Amount: sdk.Int64(amount), PaymentIntent: sdk.String(request.ExternalID),
		Metadata: metadata(request, metaRefund),
	})
	if err != nil {
		return judge(err)
	}
	return refundAnswer(refund), nil
}

// Lookup implements gateway.Gateway. What a call was, its request tells: holds have no number yet, and the others are named by the
// last part of their key's step.
func (g *Gateway) Lookup(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	if err := ready(ctx); err != nil {
		return gateway.Answer{}, err
	}
	switch stepOf(request) {
	case gateway.KindHold:
		return g.lookupHold(ctx, request)
	case gateway.KindRefund:
		return g.lookupRefund(ctx, request)
	}
	intent, err := g.client.V1PaymentIntents.Retrieve(ctx, request.ExternalID, &sdk.PaymentIntentRetrieveParams{Expand: expansion()})
	if err != nil {
		return asked(err)
	}
	if stepOf(request) == gateway.KindCapture {
		return capturedAnswer(intent, request.Key), nil
	}
	if answer := voidedAnswer(intent); answer.Status != gateway.Pending {
		return answer, nil
	}
	return gateway.Answer{Status: gateway.NotFound}, nil
}

// stepOf tells which kind of call a key is of: "effect:<uuid>/capture/1". A request without a number is a hold.
func stepOf(request gateway.Request) string {
	_, step, _ := strings.Cut(request.Key, "/")
	step, _, _ = strings.Cut(step, "/")
	switch {
	case request.ExternalID == "":
		return gateway.KindHold
	case slices.Contains([]string{"capture", "void", "refund", "hold"}, step):
		return "gateway." + step
	default:
		return ""
	}
}

// asked sorts the errors of questions: nothing was done by them, so the question may be asked again.
func asked(err error) (gateway.Answer, error) {
	answer, err := judge(err)
	switch {
	case err == nil:
		return gateway.Answer{}, gateway.Permanent(fmt.Errorf("stripe refused a question: %s", answer.Reason)) //nolint:err113 // as above
	case gateway.ClassOf(err) == gateway.ClassPermanent:
		return gateway.Answer{}, err
	default:
		return gateway.Answer{}, gateway.Unknown(err)
	}
}

// lookupHold searches for the hold with a key.
func (g *Gateway) lookupHold(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	params := &sdk.PaymentIntentSearchParams{}
	params.Query = fmt.Sprintf("metadata['%s']:'%s'", metaHold, quote(request.Key))
	params.Limit = sdk.Int64(1)
	params.Expand = []*string{sdk.String("data.latest_charge")}
	for intent, err := range g.client.V1PaymentIntents.Search(ctx, params) {
		if err != nil {
			return asked(err)
		}
		if intent.Metadata[metaHold] == request.Key && intent.Metadata[metaTenant] == request.Tenant {
			return heldAnswer(intent), nil
		}
	}
	return gateway.Answer{Status: gateway.NotFound}, nil
}

// quote makes a text fit to stand between the quotes of a search.
func quote(text string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text)
}

// lookupRefund looks for a key among the refunds of a payment.
func (g *Gateway) lookupRefund(ctx context.Context, request gateway.Request) (gateway.Answer, error) {
	params := &sdk.RefundListParams{PaymentIntent: sdk.String(request.ExternalID)}
	params.Limit = sdk.Int64(100)
	for refund, err := range g.client.V1Refunds.List(ctx, params) {
		if err != nil {
			return asked(err)
		}
		if refund.Metadata[metaRefund] == request.Key {
			return refundAnswer(refund), nil
		}
	}
	return gateway.Answer{Status: gateway.NotFound}, nil
}
