package stripetest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/stripe/stripe-go/v82"
	"github.com/stripe/stripe-go/v82/webhook"
)

// object is one of Stripe's, as JSON.
type object = map[string]any

// Event is what Stripe tells of an object by webhook.
type Event struct {
	ID, Type string
	body     []byte
}

// Account is an account at Stripe. Each request goes to stripe-mock first, which refuses what Stripe's description does not allow; its
// refusals are passed on as they are. What it answers is a fixture, and into that Account writes what follows from the requests: number,
// amounts, currency, status, metadata, the card and until when it is held. All else, and the shape, is the mock's.
type Account struct {
	URL    string // of its API
	Secret string // of its webhooks

	mock  string
	mu    sync.Mutex
	kept  map[string]object // PaymentIntents and refunds by number
	order []string          // of their making
	keys  map[string]object // what was answered under an idempotency key
	news  []Event           // not read yet
	count int               // of events

	loseAnswers, noQuestions, slowRefunds bool
	window                                time.Duration
}

// Open opens an account until the test ends.
func Open(t testing.TB) *Account {
	t.Helper()
	a := &Account{ //nolint:gosec // a secret of nobody's
		Secret: "whsec_of_the_account", mock: Mock(t), kept: map[string]object{}, keys: map[string]object{}, window: 7 * 24 * time.Hour,
	}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.URL = server.URL
	return a
}

// LoseAnswers has every call be carried out and its answer lost, and no question answered: what becomes of a call is told by webhook only.
func (a *Account) LoseAnswers(lose bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.loseAnswers, a.noQuestions = lose, lose
}

// RefundSlowly has refunds be pending until SettleRefunds, as they are with some banks.
func (a *Account) RefundSlowly() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slowRefunds = true
}

// SettleRefunds ends what is pending, as "succeeded" or "failed".
func (a *Account) SettleRefunds(status string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range a.order {
		if kept := a.kept[id]; kept["object"] == "refund" && kept["status"] == "pending" {
			kept["status"] = status
			a.tell("refund.updated", kept)
		}
	}
}

// News answers the events since it was asked last, oldest first.
func (a *Account) News() []Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	news := a.news
	a.news = nil
	return news
}

// Send brings an event to a webhook, signed with the secret at a time, and answers the status. The same event may be sent again.
func (e Event) Send(t testing.TB, to, secret string, at time.Time) int {
	t.Helper()
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: e.body, Secret: secret, Timestamp: at})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, bytes.NewReader(e.body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Stripe-Signature", signed.Header)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

// tell makes an event of an object as it is now. As in Stripe's, its charge is named and not told.
func (a *Account) tell(kind string, about object) {
	a.count++
	id, told := "evt_"+strconv.Itoa(a.count), maps.Clone(about)
	if charge, is := told["latest_charge"].(object); is {
		told["latest_charge"] = charge["id"]
	}
	body, err := json.Marshal(object{
		"id": id, "object": "event", "api_version": sdk.APIVersion, "type": kind, "data": object{"object": told},
	})
	if err != nil {
		panic(err) // it came as JSON
	}
	a.news = append(a.news, Event{ID: id, Type: kind, body: body})
}

// ServeHTTP implements http.Handler: Stripe's API.
func (a *Account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, _ := io.ReadAll(r.Body)
	status, answer := a.ask(r, sent)
	var told object
	if err := json.Unmarshal(answer, &told); status != http.StatusOK || err != nil {
		reply(w, status, json.RawMessage(answer))
		return
	}
	form, _ := url.ParseQuery(string(sent)) // the mock has read it
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.noQuestions && r.Method == http.MethodGet {
		panic(http.ErrAbortHandler)
	}
	key := r.Header.Get("Idempotency-Key")
	before, known := a.keys[key]
	refused := ""
	switch {
	case known && r.Method == http.MethodPost:
		told = before
	case r.Method == http.MethodPost:
		told, refused = a.carryOut(r.URL.Path, form, told)
		if refused == "" {
			a.keys[key] = told
		}
	default:
		told = a.answer(r.URL, told)
	}
	switch {
	case a.loseAnswers:
		panic(http.ErrAbortHandler)
	case refused != "":
		reply(w, http.StatusBadRequest, object{"error": object{"type": "invalid_request_error", "code": refused, "message": "refused"}})
	default:
		reply(w, http.StatusOK, told)
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", "req_of_the_test")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}

// ask passes a request on to stripe-mock.
func (a *Account) ask(r *http.Request, sent []byte) (status int, answer []byte) {
	request, err := http.NewRequestWithContext(r.Context(), r.Method, a.mock+r.URL.RequestURI(), bytes.NewReader(sent)) //nolint:gosec // the mock
	if err != nil {
		return http.StatusBadGateway, []byte(`{}`)
	}
	request.Header = r.Header.Clone()
	response, err := http.DefaultClient.Do(request) //nolint:gosec // as above
	if err != nil {
		return http.StatusBadGateway, []byte(`{}`)
	}
	defer func() { _ = response.Body.Close() }()
	answer, _ = io.ReadAll(response.Body)
	return response.StatusCode, answer
}

// carryOut does what a request asks for; the fixture becomes the object. A refusal is a code of Stripe's.
func (a *Account) carryOut(path string, form url.Values, fixture object) (told object, refused string) {
	parts := strings.Split(strings.TrimPrefix(path, "/v1/"), "/")
	switch {
	case path == "/v1/payment_intents":
		return a.hold(form, fixture), ""
	case path == "/v1/refunds":
		return a.refund(form, fixture)
	case len(parts) != 3 || a.kept[parts[1]] == nil:
		return fixture, ""
	case parts[2] == "capture":
		return a.capture(a.kept[parts[1]], form)
	default:
		return a.cancel(a.kept[parts[1]])
	}
}

// keep remembers an object with the metadata of a request.
func (a *Account) keep(made object, form url.Values) {
	metadata := object{}
	for name, values := range form {
		if inner, is := strings.CutPrefix(name, "metadata["); is {
			metadata[strings.TrimSuffix(inner, "]")] = values[0]
		}
	}
	made["metadata"], made["created"] = metadata, time.Now().Unix()
	id, _ := made["id"].(string)
	a.kept[id], a.order = made, append(a.order, id)
}

func (a *Account) hold(form url.Values, intent object) object {
	amount := number(form.Get("amount"))
	intent["amount"], intent["amount_capturable"], intent["amount_received"] = amount, amount, 0
	intent["currency"], intent["status"], intent["capture_method"] = form.Get("currency"), "requires_capture", "manual"
	intent["last_payment_error"], intent["canceled_at"] = nil, nil
	if charge, is := intent["latest_charge"].(object); is {
		charge["amount"], charge["currency"], charge["amount_refunded"] = amount, form.Get("currency"), 0
		if details, is := charge["payment_method_details"].(object); is {
			details["card"].(object)["capture_before"] = time.Now().Add(a.window).Unix() //nolint:errcheck,forcetypeassert // the fixture's
		}
	}
	a.keep(intent, form)
	a.tell("payment_intent.amount_capturable_updated", intent)
	return maps.Clone(intent)
}

func (a *Account) capture(intent object, form url.Values) (told object, refused string) {
	if intent["status"] != "requires_capture" {
		return nil, "payment_intent_unexpected_state"
	}
	intent["status"], intent["amount_capturable"], intent["amount_received"] = "succeeded", 0, number(form.Get("amount_to_capture"))
	metadata := maps.Clone(intent["metadata"].(object)) //nolint:errcheck,forcetypeassert // ours
	metadata["oms_capture_key"] = form.Get("metadata[oms_capture_key]")
	intent["metadata"] = metadata
	a.tell("payment_intent.succeeded", intent)
	return maps.Clone(intent), ""
}

func (a *Account) cancel(intent object) (told object, refused string) {
	if intent["status"] != "requires_capture" {
		return nil, "payment_intent_unexpected_state"
	}
	intent["status"], intent["amount_capturable"] = "canceled", 0
	a.tell("payment_intent.canceled", intent)
	return maps.Clone(intent), ""
}

func (a *Account) refund(form url.Values, refund object) (told object, refused string) {
	intent := a.kept[form.Get("payment_intent")]
	if intent == nil || intent["status"] != "succeeded" {
		return nil, "charge_already_refunded"
	}
	refund["amount"], refund["currency"], refund["status"] = number(form.Get("amount")), intent["currency"], "succeeded"
	if a.slowRefunds {
		refund["status"] = "pending"
	}
	refund["payment_intent"] = intent["id"]
	if charge, is := intent["latest_charge"].(object); is {
		charge["amount_refunded"] = charge["amount_refunded"].(int) + refund["amount"].(int) //nolint:errcheck,forcetypeassert // ours
	}
	a.keep(refund, form)
	a.tell("refund.created", refund)
	return maps.Clone(refund), ""
}

// answer answers a question from what is kept; the fixture tells of what is not.
func (a *Account) answer(asked *url.URL, fixture object) object {
	parts := strings.Split(strings.TrimPrefix(asked.Path, "/v1/"), "/")
	if kept := a.kept[parts[len(parts)-1]]; kept != nil {
		return maps.Clone(kept)
	}
	about := map[string]string{"payment_intents": "payment_intent", "refunds": "refund"}[parts[0]]
	if about == "" || fixture["data"] == nil {
		return fixture
	}
	found := []object{}
	for _, id := range a.order {
		kept := a.kept[id]
		intent := asked.Query().Get("payment_intent")
		if kept["object"] == about && (intent == "" || kept["payment_intent"] == intent) && matches(kept, asked.Query().Get("query")) {
			found = append(found, maps.Clone(kept))
		}
	}
	fixture["data"], fixture["has_more"] = found, false
	return fixture
}

// matches tells whether an object is what a search asks for: metadata['name']:'value' is all that is understood.
func matches(kept object, query string) bool {
	name, value, is := strings.Cut(strings.TrimPrefix(query, "metadata['"), "']:'")
	metadata, _ := kept["metadata"].(object)
	return !is || metadata[name] == strings.TrimSuffix(value, "'")
}

func number(text string) int {
	n, _ := strconv.Atoi(text) // the mock has checked it
	return n
}
