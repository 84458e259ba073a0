package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/load"
)

// Server is a process of its own, so that it can be killed as kill -9 does. Its addresses stay, whichever process serves on them.
type Server struct {
	load.Target
	program   string
	arguments []string
	opsAddr   string
	patience  time.Duration

	log     output
	mutex   sync.Mutex
	process *exec.Cmd
	exited  chan struct{}
}

// NewServer makes a server that has not started. The arguments are those of the program without its addresses.
func NewServer(program string, arguments []string, patience time.Duration) (*Server, error) {
	s := &Server{program: program, patience: max(patience, 30*time.Second)}
	var api string
	for _, address := range []*string{&api, &s.GRPCAddr, &s.InternalAddr, &s.opsAddr} {
		var err error
		if *address, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	s.arguments = append(append(s.arguments, arguments...),
		"--api-addr", api, "--grpc-addr", s.GRPCAddr, "--internal-addr", s.InternalAddr, "--ops-addr", s.opsAddr)
	return s, nil
}

// Start starts a process with more arguments, and waits until it accepts commands.
func (s *Server) Start(ctx context.Context, more ...string) error {
	arguments := append(append([]string{}, s.arguments...), more...)
	process := exec.CommandContext(ctx, s.program, arguments...) //nolint:gosec // the program itself
	process.Stdout, process.Stderr, process.SysProcAttr = &s.log, &s.log, attributes()
	if err := process.Start(); err != nil {
		return fmt.Errorf("start a server: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = process.Wait() // how it ended is told by what it printed
	}()
	s.mutex.Lock()
	s.process, s.exited = process, exited
	s.mutex.Unlock()
	limit := time.Now().Add(s.patience)
	for !s.ready(ctx) {
		select {
		case <-exited:
			return fmt.Errorf("the server ended: %s", s.log.tail())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(limit) {
			return fmt.Errorf("the server is not ready: %s", s.log.tail())
		}
	}
	return nil
}

// Kill ends the process as kill -9 does, and waits until it is gone.
func (s *Server) Kill() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill() // it may be gone
	<-s.exited
	s.process = nil
}

func (s *Server) ready(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.opsAddr+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()               //nolint:errcheck // read to its end
	_, _ = io.Copy(io.Discard, response.Body) // only the status counts
	return response.StatusCode == http.StatusOK
}

// output keeps the end of what a process prints.
type output struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

// keptOutput is how much is told of a server that does not start.
const keptOutput = 2_000

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.text.Write(p)
	if over := o.text.Len() - 2*keptOutput; over > 0 {
		o.text.Next(over)
	}
	return len(p), nil
}

func (o *output) tail() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	text := o.text.String()
	return text[max(0, len(text)-keptOutput):]
}

// Ports lie below those that systems give to outgoing connections: a server that is killed gets its own again.
const firstPort, lastPort = 15_000, 32_000

func freeAddress() (string, error) {
	for range 1_000 {
		address := fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort)) //nolint:gosec // chance, no secret
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
		if err == nil {
			_ = listener.Close() // nothing was accepted
			return address, nil
		}
	}
	return "", errors.New("no port is free")
}
