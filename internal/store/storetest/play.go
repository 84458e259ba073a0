package storetest

import (
	"cmp"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// playTests are about the rows of the dialect of providers (requirements P-1, P-11).
var playTests = []test{
	{name: "sessions, bets, rounds and settlements are listed by time, with their filters", run: testPlayLists},
	{name: "a list of few among many ends its pages early and finds them all", run: testPlayScans},
	{name: "another brand's, region's and provider's are not listed", run: testPlayOrigins},
	{name: "settlements are found by their own id and by their bet, and the bets of a round are counted", run: testPlayReads},
}

// studio is who calls in these tests.
var studio = state.Origin{Tenant: tenant, Brand: "brand 1:~.x", Region: "EU", Provider: "studio 1:~.x"}

func samplePlayer(playerID string) *state.Player {
	at := longAgo()
	return &state.Player{
		Tenant: tenant, ID: state.PlayerRef(tenant, playerID).ID, Brand: studio.Brand, Region: studio.Region, Currency: "EUR", Locale: "de-DE",
		Country: "DE", Flags: state.Flags{Excluded: true, ExcludedUntil: at.Add(time.Hour), CoolOffUntil: at.Add(time.Minute)},
		Limits: []state.Limit{
			{Kind: state.LimitWager, Period: state.Day, Max: 500, Pending: state.NoLimit, PendingFrom: at.Add(24 * time.Hour)},
			{Kind: state.LimitSession, Period: state.Month, Max: 60},
		},
		Played: []state.Played{{
			Period: state.Week, From: state.Week.Begin(at), WageredMinor: 1, WonMinor: 2, DepositedMinor: 3, SessionSeconds: 4,
		}},
		Version: 3, CreatedAt: at, UpdatedAt: at.Add(time.Second), Bonus: "bonus:bonus 1:~.x",
		KYC: state.KYCRejected, KYCReason: "document_expired",
	}
}

func sampleSession(sessionID string) *state.Session {
	at := longAgo()
	return &state.Session{
		Tenant: tenant, ID: state.SessionRef(studio, sessionID).ID, Brand: studio.Brand, Region: studio.Region, Provider: studio.Provider,
		PlayerID: "player 1:~.x", GameID: "studio:slot", Currency: "EUR", Locale: "de-DE", MaxBetMinor: 500,
		Told: state.Flags{Excluded: true, ExcludedUntil: at.Add(time.Hour), CoolOffUntil: at.Add(time.Minute)}, TTL: time.Hour,
		Status: state.SessionClosed, Version: 2, CreatedAt: at, ExpiresAt: at.Add(time.Hour), EndedAt: at.Add(time.Minute),
		UpdatedAt: at.Add(time.Minute),
	}
}

func sampleRound(roundID string) *state.Round {
	at := longAgo()
	return &state.Round{
		Tenant: tenant, ID: state.RoundRef(studio, roundID).ID, Provider: studio.Provider, GameID: "studio:slot", Status: state.RoundClosed,
		Version: 2, CreatedAt: at, ClosedAt: at.Add(time.Minute),
	}
}

func sampleBet(betID string) *state.Bet {
	at := longAgo()
	return &state.Bet{
		Tenant: tenant, ID: state.BetRef(studio, betID).ID, Brand: studio.Brand, Region: studio.Region, Provider: studio.Provider,
		RoundID: "round 1:~.x", SessionID: "session 1:~.x", PlayerID: "player 1:~.x", GameID: "studio:slot", Currency: "EUR", AmountMinor: 200,
		WonMinor: 1460, Results: 1, Contributions: []state.Contribution{{JackpotID: "mega 1:~.x", AmountMinor: 2}},
		Status: state.BetCredited, Version: 2, CreatedAt: at, UpdatedAt: at.Add(time.Second),
	}
}

func sampleSettlement(betID, resultID string) *state.Settlement {
	at := longAgo()
	return &state.Settlement{
		Tenant: tenant, ID: state.SettlementRef(studio, betID, resultID).ID, SettlementID: id.New("settlement", at, entropy()),
		Brand: studio.Brand, Region: studio.Region, Provider: studio.Provider, BetID: betID, RoundID: "round 1:~.x", PlayerID: "player 1:~.x",
		GameID: "studio:slot", ResultID: resultID, Currency: "EUR", WinMinor: 1460, Partial: true,
		Bonus: &state.BonusState{InBonus: true, FreespinsLeft: 7}, CreatedAt: at,
	}
}

// playRows are rows of each kind of the dialect with every field set.
func playRows() []state.Row {
	given := sampleBet("bet 1:~.x")
	given.Bonus = &state.BetBonus{ID: "bonus:bonus 1:~.x", Minor: 199, Percent: 50}
	return []state.Row{
		samplePlayer("player 1:~.x"), sampleSession("session 1:~.x"), sampleRound("round 1:~.x"), given,
		sampleSettlement("bet 1:~.x", "result 1:~.x"),
	}
}

// barePlayRows are rows of each kind of the dialect with every optional field empty.
func barePlayRows() []state.Row {
	at := longAgo()
	by := state.Origin{Tenant: tenant, Brand: "b", Region: "R", Provider: "p"}
	return []state.Row{
		&state.Player{Tenant: tenant, ID: state.PlayerRef(tenant, "bare").ID, Version: 1, CreatedAt: at, UpdatedAt: at},
		&state.Session{Tenant: tenant, ID: state.SessionRef(by, "bare").ID, Provider: "p", MaxBetMinor: state.NoLimit, TTL: time.Second,
			Status: state.SessionActive, Version: 1, CreatedAt: at, ExpiresAt: at, UpdatedAt: at},
		&state.Round{Tenant: tenant, ID: state.RoundRef(by, "bare").ID, Provider: "p", Status: state.RoundOpen, Version: 1, CreatedAt: at},
		&state.Bet{Tenant: tenant, ID: state.BetRef(by, "bare").ID, Provider: "p", Status: state.BetRolledBack, Version: 1, CreatedAt: at,
			UpdatedAt: at},
		&state.Settlement{Tenant: tenant, ID: state.SettlementRef(by, "bare", "").ID, SettlementID: id.New("settlement", at, entropy()),
			Provider: "p", BetID: "bare", CreatedAt: at},
	}
}

// renamedPlay is renamed for the rows of the dialect of providers.
func renamedPlay(row, as state.Row) state.Row {
	switch row := row.(type) {
	case *state.PlayerPayment:
		return renamedPlayerPayment(row, as.(*state.PlayerPayment)) //nolint:errcheck,forcetypeassert // rows come in pairs of a kind
	case *state.Jackpot, *state.JackpotFeed, *state.JackpotTrigger:
		return renamedJackpot(row, as)
	case *state.Bonus:
		return renamedBonus(row, as.(*state.Bonus)) //nolint:errcheck,forcetypeassert // as above
	case *state.Sandbox:
		renamed := *row
		renamed.ID = as.Ref().ID
		return &renamed
	case *state.Player:
		renamed, as := *as.(*state.Player), row //nolint:errcheck,forcetypeassert // as above
		renamed.Flags, renamed.Limits, renamed.Played = as.Flags, as.Limits, as.Played
		renamed.Version, renamed.UpdatedAt, renamed.Bonus = as.Version, as.UpdatedAt, as.Bonus
		return &renamed
	case *state.Session:
		renamed, as := *as.(*state.Session), row //nolint:errcheck,forcetypeassert // as above
		renamed.Status, renamed.Version, renamed.EndedAt, renamed.UpdatedAt = as.Status, as.Version, as.EndedAt, as.UpdatedAt
		return &renamed
	case *state.Round:
		renamed, as := *as.(*state.Round), row //nolint:errcheck,forcetypeassert // as above
		renamed.Status, renamed.Version, renamed.ClosedAt = as.Status, as.Version, as.ClosedAt
		return &renamed
	case *state.Bet:
		renamed, as := *as.(*state.Bet), row //nolint:errcheck,forcetypeassert // as above
		renamed.WonMinor, renamed.Results, renamed.Status = as.WonMinor, as.Results, as.Status
		renamed.Version, renamed.UpdatedAt, renamed.Contributions = as.Version, as.UpdatedAt, as.Contributions
		return &renamed
	case *state.Settlement:
		renamed := *row
		renamed.ID = as.Ref().ID
		return &renamed
	}
	return row
}

// bets stores bets, a second apart, and answers them.
func (s *suite) bets(count int, change func(i int, b *state.Bet)) []*state.Bet {
	s.Helper()
	all, changes := make([]*state.Bet, count), newBatch()
	for i := range all {
		all[i] = sampleBet(string(rune('a' + i)))
		all[i].CreatedAt = all[i].CreatedAt.Add(time.Duration(i/2) * time.Second) // two at each moment
		change(i, all[i])
		insert(changes, all[i])
	}
	s.put(changes)
	return all
}

// rows answers all rows that a query lists, page by page.
func (s *suite) rows(kind state.Kind, query state.PlayQuery) (all []state.Row) {
	s.Helper()
	if query.ScanLimit == 0 {
		query.ScanLimit = 1000
	}
	for range 1000 {
		page, err := s.store.PlayRows(s.context(), kind, query)
		s.must(err)
		if len(page.Rows) > query.Limit {
			s.Fatalf("%d rows on a page of %d", len(page.Rows), query.Limit)
		}
		all, query.After = append(all, page.Rows...), page.Next
		if page.Next.ID == "" {
			return all
		}
	}
	s.Fatal("the pages do not end")
	return nil
}

// listed answers the names of the bets or sessions that a query lists.
func (s *suite) listed(kind state.Kind, query state.PlayQuery) (names string) {
	s.Helper()
	query.Limit = cmp.Or(query.Limit, 3)
	for _, row := range s.rows(kind, query) {
		switch row := row.(type) {
		case *state.Bet:
			names += row.BetID()
		case *state.Session:
			names += row.SessionID()
		}
	}
	return names
}

// testPlayScans looks for the few bets that match among many that do not: each page ends after so many rows as it may look at, and the
// places to go on behind lead to all that match.
func testPlayScans(s *suite) {
	const count, scanLimit = 26, 4
	s.bets(count, func(i int, b *state.Bet) {
		b.Status, b.GameID, b.RoundID, b.PlayerID = state.BetForfeited, "slot", "round "+b.BetID()[:1], "somebody"
		if i == 0 || i == 17 || i == count-1 {
			b.Status, b.GameID, b.PlayerID = state.BetAuthorized, "rare", "player"
		}
		if i == 9 {
			b.Brand = "other"
		}
	})
	for name, test := range map[string]struct {
		query state.PlayQuery
		want  string
		pages int // at least
	}{
		"status":                 {state.PlayQuery{Statuses: []int16{int16(state.BetAuthorized)}}, "arz", count / scanLimit},
		"status, newest first":   {state.PlayQuery{Statuses: []int16{int16(state.BetAuthorized)}, Newest: true}, "zra", count / scanLimit},
		"game":                   {state.PlayQuery{GameID: "rare"}, "arz", count / scanLimit},
		"nothing of the kind":    {state.PlayQuery{Statuses: []int16{int16(state.BetRolledBack)}}, "", count / scanLimit},
		"a player, by the index": {state.PlayQuery{PlayerID: "player"}, "arz", 1},
		"a round, by the index":  {state.PlayQuery{RoundID: "round r", Statuses: []int16{int16(state.BetAuthorized)}}, "r", 1},
		"everything":             {state.PlayQuery{}, "abcdefghiklmnopqrstuvwxyz", count / scanLimit},
	} {
		test.query.Origin, test.query.Limit, test.query.ScanLimit = studio, 50, scanLimit
		names, pages := "", 0
		for query := test.query; ; pages++ {
			page, err := s.store.PlayRows(s.context(), state.KindBet, query)
			s.must(err)
			if len(page.Rows) > scanLimit {
				s.Fatalf("%s: a page that may look at %d rows has %d", name, scanLimit, len(page.Rows))
			}
			for _, row := range page.Rows {
				names += row.(*state.Bet).BetID() //nolint:errcheck,forcetypeassert // of the kind
			}
			if query.After = page.Next; page.Next.ID == "" {
				break
			}
		}
		s.same(name, names, test.want)
		if pages < test.pages-1 || pages > test.pages+1 {
			s.Errorf("%s: the list went on %d times, want about %d", name, pages, test.pages)
		}
		test.query.Limit, test.query.ScanLimit = 1, count+1 // the last row looked at is the last of all
		s.same(name+", one a page", s.listed(state.KindBet, test.query), test.want)
	}
}

func testPlayLists(s *suite) {
	bets := s.bets(8, func(i int, b *state.Bet) {
		if i%2 == 1 {
			b.RoundID, b.GameID, b.PlayerID, b.SessionID, b.Status = "other", "other", "other", "other", state.BetForfeited
		}
	})
	session := sampleSession("other") // its bets are looked up in its time
	session.PlayerID, session.Brand = "other", "other"
	session.CreatedAt, session.ExpiresAt = bets[1].CreatedAt, bets[7].CreatedAt
	s.put(insert(newBatch(), session))
	from, before := bets[2].CreatedAt, bets[6].CreatedAt
	for _, test := range []struct {
		query state.PlayQuery
		want  string
	}{
		{state.PlayQuery{}, "abcdefgh"},
		{state.PlayQuery{Newest: true}, "hgfedcba"},
		{state.PlayQuery{From: from, Before: before}, "cdef"},
		{state.PlayQuery{From: from, Before: before, Newest: true, RoundID: "other"}, "fd"},
		{state.PlayQuery{GameID: "other"}, "bdfh"},
		{state.PlayQuery{PlayerID: "other"}, "bdfh"},
		{state.PlayQuery{SessionID: "other"}, "bdfh"},
		{state.PlayQuery{SessionID: "other", PlayerID: "other", Newest: true}, "hfdb"},
		{state.PlayQuery{SessionID: "other", PlayerID: "nobody"}, ""},
		{state.PlayQuery{SessionID: "nobody's"}, ""},
		{state.PlayQuery{Statuses: []int16{int16(state.BetCredited), int16(state.BetRolledBack)}}, "aceg"},
		{state.PlayQuery{Statuses: []int16{int16(state.BetRolledBack)}}, ""},
	} {
		test.query.Origin = studio
		s.same("bets", s.listed(state.KindBet, test.query), test.want)
	}
	open, closed := sampleSession("open"), sampleSession("closed")
	open.Status, open.EndedAt = state.SessionActive, time.Time{}
	s.put(insert(newBatch(), open, closed))
	for _, test := range []struct {
		after  time.Duration
		status state.SessionStatus
		want   string
	}{
		{0, state.SessionActive, "open"}, {0, state.SessionExpired, ""}, {0, state.SessionClosed, "closed"},
		{open.TTL, state.SessionActive, ""}, {open.TTL, state.SessionExpired, "open"},
	} {
		query := state.PlayQuery{Origin: studio, Statuses: []int16{int16(test.status)}, Now: open.CreatedAt.Add(test.after)}
		s.same("sessions", s.listed(state.KindSession, query), test.want)
	}
}

func testPlayOrigins(s *suite) {
	s.put(insert(newBatch(), playRows()...))
	for _, kind := range []state.Kind{state.KindPlayer, state.KindSession, state.KindRound, state.KindBet, state.KindSettlement} {
		for _, test := range []struct {
			by   state.Origin
			want int
		}{
			{studio, 1},
			{state.Origin{Tenant: "other", Brand: studio.Brand, Region: studio.Region, Provider: studio.Provider}, 0},
			{state.Origin{Tenant: tenant, Brand: "other", Region: studio.Region, Provider: studio.Provider}, 0},
			{state.Origin{Tenant: tenant, Brand: studio.Brand, Region: "US", Provider: studio.Provider}, 0},
			{state.Origin{Tenant: tenant, Brand: studio.Brand, Region: studio.Region, Provider: "other"}, 0},
		} {
			switch {
			case kind == state.KindRound && test.by.Tenant == tenant && test.by.Provider == studio.Provider:
				test.want = 1 // rounds are of all brands
			case kind == state.KindPlayer && test.by.Provider == "other":
				test.want = 1 // players are of all providers
			}
			s.same(kind.String(), len(s.rows(kind, state.PlayQuery{Origin: test.by, Limit: 10})), test.want)
		}
	}
}

func testPlayReads(s *suite) {
	rows := playRows()
	last := sampleSettlement("bet 1:~.x", "")
	last.CreatedAt = last.CreatedAt.Add(time.Second)
	other := sampleSettlement("bet 1:~.x ", "result")
	s.put(insert(newBatch(), append(rows, last, other)...))
	for _, row := range rows {
		got, err := s.store.PlayRow(s.context(), row.Ref())
		s.must(err)
		s.same(row.Ref().ID, got, row)
	}
	_, err := s.store.PlayRow(s.context(), state.PlayerRef(tenant, "nobody"))
	s.wantError(err, state.ErrNotFound)
	got, err := s.store.Settlement(s.context(), tenant, last.SettlementID)
	s.must(err)
	s.same("settlement", got, last)
	_, err = s.store.Settlement(s.context(), "other", last.SettlementID)
	s.wantError(err, state.ErrNotFound)
	results, err := s.store.Results(s.context(), tenant, []string{state.BetRef(studio, "bet 1:~.x").ID, state.BetRef(studio, "none").ID})
	s.must(err)
	s.same("results", results, []state.Row{rows[4], last})
	s.bets(3, func(i int, b *state.Bet) {
		if i == 0 {
			b.AmountMinor, b.Status = 0, state.BetRolledBack
		}
		if i == 1 {
			b.Status = state.BetAuthorized
		}
	})
	settled := rows[3].(*state.Bet) //nolint:errcheck,forcetypeassert // of playRows
	for at, open := range map[time.Time]int64{{}: 1, settled.UpdatedAt: 1, settled.UpdatedAt.Add(-time.Microsecond): 3} {
		counts, err := s.store.CountBets(s.context(), studio, []string{"round 1:~.x", "none"}, at)
		s.must(err)
		s.same("counts", counts, map[string]state.BetCount{"round 1:~.x": {Bets: 3, Open: open}})
	}
}

// What the world's player has played.
func bet(name string) func(*world) string {
	return func(*world) string { return state.BetRef(studio, name).ID }
}
func session(*world) string       { return state.SessionRef(studio, "session 1:~.x").ID }
func round(*world) string         { return state.RoundRef(studio, "round 1:~.x").ID }
func bettor(*world) string        { return state.PlayerRef(tenant, "player 1:~.x").ID }
func wonSettlement(*world) string { return state.SettlementRef(studio, "won", "").ID }

// addBets adds to a world a player with a bet in each situation.
func (s *suite) addBets(changes *state.Changes) {
	s.Helper()
	at, purse := longAgo(), ledger.ID("player 1:~.x", ledger.PlayerCash, "EUR")
	won, part := sampleSettlement("won", ""), sampleSettlement("won", "part")
	won.Partial, part.WinMinor = false, 0
	lost := sampleSettlement("lost", "")
	lost.Partial, lost.WinMinor = false, 0
	insert(changes, won, part, lost)
	s.teller().book(changes, at, func(books *ledger.Books) {
		refusal := books.Move(ledger.Transfer{ID: "transfer:funds", Kind: "test", Currency: "EUR"}, worldHouse, purse, 5000)
		for _, name := range []string{"open", "won", "lost", "back"} {
			if refusal == nil {
				_, refusal = books.Place(ledger.Hold{ID: sampleBet(name).HoldID(), Account: purse, AmountMinor: 200})
			}
			if refusal == nil && (name == "won" || name == "lost") {
				_, refusal = books.Capture(ledger.Capture{Transfer: ledger.Transfer{
					ID: "transfer:" + studio.Provider + "/" + name + "/capture", Kind: "bet.capture",
				}, HoldID: sampleBet(name).HoldID(), To: worldHouse})
			}
		}
		if refusal == nil {
			_, refusal = books.Void(sampleBet("back").HoldID())
		}
		if refusal == nil {
			transfer := ledger.Transfer{ID: id.Derive("transfer", won.SettlementID) + "/win", Kind: "bet.win", Currency: "EUR"}
			refusal = books.Move(transfer, worldHouse, purse, won.WinMinor)
		}
		if refusal != nil {
			s.Fatal(refusal)
		}
		s.bookPool(books, purse)
	})
	add := func(row state.Row) {
		insert(changes, row)
		for seq := range row.EventSeq() {
			addEvent(changes, row.Ref(), seq+1, "test")
		}
	}
	bettor := samplePlayer("player 1:~.x")
	bettor.Bonus = ""
	add(bettor)
	add(sampleSession("session 1:~.x"))
	add(sampleRound("round 1:~.x"))
	for name, status := range map[string]state.BetStatus{
		"open": state.BetAuthorized, "won": state.BetCredited, "lost": state.BetForfeited, "back": state.BetRolledBack,
	} {
		b := sampleBet(name)
		b.Status, b.Results, b.WonMinor = status, 0, 0
		if status != state.BetCredited && status != state.BetForfeited {
			b.Contributions = nil
		}
		switch name {
		case "won":
			b.Results, b.WonMinor = 2, won.WinMinor
		case "lost":
			b.Results = 1
		}
		add(b)
	}
	add(&state.Bet{
		Tenant: tenant, ID: state.BetRef(studio, "tomb").ID, Brand: studio.Brand, Region: studio.Region, Provider: studio.Provider,
		RoundID: "round 1:~.x", Status: state.BetRolledBack, Version: 1, CreatedAt: at, UpdatedAt: at,
	})
}
