package store

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Listing says how the rows of a kind are listed: what columns they are told apart by, and of which there are filters.
type Listing struct {
	ID      string   // their name among those of one time
	Owned   bool     // by a provider
	Branded bool     // by a brand and region
	Filters []string // of player_id, session_id, round_id, game_id, jackpot_id, status
	// Indexes are what rows are looked up by in the order of the list, besides the tenant. A list goes by the first that it has all values of.
	Indexes [][]string
}

// The columns that most lists go by.
var (
	byProvider = []string{"provider_id"}
	byBrand    = []string{"brand_id", "region"}
	byPlayer   = []string{"player_id"}
	byRound    = []string{"provider_id", "round_id"}
	bySession  = []string{"session_id"} // by the index of its player: inSession
)

// Listings are those of the dialect of providers, by kind.
var Listings = map[state.Kind]Listing{
	state.KindPlayer: {ID: "player_id", Branded: true, Indexes: [][]string{byBrand}},
	state.KindSession: {
		ID: "session_id", Owned: true, Branded: true, Filters: []string{"player_id", "game_id", "status"}, Indexes: [][]string{byPlayer, byProvider},
	},
	state.KindRound: {ID: "round_id", Owned: true, Filters: []string{"game_id", "status"}, Indexes: [][]string{byProvider}},
	state.KindBet: {
		ID: "bet_id", Owned: true, Branded: true, Filters: []string{"player_id", "session_id", "round_id", "game_id", "status"},
		Indexes: [][]string{bySession, byRound, byPlayer, byProvider},
	},
	state.KindSettlement: {
		ID: "result", Owned: true, Branded: true, Filters: []string{"round_id", "game_id"}, Indexes: [][]string{byRound, byProvider},
	},
	state.KindPlayerPayment: {
		ID: "payment_id", Branded: true, Filters: []string{"player_id", "status"}, Indexes: [][]string{byPlayer, byBrand},
	},
	state.KindJackpot: {ID: "jackpot_id", Owned: true, Branded: true, Filters: []string{"status"}, Indexes: [][]string{byProvider}},
	state.KindJackpotTrigger: {
		ID: "trigger_row", Owned: true, Branded: true, Filters: []string{"jackpot_id", "player_id", "round_id", "status"},
		Indexes: [][]string{{"provider_id", "jackpot_id", "player_id"}, {"provider_id", "jackpot_id"}, byProvider},
	},
	state.KindBonus: {ID: "bonus_id", Branded: true, Filters: []string{"player_id", "status"}, Indexes: [][]string{byPlayer, byBrand}},
}

// Scan is how a page of rows is found: rows are looked at in an order, by an index, and some of them are kept.
type Scan struct {
	Where string // what follows WHERE: the part of an index that is looked at, and nothing that the index does not bound
	Keep  string // the condition that a row which is looked at is listed
	Order string // what follows ORDER BY
}

// ScanOf makes the scan of a page of rows of a kind. The columns of times end in suffix; parameter takes a value, a text or a time.Time, and
// answers how the statement names it. How many rows may be looked at and answered is the caller's to see to.
func ScanOf(kind state.Kind, query *state.PlayQuery, suffix string, parameter func(value any) string) Scan {
	listing, created := Listings[kind], "created_at"+suffix
	values := listing.values(query)
	index := listing.Indexes[slices.IndexFunc(listing.Indexes, func(columns []string) bool {
		return !slices.ContainsFunc(columns, func(column string) bool {
			_, known := values[column]
			return !known
		})
	})]
	where, keep := []string{"tenant_id = " + parameter(query.Tenant)}, []string{"true"}
	for _, column := range slices.Sorted(maps.Keys(values)) {
		condition := column + " = " + parameter(values[column])
		if slices.Contains(index, column) && column != "session_id" {
			where = append(where, condition)
		} else {
			keep = append(keep, condition)
		}
	}
	if slices.Contains(index, "session_id") {
		where = append(where, inSession(query, suffix, parameter)...)
	}
	if len(query.Statuses) > 0 && slices.Contains(listing.Filters, "status") {
		keep = append(keep, statusIn(kind, query, suffix, parameter))
	}
	if !query.From.IsZero() {
		where = append(where, created+" >= "+parameter(query.From))
	}
	if !query.Before.IsZero() {
		where = append(where, created+" < "+parameter(query.Before))
	}
	direction, behind := "", ">"
	if query.Newest {
		direction, behind = " DESC", "<"
	}
	if query.After.ID != "" {
		where = append(where, fmt.Sprintf("(%s, %s) %s (%s, %s)", created, listing.ID, behind,
			parameter(query.After.At), parameter(query.After.ID)))
	}
	return Scan{
		Where: strings.Join(where, " AND "), Keep: strings.Join(keep, " AND "),
		Order: fmt.Sprintf("%s%s, %s%s", created, direction, listing.ID, direction),
	}
}

// inSession writes the conditions by which bets of a session are looked up among those of its player, in its time: an index of their own
// would cost each bet more than it saves the lists.
func inSession(query *state.PlayQuery, suffix string, parameter func(value any) string) (conditions []string) {
	tenant, id := parameter(query.Tenant), parameter(state.SessionRef(query.Origin, query.SessionID).ID)
	for _, condition := range [][2]string{
		{"player_id =", "player_id"}, {"created_at" + suffix + " >=", "created_at" + suffix}, {"created_at" + suffix + " <=", "expires_at" + suffix},
	} {
		conditions = append(conditions, fmt.Sprintf("%s (SELECT s.%s FROM sessions s WHERE s.tenant_id = %s AND s.session_id = %s)",
			condition[0], condition[1], tenant, id))
	}
	return conditions
}

// values are what columns of listed rows must be, by column: whose they are, and the filters that are set.
func (l Listing) values(query *state.PlayQuery) map[string]string {
	values := map[string]string{}
	if l.Owned {
		values["provider_id"] = query.Provider
	}
	if l.Branded {
		values["brand_id"], values["region"] = query.Brand, query.Region
	}
	for column, value := range map[string]string{
		"player_id": query.PlayerID, "session_id": query.SessionID, "round_id": query.RoundID, "game_id": query.GameID,
		"jackpot_id": query.JackpotID,
	} {
		if value != "" && slices.Contains(l.Filters, column) {
			values[column] = value
		}
	}
	return values
}

// statusIn writes the condition that a row is in one of some statuses. A session or bonus whose time is over has expired, whatever its row
// says.
func statusIn(kind state.Kind, query *state.PlayQuery, suffix string, parameter func(value any) string) string {
	var numbers []string
	for _, status := range query.Statuses {
		numbers = append(numbers, strconv.Itoa(int(status)))
	}
	status := "status"
	if kind == state.KindSession {
		status = fmt.Sprintf("CASE WHEN status = %d AND expires_at%s <= %s THEN %d ELSE status END",
			state.SessionActive, suffix, parameter(query.Now), state.SessionExpired)
	}
	if kind == state.KindBonus {
		status = fmt.Sprintf("CASE WHEN status <= %d AND expires_at%s <= %s THEN %d ELSE status END",
			state.BonusActive, suffix, parameter(query.Now), state.BonusExpired)
	}
	return status + " IN (" + strings.Join(numbers, ", ") + ")"
}
