package storetest

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// List is a list of a kind's rows, by one of the indexes that there are for it and all other filters.
type List struct {
	Kind  state.Kind
	Query state.PlayQuery
}

// Lists are what a store must find by an index in the order of the list: a plan that sorts looks at more rows than it may.
func Lists() (all []List) {
	at := time.Unix(1, 0)
	for kind, listing := range store.Listings {
		for _, index := range listing.Indexes {
			query := state.PlayQuery{
				Origin:   state.Origin{Tenant: "t", Provider: "p", Brand: "b", Region: "r"},
				Statuses: []int16{1}, Now: at, From: at, Before: at, After: state.Place{At: at, ID: "x"}, Limit: 50, ScanLimit: 10_000,
			}
			for _, column := range index {
				switch column {
				case "player_id":
					query.PlayerID = "x"
				case "session_id":
					query.SessionID = "x"
				case "round_id":
					query.RoundID = "x"
				case "jackpot_id":
					query.JackpotID = "x"
				}
			}
			if kind != state.KindJackpotTrigger || query.JackpotID != "" { // the contract demands a jackpot
				all = append(all, List{kind, query})
			}
		}
	}
	return all
}
