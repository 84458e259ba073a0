package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of /proc/<pid>/stat: USER_HZ, which Linux fixes at 100.
const tick = 10 * time.Millisecond

// process is what /proc tells of a process.
type process struct {
	parent int
	cpu    time.Duration // its own and that of children that have ended
	memory int64         // resident bytes
}

func readProcess(pid int) (process, bool) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	text := string(raw)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	number := func(i int) int64 {
		value, _ := strconv.ParseInt(fields[i-3], 10, 64) // the first field after the name is number 3
		return value
	}
	ticks := number(14) + number(15) + number(16) + number(17)
	return process{int(number(4)), time.Duration(ticks) * tick, number(24) * int64(os.Getpagesize())}, true
}

// tree sums the CPU of a process and everything below it.
func tree(root int) time.Duration {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	all := map[int]process{}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if p, found := readProcess(pid); found {
				all[pid] = p
			}
		}
	}
	sum := time.Duration(0)
	for pid, p := range all {
		for at := pid; at > 1; at = all[at].parent {
			if at == root {
				sum += p.cpu
				break
			}
		}
	}
	return sum
}

// self is the CPU of this process alone.
func self() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
