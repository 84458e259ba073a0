package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-255eabaa/oms/internal/state"
)

// SQLSTATEs that mean something of their own.
const (
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	lockNotAvailable     = "55P03"
	undefinedTable       = "42P01"
	unexpected           = "OM001" // of the function expect: a row is not the version that the batch rests on (recent)
)

// isContention tells whether an error says that others are at work on the same rows: one was not as assumed, or was waited for in a
// circle or too long.
func isContention(err error) bool {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return false
	}
	switch server.Code {
	case unexpected, deadlockDetected, lockNotAvailable, serializationFailure:
		return true
	}
	return false
}

// translate names an error by what the caller can do about it. What stays unnamed means that the store is unavailable.
func translate(step string, err error) error {
	var server *pgconn.PgError
	if !errors.As(err, &server) || len(server.Code) != 5 {
		return fmt.Errorf("%s: %w", step, err)
	}
	switch server.Code {
	case uniqueViolation, serializationFailure, deadlockDetected, lockNotAvailable, unexpected:
		return fmt.Errorf("%s: %w: %w", step, state.ErrConflict, err)
	}
	switch server.Code[:2] {
	case "22", "23", "54": // data exception, integrity constraint violation, program limit exceeded (a key too long for its index)
		return fmt.Errorf("%s: %w: %w", step, state.ErrData, err)
	}
	return fmt.Errorf("%s: %w", step, err)
}

// translateCommit names an error of an exchange that may have ended in a commit. An ordinary error of the server says that it gave
// the transaction up. Anything that ends the connection says nothing: the commit may have taken place before.
func translateCommit(err error) error {
	var server *pgconn.PgError
	isServer := errors.As(err, &server)
	if isServer && server.SeverityUnlocalized != "FATAL" && server.SeverityUnlocalized != "PANIC" {
		return translate("commit", err)
	}
	if !isServer && pgconn.SafeToRetry(err) {
		return fmt.Errorf("commit: %w", err) // nothing was sent
	}
	return fmt.Errorf("commit: %w: %w", state.ErrOutcomeUnknown, err)
}
