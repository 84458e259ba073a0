package reliability

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/load"
)

const (
	statusDeclined = omsv1.PaymentStatus_PAYMENT_STATUS_DECLINED
	statusVoided   = omsv1.PaymentStatus_PAYMENT_STATUS_VOIDED
)

// Each behaviour of the gateway leads to its end, however its answers come.
func TestPaymentTokens(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 1_000)
		t.Run("all", func(t *testing.T) {
			for _, token := range []string{gateway.TokenOK, gateway.TokenTimeout, gateway.TokenUnknown, gateway.TokenDuplicate, gateway.TokenLate} {
				t.Run(token, func(t *testing.T) {
					t.Parallel()
					order := w.reserve(draft(token, 1, "mug"))
					w.pay(order.Id, token)
					got := w.await(order.Id, confirmed)
					if got.Payment.CapturedMinor != price || got.ExpiresAt != nil {
						t.Errorf("%v", got)
					}
				})
			}
			t.Run("declined", func(t *testing.T) {
				t.Parallel()
				order := w.reserve(draft("c", 1, "mug"))
				w.pay(order.Id, gateway.TokenDeclined)
				got := w.await(order.Id, canceled)
				if got.StatusReason != "PAYMENT_DECLINED" || got.Payment.DeclineReason != "insufficient_funds" || got.Payment.Status != statusDeclined {
					t.Errorf("%v", got)
				}
			})
			t.Run("declined and paid again", func(t *testing.T) { t.Parallel(); w.payAgain(t) })
			t.Run("late success of a canceled order", func(t *testing.T) { t.Parallel(); w.lateSuccess(t) })
			t.Run("free", func(t *testing.T) {
				t.Parallel()
				request := draft("c", 1, "mug")
				request.Items[0].Price.AmountMinor = 0
				order := w.reserve(request)
				w.pay(order.Id, gateway.TokenDeclined) // nobody is asked
				w.await(order.Id, confirmed)
			})
		})
		w.checkBooks()
		w.checkItem("mug", 993, 0, 7)
	})
}

func (w *world) payAgain(t *testing.T) {
	order := w.reserve(draft("c", 1, "mug"))
	for _, token := range []string{gateway.TokenDeclined, gateway.TokenDeclined, gateway.TokenOK} {
		_, err := load.Send(within(t), w.client(), load.Key(), w.client().Orders.PayOrder,
			&omsv1.PayOrderRequest{OrderId: order.Id, PaymentToken: token, KeepOnDecline: true})
		if err != nil {
			t.Fatal(err)
		}
		if token == gateway.TokenOK {
			break
		}
		w.eventually("the payment is declined", func() bool { return w.get(order.Id).Payment.Status == statusDeclined })
		if got := w.get(order.Id); got.Status != reserved || got.ExpiresAt == nil {
			t.Errorf("after a kept decline: %v", got)
		}
	}
	w.await(order.Id, confirmed)
}

// lateSuccess cancels while the gateway takes its time: what it holds in the end is given up.
func (w *world) lateSuccess(t *testing.T) {
	order := w.reserve(draft("c", 1, "mug"))
	w.pay(order.Id, gateway.TokenLate)
	if o := w.tryCancel(t, 1, order.Id); o != "" {
		t.Fatalf("cannot cancel: %s", o)
	}
	if got := w.get(order.Id); got.Status != canceled {
		t.Errorf("%v", got)
	}
	w.eventually("the hold is voided", func() bool { return w.get(order.Id).Payment.Status == statusVoided })
}

// The timer of an unpaid order ends it and gives its stock back; a payment under way is waited for.
func TestUnpaidOrdersExpire(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 10)
		unpaid, declined, bought := w.create(draft("c", 1, "mug")), w.reserve(draft("c", 1, "mug")), w.reserve(draft("c", 1, "mug"))
		late := w.reserve(draft("c", 1, "mug"))
		w.pay(bought.Id, gateway.TokenOK)
		w.pay(late.Id, gateway.TokenUnknown)
		_, err := load.Send(within(t), w.client(), load.Key(), w.client().Orders.PayOrder,
			&omsv1.PayOrderRequest{OrderId: declined.Id, PaymentToken: gateway.TokenDeclined, KeepOnDecline: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, order := range []*omsv1.Order{unpaid, declined} {
			if got := w.await(order.Id, canceled); got.StatusReason != "EXPIRED" || got.ExpiresAt != nil {
				t.Errorf("%v", got)
			}
		}
		w.await(bought.Id, confirmed)
		w.await(late.Id, confirmed)
		w.checkBooks()
		w.checkItem("mug", 8, 0, 2)
	}, "--unpaid-for", "3s")
}

// A follower of one order sees every version in order, by gRPC and by server-sent events, goes on where it was, and is told the
// end.
func TestFollowOneOrder(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 1_000)
		order := w.create(draft("c", 1, "mug"))
		stream, err := w.any(1).client.Orders.WatchOrder(within(t), &omsv1.WatchOrderRequest{OrderId: order.Id})
		if err != nil {
			t.Fatal(err)
		}
		w.await(order.Id, reserved)
		w.pay(order.Id, gateway.TokenOK)
		w.await(order.Id, confirmed)
		w.tryRefund(t, 0, order.Id, 300)
		w.eventually("a part is back", func() bool { return w.get(order.Id).Payment.RefundedMinor == 300 })
		events := make(chan []string, 1)
		go func() { events <- w.events(t, w.any(1), order.Id, "2") }() // versions 3 to 7 are past, the rest is to come
		w.tryRefund(t, 0, order.Id, 0)
		last := w.await(order.Id, refunded)
		var seen []int64
		for {
			response, err := stream.Recv()
			if err != nil {
				break
			}
			if len(response.Order.Items) != 1 {
				t.Errorf("version %d has no lines", response.Order.Version)
			}
			seen = append(seen, response.Order.Version)
		}
		if len(seen) == 0 || seen[len(seen)-1] != last.Version || seen[len(seen)-1]-seen[0] != int64(len(seen)-1) {
			t.Errorf("seen %v, last is %d", seen, last.Version)
		}
		if got := fmt.Sprint(<-events); got != "[3 4 5 6 7 8 9]" || last.Version != 9 {
			t.Errorf("events %v of an order of version %d", got, last.Version)
		}
		again := w.any(0).http(t, http.MethodGet, "/v1/orders/"+order.Id+":watch", "", "", "Last-Event-ID", "9")
		if again.status != http.StatusNoContent {
			t.Errorf("after the end: %d %s", again.status, again.body)
		}
		_, err = receive(w.client().Orders.WatchOrder(within(t), &omsv1.WatchOrderRequest{OrderId: order.Id, AfterVersion: 10}))
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("after a version that is not there: %v", err)
		}
	})
}

// receive reads the first message of a stream.
func receive[M any](stream interface{ Recv() (M, error) }, err error) (M, error) {
	if err != nil {
		var none M
		return none, err
	}
	return stream.Recv()
}

// events reads the ids of an order's event stream to its end.
func (w *world) events(t *testing.T, s *server, orderID, after string) (ids []string) {
	request, err := http.NewRequestWithContext(within(t), http.MethodGet, "http://"+s.api+"/v1/orders/"+orderID+":watch", http.NoBody)
	if err != nil {
		t.Error(err)
		return nil
	}
	request.Header.Set("Last-Event-ID", after)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if id, is := strings.CutPrefix(lines.Text(), "id: "); is {
			ids = append(ids, id)
		}
	}
	return ids
}

// A feed that is resumed by its token, at whatever process, misses nothing and repeats nothing.
func TestFeedResumes(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 1_000)
		ctx, cancelAll := context.WithCancel(within(t))
		defer cancelAll()
		token, seen := "", map[string]int64{}
		follow := func(i int, enough func() bool) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			stream, err := w.any(i).client.Orders.WatchOrders(ctx, &omsv1.WatchOrdersRequest{ResumeToken: token})
			if err != nil {
				t.Fatal(err)
			}
			for first := true; first || !enough(); first = false {
				response, err := stream.Recv()
				if err != nil {
					t.Fatal(err)
				}
				token = response.ResumeToken
				for _, change := range response.Changes {
					if change.Version != seen[change.OrderId]+1 {
						t.Errorf("version %d of %s after %d", change.Version, change.OrderId, seen[change.OrderId])
					}
					seen[change.OrderId] = change.Version
				}
			}
		}
		follow(0, func() bool { return true })
		for round := range 6 {
			var bought []*omsv1.Order
			for range 5 {
				bought = append(bought, w.buy(draft("c", 1, "mug")))
			}
			follow(round, func() bool { return seen[bought[4].Id] == 5 })
			for _, order := range bought {
				if seen[order.Id] != 5 {
					t.Errorf("of %s version %d was seen", order.Id, seen[order.Id])
				}
			}
		}
		for _, spoiled := range []string{"x", token + "x", token[:len(token)-4]} {
			_, err := receive(w.client().Orders.WatchOrders(ctx, &omsv1.WatchOrdersRequest{ResumeToken: spoiled}))
			if reasonOf(err) != "RESUME_TOKEN_INVALID" {
				t.Errorf("%q: %v", spoiled, err)
			}
		}
	})
}

// GetOperation tells what became of a command by its key: a success, a refusal, and nothing yet.
func TestOperations(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 1_000)
		created, err := w.client().Orders.CreateOrder(keyed(t, "made"), draft("c", 1, "mug"))
		if err != nil {
			t.Fatal(err)
		}
		w.await(created.Order.Id, reserved)
		w.any(0).http(t, http.MethodPost, "/v1/orders/"+created.Order.Id+":refund", "refused", `{}`)
		orders := w.any(1).client.Orders
		made, err := orders.GetOperation(within(t), &omsv1.GetOperationRequest{IdempotencyKey: "made"})
		if err != nil || made.HttpStatus != 201 || made.Method != "oms.v1.OrderService/CreateOrder" || made.Reason != "" ||
			made.Order.GetId() != created.Order.Id || made.Order.Status != pending || made.CommittedAt.AsTime().IsZero() {
			t.Errorf("%v %v", made, err)
		}
		refusal, err := orders.GetOperation(within(t), &omsv1.GetOperationRequest{IdempotencyKey: "refused"})
		if err != nil || refusal.HttpStatus != 400 || refusal.Reason != "ILLEGAL_TRANSITION" || refusal.Message == "" || refusal.Order != nil {
			t.Errorf("%v %v", refusal, err)
		}
		if _, err := orders.GetOperation(within(t), &omsv1.GetOperationRequest{IdempotencyKey: "none"}); status.Code(err) != codes.NotFound {
			t.Errorf("%v", err)
		}
	})
}

// A confirmed order costs five commands and eight events at most.
func TestBudgetOfAnOrder(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{onSQLite, onPostgres} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			w.startAll()
			w.stock("mug", 1_000)
			const count = 20
			w.rest()
			time.Sleep(100 * time.Millisecond) // what the start brings about
			commands, events := w.commands(), w.count("SELECT count(*) FROM events")
			for range count {
				w.buy(draft("c", 1, "mug"))
			}
			w.rest()
			if spent := w.commands() - commands; spent > 5*count {
				t.Errorf("%d commands for %d orders", spent, count)
			}
			if spent := w.count("SELECT count(*) FROM events") - events; spent != 8*count {
				t.Errorf("%d events for %d orders", spent, count)
			}
		})
	}
}

var commandsLine = regexp.MustCompile(`(?m)^oms_batch_commands_sum (\S+)$`)

// commands answers how many commands the pipeline of the only server has carried out.
func (w *world) commands() int {
	w.t.Helper()
	text := w.servers[0].metrics(w.t)
	match := commandsLine.FindStringSubmatch(text)
	if match == nil {
		w.t.Fatalf("no count of commands in\n%s", text)
	}
	n, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return int(n)
}

func (s *server) metrics(t testing.TB) string {
	t.Helper()
	request, err := http.NewRequestWithContext(within(t), http.MethodGet, "http://"+s.ops+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
