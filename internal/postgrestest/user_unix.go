//go:build unix

package postgrestest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// quit makes a server end at once, without a checkpoint.
const quit = syscall.SIGQUIT

// serverUser is whom the server runs as when the tests run as root, which it refuses to do.
func serverUser() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidError := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidError := strconv.ParseUint(account.Gid, 10, 32)
		if uidError == nil && gidError == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return nil // initdb says what is wrong
}

// asServer starts a process as the server's user, in a process group of its own: an interrupt of the tests at the terminal
// reaches only them, and they end the server.
func asServer() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: serverUser()}
}

// detach starts a process in a group of its own.
func detach(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// giveAway makes the server's user own a folder.
func giveAway(folder string) error {
	credential := serverUser()
	if credential == nil {
		return nil
	}
	if err := os.Chown(folder, int(credential.Uid), int(credential.Gid)); err != nil {
		return fmt.Errorf("chown: %w", err)
	}
	return nil
}
