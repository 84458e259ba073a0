package sqlite

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

var accountTable = table{
	name:    "accounts",
	columns: "tenant_id, account_id, owner, balance_minor, held_minor, entries, version, created_at_us, updated_at_us",
	fixed:   []string{"owner", "created_at_us"},
	bind:    bindAccount, scan: func(c *columns) state.Row { return scanAccount(c) },
}

var holdTable = table{
	name: "account_holds",
	columns: "tenant_id, hold_id, account_id, amount_minor, several, expires_at_us, created_at_us, captured_minor, status, captures, " +
		"version, updated_at_us",
	fixed: []string{"account_id", "amount_minor", "several", "expires_at_us", "created_at_us"},
	bind:  bindHold, scan: scanHold,
}

func bindAccount(r *row, value state.Row) {
	a := value.(*state.Account) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(a.Tenant)
	r.text(a.ID)
	r.text(a.Name().Owner)
	r.integer(a.BalanceMinor)
	r.integer(a.HeldMinor)
	r.integer(a.Entries)
	r.integer(a.Version)
	r.instant(a.CreatedAt)
	r.instant(a.UpdatedAt)
}

func scanAccount(c *columns) *state.Account {
	a := &state.Account{}
	a.Tenant, a.ID = c.text(), c.text()
	c.next++ // the owner, whom the id names
	a.BalanceMinor, a.HeldMinor, a.Entries, a.Version = c.integer(), c.integer(), c.integer(), c.integer()
	a.CreatedAt, a.UpdatedAt = c.instant(), c.instant()
	return a
}

func bindHold(r *row, value state.Row) {
	h := value.(*state.Hold) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(h.Tenant)
	r.text(h.ID)
	r.text(h.Account)
	r.integer(h.AmountMinor)
	r.flag(h.Several)
	r.moment(h.ExpiresAt)
	r.instant(h.CreatedAt)
	r.integer(h.CapturedMinor)
	r.integer(int64(h.Status))
	r.optional(listJSON(h.Captures))
	r.integer(h.Version)
	r.instant(h.UpdatedAt)
}

func scanHold(c *columns) state.Row {
	return &state.Hold{Hold: ledger.Hold{
		Tenant: c.text(), ID: c.text(), Account: c.text(), AmountMinor: c.integer(), Several: c.flag(), ExpiresAt: c.moment(),
		CreatedAt: c.instant(), CapturedMinor: c.integer(), Status: small[ledger.HoldStatus](c), Captures: list[[]ledger.Captured](c),
		Version: c.integer(), UpdatedAt: c.instant(),
	}}
}

// Hold implements view.Ledger.
func (s *Store) Hold(ctx context.Context, tenant, name string) (*state.Hold, error) {
	return readRow[*state.Hold](ctx, s, state.HoldRef(tenant, name))
}

// sumsOf is the latest checkpoint of account ?2 of tenant ?1 before time ?3, and what was booked behind it and before that time.
const sumsOf = `
	WITH checkpoint AS MATERIALIZED (
		SELECT closed_at_us, balance_minor, entries FROM account_checkpoints
		WHERE tenant_id = ?1 AND account_id = ?2 AND closed_at_us < ?3 ORDER BY closed_at_us DESC LIMIT 1
	), behind AS (
		SELECT coalesce(sum(amount_minor), 0) AS balance_minor, count(*) AS entries FROM ledger_entries
		WHERE tenant_id = ?1 AND account = ?2 AND at_us < ?3
			AND at_us > coalesce((SELECT closed_at_us FROM checkpoint), -9223372036854775807)
	)
	SELECT behind.balance_minor + coalesce((SELECT balance_minor FROM checkpoint), 0),
		behind.entries + coalesce((SELECT entries FROM checkpoint), 0)`

// balanceBefore is what a statement of a balance says, by the class of the account.
func balanceBefore(account string) string {
	if name, _ := ledger.Parse(account); !name.Kind.Guarded() {
		return sumsOf + " FROM behind"
	}
	return "SELECT balance_minor FROM ledger_entries WHERE tenant_id = ?1 AND account = ?2 AND at_us < ?3 " +
		"ORDER BY at_us DESC, number DESC LIMIT 1"
}

// before is a time that others must be before; the zero time is after all.
func (r *row) before(at time.Time) {
	if at.IsZero() {
		r.integer(1<<63 - 1)
		return
	}
	r.instant(at)
}

// balance answers what an account had before a time.
func (s *session) balance(tenant, account string, before time.Time) (balance int64, err error) {
	err = s.query(balanceBefore(account), func(r *row) {
		r.text(tenant)
		r.text(account)
		r.before(before)
	}, func(c *columns) bool {
		balance = c.integer()
		return false
	})
	return balance, err
}

// Account implements view.Ledger.
func (s *Store) Account(ctx context.Context, tenant, account string) (*state.Account, error) {
	if name, _ := ledger.Parse(account); name.Kind.Guarded() {
		return readRow[*state.Account](ctx, s, state.AccountRef(tenant, account))
	}
	const times = `,
		(SELECT min(at_us) FROM ledger_entries WHERE tenant_id = ?1 AND account = ?2),
		(SELECT max(at_us) FROM ledger_entries WHERE tenant_id = ?1 AND account = ?2) FROM behind`
	found := &state.Account{Account: ledger.Account{Tenant: tenant, ID: account}}
	err := s.readLong(ctx, "account", func(reader *session) error {
		return reader.query(sumsOf+times, func(r *row) {
			r.text(tenant)
			r.text(account)
			r.before(time.Time{})
		}, func(c *columns) bool {
			found.BalanceMinor, found.Entries, found.CreatedAt, found.UpdatedAt = c.integer(), c.integer(), c.instant(), c.instant()
			return false
		})
	})
	if err == nil && found.Entries == 0 {
		return nil, state.ErrNotFound
	}
	return found, err
}

// summedAccounts finds the tenants and ids of summed accounts in the index of entries, by jumping from each to the next: there are
// few, and many entries. ?1 is the tenant, empty for all, ?2 the first parts of their ids as JSON; ';' follows ':'.
const summedAccounts = `
	WITH RECURSIVE bounds AS (SELECT value AS first, rtrim(value, ':') || ';' AS beyond FROM json_each(?2)), tenants AS (
		SELECT min(tenant_id) AS tenant_id FROM ledger_entries WHERE tenant_id >= ?1
		UNION ALL
		SELECT (SELECT min(e.tenant_id) FROM ledger_entries e WHERE e.tenant_id > t.tenant_id) FROM tenants t
		WHERE t.tenant_id IS NOT NULL AND ?1 = ''
	), summed AS (
		SELECT t.tenant_id, b.beyond, (SELECT min(e.account) FROM ledger_entries e
			WHERE e.tenant_id = t.tenant_id AND e.account >= b.first AND e.account < b.beyond) AS account
		FROM tenants t, bounds b WHERE t.tenant_id IS NOT NULL AND (?1 = '' OR t.tenant_id = ?1)
		UNION ALL
		SELECT s.tenant_id, s.beyond, (SELECT min(e.account) FROM ledger_entries e
			WHERE e.tenant_id = s.tenant_id AND e.account > s.account AND e.account < s.beyond)
		FROM summed s WHERE s.account IS NOT NULL
	)
	SELECT tenant_id, account FROM summed s WHERE account IS NOT NULL `

func scanAccountRef(c *columns) state.Ref { return state.AccountRef(c.text(), c.text()) }

// Accounts implements view.Ledger.
func (s *Store) Accounts(ctx context.Context, query state.AccountQuery) ([]*state.Account, error) {
	found, err := collect(ctx, s, "accounts", "SELECT "+accountTable.columns+" FROM accounts "+
		"WHERE tenant_id = ?1 AND owner = ?2 AND account_id > ?3 ORDER BY account_id LIMIT ?4", func(r *row) {
		r.text(query.Tenant)
		r.text(query.Owner)
		r.text(query.After)
		r.integer(int64(query.Limit))
	}, scanAccount)
	if err != nil {
		return nil, err
	}
	refs, err := collect(ctx, s, "summed accounts", summedAccounts+"AND account > ?3", func(r *row) {
		r.text(query.Tenant)
		r.text(string(listJSON(ledger.SummedPrefixes())))
		r.text(query.After)
	}, scanAccountRef)
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
func (s *Store) Balance(ctx context.Context, tenant, account string, before time.Time) (balance int64, err error) {
	err = s.readLong(ctx, "balance", func(reader *session) error {
		balance, err = reader.balance(tenant, account, before)
		return err
	})
	return balance, err
}

const selectBooked = `SELECT e.at_us, e.number, e.transfer_id, e.entry_no, t.kind, t.order_id, e.amount_minor, e.balance_minor
	FROM ledger_entries e JOIN ledger_transfers t ON t.transfer_id = e.transfer_id AND t.tenant_id = e.tenant_id
	WHERE e.tenant_id = ?1 AND e.account = ?2 AND e.at_us >= ?3 AND e.at_us < ?4
		AND (e.at_us, e.number, e.transfer_id, e.entry_no) > (?3, ?5, ?6, ?7)
	ORDER BY e.at_us, e.number, e.transfer_id, e.entry_no LIMIT ?8`

func scanBooked(c *columns) state.Booked {
	b := state.Booked{}
	b.At, b.Number, b.TransferID, b.No = c.instant(), c.integer(), c.text(), small[int32](c)
	b.Kind, b.OrderID, b.AmountMinor, b.BalanceMinor = c.text(), c.text(), c.integer(), c.integer()
	return b
}

// Statement implements view.Ledger. It reads under one snapshot, so that the entries lead from the one balance to the other.
func (s *Store) Statement(ctx context.Context, query state.StatementQuery) (statement state.Statement, err error) {
	from := query.From
	if !query.After.At.IsZero() {
		from = query.After.At
	}
	err = s.readLong(ctx, "statement", func(reader *session) error {
		return reader.snapshot(func() (err error) {
			if !query.From.IsZero() {
				if statement.OpeningMinor, err = reader.balance(query.Tenant, query.Account, query.From); err != nil {
					return err
				}
			}
			if statement.ClosingMinor, err = reader.balance(query.Tenant, query.Account, query.Before); err != nil {
				return err
			}
			return reader.query(selectBooked, func(r *row) {
				r.text(query.Tenant)
				r.text(query.Account)
				r.instant(from)
				r.before(query.Before)
				r.integer(query.After.Number)
				r.text(query.After.TransferID)
				r.integer(int64(query.After.No))
				r.integer(int64(query.Limit))
			}, func(c *columns) bool {
				statement.Entries = append(statement.Entries, scanBooked(c))
				return true
			})
		})
	})
	return statement, err
}
