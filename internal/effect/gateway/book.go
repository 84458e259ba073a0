package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// digest stands for a tenant's key. Keys are opaque to a gateway; sixteen bytes of a hash keep the book small.
type digest [16]byte

func digestOf(tenant, key string) digest {
	sum := sha256.Sum256([]byte(tenant + "\x00" + key))
	return digest(sum[:16])
}

// externalPrefix begins the simulator's own numbers. The number of a hold is the digest of its key, so it needs no counter.
const externalPrefix = "sim_"

func (d digest) externalID() string { return externalPrefix + hex.EncodeToString(d[:]) }

func parseExternalID(text string) (digest, bool) {
	var d digest
	digits, found := strings.CutPrefix(text, externalPrefix)
	if !found || len(digits) != 2*len(d) {
		return d, false
	}
	_, err := hex.Decode(d[:], []byte(digits))
	return d, err == nil
}

// Codes of an entry's operation and of its result; strings would cost memory.
var (
	operations = []string{KindHold, KindCapture, KindVoid, KindRefund, KindPayout}
	results    = []string{resultSucceeded, resultDeclined, resultLost, resultReturned}
	reasons    = []string{"", reasonFunds, reasonToken, reasonNoHold, reasonVoided, reasonCaptured, reasonExceedsHold,
		reasonCurrency, reasonNotCaptured, reasonExceedsCaptured, reasonRefused,
		reasonDisputed, reasonReturned, reasonExpired}
)

// Reasons of refusals.
const (
	reasonFunds           = "insufficient_funds"
	reasonToken           = "invalid_token"
	reasonNoHold          = "no_such_hold"
	reasonVoided          = "hold_voided"
	reasonCaptured        = "already_captured"
	reasonExceedsHold     = "exceeds_hold"
	reasonCurrency        = "wrong_currency"
	reasonNotCaptured     = "not_captured"
	reasonExceedsCaptured = "exceeds_captured"
	reasonRefused         = "do_not_honor"
	reasonDisputed        = "charge_disputed"
	reasonReturned        = "returned_by_bank"
	reasonExpired         = ReasonExpired
)

func code(names []string, name string) uint8 { return uint8(max(slices.Index(names, name), 0)) } //nolint:gosec // few

// entry is an operation in the book. It has no pointers, so that a big book costs the garbage collector nothing.
type entry struct {
	hold      digest // the hold that it belongs to; its own for holds and payouts
	amount    int64
	due       int64
	until     int64 // of a hold
	captured  int64 // of a hold, from here on
	refunded  int64
	disputed  int64 // withdrawn, for good or not
	currency  [3]byte
	operation uint8
	result    uint8
	reason    uint8
	token     uint8
	voided    bool
	contested bool // was disputed
	returned  bool // a refund came back
}

func (e entry) is(operation, result string) bool {
	return operations[e.operation] == operation && results[e.result] == result
}

// book is what the simulator remembers of the journal: the latest operations, in two generations. When the younger one is full
// it becomes the older one, and what the older one held is forgotten: it is in the journal still.
type book struct {
	young, old map[digest]entry
	limit      int  // of a generation
	forgetful  bool // something is in the journal that is not in the book
	aftermath
}

func newBook(limit int) *book {
	return &book{
		young: map[digest]entry{}, limit: max(limit/2, 1), aftermath: aftermath{untold: map[string]record{}, open: map[string]record{}},
	}
}

func (b *book) find(key digest) (entry, bool) {
	if e, found := b.young[key]; found {
		return e, true
	}
	e, found := b.old[key]
	return e, found
}

func (b *book) put(key digest, e entry) {
	if _, found := b.young[key]; !found && len(b.young) >= b.limit {
		b.forgetful = b.forgetful || len(b.old) > 0
		b.old, b.young = b.young, make(map[digest]entry, len(b.young))
	}
	b.young[key] = e
}

// standsAlone tells whether an operation is about a payer's means, and not about a hold: it has a number of its own.
func standsAlone(operation string) bool { return operation == KindHold || operation == KindPayout }

// apply takes a record of the journal over. The records of an operation come in order.
func (b *book) apply(r *record) {
	if b.aftermath.apply(b, r) {
		return
	}
	key := digestOf(r.Tenant, r.Key)
	e := entry{
		amount: r.Amount, due: r.Due, until: r.Until, operation: code(operations, r.Operation), result: code(results, r.Result),
		reason: code(reasons, r.Reason), token: code(tokens, r.Token),
	}
	copy(e.currency[:], r.Currency)
	e.hold, _ = parseExternalID(r.Hold)
	b.put(key, e)
	hold, found := b.find(e.hold)
	if !found || r.Result != resultSucceeded || standsAlone(r.Operation) {
		return
	}
	switch r.Operation {
	case KindCapture:
		hold.captured += r.Amount
	case KindVoid:
		hold.voided = true
	case KindRefund:
		hold.refunded += r.Amount
	}
	b.put(e.hold, hold)
}

// ReasonExpired refuses the capture of a hold that has gone by itself.
const ReasonExpired = "hold_expired"

// refusal tells which of the gateway's rules an operation on a hold breaks by now; empty for none.
func refusal(operation string, hold entry, found bool, request Request, now int64) string {
	switch {
	case !found || !hold.is(KindHold, resultSucceeded):
		return reasonNoHold
	case string(hold.currency[:]) != request.Currency:
		return reasonCurrency
	case operation == KindRefund && hold.captured == 0:
		return reasonNotCaptured
	case operation == KindRefund && hold.refunded+request.AmountMinor > hold.captured:
		return reasonExceedsCaptured
	case operation == KindRefund && hold.refunded+hold.disputed+request.AmountMinor > hold.captured:
		return reasonDisputed
	case operation == KindRefund:
		return ""
	case hold.voided:
		return reasonVoided
	case hold.captured > 0:
		return reasonCaptured
	case request.AmountMinor > hold.amount:
		return reasonExceedsHold
	case operation == KindCapture && hold.until != 0 && now >= hold.until:
		return reasonExpired
	default:
		return ""
	}
}
