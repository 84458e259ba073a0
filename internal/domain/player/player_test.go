package player_test

import (
	"cmp"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/player"
	"github.com/seed-255eabaa/oms/internal/state"
)

// rows are the states of a decision.
type rows map[state.Ref]state.Row

func (r rows) Get(ref state.Ref) state.Row { return r[ref] }

const delay = 24 * time.Hour

var (
	by    = state.Origin{Tenant: "t", Brand: "brand", Region: "EU", Provider: "studio"}
	begin = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

// ann is a player, as she is after commands.
func ann(t *testing.T) (rows, *state.Player) {
	t.Helper()
	there := rows{}
	create := player.Create{By: by, PlayerID: "ann", Currency: "EUR", Locale: "de-DE", Country: "DE"}
	decision, refusal := create.Decide(there, begin)
	if refusal != nil {
		t.Fatal(refusal)
	}
	after := decision.Changes[0].After.(*state.Player)
	if after.Version != 1 || decision.Changes[0].Event != player.EventCreated || decision.Answer != after.Ref() {
		t.Fatalf("%+v", decision)
	}
	there[after.Ref()] = after
	return there, after
}

// decide carries a command out on a player and answers the player after it; the same one when nothing has changed.
func decide(t interface{ Fatalf(string, ...any) }, before *state.Player, c domain.Command, now time.Time) *state.Player {
	kept := *before
	kept.Limits = slices.Clone(before.Limits)
	decision, refusal := c.Decide(rows{before.Ref(): before}, now)
	if refusal != nil {
		t.Fatalf("%+v: %v", c, refusal)
	}
	if !reflect.DeepEqual(kept, *before) {
		t.Fatalf("%+v has changed what it looked at: %+v", c, before)
	}
	if len(decision.Changes) == 0 {
		return before
	}
	after := decision.Changes[0].After.(*state.Player)
	if after.Version != before.Version+1 || !after.UpdatedAt.Equal(now) || decision.Changes[0].Event == "" {
		t.Fatalf("%+v: %+v", c, decision.Changes[0])
	}
	return after
}

// Who is there already is the answer; under other words, another brand or region the id is taken, and tells nothing.
func TestPlayersAreMadeOnce(t *testing.T) {
	there, _ := ann(t)
	create := player.Create{By: by, PlayerID: "ann", Currency: "EUR", Locale: "de-DE", Country: "DE"}
	if decision, refusal := create.Decide(there, begin.Add(time.Hour)); refusal != nil || len(decision.Changes) > 0 || decision.Answer != create.Refs()[0] {
		t.Errorf("again: %+v %v", decision, refusal)
	}
	for name, change := range map[string]func(*player.Create){
		"currency": func(c *player.Create) { c.Currency = "USD" }, "locale": func(c *player.Create) { c.Locale = "fr-FR" },
		"country": func(c *player.Create) { c.Country = "" }, "brand": func(c *player.Create) { c.By.Brand = "other" },
		"region": func(c *player.Create) { c.By.Region = "US" },
	} {
		other := create
		change(&other)
		if _, refusal := other.Decide(there, begin); refusal == nil || refusal.Reason != "DUPLICATE" {
			t.Errorf("another %s: %v", name, refusal)
		}
	}
	create.By.Provider = "another" // players are the platform's
	if decision, refusal := create.Decide(there, begin); refusal != nil || len(decision.Changes) > 0 {
		t.Errorf("another provider: %+v %v", decision, refusal)
	}
}

// Players of others are not there, and amounts are in the player's currency.
func TestPlayersOfOthers(t *testing.T) {
	there, _ := ann(t)
	stranger := by
	stranger.Brand = "other"
	yes := true
	for _, test := range []struct {
		command domain.Command
		reason  string
	}{
		{player.SetLimits{By: stranger, PlayerID: "ann", Bounds: []player.Bound{{Kind: state.LimitWager, Period: state.Day, Max: 1}}}, "NOT_FOUND"},
		{player.SetLimits{By: by, PlayerID: "bob", Bounds: []player.Bound{{Kind: state.LimitWager, Period: state.Day, Max: 1}}}, "NOT_FOUND"},
		{player.SetLimits{By: by, PlayerID: "ann", Bounds: []player.Bound{
			{Kind: state.LimitLoss, Period: state.Day, Currency: "EUR", Max: 1}, {Kind: state.LimitWager, Period: state.Day, Currency: "USD", Max: 1},
		}}, "CURRENCY_MISMATCH"},
		{player.SetFlags{By: stranger, PlayerID: "ann", Exclude: &yes}, "NOT_FOUND"},
		{player.SetFlags{By: by, PlayerID: "bob", Exclude: &yes}, "NOT_FOUND"},
	} {
		if decision, refusal := test.command.Decide(there, begin); refusal == nil || refusal.Reason != test.reason || len(decision.Changes) > 0 {
			t.Errorf("%+v: %v", test.command, refusal)
		}
	}
}

// in answers what a limit of a day's bets is at a time.
func in(p *state.Player, at time.Time) int64 {
	for _, limit := range p.Limits {
		if limit = limit.At(at); limit.Kind == state.LimitWager && limit.Period == state.Day {
			return limit.Max
		}
	}
	return state.NoLimit
}

// A lower limit comes at once, a higher one and none after the delay (requirement P-5).
func TestLimits(t *testing.T) {
	_, p := ann(t)
	ask := func(hours int, most int64) {
		t.Helper()
		set := player.SetLimits{By: by, PlayerID: "ann", Delay: delay, Bounds: []player.Bound{{Kind: state.LimitWager, Period: state.Day, Max: most}}}
		p = decide(t, p, set, begin.Add(time.Duration(hours)*time.Hour))
	}
	want := func(hours int, most int64) {
		t.Helper()
		if got := in(p, begin.Add(time.Duration(hours)*time.Hour)); got != most {
			t.Errorf("after %d hours the limit is %d, want %d: %+v", hours, got, most, p.Limits)
		}
	}
	ask(0, state.NoLimit) // there is none
	if p.Version != 1 || len(p.Limits) != 0 {
		t.Errorf("%+v", p)
	}
	ask(0, 500)
	want(0, 500)
	ask(1, 300)
	want(1, 300)
	ask(2, 900)
	want(2, 300)
	want(25, 300)
	want(26, 900)
	ask(3, 900) // is coming already, and comes no later for it
	want(26, 900)
	ask(4, 700) // another wish, another delay
	want(26, 300)
	want(28, 700)
	ask(5, 300) // as it is: what was coming is not wanted any more
	want(100, 300)
	ask(30, state.NoLimit)
	want(53, 300)
	want(54, state.NoLimit)
	ask(55, 0) // nothing may be bet at all
	want(55, 0)
}

// Whatever limits are asked for, and when: nobody is protected less before the delay is over, and everybody as asked when it is.
func TestLimitsProtect(t *testing.T) {
	kinds := []state.LimitKind{state.LimitDeposit, state.LimitLoss, state.LimitWager, state.LimitSession}
	rapid.Check(t, func(t *rapid.T) {
		p := &state.Player{Tenant: "t", ID: state.PlayerRef("t", "ann").ID, Brand: "brand", Region: "EU", Currency: "EUR", Version: 1}
		now := begin
		for range rapid.IntRange(1, 12).Draw(t, "wishes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour)
			var bounds []player.Bound
			for range rapid.IntRange(1, 3).Draw(t, "bounds") {
				b := player.Bound{
					Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Period: rapid.SampledFrom(state.Periods()).Draw(t, "period"),
					Max: rapid.Int64Range(state.NoLimit, 4).Draw(t, "max"),
				}
				if !slices.ContainsFunc(bounds, func(o player.Bound) bool { return o.Kind == b.Kind && o.Period == b.Period }) {
					bounds = append(bounds, b)
				}
			}
			set := player.SetLimits{By: by, PlayerID: "ann", Bounds: bounds, Delay: delay}
			after := decide(t, p, set, now)
			for _, kind := range kinds {
				for _, period := range state.Periods() {
					asked := slices.IndexFunc(bounds, func(b player.Bound) bool { return b.Kind == kind && b.Period == period })
					for hours := range 61 {
						at := now.Add(time.Duration(hours) * time.Hour)
						was, is := of(p, kind, period, at), of(after, kind, period, at)
						switch {
						case asked < 0 && is != was:
							t.Fatalf("%v of a %v was not asked about, and is %d where it was %d", kind, period, is, was)
						case asked >= 0 && hours < 24 && is > was:
							t.Fatalf("%v of a %v is %d after %d hours, it was %d: %+v", kind, period, is, hours, was, after.Limits)
						case asked >= 0 && hours >= 24 && is != endless(bounds[asked].Max):
							t.Fatalf("%v of a %v is %d after %d hours, asked %+v: %+v", kind, period, is, hours, bounds[asked], after.Limits)
						case asked >= 0 && hours == 0 && is > endless(bounds[asked].Max):
							t.Fatalf("%v of a %v is %d at once, asked %+v", kind, period, is, bounds[asked])
						}
					}
				}
			}
			if !slices.IsSortedFunc(after.Limits, func(a, b state.Limit) int {
				return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Period, b.Period))
			}) {
				t.Fatalf("%+v", after.Limits)
			}
			if decide(t, after, set, now) != after {
				t.Fatalf("asking again has changed %+v", after.Limits)
			}
			p = after
		}
	})
}

// endless makes no limit the greatest one.
func endless(most int64) int64 {
	if most == state.NoLimit {
		return 1 << 62
	}
	return most
}

func of(p *state.Player, kind state.LimitKind, period state.Period, at time.Time) int64 {
	for _, limit := range player.InForce(p.Limits, at) {
		if limit.Kind == kind && limit.Period == period {
			return endless(limit.Max)
		}
	}
	return endless(state.NoLimit)
}

// Whatever flags are asked for, and when: nobody may play earlier than before until the delay is over, an exclusion and a pause act at
// once, and what is taken back ends after the delay.
func TestFlagsProtect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &state.Player{Tenant: "t", ID: state.PlayerRef("t", "ann").ID, Brand: "brand", Region: "EU", Currency: "EUR", Version: 1}
		now := begin
		for range rapid.IntRange(1, 12).Draw(t, "wishes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "hours")) * time.Hour)
			set := player.SetFlags{By: by, PlayerID: "ann", Delay: delay}
			if rapid.Bool().Draw(t, "about the exclusion") {
				exclude := rapid.Bool().Draw(t, "exclude")
				set.Exclude = &exclude
			}
			soon := func(name string) time.Time {
				return now.Add(time.Duration(rapid.IntRange(-5, 50).Draw(t, name)) * time.Hour)
			}
			if rapid.Bool().Draw(t, "with an end") {
				set.Until = soon("until")
			}
			if rapid.Bool().Draw(t, "pause") {
				set.CoolOff = soon("cool off")
			}
			taken := set.Exclude != nil && !*set.Exclude
			if over := func(end time.Time) bool { return !end.IsZero() && !end.After(now) }; taken && !set.Until.IsZero() ||
				over(set.Until) && (set.Exclude != nil || !(state.Flags{Excluded: p.Flags.Excluded, ExcludedUntil: p.Flags.ExcludedUntil}).Block(now)) ||
				over(set.CoolOff) && !p.Flags.CoolOffUntil.After(now) {
				if _, refused := set.Decide(rows{p.Ref(): p}, now); refused == nil || refused.Reason != "OUT_OF_RANGE" {
					t.Fatalf("%+v on %+v is answered %v", set, p.Flags, refused)
				}
				continue
			}
			after := decide(t, p, set, now)
			for hours := range 120 {
				at := now.Add(time.Duration(hours) * time.Hour)
				if hours < 24 && p.Flags.Block(at) && !after.Flags.Block(at) {
					t.Fatalf("after %d hours %+v does not keep from playing where %+v did, asked %+v", hours, after.Flags, p.Flags, set)
				}
				if at.Before(set.CoolOff) && !after.Flags.Block(at) {
					t.Fatalf("no pause after %d hours: %+v, asked %+v", hours, after.Flags, set)
				}
				if !taken && (set.Exclude != nil || now.Before(set.Until)) && (set.Until.IsZero() || at.Before(set.Until)) && !after.Flags.Block(at) {
					t.Fatalf("not excluded after %d hours: %+v, asked %+v", hours, after.Flags, set)
				}
			}
			alone := after.Flags
			alone.CoolOffUntil = time.Time{}
			if set.Exclude != nil && !*set.Exclude && set.Until.IsZero() && alone.Block(now.Add(delay)) {
				t.Fatalf("still excluded when the delay is over: %+v", after.Flags)
			}
			if decide(t, after, set, now) != after {
				t.Fatalf("asking again has changed %+v, asked %+v", after.Flags, set)
			}
			p = after
		}
	})
}
