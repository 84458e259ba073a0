// Package app is the only wiring: it opens the store and the bus, and connects the edge, the pipeline, the relay, the reactor,
// the timers and the effects as docs/architecture.md draws them. The whole program is a value that a test can run.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-255eabaa/oms/internal/books"
	"github.com/seed-255eabaa/oms/internal/bus"
	"github.com/seed-255eabaa/oms/internal/bus/nats"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/jackpot"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/edge/service"
	"github.com/seed-255eabaa/oms/internal/effect"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/gateway/stripe"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/feed"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/outbox"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/public"
	"github.com/seed-255eabaa/oms/internal/reactor"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store/postgres"
	"github.com/seed-255eabaa/oms/internal/telemetry"
	"github.com/seed-255eabaa/oms/internal/timer"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// App is one process of oms.
type App struct {
	config  config.Config
	logger  *slog.Logger
	metrics *telemetry.Metrics
	tracer  *telemetry.Tracer // nil without an endpoint
	holder  string            // names this process in leases and effects

	store     closableStore
	bus       *nats.Bus
	exclusive *postgres.Exclusive         // right to the embedded bus; nil where nobody could take it
	stripe    *stripe.Gateway             // nil without an account
	receivers map[string]gateway.Receiver // of callbacks, by gateway
	listers   map[string]gateway.Lister   // gateways that can list what they did
	table     *table
	pipeline  *pipeline.Pipeline
	relay     *outbox.Relay
	reactor   *reactor.Reactor
	public    *public.Publisher // nil when switched off
	timers    *timer.Service
	books     *books.Service
	effects   *effect.Workers
	feed      *feed.Feed
	edges     *edges

	files  files
	levels *levels

	ready   atomic.Bool
	closers []func() error // in order of opening
}

// New opens everything that a process needs and listens on its addresses; Run serves. The settings have been validated; files of theirs
// that are wrong (see CheckFiles) are config.Problems.
func New(ctx context.Context, c config.Config, logger *slog.Logger) (*App, error) {
	tuneMemory()
	a := &App{config: c, logger: logger, holder: holderName(&c), metrics: telemetry.NewMetrics(telemetry.Build())}
	var problems config.Problems
	if a.files, problems = readFiles(&c); len(problems) > 0 {
		return nil, problems
	}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// open opens store and bus and makes the parts, from the inside out.
func (a *App) open(ctx context.Context) error {
	version, _ := telemetry.Build()
	var err error
	if a.tracer, err = telemetry.NewTracer(ctx, telemetry.TracerOptions{
		Endpoint: a.config.OTLPEndpoint, Share: a.config.TraceShare, Version: version, Instance: a.holder,
	}, a.logger); err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { return a.tracer.Close(context.WithoutCancel(ctx)) })
	if a.store, err = openStore(ctx, a.config.Storage, a.config.Dev, a.logger); err != nil {
		return err
	}
	a.closers = append(a.closers, a.store.Close)
	if err := a.openBus(ctx); err != nil {
		return err
	}
	a.table = &table{
		store: a.store, provider: a.config.GatewayName(), kyc: a.config.RequireKYC,
		names: newNameCache(a.store), wallets: newWalletCache(a.store),
	}
	a.table.notices = &noticeTable{Notices: notices(&a.config), store: a.store}
	a.makeRelay()
	a.makePipeline()
	if a.stripe, err = a.openStripe(); err != nil {
		return err
	}
	if err := a.makeEffects(); err != nil {
		return err
	}
	if err := a.makeReactors(); err != nil {
		return err
	}
	if err := a.makePublic(); err != nil {
		return err
	}
	return a.openEdges(ctx)
}

// openBus starts the embedded bus, which only one process of a database may have, or connects to the external one.
func (a *App) openBus(ctx context.Context) error {
	options := nats.Options{Database: databaseName(a.config.Storage), Logger: a.logger}
	var err error
	if a.config.EmbeddedBus() {
		if shared, is := a.store.(postgresStore); is {
			if a.exclusive, err = shared.ExclusiveBus(ctx); err != nil {
				return fmt.Errorf("another process runs its embedded bus on this database; "+
					"several processes need a bus that they share: set --bus nats://HOST:4222 for each of them: %w", err)
			}
			a.closers = append(a.closers, a.exclusive.Release)
		}
		options.Outside = a.outside()
		a.bus, err = nats.Embedded(filepath.Join(a.config.DataDir, "bus"), options)
	} else {
		a.bus, err = nats.Connect(string(a.config.Bus), options)
	}
	if err != nil {
		return fmt.Errorf("open the bus: %w", err)
	}
	a.closers = append(a.closers, a.bus.Close)
	return nil
}

// makeRelay makes the outbox's relay. A process without the role only wakes the one that has it.
func (a *App) makeRelay() {
	a.relay = outbox.New(outbox.Options{
		Store: a.store, Publisher: plantedPublisher(a.bus), Holder: a.holder, Logger: a.logger, Metrics: a.relayMetrics(),
		LowWater: func(ctx context.Context) (int64, error) {
			cursor, err := a.store.Cursor(ctx, reactor.LeaseName(reactorName))
			return cursor.Position, err //nolint:wrapcheck // the relay says what it asked for
		},
	})
}

// makePipeline makes the pipeline. After each commit the relay gets the events, and the workers the calls they own.
func (a *App) makePipeline() {
	environment := pipeline.Environment{
		Store: plantedStore(a.store), EncodeAnswer: wire.Answer, EncodeAnswers: wire.Answers, EncodeEvent: wire.Event, Logger: a.logger,
		Observe: a.pipelineMetrics(), Committed: a.committed, Trace: a.batchSpans(),
	}
	if a.config.Has(config.RoleEffect) {
		environment.EffectOwner, environment.EffectLease = a.holder, effect.Lease
	}
	a.pipeline = pipeline.New(pipeline.Options{
		Environment: environment, Lanes: a.config.LaneCount(), MaxCommands: a.config.MaxBatch, MaxRows: a.config.MaxBatchRows,
		MaxBytes: a.config.MaxBatchBytes, MaxQueue: a.config.MaxQueue,
		Deadline: a.config.RequestDeadline, MaxDeadline: a.config.MaxRequestDeadline,
	})
}

// committed is told of each batch before its rows are free for the next.
func (a *App) committed(batch id.UUID, events []state.Event, rows []state.Written) {
	a.relay.Committed(batch, events)
	a.table.names.committed(rows)
	a.table.wallets.committed(rows)
	a.table.notices.committed(rows)
	a.observeRows(rows)
	if a.effects == nil {
		return
	}
	var calls []*state.Effect
	for i := range rows {
		if e, found := rows[i].Row.(*state.Effect); found && rows[i].New && e.Owner == a.holder {
			calls = append(calls, e)
		}
	}
	if len(calls) > 0 {
		a.effects.Wake(calls)
	}
}

// makeEffects makes the workers that call the gateway.
func (a *App) makeEffects() error {
	if !a.config.Has(config.RoleEffect) {
		return nil
	}
	gateways, err := a.openGateways()
	if err != nil {
		return err
	}
	options := effect.Options{
		Store: a.store, Gateways: gateways, Flow: effectFlow(a.table.notices.Notices),
		Submit: a.submit, Names: a.table.names.of, Owner: a.holder, Lease: effect.Lease, Logger: a.logger,
		Observe: a.effectMetrics(), Begin: a.effectSpans(),
	}
	if err := a.addSenders(&options); err != nil {
		return err
	}
	a.effects, err = effect.New(options)
	if err != nil {
		return fmt.Errorf("effects: %w", err)
	}
	return nil
}

// reactorName names the cursor of the flow's reactor.
const reactorName = "flow"

// makeReactors makes what follows events and timers, and the feed of followers.
func (a *App) makeReactors() error {
	a.reactor = reactor.New(reactor.Options{
		Name: reactorName, Holder: a.holder, Store: a.store, Subscriber: a.bus, Logger: a.logger, Metrics: a.reactorMetrics(),
		React: a.table.react, Submit: a.step,
		Park: func(ctx context.Context, e state.Event, cause error, attempts int) error {
			if refusal := a.submit(ctx, park(e, cause, attempts)).Fault; refusal != nil {
				return refusal
			}
			return nil
		},
	})
	var err error
	a.timers, err = timer.New(timer.Options{
		Store: a.store, Submit: a.submit, Logger: a.logger, KeyAge: a.config.IdempotencyRetention,
		BatchAge: a.config.BatchRetention,
		Fire: map[string]timer.Fire{
			order.TimerExpire: a.table.expire, flow.TimerCallExpires: a.table.expireCall, domain.TimerHoldExpire: a.table.expireHold,
			jackpot.TimerCollect:    a.table.collectJackpot,
			domain.TimerBonusExpire: a.table.expireBonus,
		},
		End: map[string]timer.End{order.TimerExpire: a.table.endExpiry}, Unknown: endUnknown,
		Observe: a.timerMetrics(),
	})
	if err != nil {
		return fmt.Errorf("timers: %w", err)
	}
	a.books = books.New(books.Options{Store: a.store, Holder: a.holder, Logger: a.logger})
	a.feed = feed.New(feed.Options{Subscriber: bus.Subscriber(a.bus), Store: a.store, Logger: a.logger})
	a.levels = &levels{App: a}
	a.watch()
	return nil
}

// Run serves until the context ends, then finishes what was accepted and answers nil; an error is why it could not go on.
// It stops from the outside in: followers, requests, what makes commands, calls to gateways, the pipeline, the relay.
func (a *App) Run(ctx context.Context) error {
	var group, makers, callers errgroup.Group
	lasting := context.WithoutCancel(ctx)
	following, stopFollowing := context.WithCancel(lasting)
	making, stopMaking := context.WithCancel(lasting)
	calling, stopCalling := context.WithCancel(lasting)
	keeping, stopKeeping := context.WithCancel(lasting)
	defer stopKeeping()
	defer stopCalling()
	defer stopMaking()
	defer stopFollowing()
	serving, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	run := func(ctx context.Context, group *errgroup.Group, name string, wanted bool, part func(context.Context) error) {
		if !wanted {
			return
		}
		group.Go(func() error {
			if err := part(ctx); err != nil && ctx.Err() == nil {
				err = fmt.Errorf("%s: %w", name, err)
				failed(err)
				return err
			}
			return nil
		})
	}
	run(keeping, &group, "pipeline", true, a.pipeline.Run)
	run(keeping, &group, "relay", a.config.Has(config.RoleRelay), a.relay.Run)
	run(keeping, &group, "public stream", a.public != nil, a.publicRun)
	run(making, &makers, "reactor", a.config.Has(config.RoleReactor), a.reactor.Run)
	run(making, &makers, "timers", a.config.Has(config.RoleTimer), a.timers.Run)
	run(making, &makers, "books", a.config.Has(config.RoleTimer), a.books.Run)
	run(calling, &callers, "effects", a.config.Has(config.RoleEffect), a.effectsRun)
	run(following, &group, "feed", a.config.Has(config.RoleAPI), a.feed.Run)
	run(keeping, &group, "levels", true, a.levels.run)
	run(keeping, &group, "embedded bus", a.exclusive != nil, a.exclusive.Keep)
	run(keeping, &group, "listeners", true, func(context.Context) error { return a.edges.serve() })
	a.ready.Store(true)
	a.logger.Info("the server is ready: it accepts commands", "api", a.edges.api(), "grpc", a.edges.grpc(),
		"internal", a.edges.internal(), "ops", a.edges.ops())

	<-serving.Done()
	a.ready.Store(false)
	a.logger.Info("stopping: finishing what was accepted")
	grace, cancel := context.WithTimeout(lasting, a.config.ShutdownGrace)
	defer cancel()
	stopFollowing()
	a.edges.shutdown(grace)
	// What is under way ends in commands: those of events and timers may ask for calls, and calls for what they lead to.
	stopMaking()
	within(grace, &makers)
	stopCalling()
	within(grace, &callers)
	drained := a.pipeline.Drain(grace)
	stopKeeping()
	return errors.Join(makers.Wait(), callers.Wait(), group.Wait(), drained)
}

// within waits for a group until the context ends.
func within(ctx context.Context, group *errgroup.Group) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = group.Wait() // whoever waits without a limit is told
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// effectsRun is the workers' Run; it is called only where there are workers.
func (a *App) effectsRun(ctx context.Context) error { return a.effects.Run(ctx) }

// Ready tells whether commands are accepted and can be followed.
func (a *App) Ready() bool {
	following := !a.config.Has(config.RoleAPI) || a.feed.Now().Epoch != ""
	return a.ready.Load() && a.pipeline.Accepting() && following
}

// Close closes what New opened. Run must have returned.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// Addresses answers where the process listens.
func (a *App) Addresses() (api, grpc, internal, ops string) {
	return a.edges.api(), a.edges.grpc(), a.edges.internal(), a.edges.ops()
}

// holderName names a process in leases, uniquely over all time. The process of an embedded database is the only one that there
// can be, so it keeps its name, and takes over at once what it held before it was killed.
func holderName(c *config.Config) string {
	if !c.Postgres() {
		return "embedded"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), id.V7(time.Now(), randomBytes()))
}

// randomBytes draws the entropy of an identifier.
func randomBytes() (entropy id.Random) {
	_, _ = rand.Read(entropy[:]) // never fails
	return entropy
}

// submit brings a command to its answer, in a span of its own, and counts it when it is a step of a saga.
func (a *App) submit(ctx context.Context, c command.Command) command.Result {
	ctx, span := a.tracer.Command(ctx, c.Method, c.TraceID)
	result := a.pipeline.Submit(ctx, plantedCommand(c))
	span.EndFault(result.Fault)
	if result.Fault != nil && result.Fault.Reason == inventory.StaleDemand {
		a.table.names.forget(c.Tenant, result.Fault.Metadata["order_id"])
	}
	if step, found := strings.CutPrefix(c.Method, "flow/"); found {
		code := fault.OK
		if result.Fault != nil {
			code = result.Fault.Code
		}
		a.metrics.Step(step, code)
	}
	return result
}

// request submits what a client asks for. It is refused rather than carried out late, unlike what follows from commands that were accepted.
func (a *App) request(ctx context.Context, c command.Command) command.Result {
	c.Patience = a.config.MaxQueueTime
	return a.submit(ctx, c)
}

// step submits what follows from an event, in a span below the event's.
func (a *App) step(ctx context.Context, c command.Command) command.Result {
	ctx, span := a.tracer.Step(ctx, c.Method, c.TraceID, c.Cause)
	result := a.submit(ctx, c)
	span.EndFault(result.Fault)
	return result
}

// followers bounds the feeds that are open at once, and counts them.
func (a *App) followers() *service.Followers {
	return service.NewFollowers(a.config.MaxFollowers, a.metrics.Followers)
}
