package restapi

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"strconv"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/trace"
)

// Listen has the connections of a listener tell in the error model (ruling R-5) what net/http refuses by itself, before there is
// a request that a handler could see: no HTTP, a path that is not percent-encoded, a header above its limit of bytes. It has no
// setting for these answers, but writes each of them at once and always in the same form.
func Listen(listener net.Listener, headerLimit int, log *slog.Logger) net.Listener {
	return &translated{listener, headerLimit, log}
}

type translated struct {
	net.Listener
	headerLimit int
	log         *slog.Logger
}

// Accept implements net.Listener.
func (l *translated) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net/http looks for its own
	}
	return &translatedConn{connection, l}, nil
}

type translatedConn struct {
	net.Conn
	listener *translated
}

// What answers of net/http begin with and hold; those of the handler are never plain text with these headers.
var (
	ownAnswer  = []byte("HTTP/1.1 ")
	ownHeaders = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")
)

// longestOwn is the length above which nothing is an answer of net/http's own.
const longestOwn = 512

// Write implements net.Conn.
func (c *translatedConn) Write(p []byte) (int, error) {
	if len(p) > longestOwn || !bytes.HasPrefix(p, ownAnswer) || !bytes.Contains(p, ownHeaders) {
		return c.Conn.Write(p) //nolint:wrapcheck // as above
	}
	status, err := strconv.Atoi(string(p[len(ownAnswer):min(len(p), len(ownAnswer)+3)]))
	if err != nil {
		return c.Conn.Write(p) //nolint:wrapcheck // as above
	}
	if _, err := c.Conn.Write(c.listener.translate(status)); err != nil {
		return 0, err //nolint:wrapcheck // as above
	}
	return len(p), nil
}

// translate writes the whole answer for a status of net/http's own.
func (l *translated) translate(status int) []byte {
	f := fault.New(fault.InvalidArgument, "MALFORMED_REQUEST",
		"this is no request of HTTP/1.1: check the request line, the percent-encoding of the path, and the headers")
	switch status {
	case http.StatusRequestHeaderFieldsTooLarge:
		f = fault.New(fault.InvalidArgument, "HEADER_TOO_LARGE", "the header is longer than %d bytes; send less", l.headerLimit).
			With("limit_bytes", itoa(l.headerLimit))
	case http.StatusNotImplemented:
		f = fault.New(fault.Unimplemented, "UNSUPPORTED_TRANSFER_ENCODING", "Transfer-Encoding may be chunked, or absent")
	}
	traced := trace.New()
	f.TraceID = traced.ID
	l.log.Warn("no request", "status", status, "reason", f.Reason, "trace_id", f.TraceID)
	body := appendFault(nil, f)
	b := append([]byte(nil), ownAnswer...)
	b = append(b, itoa(status)+" "+http.StatusText(status)+"\r\n"...)
	traced.Echo("", func(name, value string) { b = append(b, name+": "+value+"\r\n"...) })
	b = append(b, "Content-Type: "+jsonType+"\r\nContent-Length: "+itoa(len(body))+"\r\nConnection: close\r\n\r\n"...)
	return append(b, body...)
}
