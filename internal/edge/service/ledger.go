package service

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// Ledger implements oms.v1.LedgerService.
type Ledger struct {
	omsv1.UnimplementedLedgerServiceServer
	*Environment
}

// accountOf reads the name of an account; NOT_FOUND when there can be none of that name.
func accountOf(id string) (ledger.Name, error) {
	name, known := ledger.Parse(id)
	if !known {
		return name, fault.NotFoundf("account", id)
	}
	return name, nil
}

// GetAccount implements the contract.
func (s *Ledger) GetAccount(ctx context.Context, request *omsv1.GetAccountRequest) (*omsv1.GetAccountResponse, error) {
	if _, err := accountOf(request.AccountId); err != nil {
		return nil, err
	}
	found, err := s.View.Account(ctx, edge.ScopeOf(ctx).Caller.Tenant, request.AccountId)
	if err != nil {
		return nil, read(err, "account", request.AccountId)
	}
	return &omsv1.GetAccountResponse{Account: wire.Account(found)}, nil
}

// ListAccounts implements the contract.
func (s *Ledger) ListAccounts(ctx context.Context, request *omsv1.ListAccountsRequest) (*omsv1.ListAccountsResponse, error) {
	caller, limit := edge.ScopeOf(ctx).Caller, pageSize(request.PageSize)
	query := state.AccountQuery{Tenant: caller.Tenant, Owner: request.Owner, Limit: limit + 1}
	binding := []string{"accounts", caller.Tenant, caller.Principal, request.Owner}
	if request.PageToken != "" {
		position, ok := s.Sealer.Open(request.PageToken, binding...)
		if !ok {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
		query.After = position
	}
	found, err := s.View.Accounts(ctx, query)
	if err != nil {
		return nil, unavailable(err)
	}
	response := &omsv1.ListAccountsResponse{}
	if len(found) > limit {
		found = found[:limit]
		response.NextPageToken = s.Sealer.Seal(found[limit-1].ID, binding...)
	}
	for _, account := range found {
		response.Accounts = append(response.Accounts, wire.Account(account))
	}
	return response, nil
}

// GetBalance implements the contract. The store keeps microseconds: all of the last one is counted in.
func (s *Ledger) GetBalance(ctx context.Context, request *omsv1.GetBalanceRequest) (*omsv1.GetBalanceResponse, error) {
	name, err := accountOf(request.AccountId)
	if err != nil {
		return nil, err
	}
	before := moment(request.At)
	if !before.IsZero() {
		before = before.Truncate(time.Microsecond).Add(time.Microsecond)
	}
	balance, err := s.View.Balance(ctx, edge.ScopeOf(ctx).Caller.Tenant, request.AccountId, before)
	if err != nil {
		return nil, unavailable(err)
	}
	return &omsv1.GetBalanceResponse{Balance: &omsv1.Money{Currency: name.Currency, AmountMinor: balance}, At: request.At}, nil
}

// ListEntries implements the contract.
func (s *Ledger) ListEntries(ctx context.Context, request *omsv1.ListEntriesRequest) (*omsv1.ListEntriesResponse, error) {
	name, err := accountOf(request.AccountId)
	if err != nil {
		return nil, err
	}
	caller, limit := edge.ScopeOf(ctx).Caller, pageSize(request.PageSize)
	query := state.StatementQuery{
		Tenant: caller.Tenant, Account: request.AccountId, Limit: limit + 1,
		From: upwards(moment(request.From)), Before: upwards(moment(request.To)),
	}
	binding := []string{"entries", caller.Tenant, caller.Principal, request.AccountId, bound(query.From), bound(query.Before)}
	if request.PageToken != "" {
		position, ok := s.Sealer.Open(request.PageToken, binding...)
		if ok {
			query.After, ok = readPlace(position)
		}
		if !ok {
			return nil, badToken("page_token", "PAGE_TOKEN_INVALID", "next_page_token of an answer to the same request")
		}
	}
	statement, err := s.View.Statement(ctx, query)
	if err != nil {
		return nil, unavailable(err)
	}
	response := &omsv1.ListEntriesResponse{
		OpeningBalance: &omsv1.Money{Currency: name.Currency, AmountMinor: statement.OpeningMinor},
		ClosingBalance: &omsv1.Money{Currency: name.Currency, AmountMinor: statement.ClosingMinor},
	}
	entries := statement.Entries
	if len(entries) > limit {
		entries = entries[:limit]
		response.NextPageToken = s.Sealer.Seal(writePlace(entries[limit-1].EntryPlace), binding...)
	}
	for i := range entries {
		response.Entries = append(response.Entries, wire.AccountEntry(&entries[i], name.Currency))
	}
	return response, nil
}

// upwards rounds a time up to the microseconds that the store keeps, so that what is before it stays before it.
func upwards(at time.Time) time.Time {
	if rounded := at.Truncate(time.Microsecond); rounded.Before(at) {
		return rounded.Add(time.Microsecond)
	}
	return at
}

// writePlace writes where an entry stands, for a page token.
func writePlace(p state.EntryPlace) string {
	return fmt.Sprintf("%d %d %d %s", p.At.UnixMicro(), p.Number, p.No, p.TransferID)
}

// readPlace reads what writePlace wrote.
func readPlace(text string) (place state.EntryPlace, ok bool) {
	parts := strings.SplitN(text, " ", 4)
	if len(parts) != 4 {
		return place, false
	}
	at, failed := strconv.ParseInt(parts[0], 10, 64)
	number, failing := strconv.ParseInt(parts[1], 10, 64)
	no, fails := strconv.ParseInt(parts[2], 10, 32)
	place = state.EntryPlace{At: time.UnixMicro(at).UTC(), Number: number, No: int32(no), TransferID: parts[3]}
	return place, failed == nil && failing == nil && fails == nil
}

// pageSize is how many entries a page has that was asked for with a size of 0 to 100.
func pageSize(asked int32) int {
	if asked == 0 {
		return defaultPage
	}
	return int(asked)
}
