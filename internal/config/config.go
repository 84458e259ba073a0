// Package config holds every setting of the program in one struct, which is at once the list of its flags: the tags are read by
// kong. Each setting comes from, in this order: its default, the file of --config, the environment (OMS_ and the flag's name),
// the flag itself.
//
// Settings are values. Validate finds everything that is wrong or unsafe at once, each in a sentence that names the flag and says
// what to set; Warnings finds what is allowed and will surprise an operator. A server that can be reached from outside of its
// machine must have every unsafe choice written out; one that listens on loopback only is taken for a trial and warned instead.
//
// Secrets have types of their own, which print as asterisks.
package config

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/alecthomas/kong"
)

// Words that settings have.
const (
	SQLite      = "sqlite"
	Embedded    = "embedded"
	Credentials = "credentials"
	None        = "none"
	Simulator   = "sim"
	Stripe      = "stripe"
	All         = "all"
)

// Roles of a process.
const (
	RoleAPI     = "api"     // answers clients
	RoleRelay   = "relay"   // numbers events and publishes them
	RoleReactor = "reactor" // carries out what follows from events
	RoleTimer   = "timer"   // fires timers, purges old keys
	RoleEffect  = "effect"  // calls gateways
)

var roles = []string{RoleAPI, RoleRelay, RoleReactor, RoleTimer, RoleEffect}

// Storage says where the data lies; it is all that verify and migrate need.
type Storage struct {
	Store   Place  `default:"sqlite" group:"Storage" help:"Database: sqlite, a file in the data folder, or a postgres:// URL."`
	DataDir string `default:"./oms-data" group:"Storage" help:"Folder for everything that this process keeps on disk."`
}

// Config is every setting of a server.
type Config struct {
	Storage
	Notify

	// Dev tells that this is `oms dev` or `oms demo`: no credentials, gateway simulator, empty payment tokens. No flag sets it.
	Dev bool `kong:"-"`

	Bus   Place    `default:"embedded" group:"Storage" help:"Message bus: embedded, in this process, or nats:// URLs."`
	Roles []string `default:"all" placeholder:"ROLE" group:"Storage" help:"What this process does: all, or of api, relay, reactor, timer, effect."`

	APIAddr      string `default:"127.0.0.1:8080" group:"Listeners" help:"REST, server-sent events, documentation."`
	GRPCAddr     string `name:"grpc-addr" default:"127.0.0.1:9090" group:"Listeners" help:"Public gRPC, health, reflection."`
	InternalAddr string `default:"127.0.0.1:9091" group:"Listeners" help:"Internal gRPC: stock, payments, administration."`
	OpsAddr      string `default:"127.0.0.1:9092" group:"Listeners" help:"/metrics, /healthz, /readyz, profiles."`
	ExposeOps    bool   `group:"Listeners" help:"Let --ops-addr listen beyond loopback, where it asks nobody for credentials."`

	PublicStream      bool          `group:"Public stream" help:"Publish each event on its own for outside consumers; see docs/events.md."`
	PublicStreamName  string        `default:"OMS_EVENTS" group:"Public stream" help:"JetStream stream of the public events; one a database."`
	PublicStreamAge   time.Duration `default:"72h" group:"Public stream" help:"Time for which public events are kept."`
	PublicStreamBytes int64         `default:"1073741824" group:"Public stream" help:"Size to which public events are kept; the oldest go first."`
	Region            string        `default:"local" group:"Public stream" help:"Region that this database serves, as public events tell it."`
	BusListen         string        `group:"Public stream" placeholder:"HOST:PORT" help:"Where consumers reach the embedded bus; nowhere by default."`
	BusToken          Secret        `group:"Public stream" placeholder:"SECRET" help:"Password of the user consumer at --bus-listen."`

	Auth            string `group:"Security" placeholder:"WHOM" help:"Who may call: credentials (those of the file) or none (all)."`
	CredentialsFile string `group:"Security" placeholder:"FILE" help:"Callers: a JSON list of name, token_sha256, tenant, scopes."`
	ShopKeysFile    string `group:"Security" placeholder:"FILE" help:"Keys that verify signatures at /api: see docs/api-dialect.md."`
	PageTokenKey    Secret `group:"Security" placeholder:"SECRET" help:"Signs page tokens; one for all processes of a database."`

	UnpaidFor            time.Duration `default:"15m" group:"Orders" help:"Time for which an unpaid order keeps its stock."`
	PaymentWait          time.Duration `default:"5s" group:"Orders" help:"Time for which /api/payment/process waits for the outcome."`
	IdempotencyRetention time.Duration `default:"48h" group:"Orders" help:"Time for which answers are kept under their keys: 24h to 72h."`
	BatchRetention       time.Duration `default:"24h" group:"Storage" help:"Time that ids of transactions and reset sandboxes are kept: 1h or more."`
	Gateway              string        `group:"Orders" placeholder:"sim" help:"For new payments: sim (no money moves), stripe, or one of the file."`
	GatewaysFile         string        `group:"Orders" placeholder:"FILE" help:"Payment gateways: a YAML list of name, kind, url, secret, api_key."`
	WebhookTolerance     time.Duration `group:"Orders" default:"5m" help:"Between a gateway's clock and ours, for the age of its callbacks."`
	GatewayJournal       string        `group:"Orders" placeholder:"FILE" help:"What sim was asked; else gateway-sim.journal in the data folder."`

	LimitDelay time.Duration `default:"24h" group:"Wallet" help:"Time until a player's limits and exclusions protect less than before."`
	RequireKYC bool          `name:"require-kyc" group:"Wallet" help:"Withdrawals and orders paid from wallets are for verified players only."`

	StripeSettings
	StuckLimits

	MaxConnections     int           `default:"8192" group:"Limits" help:"Connections open at once on each listener; more wait to be accepted."`
	MaxStreams         int           `default:"1024" group:"Limits" help:"gRPC calls at once on one connection."`
	MaxInFlight        int           `default:"4096"  group:"Limits" help:"Calls with one answer under way at once; more are refused."`
	MaxHeaderBytes     int           `default:"32768" group:"Limits" help:"Greatest header of a request."`
	MaxBodyBytes       int           `default:"1048576" group:"Limits" help:"Greatest body of a request."`
	HeaderTimeout      time.Duration `default:"10s" group:"Limits" help:"Time for a header to arrive, and for a gRPC connection to begin."`
	BodyTimeout        time.Duration `default:"20s" group:"Limits" help:"Time for a body to arrive."`
	WriteTimeout       time.Duration `default:"10s" group:"Limits" help:"Time for a client to take an answer or an event."`
	IdleTimeout        time.Duration `default:"2m" group:"Limits" help:"Time for which a connection without requests is kept."`
	MaxQueue           int           `default:"8192" group:"Limits" help:"Commands that may wait for a batch; more are refused at once."`
	MaxQueueTime       time.Duration `default:"1s" group:"Limits" help:"Time a request may wait while more than a batch waits; or it is refused."`
	MaxBatch           int           `default:"256" group:"Limits" help:"Commands in one transaction."`
	MaxBatchRows       int           `default:"4096" group:"Limits" help:"Rows in one transaction."`
	MaxBatchBytes      int           `default:"4194304" group:"Limits" help:"Bytes of requests in one transaction."`
	Lanes              int           `default:"0" group:"Limits" help:"Transactions in flight; 0 is 1 for SQLite and 2 for PostgreSQL."`
	RequestDeadline    time.Duration `default:"10s" group:"Limits" help:"Time for a request that names no deadline."`
	MaxRequestDeadline time.Duration `default:"1m" group:"Limits" help:"Longest deadline that a request may name."`
	MaxFollowers       int           `default:"1024" group:"Limits" help:"Feeds of orders open at once."`
	ShutdownGrace      time.Duration `default:"20s" group:"Limits" help:"Time to finish what was accepted when asked to stop."`

	LogLevel     string  `default:"info" group:"Telemetry" help:"debug, info, warn or error."`
	LogFormat    string  `group:"Telemetry" placeholder:"json" help:"json or text; text in dev, else json."`
	LogSamples   int     `default:"100" group:"Telemetry" help:"Log one of so many requests that succeeded; 0 for none."`
	OTLPEndpoint string  `name:"otlp-endpoint" group:"Telemetry" placeholder:"URL" help:"Collector of OpenTelemetry traces, by gRPC."`
	TraceShare   float64 `default:"0.1" group:"Telemetry" help:"Share of the traces begun here that are sent, 0 to 1."`
}

// Default answers the settings of a server that was told nothing.
func Default() Config {
	var c Config
	if err := kong.ApplyDefaults(&c, kong.Exit(func(int) {})); err != nil {
		panic("config: a default cannot be read: " + err.Error())
	}
	return c
}

// Has tells whether the process plays a role.
func (c *Config) Has(role string) bool {
	return slices.Contains(c.Roles, All) || slices.Contains(c.Roles, role)
}

// Postgres tells whether the store is PostgreSQL.
func (s *Storage) Postgres() bool { return s.Store.hasScheme("postgres", "postgresql") }

// EmbeddedBus tells whether the bus is in this process.
func (c *Config) EmbeddedBus() bool { return c.Bus == Embedded }

// AuthMode answers Credentials or None: what was set, else what the other settings say.
func (c *Config) AuthMode() string {
	switch {
	case c.Auth != "":
		return c.Auth
	case c.CredentialsFile != "":
		return Credentials
	default:
		return None
	}
}

// GatewayName answers which gateway takes payments.
func (c *Config) GatewayName() string {
	if c.Gateway == "" {
		return Simulator
	}
	return c.Gateway
}

// LaneCount answers how many transactions may be in flight at once.
func (c *Config) LaneCount() int {
	switch {
	case c.Lanes > 0:
		return c.Lanes
	case c.Postgres():
		return 2
	default:
		return 1
	}
}

// Format answers how log lines are written.
func (c *Config) Format() string {
	switch {
	case c.LogFormat != "":
		return c.LogFormat
	case c.Dev:
		return "text"
	default:
		return "json"
	}
}

// JournalPath answers the file in which the simulator keeps what it was asked.
func (c *Config) JournalPath() string {
	if c.GatewayJournal != "" {
		return c.GatewayJournal
	}
	return filepath.Join(c.DataDir, "gateway-sim.journal")
}
