package outbox_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-255eabaa/oms/internal/bus/nats"
	"github.com/seed-255eabaa/oms/internal/outbox"
	"github.com/seed-255eabaa/oms/internal/public"
	"github.com/seed-255eabaa/oms/internal/state"
)

const publicStream = "OMS_EVENTS"

func newPublisher(t testing.TB, s *store, b *nats.Bus, holder string, change ...func(*public.Options)) *public.Publisher {
	outlet, err := b.Public(nats.PublicOptions{Stream: publicStream, Region: "eu", MaxBytes: 64 << 20, MaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	o := public.Options{
		Holder: holder, Store: s, Subscriber: b, Outlet: outlet, MaxAge: time.Hour, Logger: logger(),
		Encode:   func(e *state.Event) ([]byte, error) { return []byte(strconv.FormatInt(e.Position, 10)), nil },
		LeaseTTL: 600 * time.Millisecond, SaveEvery: 50 * time.Millisecond,
	}
	for _, f := range change {
		f(&o)
	}
	return public.New(o)
}

// read answers all messages of the public stream, in order, once the last of them is that of the log's last event.
func read(t testing.TB, s *store, js jetstream.JetStream) []*jetstream.RawStreamMsg {
	t.Helper()
	events := s.events()
	last := public.EventID(&events[len(events)-1])
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var stream jetstream.Stream
	eventually(t, "everything published", func() bool {
		var err error
		if stream, err = js.Stream(ctx, publicStream); err != nil || stream.CachedInfo().State.Msgs == 0 {
			return false
		}
		message, err := stream.GetMsg(ctx, stream.CachedInfo().State.LastSeq)
		return err == nil && message.Header.Get(jetstream.MsgIDHeader) == last
	})
	var messages []*jetstream.RawStreamMsg
	for sequence := stream.CachedInfo().State.FirstSeq; sequence <= stream.CachedInfo().State.LastSeq; sequence++ {
		message, err := stream.GetMsg(ctx, sequence)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, message)
	}
	return messages
}

// checkPublic holds messages against the log: they may begin anew from an earlier event, and never leave one out. It answers
// how many came again.
func checkPublic(t testing.TB, s *store, messages []*jetstream.RawStreamMsg) (again int) {
	t.Helper()
	place := map[string]int{}
	events := s.events()
	for i := range events {
		place[public.EventID(&events[i])] = i
	}
	reached := -1
	for _, m := range messages {
		at, known := place[m.Header.Get(jetstream.MsgIDHeader)]
		switch {
		case !known:
			continue // of a history that was lost
		case at > reached+1:
			t.Fatalf("position %d came before %d", at+1, reached+2)
		case at <= reached:
			again++
		}
		reached = max(reached, at)
		e := &events[at]
		if m.Subject != "oms.acme.eu."+e.Type || string(m.Data) != strconv.FormatInt(e.Position, 10) || m.Header.Get("Oms-Trace-Id") != e.TraceID {
			t.Fatalf("position %d: subject %s, body %s, headers %v", e.Position, m.Subject, m.Data, m.Header)
		}
	}
	if reached != len(events)-1 {
		t.Fatalf("%d of %d events", reached+1, len(events))
	}
	return again
}

func TestPublicEverythingOnceInOrder(t *testing.T) {
	s, x := newStore(), startExternal(t)
	b := x.connect()
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	spawn(t, newPublisher(t, s, b, "a").Run)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() { commits(s, w, 250, time.Duration(w%2)*100*time.Microsecond, r) })
	}
	writers.Wait()
	eventually(t, "numbered", s.settled)
	if again := checkPublic(t, s, read(t, s, x.admin())); again != 0 {
		t.Errorf("%d events came again", again)
	}
}

// Publishers end and begin, the lease is taken from one that goes on for a while: the stream has each event once all the same,
// because each message names the one before it.
func TestPublicTwoPublishers(t *testing.T) {
	s, x := newStore(), startExternal(t)
	ba, bb := x.connect(), x.connect()
	r := newRelay(s, ba, "a")
	spawn(t, r.Run)
	stopA := spawn(t, newPublisher(t, s, ba, "a").Run)
	spawn(t, newPublisher(t, s, bb, "b").Run)
	var writer sync.WaitGroup
	writer.Go(func() { commits(s, 0, 1500, time.Millisecond, r) })
	for i := range 5 {
		time.Sleep(200 * time.Millisecond)
		s.steal(public.LeaseName, []string{"b", "a"}[i%2], time.Second)
	}
	stopA()
	writer.Wait()
	eventually(t, "numbered", s.settled)
	if again := checkPublic(t, s, read(t, s, x.admin())); again != 0 {
		t.Errorf("%d events came again", again)
	}
}

func TestPublicStreamWiped(t *testing.T) {
	s, x := newStore(), startExternal(t)
	b := x.connect()
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	spawn(t, newPublisher(t, s, b, "a").Run)
	commits(s, 0, 200, 0, r)
	eventually(t, "numbered", s.settled)
	checkPublic(t, s, read(t, s, x.admin()))
	for _, busy := range []bool{false, true} {
		x.wipe()
		if busy {
			commits(s, 1, 200, time.Millisecond, r)
			eventually(t, "numbered", s.settled)
		}
		if again := checkPublic(t, s, read(t, s, x.admin())); again != 0 {
			t.Errorf("%d events came again", again)
		}
	}
}

// A bus that lost its end, as by a power cut, gets it again; and what nobody consumes any more is not published again.
func TestPublicStreamBehind(t *testing.T) {
	s, x := newStore(), startExternal(t)
	b := x.connect()
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	stop := spawn(t, newPublisher(t, s, b, "a").Run)
	commits(s, 0, 100, 0, r)
	eventually(t, "numbered", s.settled)
	read(t, s, x.admin())
	stop()
	x.stop()
	former := t.TempDir()
	if err := os.CopyFS(former, os.DirFS(x.dir)); err != nil {
		t.Fatal(err)
	}
	x.start()
	stop = spawn(t, newPublisher(t, s, b, "a").Run)
	commits(s, 1, 100, 0, r)
	eventually(t, "numbered", s.settled)
	read(t, s, x.admin())
	eventually(t, "the cursor is at the end", func() bool {
		cursor, err := s.Cursor(t.Context(), public.LeaseName)
		return err == nil && cursor.Position == int64(len(s.events()))
	})
	stop()
	x.stop()
	x.dir = former
	x.start()
	stop = spawn(t, newPublisher(t, s, b, "a").Run)
	if again := checkPublic(t, s, read(t, s, x.admin())); again != 0 {
		t.Errorf("%d events came again", again)
	}
	stop()
	// Wiped, with an age that the events have passed: only what was not published yet.
	old := len(s.events())
	x.wipe()
	commits(s, 2, 3, 0, r)
	eventually(t, "numbered", s.settled)
	spawn(t, newPublisher(t, s, b, "a", func(o *public.Options) { o.MaxAge = time.Nanosecond }).Run)
	if got := len(read(t, s, x.admin())); got != len(s.events())-old {
		t.Errorf("%d messages instead of %d", got, len(s.events())-old)
	}
}

func TestPublicStreamOfARestoredDatabase(t *testing.T) {
	for _, more := range []int{0, 300} { // what happens before the publisher is back: its place holds nothing, or another event
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			s, x := newStore(), startExternal(t)
			b := x.connect()
			stopRelay := spawn(t, newRelay(s, b, "a").Run)
			stop := spawn(t, newPublisher(t, s, b, "a").Run)
			commits(s, 0, 100, 0)
			eventually(t, "numbered", s.settled)
			read(t, s, x.admin())
			stop()
			stopRelay()
			s.truncate(200)
			commits(s, 1, more, 0)
			s.numberAll()
			var log bytes.Buffer
			stop = spawn(t, newPublisher(t, s, b, "a", func(o *public.Options) {
				o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			}).Run)
			spawn(t, newRelay(s, b, "a", func(o *outbox.Options) { o.LowWater = nil }).Run)
			commits(s, 2, 100, time.Millisecond)
			eventually(t, "numbered", s.settled)
			messages := read(t, s, x.admin())
			checkPublic(t, s, messages)
			if len(messages) < 250+len(s.events())-200 {
				t.Errorf("%d messages: the lost history is gone", len(messages))
			}
			stop()
			if !bytes.Contains(log.Bytes(), []byte("ALERT")) {
				t.Errorf("no alert: %s", &log)
			}
		})
	}
}

// A consumer far away sees what an outlet's listener lets it see, and nothing else.
func TestPublicListener(t *testing.T) {
	for _, token := range []string{"", "0123456789abcdef0123456789abcdef"} {
		t.Run("token "+strconv.Quote(token), func(t *testing.T) {
			b, err := nats.Embedded(t.TempDir(), nats.Options{Database: "test", Logger: logger(), Grace: 300 * time.Millisecond, Outside: &nats.Outside{
				Stream: publicStream, Bytes: 64 << 20, Addr: "127.0.0.1:0", Token: token,
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.Close() })
			s := newStore()
			r := newRelay(s, b, "a")
			spawn(t, r.Run)
			spawn(t, newPublisher(t, s, b, "a").Run)
			commits(s, 0, 20, 0, r)
			address := "nats://" + b.Listening()
			if token != "" {
				for _, wrong := range []client.Option{client.Name(""), client.UserInfo("consumer", "x"), client.UserInfo("frames", ""), client.UserInfo("public", token)} {
					if conn, err := client.Connect(address, wrong); err == nil {
						conn.Close()
						t.Error("a stranger is let in")
					}
				}
			}
			conn, err := client.Connect(address, client.UserInfo("consumer", token), client.ErrorHandler(func(*client.Conn, *client.Subscription, error) {}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(conn.Close)
			js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(patience))
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "numbered", s.settled)
			checkPublic(t, s, read(t, s, js))
			consume(t, js, len(s.events()))
			before := publicStreamOf(t, js).CachedInfo().State
			stream := publicStreamOf(t, js)
			for name, try := range map[string]func(ctx context.Context) error{
				"publishes": func(ctx context.Context) error { return second(js.Publish(ctx, "oms.acme.eu.order.created", nil)) },
				"deletes":   func(ctx context.Context) error { return js.DeleteStream(ctx, publicStream) },
				"makes": func(ctx context.Context) error {
					return second(js.CreateStream(ctx, jetstream.StreamConfig{Name: "X", Subjects: []string{"x"}}))
				},
				"purges":          func(ctx context.Context) error { return stream.Purge(ctx) },
				"sees the frames": func(ctx context.Context) error { return second(js.Stream(ctx, "OMS_test_first")) },
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // a refusal is no answer: who asks waits in vain
				if try(ctx) == nil {
					t.Errorf("a consumer %s", name)
				}
				cancel()
			}
			if after := publicStreamOf(t, js).CachedInfo().State; after.LastSeq != before.LastSeq || after.Msgs != before.Msgs {
				t.Errorf("the stream was %+v and is %+v", before, after)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func publicStreamOf(t testing.TB, js jetstream.JetStream) jetstream.Stream {
	t.Helper()
	stream, err := js.Stream(t.Context(), publicStream)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// consume reads the stream with a durable consumer, as docs/events.md tells.
func consume(t testing.TB, js jetstream.JetStream, n int) {
	t.Helper()
	consumer, err := js.CreateOrUpdateConsumer(t.Context(), publicStream, jetstream.ConsumerConfig{
		Durable: "books", FilterSubjects: []string{"oms.*.*.order.>"}, AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := consumer.Fetch(n, jetstream.FetchMaxWait(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for message := range batch.Messages() {
		got++
		if err := message.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got != n {
		t.Errorf("consumed %d of %d: %v", got, n, batch.Error())
	}
}

// What is not for outside is left out, and everything else is there once and in order, also behind nothing but what is left out, and after
// the publisher was stopped among it.
func TestPublicLeavesOut(t *testing.T) {
	s, x := newStore(), startExternal(t)
	b := x.connect()
	r := newRelay(s, b, "a")
	spawn(t, r.Run)
	skip := func(o *public.Options) { o.Skip = func(e *state.Event) bool { return e.AggregateID == "order:play" } }
	stop := spawn(t, newPublisher(t, s, b, "a", skip).Run)
	for i := range 300 {
		r.Committed(s.commit([]string{"order:real", "order:play", "order:play"}[i%3], "order:play"))
		if i == 150 {
			stop()
			spawn(t, newPublisher(t, s, b, "a", skip).Run)
		}
	}
	r.Committed(s.commit("order:real"))
	eventually(t, "numbered", s.settled)
	var want, got []string
	for _, e := range s.events() {
		if e.AggregateID == "order:real" {
			want = append(want, public.EventID(&e))
		}
	}
	for _, message := range read(t, s, x.admin()) {
		got = append(got, message.Header.Get(jetstream.MsgIDHeader))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d events are published, %d are for outside", len(got), len(want))
	}
}
