package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ErrLosesCommits says that the database may lose what it has committed. Everything this system promises rests on commits that
// stay.
var ErrLosesCommits = errors.New("the database may lose what it has committed")

// durability are the settings without which a commit may be gone after a crash of the server or a power cut, and what to do.
var durability = []struct{ name, cure string }{
	{"fsync", "fsync = off loses or damages everything in a power cut: ALTER SYSTEM SET fsync = on"},
	{"full_page_writes", "full_page_writes = off damages pages in a power cut: ALTER SYSTEM SET full_page_writes = on"},
	{"synchronous_commit", "synchronous_commit = off loses the latest commits in a crash: ALTER SYSTEM SET synchronous_commit = on, " +
		"and remove it from ALTER ROLE, ALTER DATABASE and --store"},
}

// asker is a connection or a pool of them.
type asker interface {
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
}

// durable refuses a server, or a session, that does not keep what it commits. Sessions differ: settings may come from the address,
// the role or the database. And a server may be another one after it was started again.
func durable(ctx context.Context, connection asker) error {
	var values []string
	names := make([]string, len(durability))
	for i, setting := range durability {
		names[i] = setting.name
	}
	const ask = "SELECT array_agg(current_setting(name) ORDER BY place) FROM unnest($1::text[]) WITH ORDINALITY AS wanted(name, place)"
	// Without a prepared statement: the connection is new, and this is asked once.
	if err := connection.QueryRow(ctx, ask, pgx.QueryExecModeExec, names).Scan(&values); err != nil {
		return fmt.Errorf("ask for the database's durability: %w", err)
	}
	var cures []string
	for i, value := range values {
		if value == "off" {
			cures = append(cures, durability[i].cure)
		}
	}
	if len(cures) > 0 {
		return fmt.Errorf("%w. %s; then SELECT pg_reload_conf()", ErrLosesCommits, strings.Join(cures, "; "))
	}
	return nil
}
