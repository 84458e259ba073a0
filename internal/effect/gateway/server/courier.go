package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/sync/semaphore"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/remote"
)

// Limits of callbacks.
const (
	deliveries      = 64 // under way at once
	deliveryTimeout = 10 * time.Second
	retryFirst      = 100 * time.Millisecond
	retryLongest    = 30 * time.Second
	retryJitter     = 0.3
	retryFor        = time.Hour // then an outcome is lost, and the caller asks
	mostWaiting     = 10_000    // callbacks that are not taken yet
)

// errFull says that a callback is not sent: too many wait already. Nothing is lost by it but time, since callers ask.
var errFull = errors.New("too many callbacks wait")

// courier sends callbacks until they are taken, so many at once and each for so long.
type courier struct {
	url     string
	webhook *standardwebhooks.Webhook
	client  *http.Client
	again   retrypolicy.RetryPolicy[any]
	waiting *semaphore.Weighted // callbacks that are not taken yet
	room    *semaphore.Weighted // deliveries under way
	log     *slog.Logger

	working context.Context //nolint:containedctx // ends all deliveries
	stop    context.CancelFunc
	group   sync.WaitGroup
}

func newCourier(callback, secret string, log *slog.Logger) (*courier, error) {
	if err := remote.CheckSecret(secret); err != nil {
		return nil, err
	}
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, errors.New("the secret of callbacks cannot be read")
	}
	if parsed, err := url.Parse(callback); err != nil || parsed.Host == "" {
		return nil, errors.New("the URL of callbacks must be http://HOST:PORT/webhooks/NAME")
	}
	c := &courier{
		url: callback, webhook: webhook, waiting: semaphore.NewWeighted(mostWaiting), room: semaphore.NewWeighted(deliveries), log: log,
		client: &http.Client{Timeout: deliveryTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: deliveries, IdleConnTimeout: time.Minute}},
		again: retrypolicy.NewBuilder[any]().WithBackoff(retryFirst, retryLongest).WithJitterFactor(retryJitter).
			WithMaxRetries(-1).WithMaxDuration(retryFor).Build(),
	}
	c.working, c.stop = context.WithCancel(context.Background())
	return c, nil
}

func (c *courier) close() {
	c.stop()
	c.group.Wait()
	c.client.CloseIdleConnections()
}

// send implements gateway.Callback: a callback is on its way. It is one message however often it is sent, so a duplicate has the
// same webhook-id. Should it be lost, the caller asks.
func (c *courier) send(_ context.Context, tenant, key string, told gateway.Answer) error {
	if err := c.working.Err(); err != nil {
		return err
	}
	messageID, body, err := settled(tenant, key, told)
	if err != nil {
		return err
	}
	if !c.waiting.TryAcquire(1) {
		c.log.Warn("a callback is lost", "message", messageID, "cause", errFull)
		return errFull
	}
	c.group.Go(func() {
		defer c.waiting.Release(1)
		err := failsafe.With[any](c.again).WithContext(c.working).Run(func() error { return c.deliver(messageID, body) })
		if err != nil {
			c.log.Warn("a callback is lost", "message", messageID, "cause", err)
		}
	})
	return nil
}

// settled is the message of an outcome. A refund that comes back is another one than its success.
func settled(tenant, key string, told gateway.Answer) (messageID string, body []byte, err error) {
	data := remote.Tell(told)
	data.Tenant, data.Key = tenant, key
	event := remote.Event{Type: remote.EventSettled, Timestamp: time.Now().UTC().Format(time.RFC3339Nano), Data: data}
	body, err = json.Marshal(event)
	return named(tenant, key, data.Status), body, err
}

// returned implements gateway.Callback for refunds that come back: it is taken when it was answered with 2xx. Nobody asks about them.
func (c *courier) returned(ctx context.Context, tenant, key string, told gateway.Answer) error {
	messageID, body, err := settled(tenant, key, told)
	if err != nil {
		return err
	}
	if err := c.deliver(messageID, body); err != nil {
		c.log.Debug("that a refund came back was not taken, and is told again", "message", messageID, "cause", err)
		return err
	}
	return ctx.Err()
}

// dispute implements gateway.DisputeTaker: it is taken when it was answered with 2xx.
func (c *courier) dispute(ctx context.Context, d gateway.Dispute) error {
	event := remote.DisputeEvent{Type: remote.EventDispute, Timestamp: time.Now().UTC().Format(time.RFC3339Nano), Data: remote.TellDispute(d)}
	body, err := json.Marshal(event)
	if err != nil {
		return err
	}
	if err := c.deliver(named(d.Tenant, d.ID, event.Data.State), body); err != nil {
		c.log.Debug("what becomes of a dispute was not taken, and is told again", "dispute", d.ID, "cause", err)
		return err
	}
	return ctx.Err()
}

// named is the id of a message: the same for the same content.
func named(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// deliver sends a callback once. Each time has a signature of its own, since a signature is good for some minutes only.
func (c *courier) deliver(messageID string, body []byte) error {
	if err := c.room.Acquire(c.working, 1); err != nil {
		return err
	}
	defer c.room.Release(1)
	request, err := http.NewRequestWithContext(c.working, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	now := time.Now()
	signature, err := c.webhook.Sign(messageID, now, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(standardwebhooks.HeaderWebhookID, messageID)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	response, err := c.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, bodyLimit)) // so that the connection can be used again
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the callback was answered with %d", response.StatusCode)
	}
	return nil
}
