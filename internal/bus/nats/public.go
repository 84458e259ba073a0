package nats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-255eabaa/oms/internal/bus"
)

// PublicOptions say where events are published for outside consumers, one message an event.
type PublicOptions struct {
	Stream   string        // its name, such as "OMS_EVENTS"
	Region   string        // of this database, a part of every subject
	MaxBytes int64         // the oldest messages go first
	MaxAge   time.Duration // of a message
}

// DuplicateWindow is how long the stream knows the ids of its messages. The publisher goes on behind the stream's last message,
// so repetitions are few and soon; every id is kept in the server's memory meanwhile.
const DuplicateWindow = 30 * time.Second

// Headers of a public message beside Nats-Msg-Id, which is the event's id; Oms-Epoch is that of frames.
const (
	headerPosition = "Oms-Position"
	headerTrace    = "Oms-Trace-Id"
)

// A chunk is what may be on its way to the stream before it is acknowledged.
const (
	chunkMessages = 256
	chunkBytes    = 1 << 20
)

// Public implements bus.Outlet, for one caller at a time: one stream a database, with a subject for each tenant and event type,
// "oms.<tenant>.<region>.<event_type>". Each message names the one that it expects to follow. So two publishers cannot mix, and
// a message in the stream says that all before it are or were there: its end tells where to go on.
type Public struct {
	bus     *Bus
	options PublicOptions
	js      jetstream.JetStream
	flowing bool // what is sent is new to the stream
}

var _ bus.Outlet = (*Public)(nil)

// Public opens the outlet for outside consumers; the stream is made when its end is first asked for.
func (b *Bus) Public(o PublicOptions) (*Public, error) {
	conn := b.conn
	if b.outside != nil {
		conn = b.outside
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(b.options.Timeout),
		jetstream.WithPublishAsyncMaxPending(2*chunkMessages), jetstream.WithPublishAsyncTimeout(b.options.Timeout))
	if err != nil {
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	return &Public{bus: b, options: o, js: js}, nil
}

// End implements bus.Outlet.
func (p *Public) End(ctx context.Context) (bus.End, error) {
	ctx, cancel := context.WithTimeout(ctx, p.bus.options.Timeout)
	defer cancel()
	stream, err := p.ensure(ctx)
	if err != nil {
		return bus.End{}, fmt.Errorf("open stream %s: %w", p.options.Stream, err)
	}
	at := stream.CachedInfo().State
	end := bus.End{Sequence: at.LastSeq, Empty: at.Msgs == 0}
	if end.Empty {
		return end, nil
	}
	message, err := stream.GetMsg(ctx, at.LastSeq)
	if errors.Is(err, jetstream.ErrMsgNotFound) { // somebody deleted it
		return end, nil
	}
	if err != nil {
		return bus.End{}, fmt.Errorf("read the last message of %s: %w", p.options.Stream, err)
	}
	position, err := strconv.ParseInt(message.Header.Get(headerPosition), 10, 64)
	if err != nil {
		p.bus.log.Warn("the public stream's last message was not written here", "stream", p.options.Stream, "sequence", message.Sequence)
		return end, nil
	}
	end.Position, end.EventID = position, message.Header.Get(jetstream.MsgIDHeader)
	return end, nil
}

// errAnothersStream says that two databases were given one name.
var errAnothersStream = errors.New("it is another database's: give each a name of its own by --public-stream-name")

// ensure answers the stream with its present state, made when absent and adjusted when it was configured differently.
func (p *Public) ensure(ctx context.Context) (jetstream.Stream, error) {
	stream, err := p.js.Stream(ctx, p.options.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		p.bus.log.Info("making the public stream", "stream", p.options.Stream)
		return p.js.CreateStream(ctx, p.config())
	}
	if err != nil {
		return nil, err
	}
	has, wanted := stream.CachedInfo().Config, p.config()
	if has.Metadata[databaseLabel] != p.bus.options.Database {
		return nil, errAnothersStream
	}
	same := has.MaxBytes == wanted.MaxBytes && has.MaxAge == wanted.MaxAge && has.Replicas == wanted.Replicas &&
		has.Duplicates == wanted.Duplicates && slices.Contains(has.Subjects, wanted.Subjects[0])
	if same {
		return stream, nil
	}
	// A region that was renamed keeps what it has published.
	if !slices.Contains(has.Subjects, wanted.Subjects[0]) {
		has.Subjects = append(has.Subjects, wanted.Subjects[0])
	}
	has.MaxBytes, has.MaxAge, has.Replicas, has.Duplicates = wanted.MaxBytes, wanted.MaxAge, wanted.Replicas, wanted.Duplicates
	return p.js.UpdateStream(ctx, has)
}

// databaseLabel names the database in a stream's metadata.
const databaseLabel = "oms-database"

func (p *Public) config() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        p.options.Stream,
		Description: "Events of one database for outside consumers, one a message; see docs/events.md of oms.",
		// An event type has a dot, so these have five parts at least, and never meet oms.internal.<database>.<epoch>.
		Subjects:    []string{"oms.*." + p.options.Region + ".*.>"},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxBytes:    p.options.MaxBytes,
		MaxAge:      p.options.MaxAge,
		Replicas:    p.bus.options.Replicas,
		Duplicates:  min(DuplicateWindow, p.options.MaxAge),
		AllowDirect: true,
		Metadata:    map[string]string{databaseLabel: p.bus.options.Database},
	}
}

// Subject is where a tenant's events of a type are published.
func (p *Public) Subject(tenant, eventType string) string {
	return "oms." + subjectToken(tenant) + "." + p.options.Region + "." + eventType
}

// subjectToken writes a tenant's name as one token of a subject: what has a meaning in subjects or cannot stand there is
// percent-encoded, so that no two tenants share one.
func subjectToken(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '~' || c == ':' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// Send implements bus.Outlet. It begins with one message at a time, until the stream takes one that it has not had; from there on
// all are new, and a chunk is on its way at once.
func (p *Public) Send(ctx context.Context, epoch string, messages []bus.Message, after uint64) (uint64, error) {
	for len(messages) > 0 {
		limit := 1
		if p.flowing {
			limit = chunkMessages
		}
		chunk := messages[:first(messages, limit)]
		sequence, stored, err := p.sendChunk(ctx, epoch, chunk, after)
		p.flowing = err == nil && stored
		if err != nil {
			return after, fmt.Errorf("publish events from position %d: %w", messages[0].Position, err)
		}
		if stored {
			after = sequence
		}
		messages = messages[len(chunk):]
	}
	return after, nil
}

// first is how many messages go into the next chunk: at least one.
func first(messages []bus.Message, limit int) int {
	size := 0
	for i := range messages {
		size += len(messages[i].Body)
		if i > 0 && (i == limit || size > chunkBytes) {
			return i
		}
	}
	return len(messages)
}

// sendChunk sends messages at once and waits for their acknowledgements. It answers the sequence of the last; stored is false
// when the only one is in the stream already. A duplicate among several is somebody else's doing, a conflict.
func (p *Public) sendChunk(ctx context.Context, epoch string, chunk []bus.Message, after uint64) (last uint64, stored bool, err error) {
	acks := make([]jetstream.PubAckFuture, 0, len(chunk))
	for i := range chunk {
		message := p.message(epoch, &chunk[i])
		// Counting on from the first would not do: were its number too low, a later one's would be right.
		if i == 0 {
			message.Header[jetstream.ExpectedLastSeqHeader] = []string{strconv.FormatUint(after, 10)}
		} else {
			message.Header[jetstream.ExpectedLastMsgIDHeader] = []string{chunk[i-1].EventID}
		}
		ack, err := p.js.PublishMsgAsync(message, jetstream.WithRetryAttempts(0))
		if err != nil {
			return 0, false, err
		}
		acks = append(acks, ack)
	}
	for i, ack := range acks {
		at, failed := p.answer(ctx, ack)
		switch {
		case failed == nil && !at.Duplicate:
			last = at.Sequence
		case failed == nil && len(chunk) == 1:
			return 0, false, nil
		case failed == nil && err == nil:
			err = fmt.Errorf("%w: it has position %d already", bus.ErrConflict, chunk[i].Position)
		case err == nil:
			err = failed // the first; the others are waited for, so that the end is where it will be
		}
	}
	return last, err == nil, err
}

// answer waits for the answer to a message.
func (p *Public) answer(ctx context.Context, ack jetstream.PubAckFuture) (*jetstream.PubAck, error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case at := <-ack.Ok():
		return at, nil
	case err := <-ack.Err():
		if isConflict(err) {
			err = fmt.Errorf("%w: %w", bus.ErrConflict, err)
		}
		return nil, err
	}
}

// wrongLastMessage is the code of the server's answer to a message that expects another one before it.
const wrongLastMessage jetstream.ErrorCode = 10070

// isConflict tells whether the server refused a message because the stream's end was elsewhere.
func isConflict(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) &&
		(refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || refused.ErrorCode == wrongLastMessage)
}

func (p *Public) message(epoch string, m *bus.Message) *client.Msg {
	return &client.Msg{
		Subject: p.Subject(m.Tenant, m.Type),
		Header: client.Header{
			jetstream.MsgIDHeader:          {m.EventID},
			jetstream.ExpectedStreamHeader: {p.options.Stream},
			headerTrace:                    {m.TraceID},
			headerEpoch:                    {epoch},
			headerPosition:                 {strconv.FormatInt(m.Position, 10)},
		},
		Data: m.Body,
	}
}
