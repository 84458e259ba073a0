package storetest

import (
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// bonusTests are about bonuses.
var bonusTests = []test{
	{name: "bonuses are listed by player, status and time, for all providers, and one whose time is over has expired", run: testBonuses},
}

// sampleBonus is a bonus with every field set.
func sampleBonus(bonusID string) *state.Bonus {
	at := longAgo()
	return &state.Bonus{
		Tenant: tenant, ID: state.BonusRef(tenant, bonusID).ID, Brand: studio.Brand, Region: studio.Region, Provider: studio.Provider,
		BonusTerms: state.BonusTerms{
			PlayerID: "player 1:~.x", Currency: "EUR", AmountMinor: 1000, RequiredMinor: 1 << 50,
			Weights:       []state.GameWeight{{GameID: "studio:slot", Percent: 50}, {GameID: "studio:table \"1\"", Percent: 0}},
			DefaultWeight: 100, Policy: state.BonusFirst, MaxBetMinor: 500, MaxConversionMinor: 5000, TTL: time.Hour, ExpiresAt: at.Add(time.Hour),
		},
		Status: state.BonusForfeited, Reason: "a \"reason\"", Progress: 100 << 50, ConvertedMinor: 7, Version: 3, CreatedAt: at,
		ActivatedAt: at.Add(time.Second), EndedAt: at.Add(time.Minute), UpdatedAt: at.Add(time.Minute),
	}
}

// bareBonus is one whose every optional field is empty.
func bareBonus() *state.Bonus {
	at := longAgo()
	return &state.Bonus{
		Tenant: tenant, ID: state.BonusRef(tenant, "bare").ID,
		BonusTerms: state.BonusTerms{
			AmountMinor: 1, RequiredMinor: 1, Policy: state.BonusCashFirst, MaxBetMinor: state.NoLimit, MaxConversionMinor: state.NoLimit,
			ExpiresAt: at,
		},
		Status: state.BonusGranted, Version: 1, CreatedAt: at, UpdatedAt: at,
	}
}

// renamedBonus answers a copy under the name of another, with what never changes taken from it too.
func renamedBonus(b, as *state.Bonus) *state.Bonus {
	renamed := *as
	renamed.Status, renamed.Reason, renamed.ConvertedMinor = b.Status, b.Reason, b.ConvertedMinor
	renamed.Progress = min(b.Progress, as.Required())
	renamed.Version, renamed.ActivatedAt, renamed.EndedAt, renamed.UpdatedAt = b.Version, b.ActivatedAt, b.EndedAt, b.UpdatedAt
	return &renamed
}

func testBonuses(s *suite) {
	begin, changes := longAgo(), newBatch()
	var all []string
	for i := range 6 {
		b := sampleBonus(string(rune('a' + i)))
		b.PlayerID, b.CreatedAt = []string{"ann", "bob"}[i%2], begin.Add(time.Duration(i)*time.Second)
		if i == 0 {
			b.Status = state.BonusActive
		}
		all = append(all, b.ID)
		insert(changes, b)
	}
	elsewhere, theirs := sampleBonus("elsewhere"), sampleBonus("a")
	elsewhere.Region, theirs.Tenant = "US", "other"
	s.put(insert(changes, elsewhere, theirs))
	backwards := slices.Clone(all)
	slices.Reverse(backwards)
	for name, c := range map[string]struct {
		query state.PlayQuery
		want  []string
	}{
		"all":            {state.PlayQuery{}, all},
		"newest first":   {state.PlayQuery{Newest: true}, backwards},
		"of a player":    {state.PlayQuery{PlayerID: "bob"}, []string{all[1], all[3], all[5]}},
		"active":         {state.PlayQuery{Statuses: []int16{int16(state.BonusActive)}, Now: begin}, all[:1]},
		"active no more": {state.PlayQuery{Statuses: []int16{int16(state.BonusActive)}, Now: begin.Add(time.Hour)}, nil},
		"expired by now": {state.PlayQuery{Statuses: []int16{int16(state.BonusExpired)}, Now: begin.Add(time.Hour)}, all[:1]},
		"of a time":      {state.PlayQuery{From: begin.Add(time.Second), Before: begin.Add(3 * time.Second)}, all[1:3]},
	} {
		c.query.Origin, c.query.Limit = state.Origin{Tenant: tenant, Brand: studio.Brand, Region: studio.Region, Provider: "another"}, 2
		var got []string
		for _, row := range s.rows(state.KindBonus, c.query) {
			got = append(got, row.Ref().ID)
		}
		s.same(name, got, c.want)
	}
}

// What the world's player of bonuses has.
func bonus(name string) func(*world) string {
	return func(*world) string { return state.BonusRef(tenant, name).ID }
}
func bonusAccount(*world) string { return ledger.ID("lucky", ledger.PlayerBonus, "EUR") }
func lucky(*world) string        { return state.PlayerRef(tenant, "lucky").ID }

// luckyBets are the bets of the world's player of bonuses.
var luckyBets = []struct {
	name, bonus string
	status      state.BetStatus
	own, part   int64
}{
	{"counted", "done", state.BetForfeited, 200, 0}, // has completed the converted bonus, with the player's own money
	{"given open", "active", state.BetAuthorized, 100, 100},
	{"given lost", "active", state.BetForfeited, 100, 100},
	{"given back", "active", state.BetRolledBack, 100, 100},
}

// addBonuses adds to a world a player with a bonus that waits, one that is active, and one that has converted.
func (s *suite) addBonuses(changes *state.Changes) {
	s.Helper()
	s.teller().book(changes, longAgo(), func(books *ledger.Books) {
		if refusal := bookBonuses(books); refusal != nil {
			s.Fatal(refusal)
		}
	})
	add := func(row state.Row) {
		insert(changes, row)
		for seq := range row.EventSeq() {
			addEvent(changes, row.Ref(), seq+1, "test")
		}
	}
	player, session, round := samplePlayer("lucky"), sampleSession("lucky"), sampleRound("lucky")
	session.GameID, round.GameID = luckyGame, luckyGame
	player.Bonus, session.PlayerID = state.BonusRef(tenant, "active").ID, "lucky"
	add(player)
	add(session)
	add(round)
	for _, had := range luckyBets {
		b := sampleBet(had.name)
		b.GameID, b.Contributions = luckyGame, nil
		b.PlayerID, b.SessionID, b.RoundID, b.Status, b.Results, b.WonMinor = "lucky", "lucky", "lucky", had.status, 0, 0
		b.Bonus = &state.BetBonus{ID: state.BonusRef(tenant, had.bonus).ID, Minor: had.part, Percent: 50}
		if had.status == state.BetForfeited {
			result := sampleSettlement(had.name, "")
			result.GameID = luckyGame
			result.PlayerID, result.Partial, result.WinMinor, b.Results = "lucky", false, 0, 1
			insert(changes, result)
		}
		add(b)
	}
	for name, status := range map[string]state.BonusStatus{"waiting": state.BonusGranted, "active": state.BonusActive, "done": state.BonusConverted} {
		b := sampleBonus(name)
		b.PlayerID, b.Status, b.Version, b.ConvertedMinor, b.Progress, b.Reason = "lucky", status, int64(status), 0, 0, ""
		b.RequiredMinor, b.ActivatedAt, b.EndedAt = 1000, longAgo().Add(-time.Minute), time.Time{}
		switch {
		case status == state.BonusGranted:
			b.ActivatedAt = time.Time{}
		case status == state.BonusActive:
			b.Progress = 200 * 50
		case b.Ended():
			b.ConvertedMinor, b.RequiredMinor, b.Progress, b.EndedAt = 700, 100, 100*100, longAgo().Add(time.Minute)
		}
		if !b.Ended() {
			changes.SetTimers = append(changes.SetTimers, state.Timer{
				TimerKey: state.TimerKey{Tenant: tenant, Kind: "bonus.expire", AggregateID: b.ID}, DueAt: b.ExpiresAt,
			})
		}
		add(b)
	}
}

// luckyGame feeds no jackpot.
const luckyGame = "studio:table"

// bookBonuses books what the world's player of bonuses has been given and has bet.
func bookBonuses(books *ledger.Books) *fault.Fault {
	cash, gift := ledger.ID("lucky", ledger.PlayerCash, "EUR"), bonusAccount(nil)
	for _, move := range []struct {
		transfer, kind, from, to string
		amount                   int64
	}{
		{"transfer:done/activated", "bonus.activated", worldHouse, gift, 1000},
		{"transfer:done/converted", "bonus.converted", gift, cash, 700},
		{"transfer:done/taken", "bonus.taken", gift, worldHouse, 300},
		{"transfer:active/activated", "bonus.activated", worldHouse, gift, 1000},
	} {
		transfer := ledger.Transfer{ID: move.transfer, Kind: move.kind, Currency: "EUR"}
		if refusal := books.Move(transfer, move.from, move.to, move.amount); refusal != nil {
			return refusal
		}
	}
	for _, had := range luckyBets {
		b := sampleBet(had.name)
		b.Contributions = nil
		for _, part := range []struct {
			account, hold, kind, step string
			amount                    int64
		}{{cash, b.HoldID(), "bet.capture", "/capture", had.own}, {gift, b.BonusHoldID(), "bet.capture_bonus", "/bonus", had.part}} {
			if part.amount == 0 {
				continue
			}
			_, refusal := books.Place(ledger.Hold{ID: part.hold, Account: part.account, AmountMinor: part.amount})
			switch {
			case refusal != nil:
			case had.status == state.BetRolledBack:
				_, refusal = books.Void(part.hold)
			case had.status == state.BetForfeited:
				transfer := ledger.Transfer{ID: id.Derive("transfer", b.ID) + part.step, Kind: part.kind}
				_, refusal = books.Capture(ledger.Capture{Transfer: transfer, HoldID: part.hold, To: worldHouse})
			}
			if refusal != nil {
				return refusal
			}
		}
	}
	return nil
}

// bonusPlants are violations of the invariants of bonuses.
var bonusPlants = []plant{
	{name: "a bet that holds less of a bonus than it says", breaks: store.BonusPartsAreHeld, about: bet("given open"),
		sql: `UPDATE bets SET bonus = '{"id": "bonus:active", "minor": 101, "weight_percent": 50}' WHERE bet_id = '$id'`},
	{name: "a bet of no bonus that there is", breaks: store.BonusPartsAreHeld, about: bet("given open"),
		sql: `UPDATE bets SET bonus = '{"id": "bonus:else", "minor": 100, "weight_percent": 50}' WHERE bet_id = '$id'`},
	{name: "a bonus's part that is held after the bet was given back", breaks: store.BonusPartsAreHeld,
		about: bet("given back"), elsewhere: true,
		sql: `UPDATE account_holds SET status = 1 WHERE hold_id = 'hold:studio 1:~.x/given back/bonus'`},
	{name: "bonus money held for no bet", breaks: store.BonusPartsAreHeld, about: bet("given open"), mention: "held for no bet",
		sql: `UPDATE account_holds SET hold_id = 'hold:else/bonus' WHERE hold_id = 'hold:studio 1:~.x/given open/bonus'`},
	{name: "bonus money taken for no bet", breaks: store.BonusPartsAreHeld, about: bet("given lost"), mention: "bonus money of no bet",
		sql: `UPDATE ledger_transfers SET transfer_id = 'transfer:else/bonus' WHERE transfer_id = 'transfer:studio 1:~.x/given lost/bonus'`},
	{name: "a tombstone with a bonus", breaks: store.BonusPartsAreHeld, about: bet("tomb"),
		sql: `UPDATE bets SET bonus = '{"id": "bonus:active", "minor": 0, "weight_percent": 50}' WHERE bet_id = '$id'`},
	{name: "bonus money without an active bonus", breaks: store.OneBonusIsActive, about: bonusAccount,
		sql: `UPDATE bonuses SET status = 4 WHERE bonus_id = 'bonus:active'`},
	{name: "an active bonus that the player does not name", breaks: store.OneBonusIsActive, about: bonus("active"),
		sql: `UPDATE players SET bonus_id = '' WHERE player_id = 'player:lucky'`},
	{name: "a second active bonus", breaks: store.OneBonusIsActive, about: bonus("waiting"),
		sql: `UPDATE bonuses SET status = 2 WHERE bonus_id = '$id'`},
	{name: "a player's bonus that there is not", breaks: store.OneBonusIsActive, about: lucky,
		sql: `UPDATE players SET bonus_id = 'bonus:else' WHERE player_id = '$id'`},
	{name: "a bonus that gives another amount than was credited", breaks: store.BonusesAreCredited, about: bonus("active"),
		sql: `UPDATE bonuses SET amount_minor = amount_minor + 1 WHERE bonus_id = '$id'`},
	{name: "a credit of no bonus", breaks: store.BonusesAreCredited, about: bonus("active"), mention: "of no bonus",
		sql: `DELETE FROM bonuses WHERE bonus_id = '$id'`},
	{name: "converted, and not booked", breaks: store.BonusesAreCredited, about: bonus("done"), mention: "account:player_cash:EUR:lucky",
		sql: `UPDATE bonuses SET converted_minor = converted_minor + 1 WHERE bonus_id = '$id'`},
	{name: "converted beyond what may be", breaks: store.BonusesAreCredited, about: bonus("done"),
		sql: `UPDATE bonuses SET max_conversion_minor = 699 WHERE bonus_id = '$id'`},
	{name: "wagered more than was bet", breaks: store.BonusesAreWagered, about: bonus("active"),
		sql: `UPDATE bonuses SET progress = progress + 1 WHERE bonus_id = '$id'`},
	{name: "wagered less than was bet", breaks: store.BonusesAreWagered, about: bonus("active"),
		sql: `UPDATE bonuses SET progress = progress - 1 WHERE bonus_id = '$id'`},
	{name: "converted before enough was wagered", breaks: store.BonusesAreWagered, about: bonus("done"),
		sql: `UPDATE bonuses SET required_minor = required_minor + 1 WHERE bonus_id = '$id'`},
	{name: "a bonus without its timer", breaks: store.BonusesHaveTimer, about: bonus("waiting"),
		sql: `DELETE FROM timers WHERE aggregate_id = '$id'`},
	{name: "a bonus without its event", breaks: store.EventsAreNumbered, about: bonus("active"),
		sql: `UPDATE bonuses SET version = version + 1 WHERE bonus_id = '$id'`},
}
