package lint

import "slices"

// Room is one row of the import map.
//
// Rooms are folders of the module, those under internal/ without that prefix. A pattern covers the folders below it too, the
// longest pattern wins, and * stands for any one name, each of which is a room of its own: domain/order is not domain/payment.
// Inside its own room a package may import what it likes.
type Room struct {
	// Name is the pattern.
	Name string
	// May lists the rooms it may import: exactly that folder, or all below it too with "/..." at the end.
	May []string
	// Libs lists the modules from outside that it may link, by the start of their import path.
	Libs []string
	// Pure rooms hold functions of values: no I/O, clock, random, log, context or goroutine.
	Pure bool
	// Why is the reason, told to whoever breaks the rule.
	Why string
}

// Everything is the May and Libs of a room that may import anything.
const Everything = "*"

// The leaves: values that every room speaks.
var (
	leaves      = []string{"clock", "fault", "id", "ledger", "money", "state", "trace"}
	valueLeaves = []string{"fault", "id", "ledger", "money", "state", "trace"} // without the clock
)

// What the transports link.
var transport = []string{
	"google.golang.org/grpc",
	"google.golang.org/protobuf",
	"google.golang.org/genproto/googleapis",
	"buf.build/go/protovalidate",
	"buf.build/gen/go/bufbuild/protovalidate",
	"github.com/go-faster/jx",
	"github.com/gowebpki/jcs",
	"github.com/lestrrat-go/jwx/v3",
	"github.com/prometheus/client_golang",
	"go.opentelemetry.io/otel",
	"golang.org/x",
}

// What the stores link beside their drivers: migrations.
const migrations = "github.com/pressly/goose/v3"

// Rooms is the import map of docs/architecture.md.
var Rooms = []Room{
	// Leaves: standard library and each other only, so that everything may import them.
	{Name: "fault", Why: "a leaf links the standard library only"},
	{Name: "money", Why: "a leaf links the standard library only"},
	{Name: "clock", Why: "a leaf links the standard library only"},
	{Name: "trace", Why: "a leaf links the standard library only"},
	{Name: "card", May: []string{"fault"}, Why: "a leaf links the standard library only; cards pass from the edge to a gateway"},
	{Name: "id", Libs: []string{"github.com/google/uuid"}, Why: "a leaf links the standard library only, and uuid"},
	{Name: "ledger", Pure: true, May: []string{"money", "id", "fault"}, Why: "double entry is arithmetic"},
	{Name: "state", Pure: true, May: []string{"fault", "id", "ledger", "money"}, Why: "rows are plain values"},

	// Decisions: functions of values, apart from each other.
	{Name: "domain", Pure: true, May: valueLeaves, Why: "the contract of the domains knows none of them"},
	{Name: "domain/*", Pure: true, May: with(valueLeaves, "domain"), Why: "a domain decides by itself; what spans two is a flow"},
	{Name: "flow", Pure: true, May: with(valueLeaves, "command", "domain/..."), Why: "a flow is a table from an event to commands"},

	// The way of a command.
	{Name: "command", May: with(leaves, "domain"), Why: "a command is a value around a domain's decision"},
	{Name: "batch", May: with(leaves, "command"), Libs: []string{"golang.org/x/sync"}, Why: "batching knows what commands touch, not what they mean"},
	{
		Name: "pipeline", May: with(leaves, "command", "batch", "domain", "store"), Libs: []string{"golang.org/x/sync"},
		Why: "the pipeline knows the contract of domains and its own Store; no edge, no bus, no SQL, no particular domain",
	},

	// Stores: SQL behind seams that others own.
	{Name: "store", May: leaves, Libs: []string{migrations, "database/sql"}, Why: "a store knows rows and SQL, no rules"},
	{
		Name: "store/sqlite", May: with(leaves, "store"),
		Libs: []string{migrations, "database/sql", "zombiezen.com/go/sqlite", "modernc.org/sqlite", "golang.org/x/sys"},
		Why:  "a store knows rows and SQL, no rules and no pipeline",
	},
	{
		Name: "store/postgres", May: with(leaves, "store"), Libs: []string{migrations, "database/sql", "github.com/jackc/pgx/v5"},
		Why: "a store knows rows and SQL, no rules and no pipeline",
	},
	{
		Name: "store/storetest", May: with(leaves, "store", "pipeline", "outbox", "reactor", "timer", "books", "effect", "view", "verify"),
		Libs: []string{"pgregory.net/rapid", "github.com/google/uuid"},
		Why:  "the suite speaks the seams, whoever owns them, and no particular store",
	},

	// In: translate and authorize.
	{
		Name: "contract", May: with(valueLeaves, "gen/oms/options/..."),
		Libs: []string{
			"google.golang.org/grpc", "google.golang.org/protobuf", "google.golang.org/genproto/googleapis", "github.com/go-faster/jx",
		},
		Why: "generated handlers stand on it; it knows no method in particular",
	},
	{
		Name: "edge", Libs: transport,
		May: with(leaves, "card", "gen/...", "contract/...", "command", "domain/...", "flow", "wire", "view", "feed", "message", "reconcile"),
		Why: "an edge submits commands and reads views; it never touches store or bus",
	},

	{
		Name: "edge/webhook", May: with(leaves, "effect/gateway"), Libs: []string{"golang.org/x/sync", "github.com/hashicorp/golang-lru/v2"},
		Why: "callbacks are handed to whoever keeps outcomes; what they mean is not the edge's",
	},

	{
		Name: "wire", May: with(valueLeaves, "gen/...", "domain/...", "flow"), Libs: []string{"google.golang.org/protobuf"},
		Why: "rows and messages are translated in one place, for answers and for events",
	},

	// Out: events, timers and calls; each submits commands and owns the small interface to its rows.
	{Name: "bus", May: leaves, Libs: []string{"google.golang.org/protobuf/encoding/protowire"}, Why: "the bus carries frames; it has no rules"},
	{
		Name: "bus/nats", May: with(leaves, "bus"), Libs: []string{"github.com/nats-io", "golang.org/x/sys"},
		Why: "the bus carries frames; it has no rules",
	},
	{Name: "lease", May: leaves, Why: "holding a lease is the same for whoever works alone"},
	{Name: "feed", May: with(leaves, "bus"), Why: "the feed fans events out; it has no rules"},
	{Name: "outbox", May: with(leaves, "command", "bus", "lease"), Libs: []string{"golang.org/x/sync"}, Why: "the relay has no rules"},
	{
		Name: "reactor", May: with(leaves, "command", "bus", "lease"), Libs: []string{"golang.org/x/sync"},
		Why: "what follows an event is flow's to say",
	},
	{
		Name: "public", May: with(leaves, "bus", "lease"), Libs: []string{"golang.org/x/sync"},
		Why: "what an event's envelope says is the contract's, and its way is the bus's",
	},
	{Name: "books", May: with(leaves, "lease"), Why: "sums are the store's to make; this only says when"},
	{Name: "timer", May: with(leaves, "command"), Libs: []string{"golang.org/x/sync"}, Why: "what a timer means is a domain's or flow's to say"},
	{
		Name: "effect/gateway/stripe", May: with(leaves, "card", "effect/gateway"),
		Libs: []string{"github.com/stripe/stripe-go/v82", "github.com/hashicorp/golang-lru/v2"},
		Why:  "a gateway knows what it is asked and whom it asks",
	},
	{Name: "effect", May: with(leaves, "card", "command"), Libs: []string{"golang.org/x"}, Why: "an effect calls and reports; it decides nothing"},
	{
		Name: "effect/gateway/remote", May: with(leaves, "card", "effect/gateway"),
		Libs: []string{"github.com/failsafe-go/failsafe-go", "github.com/standard-webhooks/standard-webhooks"},
		Why:  "an adapter knows the gateway's interface and its own protocol",
	},
	{
		Name: "effect/gateway/server", May: with(leaves, "card", "effect/gateway", "effect/gateway/remote"),
		Libs: []string{"golang.org/x/sync", "github.com/failsafe-go/failsafe-go", "github.com/standard-webhooks/standard-webhooks"},
		Why:  "the simulator as a program knows nothing of who calls it",
	},

	{
		Name: "message", May: []string{"money"}, Libs: []string{"golang.org/x/net/idna", "golang.org/x/text"},
		Why: "texts are made of parameters, and reach nobody by themselves",
	},
	{
		Name: "effect/notify", May: with(leaves, "effect/gateway", "message"),
		Libs: []string{"github.com/wneessen/go-mail", "github.com/standard-webhooks/standard-webhooks"},
		Why:  "a transport is handed a message and reports; it decides nothing",
	},

	// Reads.
	{Name: "view", May: leaves, Why: "reads never go through the pipeline"},
	{Name: "reconcile", May: leaves, Why: "it compares what two sides say, and does nothing about it"},
	{Name: "verify", May: leaves, Why: "invariants are checked on rows, apart from the code that keeps them"},

	// The whole.
	{
		Name: "config", May: []string{"money", "clock"}, Libs: []string{"github.com/alecthomas/kong", "go.yaml.in/yaml"},
		Why: "settings are values",
	},
	{Name: "app", May: []string{Everything}, Libs: []string{Everything}, Why: "the only wiring"},
	{
		Name: "telemetry", May: leaves, Libs: []string{"github.com/prometheus/client_golang", "go.opentelemetry.io/otel"},
		Why: "it counts and traces what others tell it",
	},

	// Outside of the server: clients and tests.
	{Name: "load", May: with(leaves, "gen/...", "contract/..."), Libs: []string{Everything}, Why: "a client knows the contract only"},
	{Name: "demo", May: with(leaves, "gen/...", "load/..."), Libs: []string{Everything}, Why: "a client knows the contract only"},
	{Name: "drill", May: with(leaves, "gen/...", "load/..."), Libs: []string{Everything}, Why: "a client knows the contract only"},
	{Name: "replay", May: with(leaves, "gen/...", "load/..."), Libs: []string{Everything}, Why: "a client knows the contract only"},
	{Name: "postgrestest", Libs: []string{"github.com/jackc/pgx/v5"}, Why: "it starts a server and knows nothing of ours"},
	{Name: "mailtest", Libs: []string{"github.com/emersion/go-smtp"}, Why: "it is a mail server and knows nothing of ours"},
	{Name: "reliability", May: []string{Everything}, Libs: []string{Everything}, Why: "it starts and kills the whole"},
	{Name: "lint", Why: "the checker links the standard library only"},
	{Name: "cmd/oms", May: []string{"app/cli"}, Why: "main only starts"},
	{Name: "cmd/errors-page", May: []string{"fault", "contract"}, Why: "it writes the catalogue of reasons down"},
	{
		Name: "cmd/protoc-gen-oms", May: []string{"gen/oms/options/...", "contract/..."},
		Libs: []string{
			"google.golang.org/protobuf", "google.golang.org/genproto/googleapis", "buf.build/gen/go", "buf.build/go/protovalidate",
			"go.yaml.in/yaml",
		},
		Why: "the contract compiler knows the contract only",
	},
}

// pureForbids lists packages of the standard library that do, see or wait for something outside of a function's arguments. Those
// below them are meant too.
var pureForbids = []string{
	"bufio", "context", "crypto/rand", "database", "embed", "io", "log", "math/rand", "net", "os", "path/filepath", "plugin",
	"runtime", "sync", "syscall", "testing", "unsafe",
}

// gated lists packages of the standard library that a room must name among its Libs.
var gated = []string{"database/sql", "plugin", "unsafe"}

// moneyRooms lists where floating point has no place: amounts and quantities are integers there.
var moneyRooms = []string{"domain", "flow", "ledger", "money", "state"}

// Caps. Main has its own: it only starts.
const (
	fileCap     = 600
	functionCap = 70
	mainFile    = "cmd/oms/main.go"
	mainCap     = 60
)

// with answers the rooms and more.
func with(rooms []string, more ...string) []string { return slices.Concat(rooms, more) }
