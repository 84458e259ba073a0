package gateway

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockPlace is a byte far behind the journal's end: a lock on Windows keeps others from reading what it covers.
const lockPlace = 1 << 30

// lockFile waits until no other process or open file has the journal.
func lockFile(file *os.File) error {
	place := &windows.Overlapped{OffsetHigh: lockPlace}
	return windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, place)
}

func unlockFile(file *os.File) {
	place := &windows.Overlapped{OffsetHigh: lockPlace}
	_ = windows.UnlockFileEx(windows.Handle(file.Fd()), 0, 1, 0, place)
}
