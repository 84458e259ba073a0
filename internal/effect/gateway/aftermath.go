package gateway

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// What happens to money that has moved already: the payer disputes it, or his bank sends a refund back. The journal says so before
// anybody is told, and says of each that it was told; what was not is told again, also by the next process that opens the journal, since
// nobody asks about it.

// Operations in the journal beside the calls.
const (
	opDispute = "gateway.dispute"
	opTold    = "gateway.told" // of the record with that key and result
)

// Results of disputes.
const (
	resultOpen = "open"
	resultWon  = "won"
	resultLoss = "dispute_lost" // resultLost is a call's
)

// disputeStates are the states that the results stand for.
var disputeStates = map[string]state.DisputeState{resultOpen: state.DisputeOpen, resultWon: state.DisputeWon, resultLoss: state.DisputeLost}

const (
	disputeReason = "fraudulent"
	disputeFee    = 1500
	disputeTime   = 7 * 24 * time.Hour // for evidence
	retellAfter   = time.Second
)

// aftermath is what the book knows of it, until it is told and over.
type aftermath struct {
	untold map[string]record // by name
	open   map[string]record // disputes that are not decided, by tenant and key
}

func (r *record) name() string { return r.Tenant + "\x00" + r.Key + "\x00" + r.Result }

// apply takes a record over, and tells whether it was one of these.
func (a *aftermath) apply(b *book, r *record) bool {
	switch {
	case r.Operation == opTold:
		delete(a.untold, r.name())
		return true
	case r.Operation != opDispute && r.Result != resultReturned:
		return false
	}
	a.untold[r.name()] = *r
	digest, _ := parseExternalID(r.Hold)
	hold, _ := b.find(digest)
	switch r.Result {
	case resultReturned:
		hold.refunded -= r.Amount
		hold.returned = true
	case resultOpen:
		hold.disputed, hold.contested = hold.disputed+r.Amount, true
		a.open[r.Tenant+"\x00"+r.Key] = *r
	default: // what was lost stays withdrawn
		delete(a.open, r.Tenant+"\x00"+r.Key)
		if r.Result == resultWon {
			hold.disputed -= r.Amount
		}
	}
	b.put(digest, hold)
	return r.Operation == opDispute
}

// follow has happen to a call that was carried out what its token says, later.
func (s *Simulator) follow(r record) {
	switch {
	case r.Operation == KindCapture && (r.Token == TokenDispute || r.Token == TokenDisputeWon):
		s.options.Schedule(s.options.DisputeAfter, func(context.Context) { s.dispute(r) })
	case r.Operation == KindRefund && r.Token == TokenRefundReturned:
		s.options.Schedule(s.options.DisputeAfter, func(context.Context) { s.giveBack(r) })
	}
}

// resume goes on with what the journal's earlier processes have left.
func (s *Simulator) resume() {
	for _, r := range sorted(s.book.untold) {
		s.options.Schedule(retellAfter, func(ctx context.Context) { s.tell(ctx, r) })
	}
	for _, r := range sorted(s.book.open) {
		s.options.Schedule(s.options.DisputeAfter, func(context.Context) { s.decideDispute(r) })
	}
}

func sorted(records map[string]record) []record {
	return slices.SortedFunc(maps.Values(records), func(a, b record) int { return cmp.Compare(a.name(), b.name()) })
}

// dispute has the payer of a capture dispute all that the shop has of it, once.
func (s *Simulator) dispute(capture record) {
	s.note(func() (record, bool) {
		hold, found, err := s.holdOf(Request{ExternalID: capture.Hold})
		amount := hold.captured - hold.refunded
		if err != nil || !found || hold.contested || amount <= 0 {
			return record{}, false
		}
		r := capture
		r.Operation, r.Key, r.Amount, r.Result, r.Reason = opDispute, "dispute/"+capture.Hold, amount, resultOpen, disputeReason
		r.Fee, r.At, r.Due = disputeFee, s.now(), s.options.Clock().Add(disputeTime).UnixMicro()
		s.options.Schedule(s.options.DisputeAfter, func(context.Context) { s.decideDispute(r) })
		return r, true
	})
}

// decideDispute ends a dispute as its token says, once.
func (s *Simulator) decideDispute(opened record) {
	s.note(func() (record, bool) {
		r, open := s.book.open[opened.Tenant+"\x00"+opened.Key]
		r.At, r.Result = s.now(), resultLoss
		if r.Token == TokenDisputeWon {
			r.Result = resultWon
		}
		return r, open
	})
}

// giveBack has the payer's bank send a refund back, the first one of a payment.
func (s *Simulator) giveBack(refund record) {
	s.note(func() (record, bool) {
		hold, found, err := s.holdOf(Request{ExternalID: refund.Hold})
		if err != nil || !found || hold.returned {
			return record{}, false
		}
		r := refund
		r.At, r.Result, r.Reason = s.now(), resultReturned, reasonReturned
		return r, true
	})
}

// note writes down what happens, if it does, and has it told.
func (s *Simulator) note(what func() (record, bool)) {
	var r record
	happens := false
	err := s.locked(func() error {
		if r, happens = what(); !happens {
			return nil
		}
		if err := s.journal.append(&r); err != nil {
			return err
		}
		s.book.apply(&r)
		return nil
	})
	if err == nil && happens {
		s.options.Schedule(0, func(ctx context.Context) { s.tell(ctx, r) })
	}
}

// tell tells what has happened until it is taken, and writes down that it was.
func (s *Simulator) tell(ctx context.Context, r record) {
	if err := s.tellOnce(ctx, r); err != nil {
		s.options.Schedule(retellAfter, func(ctx context.Context) { s.tell(ctx, r) })
		return
	}
	_ = s.locked(func() error { // if it cannot be written, it is told again
		told := record{At: s.now(), Operation: opTold, Tenant: r.Tenant, Key: r.Key, Payment: r.Payment, Hold: r.Hold, Result: r.Result}
		if err := s.journal.append(&told); err != nil {
			return err
		}
		s.book.apply(&told)
		return nil
	})
}

func (s *Simulator) tellOnce(ctx context.Context, r record) error {
	if r.Result == resultReturned {
		return s.options.Returned(ctx, r.Tenant, r.Key, Answer{
			Status: Declined, Reason: r.Reason, ExternalID: r.Hold, Currency: r.Currency, AmountMinor: r.Amount,
		})
	}
	return s.options.Dispute(ctx, Dispute{
		Provider: SimulatorName, Tenant: r.Tenant, OrderID: r.OrderID, ExternalID: r.Hold, ID: r.Key, State: disputeStates[r.Result],
		Currency: r.Currency, AmountMinor: r.Amount, FeeMinor: r.Fee, FeeTold: true, Reason: r.Reason,
		DueBy: time.UnixMicro(r.Due).UTC(), AsOf: time.UnixMicro(r.At).UTC(),
	})
}
