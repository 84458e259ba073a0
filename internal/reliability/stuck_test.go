package reliability

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/load"
)

// operate acts on an order as an operator.
func (w *world) operate(t *testing.T, orderID string, compensate bool) outcome {
	client := omsv1.NewOperationsServiceClient(w.servers[0].internal)
	var err error
	if compensate {
		_, err = load.Send(within(t), w.client(), load.Key(), client.ForceCompensation,
			&omsv1.ForceCompensationRequest{OrderId: orderID, Operator: "ann", Reason: "the customer called"})
	} else {
		_, err = load.Send(within(t), w.client(), load.Key(), client.RetryStep,
			&omsv1.RetryStepRequest{OrderId: orderID, Operator: "ann", Reason: "it waits for nobody"})
	}
	return told(t, err)
}

// stuckStep answers the step that an order is listed as waiting for; empty when it is not.
func (w *world) stuckStep(t *testing.T, orderID string) string {
	answer, err := omsv1.NewOperationsServiceClient(w.servers[0].internal).ListStuckOrders(within(t),
		&omsv1.ListStuckOrdersRequest{OlderThanSeconds: 1})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(answer.Orders, func(o *omsv1.StuckOrder) bool { return o.OrderId == orderID })
	if at < 0 {
		return ""
	}
	return answer.Orders[at].Step
}

// verifyFindsStuck has `oms verify` look for orders that wait for a second: it warns, and fails only when it is told to. With the limits
// that it has by default nothing has waited for long enough.
func (w *world) verifyFindsStuck(count int64) {
	w.t.Helper()
	arguments := []string{"verify", "--store", w.url, "--data-dir", w.servers[0].folder, "--fail-on-stuck"}
	if text, err := w.oms(arguments...); err != nil {
		w.t.Errorf("orders that wait for seconds are stuck: %v\n%s", err, text)
	}
	arguments = append(arguments, "--stuck-payment=1s")
	text, err := w.oms(arguments...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 4 || !strings.Contains(text, fmt.Sprintf("these are stuck: %d.", count)) {
		w.t.Errorf("oms verify ends with %v:\n%s", err, text)
	}
	if text, err := w.oms("verify", "--store", w.url, "--data-dir", w.servers[0].folder, "--stuck-payment=1s"); err != nil {
		w.t.Errorf("a warning fails: %v\n%s", err, text)
	}
}

// An order whose call was lost is found, and goes on when an operator says so, or ends; who and why stand in its timeline. The lost call
// had reached the gateway: its key keeps it from being carried out twice.
func TestOperatorsUnstickOrders(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{onSQLite, onPostgres} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			w.startAll()
			w.stock("mug", 10)
			retried, ended := w.reserve(draft("c", 1, "mug")), w.reserve(draft("c", 1, "mug"))
			for _, order := range []*omsv1.Order{retried, ended} {
				w.pay(order.Id, gateway.TokenLate) // held; the answer takes long
			}
			w.stopAll()
			w.change("DELETE FROM effects")
			w.startAll()
			for _, order := range []*omsv1.Order{retried, ended} {
				w.eventually("the order is found", func() bool { return w.stuckStep(t, order.Id) == "PAYMENT" })
			}
			w.verifyFindsStuck(2)
			for range 2 { // twice does what once does, but for the record
				if refused := w.operate(t, retried.Id, false); refused != "" {
					t.Errorf("a retry is refused: %s", refused)
				}
			}
			if refused := w.operate(t, ended.Id, true); refused != "" {
				t.Errorf("a compensation is refused: %s", refused)
			}
			w.await(retried.Id, confirmed)
			w.await(ended.Id, canceled)
			w.eventually("the hold is voided", func() bool { return w.get(ended.Id).Payment.Status == statusVoided })
			if refused := w.operate(t, ended.Id, true); refused != "ILLEGAL_TRANSITION" {
				t.Errorf("an order that has ended can be compensated: %q", refused)
			}
			if refused := w.operate(t, retried.Id, false); refused != "ILLEGAL_TRANSITION" {
				t.Errorf("an order that waits for nothing can be retried: %q", refused)
			}
			w.checkBooks()
			w.checkItem("mug", 9, 0, 1)
			if step := w.stuckStep(t, retried.Id); step != "" {
				t.Errorf("it is listed still, for %s", step)
			}
			// A captured order is refunded, once however often it is asked for.
			w.operate(t, retried.Id, true)
			if again := w.operate(t, retried.Id, true); again != "" && again != "ILLEGAL_TRANSITION" {
				t.Errorf("the second compensation: %s", again)
			}
			w.await(retried.Id, refunded)
			w.checkBooks()
			timeline, err := w.client().Orders.GetTimeline(within(t), &omsv1.GetTimelineRequest{OrderId: retried.Id})
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, entry := range timeline.Entries {
				if entry.By == omsv1.TimelineParty_TIMELINE_PARTY_OPERATOR {
					said = append(said, entry.Reason+" "+entry.Detail)
				}
			}
			if got := strings.Join(said, "; "); !strings.HasPrefix(got, "OPERATOR_RETRY ann: it waits for nobody; OPERATOR_RETRY ann: it waits "+
				"for nobody; OPERATOR_COMPENSATION ann: the customer called") {
				t.Errorf("the timeline says %q", got)
			}
		})
	}
}

// An operator's compensation and the gateway's answer at once: whoever is first, nothing is owed and nothing is kept.
func TestCompensationRacesWithTheGateway(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{onSQLite, onPostgres} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			w.startAll()
			w.stock("mug", 100)
			tokens := []string{gateway.TokenOK, gateway.TokenDuplicate, gateway.TokenTimeout, gateway.TokenUnknown}
			atOnce(rounds(), func(round int) {
				order := w.reserve(draft("c", 1, "mug"))
				w.pay(order.Id, tokens[round%len(tokens)])
				atOnce(2, func(i int) {
					if i == 0 || round%3 > 0 {
						w.operate(t, order.Id, true)
					}
				})
			})
			orders := w.checkBooks()
			if counts := statuses(orders); counts[canceled]+counts[refunded] != rounds() {
				t.Errorf("%v", counts)
			}
			var left int64
			for _, o := range orders {
				left += o.Payment.CapturedMinor - o.Payment.RefundedMinor
			}
			if item := w.item("mug"); left != 0 || item.Reserved != 0 {
				t.Errorf("%d are kept, %v", left, item)
			}
		})
	}
}
