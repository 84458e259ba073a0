package drill

import "syscall"

// attributes have a server killed when the drill dies, however it does.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
