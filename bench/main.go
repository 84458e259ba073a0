// Command bench measures oms against the limit of its machine: it starts what it measures (the server as processes of their own,
// a PostgreSQL cluster with default durability), runs pgbench -N against the same PostgreSQL in the same minutes, and prints
// every figure as a ratio to that.
//
//	go run ./bench                                   all scenarios of docs/performance.md, in their short form
//	go run ./bench -stores postgres -scenarios order -clients 256 -duration 20s
//	go run ./bench -scenarios order -rate 2000       open loop: latency from the intended start
//	go run ./bench -scenarios authorize,bet -half    bets, and their latency at half of the peak
//	go run ./bench -json
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

// settings are what the flags say.
type settings struct {
	stores    []string
	scenarios []string
	clients   []int
	processes int
	dialect   string
	duration  time.Duration
	pgbench   time.Duration
	rate      float64
	skus      int
	preload   int
	half      bool
	verify    bool
	json      bool
	profile   string
	// statements asks for PostgreSQL's own statistics.
	statements bool
}

func main() {
	if err := start(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// start measures until it is done or interrupted.
func start(arguments []string) error {
	s, err := read(arguments)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return run(ctx, s)
}

// read reads the flags.
func read(arguments []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	stores := flags.String("stores", "postgres,sqlite", "stores to measure")
	scenarios := flags.String("scenarios", "accept,create,order,hot,read,list,mixed", "scenarios to run")
	clients := flags.String("clients", "256", "numbers of concurrent clients, such as 1,32,256")
	flags.IntVar(&s.processes, "processes", 1, "server processes; two need an external NATS, which is started, and PostgreSQL")
	flags.StringVar(&s.dialect, "dialect", "grpc", "grpc or rest (accept and read only)")
	flags.DurationVar(&s.duration, "duration", 8*time.Second, "length of each measurement, after a warm-up")
	flags.DurationVar(&s.pgbench, "pgbench", 6*time.Second, "length of each pgbench run; 0 leaves it out")
	flags.Float64Var(&s.rate, "rate", 0, "open loop: requests a second, latency from the intended start; 0 is closed loop")
	flags.BoolVar(&s.half, "half", false, "after each closed loop, an open loop at half of the peak that it reached")
	flags.IntVar(&s.skus, "skus", 10_000, "stock keeping units that orders are spread over")
	flags.IntVar(&s.preload, "preload", 0, "orders stored before the measurement")
	flags.BoolVar(&s.verify, "verify", true, "check the invariants after each scenario that changes something")
	flags.BoolVar(&s.json, "json", false, "print the results as JSON")
	flags.BoolVar(&s.statements, "statements", false, "print the statements that took PostgreSQL the most time")
	flags.StringVar(&s.profile, "profile", "", "folder for a CPU profile of the server in each scenario")
	if err := flags.Parse(arguments); err != nil {
		return s, err //nolint:wrapcheck // flag's own words
	}
	s.stores, s.scenarios = strings.Split(*stores, ","), strings.Split(*scenarios, ",")
	for _, text := range strings.Split(*clients, ",") {
		number, err := strconv.Atoi(text)
		if err != nil || number < 1 {
			return s, fmt.Errorf("-clients: %q is not a number above zero", text)
		}
		s.clients = append(s.clients, number)
	}
	for _, name := range s.scenarios {
		if _, found := scenarioTable[name]; !found {
			return s, fmt.Errorf("-scenarios: there is no scenario %q", name)
		}
	}
	return s, nil
}

// run measures every combination.
func run(ctx context.Context, s settings) (err error) {
	b, err := newBench(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	var results []result
	for _, store := range s.stores {
		for _, name := range s.scenarios {
			for _, clients := range s.clients {
				measured, err := b.measure(ctx, store, name, clients)
				if err != nil {
					return fmt.Errorf("%s on %s with %d clients: %w", name, store, clients, err)
				}
				measured.compare(results)
				results = append(results, measured)
				if !s.json {
					show(os.Stdout, measured, len(results) == 1)
				}
			}
		}
	}
	if s.json {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(results) //nolint:wrapcheck // standard output
	}
	return nil
}
