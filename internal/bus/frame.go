package bus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// A frame on the wire is the protobuf message
//
//	message Frame {
//	  string epoch = 1;
//	  int64 first = 2;
//	  uint32 count = 3;           // before the events, so that a reader makes room once
//	  repeated Event events = 4;
//	}
//	message Event {
//	  bytes id = 1;               // 16 bytes
//	  string tenant = 2;
//	  uint32 aggregate_kind = 3;
//	  string aggregate_id = 4;
//	  int64 seq = 5;
//	  string type = 6;
//	  sfixed64 at = 7;            // Unix time in nanoseconds; absent for the zero time
//	  string trace_id = 8;
//	  string idempotency_key = 9;
//	  string schema_version = 10;
//	  bytes payload = 11;
//	}
//
// written by hand: the generated code allocates for each string of each event, this allocates three times a frame. Unknown
// fields are skipped, so a process may read the frames of a newer one. Positions follow from first and are not written.

// Field numbers and the tags made of them.
const (
	frameEpoch, frameFirst, frameCount, frameEvents = 1, 2, 3, 4

	eventID, eventTenant, eventKind, eventAggregate, eventSeq, eventType = 1, 2, 3, 4, 5, 6
	eventAt, eventTrace, eventKey, eventSchema, eventPayload             = 7, 8, 9, 10, 11
)

// ErrFrame says that bytes are not a frame.
var ErrFrame = errors.New("bus: not a frame")

// leastEvent is the length of the shortest event: an id with its tag and length, and the event's own tag and length.
const leastEvent = 2 + 2 + len(id.UUID{})

// Size is the number of bytes that an event adds to a frame.
func Size(e *state.Event) int {
	body := bodySize(e)
	return 1 + protowire.SizeBytes(body)
}

// bodySize is the length of the event's message. All tags take one byte, because all field numbers are below 16.
func bodySize(e *state.Event) int {
	size := 2 + len(e.ID)
	for _, n := range [...]int{
		len(e.Tenant), len(e.AggregateID), len(e.Type), len(e.TraceID), len(e.IdempotencyKey), len(e.SchemaVersion),
		len(e.Payload),
	} {
		if n > 0 {
			size += 1 + protowire.SizeBytes(n)
		}
	}
	if e.AggregateKind != 0 {
		size += 1 + protowire.SizeVarint(uint64(e.AggregateKind))
	}
	if e.Seq != 0 {
		size += 1 + protowire.SizeVarint(unsigned(e.Seq))
	}
	if !e.At.IsZero() {
		size += 1 + 8
	}
	return size
}

// AppendFrame writes a frame behind to.
func AppendFrame(to []byte, f Frame) []byte {
	to = appendText(to, frameEpoch, f.Epoch)
	to = appendNumber(to, frameFirst, unsigned(f.First))
	to = appendNumber(to, frameCount, uint64(len(f.Events)))
	for i := range f.Events {
		to = appendEvent(to, &f.Events[i])
	}
	return to
}

func appendEvent(to []byte, e *state.Event) []byte {
	to = protowire.AppendTag(to, frameEvents, protowire.BytesType)
	to = protowire.AppendVarint(to, uint64(bodySize(e))) //nolint:gosec // a length
	to = protowire.AppendTag(to, eventID, protowire.BytesType)
	to = protowire.AppendBytes(to, e.ID[:])
	to = appendText(to, eventTenant, e.Tenant)
	to = appendNumber(to, eventKind, uint64(e.AggregateKind))
	to = appendText(to, eventAggregate, e.AggregateID)
	to = appendNumber(to, eventSeq, unsigned(e.Seq))
	to = appendText(to, eventType, e.Type)
	if !e.At.IsZero() {
		to = protowire.AppendTag(to, eventAt, protowire.Fixed64Type)
		to = protowire.AppendFixed64(to, unsigned(e.At.UnixNano()))
	}
	to = appendText(to, eventTrace, e.TraceID)
	to = appendText(to, eventKey, e.IdempotencyKey)
	to = appendText(to, eventSchema, e.SchemaVersion)
	if len(e.Payload) > 0 {
		to = protowire.AppendTag(to, eventPayload, protowire.BytesType)
		to = protowire.AppendBytes(to, e.Payload)
	}
	return to
}

func appendText(to []byte, field protowire.Number, text string) []byte {
	if text == "" {
		return to
	}
	return protowire.AppendString(protowire.AppendTag(to, field, protowire.BytesType), text)
}

func appendNumber(to []byte, field protowire.Number, n uint64) []byte {
	if n == 0 {
		return to
	}
	return protowire.AppendVarint(protowire.AppendTag(to, field, protowire.VarintType), n)
}

func unsigned(n int64) uint64 { return uint64(n) } //nolint:gosec // protobuf writes negative numbers so
func signed(n uint64) int64   { return int64(n) }  //nolint:gosec // and reads them so

// DecodeFrame reads a frame. Texts of the events are parts of one copy of data and payloads are parts of data itself, which
// must not be changed afterwards; whoever keeps a text for long clones it.
func DecodeFrame(data []byte) (Frame, error) {
	r := reader{data: data, text: string(data)}
	var f Frame
	for r.more() {
		switch field, kind := r.tag(); {
		case field == frameEpoch && kind == protowire.BytesType:
			f.Epoch = r.string()
		case field == frameFirst && kind == protowire.VarintType:
			f.First = signed(r.varint())
		case field == frameCount && kind == protowire.VarintType:
			// Never more room than the bytes can hold: the count is only a promise.
			count := min(r.varint(), uint64(len(data)/leastEvent))
			f.Events = make([]state.Event, 0, count)
		case field == frameEvents && kind == protowire.BytesType:
			start, end := r.bytes()
			inner := reader{data: data[:end], text: r.text, at: start}
			f.Events = append(f.Events, state.Event{})
			inner.event(&f.Events[len(f.Events)-1])
			r.bad = r.bad || inner.bad
		default:
			r.skip(field, kind)
		}
	}
	switch {
	case r.bad:
		return Frame{}, fmt.Errorf("%w: broken bytes", ErrFrame)
	case f.Epoch == "" || len(f.Events) == 0:
		return Frame{}, fmt.Errorf("%w: no epoch or no events", ErrFrame)
	case f.First < 1 || f.First > math.MaxInt64-int64(len(f.Events)):
		return Frame{}, fmt.Errorf("%w: impossible position %d", ErrFrame, f.First)
	}
	for i := range f.Events {
		f.Events[i].Position = f.First + int64(i)
	}
	return f, nil
}

// reader walks over the bytes of a message. After the first broken byte it is bad and at its end, so that the callers' loops
// need no error of their own.
type reader struct {
	data []byte
	text string // the same bytes
	at   int
	bad  bool
}

func (r *reader) more() bool { return r.at < len(r.data) }

func (r *reader) fail() {
	r.bad = true
	r.at = len(r.data)
}

func (r *reader) varint() uint64 {
	n, size := binary.Uvarint(r.data[r.at:])
	if size <= 0 {
		r.fail()
		return 0
	}
	r.at += size
	return n
}

func (r *reader) tag() (protowire.Number, protowire.Type) {
	field, kind := protowire.DecodeTag(r.varint())
	if field < protowire.MinValidNumber {
		r.fail()
	}
	return field, kind
}

// bytes answers where a length-delimited field starts and ends.
func (r *reader) bytes() (start, end int) {
	n := r.varint()
	if n > uint64(len(r.data)-r.at) { //nolint:gosec // at is never behind the end
		r.fail()
		return r.at, r.at
	}
	start = r.at
	r.at += int(n) //nolint:gosec // not more than what is left
	return start, r.at
}

func (r *reader) string() string {
	start, end := r.bytes()
	return r.text[start:end]
}

func (r *reader) fixed64() uint64 {
	if len(r.data)-r.at < 8 {
		r.fail()
		return 0
	}
	r.at += 8
	return binary.LittleEndian.Uint64(r.data[r.at-8:])
}

func (r *reader) skip(field protowire.Number, kind protowire.Type) {
	if r.bad {
		return
	}
	n := protowire.ConsumeFieldValue(field, kind, r.data[r.at:])
	if n < 0 {
		r.fail()
		return
	}
	r.at += n
}

// event reads the fields of one event. An event without an id is broken: everything is told apart by it.
func (r *reader) event(e *state.Event) {
	identified := false
	for r.more() {
		field, kind := r.tag()
		switch {
		case kind == protowire.VarintType && field == eventKind:
			n := r.varint()
			if n > math.MaxUint8 {
				r.fail()
			}
			e.AggregateKind = state.Kind(n) //nolint:gosec // checked above
		case kind == protowire.VarintType && field == eventSeq:
			e.Seq = signed(r.varint())
		case kind == protowire.Fixed64Type && field == eventAt:
			e.At = time.Unix(0, signed(r.fixed64())).UTC()
		case kind == protowire.BytesType && field <= eventPayload:
			identified = r.eventText(field, e) || identified
		default:
			r.skip(field, kind)
		}
	}
	if !identified {
		r.fail()
	}
}

// eventText reads a field of text or bytes and tells whether it was the id.
func (r *reader) eventText(field protowire.Number, e *state.Event) bool {
	start, end := r.bytes()
	text := r.text[start:end]
	switch int(field) {
	case eventID:
		if len(text) != len(e.ID) {
			r.fail()
			return false
		}
		copy(e.ID[:], text)
		return true
	case eventTenant:
		e.Tenant = text
	case eventAggregate:
		e.AggregateID = text
	case eventType:
		e.Type = text
	case eventTrace:
		e.TraceID = text
	case eventKey:
		e.IdempotencyKey = text
	case eventSchema:
		e.SchemaVersion = text
	case eventPayload:
		e.Payload = r.data[start:end:end]
	}
	return false
}
