//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lock takes the right to write the database at path until the file it answers is closed or the process ends, however it ends.
// SQLite's own locks would let a second server in between two transactions, and its batches would then not see the first one's
// clock and counter.
func lock(path string) (*os.File, error) {
	file, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: lock file: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return file, nil
	}
	_ = file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("sqlite: %s is in use by another oms process; stop it, or give this one another data folder", path)
	}
	return nil, fmt.Errorf("sqlite: lock %s: %w", path, err)
}
