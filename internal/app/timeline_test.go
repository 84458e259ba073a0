package app

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/inventory"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/edge/pagetoken"
	"github.com/seed-255eabaa/oms/internal/edge/service"
	"github.com/seed-255eabaa/oms/internal/effect"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/pipeline"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

const shopTenant = "t"

// stageLease is longer than any test: a claim ends when a test says so.
const stageLease = time.Hour

// script is a gateway that answers as a test says: for each kind of call what comes of the first, the second … one. Where the
// script ends, calls are accepted and called back about as done.
type script struct {
	mu       sync.Mutex
	lines    map[string][]func(gateway.Request) (gateway.Answer, error)
	callback func(key string, answer gateway.Answer)
}

func (s *script) play(kind string, r gateway.Request) (gateway.Answer, error) {
	s.mu.Lock()
	var line func(gateway.Request) (gateway.Answer, error)
	if lines := s.lines[kind]; len(lines) > 0 {
		line, s.lines[kind] = lines[0], lines[1:]
	}
	s.mu.Unlock()
	if line != nil {
		return line(r)
	}
	s.callback(r.Key, done(r))
	return gateway.Answer{Status: gateway.Accepted}, nil
}

func done(r gateway.Request) gateway.Answer {
	return gateway.Answer{Status: gateway.Succeeded, ExternalID: "ext-1", Currency: r.Currency, AmountMinor: r.AmountMinor}
}

// Lines of scripts.
func answers(status gateway.Status, reason string) func(gateway.Request) (gateway.Answer, error) {
	return func(r gateway.Request) (gateway.Answer, error) {
		answer := done(r)
		answer.Status, answer.Reason = status, reason
		return answer, nil
	}
}

func fails(err error) func(gateway.Request) (gateway.Answer, error) {
	return func(gateway.Request) (gateway.Answer, error) { return gateway.Answer{}, err }
}

func (s *script) Hold(_ context.Context, r gateway.Request) (gateway.Answer, error) {
	return s.play(gateway.KindHold, r)
}

func (s *script) Capture(_ context.Context, r gateway.Request) (gateway.Answer, error) {
	return s.play(gateway.KindCapture, r)
}

func (s *script) Void(_ context.Context, r gateway.Request) (gateway.Answer, error) {
	return s.play(gateway.KindVoid, r)
}

func (s *script) Refund(_ context.Context, r gateway.Request) (gateway.Answer, error) {
	return s.play(gateway.KindRefund, r)
}

func (s *script) Lookup(_ context.Context, r gateway.Request) (gateway.Answer, error) {
	return s.play("lookup", r)
}

// stage is a shop of one order with a real store, pipeline and workers, whose gateway follows a script. What events lead to is
// done by the test itself, so that a transcript has one order.
type stage struct {
	*testing.T
	store    closableStore
	pipeline *pipeline.Pipeline
	table    *table
	orders   *service.Orders
	script   *script
	subject  flow.Subject
	keys     int
}

func newStage(t *testing.T, place string) *stage {
	t.Helper()
	folder := t.TempDir()
	opened, err := openStore(t.Context(), config.Storage{DataDir: folder, Store: config.Place(place)}, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{T: t, store: opened, table: &table{store: opened, provider: "script", names: newNameCache(opened)}}
	s.script = &script{lines: map[string][]func(gateway.Request) (gateway.Answer, error){}}
	s.orders = &service.Orders{Environment: &service.Environment{View: opened, Sealer: pagetoken.NewSealer(make([]byte, 32))}}
	var workers *effect.Workers
	s.pipeline = pipeline.New(pipeline.Options{Lanes: 1, Environment: pipeline.Environment{
		Store: opened, EncodeAnswer: wire.Answer, EncodeEvent: wire.Event, EffectOwner: "stage", EffectLease: stageLease,
		Committed: func(_ id.UUID, _ []state.Event, rows []state.Written) {
			for i := range rows {
				if e, isEffect := rows[i].Row.(*state.Effect); isEffect && rows[i].New {
					workers.Wake([]*state.Effect{e})
				}
			}
		},
	}})
	workers, err = effect.New(effect.Options{
		Store: opened, Gateways: map[string]gateway.Gateway{"script": s.script}, Flow: effectFlow(flow.Notices{}), Submit: s.pipeline.Submit,
		Names: s.table.names.find, Owner: "stage", Lease: stageLease, Attempts: 2,
		BackoffMin: time.Millisecond, BackoffMax: time.Millisecond, PollMin: time.Millisecond, PollMax: 2 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.script.callback = func(key string, answer gateway.Answer) {
		if err := workers.Callback(context.Background(), shopTenant, key, answer); err != nil {
			t.Error(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{s.pipeline.Run, workers.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// client submits steps as a caller does, with a key.
func (s *stage) client(steps []command.Step) {
	s.Helper()
	s.keys++
	s.submit(command.Command{
		Tenant: shopTenant, Principal: "client", Key: fmt.Sprint("key-", s.keys), Method: "/oms.v1.Test/Test", Steps: steps,
	})
}

func (s *stage) submit(c command.Command) {
	s.Helper()
	for {
		refused := s.pipeline.Submit(s.Context(), c).Fault
		if refused == nil {
			return
		}
		if refused.Code != fault.Aborted { // TOO_EARLY of a timer
			s.Fatal(refused)
		}
		time.Sleep(time.Millisecond)
	}
}

// create makes an order of two SKUs, and carries out what its event leads to.
func (s *stage) create(stock int64, unpaidFor time.Duration) {
	s.Helper()
	for _, sku := range []string{"A", "B"} {
		s.client([]command.Step{command.Do(inventory.SetStock{Tenant: shopTenant, SKU: sku, OnHand: stock})})
	}
	var entropy id.Random
	_, _ = rand.Read(entropy[:])
	create, refusal := order.NewCreate(order.Draft{
		Tenant: shopTenant, CustomerID: "c", Currency: "EUR", SKUs: []string{"A", "B"}, Quantities: []int32{2, 1},
		Prices: []order.Priced{{Currency: "EUR", AmountMinor: 700}, {Currency: "EUR", AmountMinor: 60}},
	}, unpaidFor, entropy)
	if refusal != nil {
		s.Fatal(refusal)
	}
	s.keys++
	result := s.pipeline.Submit(s.Context(), command.Command{
		Tenant: shopTenant, Principal: "client", Key: fmt.Sprint("key-", s.keys), Method: "/oms.v1.Test/Test", Steps: flow.Create(create),
	})
	if result.Fault != nil {
		s.Fatal(result.Fault)
	}
	s.subject = flow.Subject{Tenant: shopTenant, OrderID: result.Row.Ref().ID, Names: []string{"A", "B"}}
	events, err := s.store.AggregateEvents(s.Context(), shopTenant, s.subject.OrderID, 0, 0)
	if err != nil || len(events) != 1 {
		s.Fatal(events, err)
	}
	commands, err := s.table.react(events[0])
	if err != nil {
		s.Fatal(err)
	}
	for _, c := range commands {
		s.submit(c)
	}
}

func (s *stage) name() order.Name { return order.Name{Tenant: shopTenant, OrderID: s.subject.OrderID} }

func (s *stage) pay() {
	s.Helper()
	s.client(flow.Pay(s.subject, order.Pay{Name: s.name(), Token: "tok"}, "script"))
}

// await waits until the order is such.
func (s *stage) await(what string, such func(o *state.Order) bool) {
	s.Helper()
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		o, err := s.store.Order(s.Context(), shopTenant, s.subject.OrderID)
		if err != nil {
			s.Fatal(err)
		}
		if such(o) {
			return
		}
		if time.Since(begun) > 20*time.Second {
			s.Fatalf("the order is %s (%s), payment %s; wanted %s", o.Status, o.StatusReason, o.PaymentStatus, what)
		}
	}
}

func (s *stage) awaitStatus(status state.OrderStatus) {
	s.Helper()
	s.await(status.String(), func(o *state.Order) bool { return o.Status == status })
}

func (s *stage) awaitPayment(status state.PaymentStatus) {
	s.Helper()
	s.await(status.String(), func(o *state.Order) bool { return o.PaymentStatus == status })
}

// awaitLetter waits for a dead letter that is open.
func (s *stage) awaitLetter() *state.DeadLetter {
	s.Helper()
	for begun := time.Now(); time.Since(begun) < 20*time.Second; time.Sleep(time.Millisecond) {
		letters, err := s.store.DeadLetters(s.Context(), state.DeadLetterQuery{Tenant: shopTenant, Limit: 1})
		if err != nil {
			s.Fatal(err)
		}
		if len(letters) == 1 {
			letter, err := s.store.DeadLetter(s.Context(), shopTenant, letters[0].ID)
			if err != nil {
				s.Fatal(err)
			}
			return letter
		}
	}
	s.Fatal("no dead letter")
	return nil
}

func (s *stage) replay(letter *state.DeadLetter) {
	s.Helper()
	steps, err := s.table.replay(s.Context(), letter)
	if err != nil {
		s.Fatal(err)
	}
	s.client(steps)
}

// read reads the timeline, pages of a size after each other.
func (s *stage) read(size int32) []*omsv1.TimelineEntry {
	s.Helper()
	ctx := edge.WithScope(s.Context(), &edge.Scope{Caller: edge.Caller{Tenant: shopTenant, Principal: "client"}})
	var entries []*omsv1.TimelineEntry
	for token := ""; ; {
		page, err := s.orders.GetTimeline(ctx, &omsv1.GetTimelineRequest{OrderId: s.subject.OrderID, PageSize: size, PageToken: token})
		if err != nil {
			s.Fatal(err)
		}
		if n := len(page.Entries); size > 0 && (n > int(size)+1 || n < int(size) && page.NextPageToken != "") {
			s.Errorf("a page of %d has %d entries", size, n)
		}
		if entries = append(entries, page.Entries...); len(entries) > 5000 {
			s.Fatalf("pages of %d do not come to an end", size)
		}
		if token = page.NextPageToken; token == "" {
			return entries
		}
	}
}

// instants are times in messages.
var instants = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)

// transcript writes a timeline without what differs from run to run. The number in front is the transaction: it counts the times.
func transcript(entries []*omsv1.TimelineEntry) string {
	var text strings.Builder
	var last time.Time
	transaction := 0
	for _, e := range entries {
		if at := e.OccurredAt.AsTime(); at.After(last) {
			transaction, last = transaction+1, at
		}
		kind := strings.TrimPrefix(e.Type.String(), "TIMELINE_ENTRY_TYPE_")
		subject, rest, _ := strings.Cut(e.SubjectId, ":")
		if _, step, isCall := strings.Cut(rest, "/"); isCall {
			subject += ":…/" + step
		}
		fmt.Fprintf(&text, "%2d %s %s of %s", transaction, kind, e.Kind, subject)
		for _, field := range []struct{ before, value string }{
			{" #", nonzero(e.Seq)}, {" attempt ", nonzero(int64(e.Attempts))}, {" ", arrow(e.From, e.To)}, {" ", e.Reason},
			{" by ", strings.TrimPrefix(e.By.String(), "TIMELINE_PARTY_")}, {"\n     “", e.Message}, {"\n     detail: ", e.Detail},
		} {
			if field.value != "" {
				text.WriteString(field.before + instants.ReplaceAllString(field.value, "TIME"))
			}
		}
		text.WriteString("”\n")
	}
	return strings.ReplaceAll(text.String(), "”\n     detail", "\n     detail")
}

func nonzero(number int64) string {
	if number == 0 {
		return ""
	}
	return fmt.Sprint(number)
}

func arrow(from, to string) string {
	if from == "" {
		return to
	}
	return from + "→" + to
}

// endClaim ends the claim of a call as time would.
type endClaim struct{ state.Ref }

func (c endClaim) Refs() []state.Ref { return []state.Ref{c.Ref} }

func (c endClaim) Decide(states domain.States, now time.Time) (domain.Decision, *fault.Fault) {
	before := domain.Find[state.Effect](states, c.Ref)
	after := *before
	after.NextAt = now
	return domain.Decision{Changes: []domain.Change{{Before: before, After: &after}}}, nil
}

var timelines = []struct {
	name string
	play func(s *stage)
}{
	{"confirmed", func(s *stage) {
		s.create(10, time.Hour)
		s.pay()
		s.awaitStatus(state.OrderConfirmed)
	}},
	{"declined", func(s *stage) {
		s.script.lines[gateway.KindHold] = append(s.script.lines[gateway.KindHold], answers(gateway.Declined, "insufficient_funds"))
		s.create(10, time.Hour)
		s.pay()
		s.awaitStatus(state.OrderCanceled)
	}},
	{"out of stock", func(s *stage) {
		s.create(1, time.Hour)
	}},
	{"timed out", func(s *stage) {
		s.create(10, time.Millisecond)
		c, err := s.table.expire(s.Context(), state.Timer{TimerKey: state.TimerKey{
			Tenant: shopTenant, Kind: order.TimerExpire, AggregateID: s.subject.OrderID,
		}})
		if err != nil {
			s.Fatal(err)
		}
		s.submit(c)
	}},
	{"canceled while paid", func(s *stage) {
		canceled := make(chan struct{})
		s.script.lines[gateway.KindCapture] = append(s.script.lines[gateway.KindCapture], func(r gateway.Request) (gateway.Answer, error) {
			<-canceled
			return done(r), nil
		})
		s.create(10, time.Hour)
		s.pay()
		s.awaitStatus(state.OrderPaid)
		s.client(flow.Cancel(s.subject, order.Cancel{Name: s.name(), Words: "changed my mind"}))
		close(canceled)
		s.awaitStatus(state.OrderRefunded)
	}},
	{"canceled unpaid", func(s *stage) {
		s.create(10, time.Hour)
		s.client(flow.Cancel(s.subject, order.Cancel{Name: s.name(), Words: "wrong size"}))
	}},
	{"canceled while held", func(s *stage) {
		canceled := make(chan struct{})
		s.script.lines[gateway.KindHold] = append(s.script.lines[gateway.KindHold], func(r gateway.Request) (gateway.Answer, error) {
			<-canceled
			return done(r), nil
		})
		s.create(10, time.Hour)
		s.pay()
		s.client(flow.Cancel(s.subject, order.Cancel{Name: s.name(), Words: "too late"}))
		close(canceled)
		s.awaitPayment(state.PaymentVoided)
	}},
	{"lost answer", func(s *stage) {
		s.script.lines[gateway.KindHold] = append(s.script.lines[gateway.KindHold], fails(errors.New("connection reset by peer")))
		s.script.lines["lookup"] = append(s.script.lines["lookup"], answers(gateway.Pending, ""), answers(gateway.NotFound, ""))
		s.create(10, time.Hour)
		s.pay()
		s.awaitStatus(state.OrderConfirmed)
	}},
	{"no callback", func(s *stage) {
		s.script.lines[gateway.KindCapture] = append(s.script.lines[gateway.KindCapture], answers(gateway.Accepted, ""))
		s.script.lines["lookup"] = append(s.script.lines["lookup"], answers(gateway.Succeeded, ""))
		s.create(10, time.Hour)
		s.pay()
		s.awaitStatus(state.OrderPaid)
		call := state.Ref{Kind: state.KindEffect, Tenant: shopTenant, ID: id.Derive("effect", s.subject.OrderID) + "/capture/1"}
		s.submit(command.Command{Tenant: shopTenant, Method: "test/end-claim", Steps: []command.Step{command.Do(endClaim{call})}})
		s.awaitStatus(state.OrderConfirmed)
	}},
	{"refused capture", func(s *stage) {
		s.script.lines[gateway.KindCapture] = append(s.script.lines[gateway.KindCapture], answers(gateway.Declined, "hold_expired"))
		s.create(10, time.Hour)
		s.pay()
		s.awaitPayment(state.PaymentVoided)
	}},
	{"given up and replayed", func(s *stage) {
		down := fails(gateway.NotReached(errors.New("dial: connection refused")))
		s.script.lines[gateway.KindCapture] = append(s.script.lines[gateway.KindCapture], down)
		s.script.lines[gateway.KindCapture] = append(s.script.lines[gateway.KindCapture], down)
		s.script.lines["lookup"] = append(s.script.lines["lookup"], answers(gateway.NotFound, ""))
		s.create(10, time.Hour)
		s.pay()
		s.replay(s.awaitLetter())
		s.awaitStatus(state.OrderConfirmed)
	}},
	{"refunded in parts", func(s *stage) {
		s.script.lines[gateway.KindRefund] = append(s.script.lines[gateway.KindRefund], answers(gateway.Declined, "account_closed"))
		s.create(10, time.Hour)
		s.pay()
		s.awaitStatus(state.OrderConfirmed)
		refund := order.Refund{Name: s.name(), Amount: &order.Priced{Currency: "EUR", AmountMinor: 5}}
		s.client(flow.Refund(s.subject, refund, "a scratch"))
		s.await("a refused refund", func(o *state.Order) bool { return o.RefundPendingMinor == 0 })
		s.client(flow.Refund(s.subject, order.Refund{Name: s.name()}, "sent back"))
		s.awaitStatus(state.OrderRefunded)
	}},
}

func TestTimelines(t *testing.T) {
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			for _, test := range timelines {
				t.Run(test.name, func(t *testing.T) {
					place := ""
					if store == "postgres" {
						place = postgrestest.New(t)
					}
					s := newStage(t, place)
					test.play(s)
					whole := transcript(s.read(0))
					for _, size := range []int32{1, 2, 5} {
						if paged := transcript(s.read(size)); paged != whole {
							t.Errorf("in pages of %d the timeline is\n%s", size, paged)
						}
					}
					golden(t, strings.ReplaceAll(test.name, " ", "_")+".golden", whole)
				})
			}
		})
	}
}

// An order with hundreds of refunds has a timeline of thousands of entries; it is read in pages that join without a gap.
func TestLongTimeline(t *testing.T) {
	s := newStage(t, "")
	s.create(10, time.Hour)
	s.pay()
	s.awaitStatus(state.OrderConfirmed)
	const refunds = 150
	for range refunds {
		refund := order.Refund{Name: s.name(), Amount: &order.Priced{Currency: "EUR", AmountMinor: 1}}
		s.client(flow.Refund(s.subject, refund, "bit by bit"))
	}
	s.await("all refunds", func(o *state.Order) bool { return o.RefundedMinor == refunds })
	whole := s.read(1000)
	if want := 14 + 6*refunds; len(whole) != want {
		t.Errorf("%d entries, want %d", len(whole), want)
	}
	for _, size := range []int32{7, 100, 0} {
		if transcript(s.read(size)) != transcript(whole) {
			t.Errorf("pages of %d are not the whole", size)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "timeline", name)
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(got), 0o600)); err != nil {
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
