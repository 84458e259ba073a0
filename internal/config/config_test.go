package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// load parses arguments as a command that embeds the settings does.
func load(t *testing.T, arguments ...string) (Config, error) {
	t.Helper()
	var program struct {
		Config
		File kong.ConfigFlag `name:"config"`
	}
	parser, err := kong.New(&program, append(Sources(), kong.Exit(func(int) { t.Error("exit") }))...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(arguments)
	return program.Config, err
}

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaultIsWhatNoFlagsGive(t *testing.T) {
	defaults := Default()
	if err := defaults.Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	parsed, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%+v", parsed) != fmt.Sprintf("%+v", defaults) {
		t.Errorf("no flags give\n%+v\nthe defaults are\n%+v", parsed, defaults)
	}
	if !defaults.Has(RoleEffect) || !defaults.EmbeddedBus() || defaults.Postgres() || defaults.LaneCount() != 1 {
		t.Errorf("defaults: %+v", defaults)
	}
	for _, l := range defaults.listeners() {
		if !Loopback(l.addr) {
			t.Errorf("--%s is %s by default", l.flag, l.addr)
		}
	}
}

func TestDefaultIgnoresTheEnvironment(t *testing.T) {
	t.Setenv("OMS_API_ADDR", "127.0.0.1:1")
	if got := Default().APIAddr; got != "127.0.0.1:8080" {
		t.Errorf("the default follows the environment: %s", got)
	}
}

func TestSourcesInOrder(t *testing.T) {
	path := file(t, "oms.yaml", `
# Settings of a test.
api-addr: 127.0.0.1:1001
grpc-addr: 127.0.0.1:1002
internal-addr: 127.0.0.1:1003
roles: [api, relay]
unpaid-for: 20m
max-queue: 77
trace-share: 0.5
expose-ops: true
page-token-key: 0123456789012345678901234567890123456789
`)
	t.Setenv("OMS_GRPC_ADDR", "127.0.0.1:2002")
	t.Setenv("OMS_INTERNAL_ADDR", "127.0.0.1:2003")
	got, err := load(t, "--config", path, "--internal-addr=127.0.0.1:3003")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.APIAddr, want.GRPCAddr, want.InternalAddr = "127.0.0.1:1001", "127.0.0.1:2002", "127.0.0.1:3003"
	want.Roles, want.UnpaidFor, want.MaxQueue = []string{"api", "relay"}, 20*time.Minute, 77
	want.TraceShare, want.ExposeOps = 0.5, true
	want.PageTokenKey = "0123456789012345678901234567890123456789"
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) || got.PageTokenKey != want.PageTokenKey {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEverySettingCanComeFromTheEnvironment(t *testing.T) {
	parser, err := kong.New(&Config{}, Sources()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range parser.Model.Flags {
		want := "OMS_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if flag.Name != "help" && !slices.Equal(flag.Envs, []string{want}) {
			t.Errorf("--%s has %v, want %s", flag.Name, flag.Envs, want)
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		want    []string
	}{
		"unknown keys": {"api-adr: x\nstore: sqlite\nbuss: y\n", []string{`line 1: there is no setting "api-adr"`, `line 3: there is no setting "buss"`}},
		"nested":       {"api:\n  addr: x\n", []string{`"api"`}},
		"nested value": {"store:\n  x: y\n", []string{"line 2: store must be a value"}},
		"dev":          {"dev: true\n", []string{`"dev"`}},
		"not YAML":     {"store: [", []string{"oms.yaml"}},
		"a list":       {"- store\n", []string{"oms.yaml"}},
		"twice":        {"store: sqlite\nstore: sqlite\n", []string{"store", "already defined"}},
		"wrong type":   {"unpaid-for: soon\n", []string{"--unpaid-for"}},
	} {
		_, err := load(t, "--config", file(t, "oms.yaml", test.content))
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
	}
	if _, err := load(t, "--config", "missing.yaml"); err == nil || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := load(t, "--config", file(t, "oms.yaml", "# nothing\n")); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

const (
	postgres = "postgres://oms:geheim@db/oms"
	key      = "0123456789abcdef0123456789abcdef"
)

// production is a server that the world reaches, set right.
func production(t *testing.T) Config {
	c := Default()
	c.Store, c.Bus, c.PageTokenKey, c.Gateway, c.GatewayJournal = postgres, "nats://bus:4222", key, Simulator, "/gateway/journal"
	c.APIAddr, c.GRPCAddr = "0.0.0.0:8080", "0.0.0.0:9090"
	c.CredentialsFile = file(t, "credentials", "")
	return c
}

// listenBus has the embedded bus let consumers in.
func listenBus(c *Config, addr string) { c.Bus, c.PublicStream, c.BusListen = Embedded, true, addr }

func TestValidate(t *testing.T) {
	right := production(t)
	if err := right.Validate(); err != nil {
		t.Fatalf("a right setting is refused: %v", err)
	}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string // what the only problem says; empty for none
	}{
		"port 0":             {func(c *Config) { c.APIAddr, c.GRPCAddr, c.OpsAddr = "[::1]:0", "127.0.0.1:0", "127.0.0.1:0" }, ""},
		"no port":            {func(c *Config) { c.OpsAddr = "127.0.0.1" }, "--ops-addr=127.0.0.1 is no address"},
		"port out of range":  {func(c *Config) { c.OpsAddr = "127.0.0.1:70000" }, "--ops-addr=127.0.0.1:70000 is no address"},
		"same port":          {func(c *Config) { c.InternalAddr = c.OpsAddr }, "--internal-addr and --ops-addr are both"},
		"unknown store":      {func(c *Config) { c.Store = "mysql://x" }, "--store=mysql://x is unknown"},
		"store no URL":       {func(c *Config) { c.Store = "postgres://u:geheim%@h/d" }, "--store=postgres://u:***@h/d is no URL"},
		"store no host":      {func(c *Config) { c.Store = "postgres:///d" }, "no host"},
		"store on a socket":  {func(c *Config) { c.Store = "postgres:///d?host=/run/postgresql" }, ""},
		"no data folder":     {func(c *Config) { c.DataDir = "" }, "--data-dir is empty"},
		"unknown bus":        {func(c *Config) { c.Bus = "kafka://x" }, "--bus=kafka://x is unknown"},
		"simulators apart":   {func(c *Config) { c.GatewayJournal = "" }, "--gateway-journal"},
		"no simulator here":  {func(c *Config) { c.GatewayJournal, c.Roles = "", []string{"api"} }, ""},
		"bus no URL":         {func(c *Config) { c.Bus = "nats://a,b" }, "--bus"},
		"cluster":            {func(c *Config) { c.Bus = "nats://u:p@a:4222, nats://u:p@b:4222" }, ""},
		"sqlite and a bus":   {func(c *Config) { c.Store = SQLite }, "--bus=embedded"},
		"no roles":           {func(c *Config) { c.Roles = nil }, "--roles is empty"},
		"unknown role":       {func(c *Config) { c.Roles = []string{"api", "cook"} }, `"cook"`},
		"retention":          {func(c *Config) { c.IdempotencyRetention = time.Hour }, "--idempotency-retention=1h0m0s is out of range"},
		"batch retention":    {func(c *Config) { c.BatchRetention = time.Minute }, "--batch-retention=1m0s is out of range"},
		"batch deadline":     {func(c *Config) { c.BatchRetention, c.MaxRequestDeadline = 2*time.Hour, 90*time.Minute }, "--max-request-deadline"},
		"unpaid for":         {func(c *Config) { c.UnpaidFor = 0 }, "--unpaid-for"},
		"deadlines":          {func(c *Config) { c.MaxRequestDeadline = time.Second }, "--max-request-deadline"},
		"body":               {func(c *Config) { c.MaxBodyBytes = 10 }, "--max-body-bytes=10 is out of range"},
		"connections":        {func(c *Config) { c.MaxConnections = 0 }, "--max-connections=0 is out of range"},
		"streams":            {func(c *Config) { c.MaxStreams = 1 << 21 }, "--max-streams"},
		"in flight":          {func(c *Config) { c.MaxInFlight = 0 }, "--max-in-flight"},
		"header":             {func(c *Config) { c.MaxHeaderBytes = 100 }, "--max-header-bytes=100 is out of range"},
		"header time":        {func(c *Config) { c.HeaderTimeout = 0 }, "--header-timeout"},
		"body time":          {func(c *Config) { c.BodyTimeout = -1 }, "--body-timeout"},
		"write time":         {func(c *Config) { c.WriteTimeout = 0 }, "--write-timeout"},
		"idle time":          {func(c *Config) { c.IdleTimeout = 0 }, "--idle-timeout"},
		"queue time":         {func(c *Config) { c.MaxQueueTime = 0 }, "--max-queue-time"},
		"queue":              {func(c *Config) { c.MaxQueue = 0 }, "--max-queue"},
		"batch":              {func(c *Config) { c.MaxBatch = 1 << 17 }, "--max-batch"},
		"batch bytes":        {func(c *Config) { c.MaxBatchBytes = 10 }, "--max-batch-bytes=10 is out of range"},
		"lanes on sqlite":    {func(c *Config) { c.Store, c.Bus, c.Lanes = SQLite, Embedded, 2 }, "--lanes=2 is too many for SQLite"},
		"log level":          {func(c *Config) { c.LogLevel = "loud" }, "--log-level=loud"},
		"log format":         {func(c *Config) { c.LogFormat = "xml" }, "--log-format=xml"},
		"collector":          {func(c *Config) { c.OTLPEndpoint = "localhost:4317" }, "--otlp-endpoint"},
		"trace share":        {func(c *Config) { c.TraceShare = 1.5 }, "--trace-share"},
		"auth unknown":       {func(c *Config) { c.Auth = "maybe" }, "--auth=maybe"},
		"auth without file":  {func(c *Config) { c.Auth, c.CredentialsFile = Credentials, "" }, "--credentials-file"},
		"auth both":          {func(c *Config) { c.Auth = None }, "contradict"},
		"gateway unknown":    {func(c *Config) { c.Gateway = "bank" }, "--gateway=bank is unknown"},
		"stripe without key": {func(c *Config) { c.Gateway = Stripe }, "OMS_STRIPE_SECRET_KEY"},
		"stripe live in dev": {func(c *Config) {
			c.Dev, c.Gateway, c.StripeSecretKey, c.APIAddr, c.GRPCAddr = true, Stripe, "rk_live_123", "127.0.0.1:1", "127.0.0.1:2"
		}, "live key"},
		"stripe":             {func(c *Config) { c.Gateway, c.StripeSecretKey = Stripe, "sk_test_123" }, ""},
		"stripe elsewhere":   {func(c *Config) { c.StripeURL = "https://stripe.example" }, "--stripe-url=https://stripe.example is another machine"},
		"stripe-mock":        {func(c *Config) { c.StripeURL = "http://127.0.0.1:12111" }, ""},
		"mail":               {func(c *Config) { c.SMTP, c.MailFrom = "smtp+plain://localhost:25", "Shop <shop@example.org>" }, ""},
		"mail without from":  {func(c *Config) { c.SMTP = "smtps://mail.example" }, "write --mail-from"},
		"mail from nobody":   {func(c *Config) { c.SMTP, c.MailFrom = "smtps://mail.example", "shop" }, "--mail-from=\"shop\" is no address"},
		"mail from ü":        {func(c *Config) { c.SMTP, c.MailFrom = "smtps://mail.example", "ü@example.org" }, "--mail-from=\"ü@example.org\""},
		"mail in the clear":  {func(c *Config) { c.SMTP, c.MailFrom = "smtp+plain://mail.example", "s@example.org" }, "in the clear to another machine"},
		"mail password":      {func(c *Config) { c.SMTP, c.MailFrom = "smtp+plain://u:p@[::1]:25", "s@example.org" }, "the password in the clear"},
		"sms":                {func(c *Config) { c.SMS, c.SMSSecret = "http://127.0.0.1:81/", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }, ""},
		"sms in the clear":   {func(c *Config) { c.SMS = "http://other-host/" }, "--sms=http://other-host/ sends numbers and orders in the clear"},
		"twilio in clear":    {func(c *Config) { c.SMS, c.SMSFrom = "twilio+http://a:b@sms.example", "+15005550006" }, "in the clear to another machine"},
		"twilio, no account": {func(c *Config) { c.SMS, c.SMSFrom = "twilio://api.twilio.com", "+15005550006" }, "names no account"},
		"sms secret":         {func(c *Config) { c.SMS, c.SMSSecret = "https://sms.example", "geheim" }, "--sms-secret must be \"whsec_\""},
		"short secret":       {func(c *Config) { c.PageTokenKey = "geheim" }, "OMS_PAGE_TOKEN_KEY) is too short"},
		// What must not meet the world by oversight.
		"no credentials":               {func(c *Config) { c.CredentialsFile = "" }, "--auth=none"},
		"open, written out":            {func(c *Config) { c.CredentialsFile, c.Auth = "", None }, ""},
		"internal only":                {func(c *Config) { reachInternal(c); c.CredentialsFile = "" }, "--internal-addr=10.0.0.1:1 can be reached"},
		"a name is not loopback":       {func(c *Config) { c.APIAddr = "oms.example:80"; c.CredentialsFile = "" }, "--api-addr=oms.example:80"},
		"all interfaces":               {func(c *Config) { c.APIAddr = ":80"; c.CredentialsFile = "" }, "--api-addr=:80"},
		"no gateway":                   {func(c *Config) { c.Gateway = "" }, "--gateway=sim"},
		"no gateway nor effects":       {func(c *Config) { c.Gateway, c.Roles = "", []string{RoleAPI} }, ""},
		"no page token key":            {func(c *Config) { c.PageTokenKey = "" }, "OMS_PAGE_TOKEN_KEY"},
		"no lists, no key":             {func(c *Config) { c.PageTokenKey, c.Roles = "", []string{RoleRelay} }, ""},
		"sqlite keeps its own key":     {func(c *Config) { c.PageTokenKey, c.Store, c.Bus = "", SQLite, Embedded }, ""},
		"ops outside":                  {func(c *Config) { c.OpsAddr = "0.0.0.0:9092" }, "--expose-ops"},
		"ops outside on purpose":       {func(c *Config) { c.OpsAddr, c.ExposeOps = "0.0.0.0:9092", true }, ""},
		"dev outside":                  {func(c *Config) { c.Dev = true }, "oms dev"},
		"region":                       {func(c *Config) { c.Region = "eu.1" }, "--region=\"eu.1\" is no name"},
		"public stream's name":         {func(c *Config) { c.PublicStreamName = "" }, "--public-stream-name"},
		"public stream's age":          {func(c *Config) { c.PublicStreamAge = 0 }, "--public-stream-age"},
		"public stream's size":         {func(c *Config) { c.PublicStreamBytes = -1 }, "--public-stream-bytes"},
		"public stream, external":      {func(c *Config) { c.PublicStream = true }, ""},
		"listener, external":           {func(c *Config) { c.PublicStream, c.BusListen = true, "127.0.0.1:4222" }, "where that listens"},
		"listener of nothing":          {func(c *Config) { c.Bus, c.BusListen = Embedded, "127.0.0.1:4222" }, "which is off"},
		"listener":                     {func(c *Config) { listenBus(c, "127.0.0.1:4222") }, ""},
		"listener is no address":       {func(c *Config) { listenBus(c, "localhost") }, "--bus-listen=localhost is no address"},
		"listener takes a port":        {func(c *Config) { listenBus(c, c.APIAddr); c.BusToken = key }, "--api-addr and --bus-listen are both"},
		"listener outside":             {func(c *Config) { listenBus(c, "0.0.0.0:4222") }, "set OMS_BUS_TOKEN to 32 characters"},
		"listener outside, everybody":  {func(c *Config) { listenBus(c, ":4222"); c.CredentialsFile, c.Auth = "", None }, "set OMS_BUS_TOKEN"},
		"listener outside, token":      {func(c *Config) { listenBus(c, "0.0.0.0:4222"); c.BusToken = key }, ""},
		"listener, short token":        {func(c *Config) { listenBus(c, "127.0.0.1:4222"); c.BusToken = "geheim" }, "OMS_BUS_TOKEN) is too short"},
		"listener of dev":              {func(c *Config) { *c = Default(); c.Dev = true; listenBus(c, ":4222") }, "oms dev"},
		"ops outside, loopback server": {func(c *Config) { *c = Default(); c.OpsAddr = ":9092" }, "--expose-ops"},
		"trial on loopback":            {func(c *Config) { *c = Default(); c.Store = postgres }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := right
			test.change(&c)
			err := c.Validate()
			if test.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			problems, is := err.(Problems) //nolint:errorlint // never wrapped
			if !is || len(problems) != 1 || !strings.Contains(problems[0], test.want) {
				t.Fatalf("got %q, want one problem that says %q", problems, test.want)
			}
			if !strings.HasSuffix(problems[0], ".") || !strings.Contains(problems[0], "--") && !c.Dev {
				t.Errorf("%q is no sentence that names a flag", problems[0])
			}
			if strings.Contains(problems[0], "geheim") {
				t.Errorf("%q tells a secret", problems[0])
			}
		})
	}
}

func reachInternal(c *Config) {
	*c = Config{}
	*c = Default()
	c.Gateway, c.InternalAddr = Simulator, "10.0.0.1:1"
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Store, c.Bus, c.UnpaidFor, c.APIAddr, c.LogLevel = "x", "y", -1, "nowhere", "z"
	problems, _ := c.Validate().(Problems) //nolint:errorlint // never wrapped
	if len(problems) < 5 {
		t.Errorf("only %q", problems)
	}
	if lines := strings.Split(problems.Error(), "\n"); len(lines) != len(problems) {
		t.Errorf("%d problems in %d lines", len(problems), len(lines))
	}
}

func TestWarnings(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"production":       {func(c *Config) { *c = production(t) }, []string{"no money moves"}},
		"dev":              {func(c *Config) { c.Dev = true }, nil},
		"trial":            {func(*Config) {}, []string{"nobody is asked", "--gateway is not set"}},
		"trial postgres":   {func(c *Config) { c.Store = postgres }, []string{"nobody is asked", "--gateway is not set", "OMS_PAGE_TOKEN_KEY"}},
		"api on sqlite":    {func(c *Config) { *c = dev(); c.Roles = []string{"api"} }, []string{"relay, reactor, timer, effect, and with --store=sqlite"}},
		"api, own bus":     {func(c *Config) { *c = dev(); c.Store = postgres; c.Roles = []string{"api"} }, []string{"with --bus=embedded"}},
		"api of a cluster": {func(c *Config) { *c = dev(); c.Store, c.Bus, c.Roles = postgres, "nats://b", []string{"api"} }, []string{"some other process"}},
		"clear text": {func(c *Config) { *c = production(t); c.Store = "postgres://u:p@db/oms?sslmode=disable" },
			[]string{"no money moves", "in the clear"}},
	} {
		c := Default()
		test.change(&c)
		got := c.Warnings()
		if len(got) != len(test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: %q does not say %q", name, got[i], want)
			}
		}
	}
}

func dev() Config {
	c := Default()
	c.Dev = true
	return c
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	for place, want := range map[Place]string{
		"sqlite":                                    "sqlite",
		"postgres://u:geheim@h:5432/d?sslmode=x":    "postgres://u:***@h:5432/d?sslmode=x",
		"postgres://u@h/d":                          "postgres://u@h/d",
		"postgres://u:geh@e/im@h/d":                 "postgres://u:***@h/d",
		"postgres://u:geh,eim@h/d":                  "postgres://u:***@h/d",
		"postgres://h/d?user=u&password=geheim&x=y": "postgres://h/d?user=u&password=***&x=y",
		"host=h password=geheim dbname=d":           "host=h password=*** dbname=d",
		"nats://geheim@h:4222":                      "nats://***@h:4222",
		"nats://u:geheim@a,nats://geheim@b,tls://c": "nats://u:***@a,nats://***@b,tls://c",
		"nats://h:4222":                             "nats://h:4222",
	} {
		if got := place.String(); got != want {
			t.Errorf("%q prints as %q, want %q", string(place), got, want)
		}
	}
	c := Default()
	c.Store, c.Bus, c.PageTokenKey = "postgres://u:geheim@h/d", "nats://geheim@h", "geheim-geheim-geheim-geheim-geheim"
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "config", c)
	for _, setting := range []string{`"store":"postgres://u:***@h/d"`, `"data-dir":"./oms-data"`, `"page-token-key":"***"`, `"roles":["all"]`, `"sms-secret":""`} {
		if !strings.Contains(logged.String(), setting) {
			t.Errorf("the log does not say %s: %s", setting, logged.String())
		}
	}
	for _, text := range []string{string(encoded), logged.String(), fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c)} {
		if strings.Contains(text, "geheim") {
			t.Errorf("told: %s", text)
		}
	}
	if c.Store.Reveal() != "postgres://u:geheim@h/d" || c.PageTokenKey.Reveal() != "geheim-geheim-geheim-geheim-geheim" {
		t.Error("Reveal does not")
	}
}

func TestPageTokenSecret(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	secret := func(change func(*Config)) []byte {
		c := Default()
		c.DataDir = filepath.Join(folder, "data")
		change(&c)
		got, err := c.PageTokenSecret()
		if err != nil || len(got) != 32 {
			t.Fatalf("%x, %v", got, err)
		}
		return got
	}
	own := secret(func(*Config) {})
	if !bytes.Equal(own, secret(func(*Config) {})) {
		t.Error("the data folder's key changes")
	}
	if info, err := os.Stat(filepath.Join(folder, "data", pageTokenFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	if bytes.Equal(own, secret(func(c *Config) { c.DataDir += "2" })) {
		t.Error("two folders share a key")
	}
	emptied := make([][]byte, 2)
	for i := range emptied {
		if err := os.WriteFile(filepath.Join(folder, "data", pageTokenFile), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		emptied[i] = secret(func(*Config) {})
	}
	if bytes.Equal(emptied[0], emptied[1]) {
		t.Error("an empty file was taken for a key")
	}
	set := func(c *Config) { c.PageTokenKey = key }
	if !bytes.Equal(secret(set), secret(func(c *Config) { set(c); c.Store, c.DataDir = postgres, "elsewhere" })) {
		t.Error("the setting does not decide alone")
	}
	inDatabase := func(c *Config) { c.Store = postgres }
	if !bytes.Equal(secret(inDatabase), secret(func(c *Config) { inDatabase(c); c.DataDir = "elsewhere" })) {
		t.Error("two processes on one database have two keys")
	}
}

func TestEffectiveSettings(t *testing.T) {
	t.Parallel()
	c := Default()
	if c.AuthMode() != None || c.GatewayName() != Simulator || c.Format() != "json" || c.JournalPath() != "oms-data/gateway-sim.journal" {
		t.Errorf("by default %s, %s, %s", c.AuthMode(), c.GatewayName(), c.Format())
	}
	c.CredentialsFile, c.Store, c.Dev, c.Gateway = "f", postgres, true, "bank"
	if c.AuthMode() != Credentials || c.LaneCount() != 2 || c.Format() != "text" || c.GatewayName() != "bank" {
		t.Errorf("%s, %d lanes, %s, %s", c.AuthMode(), c.LaneCount(), c.Format(), c.GatewayName())
	}
	c.Auth, c.Lanes, c.LogFormat = None, 3, "json"
	if c.AuthMode() != None || c.LaneCount() != 3 || c.Format() != "json" {
		t.Errorf("%s, %d lanes, %s", c.AuthMode(), c.LaneCount(), c.Format())
	}
}

// The example shows every setting, with its default where it is commented out.
func TestExampleFile(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../../deploy/oms.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(example), "/etc/oms/credentials.json", file(t, "credentials.json", "[]"), 1)
	if _, err := load(t, "--config", file(t, "oms.yaml", text)); err != nil {
		t.Errorf("the example is refused: %v", err)
	}
	var shown []string
	defaults := map[string]string{}
	parser, err := kong.New(&Config{}, kong.NoDefaultHelp())
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range parser.Model.Flags {
		defaults[flag.Name] = flag.Default
	}
	for line := range strings.Lines(text) {
		line, isComment := strings.CutPrefix(strings.TrimSpace(line), "# ")
		name, value, _ := strings.Cut(line, ":")
		value = strings.Trim(strings.TrimSpace(value), "[]")
		if _, known := defaults[name]; !known {
			continue
		}
		shown = append(shown, name)
		if isComment && !slices.Contains([]string{"expose-ops", "public-stream", "require-kyc"}, name) && value != defaults[name] {
			t.Errorf("%s is shown as %q, the default is %q", name, value, defaults[name])
		}
	}
	for name := range defaults {
		if !slices.Contains(shown, name) {
			t.Errorf("%s is not shown", name)
		}
	}
}

// The processes of the compose file start with the settings that it and the image give them, and their simulators know of each other.
func TestComposeFile(t *testing.T) {
	t.Parallel()
	image, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Environment map[string]string
			Volumes     []string
		}
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatal(err)
	}
	secrets := strings.NewReplacer("/run/secrets/credentials", file(t, "credentials.json", "[]"))
	secret := regexp.MustCompile(`\$\{(\w+)[^}]*\}`)
	for _, name := range []string{"oms-1", "oms-2"} {
		settings := map[string]string{}
		for _, found := range regexp.MustCompile(`(OMS_\w+)=(\S+)`).FindAllStringSubmatch(strings.Split(string(image), "\nENV ")[1], -1) {
			settings[found[1]] = found[2]
		}
		maps.Copy(settings, compose.Services[name].Environment)
		var arguments []string
		for variable, value := range settings {
			flag := "--" + strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, "OMS_")), "_", "-")
			arguments = append(arguments, flag+"="+secrets.Replace(secret.ReplaceAllString(value, strings.Repeat("k", 64))))
		}
		c, err := load(t, arguments...)
		if err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
		if journal := filepath.Dir(c.GatewayJournal); !slices.Contains(compose.Services[name].Volumes, "gateway:"+journal) {
			t.Errorf("%s has a simulator of its own: its journal is in %s", name, journal)
		}
	}
}
