// Package nats carries frames over JetStream, embedded in the process or on an external server or cluster.
//
// One stream holds one epoch of one database; its name says both. What makes it safe is that JetStream is transport and never
// the record:
//
//   - Frames carry positions, and positions are the only order that anybody relies on. A NATS sequence is a place in one
//     incarnation of a stream: it is compared while publishing, to fence, and is never remembered.
//   - Durable consumers are not used. Their acknowledgement floor is kept beside the stream and can lead a stream that was
//     wiped or restored; the reader's position in the database cannot. Every Follow looks its place up by position, with an
//     ephemeral consumer that dies with the connection, and starts anew after every reconnect.
//   - The stream may therefore lose its end (a power cut before a sync) or everything: the relay compares it with the database
//     and republishes what is missing. Syncing each message is not needed for correctness, so the interval is an option.
package nats

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-255eabaa/oms/internal/bus"
)

// Options are shared by Embedded and Connect. The zero value of everything but Database is a usable default.
type Options struct {
	Database string       // names the database in streams and subjects
	Logger   *slog.Logger // slog.Default() by default

	MaxBytes int64         // of a stream; 1 GiB by default, the oldest frames go first
	MaxAge   time.Duration // of a frame; 72 hours by default
	Replicas int           // of a stream on a cluster; 1 by default

	SyncInterval time.Duration // embedded: how often the store is synced; 10 seconds by default
	SyncAlways   bool          // embedded: sync each frame before it is acknowledged
	Outside      *Outside      // embedded: room for a public stream; nil without one

	Timeout time.Duration // of one request, such as a publish with its acknowledgement; 5 seconds by default
	// Grace is how long Follow waits for a stream that is absent, unreachable or behind the reader's position, before it sends
	// the reader to the database; 1 second by default.
	Grace time.Duration

	Client []client.Option // external: credentials, TLS
}

func (o Options) withDefaults() (Options, error) {
	o.Database = token(o.Database)
	if o.Database == "" {
		return o, errors.New("nats: the database has no name")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.MaxBytes = orDefault(o.MaxBytes, 1<<30)
	o.MaxAge = orDefault(o.MaxAge, 72*time.Hour)
	o.Replicas = orDefault(o.Replicas, 1)
	o.SyncInterval = orDefault(o.SyncInterval, 10*time.Second)
	o.Timeout = orDefault(o.Timeout, 5*time.Second)
	o.Grace = orDefault(o.Grace, time.Second)
	return o, nil
}

func orDefault[T int | int64 | time.Duration](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

// token makes a text fit for a subject's token and a stream's name. The underscore separates the parts of a stream's name, so
// that no two pairs of database and epoch share a name.
func token(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			return c
		}
		return '-'
	}, text)
}

// Bus implements bus.Publisher and bus.Subscriber.
type Bus struct {
	options Options
	log     *slog.Logger
	conn    *client.Conn
	js      jetstream.JetStream
	closers []io.Closer // after the connection, in order

	outside   *client.Conn // embedded: of the public stream
	listening string       // embedded: address for outside consumers

	mu         sync.Mutex
	connection context.Context    // ends with each lost connection
	lost       context.CancelFunc // ends it
}

var (
	_ bus.Publisher  = (*Bus)(nil)
	_ bus.Subscriber = (*Bus)(nil)
)

// Connect uses an external server or cluster. It answers at once: while there is no connection, publishing and following fail
// and are retried by their callers, and commands are accepted all the same.
func Connect(url string, o Options) (*Bus, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return open(o, url, append([]client.Option{
		client.RetryOnFailedConnect(true),
		client.PingInterval(5 * time.Second), // a silent partition is noticed within three pings
		client.MaxPingsOutstanding(2),
		client.Timeout(2 * time.Second),
	}, o.Client...))
}

func open(o Options, url string, options []client.Option) (*Bus, error) {
	b := &Bus{options: o, log: o.Logger.With("component", "bus", "database", o.Database)}
	b.connection, b.lost = context.WithCancel(context.Background())
	options = append([]client.Option{
		client.Name("oms " + o.Database),
		client.MaxReconnects(-1),
		client.ReconnectWait(100 * time.Millisecond),
		client.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		client.ReconnectBufSize(-1), // no publish may sleep in a buffer and arrive later
		client.DisconnectErrHandler(func(_ *client.Conn, err error) {
			if err != nil { // nil when we close it ourselves
				b.log.Warn("bus connection lost", "error", err)
			}
			b.renew()
		}),
		client.ReconnectHandler(func(c *client.Conn) {
			b.log.Info("bus connected again", "server", c.ConnectedServerName())
			b.renew()
		}),
		client.ErrorHandler(func(_ *client.Conn, _ *client.Subscription, err error) { b.log.Warn("bus error", "error", err) }),
	}, options...)
	conn, err := client.Connect(url, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(o.Timeout))
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	b.conn, b.js = conn, js
	return b, nil
}

// renew ends whatever relied on the connection as it was: behind a new one may stand a server that remembers less.
func (b *Bus) renew() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost()
	b.connection, b.lost = context.WithCancel(context.Background())
}

// current answers a context that ends when the present connection is lost.
func (b *Bus) current() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connection
}

// Connected tells whether there is a connection, for readiness and metrics.
func (b *Bus) Connected() bool { return b.conn.IsConnected() }

// Close ends the connection, and the embedded server with its lock.
func (b *Bus) Close() error {
	if b.outside != nil {
		b.outside.Close()
	}
	b.conn.Close()
	b.mu.Lock()
	b.lost()
	b.mu.Unlock()
	var errs []error
	for _, c := range b.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Wake implements bus.Publisher with a plain message: whoever does not hear it polls.
func (b *Bus) Wake() {
	if err := b.conn.Publish(b.wakeSubject(), nil); err != nil {
		b.log.Debug("wake the relay", "error", err)
	}
}

// Wakes implements bus.Publisher.
func (b *Bus) Wakes(ctx context.Context, wake func()) error {
	subscription, err := b.conn.Subscribe(b.wakeSubject(), func(*client.Msg) { wake() })
	if err != nil {
		return fmt.Errorf("subscribe to wakes: %w", err)
	}
	<-ctx.Done()
	if err := subscription.Unsubscribe(); err != nil && !errors.Is(err, client.ErrConnectionClosed) {
		b.log.Debug("unsubscribe from wakes", "error", err)
	}
	return ctx.Err()
}

func (b *Bus) wakeSubject() string { return "oms.wake." + b.options.Database }

func (b *Bus) streamName(epoch string) string {
	return "OMS_" + b.options.Database + "_" + token(epoch)
}

func (b *Bus) subject(epoch string) string {
	return "oms.internal." + b.options.Database + "." + token(epoch)
}
