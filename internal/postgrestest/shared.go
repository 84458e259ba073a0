package postgrestest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// shared is the cluster of this process's tests. It is started by the first that wants a database and ends with the process.
var shared = sync.OnceValues(func() (*Cluster, error) { return Start("", Options{}) })

var databases atomic.Int64

// Shared answers the cluster that all tests of this process share. It fails the test, and never skips it, when there is no
// PostgreSQL: the error says what to install.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	cluster, err := shared()
	if err != nil {
		t.Fatalf("this test needs a PostgreSQL of its own: %v", err)
	}
	return cluster
}

// New answers the address of an empty database. It stays until the process ends, with its cluster: dropping a database makes the
// server write a checkpoint, which takes longer than most tests.
func New(t testing.TB) string {
	t.Helper()
	cluster := Shared(t)
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	address, err := cluster.Create(ctx, fmt.Sprintf("test_%d", databases.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	return address
}
