package restapi

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// stream serves a streaming method as server-sent events (WHATWG HTML, "Server-sent events").
//
// An error before the first event is an ordinary answer with its own status; a later one is an event named "error" with the
// same body. A stream that ends without having had anything to say answers 204, which tells an EventSource not to come back.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, match *contract.Match) {
	b := takeBuffers()
	defer b.release()
	route := match.Route
	ctx, call, err := h.admit(w, r, match, b)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.closing, cancel)() //nolint:contextcheck // the end of the handler is not of this request

	s := &eventStream{
		w: w, control: http.NewResponseController(w), route: route, timeout: h.options.WriteTimeout, cancel: cancel, buffer: b.out[:0],
	}
	err = h.options.Chain.Stream(ctx, call, func(ctx context.Context) error {
		defer s.beat(h.options.Heartbeat)()
		return route.Stream(ctx, call.Request, s.send)
	})
	b.out = s.buffer
	switch {
	case err == nil && !s.begun:
		w.WriteHeader(http.StatusNoContent)
	case err != nil && !s.begun:
		h.fail(w, r, resumed(r, route, err))
	case err != nil && h.closing.Err() == nil:
		s.fail(fault.From(err))
	}
}

// resumed names the header in a refusal of what it filled: a client that sent Last-Event-ID knows of no field.
func resumed(r *http.Request, route *contract.Route, err error) error {
	given := fault.From(err)
	at := slices.IndexFunc(given.Violations, func(v fault.Violation) bool { return v.Field == route.Resume })
	if r.Header.Get(contract.LastEventID) == "" || at < 0 {
		return err
	}
	named := *given
	named.Violations = slices.Clone(given.Violations)
	named.Violations[at].Field = contract.LastEventID
	if rest, first := strings.CutPrefix(given.Message, route.Resume+": "); first {
		named.Message = contract.LastEventID + ": " + rest
	}
	return &named
}

// eventStream writes the events of one request. The handler and the heartbeat both write, so every write holds the lock.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	route   *contract.Route
	timeout time.Duration
	cancel  context.CancelFunc

	mu     sync.Mutex
	begun  bool
	buffer []byte
}

// send writes one response of the method.
func (s *eventStream) send(response proto.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buffer[:0]
	b = append(b, "id: "...)
	id := len(b)
	b = s.route.EventID(b, response)
	if bytes.ContainsAny(b[id:], "\r\n\x00") || len(b) == id {
		b = b[:0] // such an id cannot be written
	} else {
		b = append(b, '\n')
	}
	b = append(b, "event: "...)
	b = append(b, s.route.Event...)
	b = append(b, "\ndata: "...)
	b = s.route.Encode(b, response)
	b = append(b, "\n\n"...)
	s.buffer = b
	return s.flush(b)
}

// fail tells of an error after the stream has begun; it has no id, so that the client goes on where it was.
func (s *eventStream) fail(f *fault.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buffer[:0]
	b = append(b, "event: error\ndata: "...)
	b = appendFault(b, f)
	b = append(b, "\n\n"...)
	s.buffer = b
	_ = s.flush(b) // it is the last word either way
}

// flush writes and sends what it is given within the time limit. A client that does not take it ends the stream.
func (s *eventStream) flush(text []byte) error {
	if !s.begun {
		s.begin()
	}
	// net/http lifts the deadline after the request; a writer without deadlines keeps those of its connection.
	_ = s.control.SetWriteDeadline(time.Now().Add(s.timeout))
	if _, err := s.w.Write(text); err != nil { //nolint:gosec // it is no page, by its type
		return s.gone(err)
	}
	if err := s.control.Flush(); err != nil {
		return s.gone(err)
	}
	return nil
}

func (s *eventStream) gone(err error) error {
	s.cancel()
	return fault.New(fault.Canceled, "CLIENT_GONE", "the client no longer takes events").Because(err)
}

func (s *eventStream) begin() {
	s.begun = true
	header := s.w.Header()
	header["Content-Type"] = []string{eventType}
	header["Cache-Control"] = noStore
	header["X-Content-Type-Options"] = noSniff
	header["X-Accel-Buffering"] = []string{"no"} // a proxy in between must not collect events
	_ = s.control.SetReadDeadline(time.Time{})   // the limit on reading the request must not end its answer
	s.w.WriteHeader(http.StatusOK)
}

var heartbeat = []byte(": heartbeat\n\n")

// beat writes a comment now and then, so that both ends learn of a broken connection. The function it answers stops that, and
// returns when nothing will be written any more.
func (s *eventStream) beat(every time.Duration) (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				s.beatOnce()
			}
		}
	}()
	return func() {
		close(done)
		<-stopped
	}
}

func (s *eventStream) beatOnce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.flush(heartbeat) // a failure ends the stream by its context
}
