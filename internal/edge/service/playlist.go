package service

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/state"
)

// playPage is how many entries a page of the dialect of providers has that was asked for without a limit.
const playPage = 50

// listRequest is what all lists of the dialect of providers are asked with (requirement P-11).
type listRequest interface {
	proto.Message
	GetCursor() string
	GetLimit() int32
	GetOrder() providerv1.SortOrder
	GetOccurredAtFrom() *timestamppb.Timestamp
	GetOccurredAtTo() *timestamppb.Timestamp
}

// listed is a page.
type listed[R state.Row] struct {
	rows []R
	next string    // the cursor of the next page; empty on the last
	now  time.Time // the store's
}

// numbers are those of the values of an enum, for a query.
func numbers[T ~int32](values []T) []int16 {
	all := make([]int16, len(values))
	for i, value := range values {
		all[i] = int16(value)
	}
	return all
}

// kindOf answers the kind of the rows of a type.
func kindOf[R state.Row]() state.Kind {
	var row R
	switch any(row).(type) {
	case *state.Player:
		return state.KindPlayer
	case *state.Session:
		return state.KindSession
	case *state.Round:
		return state.KindRound
	case *state.Bet:
		return state.KindBet
	case *state.PlayerPayment:
		return state.KindPlayerPayment
	case *state.Jackpot:
		return state.KindJackpot
	case *state.JackpotTrigger:
		return state.KindJackpotTrigger
	case *state.Bonus:
		return state.KindBonus
	default:
		return state.KindSettlement
	}
}

// list reads a page of rows. A cursor is bound to everything else that the request says.
func list[R state.Row](ctx context.Context, e *Environment, request listRequest, query state.PlayQuery) (page listed[R], err error) {
	kind := kindOf[R]()
	if page.now, err = e.View.Now(ctx); err != nil {
		return page, unavailable(err)
	}
	limit := playPage
	if request.GetLimit() != 0 {
		limit = int(request.GetLimit())
	}
	query.Origin, query.Now, query.Limit, query.ScanLimit = origin(ctx), page.now, limit, scanLimit
	query.From, query.Before = upwards(moment(request.GetOccurredAtFrom())), upwards(moment(request.GetOccurredAtTo()))
	query.Newest = request.GetOrder() == providerv1.SortOrder_SORT_ORDER_DESC
	by, caller := query.Origin, edge.ScopeOf(ctx).Caller
	binding := []string{
		kind.String(), by.Tenant, by.Brand, by.Region, by.Provider, caller.Principal, query.PlayerID, query.SessionID, query.RoundID, query.GameID,
		query.JackpotID, fmt.Sprint(query.Statuses, query.Newest), bound(query.From), bound(query.Before),
	}
	if request.GetCursor() != "" {
		position, ok := e.Sealer.Open(request.GetCursor(), binding...)
		if ok {
			query.After, ok = readPlayPlace(position)
		}
		if !ok {
			return page, badToken("cursor", "PAGE_TOKEN_INVALID", "next_cursor of an answer to the same request")
		}
	}
	found, err := e.View.PlayRows(ctx, kind, query)
	if err != nil {
		return page, unavailable(err)
	}
	for _, row := range found.Rows {
		page.rows = append(page.rows, row.(R)) //nolint:errcheck,forcetypeassert // of the kind that was asked for
	}
	if found.Next.ID != "" {
		page.next = e.Sealer.Seal(writePlayPlace(found.Next), binding...)
	}
	return page, nil
}

// writePlayPlace writes where a row stands in its list.
func writePlayPlace(place state.Place) string {
	return strconv.FormatInt(place.At.UnixMicro(), 10) + " " + place.ID
}

// readPlayPlace reads what writePlayPlace wrote.
func readPlayPlace(text string) (place state.Place, ok bool) {
	micros, name, ok := strings.Cut(text, " ")
	at, err := strconv.ParseInt(micros, 10, 64)
	return state.Place{At: time.UnixMicro(at).UTC(), ID: name}, ok && err == nil
}
