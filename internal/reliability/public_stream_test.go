package reliability

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/encoding/protojson"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// busToken is the password of consumers at the embedded bus.
const busToken = "0123456789abcdef0123456789abcdef"

// outsider is a consumer of the public stream that knows the contract and nothing else. It reads the stream from the beginning
// whenever it has lost its place, and deduplicates by aggregate and seq, as docs/events.md tells.
type outsider struct {
	t   testing.TB
	url string

	mutex sync.Mutex
	seqs  map[string]int64  // of each aggregate, the latest
	ids   map[string]string // of each aggregate and seq, the event
	again int               // messages that were known
	begun int
}

func (o *outsider) follow(ctx context.Context) {
	for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		conn, err := client.Connect(o.url, client.UserInfo("consumer", busToken), client.NoReconnect())
		if err != nil {
			continue
		}
		o.read(ctx, conn)
		conn.Close()
	}
}

// read takes messages until something ends it.
func (o *outsider) read(ctx context.Context, conn *client.Conn) {
	js, err := jetstream.New(conn)
	if err != nil {
		return
	}
	asking, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	consumer, err := js.CreateConsumer(asking, "OMS_EVENTS", jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy})
	if err != nil {
		return
	}
	messages, err := consumer.Messages(jetstream.PullHeartbeat(500 * time.Millisecond))
	if err != nil {
		return
	}
	defer messages.Stop()
	o.mutex.Lock()
	o.begun++
	o.mutex.Unlock()
	for {
		message, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return
		}
		if err := o.take(message); err != nil {
			o.t.Errorf("%v: %s", err, message.Data())
			return
		}
	}
}

func (o *outsider) take(message jetstream.Msg) error {
	var head omsv1.EventEnvelope
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(message.Data(), &head); err != nil {
		return err
	}
	payload, err := unwrap(head.EventType, message.Data())
	if err != nil {
		return err
	}
	switch {
	case message.Subject() != "oms.default.north."+head.EventType || head.TenantId != "default" || head.Region != "north":
		return fmt.Errorf("subject %s", message.Subject())
	case message.Headers().Get(jetstream.MsgIDHeader) != head.EventId || !strings.HasPrefix(head.EventId, "event:"):
		return fmt.Errorf("headers %v", message.Headers())
	case message.Headers().Get("Oms-Trace-Id") != head.TraceId || len(head.TraceId) != 32:
		return fmt.Errorf("trace %q, headers %v", head.TraceId, message.Headers())
	case payload.GetSeq() != head.Seq || payload.GetSchemaVersion() != head.SchemaVersion:
		return fmt.Errorf("payload %v", payload)
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	place := fmt.Sprintf("%s/%d", head.AggregateId, head.Seq)
	switch known := o.seqs[head.AggregateId]; {
	case head.Seq <= known:
		o.again++
		if o.ids[place] != head.EventId {
			return fmt.Errorf("seq %d of %s is another event", head.Seq, head.AggregateId)
		}
	case head.Seq > known+1:
		return fmt.Errorf("seq %d of %s after %d", head.Seq, head.AggregateId, known)
	default:
		o.seqs[head.AggregateId], o.ids[place] = head.Seq, head.EventId
	}
	return nil
}

// payload is what the payloads of all types have.
type payload interface {
	GetSeq() int64
	GetSchemaVersion() string
}

// unwrap reads an envelope of a type with protobuf's own JSON, strictly.
func unwrap(eventType string, text []byte) (payload, error) {
	switch eventType {
	case "order.status_changed":
		var e omsv1.OrderStatusChangedEvent
		err := protojson.Unmarshal(text, &e)
		return e.Payload, err
	case "order.updated":
		var e omsv1.OrderUpdatedEvent
		err := protojson.Unmarshal(text, &e)
		return e.Payload, err
	case "payment.status_changed":
		var e omsv1.PaymentStatusChangedEvent
		err := protojson.Unmarshal(text, &e)
		return e.Payload, err
	case "stock.changed":
		var e omsv1.StockChangedEvent
		err := protojson.Unmarshal(text, &e)
		return e.Payload, err
	default:
		return nil, fmt.Errorf("event type %q", eventType)
	}
}

func (o *outsider) count() int {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return len(o.ids)
}

// A consumer outside reads every event, in order for each aggregate from 1 without gaps, while processes are killed and the bus
// is wiped.
func TestPublicStream(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{onSQLite, onPostgres, onTwo} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind, "--public-stream", "--region", "north")
			o := &outsider{t: t, url: w.bus, seqs: map[string]int64{}, ids: map[string]string{}}
			if kind != onTwo {
				address := freeAddress()
				w.flags = append(w.flags, "--bus-listen", address, "--bus-token", busToken)
				o.url = "nats://" + address
			}
			w.startAll()
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				o.follow(ctx)
			}()
			w.stock("mug", 100_000)
			rounds := 3
			if testing.Short() {
				rounds = 1
			}
			for round := range rounds {
				w.interrupted(round, o)
			}
			w.rest()
			stored := func() int { return int(w.count("SELECT count(*) FROM events")) }
			w.eventually("the consumer has seen everything", func() bool { return o.count() == stored() })
			stop()
			<-done
			w.verify()
			t.Logf("%d events, %d came again; the consumer began %d times", o.count(), o.again, o.begun)
		})
	}
}

// interrupted buys while something happens to the process or to the bus.
func (w *world) interrupted(round int, o *outsider) {
	var buyers sync.WaitGroup
	for range 8 {
		buyers.Go(func() {
			for range 6 {
				w.buy(draft("c", 1, "mug"))
			}
		})
	}
	seen := o.count()
	w.eventually("the consumer sees something", func() bool { return o.count() > seen+20 })
	victim := w.any(round)
	switch {
	case round%2 == 0:
		victim.kill()
		if round == 2 && w.kind != onTwo {
			remove(w.t, filepath.Join(victim.folder, "bus"))
		}
		victim.start()
	case w.kind == onTwo:
		w.wipeBus()
	default:
		victim.stop()
		victim.start()
	}
	buyers.Wait()
}

// wipeBus deletes every stream of the external bus.
func (w *world) wipeBus() {
	w.t.Helper()
	conn, err := client.Connect(w.bus)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		w.t.Fatal(err)
	}
	names := js.StreamNames(within(w.t))
	for name := range names.Name() {
		if err := js.DeleteStream(within(w.t), name); err != nil {
			w.t.Fatal(err)
		}
	}
}

// What is off costs nothing: no stream, no account, no listener.
func TestPublicStreamIsOffByDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t, onSQLite)
	w.startAll()
	w.stock("mug", 10)
	w.buy(draft("c", 1, "mug"))
	if _, err := os.Stat(filepath.Join(w.servers[0].folder, "bus", "jetstream", "PUBLIC")); !os.IsNotExist(err) {
		t.Errorf("there is something of a public stream: %v", err)
	}
	if cursors := w.count("SELECT count(*) FROM cursors WHERE name = 'public'"); cursors != 0 {
		t.Errorf("%d cursors", cursors)
	}
}
