// Package stripetest plays Stripe for tests. Mock is stripe-mock, Stripe's own stateless double: it refuses whatever Stripe's OpenAPI
// description does not allow, and answers fixtures. Account stands before one and remembers, so that a payment can go its whole way.
package stripetest

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// built is stripe-mock, compiled once for all tests from the module that pins it.
var built = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	folder := filepath.Join(filepath.Dir(here), "..", "..", "..", "..", "..", "tools", "stripemock")
	out, err := exec.Command("go", "tool", "-C", folder, "-n", "stripe-mock").CombinedOutput() //nolint:gosec // ours
	return strings.TrimSpace(string(out)), err
})

// Mock starts stripe-mock until the test ends, and answers its URL.
func Mock(t testing.TB) string {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatalf("build stripe-mock: %v\n%s", err, program)
	}
	mock := exec.CommandContext(t.Context(), program, "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0") //nolint:gosec // built above
	out, err := mock.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := mock.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = mock.Process.Kill()
		_ = mock.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if address, found := strings.CutPrefix(lines.Text(), "Listening for HTTP at address: "); found {
			return "http://" + address
		}
	}
	t.Fatal("stripe-mock ended before it listened")
	return ""
}
