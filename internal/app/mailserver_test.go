package app_test

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

// mailServer is a real SMTP server that keeps what it has taken and fails as it is told.
type mailServer struct {
	address string
	fail    func(step string, to string) error // "connect", "rcpt", "data"; nil never fails

	mutex   sync.Mutex
	letters []letter
	tries   atomic.Int64
}

// letter is one e-mail that was answered with 250.
type letter struct {
	To, Subject, MessageID, Body string
}

// errDrop has the connection dropped without a reply.
var errDrop = errors.New("drop the connection")

func startMail(t *testing.T, fail func(step, to string) error) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mailServer{address: listener.Addr().String(), fail: fail}
	server := smtp.NewServer(m)
	server.Domain, server.ReadTimeout, server.ErrorLog = "localhost", 30*time.Second, quiet{}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return m
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// NewSession implements smtp.Backend.
func (m *mailServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	m.tries.Add(1)
	return &mailSession{server: m, conn: c}, m.failing(c, "connect", "")
}

func (m *mailServer) failing(c *smtp.Conn, step, to string) error {
	if m.fail == nil {
		return nil
	}
	err := m.fail(step, to)
	if errors.Is(err, errDrop) {
		_ = c.Conn().Close()
	}
	return err
}

func (m *mailServer) taken() []letter {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return append([]letter(nil), m.letters...)
}

type mailSession struct {
	server *mailServer
	conn   *smtp.Conn
	to     string
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.server.failing(s.conn, "rcpt", to)
}

func (s *mailSession) Data(r io.Reader) error {
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
	s.server.letters = append(s.server.letters, letter{
		To: s.to, Subject: message.Header.Get("Subject"), MessageID: message.Header.Get("Message-Id"),
		Body: message.Header.Get("Content-Type") + "\r\n\r\n" + string(body),
	})
	return nil
}
