package store

import (
	"fmt"
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
}

// Listings are those of the dialect of providers, by kind.
var Listings = map[state.Kind]Listing{
	state.KindPlayer:     {ID: "player_id", Branded: true},
	state.KindSession:    {ID: "session_id", Owned: true, Branded: true, Filters: []string{"player_id", "game_id", "status"}},
	state.KindRound:      {ID: "round_id", Owned: true, Filters: []string{"game_id", "status"}},
	state.KindBet:        {ID: "bet_id", Owned: true, Branded: true, Filters: []string{"player_id", "session_id", "round_id", "game_id", "status"}},
	state.KindSettlement: {ID: "result", Owned: true, Branded: true, Filters: []string{"round_id", "game_id"}},

	state.KindPlayerPayment: {ID: "payment_id", Branded: true, Filters: []string{"player_id", "status"}},

	state.KindJackpot:        {ID: "jackpot_id", Owned: true, Branded: true, Filters: []string{"status"}},
	state.KindJackpotTrigger: {ID: "trigger_row", Owned: true, Branded: true, Filters: []string{"jackpot_id", "player_id", "status"}},
	state.KindBonus:          {ID: "bonus_id", Branded: true, Filters: []string{"player_id", "status"}},
}

// Condition writes what follows FROM for a page of rows of a kind. The columns of times end in suffix; parameter takes a value, a text,
// an int or a time.Time, and answers how the statement names it.
func Condition(kind state.Kind, query *state.PlayQuery, suffix string, parameter func(value any) string) string {
	listing, created := Listings[kind], "created_at"+suffix
	conditions := []string{"tenant_id = " + parameter(query.Tenant)}
	equal := func(column, value string) { conditions = append(conditions, column+" = "+parameter(value)) }
	if listing.Owned {
		equal("provider_id", query.Provider)
	}
	if listing.Branded {
		equal("brand_id", query.Brand)
		equal("region", query.Region)
	}
	for _, filter := range listing.Filters {
		value := map[string]string{
			"player_id": query.PlayerID, "session_id": query.SessionID, "round_id": query.RoundID, "game_id": query.GameID,
			"jackpot_id": query.JackpotID,
		}[filter]
		if value != "" {
			equal(filter, value)
		}
	}
	if len(query.Statuses) > 0 && slices.Contains(listing.Filters, "status") {
		conditions = append(conditions, statusIn(kind, query, suffix, parameter))
	}
	if !query.From.IsZero() {
		conditions = append(conditions, created+" >= "+parameter(query.From))
	}
	if !query.Before.IsZero() {
		conditions = append(conditions, created+" < "+parameter(query.Before))
	}
	direction, behind := "", ">"
	if query.Newest {
		direction, behind = " DESC", "<"
	}
	if query.After.ID != "" {
		conditions = append(conditions, fmt.Sprintf("(%s, %s) %s (%s, %s)", created, listing.ID, behind,
			parameter(query.After.At), parameter(query.After.ID)))
	}
	return fmt.Sprintf(" WHERE %s ORDER BY %s%s, %s%s LIMIT %s", strings.Join(conditions, " AND "), created, direction,
		listing.ID, direction, parameter(query.Limit))
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
