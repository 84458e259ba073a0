package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/state"
)

var update = flag.Bool("update", false, "write the golden files anew")

// oms runs the program as a person would.
func oms(arguments ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	code = Main(arguments, &o, &e)
	return code, o.String(), e.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at it and run with -update:\n%s", path, got)
	}
}

func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "120")
	var all strings.Builder
	for _, arguments := range [][]string{
		{"--help"}, {"serve", "--help"}, {"dev", "--help"}, {"demo", "--help"}, {"replay", "--help"}, {"verify", "--help"}, {"drill", "--help"}, {"dlq", "--help"},
		{"dlq", "list", "--help"}, {"dlq", "show", "--help"}, {"dlq", "replay", "--help"}, {"orders", "stuck", "--help"}, {"orders", "retry", "--help"},
		{"orders", "compensate", "--help"}, {"gateway", "--help"}, {"migrate", "--help"}, {"health", "--help"},
		{"version", "--help"},
	} {
		code, out, errOut := oms(arguments...)
		if code != 0 || errOut != "" {
			t.Errorf("%v: exit code %d, %s", arguments, code, errOut)
		}
		all.WriteString("$ oms " + strings.Join(arguments, " ") + "\n" + out + "\n")
	}
	golden(t, "help.golden", all.String())
	if _, out, _ := oms(); !strings.Contains(all.String(), out) || out == "" {
		t.Errorf("without arguments: %s", out)
	}
}

func TestHelpTellsNoSecrets(t *testing.T) {
	t.Setenv("OMS_PAGE_TOKEN_KEY", "geheim")
	t.Setenv("OMS_STORE", "postgres://u:geheim@h/d")
	t.Setenv("OMS_TOKEN", "geheim")
	for _, arguments := range [][]string{{"serve", "--help"}, {"dlq", "--help"}, {"verify", "--help"}, {"serve", "--roles=cook"}, {"serve", "--frob"}} {
		if _, out, errOut := oms(arguments...); strings.Contains(out+errOut, "geheim") {
			t.Errorf("%v tells: %s%s", arguments, out, errOut)
		}
	}
}

func TestWrongCalls(t *testing.T) {
	for _, test := range []struct {
		arguments []string
		code      int
		says      []string
	}{
		{[]string{"frob"}, 2, []string{"frob"}},
		{[]string{"serve", "--frob"}, 2, []string{"--frob"}},
		{[]string{"serve", "--unpaid-for=soon"}, 2, []string{"--unpaid-for"}},
		{[]string{"serve", "--api-addr=:8080", "--log-level=loud"}, 2, []string{
			"these settings are refused:\n  - ", "--auth=none", "--gateway=sim", "--log-level=loud",
		}},
		{[]string{"dev", "--api-addr=0.0.0.0:8080"}, 2, []string{"oms dev"}},
		{[]string{"demo", "--api-addr=0.0.0.0:8080"}, 2, []string{"oms demo"}},
		{[]string{"verify", "--store=mysql://x"}, 2, []string{"--store=mysql://x is unknown"}},
		{[]string{"migrate", "--store=mysql://x"}, 2, []string{"--store=mysql://x is unknown"}},
		{[]string{"verify", "--data-dir=" + t.TempDir()}, 3, []string{"oms: verify:"}},
		{[]string{"replay", "missing.csv"}, 2, []string{"missing.csv"}},
		{[]string{"dlq"}, 2, []string{"list"}},
		{[]string{"dlq", "list", "--internal-addr=127.0.0.1:1"}, 1, []string{"no server answers at --internal-addr=127.0.0.1:1"}},
		{[]string{"health", "--ops-addr=127.0.0.1:1"}, 1, []string{"no server answers at --ops-addr=127.0.0.1:1"}},
	} {
		code, _, errOut := oms(test.arguments...)
		if code != test.code {
			t.Errorf("%v: exit code %d, want %d (%s)", test.arguments, code, test.code, errOut)
		}
		for _, says := range test.says {
			if !strings.Contains(errOut, says) {
				t.Errorf("%v: %q does not say %q", test.arguments, errOut, says)
			}
		}
	}
}

func TestConfigFileOfTheEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oms.yaml")
	if err := os.WriteFile(path, []byte("store: mysql://of-the-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("OMS_CONFIG", path)
	if code, _, errOut := oms("verify"); code != 2 || !strings.Contains(errOut, "of-the-file") {
		t.Errorf("OMS_CONFIG is ignored: %d %s", code, errOut)
	}
	t.Setenv("OMS_STORE", "mysql://of-the-environment")
	if _, _, errOut := oms("verify"); !strings.Contains(errOut, "of-the-environment") {
		t.Errorf("the environment is ignored: %s", errOut)
	}
	if _, _, errOut := oms("verify", "--store=mysql://of-the-flag"); !strings.Contains(errOut, "of-the-flag") {
		t.Errorf("the flag is ignored: %s", errOut)
	}
}

func TestVersion(t *testing.T) {
	if code, out, _ := oms("version"); code != 0 || !strings.HasPrefix(out, "oms ") {
		t.Errorf("%d %q", code, out)
	}
	if _, out, _ := oms("version", "--json"); !strings.Contains(out, `"commit": "`) {
		t.Errorf("%q", out)
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	good := []state.Finding{{Invariant: "the ledger sums to zero", Checked: 1_234_567}, {Invariant: "no order is lost", Checked: 9}}
	if violated := printFindings(&out, good); violated != 0 {
		t.Errorf("%d violations in a good database", violated)
	}
	bad := append(slices.Clip(good), state.Finding{Invariant: "no stock is negative", Checked: 12, Violation: "sku a: -1\nsku b: -2"})
	if violated := printFindings(&out, bad); violated != 1 {
		t.Errorf("%d violations, want 1", violated)
	}
	printStuck(&out, state.StuckOrders{UnderWay: 1234})
	stuck := state.StuckOrders{UnderWay: 1234, Count: 1100, Orders: []state.StuckOrder{
		{Tenant: "acme", OrderID: "order:1", Step: "PAYMENT", Since: time.Unix(0, 0).UTC()},
		{Tenant: "acme", OrderID: "order:2", Step: "DEAD_LETTER", Since: time.Unix(60, 0).UTC(), Error: "the gateway\nrefused it"},
	}}
	printStuck(&out, stuck)
	payments := state.StuckPayments{Count: 21, Payments: []state.StuckPayment{{
		Tenant: "acme", PaymentID: "player_payment:1", PlayerID: "ann", Type: state.PlayerPaymentWithdrawal, Step: "PAYOUT",
		Since: time.Unix(0, 0).UTC(), Error: "the gateway is\naway",
	}}}
	printStuckOfPlayers(&out, state.StuckPayments{})
	printStuckOfPlayers(&out, payments)
	if violated, err := writeFindings(&out, bad, stuck, payments); violated != 1 || err != nil {
		t.Errorf("%d violations, %v", violated, err)
	}
	golden(t, "findings.golden", out.String())
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s", n, got)
		}
	}
}

func TestSignals(t *testing.T) {
	left := make(chan int, 1)
	var said bytes.Buffer
	ctx, stop := signals(context.Background(), &said, func(code int) { left <- code })
	defer stop()
	signalSelf(t)
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the first signal ends nothing")
	}
	if len(left) > 0 || !strings.Contains(said.String(), "a second signal stops at once") {
		t.Errorf("the first signal says %q", said.String())
	}
	signalSelf(t)
	select {
	case code := <-left:
		if code != exitAtOnce {
			t.Errorf("the second signal exits with %d", code)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the second signal does nothing")
	}
}

func signalSelf(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func TestComplain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		code int
		says string
	}{
		{nil, 0, ""},
		{errors.New("x"), 1, "oms: x\n"},
		{failure{code: 1}, 1, ""},
		{failure{3, errors.New("x")}, 3, "oms: x\n"},
		{config.Problems{"a."}, 2, "oms: these settings are refused:\n  - a.\n"},
		{failure{2, config.Problems{"a.", "b."}}, 2, "oms: these settings are refused:\n  - a.\n  - b.\n"},
	} {
		var out bytes.Buffer
		if code := complain(&out, test.err); code != test.code || out.String() != test.says {
			t.Errorf("%v: %d %q", test.err, code, out.String())
		}
	}
}

func TestReachableAndTerminal(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"127.0.0.1:1": "127.0.0.1:1", "0.0.0.0:1": "localhost:1", "[::]:1": "localhost:1", "h:1": "h:1", "": "",
	} {
		if got := reachable(address); got != want {
			t.Errorf("reachable(%q) = %q", address, got)
		}
	}
	if w := terminal(io.Discard); w != nil {
		t.Errorf("a writer that is no file is a terminal: %v", w)
	}
}
