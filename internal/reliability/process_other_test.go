//go:build !linux

package reliability

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
