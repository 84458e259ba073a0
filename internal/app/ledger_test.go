package app_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// What orders have brought in is read from the ledger: now, before, and entry by entry (requirement P-3).
func TestLedgerOfOrders(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { ledgerOfOrders(t, start(t)) })
	t.Run("postgres", func(t *testing.T) {
		ledgerOfOrders(t, start(t, func(c *config.Config) { c.Store = config.Place(postgrestest.New(t)) }))
	})
}

func ledgerOfOrders(t *testing.T, server *running) {
	t.Helper()
	const revenue = "account:order_revenue:EUR"
	before := timestamppb.New(time.Now().Add(-time.Minute))
	orderToConfirmed(t, server)
	_, _, internal, _ := server.Addresses()
	accounts, ctx := omsv1.NewLedgerServiceClient(dial(t, internal)), keyed(t, "")
	list, err := accounts.ListAccounts(ctx, &omsv1.ListAccountsRequest{PageSize: 1})
	if err != nil || len(list.Accounts) != 1 || list.Accounts[0].Kind != "gateway_clearing" {
		t.Fatalf("first page %v %v", list, err)
	}
	list, err = accounts.ListAccounts(ctx, &omsv1.ListAccountsRequest{PageSize: 1, PageToken: list.NextPageToken})
	if err != nil || len(list.Accounts) != 1 || list.Accounts[0].Id != revenue || list.NextPageToken != "" {
		t.Fatalf("second page %v %v", list, err)
	}
	account := list.Accounts[0]
	if account.Guarded || account.Balance.AmountMinor <= 0 || account.Entries != 1 {
		t.Errorf("account %v", account)
	}
	entries, err := accounts.ListEntries(ctx, &omsv1.ListEntriesRequest{AccountId: revenue, From: before})
	if err != nil || len(entries.Entries) != 1 || entries.Entries[0].Amount.AmountMinor != account.Balance.AmountMinor ||
		entries.OpeningBalance.AmountMinor != 0 || entries.ClosingBalance.AmountMinor != account.Balance.AmountMinor {
		t.Fatalf("statement %v %v", entries, err)
	}
	for at, want := range map[*timestamppb.Timestamp]int64{
		nil: account.Balance.AmountMinor, before: 0, entries.Entries[0].BookedAt: account.Balance.AmountMinor,
	} {
		balance, err := accounts.GetBalance(ctx, &omsv1.GetBalanceRequest{AccountId: revenue, At: at})
		if err != nil || balance.Balance.AmountMinor != want {
			t.Errorf("balance at %v: %v %v, want %d", at, balance, err, want)
		}
	}
	for name, err := range map[string]error{
		"no kind":  second(accounts.GetAccount(ctx, &omsv1.GetAccountRequest{AccountId: "account:purse:EUR"})),
		"no entry": second(accounts.GetAccount(ctx, &omsv1.GetAccountRequest{AccountId: "account:house:EUR"})),
	} {
		if status.Code(err) != codes.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	future := timestamppb.New(time.Now().Add(time.Hour))
	for name, err := range map[string]error{
		"a future moment": second(accounts.GetBalance(ctx, &omsv1.GetBalanceRequest{AccountId: revenue, At: future})),
		"no account":      second(accounts.GetBalance(ctx, &omsv1.GetBalanceRequest{AccountId: "order:1"})),
		"from after to":   second(accounts.ListEntries(ctx, &omsv1.ListEntriesRequest{AccountId: revenue, From: future, To: before})),
		"another's token": second(accounts.ListEntries(ctx, &omsv1.ListEntriesRequest{AccountId: revenue, PageToken: list.NextPageToken + "x"})),
	} {
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
