package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/seed-255eabaa/oms/internal/clock"
)

// SimulatorName is the provider name of the simulator.
const SimulatorName = "sim"

// SimulatorOptions configures a simulator. Zero values stand for the defaults.
type SimulatorOptions struct {
	Journal  string       // path of the file in which it remembers; several processes on one machine may share one
	Callback Callback     // takes the outcomes
	Returned Callback     // takes refunds that come back, and answers when that is stored, for nobody asks; Callback when nil
	Dispute  DisputeTaker // takes what becomes of disputes
	// Exclusive keeps the journal locked for as long as the simulator is open, which saves a lock and a read of what others
	// have appended with each call. Other simulators wait for it to be closed.
	Exclusive bool

	Latency      time.Duration // from a call to its callback, give or take a half; 1 ms, below zero for none
	LateAfter    time.Duration // the same of TokenLate; 20 s
	DisputeAfter time.Duration // from a capture to its dispute, from there to its end, and from a refund to its return; 2 s
	UnknownFor   time.Duration // how long Lookup says Pending of a call that TokenUnknown has lost; 2 s
	RepeatAfter  time.Duration // from the first callback of TokenDuplicate to the second; Latency
	Window       time.Duration // how long a hold is good; 7 days
	ShortHold    time.Duration // the same of TokenShortHold, from when its outcome is known; 0: it has gone as soon as it is told
	// OvertakeAfter is from the callback of TokenEarly that overtakes the answer to the one behind later calls; 500 ms.
	OvertakeAfter time.Duration
	Deliveries    int   // callbacks under way at most; 64
	Remember      int   // operations in memory; older ones are looked up in the file; 1,000,000
	ReadBack      int64 // bytes of an existing journal that are read at the start; 64 MiB

	// Clock tells the time; the process's when nil. Several simulators on one journal compare their clocks by it.
	Clock clock.Clock
	// Schedule has a callback delivered later; tests take it into their own hands. When nil, the simulator does it itself.
	Schedule func(wait time.Duration, deliver func(ctx context.Context))
}

var errNoTaker = errors.New("gateway simulator: nobody takes disputes")

func (o *SimulatorOptions) setDefaults() error {
	if o.Journal == "" || o.Callback == nil {
		return errors.New("gateway simulator: it needs a journal and a callback")
	}
	if o.Returned == nil {
		o.Returned = o.Callback
	}
	if o.Dispute == nil {
		o.Dispute = func(context.Context, Dispute) error { return errNoTaker }
	}
	o.Latency = cmp.Or(o.Latency, time.Millisecond)
	o.Latency = max(o.Latency, 0)
	o.LateAfter = cmp.Or(o.LateAfter, 20*time.Second)
	o.DisputeAfter = cmp.Or(o.DisputeAfter, 2*time.Second)
	o.UnknownFor = cmp.Or(o.UnknownFor, 2*time.Second)
	o.RepeatAfter = cmp.Or(o.RepeatAfter, o.Latency)
	o.Window = cmp.Or(o.Window, 7*24*time.Hour)
	o.OvertakeAfter = cmp.Or(o.OvertakeAfter, 500*time.Millisecond)
	o.Deliveries = cmp.Or(o.Deliveries, 64)
	o.Remember = cmp.Or(o.Remember, 1_000_000)
	o.ReadBack = cmp.Or(o.ReadBack, 64<<20)
	if o.Clock == nil {
		o.Clock = clock.Steady()
	}
	return nil
}

// Simulator is a payment gateway that behaves as the token says (see Tokens). It keeps to the rules of real ones: idempotent by
// key, captures only what is held and only once, refunds no more than was captured, voids only what was not captured.
//
// What it did is in its journal before it answers, so it survives kill -9 of the process like a gateway elsewhere would. A
// callback does not survive: whoever waits for one has to ask in the end. What nobody asks about is told until it is taken.
type Simulator struct {
	options SimulatorOptions
	post    *post // nil when tests schedule

	mu      sync.Mutex // one operation at a time
	journal *journal
	book    *book
	closed  bool
}

// Simulator implements Gateway and Payer.
var (
	_ Gateway = (*Simulator)(nil)
	_ Payer   = (*Simulator)(nil)
)

// OpenSimulator opens a simulator on its journal.
func OpenSimulator(options SimulatorOptions) (*Simulator, error) {
	if err := options.setDefaults(); err != nil {
		return nil, err
	}
	j, err := openJournal(options.Journal)
	if err != nil {
		return nil, err
	}
	s := &Simulator{options: options, journal: j, book: newBook(options.Remember)}
	if err = s.begin(); err != nil {
		return nil, errors.Join(err, j.file.Close())
	}
	if options.Schedule == nil {
		s.post = startPost(options.Clock, options.Deliveries)
		s.options.Schedule = s.post.schedule
	}
	s.resume()
	return s, nil
}

// begin reads what the journal's tail tells. A simulator that has the journal for itself locks it once and for all.
func (s *Simulator) begin() (err error) {
	if err := lockFile(s.journal.file); err != nil {
		return fmt.Errorf("gateway simulator: lock journal: %w", err)
	}
	if !s.options.Exclusive {
		defer unlockFile(s.journal.file)
	}
	if s.book.forgetful, err = s.journal.skipTo(s.options.ReadBack); err != nil {
		return err
	}
	return s.journal.catchUp(s.book.apply)
}

// Close ends the simulator. Callbacks that are still to come are dropped, as when the process dies.
func (s *Simulator) Close() error {
	if s.post != nil {
		s.post.stop()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.journal.file.Close()
}

// Totals adds up what all simulators on the journal have done.
func (s *Simulator) Totals() ([]Total, error) { return ReadTotals(s.options.Journal) }

// Hold implements Gateway.
func (s *Simulator) Hold(ctx context.Context, request Request) (Answer, error) {
	return s.call(ctx, KindHold, request, "")
}

// Capture implements Gateway.
func (s *Simulator) Capture(ctx context.Context, request Request) (Answer, error) {
	return s.call(ctx, KindCapture, request, "")
}

// Void implements Gateway.
func (s *Simulator) Void(ctx context.Context, request Request) (Answer, error) {
	return s.call(ctx, KindVoid, request, "")
}

// Refund implements Gateway.
func (s *Simulator) Refund(ctx context.Context, request Request) (Answer, error) {
	return s.call(ctx, KindRefund, request, "")
}

// Payout implements Payer.
func (s *Simulator) Payout(ctx context.Context, request Request) (Answer, error) {
	return s.call(ctx, KindPayout, request, "")
}

// Lookup implements Gateway.
func (s *Simulator) Lookup(ctx context.Context, request Request) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, NotReached(err)
	}
	answer := Answer{Status: NotFound}
	err := s.locked(func() error {
		e, found, err := s.recall(request)
		if found {
			answer = s.answer(e)
		}
		return err
	})
	if err != nil {
		return Answer{}, NotReached(err)
	}
	return answer, nil
}

// Simulate makes a call that behaves as a token says, whatever the payer's token is; an empty one is the payer's. A void moves no
// money, so what it says of amounts is not looked at.
func (s *Simulator) Simulate(ctx context.Context, kind string, request Request, behaviour string) (Answer, error) {
	if refused := ValidToken(behaviour, true); refused != nil || !slices.Contains(operations, kind) {
		return Answer{}, Permanent(errors.New("the simulator knows no such call or behaviour"))
	}
	return s.call(ctx, kind, request, behaviour)
}

// locked runs a function that sees everything which any simulator has done, and alone may add to it.
func (s *Simulator) locked(do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	if s.options.Exclusive {
		return do()
	}
	if err := lockFile(s.journal.file); err != nil {
		return fmt.Errorf("gateway simulator: lock journal: %w", err)
	}
	defer unlockFile(s.journal.file)
	if err := s.journal.catchUp(s.book.apply); err != nil {
		return err
	}
	return do()
}

// recall finds the operation with the request's key, in the journal when the book has forgotten it.
func (s *Simulator) recall(request Request) (entry, bool, error) {
	key := digestOf(request.Tenant, request.Key)
	if e, found := s.book.find(key); found || !s.book.forgetful {
		return e, found, nil
	}
	hold := request.ExternalID
	if hold == "" {
		hold = key.externalID()
	}
	return s.reread(key, hold)
}

// reread fills the book with all the operations on a hold, from the journal, and finds one of them.
func (s *Simulator) reread(key digest, hold string) (entry, bool, error) {
	again := newBook(s.options.Remember)
	if err := scan(s.journal.file, hold, again.apply); err != nil {
		return entry{}, false, err
	}
	for key, e := range again.young {
		s.book.put(key, e)
	}
	e, found := again.find(key)
	return e, found, nil
}

// now is the time in the unit of the book.
func (s *Simulator) now() int64 { return s.options.Clock().UnixMicro() }

// answer tells what is known of an operation by now.
func (s *Simulator) answer(e entry) Answer {
	answer := Answer{
		Status: Succeeded, Reason: reasons[e.reason], ExternalID: e.hold.externalID(),
		Currency: string(e.currency[:]), AmountMinor: e.amount,
	}
	if e.is(KindHold, resultSucceeded) {
		answer.CaptureBefore, answer.Card = time.UnixMicro(e.until).UTC(), tokenCards[tokens[e.token]]
	}
	switch {
	case s.now() < e.due:
		return Answer{Status: Pending}
	case results[e.result] == resultLost:
		return Answer{Status: NotFound}
	case results[e.result] == resultDeclined, results[e.result] == resultReturned:
		answer.Status = Declined
	case tokens[e.token] == TokenWrongAmount:
		answer.AmountMinor++
	case tokens[e.token] == TokenWrongCurrency:
		answer.Currency = otherCurrency(answer.Currency)
	}
	return answer
}

// call carries an operation out, unless its key was seen before.
func (s *Simulator) call(ctx context.Context, operation string, request Request, behaviour string) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, NotReached(err)
	}
	var (
		repeated *entry
		done     entry
		written  record
	)
	err := s.locked(func() error {
		e, found, err := s.recall(request)
		switch {
		case err != nil:
			return err
		case found && results[e.result] != resultLost:
			repeated = &e
			return nil
		}
		lostBefore := found
		r, err := s.decide(operation, request, behaviour, lostBefore)
		if err != nil {
			return err
		}
		if err := s.journal.append(&r); err != nil {
			return err
		}
		s.book.apply(&r)
		done, _ = s.book.find(digestOf(request.Tenant, request.Key))
		written = r
		return nil
	})
	switch {
	case err != nil:
		return Answer{}, NotReached(err)
	case repeated != nil:
		return s.repeat(operation, *repeated, request)
	default:
		if written.Result == resultSucceeded {
			s.follow(written)
		}
		return s.reply(ctx, request, done, written.Token)
	}
}

// repeat answers a key that was seen before: with its outcome, or with Accepted while that is not known.
func (s *Simulator) repeat(operation string, e entry, request Request) (Answer, error) {
	if operations[e.operation] != operation || e.amount != request.AmountMinor || string(e.currency[:]) != request.Currency {
		return Answer{}, Permanent(errors.New("the key was used for another call"))
	}
	answer := s.answer(e)
	if answer.Status == Pending {
		return Answer{Status: Accepted}, nil
	}
	return answer, nil
}

// decide makes the record of an operation that is new. A behaviour that was asked for goes before the token's.
func (s *Simulator) decide(operation string, request Request, behaviour string, lostBefore bool) (record, error) {
	now := s.now()
	r := record{
		At: now, Due: now + s.latency().Microseconds(), Operation: operation, Tenant: request.Tenant, Key: request.Key,
		Payment: request.Payment, OrderID: request.OrderID, Hold: request.ExternalID, Currency: request.Currency,
		Amount: request.AmountMinor, Result: resultSucceeded, Token: behaviour,
	}
	if standsAlone(operation) {
		r.Hold = digestOf(request.Tenant, request.Key).externalID()
		if r.Token == "" {
			r.Token = request.Token
		}
		s.behave(&r, now, lostBefore)
		r.Until = now + s.options.Window.Microseconds()
		if r.Token == TokenShortHold {
			r.Until = r.Due + s.options.ShortHold.Microseconds()
		}
		return r, nil
	}
	hold, found, err := s.holdOf(request)
	if err != nil {
		return record{}, err
	}
	if found && behaviour == "" {
		r.Token = laterToken(tokens[hold.token])
	}
	s.behave(&r, now, lostBefore)
	if r.Result == resultSucceeded {
		if r.Reason = refusal(operation, hold, found, request, now); r.Reason != "" {
			r.Result = resultDeclined
		}
	}
	return r, nil
}

// laterToken is how calls on a hold behave: those tokens that are about the hold alone end with it.
func laterToken(token string) string {
	switch token {
	case TokenDeclined, TokenRefused, TokenUnknown, TokenLate, TokenWrongAmount, TokenWrongCurrency, TokenShortHold:
		return TokenOK
	default:
		return token
	}
}

// behave lets the token decide.
func (s *Simulator) behave(r *record, now int64, lostBefore bool) {
	switch {
	case r.Token == "":
		r.Token = TokenOK
	case ValidToken(r.Token, true) != nil:
		r.Token, r.Result, r.Reason = TokenDeclined, resultDeclined, reasonToken // not the token: it may be a card number
	case r.Token == TokenDeclined:
		r.Result, r.Reason = resultDeclined, reasonFunds
	case r.Token == TokenRefused:
		r.Result, r.Reason = resultDeclined, reasonRefused
	case r.Token == TokenLate:
		r.Due = now + s.options.LateAfter.Microseconds()
	case r.Token == TokenUnknown && !lostBefore:
		r.Result, r.Due = resultLost, now+s.options.UnknownFor.Microseconds()
	case !lostBefore && (r.Token == TokenBusy || r.Token == TokenBroken || r.Token == TokenStall):
		r.Result, r.Due = resultLost, now
	case r.Token == TokenEarly:
		r.Due = now
	}
}

// holdOf finds the hold that a request is about.
func (s *Simulator) holdOf(request Request) (entry, bool, error) {
	key, valid := parseExternalID(request.ExternalID)
	if !valid {
		return entry{}, false, nil
	}
	if e, found := s.book.find(key); found || !s.book.forgetful {
		return e, found, nil
	}
	return s.reread(key, request.ExternalID)
}

// latency draws the time until a callback, so that callbacks overtake each other.
func (s *Simulator) latency() time.Duration {
	if s.options.Latency <= 0 {
		return 0
	}
	return s.options.Latency/2 + rand.N(s.options.Latency) //nolint:gosec // chance, no secret
}

// What the simulator does instead of answering, for those who serve it.
var (
	ErrBusy   = errors.New("the gateway has too much to do") // nothing was done
	ErrBroken = errors.New("the gateway has failed")         // it does not tell whether it was done
	ErrSilent = errors.New("the gateway does not answer")    // nor whether anybody is there
	ErrLost   = errors.New("the connection to it was lost")  // before or after it was done
)

// reply answers the first call of a key and sends its callbacks on their way.
func (s *Simulator) reply(ctx context.Context, request Request, e entry, token string) (Answer, error) {
	lost := results[e.result] == resultLost
	switch {
	case lost && token == TokenBusy:
		return Answer{}, NotReached(ErrBusy)
	case lost && token == TokenBroken:
		return Answer{}, Unknown(ErrBroken)
	case lost && token == TokenStall:
		<-ctx.Done()
		return Answer{}, Unknown(ErrSilent)
	case lost, token == TokenTimeout:
		return Answer{}, Unknown(ErrLost)
	}
	wait := time.Duration(e.due-s.now()) * time.Microsecond
	deliver := func(ctx context.Context) { s.deliver(ctx, request.Tenant, request.Key, e) }
	switch token {
	case TokenEarly:
		deliver(ctx)
		s.options.Schedule(s.options.OvertakeAfter, deliver)
	case TokenDuplicate:
		s.options.Schedule(wait, deliver)
		s.options.Schedule(wait+s.options.RepeatAfter, deliver)
	default:
		s.options.Schedule(wait, deliver)
	}
	return Answer{Status: Accepted}, nil
}

// deliver calls back. A callback that is not taken is dropped: it is a gateway of the kind that forces its callers to ask.
func (s *Simulator) deliver(ctx context.Context, tenant, key string, e entry) {
	e.due = 0
	_ = s.options.Callback(ctx, tenant, key, s.answer(e))
}

func otherCurrency(currency string) string {
	if currency == "USD" {
		return "EUR"
	}
	return "USD"
}
