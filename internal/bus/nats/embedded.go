package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
)

// ErrLocked says that another process has the data folder.
var ErrLocked = errors.New("the bus's data folder is in use by another process; several processes share a bus by --bus nats://…")

// maxPayload of the embedded server leaves room for one event far above the limits of the edge.
const maxPayload = 8 << 20

// Embedded starts a NATS server inside the process, with file storage below dir: the connection is in memory, and there is no
// listener but for outside consumers, where one was asked for. The folder is locked before anything in it is opened, because
// the server itself would not notice a second one.
func Embedded(dir string, o Options) (*Bus, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the bus's data folder: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "bus.lock"))
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	running, own, err := startServer(dir, o)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	stop := closer(func() error {
		running.Shutdown()
		running.WaitForShutdown()
		return nil
	})
	b, err := connect(running, own, o)
	if err != nil {
		return nil, errors.Join(err, stop(), lock.Close())
	}
	b.closers = append(b.closers, stop, lock)
	return b, nil
}

// connect opens the process's own connections. They have no URL: each is a pipe, and made again should the server drop it.
func connect(running *server.Server, own secrets, o Options) (*Bus, error) {
	inside := []client.Option{client.InProcessServer(running)}
	if o.Outside == nil {
		return open(o, "", inside)
	}
	b, err := open(o, "", append(inside, client.UserInfo(frameUser, own.frames)))
	if err != nil {
		return nil, err
	}
	if b.outside, err = o.Outside.connect(running, own); err != nil {
		b.conn.Close()
		return nil, err
	}
	if o.Outside.Addr != "" {
		b.listening = running.Addr().String()
	}
	return b, nil
}

func startServer(dir string, o Options) (*server.Server, secrets, error) {
	options := &server.Options{
		ServerName:             "oms-embedded",
		DontListen:             true,
		NoSigs:                 true,
		MaxPayload:             maxPayload,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               dir,
		JetStreamMaxMemory:     32 << 20,
		JetStreamMaxStore:      4 * o.MaxBytes, // every stream reserves its limit, and former epochs keep theirs
		SyncInterval:           o.SyncInterval,
		SyncAlways:             o.SyncAlways,
	}
	var own secrets
	var err error
	if o.Outside != nil {
		if own, err = o.Outside.admit(options); err != nil {
			return nil, own, err
		}
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, own, fmt.Errorf("configure the embedded NATS server: %w", err)
	}
	s.SetLoggerV2(serverLog{o.Logger.With("component", "nats")}, false, false, false)
	s.Start()
	if err := ready(s, o); err != nil {
		s.Shutdown()
		return nil, own, err
	}
	return s, own, nil
}

// ready waits until a server that was started can be used.
func ready(s *server.Server, o Options) error {
	if !s.ReadyForConnections(20 * time.Second) {
		return errors.New("the embedded NATS server did not start: " + o.where())
	}
	if !s.JetStreamEnabled() {
		return errors.New("the embedded NATS server started without JetStream; its log says why")
	}
	if o.Outside == nil {
		return nil
	}
	return o.Outside.enable(s)
}

// where tells what may be in the way of the server's start.
func (o Options) where() string {
	if o.Outside == nil || o.Outside.Addr == "" {
		return "its log says why"
	}
	return "its log says why; is --bus-listen=" + o.Outside.Addr + " in use?"
}

type closer func() error

// Close implements io.Closer.
func (c closer) Close() error { return c() }

// serverLog takes the server's words for what they are worth to an operator of oms: a notice is a detail.
type serverLog struct{ to *slog.Logger }

func (l serverLog) write(level slog.Level, format string, v []any) {
	if l.to.Enabled(context.Background(), level) {
		l.to.Log(context.Background(), level, fmt.Sprintf(format, v...))
	}
}

// Noticef implements server.Logger.
func (l serverLog) Noticef(format string, v ...any) { l.write(slog.LevelDebug, format, v) }

// Debugf implements server.Logger.
func (l serverLog) Debugf(format string, v ...any) { l.write(slog.LevelDebug, format, v) }

// Tracef implements server.Logger.
func (l serverLog) Tracef(format string, v ...any) { l.write(slog.LevelDebug, format, v) }

// Warnf implements server.Logger.
func (l serverLog) Warnf(format string, v ...any) { l.write(slog.LevelWarn, format, v) }

// Errorf implements server.Logger.
func (l serverLog) Errorf(format string, v ...any) { l.write(slog.LevelWarn, format, v) }

// Fatalf implements server.Logger.
func (l serverLog) Fatalf(format string, v ...any) { l.write(slog.LevelError, format, v) }
