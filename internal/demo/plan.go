package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// story is how a buyer behaves, and what happens to the payment.
type story int

const (
	buys        story = iota
	payEarly          // pays before the stock is reserved
	declined          // the payment is declined and the order ends
	paysAgain         // the payment is declined, the order is kept, the second payment succeeds
	cancels           // before paying
	cancelsLate       // right after paying
	returnsPart       // refunded in two parts, asked for at once
	returnsAll        // refunded in full
	wantsLast         // one of many who want the last pieces
	answerLost        // the gateway's answer is lost, and it has to be asked
	answerTwice       // the gateway calls back twice
	stories
)

// shares says how many of a thousand orders follow each story; the rest just buys.
var shares = [stories]int{
	payEarly: 200, declined: 40, paysAgain: 25, cancels: 50, cancelsLate: 20, returnsPart: 40, returnsAll: 25, wantsLast: 30,
	answerLost: 10, answerTwice: 20,
}

// titles describe the stories to a person.
var titles = [stories]string{
	buys: "reserved, paid, confirmed", payEarly: "paid before the stock was reserved", declined: "payment declined",
	paysAgain: "payment declined, paid again", cancels: "canceled before paying", cancelsLate: "canceled right after paying",
	returnsPart: "two partial refunds at once", returnsAll: "refunded in full", wantsLast: "wanted the last pieces",
	answerLost: "gateway's answer lost, reconciled", answerTwice: "gateway called back twice",
}

// wish is one order to come.
type wish struct {
	story   story
	request *omsv1.CreateOrderRequest
	twice   bool // the request is sent twice at once, with one key
}

// plan is everything that buyers will do, and the stock that they need. Seed and number make it, and nothing else but the run's
// name inside of references.
type plan struct {
	wishes  []*wish
	stock   map[string]int64
	limited string // the SKU of the last pieces
	pieces  int64  // how many of it there are
}

const (
	lineLimit  = 30
	twiceEvery = 25
)

// makePlan draws the orders. The ones whose payment takes long come first, so that nobody waits for them in the end.
func makePlan(run string, orders int, seed uint64) *plan {
	random := rand.New(rand.NewPCG(seed, 0x6f6d73)) //nolint:gosec // the same orders for the same seed are wanted
	p := &plan{stock: map[string]int64{}, limited: "last-pieces-" + run}
	products := catalogue(random)
	pickProduct := rand.NewZipf(random, 1.1, 2, uint64(len(products)-1)) //nolint:gosec // above 0
	pickCustomer := rand.NewZipf(random, 1.2, 8, uint64(orders/3+1))     //nolint:gosec // above 0
	for n, story := range cast(random, orders) {
		name, prices := customer(pickCustomer.Uint64() + 1)
		request := &omsv1.CreateOrderRequest{
			CustomerId: name, Currency: prices.currency, ClientReference: fmt.Sprintf("%s%d", reference(run), n+1),
			Metadata: map[string]string{"channel": []string{"web", "app", "shop"}[random.IntN(3)]},
		}
		if story == wantsLast {
			request.Items = []*omsv1.OrderItem{item(p.limited, 1, prices, 19900)}
		} else {
			fill(request, random, products, pickProduct, prices)
		}
		for _, item := range request.Items {
			p.stock[item.Sku] += int64(item.Qty)
		}
		p.wishes = append(p.wishes, &wish{story: story, request: request, twice: n%twiceEvery == twiceEvery/2})
	}
	if wanted := p.stock[p.limited]; wanted > 0 {
		p.pieces = max(wanted*2/5, 1)
		p.stock[p.limited] = p.pieces
	}
	return p
}

// reference begins the client_reference of all orders of a run.
func reference(run string) string { return "demo:" + run + ":" }

// cast gives every order its story: exact shares, in a random order, the slow ones first. With few orders each story still has one.
func cast(random *rand.Rand, orders int) []story {
	all := make([]story, 0, orders)
	for s, share := range shares {
		count := orders * share / 1000
		if count == 0 && share > 0 && orders >= 2*int(stories) {
			count = 1
		}
		for range count {
			all = append(all, story(s))
		}
	}
	for len(all) < orders {
		all = append(all, buys)
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	slices.SortStableFunc(all, func(a, b story) int { return first(a) - first(b) })
	return all
}

func first(s story) int {
	if s == answerLost {
		return 0
	}
	return 1
}

func item(sku string, qty int32, prices pricing, cents int64) *omsv1.OrderItem {
	return &omsv1.OrderItem{Sku: sku, Qty: qty, Price: &omsv1.Money{Currency: prices.currency, AmountMinor: prices.price(cents)}}
}

// fill puts 1 to 30 lines into an order, mostly few, mostly of what everybody buys; shipping below a limit, a discount for some.
func fill(request *omsv1.CreateOrderRequest, random *rand.Rand, products []product, pick *rand.Zipf, prices pricing) {
	lines := min(1+int(random.ExpFloat64()*4), lineLimit)
	var sum int64
	for range lines {
		chosen := products[pick.Uint64()]
		line := item(chosen.sku, 1+int32(min(random.ExpFloat64()*1.5, 11)), prices, chosen.cents)
		request.Items = append(request.Items, line)
		sum += int64(line.Qty) * line.Price.AmountMinor
	}
	adjust := func(name string, minor int64) {
		request.Adjustments = append(request.Adjustments,
			&omsv1.Adjustment{Name: name, Amount: &omsv1.Money{Currency: prices.currency, AmountMinor: minor}})
	}
	if sum < prices.free {
		adjust("shipping", prices.shipping)
	}
	if random.IntN(8) == 0 {
		adjust("welcome discount", -(sum / 10))
	}
}
