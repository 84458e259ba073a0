package fault

// Stage is where on its way a request is refused. A request is refused at the first stage that it does not pass, so one that has
// been cured there may be refused at a later stage, and never at an earlier one for what was cured (requirement C-5).
type Stage uint8

// The stages in their order.
const (
	AnyMoment  Stage = iota // passes by itself: the same request again, nothing to cure
	Connection              // what cannot be read as a request at all
	Caller                  // who asks, and may they
	Target                  // is there such a method
	Body                    // can its message be read
	Request                 // does the message follow the contract
	KeySent                 // the idempotency key
	Meaning                 // what can be told without reading any state
	Replay                  // was the key used before
	Existence               // is there what the request is about
	Condition               // does its state allow the request
	Version                 // is it the version that the caller has decided on
)

// stageNames say what is looked at, in the words of docs/errors.md.
var stageNames = [...]string{
	"at any moment", "connection", "caller", "target", "body", "request", "key", "meaning", "replay", "existence", "condition", "version",
}

// String names the stage.
func (s Stage) String() string { return stageNames[s] }

// Entry describes one reason (requirements C-5, C-7, P-5). Everything that refuses takes its reason from here; internal/lint
// checks that.
type Entry struct {
	Reason string
	Code   Code
	Stage  Stage
	Status int // HTTP status where RFC 9110 has a word of its own; 0 follows the code (requirement V-4)
	Cause  string
	Cure   string
	// Final says that no change of the request cures it while things stand as they do.
	Final bool
	// Raises lists reasons of the same stage that a cure can lead to; those of later stages are possible anyway.
	Raises []string
	// In names the methods that find it at another stage, because they must read the resource for it.
	In map[string]Stage
	// Internal says that only the system's own commands are refused so, no caller.
	Internal bool
	// Announced says that the contract names it and nothing refuses with it yet, because what would is not built. Whoever builds that takes
	// the mark away; internal/lint sees to it.
	Announced bool
	// Unshown says why no test raises it; empty for all others.
	Unshown string
}

// catalogue finds the entries.
var catalogue = index(Catalogue())

func index(entries []Entry) map[string]*Entry {
	found := make(map[string]*Entry, len(entries))
	for i := range entries {
		found[entries[i].Reason] = &entries[i]
	}
	return found
}

// Find answers the entry of a reason, or nil.
func Find(reason string) *Entry { return catalogue[reason] }

// Catalogue lists the reasons by stage, in the order of docs/errors.md.
func Catalogue() []Entry {
	var all []Entry
	for _, part := range [][]Entry{passing, reaching, asking, deciding, shopping, wagering, within} {
		all = append(all, part...)
	}
	return all
}

// Cures are the edges of the graph of requirement C-5: which reasons a request may be refused with after it was cured of this
// one. What is final or passes by itself has none.
func (e *Entry) Cures() []string {
	if e.Final || e.Stage == AnyMoment || e.Internal {
		return nil
	}
	cures := append([]string(nil), e.Raises...)
	for _, later := range Catalogue() {
		if later.Stage > e.Stage && !later.Internal {
			cures = append(cures, later.Reason)
		}
	}
	return cures
}

// StageIn is the stage at which a method finds it.
func (e *Entry) StageIn(method string) Stage {
	if stage, found := e.In[method]; found {
		return stage
	}
	return e.Stage
}

// Shared tells that any method may refuse with it, so that none announces it: what is found before a request means anything, keys, and what
// is not there or not built.
func (e *Entry) Shared() bool {
	return e.Stage <= KeySent || e.Reason == "IDEMPOTENCY_MISMATCH" || e.Reason == "NOT_FOUND" || e.Reason == "NOT_IMPLEMENTED"
}

// Retryable tells whether the same request can succeed later without a change.
func (e *Entry) Retryable() bool { return (&Fault{Code: e.Code, Reason: e.Reason}).Retryable() }

// MethodOrder is the order in which the most used methods refuse a request that is wrong in several ways at once.
type MethodOrder struct {
	Method  string
	Reasons []string
}

// Orders lists them for the methods that move money.
func Orders() []MethodOrder {
	before := func(own ...string) []string {
		return append([]string{"AUTH_FAILED", "SCOPE_MISSING", "UNSUPPORTED_MEDIA_TYPE", "MALFORMED_JSON", "VALIDATION_FAILED",
			"IDEMPOTENCY_KEY_MISSING"}, own...)
	}
	return []MethodOrder{
		{"CreateOrder", before("CURRENCY_UNKNOWN", "CURRENCY_MISMATCH", "NEGATIVE_AMOUNT", "AMOUNT_OVERFLOW", "IDEMPOTENCY_MISMATCH",
			"PRICE_CHANGED")},
		{"PayOrder", before("PAYMENT_MEANS_AMBIGUOUS", "PAYMENT_TOKEN_INVALID", "CARD_NUMBER_INVALID", "CARD_EXPIRY_INVALID", "CARD_EXPIRED",
			"CARD_CVV_INVALID", "IDEMPOTENCY_MISMATCH", "CARD_REFUSED", "NOT_FOUND", "PLAYER_UNKNOWN", "CURRENCY_MISMATCH", "ILLEGAL_TRANSITION",
			"KYC_REQUIRED", "PAYMENT_IN_PROGRESS", "VERSION_CONFLICT")},
		{"CancelOrder", before("IDEMPOTENCY_MISMATCH", "NOT_FOUND", "ILLEGAL_TRANSITION", "VERSION_CONFLICT")},
		{"RefundOrder", before("NOT_POSITIVE", "IDEMPOTENCY_MISMATCH", "NOT_FOUND", "ILLEGAL_TRANSITION", "TOO_MANY_REFUNDS", "CURRENCY_MISMATCH",
			"REFUND_EXCEEDS_CAPTURED", "VERSION_CONFLICT")},
	}
}
