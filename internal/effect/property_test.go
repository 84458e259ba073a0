package effect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/domain/deadletter"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/domain/payment"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

// The property: whatever order clients, events, timers, calls, callbacks, faults and deaths of processes come in, no rule is
// broken on the way, and once they cease everything comes to its end, with the same sums everywhere. The clock is virtual, every
// step is chosen by rapid, and a failure is replayed by the seed that it prints.
//
// More: go test ./internal/effect -run TestAnyOrderOfEvents -rapid.checks=100000

// machine is the world with two processes on one gateway.
type machine struct {
	*world
	t         *rapid.T
	now       time.Time
	journal   string
	processes [2]*process
	runs      int
	mail      []delivery // callbacks under way, some delivered before
	receiver  *process   // of the next delivery
	ids       []string   // of the orders
	attempts  int
	short     time.Duration   // how long a hold of sim:short_hold is good
	attempted *state.Effect   // by the attempt under way
	sums      []gateway.Total // as of journal size read
	read      int64
}

type delivery struct {
	at      time.Time
	deliver func(context.Context)
}

// process is one run of a process: workers and a simulator that share a journal with the others'.
type process struct {
	m       *machine
	workers *Workers
	sim     *gateway.Simulator
	flaky   *flaky
	submit  func(steps []command.Step) command.Result
}

func newMachine(t *rapid.T) *machine {
	folder, err := os.MkdirTemp("", "oms-effect-*")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{
		t: t, now: time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC), journal: filepath.Join(folder, "journal"),
		attempts: rapid.SampledFrom([]int{3, 1000}).Draw(t, "attempts"),
		short:    rapid.SampledFrom([]time.Duration{0, 5 * time.Second, 20 * time.Minute}).Draw(t, "short"),
	}
	t.Cleanup(func() {
		for _, p := range m.processes {
			_ = p.sim.Close()
		}
		_ = os.RemoveAll(folder)
	})
	m.world = newWorld(func() time.Time { return m.now })
	for i := range m.processes {
		m.start(i)
	}
	for _, sku := range []string{"A", "B"} {
		m.must(m.processes[0].submit([]command.Step{command.Do(inventory.SetStock{Tenant: tenant, SKU: sku, OnHand: 4})}))
	}
	return m
}

// start replaces a process by a new run of it. What the old one had in its memory is gone.
func (m *machine) start(i int) {
	m.runs++
	p := &process{m: m}
	owner := fmt.Sprintf("process-%d", m.runs)
	submit := m.submitAs(owner, func(rows []*state.Effect) { p.workers.Wake(rows) })
	var err error
	p.sim, err = gateway.OpenSimulator(gateway.SimulatorOptions{
		Journal: m.journal, Clock: func() time.Time { return m.now }, ShortHold: m.short,
		Callback: func(ctx context.Context, tenant, key string, answer gateway.Answer) error {
			return m.receiver.workers.take(ctx, tenant, key, answer)
		},
		Dispute: func(ctx context.Context, d gateway.Dispute) error { return m.receiver.workers.Dispute(ctx, d) },
		Schedule: func(wait time.Duration, deliver func(context.Context)) {
			m.mail = append(m.mail, delivery{m.now.Add(wait), deliver})
		},
	})
	m.check(err)
	p.flaky = &flaky{Gateway: p.sim, m: m}
	p.workers, err = New(Options{
		Store: m.world, Gateways: map[string]gateway.Gateway{"sim": p.flaky}, Submit: submit, Names: m.names, Flow: testFlow(),
		Owner: owner, Lease: lease, Claims: 1, Attempts: m.attempts,
	})
	m.check(err)
	p.workers.wait = func(context.Context, time.Duration) bool { return false } // gives up at once, as if killed
	p.submit = func(steps []command.Step) command.Result {
		return submit(m.t.Context(), command.Command{Tenant: tenant, Steps: steps})
	}
	if old := m.processes[i]; old != nil {
		m.check(old.sim.Close())
	}
	m.processes[i] = p
}

func (m *machine) check(err error) {
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) must(result command.Result) {
	if result.Fault != nil {
		m.t.Fatal(result.Fault)
	}
}

func (m *machine) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(m.t, label) }

func (m *machine) process() *process { return m.processes[m.pick("process", len(m.processes))] }

// subjectOf picks an order.
func (m *machine) anyOrder() (flow.Subject, *state.Order) {
	orderID := m.ids[m.pick("order", len(m.ids))]
	return m.subject(tenant, orderID), m.order(orderID)
}

// crashed is the panic of a process that is killed in the middle of a call.
type crashed struct{}

// flaky is a network between the workers and the gateway.
type flaky struct {
	gateway.Gateway
	m        *machine
	mishap   mishap
	during   func()          // happens while the next call is under way
	declined map[string]bool // keys that the gateway has refused out of the blue
}

// mishap is what goes wrong with the next call.
type mishap string

const (
	notReached    mishap = "not reached"
	lostBefore    mishap = "lost before it was done"
	lostAfter     mishap = "done, the answer lost"
	wrongAmount   mishap = "wrong amount"
	wrongCurrency mishap = "wrong currency"
	refused       mishap = "refused" // all but holds
	permanent     mishap = "permanent"
	diesBefore    mishap = "the process dies before the call"
	diesAfter     mishap = "the process dies after the call"
)

var mishaps = []mishap{notReached, lostBefore, lostAfter, wrongAmount, wrongCurrency, refused, permanent, diesBefore, diesAfter}

func (f *flaky) Hold(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	return f.through(ctx, r, f.Gateway.Hold)
}

func (f *flaky) Capture(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	if late(f.m.attempted) {
		f.m.violate("%s is called though its time was over when it was claimed", r.Key)
	}
	return f.through(ctx, r, f.Gateway.Capture)
}

func (f *flaky) Void(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	return f.through(ctx, r, f.Gateway.Void)
}

func (f *flaky) Refund(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	return f.through(ctx, r, f.Gateway.Refund)
}

func (f *flaky) Payout(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	return f.through(ctx, r, f.Gateway.(gateway.Payer).Payout)
}

func (f *flaky) Lookup(ctx context.Context, r gateway.Request) (gateway.Answer, error) {
	return f.through(ctx, r, f.Gateway.Lookup)
}

func (f *flaky) through(ctx context.Context, r gateway.Request, call func(context.Context, gateway.Request) (gateway.Answer, error),
) (gateway.Answer, error) {
	mishap, during := f.mishap, f.during
	f.mishap, f.during = "", nil
	if during != nil {
		defer during()
	}
	if f.m.refusedKeys()[r.Key] {
		return gateway.Answer{Status: gateway.Declined, Reason: "out_of_the_blue"}, nil
	}
	switch mishap {
	case notReached:
		return gateway.Answer{}, gateway.NotReached(errors.New("no route"))
	case lostBefore:
		return gateway.Answer{}, gateway.Unknown(errors.New("reset"))
	case permanent:
		return gateway.Answer{}, gateway.Permanent(errors.New("bad credentials"))
	case diesBefore:
		panic(crashed{})
	default: // comes after the call
	}
	answer, err := call(ctx, r)
	switch {
	case mishap == lostAfter:
		return gateway.Answer{}, gateway.Unknown(errors.New("time-out"))
	case mishap == diesAfter:
		panic(crashed{})
	case mishap == wrongAmount && answer.Status == gateway.Succeeded:
		answer.AmountMinor++
	case mishap == wrongCurrency && answer.Status == gateway.Succeeded:
		answer.Currency = "XTS"
	}
	return answer, err
}

// refusedKeys is shared by the processes: the gateway knows what it has refused.
func (m *machine) refusedKeys() map[string]bool {
	first := m.processes[0].flaky
	if first.declined == nil {
		first.declined = map[string]bool{}
	}
	return first.declined
}

// --- what may happen ---

func (m *machine) create() {
	if len(m.ids) == 3 {
		return
	}
	m.orders++
	draft := order.Draft{Tenant: tenant, CustomerID: "c", Currency: "EUR"}
	price := rapid.SampledFrom([]int64{700, 730, 0}).Draw(m.t, "price")
	for _, sku := range []string{"A", "B", "A"}[:rapid.IntRange(1, 3).Draw(m.t, "lines")] {
		draft.SKUs, draft.Quantities = append(draft.SKUs, sku), append(draft.Quantities, 1)
		draft.Prices = append(draft.Prices, order.Priced{Currency: "EUR", AmountMinor: price})
	}
	create, refusal := order.NewCreate(draft, 15*time.Minute, id.Random{9: byte(m.orders)})
	if refusal != nil {
		m.t.Fatal(refusal)
	}
	m.process().submit(flow.Create(create))
	m.ids = nil // one that was refused after the commit is there too
	for _, o := range all(m.world, func(*state.Order) bool { return true }) {
		m.ids = append(m.ids, o.ID)
	}
}

// edit changes lines of an order, as a client may at any moment; of its lines some are taken away, some added, some made more. The subject may
// be one of before the last edit.
func (m *machine) edit() {
	subject, o := m.anyOrder()
	edit := order.Edit{Name: order.Name{Tenant: tenant, OrderID: o.ID}, Listed: true}
	for range rapid.IntRange(1, 3).Draw(m.t, "parts") {
		part := order.Part{Path: "items", Line: m.pick("line", 4), Currency: "EUR"}
		part.Target = rapid.SampledFrom([]order.Target{order.TargetAddLine, order.TargetRemoveLine, order.TargetQuantity}).Draw(m.t, "target")
		part.Quantity = rapid.Int32Range(1, 3).Draw(m.t, "quantity")
		part.Added = state.Line{SKU: rapid.SampledFrom([]string{"A", "B"}).Draw(m.t, "sku"), Quantity: part.Quantity, PriceMinor: 700}
		edit.Parts = append(edit.Parts, part)
	}
	m.process().submit(flow.Edit(subject, edit, false))
}

// event delivers an event of an order to the reactors; it may have been delivered before.
func (m *machine) event() {
	subject, o := m.anyOrder()
	if rapid.IntRange(0, 3).Draw(m.t, "stale") == 0 { // it tells of the lines before an edit
		subject.Names = subject.Names[:1]
	}
	m.process().submit(flow.Reserve(subject, "sim"))
	if o = m.order(o.ID); o.Status == state.OrderPaid {
		m.process().submit(flow.ConfirmFree(subject))
	}
}

// endingTokens are those whose payments come to an end by themselves, and whose calls need neither time nor a callback on the way. A wrong
// amount or currency ends in a dead letter (reliability TestFaultsOfTheGateway).
var endingTokens = slices.DeleteFunc(gateway.Tokens(), func(token string) bool {
	return slices.Contains([]string{gateway.TokenWrongAmount, gateway.TokenWrongCurrency, gateway.TokenStall, gateway.TokenEarly}, token)
})

func (m *machine) pay() {
	subject, o := m.anyOrder()
	token := rapid.SampledFrom(endingTokens).Draw(m.t, "token")
	keep := rapid.Bool().Draw(m.t, "keep")
	name := order.Name{Tenant: tenant, OrderID: o.ID}
	m.process().submit(flow.Pay(subject, order.Pay{Name: name, Token: token, KeepOnDecline: keep}, "sim"))
}

func (m *machine) cancel() {
	subject, o := m.anyOrder()
	m.process().submit(flow.Cancel(subject, order.Cancel{Name: order.Name{Tenant: tenant, OrderID: o.ID}}))
}

func (m *machine) refund() {
	subject, o := m.anyOrder()
	refund := order.Refund{Name: order.Name{Tenant: tenant, OrderID: o.ID}}
	if amount := rapid.SampledFrom([]int64{0, 1, 300, 730, 100000}).Draw(m.t, "amount"); amount > 0 {
		refund.Amount = &order.Priced{Currency: "EUR", AmountMinor: amount}
	}
	m.process().submit(flow.Refund(subject, refund, "words"))
}

// byHand is what the internal payment service can be asked for.
func (m *machine) byHand() {
	subject, o := m.anyOrder()
	if p := m.payment(o.ID); p != nil && rapid.Bool().Draw(m.t, "capture") {
		m.process().submit([]command.Step{command.Do(payment.Capture{
			Name: payment.Name{Tenant: tenant, OrderID: o.ID}, Attempt: p.Attempt,
		})})
		return
	}
	m.process().submit(flow.Void(subject))
}

// fireTimers fires what is due, and sometimes what is not.
func (m *machine) fireTimers() {
	subject, o := m.anyOrder()
	due, set := m.timers[state.TimerKey{Tenant: tenant, Kind: order.TimerExpire, AggregateID: o.ID}]
	if set && !due.After(m.now) || rapid.IntRange(0, 3).Draw(m.t, "early") == 0 {
		m.process().submit(flow.Expire(subject))
	}
	m.expireCalls(m.process())
}

// expireCalls fires the timers of calls that were given up.
func (m *machine) expireCalls(p *process) {
	for _, e := range all(m.world, func(*state.Effect) bool { return true }) {
		if due, set := m.timers[state.TimerKey{Tenant: tenant, Kind: flow.TimerCallExpires, AggregateID: e.ID}]; set && !due.After(m.now) {
			p.submit(flow.ExpireCall(e))
		}
	}
}

// work lets a process make one attempt; it may be long after its claim has ended.
func (m *machine) work() { m.workOne(m.pick("process", len(m.processes))) }

// workOne makes the next attempt of a process and tells whether there was one. The process may die of it.
func (m *machine) workOne(i int) bool {
	p := m.processes[i]
	d := p.workers.desks["sim"]
	if len(d.queue) == 0 {
		d = p.workers.absent
	}
	if len(d.queue) == 0 {
		return false
	}
	j := <-d.queue
	if p.flaky.mishap == refused {
		p.flaky.mishap = ""
		if j.effect.Kind != gateway.KindHold {
			m.refuseKey(p, j.effect)
		}
	}
	defer func() {
		if cause := recover(); cause != nil {
			if _, died := cause.(crashed); !died {
				panic(cause)
			}
			m.start(i)
		}
	}()
	m.checkAsked(p, j)
	m.attempted = j.effect
	p.workers.attempt(m.t.Context(), d, j)
	return true
}

// checkAsked: nobody whose claim stands calls a gateway that knows of the call already. Whoever was asleep for the length of its
// claim may: that is what the idempotency key is for.
func (m *machine) checkAsked(p *process, j job) {
	row := m.rows[j.effect.Ref()].(*state.Effect)
	stands := row.State == state.EffectOpen && row.Owner == j.effect.Owner && row.Attempts == j.effect.Attempts && m.now.Before(row.NextAt)
	known, err := p.sim.Lookup(m.t.Context(), request(j.effect))
	m.check(err)
	if stands && !j.ask && known.Status != gateway.NotFound {
		m.t.Fatalf("%s is about to be called without asking, and the gateway knows it as %s", j.effect.ID, known.Status)
	}
}

// refuseKey has the gateway refuse a call from now on, unless it has taken it before.
func (m *machine) refuseKey(p *process, e *state.Effect) {
	known, err := p.sim.Lookup(m.t.Context(), request(e))
	m.check(err)
	if known.Status != gateway.NotFound {
		return
	}
	m.refusedKeys()[e.ID] = true
}

func (m *machine) poll() {
	p := m.process()
	_, _ = p.workers.poll(m.t.Context())
}

// callBack delivers a callback that is due: in any order, to any process, and perhaps again later.
func (m *machine) callBack() {
	if len(m.mail) == 0 {
		return
	}
	i := m.pick("callback", len(m.mail))
	if m.mail[i].at.After(m.now) {
		return
	}
	m.receiver = m.process()
	m.mail[i].deliver(m.t.Context())
	if rapid.Bool().Draw(m.t, "last") {
		m.mail = slices.Delete(m.mail, i, i+1)
	}
}

func (m *machine) loseCallback() {
	if len(m.mail) > 0 {
		i := m.pick("callback", len(m.mail))
		m.mail = slices.Delete(m.mail, i, i+1)
	}
}

func (m *machine) passTime() {
	m.now = m.now.Add(rapid.SampledFrom([]time.Duration{
		time.Millisecond, time.Second, 5 * time.Second, lease, 10 * time.Minute,
	}).Draw(m.t, "time"))
}

func (m *machine) kill() { m.start(m.pick("process", len(m.processes))) }

// mishapNext has the next call of a process go wrong, or something else happen while it is under way.
func (m *machine) mishapNext() {
	p := m.process()
	if rapid.Bool().Draw(m.t, "meanwhile") {
		do := rapid.SampledFrom([]func(){m.cancel, m.callBack, m.pay, m.fireTimers, m.passTime}).Draw(m.t, "what")
		p.flaky.during = do
		return
	}
	p.flaky.mishap = rapid.SampledFrom(mishaps).Draw(m.t, "mishap")
}

// storeFails has the next commands or reads fail.
func (m *machine) storeFails() {
	if rapid.Bool().Draw(m.t, "read") {
		m.unreadable++
		return
	}
	m.world.refuse = append(m.world.refuse, rapid.SampledFrom([]refusal{refuseBefore, refuseAfter}).Draw(m.t, "when"))
}

// replay carries an open dead letter out again, as an operator may at any time.
func (m *machine) replay() {
	for _, letter := range all(m.world, func(d *state.DeadLetter) bool { return d.ReplayedAt.IsZero() }) {
		m.replayOne(m.process(), letter)
		return
	}
}

func (m *machine) replayOne(p *process, letter *state.DeadLetter) {
	if letter.Kind == deadletter.KindDispute {
		p.submit(flow.ReplayDispute(m.subject(tenant, string(letter.Payload)), letter))
		return
	}
	p.submit(flow.Replay(letter))
}

// --- the property ---

// step does one thing; work, polls and callbacks come more often than faults.
func (m *machine) step() {
	if len(m.ids) == 0 {
		m.create()
		return
	}
	actions := map[string]func(){
		"work": m.work, "poll": m.poll, "callback": m.callBack, "event": m.event, "pay": m.pay, "time": m.passTime,
		"create": m.create, "edit": m.edit, "player": m.payPlayer, "cancel": m.cancel, "refund": m.refund, "by hand": m.byHand, "timers": m.fireTimers,
		"lose callback": m.loseCallback, "kill": m.kill, "mishap": m.mishapNext, "store fails": m.storeFails, "replay": m.replay,
	}
	actions[rapid.SampledFrom(usual).Draw(m.t, "step")]()
}

// usual lists the steps as often as they should come: often what brings an order on, seldom what ends it.
var usual = often(map[string]int{
	"work": 20, "poll": 8, "callback": 14, "event": 14, "pay": 12, "time": 8, "create": 5, "edit": 5, "player": 6, "cancel": 1, "refund": 6, "by hand": 2,
	"timers": 2, "lose callback": 3, "kill": 3, "mishap": 8, "store fails": 3, "replay": 3,
})

// often repeats the names by their weights, the heaviest first: rapid prefers what comes first, and shrinks to it.
func often(weights map[string]int) []string {
	var names []string
	for name, weight := range weights {
		names = append(names, slices.Repeat([]string{name}, weight)...)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(weights[b]-weights[a], strings.Compare(a, b)) })
	return names
}

// totals reads the gateway's journal, when it has grown.
func (m *machine) totals() []gateway.Total {
	info, err := os.Stat(m.journal)
	m.check(err)
	if info.Size() == m.read {
		return m.sums
	}
	m.read = info.Size()
	m.sums, err = gateway.ReadTotals(m.journal)
	m.check(err)
	return m.sums
}

// settle lets everything come to its end: no faults any more, all events and timers delivered, everything due polled.
func (m *machine) settle() {
	m.world.refuse, m.unreadable = nil, 0
	for i := range m.processes {
		m.start(i) // what was lost on the way is told again
	}
	for _, p := range m.processes {
		p.flaky.mishap, p.flaky.during = "", nil
	}
	for round := range 60 {
		for _, orderID := range m.ids {
			subject := m.subject(tenant, orderID)
			m.processes[0].submit(flow.Reserve(subject, "sim"))
			m.processes[0].submit(flow.ConfirmFree(subject))
			if _, set := m.timers[state.TimerKey{Tenant: tenant, Kind: order.TimerExpire, AggregateID: orderID}]; set {
				m.processes[0].submit(flow.Expire(subject))
			}
		}
		m.expireCalls(m.processes[0])
		for i, p := range m.processes {
			_, err := p.workers.poll(m.t.Context())
			m.check(err)
			for m.workOne(i) { // until nothing waits
			}
		}
		m.deliverDue()
		if round > 10 {
			for _, letter := range all(m.world, func(d *state.DeadLetter) bool { return d.ReplayedAt.IsZero() }) {
				m.replayOne(m.processes[0], letter)
			}
		}
		if round > 12 && len(m.unfinished(m.totals())) == 0 {
			return
		}
		m.now = m.now.Add(lease + time.Second)
	}
}

// deliverDue delivers each message that is due, once.
func (m *machine) deliverDue() {
	m.receiver = m.processes[0]
	due := m.mail
	m.mail = nil
	for _, d := range due {
		if d.at.After(m.now) {
			m.mail = append(m.mail, d)
		} else {
			d.deliver(m.t.Context())
		}
	}
}

func TestAnyOrderOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			m.step()
			m.noProblems()
		}
		m.settle()
		m.noProblems()
		if open := m.unfinished(m.totals()); len(open) > 0 {
			t.Fatalf("in the end:\n%s", strings.Join(open, "\n"))
		}
	})
}

func (m *machine) noProblems() {
	if found := m.problems(m.totals()); len(found) > 0 {
		m.t.Fatalf("wrong:\n%s", strings.Join(found, "\n"))
	}
}
