package reliability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/load"
)

// Players of the test, and what each has before the kills begin, in cents. It is little, so that bets are refused for want of it too.
const gamblers, begunWith = 12, 20_000

// asStudio carries the headers of a provider.
func asStudio(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-trace-id", "trace", "x-brand-id", "brand", "x-region", "EU", "x-provider-id", "studio")
}

func cents(minor int64) *providerv1.Money {
	return &providerv1.Money{Currency: "EUR", AmountMinor: minor}
}

// Methods of a provider, by their full names.
const (
	authorizeMethod = "/provider.v1.BetService/AuthorizeBet"
	settleMethod    = "/provider.v1.BetService/SettleBet"
	rollbackMethod  = "/provider.v1.BetService/RollbackBet"
	paymentMethod   = "/provider.v1.PaymentService/CreatePayment"
)

// verdict is what somebody was answered: an answer in bytes, or the reason of a refusal.
type verdict struct{ answer, reason string }

// said is a command that was answered.
type said struct {
	method, key string
	request     []byte
	verdict     verdict
}

// gambled is what a bet was answered, by which alone it is known what it must have come to.
type gambled struct {
	player     int
	amount     int64
	authorized bool
	rolledBack bool  // with applied: true
	won        int64 // by all results that were taken
	ended      bool  // the last result was taken
}

// casino sends the commands of a provider without a pause, repeats each with its key until it has an answer, and remembers the answers.
type casino struct {
	world   *world
	waiting atomic.Int64 // commands without an answer
	sent    atomic.Int64
	answers atomic.Int64
	refused atomic.Int64
	slow    atomic.Bool // be gentle: the next kill is not near

	mutex    sync.Mutex
	all      []said
	bets     []*gambled
	deposits [gamblers]int64
}

// asks sends a command under a key until it is answered, twice at once in two of three times, and remembers the answer. Both must be
// told the same.
func (c *casino) asks(t *testing.T, method string, request, response proto.Message) (reason string) {
	t.Helper()
	s := said{method: method, key: load.Key(), request: encoded(t, request)}
	verdicts := make([]verdict, 1+min(rand.N(3), 1))
	atOnce(len(verdicts), func(i int) { verdicts[i] = c.ask(t, s) })
	s.verdict = verdicts[0]
	if last := verdicts[len(verdicts)-1]; last != s.verdict {
		t.Errorf("%s, %v at once: %q and %q", method, request, s.verdict, last)
	}
	if err := proto.Unmarshal([]byte(s.verdict.answer), response); err != nil {
		t.Error(err)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.all = append(c.all, s)
	return s.verdict.reason
}

func (c *casino) ask(t *testing.T, s said) verdict {
	c.waiting.Add(1)
	defer c.waiting.Add(-1)
	call := func(ctx context.Context, request []byte, _ ...grpc.CallOption) ([]byte, error) {
		answer, _, err := c.world.any(int(c.sent.Add(1))).invoke(ctx, s.method, request)
		return answer, err
	}
	answer, err := load.Send(asStudio(within(t)), c.world.client(), s.key, call, s.request)
	reason := load.Reason(err)
	switch {
	case err == nil:
		c.answers.Add(1)
	case reason != "INSUFFICIENT_FUNDS" && reason != "INVALID_STATE":
		t.Errorf("%s: %v", s.method, err)
	default:
		c.refused.Add(1)
		return verdict{reason: reason}
	}
	return verdict{answer: string(answer)}
}

// member bets until the context ends; what is under way then is finished.
func (c *casino) member(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil && !t.Failed() {
		if rand.N(100) < 10 {
			c.deposit(t)
		} else {
			c.bet(t)
		}
		if c.slow.Load() {
			time.Sleep(rand.N(200 * time.Millisecond))
		}
	}
}

func (c *casino) deposit(t *testing.T) {
	player, amount := rand.N(gamblers), 100+rand.Int64N(500)
	request := &providerv1.CreatePaymentRequest{
		PlayerId: fmt.Sprintf("p%d", player), Type: providerv1.PaymentType_PAYMENT_TYPE_DEPOSIT, Amount: cents(amount), PaymentToken: "sim:ok",
	}
	if c.asks(t, paymentMethod, request, &providerv1.CreatePaymentResponse{}) == "" {
		c.mutex.Lock()
		c.deposits[player] += amount
		c.mutex.Unlock()
	}
}

// bet leads a bet to an end, in one of several orders, also such as networks make of them.
func (c *casino) bet(t *testing.T) {
	b, id := &gambled{player: rand.N(gamblers), amount: 1 + rand.Int64N(3_000)}, load.Key()
	c.mutex.Lock()
	c.bets = append(c.bets, b)
	c.mutex.Unlock()
	authorize := func() {
		request := &providerv1.AuthorizeBetRequest{
			SessionId: fmt.Sprintf("s%d", b.player), BetId: id, RoundId: "r" + id[len(id)-1:], Amount: cents(b.amount),
		}
		b.authorized = c.asks(t, authorizeMethod, request, &providerv1.AuthorizeBetResponse{}) == ""
	}
	settle := func(result string, partial bool) (reason string) {
		won := rand.Int64N(2) * rand.Int64N(2*b.amount)
		request := &providerv1.SettleBetRequest{BetId: id, RoundId: "r" + id[len(id)-1:], Win: cents(won), ResultId: result, Partial: partial}
		if reason = c.asks(t, settleMethod, request, &providerv1.SettleBetResponse{}); reason == "" {
			c.mutex.Lock()
			b.won, b.ended = b.won+won, b.ended || !partial
			c.mutex.Unlock()
		}
		return reason
	}
	rollback := func() {
		var answer providerv1.RollbackBetResponse
		if c.asks(t, rollbackMethod, &providerv1.RollbackBetRequest{BetId: id, RoundId: "r" + id[len(id)-1:]}, &answer) == "" {
			b.rolledBack = answer.Applied
		}
	}
	switch rand.N(7) {
	case 0: // stays open
		authorize()
	case 1:
		authorize()
		settle("", false)
	case 2: // the result comes before the bet is acknowledged, and again when it was too early
		var early string
		atOnce(2, func(i int) { []func(){authorize, func() { early = settle("", false) }}[i]() })
		if b.authorized && early != "" {
			settle("", false)
		}
	case 3:
		authorize()
		atOnce(2, func(i int) { _ = settle(fmt.Sprint(i), true) })
		settle("last", false)
	case 4:
		authorize()
		rollback()
	case 5: // the bet comes too late
		rollback()
		authorize()
	case 6:
		atOnce(2, func(i int) { []func(){authorize, rollback}[i]() })
	}
}

// check compares the balances and bets with what was answered, and asks everything again.
func (c *casino) check(t *testing.T) {
	t.Helper()
	var cash, held [gamblers]int64
	for player := range cash {
		cash[player] = begunWith + c.deposits[player]
	}
	for _, b := range c.bets {
		switch {
		case b.authorized && !b.rolledBack && !b.ended:
			held[b.player] += b.amount
		case b.ended:
			cash[b.player] -= b.amount
		}
		cash[b.player] += b.won
		if (b.won > 0 || b.ended || b.rolledBack) && !b.authorized || b.rolledBack && b.ended {
			t.Errorf("answers that do not go together: %+v", b)
		}
	}
	for player := range cash {
		if got := c.balance(t, player); got != [2]int64{cash[player] - held[player], held[player]} {
			t.Errorf("p%d has %v available and held, by the answers there are %d and %d", player, got, cash[player]-held[player], held[player])
		}
	}
	work := make(chan said)
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			for s := range work {
				if again := c.ask(t, s); again != s.verdict {
					t.Errorf("%s was answered %q, now %q", s.method, s.verdict, again)
				}
			}
		})
	}
	for _, s := range c.all {
		work <- s
	}
	close(work)
	group.Wait()
	for player := range cash {
		if got := c.balance(t, player); got != [2]int64{cash[player] - held[player], held[player]} {
			t.Errorf("p%d has %v after everything was asked again", player, got)
		}
	}
}

// balance answers what a player has, available and held.
func (c *casino) balance(t *testing.T, player int) [2]int64 {
	t.Helper()
	read := providerv1.NewPlayerServiceClient(c.world.servers[0].public)
	answer, err := read.GetBalances(asStudio(within(t)), &providerv1.GetBalancesRequest{PlayerId: fmt.Sprintf("p%d", player)})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range answer.Balances {
		if b.Kind == providerv1.BalanceKind_BALANCE_KIND_CASH {
			return [2]int64{b.Available.AmountMinor, b.Held.AmountMinor}
		}
	}
	return [2]int64{}
}

// seat makes the players, with money and in sessions.
func (c *casino) seat(t *testing.T) {
	t.Helper()
	for player := range gamblers {
		id := fmt.Sprintf("p%d", player)
		c.asks(t, "/provider.v1.PlayerService/CreatePlayer",
			&providerv1.CreatePlayerRequest{PlayerId: id, Currency: "EUR", Locale: "de-DE"}, &providerv1.CreatePlayerResponse{})
		c.asks(t, paymentMethod, &providerv1.CreatePaymentRequest{
			PlayerId: id, Type: providerv1.PaymentType_PAYMENT_TYPE_DEPOSIT, Amount: cents(begunWith), PaymentToken: "sim:ok",
		}, &providerv1.CreatePaymentResponse{})
		c.asks(t, "/provider.v1.SessionService/CreateSession", &providerv1.CreateSessionRequest{
			PlayerId: id, GameId: "game", Currency: "EUR", Locale: "de-DE", SessionId: fmt.Sprintf("s%d", player), TtlSeconds: 86400,
		}, &providerv1.CreateSessionResponse{})
	}
	c.paidIn()
}

// paidIn waits until the gateway is asked nothing any more.
func (c *casino) paidIn() {
	c.world.t.Helper()
	c.world.eventually("deposits come to an end", func() bool {
		return c.world.count("SELECT count(*) FROM effects WHERE state = 1") == 0 &&
			c.world.count("SELECT count(*) FROM player_payments WHERE status NOT IN (4, 5)") == 0
	})
}

// Processes are killed in the middle of bets, again and again. The balances are what the answers say, to the cent, and whoever asks again
// is told the same (requirements P-3, P-4).
func TestKillUnderBets(t *testing.T) {
	t.Parallel()
	kills := map[string]int{onSQLite: 13, onPostgres: 6, onTwo: 7}
	if testing.Short() {
		kills = map[string]int{onSQLite: 2, onPostgres: 1, onTwo: 1}
	}
	for kind, count := range kills {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			w.startAll()
			c := &casino{world: w}
			c.seat(t)
			ctx, enough := context.WithCancel(t.Context())
			var members sync.WaitGroup
			for range 96 {
				members.Go(func() { c.member(ctx, t) })
			}
			for i := range count {
				before := c.answers.Load()
				w.eventually("bets go on", func() bool { return c.answers.Load() >= before+100 })
				c.slow.Store(false)
				time.Sleep(rand.N(250 * time.Millisecond))
				w.eventually("enough commands are unanswered", func() bool { return c.waiting.Load() >= unanswered })
				w.any(i).kill()
				c.slow.Store(true)
				w.any(i).start()
			}
			enough()
			members.Wait()
			c.paidIn()
			c.check(t)
			if letters := w.count("SELECT count(*) FROM dead_letters"); letters != 0 {
				t.Errorf("%d dead letters", letters)
			}
			w.verify()
			t.Logf("%d kills; %d commands of %d bets, answered %d times, refused %d times", count, len(c.all), len(c.bets), c.answers.Load(),
				c.refused.Load())
			if w.logged("ALERT") || strings.Contains(w.servers[0].log.String(), "panic") {
				t.Error("a process alerts or panics")
			}
		})
	}
}
