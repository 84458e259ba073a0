package bus

import "context"

// Message is one event as outside consumers get it. Its event's id, "event:<uuid>", is what an outlet deduplicates by.
type Message struct {
	EventID  string
	Tenant   string
	Type     string // "order.status_changed"
	TraceID  string
	Position int64
	Body     []byte // the envelope as JSON
}

// End is the end of a public stream: what its last message says, and the sequence that the next one goes behind.
type End struct {
	Empty    bool
	Position int64  // of the last message's event; 0 where it does not tell, because somebody else has written it
	EventID  string // as above, then empty
	Sequence uint64
}

// Outlet is where events are published for outside consumers, one by one.
type Outlet interface {
	// End reads the end of the stream, which it makes when there is none.
	End(ctx context.Context) (End, error)
	// Send appends messages, in order and without gaps, behind the sequence, and answers the sequence that they end at.
	// ErrConflict when the stream's end was elsewhere. After any error some of them may be stored, and the end tells which. A
	// message that the stream has had a short while ago is taken for stored.
	Send(ctx context.Context, epoch string, messages []Message, after uint64) (sequence uint64, err error)
}
