package reliability

import "syscall"

// attributes have a server killed when the tests die, however they do.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
