// Package mailtest is a real SMTP server for tests, which keeps what it has taken and fails as it is told.
package mailtest

import (
	"errors"
	"io"
	"net"
	"net/mail"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// Server takes e-mails at its address.
type Server struct {
	Address string
	Tries   atomic.Int64 // connections
	Open    atomic.Int64 // connections that have not ended

	fail    func(step, to string) error
	mutex   sync.Mutex
	letters []Letter
}

// Letter is one e-mail that was taken; it is kept before it is answered with 250.
type Letter struct {
	To, Subject, MessageID, Body string
}

// ErrDrop has the connection dropped without a reply.
var ErrDrop = errors.New("drop the connection")

// Start starts a server that ends with the test. Fail is asked at the steps "connect", "rcpt" and "data"; nil never fails.
func Start(t testing.TB, fail func(step, to string) error) *Server {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &Server{Address: listener.Addr().String(), fail: fail}
	server := smtp.NewServer(m)
	server.Domain, server.ReadTimeout, server.ErrorLog = "localhost", 30*time.Second, quiet{}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return m
}

type quiet struct{}

// Printf implements smtp.Logger.
func (quiet) Printf(string, ...any) {}

// Println implements smtp.Logger.
func (quiet) Println(...any) {}

// NewSession implements smtp.Backend.
func (m *Server) NewSession(c *smtp.Conn) (smtp.Session, error) {
	m.Tries.Add(1)
	m.Open.Add(1)
	return &session{server: m, conn: c}, m.failing(c, "connect", "")
}

func (m *Server) failing(c *smtp.Conn, step, to string) error {
	if m.fail == nil {
		return nil
	}
	err := m.fail(step, to)
	if errors.Is(err, ErrDrop) {
		_ = c.Conn().Close()
	}
	return err
}

// Taken answers what was taken, in order.
func (m *Server) Taken() []Letter {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return append([]Letter(nil), m.letters...)
}

type session struct {
	server *Server
	conn   *smtp.Conn
	to     string
}

// Reset implements smtp.Session.
func (s *session) Reset() {}

// Logout implements smtp.Session; it comes at the end of each connection.
func (s *session) Logout() error {
	s.server.Open.Add(-1)
	return nil
}

// Mail implements smtp.Session.
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.server.failing(s.conn, "rcpt", to)
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(message.Body)
	if err != nil {
		return err
	}
	if err := s.server.failing(s.conn, "data", s.to); err != nil {
		return err
	}
	s.server.mutex.Lock()
	defer s.server.mutex.Unlock()
	s.server.letters = append(s.server.letters, Letter{
		To: s.to, Subject: message.Header.Get("Subject"), MessageID: message.Header.Get("Message-Id"),
		Body: message.Header.Get("Content-Type") + "\r\n\r\n" + string(body),
	})
	return nil
}
