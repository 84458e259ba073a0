package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
)

// Report is what became of the orders, as the server tells it.
type Report struct {
	OK         bool        `json:"ok"`
	Orders     int         `json:"orders"`
	Clients    int         `json:"clients"`
	Seed       uint64      `json:"seed"`
	Statuses   []Status    `json:"by_status"`
	Stories    []Story     `json:"stories"`
	Money      []Money     `json:"money"`
	Millis     int64       `json:"duration_ms"`
	Most       int         `json:"most_orders"` // the orders that did not wait for a gateway in trouble
	MostMillis int64       `json:"most_orders_ms"`
	Calls      int64       `json:"calls"`
	Retried    int64       `json:"calls_repeated"`
	Latency    []Latencies `json:"latency"`
	Checks     []Check     `json:"checks"`
	Problems   []string    `json:"problems"`
	Example    string      `json:"example_order"`
}

// Status counts orders by status and reason.
type Status struct {
	Status  string   `json:"status"`
	Orders  int      `json:"orders"`
	Reasons []Status `json:"by_reason,omitempty"`
}

// Story counts orders by what their buyers did.
type Story struct {
	Story  string `json:"story"`
	Orders int    `json:"orders"`
	Ends   string `json:"ends"`
}

// Money adds up one currency, in minor units.
type Money struct {
	Currency string `json:"currency"`
	Orders   int    `json:"orders"`
	Ordered  int64  `json:"ordered_minor"`
	Captured int64  `json:"captured_minor"`
	Refunded int64  `json:"refunded_minor"`
}

// Latencies are percentiles in microseconds.
type Latencies struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
	P50   int64  `json:"p50_us"`
	P90   int64  `json:"p90_us"`
	P99   int64  `json:"p99_us"`
	Max   int64  `json:"max_us"`
}

// Check is one thing that was checked.
type Check struct {
	What   string `json:"what"`
	Count  int64  `json:"count"` // of what was looked at
	Holds  bool   `json:"holds"`
	Detail string `json:"detail,omitempty"`
}

// report reads everything back and compares.
func (d *show) report(ctx context.Context) (*Report, error) {
	orders, err := d.readBack(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the orders back: %w", err)
	}
	r := &Report{
		Orders: len(d.outcomes), Clients: d.options.Clients, Seed: d.options.Seed, Calls: d.client.Sent(), Retried: d.client.Retried(),
		Problems: []string{},
		Latency: []Latencies{
			latencies("create", d.create), latencies("create to RESERVED", d.reserve), latencies("pay to CONFIRMED", d.confirm),
			latencies("the same, gateway's answer lost", d.slow),
		},
	}
	r.countStatuses(orders)
	r.countMoney(orders)
	r.tellStories(d.outcomes)
	r.measure(d.outcomes)
	r.compare(d, orders)
	if d.options.Verify != nil {
		findings, err := d.options.Verify(ctx)
		if err != nil {
			return nil, fmt.Errorf("check the invariants: %w", err)
		}
		for _, finding := range findings {
			r.Checks = append(r.Checks, Check{finding.Invariant, finding.Checked, finding.Violation == "", finding.Violation})
		}
	}
	r.OK = len(r.Problems) == 0
	for _, check := range r.Checks {
		r.OK = r.OK && check.Holds
	}
	return r, nil
}

// readBack reads all orders of this run.
func (d *show) readBack(ctx context.Context) (map[string]*omsv1.Order, error) {
	orders := map[string]*omsv1.Order{}
	err := d.client.EachOrder(ctx, &omsv1.ListOrdersRequest{}, func(order *omsv1.Order) error {
		if strings.HasPrefix(order.GetClientReference(), reference(d.run)) {
			orders[order.GetId()] = order
		}
		return nil
	})
	return orders, err //nolint:wrapcheck // the caller wraps
}

func latencies(name string, l *load.Latency) Latencies {
	return Latencies{
		name, l.Count(), l.At(50).Microseconds(), l.At(90).Microseconds(), l.At(99).Microseconds(), l.Max().Microseconds(),
	}
}

func (r *Report) countStatuses(orders map[string]*omsv1.Order) {
	counts := map[omsv1.OrderStatus]map[string]int{}
	for _, order := range orders {
		reasons := counts[order.GetStatus()]
		if reasons == nil {
			reasons = map[string]int{}
			counts[order.GetStatus()] = reasons
		}
		reasons[reasonOf(order)]++
	}
	for number := range len(omsv1.OrderStatus_name) {
		status := omsv1.OrderStatus(number)
		line := Status{Status: short(status)}
		for reason, n := range counts[status] {
			line.Orders += n
			if reason != "" {
				line.Reasons = append(line.Reasons, Status{Status: reason, Orders: n})
			}
		}
		slices.SortFunc(line.Reasons, func(a, b Status) int {
			return cmp.Or(cmp.Compare(b.Orders, a.Orders), cmp.Compare(a.Status, b.Status))
		})
		if line.Orders > 0 {
			r.Statuses = append(r.Statuses, line)
		}
	}
}

// reasonOf is why an order is in its status, in one machine word; a confirmed one has a reason when a part was given back.
func reasonOf(order *omsv1.Order) string {
	switch {
	case order.GetStatus() == omsv1.OrderStatus_ORDER_STATUS_CONFIRMED && order.GetPayment().GetRefundedMinor() > 0:
		return "PARTIALLY_REFUNDED"
	case order.GetStatus() == omsv1.OrderStatus_ORDER_STATUS_CONFIRMED:
		return ""
	default:
		return order.GetStatusReason()
	}
}

func (r *Report) countMoney(orders map[string]*omsv1.Order) {
	sums := map[string]*Money{}
	for _, order := range orders {
		currency := order.GetAmount().GetCurrency()
		if sums[currency] == nil {
			sums[currency] = &Money{Currency: currency}
		}
		sum := sums[currency]
		sum.Orders++
		sum.Ordered += order.GetAmount().GetAmountMinor()
		sum.Captured += order.GetPayment().GetCapturedMinor()
		sum.Refunded += order.GetPayment().GetRefundedMinor()
	}
	for _, sum := range sums {
		r.Money = append(r.Money, *sum)
	}
	slices.SortFunc(r.Money, func(a, b Money) int {
		return cmp.Or(cmp.Compare(b.Orders, a.Orders), cmp.Compare(a.Currency, b.Currency))
	})
}

func (r *Report) tellStories(outcomes []outcome) {
	var counts [stories]int
	var ends [stories]map[string]int
	for _, o := range outcomes {
		story := o.wish.story
		counts[story]++
		if ends[story] == nil {
			ends[story] = map[string]int{}
		}
		ends[story][short(o.seen.Status)]++
	}
	for story, count := range counts {
		if count == 0 {
			continue
		}
		var words []string
		for _, status := range []string{"CONFIRMED", "REFUNDED", "CANCELED", "PAID", "RESERVED", "PENDING", "UNSPECIFIED"} {
			if n := ends[story][status]; n > 0 {
				words = append(words, fmt.Sprintf("%d %s", n, status))
			}
		}
		r.Stories = append(r.Stories, Story{titles[story], count, strings.Join(words, ", ")})
	}
	slices.SortStableFunc(r.Stories, func(a, b Story) int { return cmp.Compare(b.Orders, a.Orders) })
}

// measure finds how long it took, apart from the few orders that waited for a gateway in trouble.
func (r *Report) measure(outcomes []outcome) {
	var last time.Duration
	for _, o := range outcomes {
		last = max(last, o.at)
		if o.wish.story != answerLost {
			r.Most++
			r.MostMillis = max(r.MostMillis, o.at.Milliseconds())
		}
		if o.wish.story == returnsPart && r.Example == "" {
			r.Example = o.orderID
		}
	}
	if r.Example == "" && len(outcomes) > 0 {
		r.Example = outcomes[0].orderID
	}
	r.Millis = last.Milliseconds()
}

// compare holds what the buyers were told against what the server has.
func (r *Report) compare(d *show, orders map[string]*omsv1.Order) {
	var there, same, money, twice, confirmed int64
	var wanted int64
	for _, o := range d.outcomes {
		if o.problem != "" {
			r.Problems = append(r.Problems, fmt.Sprintf("%s (%s): %s", o.orderID, titles[o.wish.story], o.problem))
		}
		order := orders[o.orderID]
		if order == nil {
			if o.orderID != "" {
				r.Problems = append(r.Problems, o.orderID+": it was acknowledged, and the server does not list it")
			}
			continue
		}
		there++
		if short(order.GetStatus()) == short(o.seen.Status) {
			same++
		}
		if o.refunded == 0 || o.refunded == order.GetPayment().GetRefundedMinor() {
			money++
		}
		if o.wish.twice {
			twice++
		}
		if o.wish.story == wantsLast {
			wanted++
			if order.GetStatus() == omsv1.OrderStatus_ORDER_STATUS_CONFIRMED {
				confirmed++
			}
		}
	}
	all := int64(len(d.outcomes))
	add := func(what string, count int64, holds bool) {
		r.Checks = append(r.Checks, Check{What: what, Count: count, Holds: holds})
	}
	add("every acknowledged order is there, and no other", there, there == all && len(orders) == len(d.outcomes))
	add("every order ended as its buyer was told", same, same == all)
	add("every refund came back to the last minor unit", all, money == all)
	add("two requests at once with one key: one order, one answer", twice, true) // a difference is a problem of its order
	if wanted > 0 {
		add(fmt.Sprintf("%d buyers wanted the last %d pieces: %d got one", wanted, d.plan.pieces, confirmed), wanted,
			confirmed == d.plan.pieces)
	}
}
