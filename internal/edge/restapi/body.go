package restapi

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/fault"
)

var errPanicked = errors.New("the REST edge panicked")

// buffers are the memory of one request. Messages keep no part of them: the codec copies what it reads.
type buffers struct {
	in   contract.Input
	body []byte
	out  []byte
}

var pool = sync.Pool{New: func() any { return &buffers{body: make([]byte, 0, 2048), out: make([]byte, 0, 2048)} }}

// keepLimit is the length above which a buffer is not kept for the next request.
const keepLimit = 64 << 10

func takeBuffers() *buffers {
	b, _ := pool.Get().(*buffers)
	return b
}

func (b *buffers) release() {
	b.in = contract.Input{}
	if cap(b.body) <= keepLimit && cap(b.out) <= keepLimit {
		pool.Put(b)
	}
}

// read reads a body of at most limit bytes, which has the time given to arrive.
func (b *buffers) read(r *http.Request, limit int, within time.Duration) *fault.Fault {
	b.body = b.body[:0]
	if r.ContentLength > int64(limit) {
		return tooLarge(limit)
	}
	for {
		if len(b.body) == cap(b.body) {
			b.body = append(b.body, 0)[:len(b.body)]
		}
		n, err := r.Body.Read(b.body[len(b.body):cap(b.body)])
		b.body = b.body[:len(b.body)+n]
		switch {
		case len(b.body) > limit:
			return tooLarge(limit)
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fault.New(fault.DeadlineExceeded, bodyTimeout, "the body did not arrive within %v", within)
		case err != nil:
			return fault.New(fault.InvalidArgument, "BODY_UNREADABLE", "the body ended before its announced length").Because(err)
		}
	}
}

func tooLarge(limit int) *fault.Fault {
	return fault.New(fault.InvalidArgument, bodyTooLarge, "the body is longer than %d bytes; send less at once", limit).
		With("limit_bytes", itoa(limit))
}

// checkType refuses a body that is compressed, or of another type than the route's by its Content-Type; absent is the right one, and an
// empty body needs none.
func checkType(r *http.Request, route *contract.Route) *fault.Fault {
	want := cmp.Or(route.BodyType, jsonType)
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return fault.Invalid("Content-Encoding", unsupportedType, "must be absent, is %q; send the body uncompressed", codec.Excerpt(encoding))
	}
	given := r.Header.Get("Content-Type")
	if r.ContentLength == 0 || given == "" || given == want {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(given)
	charset, has := parameters["charset"]
	if err == nil && media == want && (!has || strings.EqualFold(charset, "utf-8")) {
		return nil
	}
	return fault.Invalid("Content-Type", unsupportedType, "must be %s in UTF-8, is %q", want, codec.Excerpt(given))
}
