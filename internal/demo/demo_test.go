package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/load/loadtest"
	"github.com/seed-255eabaa/oms/internal/state"
)

func connect(t *testing.T, server *loadtest.Server) *load.Client {
	t.Helper()
	conn := server.Connect(t)
	client := load.New(conn, conn)
	client.Policy.First = time.Millisecond
	return client
}

func runJSON(t *testing.T, server *loadtest.Server, options Options) (*Report, error) {
	t.Helper()
	var out bytes.Buffer
	options.Out, options.JSON = &out, true
	failure := run(t.Context(), connect(t, server), options.withDefaults())
	report := &Report{}
	if err := json.Unmarshal(out.Bytes(), report); err != nil && out.Len() > 0 {
		t.Fatal(err)
	}
	return report, failure
}

func TestEveryStoryEndsAsItMust(t *testing.T) {
	server := loadtest.New()
	report, err := runJSON(t, server, Options{Orders: 1000, Seed: 7})
	if err != nil {
		t.Fatalf("%v: %v %+v", err, report.Problems, report.Checks)
	}
	if len(report.Stories) != int(stories) {
		t.Errorf("%d stories of %d were played", len(report.Stories), stories)
	}
	if n := len(server.Orders()); n != 1000 {
		t.Errorf("%d orders", n)
	}
	for _, money := range report.Money {
		if money.Captured <= 0 || money.Refunded < 0 || money.Refunded > money.Captured {
			t.Errorf("money: %+v", money)
		}
	}
	// Again on the same server: the shelves are filled anew, earlier orders are not counted.
	if report, err = runJSON(t, server, Options{Orders: 100, Seed: 7}); err != nil || report.Orders != 100 {
		t.Errorf("%v: %v %+v", err, report.Problems, report.Checks)
	}
}

func TestTroubleOnTheWayChangesNothing(t *testing.T) {
	server := loadtest.New()
	server.SetTrouble(func(_ string, call int) (error, error) {
		switch call % 5 {
		case 0:
			return status.Error(codes.Unavailable, "down"), nil
		case 2:
			return nil, status.Error(codes.Unavailable, "the answer is lost")
		default:
			return nil, nil
		}
	})
	report, err := runJSON(t, server, Options{Orders: 300, Seed: 1, Clients: 8})
	if err != nil || report.Retried == 0 {
		t.Errorf("%v: %v %+v", err, report.Problems, report.Checks)
	}
}

func TestFailuresAreTold(t *testing.T) {
	t.Run("an order that does not end", func(t *testing.T) {
		server := loadtest.New()
		server.SetTrouble(func(method string, _ int) (error, error) {
			if method == "PayOrder" {
				return status.Error(codes.FailedPrecondition, "no"), nil
			}
			return nil, nil
		})
		report, err := runJSON(t, server, Options{Orders: 4, Seed: 1})
		if !errors.Is(err, ErrFailed) || report.OK || len(report.Problems) == 0 || !strings.Contains(report.Problems[0], "pay: ") {
			t.Errorf("%v: %v", err, report.Problems)
		}
	})
	t.Run("an invariant", func(t *testing.T) {
		verify := func(context.Context) ([]state.Finding, error) {
			return []state.Finding{{Invariant: "all is well", Checked: 3, Violation: "it is not"}}, nil
		}
		report, err := runJSON(t, loadtest.New(), Options{Orders: 40, Seed: 1, Verify: verify})
		if last := report.Checks[len(report.Checks)-1]; !errors.Is(err, ErrFailed) || last.Holds || last.Detail != "it is not" {
			t.Errorf("%v: %+v", err, last)
		}
	})
}

// What the buyers were told is held against what the server has.
func TestCompare(t *testing.T) {
	confirmed := load.Seen{Status: omsv1.OrderStatus_ORDER_STATUS_CONFIRMED}
	order := func(status omsv1.OrderStatus, refunded int64) *omsv1.Order {
		return &omsv1.Order{Id: "order:1", Status: status, Payment: &omsv1.OrderPayment{RefundedMinor: refunded}}
	}
	for name, test := range map[string]struct {
		outcome outcome
		orders  []*omsv1.Order
		failing string
	}{
		"all is well":     {outcome{seen: confirmed, refunded: 5}, []*omsv1.Order{order(omsv1.OrderStatus_ORDER_STATUS_CONFIRMED, 5)}, ""},
		"it vanished":     {outcome{seen: confirmed}, nil, "every acknowledged order is there, and no other"},
		"it is another":   {outcome{seen: confirmed}, []*omsv1.Order{order(omsv1.OrderStatus_ORDER_STATUS_CANCELED, 0)}, "every order ended as its buyer was told"},
		"money is absent": {outcome{seen: confirmed, refunded: 5}, []*omsv1.Order{order(omsv1.OrderStatus_ORDER_STATUS_CONFIRMED, 4)}, "every refund came back to the last minor unit"},
		"there are two": {
			outcome{seen: confirmed}, []*omsv1.Order{order(omsv1.OrderStatus_ORDER_STATUS_CONFIRMED, 0), {Id: "order:2"}},
			"every acknowledged order is there, and no other",
		},
		"one too many got the last piece": {
			outcome{wish: &wish{story: wantsLast}, seen: confirmed}, []*omsv1.Order{order(omsv1.OrderStatus_ORDER_STATUS_CONFIRMED, 0)},
			"1 buyers wanted the last 0 pieces: 1 got one",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.outcome.orderID = "order:1"
			if test.outcome.wish == nil {
				test.outcome.wish = &wish{}
			}
			byID := map[string]*omsv1.Order{}
			for _, order := range test.orders {
				byID[order.Id] = order
			}
			r := &Report{}
			r.compare(&show{plan: &plan{}, outcomes: []outcome{test.outcome}}, byID)
			failing := ""
			for _, check := range r.Checks {
				if !check.Holds && failing == "" {
					failing = check.What
				}
			}
			if failing != test.failing {
				t.Errorf("failing is %q, want %q", failing, test.failing)
			}
		})
	}
}

// Pieces that earlier orders have reserved are left to them.
func TestStockLeavesReservedAlone(t *testing.T) {
	server := loadtest.New()
	client := connect(t, server)
	request := &omsv1.CreateOrderRequest{CustomerId: "other", Currency: "EUR"}
	for sku, pieces := range makePlan("x", 40, 5).stock {
		_, err := load.Send(t.Context(), client, load.Key(), client.Inventory.SetStock,
			&omsv1.SetStockRequest{Sku: sku, OnHand: proto.Int64(10 * pieces)})
		if err != nil {
			t.Fatal(err)
		}
		request.Items = append(request.Items, &omsv1.OrderItem{Sku: sku, Qty: int32(10 * pieces), Price: &omsv1.Money{Currency: "EUR"}})
	}
	if _, err := load.Send(t.Context(), client, load.Key(), client.Orders.CreateOrder, request); err != nil {
		t.Fatal(err)
	}
	for server.Orders()[0].Status != omsv1.OrderStatus_ORDER_STATUS_RESERVED {
		time.Sleep(time.Millisecond)
	}
	if report, err := runJSON(t, server, Options{Orders: 40, Seed: 5}); err != nil {
		t.Errorf("%v: %v", err, report)
	}
}

func TestPlanComesFromTheSeed(t *testing.T) {
	a, b, other := makePlan("r", 500, 42), makePlan("r", 500, 42), makePlan("r", 500, 43)
	same := true
	var lines, longest, twice int
	skus := map[string]int{}
	for i, wish := range a.wishes {
		if wish.story != b.wishes[i].story || !proto.Equal(wish.request, b.wishes[i].request) {
			t.Fatalf("order %d differs", i)
		}
		same = same && proto.Equal(wish.request, other.wishes[i].request)
		lines += len(wish.request.Items)
		longest = max(longest, len(wish.request.Items))
		if wish.twice {
			twice++
		}
		for _, item := range wish.request.Items {
			skus[item.Sku]++
			if item.Price.Currency != wish.request.Currency || item.Price.AmountMinor < 1 || item.Qty < 1 {
				t.Errorf("order %d: %v", i, item)
			}
		}
	}
	if same {
		t.Error("another seed makes the same orders")
	}
	if longest > lineLimit || longest < 15 || lines < 1500 || twice == 0 {
		t.Errorf("%d lines, %d in the longest order, %d sent twice", lines, longest, twice)
	}
	most := 0
	for _, n := range skus {
		most = max(most, n)
	}
	if most*len(skus) < 5*lines {
		t.Errorf("the best seller stands in %d of %d lines of %d SKUs: that is no Zipf", most, lines, len(skus))
	}
}

func TestReportForPeople(t *testing.T) {
	var out bytes.Buffer
	options := Options{Orders: 200, Seed: 3, Out: &out, APIAddr: "127.0.0.1:8080", OpsAddr: "127.0.0.1:9092", Again: "oms dev"}
	if err := run(t.Context(), connect(t, loadtest.New()), options.withDefaults()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"CONFIRMED", "OUT_OF_STOCK", "PAYMENT_DECLINED", "EUR", "pay to CONFIRMED", "/docs", "/timeline", "page_size=3", "oms dev", "/metrics",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "\x1b") || len([]rune(line)) > 125 {
			t.Errorf("a line is coloured or too long: %q", line)
		}
	}
}
