package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Problems are what is wrong with the settings, each a sentence that names the flag and the cure.
type Problems []string

// Error lists all problems, one a line.
func (p Problems) Error() string { return strings.Join(p, "\n") }

func (p *Problems) add(format string, arguments ...any) {
	*p = append(*p, fmt.Sprintf(format, arguments...))
}

// orNil is the problems as an error, nil when there are none.
func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// Limits of settings. Above them something else breaks first.
const (
	minRetention   = 24 * time.Hour // requirement R-6
	maxRetention   = 72 * time.Hour
	minSecret      = 32
	minBody        = 64 << 10 // an order of 1,000 lines must fit
	maxBody        = 64 << 20
	maxBatchLimit  = 4096 // an event's id has 16 bits for its place in the batch
	maxBatchRows   = 32768
	minBatchBytes  = 4 << 10
	maxBatchBytes  = 64 << 20
	maxLanes       = 16
	maxQueueLimit  = 1 << 20
	maxFollowers   = 1 << 20
	maxConnections = 1 << 20
	minHeader      = 4 << 10 // a token and the traces must fit
	maxHeader      = 1 << 20
	longestTimeout = 365 * 24 * time.Hour
)

// minBatchRetention is how long ids of transactions are kept at least.
const minBatchRetention = time.Hour

// Validate finds everything that is wrong with where the data lies.
func (s *Storage) Validate() error {
	var p Problems
	s.check(&p)
	return p.orNil()
}

// Validate finds everything that is wrong or unsafe, at once. What is in the files of credentials, keys and templates is looked at by
// those who read them (app.CheckFiles).
func (c *Config) Validate() error {
	var p Problems
	c.check(&p)
	c.checkAddresses(&p)
	c.checkBus(&p)
	c.checkPublic(&p)
	c.checkNotify(&p)
	c.checkStuck(&p)
	c.checkRoles(&p)
	c.checkNumbers(&p)
	c.checkTelemetry(&p)
	c.checkSecurity(&p)
	c.checkExposure(&p)
	return p.orNil()
}

func (s *Storage) check(p *Problems) {
	if s.DataDir == "" {
		p.add("--data-dir is empty: name a folder, such as ./oms-data.")
	}
	switch {
	case s.Store == SQLite:
	case s.Postgres():
		if err := parse(s.Store); err != nil {
			p.add("--store=%s is no URL (%v): write postgres://USER:PASSWORD@HOST:PORT/DATABASE, special characters "+
				"percent-encoded.", s.Store, err)
		}
	default:
		p.add("--store=%s is unknown: write sqlite, or postgres://USER:PASSWORD@HOST:PORT/DATABASE.", s.Store)
	}
}

func (c *Config) checkAddresses(p *Problems) {
	seen := map[string]string{}
	for _, listener := range c.listeners() {
		_, port, err := net.SplitHostPort(listener.addr)
		number, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || portErr != nil {
			p.add("--%s=%s is no address: write HOST:PORT, such as 127.0.0.1:8080; port 0 takes a free one.", listener.flag, listener.addr)
			continue
		}
		if other, taken := seen[listener.addr]; taken && number != 0 {
			p.add("--%s and --%s are both %s: give each a port of its own.", other, listener.flag, listener.addr)
		}
		seen[listener.addr] = listener.flag
	}
}

func (c *Config) checkBus(p *Problems) {
	switch {
	case c.EmbeddedBus():
	case c.Bus.hasScheme("nats", "tls"):
		for server := range strings.SplitSeq(c.Bus.Reveal(), ",") {
			if err := parse(Place(strings.TrimSpace(server))); err != nil {
				p.add("--bus=%s holds what is no URL (%v): write nats://HOST:4222, several with commas between them.", c.Bus, err)
			}
		}
		if c.Store == SQLite {
			p.add("--store=sqlite serves one process and --bus=%s is for several: write --bus=embedded, or a postgres:// URL as --store.",
				c.Bus)
		}
		if c.Gateway == Simulator && c.GatewayJournal == "" && c.Has(RoleEffect) {
			p.add("--gateway=sim would be another simulator in each process of --bus=%s, which knows nothing of the others' payments: write "+
				"--gateway-journal=FILE, the same file for all of them; or run `oms gateway` and name it in --gateways-file.", c.Bus)
		}
	default:
		p.add("--bus=%s is unknown: write embedded, or nats://HOST:4222.", c.Bus)
	}
}

func (c *Config) checkRoles(p *Problems) {
	if len(c.Roles) == 0 {
		p.add("--roles is empty: write all, or some of %s.", strings.Join(roles, ", "))
	}
	for _, role := range c.Roles {
		if role != All && !slices.Contains(roles, role) {
			p.add("--roles names %q, which is no role: write all, or some of %s.", role, strings.Join(roles, ", "))
		}
	}
}

func (c *Config) checkNumbers(p *Problems) {
	if c.IdempotencyRetention < minRetention || c.IdempotencyRetention > maxRetention {
		p.add("--idempotency-retention=%v is out of range: write 24h to 72h.", c.IdempotencyRetention)
	}
	if c.BatchRetention < minBatchRetention || c.BatchRetention < 2*c.MaxRequestDeadline || c.BatchRetention > longestTimeout {
		p.add("--batch-retention=%v is out of range: write 1h or more, and at least twice --max-request-deadline=%v: a commit whose answer "+
			"was lost is asked about until then.", c.BatchRetention, c.MaxRequestDeadline)
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{
		{"unpaid-for", c.UnpaidFor}, {"limit-delay", c.LimitDelay}, {"payment-wait", c.PaymentWait},
		{"request-deadline", c.RequestDeadline}, {"max-request-deadline", c.MaxRequestDeadline},
		{"shutdown-grace", c.ShutdownGrace}, {"header-timeout", c.HeaderTimeout}, {"body-timeout", c.BodyTimeout},
		{"write-timeout", c.WriteTimeout}, {"idle-timeout", c.IdleTimeout}, {"max-queue-time", c.MaxQueueTime},
		{"webhook-tolerance", c.WebhookTolerance},
	} {
		if d.value <= 0 || d.value > longestTimeout {
			p.add("--%s=%v is out of range: write a time above zero, such as 15m.", d.flag, d.value)
		}
	}
	if c.MaxRequestDeadline < c.RequestDeadline {
		p.add("--max-request-deadline=%v is below --request-deadline=%v: raise the first or lower the second.",
			c.MaxRequestDeadline, c.RequestDeadline)
	}
	for _, n := range []struct {
		flag               string
		value, least, most int
	}{
		{"max-connections", c.MaxConnections, 1, maxConnections}, {"max-streams", c.MaxStreams, 1, maxConnections},
		{"max-in-flight", c.MaxInFlight, 1, maxConnections}, {"max-header-bytes", c.MaxHeaderBytes, minHeader, maxHeader},
		{"max-body-bytes", c.MaxBodyBytes, minBody, maxBody}, {"max-queue", c.MaxQueue, 1, maxQueueLimit},
		{"max-batch", c.MaxBatch, 1, maxBatchLimit}, {"max-batch-rows", c.MaxBatchRows, 1, maxBatchRows},
		{"max-batch-bytes", c.MaxBatchBytes, minBatchBytes, maxBatchBytes},
		{"lanes", c.Lanes, 0, maxLanes}, {"max-followers", c.MaxFollowers, 0, maxFollowers},
		{"log-samples", c.LogSamples, 0, 1 << 30},
	} {
		if n.value < n.least || n.value > n.most {
			p.add("--%s=%d is out of range: write %d to %d.", n.flag, n.value, n.least, n.most)
		}
	}
	if c.Lanes > 1 && c.Store == SQLite {
		p.add("--lanes=%d is too many for SQLite, which has one writer: leave --lanes out.", c.Lanes)
	}
}

func (c *Config) checkTelemetry(p *Problems) {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel) {
		p.add("--log-level=%s is unknown: write debug, info, warn or error.", c.LogLevel)
	}
	if !slices.Contains([]string{"", "json", "text"}, c.LogFormat) {
		p.add("--log-format=%s is unknown: write json or text.", c.LogFormat)
	}
	if !(c.TraceShare >= 0 && c.TraceShare <= 1) { // not a number is neither
		p.add("--trace-share=%v is out of range: write 0 to 1.", c.TraceShare)
	}
	if c.OTLPEndpoint != "" {
		endpoint, err := url.Parse(c.OTLPEndpoint)
		if err != nil || endpoint.Host == "" || (endpoint.Scheme != "http" && endpoint.Scheme != "https") {
			p.add("--otlp-endpoint=%s is no collector: write http://HOST:4317, or https://HOST:4317.", Place(c.OTLPEndpoint))
		}
	}
}

func (c *Config) checkSecurity(p *Problems) {
	switch c.Auth {
	case "":
	case Credentials:
		if c.CredentialsFile == "" {
			p.add("--auth=credentials needs to know whom: name a file with --credentials-file.")
		}
	case None:
		if c.CredentialsFile != "" {
			p.add("--auth=none and --credentials-file contradict each other: leave one of them out.")
		}
	default:
		p.add("--auth=%s is unknown: write credentials, or none.", c.Auth)
	}
	c.checkGateways(p)
	c.checkStripe(p)
	if c.PageTokenKey != "" && len(c.PageTokenKey) < minSecret {
		p.add("--page-token-key (OMS_PAGE_TOKEN_KEY) is too short: set %d characters or more, such as `openssl rand -hex 32` prints.",
			minSecret)
	}
}

// checkExposure refuses what must not meet the world by oversight. Dev never listens for it; on loopback see Warnings.
func (c *Config) checkExposure(p *Problems) {
	if !Loopback(c.OpsAddr) && !c.ExposeOps {
		p.add("--ops-addr=%s can be reached from outside, and nobody is asked for credentials there: use a loopback address, or "+
			"write --expose-ops where a network keeps strangers away.", c.OpsAddr)
	}
	reachable := c.Reachable()
	if len(reachable) == 0 {
		return
	}
	where := strings.Join(reachable, ", ")
	if c.Dev {
		p.add("oms dev and oms demo ask nobody for credentials, but %s can be reached from outside: use loopback addresses, or oms serve.",
			where)
		return
	}
	if c.Auth == "" && c.CredentialsFile == "" {
		p.add("%s can be reached from outside, and nobody is asked for credentials: name the callers with --credentials-file, or "+
			"write --auth=none to let everybody in.", where)
	}
	if c.Gateway == "" && c.Has(RoleEffect) {
		p.add("--gateway is not set, and %s can be reached from outside: write --gateway=sim to take payments with the simulator, "+
			"which moves no money.", where)
	}
	if c.PageTokenKey == "" && c.Postgres() && c.Has(RoleAPI) {
		p.add("--page-token-key is not set, and processes on one PostgreSQL must share it: set OMS_PAGE_TOKEN_KEY to the same %d "+
			"characters or more for each, such as `openssl rand -hex 32` prints.", minSecret)
	}
}

// Warnings tells what is allowed and will surprise somebody, each in a sentence.
func (c *Config) Warnings() []string {
	var w Problems
	if !c.Dev {
		c.warnOfTrial(&w)
	}
	if c.Gateway == Simulator && !c.Dev {
		w.add("--gateway=sim: payments are simulated, no money moves.")
	}
	if c.Postgres() && strings.Contains(c.Store.Reveal(), "sslmode=disable") && !c.Dev {
		if parsed, err := url.Parse(c.Store.Reveal()); err == nil && parsed.Host != "" && !Loopback(parsed.Host) {
			w.add("--store has sslmode=disable and is on another machine: passwords and orders cross the network in the clear.")
		}
	}
	var missing []string
	for _, role := range roles {
		if !c.Has(role) {
			missing = append(missing, role)
		}
	}
	if len(missing) > 0 {
		c.warnOfRoles(&w, missing)
	}
	return w
}

// warnOfTrial tells what would be refused if the process could be reached from outside.
func (c *Config) warnOfTrial(w *Problems) {
	if c.AuthMode() == None {
		w.add("nobody is asked for credentials: whoever reaches the listeners may do everything. --credentials-file names the callers.")
	}
	if c.Gateway == "" && c.Has(RoleEffect) {
		w.add("--gateway is not set: payments are simulated, no money moves. Off loopback it must be written out.")
	}
	if c.PageTokenKey == "" && c.Postgres() && c.Has(RoleAPI) {
		w.add("OMS_PAGE_TOKEN_KEY is not set: page tokens are signed with a key made from --store. Off loopback it must be set.")
	}
}

// warnOfRoles tells what does not happen here.
func (c *Config) warnOfRoles(w *Problems, missing []string) {
	alone := c.Store == SQLite || c.EmbeddedBus()
	names := strings.Join(missing, ", ")
	if !alone {
		w.add("--roles leaves out %s: some other process on this database must play them, or orders do not go on.", names)
		return
	}
	reason := "--store=sqlite"
	if c.Postgres() {
		reason = "--bus=embedded"
	}
	w.add("--roles leaves out %s, and with %s no other process can play them beside this one: orders are accepted and stay PENDING "+
		"until a process with --roles=all runs.", names, reason)
}

type listener struct{ flag, addr string }

// listeners are what the process opens: the client's only in the role that answers clients.
func (c *Config) listeners() []listener {
	all := []listener{
		{"api-addr", c.APIAddr}, {"grpc-addr", c.GRPCAddr}, {"internal-addr", c.InternalAddr}, {"ops-addr", c.OpsAddr},
	}
	if !c.Has(RoleAPI) {
		all = all[2:]
	}
	if c.BusListen != "" {
		all = append(all, listener{"bus-listen", c.BusListen})
	}
	return all
}

// Reachable names the listeners, but for that of operations, which can be reached from outside of the machine.
func (c *Config) Reachable() []string {
	var found []string
	for _, l := range c.listeners() {
		if l.flag != "ops-addr" && !Loopback(l.addr) {
			found = append(found, "--"+l.flag+"="+l.addr)
		}
	}
	return found
}

// Loopback tells whether an address can be reached from its own machine only. A name other than localhost may be anything.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// parse checks a URL without telling what it holds.
func parse(p Place) error {
	parsed, err := url.Parse(p.Reveal())
	switch {
	case err != nil:
		return errNotURL
	case parsed.Host == "" && parsed.Query().Get("host") == "":
		return errNoHost
	}
	return nil
}

type plainError string

func (e plainError) Error() string { return string(e) }

const (
	errNotURL = plainError("it cannot be read")
	errNoHost = plainError("it names no host")
)
