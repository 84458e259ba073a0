package reliability

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binary is the program, built once; without the race detector, whatever the tests run with.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// Most of these tests wait for a server or a timer most of the time: more of them at once than there are processors.
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := noticeSources(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	folder, err := os.MkdirTemp("", "oms-reliability-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	binary = filepath.Join(folder, "oms")
	if err := build(binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(to string, flags ...string) error {
	arguments := append(append([]string{"build", "-race=false"}, flags...), "-o", to, "../../cmd/oms")
	if output, err := exec.Command("go", arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the server: %w\n%s", err, output)
	}
	return nil
}

// pausing answers the program with the pauses of the tag, built when it is first asked for.
var pausing = sync.OnceValues(func() (string, error) {
	path := binary + "-pausing"
	return path, build(path, "-tags", "pauses")
})

// noticeSources looks at every file of the program. It is built and not imported, and `go test` would answer from its cache after a
// change of it, but for the files that it saw the tests look at.
func noticeSources() error {
	for _, folder := range []string{"../../cmd", "../../gen", "../../internal", "../../go.mod"} {
		err := filepath.WalkDir(folder, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			_, err = os.Stat(path)
			return err
		})
		if err != nil {
			return fmt.Errorf("look at the sources: %w", err)
		}
	}
	return nil
}

// Ports of servers lie below those that systems give to outgoing connections: a server that is killed gets its own again.
const firstPort, lastPort = 15_000, 32_000

var ports = struct {
	sync.Mutex
	next int
}{next: firstPort + os.Getpid()%170*100}

// freeAddress answers an address on which nobody listens, and which no other test of this process gets.
func freeAddress() string {
	ports.Lock()
	defer ports.Unlock()
	for range lastPort - firstPort {
		ports.next++
		if ports.next >= lastPort {
			ports.next = firstPort
		}
		address := fmt.Sprintf("127.0.0.1:%d", ports.next)
		listener, err := net.Listen("tcp", address)
		if err == nil {
			_ = listener.Close() // nothing was accepted
			return address
		}
	}
	panic(errors.New("no port is free"))
}
