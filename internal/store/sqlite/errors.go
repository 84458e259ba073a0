package sqlite

import (
	"errors"
	"fmt"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/seed-255eabaa/oms/internal/state"
)

// errClosed says that the store has been closed.
var errClosed = errors.New("sqlite: the store is closed")

// errReadOnly says that the store was opened for reading.
var errReadOnly = errors.New("sqlite: the store was opened for reading only")

// What SQLite's codes mean to the callers; the others only say that the store is unavailable, such as a full disk.
var (
	// takenCodes are of a unique row that exists already.
	takenCodes = []sqlite.ResultCode{
		sqlite.ResultConstraintUnique, sqlite.ResultConstraintPrimaryKey, sqlite.ResultConstraintRowID,
	}
	// lockCodes are of a lock that somebody else holds.
	lockCodes = []sqlite.ResultCode{sqlite.ResultBusy, sqlite.ResultLocked}
	// valueCodes are of a value that the tables refuse.
	valueCodes = []sqlite.ResultCode{
		sqlite.ResultConstraint, sqlite.ResultMismatch, sqlite.ResultTooBig, sqlite.ResultRange,
	}
	// harmlessCodes are of a COMMIT that has certainly stored nothing: the lock was not got, or the log could not be written to
	// its end, and a transaction without its end does not count. Of any other error, of fsync above all, it cannot be known what
	// a restart would find.
	harmlessCodes = []sqlite.ResultCode{sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultFull, sqlite.ResultConstraint}
)

// translate wraps an error with the name of its step and with what it means to the callers.
func translate(step string, err error) error {
	if err == nil {
		return nil
	}
	code := sqlite.ErrCode(err)
	switch {
	case slices.Contains(takenCodes, code), slices.Contains(lockCodes, code.ToPrimary()):
		return fmt.Errorf("sqlite: %s: %w: %w", step, state.ErrConflict, err)
	case slices.Contains(valueCodes, code.ToPrimary()):
		return fmt.Errorf("sqlite: %s: %w: %w", step, state.ErrData, err)
	default:
		return fmt.Errorf("sqlite: %s: %w", step, err)
	}
}

// harmless tells whether a COMMIT that failed so has certainly stored nothing.
func harmless(err error) bool { return slices.Contains(harmlessCodes, sqlite.ErrCode(err).ToPrimary()) }
