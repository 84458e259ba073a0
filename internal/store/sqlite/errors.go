package sqlite

import (
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/seed-255eabaa/oms/internal/state"
)

// errClosed says that the store has been closed.
var errClosed = errors.New("sqlite: the store is closed")

// errReadOnly says that the store was opened for reading.
var errReadOnly = errors.New("sqlite: the store was opened for reading only")

// translate wraps an error with the name of its step and with what it means to the callers.
func translate(step string, err error) error {
	if err == nil {
		return nil
	}
	switch meaning := meaningOf(sqlite.ErrCode(err)); meaning {
	case nil:
		return fmt.Errorf("sqlite: %s: %w", step, err)
	default:
		return fmt.Errorf("sqlite: %s: %w: %w", step, meaning, err)
	}
}

// meaningOf answers nil for what only says that the store is unavailable, such as a full disk.
func meaningOf(code sqlite.ResultCode) error {
	switch code {
	case sqlite.ResultConstraintUnique, sqlite.ResultConstraintPrimaryKey, sqlite.ResultConstraintRowID:
		return state.ErrConflict
	}
	switch code.ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultLocked:
		return state.ErrConflict
	case sqlite.ResultConstraint, sqlite.ResultMismatch, sqlite.ResultTooBig, sqlite.ResultRange:
		return state.ErrData
	}
	return nil
}

// harmless tells whether a COMMIT that failed so has certainly stored nothing: the lock was not got, or the log could not be
// written to its end, and an end that is missing ends the transaction's life. Of any other error, of fsync above all, it
// cannot be known what a restart would find.
func harmless(code sqlite.ResultCode) bool {
	switch code.ToPrimary() {
	case sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultFull, sqlite.ResultConstraint:
		return true
	}
	return false
}
