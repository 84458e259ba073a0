package storetest

import (
	"errors"
	"time"

	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// jackpotTests are about the rows of jackpots.
var jackpotTests = []test{
	{name: "jackpots and their triggers are listed by time, by jackpot, player and status", run: testJackpotLists},
	{name: "bets of one game wait for nobody who looks at it too", concurrent: true, run: testFeedLookedAt},
	{name: "a game that feeds a jackpot by now is a conflict or seen", concurrent: true, run: testFeedOpened},
}

// sampleJackpot is a jackpot with every field set.
func sampleJackpot(jackpotID string) *state.Jackpot {
	at := longAgo()
	return &state.Jackpot{
		Tenant: tenant, ID: state.JackpotRef(studio, jackpotID).ID, Brand: studio.Brand, Region: studio.Region, Provider: studio.Provider,
		Currency: "EUR", Terms: state.Terms{Name: "Mega \"1\"", SeedMinor: 500, RatePPM: 10_000, MaxMinor: 100, Games: []string{"studio:slot"}},
		Status: state.JackpotClosed, SeededMinor: 1, CollectedMinor: 2, PaidMinor: 3, ReturnedMinor: 4, HeldMinor: 5, OwedMinor: 6, Version: 9,
		CreatedAt: at.Add(-time.Hour), TermsAt: at.Add(-2 * time.Minute), UpdatedAt: at,
	}
}

// bareJackpot is one whose every optional field is empty.
func bareJackpot() *state.Jackpot {
	at := longAgo()
	return &state.Jackpot{
		Tenant: tenant, ID: state.JackpotRef(studio, "bare").ID, Provider: studio.Provider, Terms: state.Terms{RatePPM: 1, MaxMinor: state.NoLimit},
		Status: state.JackpotOpen, Version: 1, CreatedAt: at, TermsAt: at, UpdatedAt: at,
	}
}

func sampleJackpotFeed(game string) *state.JackpotFeed {
	return &state.JackpotFeed{
		Tenant: tenant, ID: state.JackpotFeedRef(studio, game).ID, Version: 1, UpdatedAt: longAgo(),
		Feeds: []state.Feed{{Jackpot: state.JackpotRef(studio, "mega 1:~.x").ID, Currency: "EUR", RatePPM: 10_000, MaxMinor: 100}},
	}
}

func bareJackpotFeed() *state.JackpotFeed {
	bare := sampleJackpotFeed("bare")
	bare.Feeds = nil
	return bare
}

// sampleJackpotTrigger is a trigger with every field set.
func sampleJackpotTrigger(jackpotID, triggerID string) *state.JackpotTrigger {
	at := longAgo()
	return &state.JackpotTrigger{
		Tenant: tenant, ID: state.JackpotTriggerRef(studio, jackpotID, triggerID).ID, Brand: studio.Brand, Region: studio.Region,
		Provider: studio.Provider, JackpotID: jackpotID, TriggerID: triggerID, PlayerID: "winner", BetID: "bet 1:~.x", RoundID: "round 1:~.x",
		Currency: "EUR", AmountMinor: 502, ReseedMinor: 500, Status: state.TriggerVoided, Words: "a \"reason\"", Version: 2, CreatedAt: at,
		UpdatedAt: at.Add(time.Second),
	}
}

func bareJackpotTrigger() *state.JackpotTrigger {
	at := longAgo()
	return &state.JackpotTrigger{
		Tenant: tenant, ID: state.JackpotTriggerRef(studio, "bare", "bare").ID, Provider: studio.Provider, JackpotID: "bare", TriggerID: "bare",
		AmountMinor: 1, Status: state.TriggerOpen, Version: 1, CreatedAt: at, UpdatedAt: at,
	}
}

// renamedJackpot is renamed for the rows of jackpots.
func renamedJackpot(row, as state.Row) state.Row {
	switch row := row.(type) {
	case *state.Jackpot:
		renamed, as := *row, as.(*state.Jackpot) //nolint:errcheck,forcetypeassert // rows come in pairs of a kind
		renamed.ID, renamed.Brand, renamed.Region, renamed.Provider = as.ID, as.Brand, as.Region, as.Provider
		renamed.Currency, renamed.CreatedAt = as.Currency, as.CreatedAt
		return &renamed
	case *state.JackpotFeed:
		renamed := *row
		renamed.ID = as.Ref().ID
		return &renamed
	case *state.JackpotTrigger:
		renamed, as := *as.(*state.JackpotTrigger), row //nolint:errcheck,forcetypeassert // as above
		renamed.Status, renamed.Words, renamed.Version, renamed.UpdatedAt = as.Status, as.Words, as.Version, as.UpdatedAt
		return &renamed
	}
	return row
}

func testJackpotLists(s *suite) {
	changes := newBatch()
	for i, name := range []string{"a", "b", "c", "d"} {
		jackpot, trigger := sampleJackpot(name), sampleJackpotTrigger([]string{"a", "b"}[i%2], name)
		later := time.Duration(i) * time.Second
		jackpot.CreatedAt, trigger.CreatedAt = jackpot.CreatedAt.Add(later), trigger.CreatedAt.Add(later)
		if i == 2 {
			jackpot.Status, trigger.Status, trigger.PlayerID = state.JackpotOpen, state.TriggerPaid, "else"
		}
		insert(changes, jackpot, trigger)
	}
	elsewhere := sampleJackpot("elsewhere")
	elsewhere.Region = "US"
	s.put(insert(changes, elsewhere))
	for _, test := range []struct {
		kind  state.Kind
		query state.PlayQuery
		want  string
	}{
		{state.KindJackpot, state.PlayQuery{}, "abcd"},
		{state.KindJackpot, state.PlayQuery{Newest: true}, "dcba"},
		{state.KindJackpot, state.PlayQuery{Statuses: []int16{int16(state.JackpotClosed)}}, "abd"},
		{state.KindJackpotTrigger, state.PlayQuery{}, "abcd"},
		{state.KindJackpotTrigger, state.PlayQuery{JackpotID: "a"}, "ac"},
		{state.KindJackpotTrigger, state.PlayQuery{JackpotID: "a", PlayerID: "winner"}, "a"},
		{state.KindJackpotTrigger, state.PlayQuery{JackpotID: "a", PlayerID: "winner", RoundID: "round 1:~.x"}, "a"},
		{state.KindJackpotTrigger, state.PlayQuery{JackpotID: "a", PlayerID: "winner", RoundID: "else"}, ""},
		{state.KindJackpotTrigger, state.PlayQuery{JackpotID: "a", Statuses: []int16{int16(state.TriggerPaid)}}, "c"},
		{state.KindJackpotTrigger, state.PlayQuery{JackpotID: "c"}, ""},
	} {
		test.query.Origin, test.query.Limit = studio, 2
		got := ""
		for _, row := range s.rows(test.kind, test.query) {
			switch row := row.(type) {
			case *state.Jackpot:
				got += row.JackpotID()
			case *state.JackpotTrigger:
				got += row.TriggerID
			}
		}
		s.same("listed", got, test.want)
	}
}

func testFeedLookedAt(s *suite) {
	s.put(insert(newBatch(), sampleJackpotFeed("game")))
	need := state.Need{Refs: []state.Ref{sampleJackpotFeed("game").Ref()}}
	first, second := s.begin(need), s.begin(need)
	s.must(second.commit(insert(newBatch(), sampleOrder(longAgo()))))
	s.must(first.commit(insert(newBatch(), sampleOrder(longAgo()))))
}

// testFeedOpened has a batch that remembers that a game feeds nothing, after another has made it feed a jackpot.
func testFeedOpened(s *suite) {
	need := state.Need{Refs: []state.Ref{sampleJackpotFeed("game").Ref()}}
	s.must(s.begin(need).commit(insert(newBatch(), sampleOrder(longAgo())))) // now its absence may be remembered
	assuming := s.begin(need)
	if !assuming.loaded().Assumed {
		s.Skip("the store does not remember rows")
	}
	s.put(insert(newBatch(), sampleJackpotFeed("game")))
	if err := assuming.commit(insert(newBatch(), sampleOrder(longAgo()))); !errors.Is(err, state.ErrConflict) {
		s.Fatalf("error = %v: a bet rests on there being no jackpot", err)
	}
	changed := sampleJackpotFeed("game")
	changed.Feeds, changed.Version = nil, 2
	assuming = s.begin(need)
	s.put(update(newBatch(), changed))
	if err := assuming.commit(insert(newBatch(), sampleOrder(longAgo()))); !errors.Is(err, state.ErrConflict) {
		s.Fatalf("error = %v: a bet rests on terms that have changed", err)
	}
}

// worldJackpot is that of a world.
func worldJackpot() *state.Jackpot {
	jackpot := sampleJackpot("mega 1:~.x")
	jackpot.Status, jackpot.OwedMinor = state.JackpotOpen, 0
	jackpot.SeededMinor, jackpot.CollectedMinor, jackpot.PaidMinor, jackpot.ReturnedMinor, jackpot.HeldMinor = 2000, 2, 502, 500, 500
	return jackpot
}

// bookPool books what the world's jackpot says, with the purse of its winner.
func (s *suite) bookPool(books *ledger.Books, winner string) {
	s.Helper()
	jackpot := worldJackpot()
	move := func(name, kind, from, to string, amount int64) {
		if refusal := books.Move(ledger.Transfer{ID: "transfer:" + studio.Provider + "/" + name, Kind: kind, Currency: "EUR"}, from, to,
			amount); refusal != nil {
			s.Fatal(refusal)
		}
	}
	place := func(name string, amount int64) ledger.Hold {
		hold := ledger.Hold{ID: sampleJackpotTrigger("mega 1:~.x", name).HoldID(), Account: jackpot.Pool(), AmountMinor: amount}
		if _, refusal := books.Place(hold); refusal != nil {
			s.Fatal(refusal)
		}
		return hold
	}
	move("won/jackpots", "jackpot.contribution", worldHouse, jackpot.Fed(), 2)
	move("lost/jackpots", "jackpot.contribution", worldHouse, jackpot.Fed(), 2)
	move("mega/1/seed", "jackpot.seed", worldHouse, jackpot.Pool(), 500)
	voided := place("voided", 500)
	move("mega/3/seed", "jackpot.seed", worldHouse, jackpot.Pool(), 500)
	if _, refusal := books.Void(voided.ID); refusal != nil {
		s.Fatal(refusal)
	}
	move("mega/4/return", "jackpot.return", jackpot.Pool(), worldHouse, 500)
	move("mega/5/collect", "jackpot.collect", jackpot.Fed(), jackpot.Pool(), 2)
	paid := place("paid", 502)
	move("mega/6/seed", "jackpot.seed", worldHouse, jackpot.Pool(), 500)
	if _, refusal := books.Capture(ledger.Capture{Transfer: ledger.Transfer{
		ID: "transfer:" + studio.Provider + "/mega 1:~.x/paid/payout", Kind: "jackpot.payout",
	}, HoldID: paid.ID, To: winner}); refusal != nil {
		s.Fatal(refusal)
	}
	place("open", 500)
	move("mega/9/seed", "jackpot.seed", worldHouse, jackpot.Pool(), 500)
}

// addJackpots adds to a world a jackpot that the world's bets have fed, with a trigger that was given up, one that was paid, and an open one;
// the latter two came later, by bets of the world.
func (s *suite) addJackpots(changes *state.Changes) {
	s.Helper()
	jackpot := worldJackpot()
	insert(changes, jackpot, sampleJackpotFeed("studio:slot"))
	for name, status := range map[string]state.JackpotTriggerStatus{
		"voided": state.TriggerVoided, "paid": state.TriggerPaid, "open": state.TriggerOpen,
	} {
		trigger := sampleJackpotTrigger("mega 1:~.x", name)
		trigger.Status, trigger.PlayerID = status, "player 1:~.x"
		if name != "paid" {
			trigger.AmountMinor = 500
		}
		if name != "voided" {
			trigger.BetID = map[string]string{"paid": "won", "open": "lost"}[name]
			trigger.CreatedAt = trigger.CreatedAt.Add(10 * time.Minute)
		}
		insert(changes, trigger)
	}
	for seq := range jackpot.Version {
		addEvent(changes, jackpot.Ref(), seq+1, "jackpot.test")
	}
}

func mega(*world) string { return sampleJackpot("mega 1:~.x").ID }
func triggered(name string) func(*world) string {
	return func(*world) string { return sampleJackpotTrigger("mega 1:~.x", name).ID }
}

// jackpotPlants are violations of the invariants of jackpots.
var jackpotPlants = []plant{
	{name: "a jackpot that says more seeded than was", breaks: store.PoolsAddUp, about: mega,
		sql: `UPDATE jackpots SET seeded_minor = seeded_minor + 1 WHERE jackpot_id = '$id'`},
	{name: "a jackpot that says less collected than was", breaks: store.PoolsAddUp, about: mega,
		sql: `UPDATE jackpots SET collected_minor = collected_minor - 1 WHERE jackpot_id = '$id'`},
	{name: "a jackpot that says more paid than was", breaks: store.PoolsAddUp, about: mega,
		sql: `UPDATE jackpots SET paid_minor = paid_minor + 1 WHERE jackpot_id = '$id'`},
	{name: "a jackpot that says less given back than was", breaks: store.PoolsAddUp, about: mega,
		sql: `UPDATE jackpots SET returned_minor = 0 WHERE jackpot_id = '$id'`},
	{name: "a jackpot that says less held than is", breaks: store.PoolsAddUp, about: mega,
		sql: `UPDATE jackpots SET held_minor = 0 WHERE jackpot_id = '$id'`},
	{name: "money that came into a pool by another way", breaks: store.PoolsAddUp, about: mega,
		sql: `UPDATE ledger_transfers SET kind = 'test' WHERE transfer_id = 'transfer:studio 1:~.x/mega/9/seed'`},
	{name: "a pool of no jackpot", breaks: store.PoolsAddUp, about: mega, mention: "a pool of no jackpot",
		sql: `DELETE FROM jackpots`},
	{name: "a contribution that was not booked", breaks: store.ContributionsBooked, about: bet("won"),
		sql: `UPDATE ledger_entries SET transfer_id = 'transfer:else' WHERE transfer_id = 'transfer:studio 1:~.x/won/jackpots'`},
	{name: "a contribution of another amount", breaks: store.ContributionsBooked, about: bet("won"),
		sql: `UPDATE bets SET contributions = '[{"jackpot_id":"mega 1:~.x","amount_minor":3}]' WHERE bet_id = '$id'`},
	{name: "a contribution to another jackpot", breaks: store.ContributionsBooked, about: bet("won"),
		sql: `UPDATE bets SET contributions = '[{"jackpot_id":"else","amount_minor":2}]' WHERE bet_id = '$id'`},
	{name: "a contribution that the bet does not know of", breaks: store.ContributionsBooked,
		about: bet("won"), mention: "a contribution of no bet",
		sql: `UPDATE bets SET contributions = NULL WHERE bet_id = '$id'`},
	{name: "a bet of a jackpot's game that has given nothing", breaks: store.BetsContribute, about: bet("won"), mention: "should have given 2",
		sql: `UPDATE bets SET contributions = NULL WHERE bet_id = '$id'`},
	{name: "a bet of a jackpot's game that has given less than it must", breaks: store.BetsContribute,
		about: bet("lost"), mention: "should have given 20",
		sql: `UPDATE bets SET amount_minor = 2000 WHERE bet_id = '$id'`},
	{name: "a bet that has given more than one may", breaks: store.BetsContribute, about: bet("lost"), mention: "should have given 1",
		sql: `UPDATE jackpots SET max_minor = 1`},
	{name: "more collected than bets have given", breaks: store.ContributionsLast, about: mega, mention: "left -",
		sql: `UPDATE ledger_entries SET amount_minor = -2 WHERE account = 'account:jackpot_contributions:EUR:studio 1:~.x/mega 1:~.x'`},
	{name: "money that bets gave and that went another way", breaks: store.ContributionsLast, about: mega,
		sql: `UPDATE ledger_transfers SET kind = 'test' WHERE transfer_id = 'transfer:studio 1:~.x/mega/5/collect'`},
	{name: "a trigger that says paid and was not", breaks: store.TriggersAreHeld, about: triggered("open"),
		sql: `UPDATE jackpot_triggers SET status = 2 WHERE trigger_row = '$id'`},
	{name: "a trigger that says given up and is held", breaks: store.TriggersAreHeld, about: triggered("open"),
		sql: `UPDATE jackpot_triggers SET status = 3 WHERE trigger_row = '$id'`},
	{name: "a trigger that says open and was paid", breaks: store.TriggersAreHeld, about: triggered("paid"),
		sql: `UPDATE jackpot_triggers SET status = 1 WHERE trigger_row = '$id'`},
	{name: "a trigger that was paid to somebody else", breaks: store.TriggersAreHeld, about: triggered("paid"),
		sql: `UPDATE jackpot_triggers SET player_id = 'else' WHERE trigger_row = '$id'`},
	{name: "a trigger of another amount than is held", breaks: store.TriggersAreHeld, about: triggered("open"),
		sql: `UPDATE jackpot_triggers SET amount_minor = amount_minor + 1 WHERE trigger_row = '$id'`},
	{name: "a hold on a pool without a trigger", breaks: store.TriggersAreHeld,
		about: triggered("open"), mention: "a hold on a pool without a trigger",
		sql: `DELETE FROM jackpot_triggers WHERE trigger_row = '$id'`},
	{name: "a hold on a pool that is not named as its trigger's", breaks: store.TriggersAreHeld, about: triggered("open"), mention: "/open/jackpox",
		sql: `UPDATE account_holds SET account_id = 'account:jackpot_pool:EUR:studio 1:~.x/mega 1:~.x',
			hold_id = 'hold:studio 1:~.x/mega 1:~.x/open/jackpox' WHERE hold_id = 'hold:studio 1:~.x/back'`},
	{name: "a payout of no trigger", breaks: store.TriggersAreHeld, about: triggered("paid"), mention: "a payout of no trigger",
		sql: `DELETE FROM jackpot_triggers WHERE trigger_row = '$id'`},
	{name: "a trigger of a player who has not bet", breaks: store.TriggersRestOnBets, about: triggered("open"),
		sql: `UPDATE jackpot_triggers SET player_id = 'else' WHERE trigger_row = '$id'`},
	{name: "a trigger by a bet that there is not", breaks: store.TriggersRestOnBets, about: triggered("open"),
		sql: `UPDATE jackpot_triggers SET bet_id = 'else' WHERE trigger_row = '$id'`},
	{name: "a trigger by a bet of another round", breaks: store.TriggersRestOnBets, about: triggered("open"),
		sql: `UPDATE jackpot_triggers SET round_id = 'else' WHERE trigger_row = '$id'`},
	{name: "a trigger by a round that the player has no bet in", breaks: store.TriggersRestOnBets, about: triggered("paid"),
		sql: `UPDATE jackpot_triggers SET round_id = 'else', bet_id = '' WHERE trigger_row = '$id'`},
	{name: "a trigger by a bet that had been rolled back", breaks: store.TriggersRestOnBets, about: triggered("open"),
		sql: `UPDATE jackpot_triggers SET bet_id = 'back' WHERE trigger_row = '$id'`},
	{name: "a trigger by a bet on another game than the jackpot's", breaks: store.TriggersRestOnBets, about: triggered("open"),
		sql: `UPDATE jackpots SET games = '["else"]'`},
	{name: "two triggers by one bet", breaks: store.CausesTriggerOnce, about: triggered("open"),
		sql: `UPDATE jackpot_triggers SET bet_id = 'won' WHERE trigger_row = '$id'`},
	{name: "a trigger by a whole round beside one by a bet in it", breaks: store.CausesTriggerOnce, about: triggered("open"),
		sql: `UPDATE jackpot_triggers SET bet_id = '' WHERE trigger_row = '$id'`},
	{name: "a jackpot that has kept a seed", breaks: store.SeedsComeBack, about: mega,
		sql: `UPDATE jackpot_triggers SET reseed_minor = reseed_minor + 1 WHERE status = 3`},
	{name: "a jackpot that owes nothing and says it does", breaks: store.SeedsComeBack, about: mega,
		sql: `UPDATE jackpots SET owed_minor = 1 WHERE jackpot_id = '$id'`},
	{name: "a jackpot that owes what it has", breaks: store.SeedsComeBack, about: mega, mention: "owes 1, has 499 free",
		sql: `UPDATE jackpots SET owed_minor = 1, returned_minor = 499, held_minor = held_minor + 2 WHERE jackpot_id = '$id'`},
	{name: "a closed jackpot that owes", breaks: store.SeedsComeBack, about: mega,
		sql: `UPDATE jackpots SET status = 2, owed_minor = 1 WHERE jackpot_id = '$id'`},
	{name: "a game that does not feed its jackpot", breaks: store.FeedsAreTerms, about: mega,
		sql: `UPDATE jackpot_feeds SET feeds = NULL`},
	{name: "a game that feeds by other terms than the jackpot's", breaks: store.FeedsAreTerms, about: mega,
		sql: `UPDATE jackpots SET rate_ppm = rate_ppm + 1 WHERE jackpot_id = '$id'`},
	{name: "a game that feeds a jackpot that was closed", breaks: store.FeedsAreTerms, about: mega,
		sql: `UPDATE jackpots SET status = 2 WHERE jackpot_id = '$id'`},
	{name: "an event of a jackpot is missing", breaks: store.EventsAreNumbered, about: mega,
		sql: `DELETE FROM events WHERE aggregate_id = '$id' AND seq = 2`},
}
