package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-255eabaa/oms/internal/bus"
)

// Headers of a frame's message: a reader finds its place without decoding, and a person sees what a message holds.
const (
	headerEpoch     = "Oms-Epoch"
	headerFirst     = "Oms-First"
	headerLast      = "Oms-Last"
	headerLastEvent = "Oms-Last-Event"
)

// Tail implements bus.Publisher.
func (b *Bus) Tail(ctx context.Context, epoch string) (bus.Tail, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	stream, err := b.ensure(ctx, epoch)
	if err != nil {
		return bus.Tail{}, fmt.Errorf("open stream: %w", err)
	}
	// The sequence is the stream's, not the last message's: a purged or expired stream is empty and goes on counting.
	at := stream.CachedInfo().State
	tail := bus.Tail{Sequence: at.LastSeq}
	if at.Msgs == 0 {
		return tail, nil
	}
	message, err := stream.GetMsg(ctx, at.LastSeq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		message, err = stream.GetLastMsgForSubject(ctx, b.subject(epoch))
	}
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return tail, nil
	}
	if err != nil {
		return bus.Tail{}, fmt.Errorf("read the stream's last message: %w", err)
	}
	frame, err := bus.DecodeFrame(message.Data)
	if err != nil || frame.Epoch != epoch {
		// Nothing can be concluded from it, which is the same as nothing there: the relay republishes behind it.
		b.log.Warn("the stream's last message is not a frame of this epoch", "sequence", message.Sequence, "error", err)
		return tail, nil
	}
	tail.Frame = frame
	return tail, nil
}

// ensure answers the epoch's stream with its present state, made when absent and adjusted when its limits were configured
// differently.
func (b *Bus) ensure(ctx context.Context, epoch string) (jetstream.Stream, error) {
	stream, err := b.js.Stream(ctx, b.streamName(epoch))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		b.log.Info("making the stream", "stream", b.streamName(epoch))
		return b.js.CreateStream(ctx, b.config(epoch))
	}
	if err != nil {
		return nil, err
	}
	has := stream.CachedInfo().Config
	if has.MaxBytes == b.options.MaxBytes && has.MaxAge == b.options.MaxAge && has.Replicas == b.options.Replicas {
		return stream, nil
	}
	has.MaxBytes, has.MaxAge, has.Replicas = b.options.MaxBytes, b.options.MaxAge, b.options.Replicas
	updated, err := b.js.UpdateStream(ctx, has)
	if err != nil {
		b.log.Warn("the stream keeps its former limits", "stream", b.streamName(epoch), "error", err)
		return stream, nil
	}
	return updated, nil
}

func (b *Bus) config(epoch string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        b.streamName(epoch),
		Description: "Events of one database in one epoch, in frames; derived from the database, which is the record.",
		Subjects:    []string{b.subject(epoch)},
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxBytes:    b.options.MaxBytes,
		MaxAge:      b.options.MaxAge,
		Replicas:    b.options.Replicas,
		AllowDirect: true,
		Metadata:    map[string]string{databaseLabel: b.options.Database, "oms-epoch": epoch},
	}
}

// Publish implements bus.Publisher. Any error but ErrConflict leaves open whether the frame has arrived: the tail tells. No
// message id is given, because the server would take a republished frame for a duplicate and drop it.
func (b *Bus) Publish(ctx context.Context, frame bus.Frame, after uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	size := 64
	for i := range frame.Events {
		size += bus.Size(&frame.Events[i])
	}
	message := &client.Msg{
		Subject: b.subject(frame.Epoch),
		Header: client.Header{
			jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(after, 10)},
			jetstream.ExpectedStreamHeader:  {b.streamName(frame.Epoch)},
			headerEpoch:                     {frame.Epoch},
			headerFirst:                     {strconv.FormatInt(frame.First, 10)},
			headerLast:                      {strconv.FormatInt(frame.Last(), 10)},
			headerLastEvent:                 {frame.Events[len(frame.Events)-1].ID.String()},
		},
		Data: bus.AppendFrame(make([]byte, 0, size), frame),
	}
	ack, err := b.js.PublishMsg(ctx, message, jetstream.WithRetryAttempts(0))
	if err == nil {
		return ack.Sequence, nil
	}
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return 0, fmt.Errorf("%w: %w", bus.ErrConflict, err)
	}
	return 0, fmt.Errorf("publish positions %d to %d: %w", frame.First, frame.Last(), err)
}
