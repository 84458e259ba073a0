package reliability

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-255eabaa/oms/internal/bus"
)

// stream answers the ids of the events that the embedded bus of a server that does not run has, in the order of the stream. It looks
// at a copy of the folder: the server finds its own as the kill has left it.
func (s *server) stream(t *testing.T) (ids []string) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "bus")
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(s.folder, "bus"))); err != nil {
		t.Fatal(err)
	}
	connection, err := nats.Connect(serveNATS(t, folder))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	js, err := jetstream.New(connection)
	if err != nil {
		t.Fatal(err)
	}
	ctx := within(t)
	names := js.StreamNames(ctx)
	for name := range names.Name() {
		ids = append(ids, readStream(ctx, t, js, name)...)
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// readStream reads the frames of a stream, which must follow each other without gap or overlap.
func readStream(ctx context.Context, t *testing.T, js jetstream.JetStream, name string) (ids []string) {
	t.Helper()
	stream, err := js.Stream(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	at := stream.CachedInfo().State
	for sequence := at.FirstSeq; sequence <= at.LastSeq; sequence++ {
		message, err := stream.GetMsg(ctx, sequence)
		if err != nil {
			t.Fatal(err)
		}
		frame, err := bus.DecodeFrame(message.Data)
		if err != nil {
			t.Fatal(err)
		}
		if frame.First != int64(len(ids))+1 {
			t.Fatalf("message %d begins at position %d, and %d events were before it", sequence, frame.First, len(ids))
		}
		for i := range frame.Events {
			ids = append(ids, strings.ReplaceAll(frame.Events[i].ID.String(), "-", ""))
		}
	}
	return ids
}

const allEvents = "SELECT count(*) FROM events"

// log answers the ids of all events in the order of their positions.
func (w *world) log() []string {
	w.t.Helper()
	query := `SELECT coalesce(string_agg(left(replace(b.batch_id::text, '-', ''), 28) || lpad(to_hex(e.ordinal), 4, '0'), ',' ORDER BY
		b.first_position, e.ordinal), '') FROM batches b JOIN events e USING (batch_id) WHERE b.first_position IS NOT NULL`
	if w.kind == onSQLite {
		query = "SELECT coalesce(group_concat(lower(hex(event_id)), ',' ORDER BY position), '') FROM events"
	}
	text := w.text(query)
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// A server is killed while its relay is about to publish, or has published and not noted it. What is in the stream is a beginning of
// the log each time, and in the end it is the log: no event is lost, none is there twice, and all sagas have ended.
func TestKillWhilePublishing(t *testing.T) {
	t.Parallel()
	program, err := pausing()
	if err != nil {
		t.Fatal(err)
	}
	kills := 8
	if testing.Short() {
		kills = 2
	}
	for _, kind := range []string{onSQLite, onPostgres} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind, "--unpaid-for", "24h")
			w.program, w.settings = program, []string{"OMS_TEST_PUBLISH_PAUSE=60ms"}
			w.startAll()
			for sku := range 40 {
				w.stock(fmt.Sprintf("sku-%d", sku), 1_000_000)
			}
			c, h := newCrowd(w), &harm{}
			ctx, enough := context.WithCancel(t.Context())
			var members sync.WaitGroup
			for range 64 {
				members.Go(func() { c.member(ctx, t) })
			}
			unpublished, published, noted := 0, 0, 0 // kills that left events in the log only, and after which the stream had grown
			for i := range kills {
				if i%2 > 0 {
					c.progress()
				}
				c.killed(t, w.servers[0], h)
				log, stream := w.log(), w.servers[0].stream(t)
				if len(stream) > len(log) || !slices.Equal(stream, log[:len(stream)]) {
					t.Errorf("after a kill the stream has %d events, which are no beginning of the log's %d", len(stream), len(log))
				}
				if w.count(allEvents) > int64(len(stream)) {
					unpublished++
				}
				if s := len(stream); s > noted {
					noted = s
					published++
				}
				w.servers[0].start()
			}
			c.slow.Store(true)
			enough()
			members.Wait()
			c.check(t, w.checkBooks())
			w.eventually("everything is published", func() bool {
				return strings.Contains(w.servers[0].metrics(t), "\noms_outbox_backlog_events 0\n") &&
					w.count("SELECT max(position) FROM cursors") == w.count(allEvents)
			})
			w.stopAll()
			if log, stream := w.log(), w.servers[0].stream(t); !slices.Equal(log, stream) || int64(len(log)) != w.count(allEvents) {
				t.Errorf("the log has %d events, the stream %d", len(log), len(stream))
			}
			t.Logf("%d kills, %d with events that were committed and not published, %d after which the stream had grown; %d events",
				h.kills, unpublished, published, w.count(allEvents))
			if unpublished == 0 || published == 0 {
				t.Error("the kills did not meet what they should")
			}
		})
	}
}
