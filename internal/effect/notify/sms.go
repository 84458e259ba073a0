package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// answerLimit bounds what is read of an answer.
const answerLimit = 64 << 10

// httpClient follows no redirects: a message goes to whom it is configured to go.
func httpClient() *http.Client {
	return &http.Client{
		Timeout:       8 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// exchange makes a call and tells what its end means: 2xx is a success, 429 and 5xx come again, other answers are refusals. A 5xx
// or a lost answer may stand behind a message that was sent.
func exchange(client *http.Client, request *http.Request) ([]byte, error) {
	sent := false
	response, err := client.Do(traced(request, &sent))
	switch {
	case err != nil && !sent:
		return nil, gateway.NotReached(failing(ReasonUnreachable, "no connection to the SMS service"))
	case err != nil:
		return nil, gateway.Unknown(failing(ReasonAnswerLost, "the SMS service's answer was lost"))
	}
	defer response.Body.Close() //nolint:errcheck // only read
	body, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	words := "the SMS service answered " + strconv.Itoa(response.StatusCode)
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		if err != nil {
			body = nil // it has taken the message; its number is lost
		}
		return body, nil
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return nil, gateway.NotReached(failing(ReasonDeferred, "%s", words))
	case code >= 500 || code == http.StatusRequestTimeout:
		return nil, gateway.Unknown(failing(ReasonAnswerLost, "%s", words))
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code < 400:
		return nil, gateway.NotReached(failing(ReasonMisconfigured, "%s; look at its settings", words))
	default:
		return nil, &Refusal{Reason: ReasonRefused + ": " + words}
	}
}

// Webhook sends short messages by a service of the operator's own: POST of {"id", "to", "text"} with an Idempotency-Key, signed as
// Standard Webhooks has it when there is a secret.
type Webhook struct {
	address string
	signer  *webhooks.Webhook
	client  *http.Client
	now     func() time.Time
}

// NewWebhook makes one; the secret is "whsec_…" or empty. A timestamp of the signature is taken from now.
func NewWebhook(address, secret string, now func() time.Time) (*Webhook, error) {
	w := &Webhook{address: address, client: httpClient(), now: now}
	if secret == "" {
		return w, nil
	}
	var err error
	if w.signer, err = webhooks.NewWebhook(secret); err != nil {
		return nil, errors.New("the secret of the SMS service must be base64, as whsec_… of Standard Webhooks is")
	}
	return w, nil
}

// Deliver implements Transport.
func (w *Webhook) Deliver(ctx context.Context, m Message) (string, error) {
	body, err := json.Marshal(map[string]string{"id": m.Key, "to": m.To, "text": m.SMS, "locale": m.Locale})
	if err != nil {
		return "", gateway.Permanent(failing(ReasonTemplate, "write the short message: %w", err))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address, bytes.NewReader(body))
	if err != nil {
		return "", gateway.Permanent(failing(ReasonMisconfigured, "the address of the SMS service cannot be read"))
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", m.Key)
	if w.signer != nil {
		at := w.now()
		signature, err := w.signer.Sign(m.Key, at, body)
		if err != nil {
			return "", gateway.Permanent(failing(ReasonMisconfigured, "the short message cannot be signed"))
		}
		request.Header.Set(webhooks.HeaderWebhookID, m.Key)
		request.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
		request.Header.Set(webhooks.HeaderWebhookSignature, signature)
	}
	_, err = exchange(w.client, request)
	return "", err
}

// Twilio sends short messages by Twilio's Messages resource. It is spoken to directly: twilio-go takes no context.
type Twilio struct {
	base, account, token, from string
	client                     *http.Client
}

// NewTwilio reads twilio://ACCOUNT:TOKEN@api.twilio.com; twilio+http:// is for tests.
func NewTwilio(address, from string) (*Twilio, error) {
	server, err := url.Parse(address)
	if err != nil || server.Host == "" || server.User.Username() == "" {
		return nil, errors.New("Twilio must be written as twilio://ACCOUNT:TOKEN@api.twilio.com")
	}
	token, _ := server.User.Password()
	scheme := "https"
	if server.Scheme == "twilio+http" {
		scheme = "http"
	}
	return &Twilio{
		base: scheme + "://" + server.Host, account: server.User.Username(), token: token, from: from, client: httpClient(),
	}, nil
}

// Deliver implements Transport. The key goes with the call for whoever stands between; Twilio itself promises nothing about it.
func (t *Twilio) Deliver(ctx context.Context, m Message) (string, error) {
	form := url.Values{"To": {m.To}, "From": {t.from}, "Body": {m.SMS}}
	address := t.base + "/2010-04-01/Accounts/" + url.PathEscape(t.account) + "/Messages.json"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", gateway.Permanent(failing(ReasonMisconfigured, "the address of Twilio cannot be read"))
	}
	request.SetBasicAuth(t.account, t.token)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("I-Twilio-Idempotency-Token", m.Key)
	body, err := exchange(t.client, request)
	if err != nil {
		return "", err
	}
	var answer struct {
		SID string `json:"sid"`
	}
	_ = json.Unmarshal(body, &answer) // a number that cannot be read is no number
	return answer.SID, nil
}
