package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/edge/grpcapi"
	"github.com/seed-255eabaa/oms/internal/edge/ops"
	"github.com/seed-255eabaa/oms/internal/edge/pagetoken"
	"github.com/seed-255eabaa/oms/internal/edge/restapi"
	"github.com/seed-255eabaa/oms/internal/edge/service"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
)

const (
	grpcWorkers = 512              // goroutines kept for calls: most wait for a commit, and a new one grows its stack anew
	heartbeat   = 15 * time.Second // of feeds and event streams
)

// edges are the listeners of a process and what answers on them.
type edges struct {
	listeners [4]net.Listener // API, gRPC, internal, ops; nil for what the roles leave out
	apiServer *http.Server
	opsServer *http.Server
	public    *grpcapi.Server
	private   *grpcapi.Server
}

// openEdges makes the services, the chain and the servers, and listens.
func (a *App) openEdges(ctx context.Context) error {
	environment, err := a.environment()
	if err != nil {
		return err
	}
	sandbox := &service.Sandbox{Environment: environment}
	chain, err := a.chain(sandbox)
	if err != nil {
		return err
	}
	orders, stock := &service.Orders{Environment: environment}, &service.Inventory{Environment: environment}
	public := a.grpcServer(chain, environment.Methods, false)
	prices := &service.Catalogue{Environment: environment}
	notifications := &service.Notifications{Environment: environment, Templates: a.files.templates, Notices: a.table.notices.Notices}
	accounts := &service.Ledger{Environment: environment}
	rest, err := restapi.New(restapi.Options{
		Chain: chain, BodyLimit: a.config.MaxBodyBytes, ReadTimeout: a.config.BodyTimeout, WriteTimeout: a.config.WriteTimeout,
		Heartbeat: heartbeat, Log: a.logger,
		Routes: slices.Concat(omsv1.OrderServiceRoutes(orders), omsv1.InventoryServiceRoutes(stock), omsv1.CatalogueServiceRoutes(prices),
			omsv1.NotificationServiceRoutes(notifications), omsv1.LedgerServiceRoutes(accounts), providerRoutes(public, environment, sandbox),
			a.devRoutes(public, environment)),
	})
	if err != nil {
		return fmt.Errorf("REST routes: %w", err)
	}
	e := &edges{
		apiServer: a.httpServer(a.withWebhooks(a.shop(chain, orders, stock, notifications, environment.Methods, rest))),
		opsServer: a.httpServer(ops.New(a.opsOptions())),
		public:    public,
		private:   a.grpcServer(chain, environment.Methods, true),
	}
	e.apiServer.RegisterOnShutdown(rest.Close)
	omsv1.RegisterOrderServiceServer(e.public, orders)
	omsv1.RegisterInventoryServiceServer(e.private, stock)
	omsv1.RegisterCatalogueServiceServer(e.private, prices)
	omsv1.RegisterNotificationServiceServer(e.private, notifications)
	omsv1.RegisterLedgerServiceServer(e.private, accounts)
	omsv1.RegisterPaymentServiceServer(e.private, &service.Payments{Environment: environment})
	omsv1.RegisterAdminServiceServer(e.private, &service.Admin{Environment: environment})
	omsv1.RegisterOperationsServiceServer(e.private, &service.Operations{Environment: environment})
	a.edges = e
	a.closers = append(a.closers, e.close)
	if err := e.listen(ctx, &a.config); err != nil {
		return err
	}
	if e.listeners[0] != nil {
		e.listeners[0] = restapi.Listen(e.listeners[0], a.config.MaxHeaderBytes, a.logger)
	}
	return nil
}

// httpServer bounds what a connection may cost before a handler knows of it. What bodies and answers may take is the handler's
// to bound: an event stream has no end.
func (a *App) httpServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: a.config.HeaderTimeout, IdleTimeout: a.config.IdleTimeout,
		MaxHeaderBytes: a.config.MaxHeaderBytes, ErrorLog: httpLog(a.logger),
	}
}

// environment is what the services stand on.
func (a *App) environment() (*service.Environment, error) {
	key, err := a.config.PageTokenSecret()
	if err != nil {
		return nil, err
	}
	return &service.Environment{
		Submit: a.request, View: a.store, Feed: a.feed, Sealer: pagetoken.NewSealer(key),
		Methods: methods(), SKUs: a.table.names.find,
		WalletOf: a.table.wallets.find, JackpotOf: a.table.jackpotOf, CauseOf: a.table.causeOf, Random: randomBytes, Replay: a.table.replay,
		CheckPlayToken: func(token string) *fault.Fault { return gateway.ValidToken(token, false) }, PlayGateway: config.Simulator,
		CheckToken: a.checkToken, Listing: a.listing, TokenizeCard: a.tokenizeCard, Now: time.Now,
		Provider: a.config.GatewayName(), UnpaidFor: a.config.UnpaidFor, LimitDelay: a.config.LimitDelay, Heartbeat: heartbeat,
		RequireKYC: a.config.RequireKYC,
		Followers:  a.followers(), StepLimits: stepLimits(a.config.StuckLimits),
	}, nil
}

// chain makes the chain that all dialects share.
func (a *App) chain(sandbox *service.Sandbox) (edge.Chain, error) {
	options := edge.Options{
		Authenticate: a.files.authenticator.Authenticate, Sandbox: sandbox.Call, Logger: a.logger, DefaultDeadline: a.config.RequestDeadline,
		MaxDeadline: a.config.MaxRequestDeadline, MaxInFlight: int64(a.config.MaxInFlight), Canonical: service.Canonical,
		Beyond: service.Violations,
	}
	a.observeCalls(&options)
	return edge.NewChain(options)
}

func (a *App) grpcServer(chain edge.Chain, methods contract.Table, internal bool) *grpcapi.Server {
	return grpcapi.New(grpcapi.Options{
		Chain: chain, Methods: methods, Internal: internal, Reflection: a.config.AuthMode() == config.None, Workers: grpcWorkers,
		MaxMessage: a.config.MaxBodyBytes,
		MaxHeader:  uint32(a.config.MaxHeaderBytes), MaxStreams: uint32(a.config.MaxStreams), //nolint:gosec // validated
		MaxDeadline: a.config.MaxRequestDeadline, HeaderTimeout: a.config.HeaderTimeout, IdleTimeout: a.config.IdleTimeout,
	})
}

// listen takes the addresses; a process without the API role listens for internal calls and operators only.
func (e *edges) listen(ctx context.Context, c *config.Config) error {
	addresses := [...]string{c.APIAddr, c.GRPCAddr, c.InternalAddr, c.OpsAddr}
	var listen net.ListenConfig
	for i, address := range addresses {
		if i < 2 && !c.Has(config.RoleAPI) {
			continue
		}
		listener, err := listen.Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", address, err)
		}
		e.listeners[i] = netutil.LimitListener(listener, c.MaxConnections)
	}
	return nil
}

// serve answers on all listeners until they are shut down.
func (e *edges) serve() error {
	var group errgroup.Group
	serve := func(i int, server interface{ Serve(net.Listener) error }) {
		if e.listeners[i] == nil {
			return
		}
		group.Go(func() error {
			err := server.Serve(e.listeners[i])
			if errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
				return nil
			}
			return err //nolint:wrapcheck // names the listener already
		})
	}
	serve(0, e.apiServer)
	serve(1, e.public)
	serve(2, e.private)
	serve(3, e.opsServer)
	return group.Wait() //nolint:wrapcheck // as above
}

// shutdown refuses new calls and waits for those under way; when the grace is over it cuts them off.
func (e *edges) shutdown(grace context.Context) {
	var group errgroup.Group
	group.Go(func() error { return e.apiServer.Shutdown(grace) })
	for _, server := range []*grpcapi.Server{e.public, e.private} {
		group.Go(func() error {
			server.Health.Shutdown()
			done := make(chan struct{})
			go func() {
				defer close(done)
				server.GracefulStop()
			}()
			select {
			case <-done:
			case <-grace.Done():
				server.Stop()
			}
			return nil
		})
	}
	_ = group.Wait() // what is cut off was told so
	_ = e.opsServer.Close()
}

// close frees the addresses of a process that never served.
func (e *edges) close() error {
	e.public.Stop()
	e.private.Stop()
	_ = e.apiServer.Close()
	_ = e.opsServer.Close()
	for _, listener := range e.listeners {
		if listener != nil {
			_ = listener.Close() // closed already when it served
		}
	}
	return nil
}

func (e *edges) address(i int) string {
	if e.listeners[i] == nil {
		return ""
	}
	return e.listeners[i].Addr().String()
}

func (e *edges) api() string      { return e.address(0) }
func (e *edges) grpc() string     { return e.address(1) }
func (e *edges) internal() string { return e.address(2) }
func (e *edges) ops() string      { return e.address(3) }
