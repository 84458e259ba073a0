package cashier

import (
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	now  = time.Date(2026, 10, 1, 12, 0, 0, 123_456_000, time.UTC)
	name = Name{Tenant: "t", ID: "player_payment:0198"}
	ann  = Moved{Name: name, PlayerID: "ann", Currency: "EUR"}
	cash = ledger.ID("ann", ledger.PlayerCash, "EUR")
	by   = state.Origin{Tenant: "t", Brand: "b", Region: "EU", Provider: "p"}
)

// rows are what a decision sees.
type rows map[state.Ref]state.Row

// Get implements domain.States.
func (r rows) Get(ref state.Ref) state.Row {
	if row, found := r[ref]; found {
		return row
	}
	return nil
}

func (r rows) add(all ...state.Row) rows {
	for _, row := range all {
		r[row.Ref()] = row
	}
	return r
}

func player(change func(p *state.Player)) *state.Player {
	p := &state.Player{Tenant: "t", ID: state.PlayerRef("t", "ann").ID, Brand: "b", Region: "EU", Currency: "EUR", Version: 1}
	if change != nil {
		change(p)
	}
	return p
}

func purse(balance, held int64) *state.Account {
	return &state.Account{Account: ledger.Account{Tenant: "t", ID: cash, BalanceMinor: balance, HeldMinor: held, Version: 1, Entries: 1}}
}

// at is a world with a payment of 300 in a status, and the money that it has set aside.
func at(kind state.PlayerPaymentType, status state.PlayerPaymentStatus) rows {
	p := &state.PlayerPayment{
		Tenant: "t", ID: name.ID, PlayerID: "ann", Type: kind, Currency: "EUR", AmountMinor: 300, Provider: "sim", Token: "sim:ok",
		Status: status, Version: 1, CreatedAt: now.Truncate(time.Millisecond),
	}
	world := rows{}.add(p, player(func(p *state.Player) {
		for _, period := range state.Periods() {
			p.Played = append(p.Played, state.Played{Period: period, From: period.Begin(now), DepositedMinor: 300})
		}
	}), purse(1000, 300))
	hold := &state.Hold{Hold: ledger.Hold{Tenant: "t", ID: holdID(p.ID), Account: cash, AmountMinor: 300, Status: ledger.HoldOpen, Version: 1}}
	if kind == state.PlayerPaymentWithdrawal {
		world.add(hold)
	}
	return world
}

// changed answers the payment, the account and the steps of the calls after a decision.
func changed(decision domain.Decision) (p *state.PlayerPayment, a *state.Account, done *state.Player, calls []string) {
	for _, change := range decision.Changes {
		switch after := change.After.(type) {
		case *state.PlayerPayment:
			p = after
		case *state.Account:
			a = after
		case *state.Player:
			done = after
		case *state.Effect:
			calls = append(calls, after.Kind+" "+after.ID)
		}
	}
	return p, a, done, calls
}

// Every outcome in every status: it is taken once, and where it belongs.
func TestOutcomes(t *testing.T) {
	const (
		deposit, withdrawal = state.PlayerPaymentDeposit, state.PlayerPaymentWithdrawal
		processing, inDoubt = state.PlayerPaymentProcessing, state.PlayerPaymentInDoubt
		authorized          = state.PlayerPaymentAuthorized
		succeeded, declined = state.PlayerPaymentSucceeded, state.PlayerPaymentDeclined
	)
	all := []state.PlayerPaymentStatus{processing, inDoubt, authorized, succeeded, declined}
	for what, test := range map[string]struct {
		command domain.Command
		kind    state.PlayerPaymentType
		becomes map[state.PlayerPaymentStatus]state.PlayerPaymentStatus // all others stay
		balance int64                                                   // after it, where it touches the account
		held    int64
		call    string
	}{
		"doubt": {command: Doubt{name}, kind: deposit, becomes: map[state.PlayerPaymentStatus]state.PlayerPaymentStatus{processing: inDoubt}},
		"held": {
			command: Held{name, "x"}, kind: deposit, call: "gateway.capture effect:0198/capture/1",
			becomes: map[state.PlayerPaymentStatus]state.PlayerPaymentStatus{processing: authorized, inDoubt: authorized},
		},
		"held, of a withdrawal": {command: Held{name, "x"}, kind: withdrawal},
		"hold declined": {
			command: Declined{ann, KindHold, "no"}, kind: deposit,
			becomes: map[state.PlayerPaymentStatus]state.PlayerPaymentStatus{processing: declined, inDoubt: declined},
		},
		"captured": {
			command: Captured{ann}, kind: deposit, balance: 1300, held: 300,
			becomes: map[state.PlayerPaymentStatus]state.PlayerPaymentStatus{authorized: succeeded},
		},
		"capture declined": {
			command: Declined{ann, KindCapture, "no"}, kind: deposit, call: "gateway.void effect:0198/void/1",
			becomes: map[state.PlayerPaymentStatus]state.PlayerPaymentStatus{authorized: declined},
		},
		"paid out": {
			command: PaidOut{ann, "x"}, kind: withdrawal, balance: 700,
			becomes: map[state.PlayerPaymentStatus]state.PlayerPaymentStatus{processing: succeeded, inDoubt: succeeded},
		},
		"paid out, of a deposit": {command: PaidOut{ann, "x"}, kind: deposit},
		"payout declined": {
			command: Declined{ann, KindPayout, "no"}, kind: withdrawal, balance: 1000,
			becomes: map[state.PlayerPaymentStatus]state.PlayerPaymentStatus{processing: declined, inDoubt: declined},
		},
	} {
		for _, status := range all {
			decision, refusal := test.command.Decide(at(test.kind, status), now)
			if refusal != nil {
				t.Errorf("%s of %s: %v", what, status, refusal)
				continue
			}
			want, moves := test.becomes[status]
			p, a, done, calls := changed(decision)
			switch {
			case !moves && len(decision.Changes)+len(decision.Transfers) > 0:
				t.Errorf("%s of %s: changed %+v", what, status, decision.Changes)
			case !moves:
			case p.Status != want || p.Version != 2 || decision.Changes[0].Event != EventStatusChanged:
				t.Errorf("%s of %s: %+v", what, status, *p)
			case (p.Token == "") != (want == succeeded || want == declined):
				t.Errorf("%s of %s keeps the token %q", what, status, p.Token)
			case (test.balance != 0) != (a != nil) || a != nil && (a.BalanceMinor != test.balance || a.HeldMinor != test.held):
				t.Errorf("%s of %s: the account %+v", what, status, a)
			case (len(decision.Transfers) > 0) != (want == succeeded):
				t.Errorf("%s of %s: booked %+v", what, status, decision.Transfers)
			case (done != nil) != (want == declined && test.kind == deposit) || done != nil && len(done.Played) > 0:
				t.Errorf("%s of %s: counted %+v", what, status, done)
			case test.call == "" && len(calls) > 0, test.call != "" && (len(calls) != 1 || calls[0] != test.call):
				t.Errorf("%s of %s: calls %q", what, status, calls)
			}
		}
	}
	for _, command := range []domain.Command{Doubt{name}, Held{name, ""}, Captured{ann}, PaidOut{ann, ""}, Declined{ann, KindHold, ""}, VoidAgain{name, ""}} {
		if _, refusal := command.Decide(rows{}, now); refusal == nil || refusal.Reason != "NOT_FOUND" {
			t.Errorf("%T of nothing: %v", command, refusal)
		}
	}
}

// Who may pay in and out, and how much.
func TestRequests(t *testing.T) {
	limited := player(func(p *state.Player) {
		p.Limits = []state.Limit{{Kind: state.LimitDeposit, Period: state.Day, Max: 500}}
		p.Played = []state.Played{{Period: state.Day, From: state.Day.Begin(now), DepositedMinor: 400}}
	})
	excluded := player(func(p *state.Player) { p.Flags.Excluded = true })
	for what, test := range map[string]struct {
		world  rows
		change func(c *Request)
		reason string
		told   string // of the metadata: left or available_minor
	}{
		"a deposit":                              {world: rows{}.add(player(nil))},
		"a deposit of a stranger":                {world: rows{}, reason: "NOT_FOUND"},
		"a deposit of another brand's player":    {world: rows{}.add(player(func(p *state.Player) { p.Brand = "else" })), reason: "NOT_FOUND"},
		"in another currency":                    {world: rows{}.add(player(nil)), change: func(c *Request) { c.Currency = "USD" }, reason: "CURRENCY_MISMATCH"},
		"a deposit of somebody excluded":         {world: rows{}.add(excluded), reason: "RG_BLOCK"},
		"a deposit beyond the limit":             {world: rows{}.add(limited), change: func(c *Request) { c.AmountMinor = 101 }, reason: "LIMIT_EXCEEDED", told: "1.00"},
		"a deposit of all that the limit leaves": {world: rows{}.add(limited), change: func(c *Request) { c.AmountMinor = 100 }},
		"a withdrawal":                           {world: rows{}.add(player(nil), purse(300, 200)), change: withdrawal(100)},
		"a withdrawal of what is held":           {world: rows{}.add(player(nil), purse(300, 200)), change: withdrawal(101), reason: "INSUFFICIENT_FUNDS", told: "100"},
		"a withdrawal of nothing":                {world: rows{}.add(player(nil)), change: withdrawal(1), reason: "INSUFFICIENT_FUNDS", told: "0"},
		"a withdrawal of somebody excluded":      {world: rows{}.add(excluded, purse(300, 0)), change: withdrawal(300)},
	} {
		request := Request{By: by, PlayerID: "ann", Type: state.PlayerPaymentDeposit, Currency: "EUR", AmountMinor: 100, Provider: "sim", Token: "sim:ok"}
		if test.change != nil {
			test.change(&request)
		}
		decision, refusal := request.Decide(test.world, now)
		if refusal != nil || test.reason != "" {
			if refusal == nil || refusal.Reason != test.reason || test.told != "" && refusal.Metadata["left"]+refusal.Metadata["available_minor"] != test.told {
				t.Errorf("%s: %v %v, want %s", what, refusal, metadata(refusal), test.reason)
			}
			continue
		}
		p, a, done, calls := changed(decision)
		if p.Status != state.PlayerPaymentProcessing || p.Version != 1 || p.Brand != "b" || p.CalledBy != "p" || len(calls) != 1 {
			t.Errorf("%s: %+v, calls %q", what, *p, calls)
		}
		if request.Type == state.PlayerPaymentDeposit && (a != nil || done == nil || done.Played[0].DepositedMinor < request.AmountMinor) {
			t.Errorf("%s: the account %+v, counted %+v", what, a, done)
		}
		if request.Type == state.PlayerPaymentWithdrawal && (done != nil || a.HeldMinor < request.AmountMinor) {
			t.Errorf("%s: the account %+v, counted %+v", what, a, done)
		}
	}
}

func withdrawal(amount int64) func(c *Request) {
	return func(c *Request) { c.Type, c.AmountMinor = state.PlayerPaymentWithdrawal, amount }
}

func metadata(f *fault.Fault) map[string]string {
	if f == nil {
		return nil
	}
	return f.Metadata
}

// A void is asked for again once, when it was refused.
func TestVoidAgain(t *testing.T) {
	refused := &state.Effect{Tenant: "t", ID: "effect:0198/void/1", State: state.EffectDone, LastError: "no"}
	for what, test := range map[string]struct {
		refused string
		also    []state.Row
		want    string
	}{
		"refused":       {refused: refused.ID, also: []state.Row{refused}, want: "gateway.void effect:0198/void/2"},
		"not there":     {refused: refused.ID},
		"succeeded":     {refused: refused.ID, also: []state.Row{&state.Effect{Tenant: "t", ID: refused.ID, State: state.EffectDone}}},
		"asked for":     {refused: refused.ID, also: []state.Row{refused, &state.Effect{Tenant: "t", ID: "effect:0198/void/2"}}},
		"a capture":     {refused: "effect:0198/capture/1"},
		"of another":    {refused: "effect:0199/void/1"},
		"without place": {refused: "effect:0198/void/x"},
	} {
		command := VoidAgain{name, test.refused}
		world := at(state.PlayerPaymentDeposit, state.PlayerPaymentDeclined).add(test.also...)
		decision, refusal := command.Decide(world, now)
		if _, _, _, calls := changed(decision); refusal != nil || len(calls) > 1 || len(calls) == 1 != (test.want != "") || len(calls) == 1 && calls[0] != test.want {
			t.Errorf("%s: %q, %v", what, calls, refusal)
		}
	}
}
