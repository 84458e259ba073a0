package remote

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// receiver reads callbacks.
type receiver struct {
	webhook   *standardwebhooks.Webhook
	tolerance time.Duration
}

// Length of a secret in bytes, as Standard Webhooks demands it.
const (
	secretLeast = 24
	secretMost  = 64
)

// CheckSecret refuses what is no secret of Standard Webhooks. The error does not repeat it.
func CheckSecret(secret string) error {
	encoded, prefixed := strings.CutPrefix(secret, "whsec_")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !prefixed || err != nil || len(raw) < secretLeast || len(raw) > secretMost {
		return errors.New(`the secret of callbacks must be "whsec_" and 24 to 64 bytes in base64, such as ` +
			`"whsec_$(openssl rand -base64 32)" makes`)
	}
	return nil
}

func newReceiver(secret string, tolerance time.Duration) (*receiver, error) {
	if err := CheckSecret(secret); err != nil {
		return nil, err
	}
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, errors.New("the secret of callbacks cannot be read")
	}
	return &receiver{webhook: webhook, tolerance: tolerance}, nil
}

// Receive implements gateway.Receiver.
func (r *receiver) Receive(header http.Header, body []byte, now time.Time) ([]gateway.Outcome, error) {
	// The library's own check of the time knows neither this clock nor this tolerance.
	if err := r.webhook.VerifyIgnoringTimestamp(body, header); err != nil {
		return nil, fmt.Errorf("%w: %w", gateway.ErrForged, err)
	}
	seconds, err := strconv.ParseInt(header.Get(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: its time cannot be read", gateway.ErrForged)
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > r.tolerance || age < -r.tolerance {
		return nil, fmt.Errorf("%w: it was signed %v ago", gateway.ErrForged, age)
	}
	var event Event
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, fmt.Errorf("the callback is no event: %w", err)
	}
	switch event.Type {
	case EventSettled:
	case EventDispute:
		return receiveDispute(body)
	default:
		return nil, nil
	}
	answer, err := event.Data.answer()
	if err != nil {
		return nil, err
	}
	if event.Data.Tenant == "" || event.Data.Key == "" || !answer.Final() {
		return nil, errors.New("the callback names no call, or no outcome")
	}
	return []gateway.Outcome{{Tenant: event.Data.Tenant, Key: event.Data.Key, Answer: answer}}, nil
}

func receiveDispute(body []byte) ([]gateway.Outcome, error) {
	var event DisputeEvent
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, fmt.Errorf("the callback is no event of a dispute: %w", err)
	}
	told, err := event.Data.dispute()
	if err != nil {
		return nil, err
	}
	return []gateway.Outcome{{Dispute: &told}}, nil
}
