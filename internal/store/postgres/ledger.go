package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	accountFields = []field{
		{"tenant_id", kindText}, {"account_id", kindText}, {"owner", kindText}, {"balance_minor", kindInt8}, {"held_minor", kindInt8},
		{"entries", kindInt8}, {"version", kindInt8}, {"created_at", kindTime}, {"updated_at", kindTime},
	}
	holdFields = []field{
		{"tenant_id", kindText}, {"hold_id", kindText}, {"account_id", kindText}, {"amount_minor", kindInt8}, {"several", kindBool},
		{"expires_at", kindTime}, {"created_at", kindTime}, {"captured_minor", kindInt8}, {"status", kindInt2}, {"captures", kindJSON},
		{"version", kindInt8}, {"updated_at", kindTime},
	}
	selectAccounts = "SELECT " + list("", accountFields) + " FROM accounts "
	selectHolds    = "SELECT " + list("", holdFields) + " FROM account_holds "
)

func encodeAccount(set *rowset, a *state.Account) {
	set.text(a.Tenant)
	set.text(a.ID)
	set.text(a.Name().Owner)
	set.int64(a.BalanceMinor)
	set.int64(a.HeldMinor)
	set.int64(a.Entries)
	set.int64(a.Version)
	set.time(a.CreatedAt)
	set.time(a.UpdatedAt)
}

func decodeAccount(f *fields) *state.Account {
	a := &state.Account{}
	a.Tenant, a.ID = f.text(), f.text()
	f.bytesInPlace() // the owner, whom the id names
	a.BalanceMinor, a.HeldMinor, a.Entries, a.Version = f.int64(), f.int64(), f.int64(), f.int64()
	a.CreatedAt, a.UpdatedAt = f.time(), f.time()
	return a
}

func encodeHold(set *rowset, h *state.Hold) error {
	set.text(h.Tenant)
	set.text(h.ID)
	set.text(h.Account)
	set.int64(h.AmountMinor)
	set.bool(h.Several)
	set.time(h.ExpiresAt)
	set.time(h.CreatedAt)
	set.int64(h.CapturedMinor)
	set.int16(int16(h.Status))
	if err := encodeJSON(set, len(h.Captures), h.Captures); err != nil {
		return err
	}
	set.int64(h.Version)
	set.time(h.UpdatedAt)
	return nil
}

func decodeHold(f *fields) (*state.Hold, error) {
	h := &state.Hold{}
	h.Tenant, h.ID, h.Account, h.AmountMinor, h.Several = f.text(), f.text(), f.text(), f.int64(), f.bool()
	h.ExpiresAt, h.CreatedAt, h.CapturedMinor, h.Status = f.time(), f.time(), f.int64(), ledger.HoldStatus(f.int16())
	if err := decodeJSON(f, &h.Captures); err != nil {
		return nil, err
	}
	h.Version, h.UpdatedAt = f.int64(), f.time()
	return h, nil
}

// Hold implements view.Ledger.
func (s *Store) Hold(ctx context.Context, tenant, name string) (*state.Hold, error) {
	return only(read(ctx, s, "hold", decodeHold, selectHolds+"WHERE tenant_id = $1 AND hold_id = $2", tenant, name))
}

// sumsOf is the latest checkpoint of account $2 of tenant $1 before time $3, and what was booked behind it and before that time.
const sumsOf = `
	WITH checkpoint AS (
		SELECT closed_at, balance_minor, entries FROM account_checkpoints
		WHERE tenant_id = $1 AND account_id = $2 AND closed_at < coalesce($3::timestamptz, 'infinity') ORDER BY closed_at DESC LIMIT 1
	), behind AS (
		SELECT coalesce(sum(amount_minor), 0)::bigint AS balance_minor, count(*) AS entries FROM ledger_entries
		WHERE tenant_id = $1 AND account = $2 AND booked_at < coalesce($3::timestamptz, 'infinity')
			AND booked_at > coalesce((SELECT closed_at FROM checkpoint), '-infinity')
	)
	SELECT behind.balance_minor + coalesce((SELECT balance_minor FROM checkpoint), 0),
		behind.entries + coalesce((SELECT entries FROM checkpoint), 0)`

// balanceBefore is what a statement of a balance says, by the class of the account.
func balanceBefore(account string) string {
	if name, _ := ledger.Parse(account); !name.Kind.Guarded() {
		return sumsOf + " FROM behind"
	}
	return `SELECT balance_minor, number FROM ledger_entries
		WHERE tenant_id = $1 AND account = $2 AND booked_at < coalesce($3::timestamptz, 'infinity')
		ORDER BY booked_at DESC, number DESC LIMIT 1`
}

// Account implements view.Ledger.
func (s *Store) Account(ctx context.Context, tenant, account string) (*state.Account, error) {
	if name, _ := ledger.Parse(account); name.Kind.Guarded() {
		return only(read(ctx, s, "account", plain(decodeAccount), selectAccounts+"WHERE tenant_id = $1 AND account_id = $2", tenant, account))
	}
	const times = `,
		(SELECT min(booked_at) FROM ledger_entries WHERE tenant_id = $1 AND account = $2),
		(SELECT max(booked_at) FROM ledger_entries WHERE tenant_id = $1 AND account = $2) FROM behind`
	found, err := only(read(ctx, s, "account", func(f *fields) (*state.Account, error) {
		a := &state.Account{Account: ledger.Account{Tenant: tenant, ID: account, BalanceMinor: f.int64(), Entries: f.int64()}}
		a.CreatedAt, a.UpdatedAt = f.time(), f.time()
		return a, nil
	}, sumsOf+times, tenant, account, nil))
	if err == nil && found.Entries == 0 {
		return nil, state.ErrNotFound
	}
	return found, err
}

// summedAccounts finds the tenants and ids of summed accounts in the index of entries, by jumping from each to the next: there are
// few, and many entries. $1 is the tenant, empty for all, $2 and $3 the bounds of their ids.
const summedAccounts = `
	WITH RECURSIVE bounds AS (SELECT * FROM unnest($2::text[], $3::text[]) AS b(first, beyond)), tenants AS (
		(SELECT min(tenant_id) AS tenant_id FROM ledger_entries WHERE $1 = '' OR tenant_id = $1)
		UNION ALL
		SELECT (SELECT min(e.tenant_id) FROM ledger_entries e WHERE e.tenant_id > t.tenant_id) FROM tenants t
		WHERE t.tenant_id IS NOT NULL AND $1 = ''
	), summed AS (
		SELECT t.tenant_id, b.beyond, (SELECT min(e.account) FROM ledger_entries e
			WHERE e.tenant_id = t.tenant_id AND e.account >= b.first COLLATE "C" AND e.account < b.beyond COLLATE "C") AS account
		FROM tenants t, bounds b WHERE t.tenant_id IS NOT NULL
		UNION ALL
		SELECT s.tenant_id, s.beyond, (SELECT min(e.account) FROM ledger_entries e
			WHERE e.tenant_id = s.tenant_id AND e.account > s.account AND e.account < s.beyond COLLATE "C")
		FROM summed s WHERE s.account IS NOT NULL
	)
	SELECT tenant_id, account FROM summed s WHERE account IS NOT NULL `

// bounds answers the bounds of the ids of summed accounts.
func bounds() (first, beyond []string) {
	for _, prefix := range ledger.SummedPrefixes() {
		first, beyond = append(first, prefix), append(beyond, strings.TrimSuffix(prefix, ":")+";") // ';' follows ':'
	}
	return first, beyond
}

func decodeRef(f *fields) (state.Ref, error) { return state.AccountRef(f.text(), f.text()), nil }

// Accounts implements view.Ledger.
func (s *Store) Accounts(ctx context.Context, query state.AccountQuery) ([]*state.Account, error) {
	found, err := read(ctx, s, "accounts", plain(decodeAccount), selectAccounts+
		"WHERE tenant_id = $1 AND owner = $2 AND account_id > $3 ORDER BY account_id LIMIT $4",
		query.Tenant, query.Owner, query.After, query.Limit)
	if err != nil {
		return nil, err
	}
	first, beyond := bounds()
	refs, err := read(ctx, s, "summed accounts", decodeRef, summedAccounts+"AND account > $4", query.Tenant, first, beyond, query.After)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		if name, _ := ledger.Parse(ref.ID); name.Owner != query.Owner {
			continue
		}
		account, err := s.Account(ctx, ref.Tenant, ref.ID)
		if err != nil {
			return nil, err
		}
		found = append(found, account)
	}
	slices.SortFunc(found, func(a, b *state.Account) int { return strings.Compare(a.ID, b.ID) })
	return found[:min(len(found), query.Limit)], nil
}

// Balance implements view.Ledger.
func (s *Store) Balance(ctx context.Context, tenant, account string, before time.Time) (int64, error) {
	balance, err := only(read(ctx, s, "balance", func(f *fields) (int64, error) { return f.int64(), nil }, balanceBefore(account),
		tenant, account, moment(before)))
	if errors.Is(err, state.ErrNotFound) {
		return 0, nil
	}
	return balance, err
}

// moment is a time as a parameter; the zero time is NULL.
func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

const selectBooked = `SELECT e.booked_at, e.number, e.transfer_id, e.entry_no, t.kind, t.order_id, e.amount_minor, e.balance_minor
	FROM (
		SELECT * FROM ledger_entries WHERE tenant_id = $1 AND account = $2 AND booked_at >= $3
			AND booked_at < coalesce($4::timestamptz, 'infinity') AND (booked_at, number, transfer_id, entry_no) > ($3, $5, $6, $7)
		ORDER BY booked_at, number, transfer_id, entry_no LIMIT $8
	) e JOIN ledger_transfers t USING (tenant_id, transfer_id) ORDER BY e.booked_at, e.number, e.transfer_id, e.entry_no`

func decodeBooked(f *fields) state.Booked {
	b := state.Booked{}
	b.At, b.Number, b.TransferID, b.No = f.time(), f.int64(), f.text(), f.int32()
	b.Kind, b.OrderID, b.AmountMinor, b.BalanceMinor = f.text(), f.text(), f.int64(), f.int64()
	return b
}

// Statement implements view.Ledger.
func (s *Store) Statement(ctx context.Context, query state.StatementQuery) (statement state.Statement, err error) {
	err = s.again(ctx, func() error {
		statement, err = s.statement(ctx, query)
		return err
	})
	return statement, err
}

// statement reads under one snapshot, so that the entries lead from the one balance to the other.
func (s *Store) statement(ctx context.Context, query state.StatementQuery) (statement state.Statement, err error) {
	transaction, err := s.reads.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return statement, translate("statement", err)
	}
	defer func() { _ = transaction.Rollback(context.WithoutCancel(ctx)) }() // it only reads
	balance := func(before time.Time) (balance int64, err error) {
		var entries int64
		err = transaction.QueryRow(ctx, balanceBefore(query.Account), query.Tenant, query.Account, moment(before)).Scan(&balance, &entries)
		if errors.Is(err, pgx.ErrNoRows) {
			return 0, nil
		}
		return balance, err
	}
	from := query.From
	if !from.IsZero() {
		if statement.OpeningMinor, err = balance(from); err != nil {
			return statement, translate("opening balance", err)
		}
	}
	if statement.ClosingMinor, err = balance(query.Before); err != nil {
		return statement, translate("closing balance", err)
	}
	after := query.After
	if !after.At.IsZero() {
		from = after.At
	}
	rows, err := transaction.Query(ctx, selectBooked, pgx.QueryResultFormats{1}, query.Tenant, query.Account, from, moment(query.Before),
		after.Number, after.TransferID, after.No, query.Limit)
	if err != nil {
		return statement, translate("entries", err)
	}
	defer rows.Close()
	for rows.Next() {
		statement.Entries = append(statement.Entries, decodeBooked(&fields{values: rows.RawValues()}))
	}
	if err := rows.Err(); err != nil {
		return statement, translate("entries", err)
	}
	return statement, nil
}
