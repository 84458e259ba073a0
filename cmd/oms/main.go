// Command oms is the order management system: server, trial, tools.
package main

import (
	"os"

	"github.com/seed-255eabaa/oms/internal/app/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
