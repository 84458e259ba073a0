package reliability

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

const webhookSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// gatewayProgram is `oms gateway` beside a world's servers, which take payments by it.
type gatewayProgram struct {
	world     *world
	arguments []string
	address   string
	log       *journal
	command   *exec.Cmd
}

// newGatewayWorld makes a world whose servers know the gateway and have not started; the gateway has.
func newGatewayWorld(t *testing.T, kind string) (*world, *gatewayProgram) {
	t.Helper()
	w := newWorld(t, kind)
	g := &gatewayProgram{world: w, address: freeAddress(), log: &journal{}}
	file := filepath.Join(w.folder, "gateways.yaml")
	text := fmt.Sprintf("- {name: remote, kind: remote, url: 'http://%s', secret: 'env:REMOTE_SECRET'}\n", g.address)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.settings = append(w.settings, "REMOTE_SECRET="+webhookSecret)
	w.flags = append(w.flags, "--gateways-file", file, "--gateway", "remote")
	w.journal = filepath.Join(w.folder, "remote", "gateway.journal")
	g.arguments = []string{
		"gateway", "--addr", g.address, "--callback-url", "http://" + w.servers[0].api + "/webhooks/remote", "--secret", webhookSecret,
		"--data-dir", filepath.Dir(w.journal), "--late", "3s",
	}
	g.start()
	t.Cleanup(func() {
		g.kill()
		if t.Failed() {
			t.Logf("the gateway printed:\n%s", g.log)
		}
	})
	return w, g
}

func (g *gatewayProgram) start() {
	g.world.t.Helper()
	g.command = exec.Command(binary, g.arguments...)
	g.command.Stdout, g.command.Stderr, g.command.SysProcAttr = g.log, g.log, attributes()
	if err := g.command.Start(); err != nil {
		g.world.t.Fatal(err)
	}
	g.world.eventually("the gateway answers", func() bool { return answered("http://" + g.address + "/healthz") })
}

func (g *gatewayProgram) kill() {
	_ = g.command.Process.Signal(syscall.SIGKILL)
	_ = g.command.Wait() // it was killed
}

// ordersPerFault is how many orders meet each fault of the gateway.
func ordersPerFault(t *testing.T) int {
	t.Helper()
	text := os.Getenv("OMS_FAULT_ORDERS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("OMS_FAULT_ORDERS=%s is no count", text)
	}
	return n
}

// Whatever a gateway over the network does wrong, no money is taken twice, none is kept of a canceled order, every unknown outcome
// is found out or in the dead letters, and the books are those of the gateway. Every fourth order is canceled on its way, every fourth
// that is confirmed is refunded, and the gateway is killed once meanwhile.
func TestFaultsOfTheGateway(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{onSQLite, onPostgres} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w, g := newGatewayWorld(t, kind)
			w.startAll()
			w.throughFaults(t, g, ordersPerFault(t))
		})
	}
}

// faults are the tokens of calls that go wrong. Disputes and refunds that come back go well first, and end as they are told to
// (package effect).
var faults = slices.DeleteFunc(gateway.Tokens(), func(token string) bool {
	return slices.Contains([]string{gateway.TokenDispute, gateway.TokenDisputeWon, gateway.TokenRefundReturned}, token)
})

func (w *world) throughFaults(t *testing.T, g *gatewayProgram, count int) {
	w.stock("mug", int64(count*len(faults)))
	wrong := map[string]bool{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, token := range faults {
		group.Go(func() {
			for i := range count {
				order := w.reserve(draft(token, 1, "mug"))
				w.pay(order.Id, token)
				if strings.HasPrefix(token, "sim:wrong") {
					mu.Lock()
					wrong[order.Id] = true
					mu.Unlock()
					continue
				}
				if i%4 == 1 {
					w.tryCancel(t, 0, order.Id) // it may be CONFIRMED already
				}
			}
		})
	}
	time.Sleep(time.Second) // while payments are under way; nothing is asserted about how many
	g.kill()
	g.start()
	group.Wait()
	w.settled(wrong)
	refunds := 0
	for i, o := range w.orders() {
		if o.Status == confirmed && i%4 == 0 {
			refunds++
			if got := w.tryRefund(t, 0, o.Id, price); got != "" {
				t.Errorf("the refund of %s is refused: %s", o.Id, got)
			}
		}
	}
	w.settled(wrong)
	var sound []*omsv1.Order
	for _, o := range w.orders() {
		switch {
		case !wrong[o.Id]:
			sound = append(sound, o)
		case o.Status != reserved || o.GetPayment().GetCapturedMinor() != 0:
			t.Errorf("a wrong answer was booked: %v", o)
		}
	}
	if counts := statuses(sound); counts[confirmed] == 0 || counts[canceled] == 0 || counts[refunded] < refunds || refunds == 0 {
		t.Errorf("the orders are %v, %d were refunded", counts, refunds)
	}
	w.checkLetters(t, wrong)
	w.checkFaultMoney(t, sound, wrong)
	w.verify()
}

// settled waits until no call is open and no order is under way, but for those whose answers were wrong.
func (w *world) settled(wrong map[string]bool) {
	w.t.Helper()
	for limit := time.Now().Add(3 * patience); ; time.Sleep(100 * time.Millisecond) {
		if w.count("SELECT count(*) FROM effects WHERE state = 1") == 0 {
			var left []*omsv1.Order
			for _, o := range w.orders() {
				if !wrong[o.Id] && !resting(o) {
					left = append(left, o)
				}
			}
			if len(left) == 0 {
				return
			}
			if time.Now().After(limit) {
				w.t.Fatalf("%d orders do not come to an end, such as %v", len(left), left[0])
			}
		}
		if time.Now().After(limit) {
			w.t.Fatalf("%d calls do not come to an end", w.count("SELECT count(*) FROM effects WHERE state = 1"))
		}
	}
}

// checkLetters wants a letter of each wrong answer, and none beside.
func (w *world) checkLetters(t *testing.T, wrong map[string]bool) {
	t.Helper()
	open := w.count("SELECT count(*) FROM dead_letters WHERE replayed_at" + w.micro() + " IS NULL")
	if open != int64(len(wrong)) {
		t.Errorf("%d dead letters of %d wrong answers", open, len(wrong))
	}
}

// checkFaultMoney compares the orders with what the gateway has done; of wrong answers it holds the money and took none.
func (w *world) checkFaultMoney(t *testing.T, sound []*omsv1.Order, wrong map[string]bool) {
	t.Helper()
	totals, err := gateway.ReadTotals(w.journal)
	if err != nil {
		t.Fatal(err)
	}
	byOrder := map[string]gateway.Total{}
	var captured, refundedMinor int64
	for _, total := range totals {
		byOrder[total.OrderID] = total
		captured += total.CapturedMinor
		refundedMinor += total.RefundedMinor
		if wrong[total.OrderID] && (total.Captures != 0 || total.Holds != 1) {
			t.Errorf("after a wrong answer the gateway did %+v", total)
		}
	}
	for _, o := range sound {
		total, p := byOrder[o.Id], o.GetPayment()
		switch {
		case total.Captures > 1 || total.CapturedMinor != p.GetCapturedMinor() || total.RefundedMinor != p.GetRefundedMinor() || total.LeftMinor() != 0:
			t.Errorf("order %v, the gateway did %+v", o, total)
		case o.Status == canceled && total.CapturedMinor != 0:
			t.Errorf("%s is CANCELED, the gateway took %d", o.Id, total.CapturedMinor)
		}
	}
	booked := func(kind string) int64 {
		return w.count("SELECT COALESCE(SUM(e.amount_minor), 0) FROM ledger_entries e JOIN ledger_transfers t " +
			"ON t.tenant_id = e.tenant_id AND t.transfer_id = e.transfer_id WHERE t.kind = 'payment." + kind + "' AND e.amount_minor > 0")
	}
	if booked("capture") != captured || booked("refund") != refundedMinor || captured == 0 || refundedMinor == 0 {
		t.Errorf("booked %d and %d, the gateway took %d and gave back %d", booked("capture"), booked("refund"), captured, refundedMinor)
	}
}
