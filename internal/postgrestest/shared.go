package postgrestest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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

// New answers the address of an empty database that is dropped when the test ends.
func New(t testing.TB) string {
	t.Helper()
	cluster := Shared(t)
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), databases.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	address, err := cluster.Create(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := cluster.Drop(ctx, name); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return address
}
