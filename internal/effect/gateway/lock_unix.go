//go:build unix

package gateway

import (
	"errors"
	"os"
	"syscall"
)

// lockFile waits until no other process or open file has the journal. The lock ends with the file, so also with the process,
// however it ends.
func lockFile(file *os.File) error {
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func unlockFile(file *os.File) {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
}
