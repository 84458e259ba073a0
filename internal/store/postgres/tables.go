package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-255eabaa/oms/internal/state"
)

// field is one column of a table.
type field struct {
	name string
	kind kind
}

// table is a table whose rows batches load and store. Its first two columns are its key: tenant and id.
type table struct {
	name   string
	fields []field
	// fixed names the columns that never change once the row exists (package state), or that have a statement of their own
	// (changeItems): updates leave them out.
	fixed []string
	// shared says that rows are read without a lock (state.Kind.Shared).
	shared bool
}

// tables are those of the kinds of rows.
var tables = map[state.Kind]*table{
	state.KindOrder:       {"orders", orderFields, []string{"customer_id", "currency", "created_at"}, false},
	state.KindReservation: {"reservations", reservationFields, []string{"order_id", "items"}, false},
	state.KindPayment:     {"payments", paymentFields, []string{"order_id", "currency", "created_at"}, false},
	state.KindEffect: {"effects", effectFields, []string{
		"kind", "aggregate_id", "order_id", "provider", "token", "currency", "amount_minor", "expires_at", "trace_id",
		"created_at",
	}, false},
	state.KindDeadLetter: {"dead_letters", deadLetterFields, nil, false},
	state.KindItem:       {"items", itemFields, nil, false},
	state.KindCatalogue:  {"catalogues", catalogueFields, nil, true},
	state.KindPrice:      {"catalogue_prices", priceFields, nil, true},
	state.KindContact:    {"contacts", contactFields, []string{"created_at"}, false},
	state.KindNotification: {"notifications", notificationFields, []string{
		"user_id", "channel", "template", "locale", "parameters", "order_id", "provider", "created_at",
	}, false},
	state.KindAccount: {"accounts", accountFields, []string{"owner", "created_at"}, false},
	state.KindHold: {"account_holds", holdFields, []string{
		"account_id", "amount_minor", "several", "expires_at", "created_at",
	}, false},
	state.KindOrderDetails: {"order_details", detailsFields, nil, false},
	state.KindChangeBatch:  {"order_changes", changesFields, nil, false},
	state.KindPlayer: {"players", playerFields, []string{
		"brand_id", "region", "currency", "locale", "country", "created_at",
	}, false},
	state.KindSession: {"sessions", sessionFields, []string{
		"brand_id", "region", "provider_id", "player_id", "game_id", "currency", "locale", "max_bet_minor", "told_excluded",
		"told_excluded_until", "told_cool_off_until", "ttl_seconds", "created_at", "expires_at",
	}, false},
	state.KindRound: {"rounds", roundFields, []string{
		"provider_id", "game_id", "created_at",
	}, true},
	state.KindBet: {"bets", betFields, []string{
		"brand_id", "region", "provider_id", "round_id", "session_id", "player_id", "game_id", "currency", "amount_minor", "bonus",
		"created_at",
	}, false},
	state.KindSettlement:    {"settlements", settlementFields, nil, false},
	state.KindPlayerPayment: {"player_payments", playerPaymentFields, playerPaymentFixed, false},
	state.KindSandbox:       {"sandboxes", sandboxFields, nil, false},

	state.KindJackpot:        {"jackpots", jackpotFields, jackpotFixed, false},
	state.KindJackpotFeed:    {"jackpot_feeds", jackpotFeedFields, nil, true},
	state.KindJackpotTrigger: {"jackpot_triggers", jackpotTriggerFields, jackpotTriggerFixed, false},
	state.KindBonus:          {"bonuses", bonusFields, bonusFixed, false},
}

// The columns of the tables, in the order in which rows.go writes and reads them.
var (
	orderFields = []field{
		{"tenant_id", kindText}, {"order_id", kindText}, {"customer_id", kindText}, {"status", kindInt2}, {"status_reason", kindText},
		{"status_detail", kindText}, {"currency", kindText}, {"amount_minor", kindInt8}, {"adjustments", kindJSON},
		{"client_reference", kindText}, {"metadata", kindJSON}, {"payment_status", kindInt2}, {"payment_token", kindText},
		{"card_brand", kindText}, {"card_last_four", kindText}, {"keep_on_decline", kindBool},
		{"decline_reason", kindText}, {"captured_minor", kindInt8}, {"refunded_minor", kindInt8},
		{"refund_pending_minor", kindInt8}, {"cancel_requested", kindBool}, {"expires_at", kindTime}, {"created_at", kindTime},
		{"updated_at", kindTime}, {"version", kindInt8}, {"disputed_minor", kindInt8}, {"charged_back_minor", kindInt8},
	}
	lineFields = []field{
		{"tenant_id", kindText}, {"order_id", kindText}, {"line_no", kindInt4}, {"sku", kindText}, {"quantity", kindInt4},
		{"price_minor", kindInt8},
	}
	reservationFields = []field{
		{"tenant_id", kindText}, {"reservation_id", kindText}, {"order_id", kindText}, {"status", kindInt2}, {"items", kindJSON},
		{"rejected_sku", kindText}, {"version", kindInt8}, {"updated_at", kindTime},
	}
	itemsFields   = []field{reservationFields[0], reservationFields[1], reservationFields[4]}
	paymentFields = []field{
		{"tenant_id", kindText}, {"payment_id", kindText}, {"order_id", kindText}, {"status", kindInt2}, {"currency", kindText},
		{"amount_minor", kindInt8}, {"provider", kindText}, {"external_id", kindText}, {"token", kindText},
		{"card_brand", kindText}, {"card_last_four", kindText}, {"capture_before", kindTime}, {"attempt", kindInt4},
		{"cancel_requested", kindBool}, {"captured_minor", kindInt8}, {"refunded_minor", kindInt8},
		{"refund_pending_minor", kindInt8}, {"decline_reason", kindText}, {"refunds", kindJSON}, {"version", kindInt8},
		{"created_at", kindTime}, {"updated_at", kindTime}, {"disputed_minor", kindInt8}, {"charged_back_minor", kindInt8},
		{"disputes", kindJSON},
	}
	effectFields = []field{
		{"tenant_id", kindText}, {"effect_id", kindText}, {"kind", kindText}, {"aggregate_id", kindText}, {"order_id", kindText},
		{"provider", kindText}, {"token", kindText}, {"external_id", kindText}, {"currency", kindText}, {"amount_minor", kindInt8},
		{"expires_at", kindTime}, {"state", kindInt2}, {"owner", kindText}, {"next_at", kindTime}, {"attempts", kindInt4}, {"called", kindBool},
		{"last_error", kindText}, {"trace_id", kindText}, {"created_at", kindTime}, {"updated_at", kindTime},
		{"settled_by", kindInt2}, {"history", kindJSON},
	}
	deadLetterFields = []field{
		{"tenant_id", kindText}, {"dead_letter_id", kindText}, {"aggregate_id", kindText}, {"kind", kindText}, {"payload", kindBytes},
		{"position", kindInt8}, {"error", kindText}, {"attempts", kindInt4}, {"created_at", kindTime}, {"replayed_at", kindTime},
	}
	itemFields = []field{
		{"tenant_id", kindText}, {"sku", kindText}, {"on_hand", kindInt8}, {"reserved", kindInt8}, {"sold", kindInt8},
		{"version", kindInt8}, {"seq", kindInt8}, {"updated_at", kindTime},
	}
	catalogueFields = []field{{"tenant_id", kindText}, {"catalogue_id", kindText}, {"opened_at", kindTime}}
	priceFields     = []field{
		{"tenant_id", kindText}, {"sku", kindText}, {"currency", kindText}, {"price_minor", kindInt8}, {"withdrawn", kindBool},
		{"version", kindInt8}, {"updated_at", kindTime},
	}
	answerFields = []field{
		{"tenant_id", kindText}, {"principal", kindText}, {"key", kindText}, {"hash", kindBytes}, {"method", kindText},
		{"code", kindInt2}, {"body", kindBytes}, {"created_at", kindTime},
	}
	eventFields = []field{
		{"tenant_id", kindText}, {"aggregate_id", kindText}, {"seq", kindInt8}, {"event_type", kindText}, {"occurred_at", kindTime},
		{"trace_id", kindText}, {"idempotency_key", kindText}, {"schema_version", kindText}, {"payload", kindBytes},
	}
	timerFields = []field{
		{"tenant_id", kindText}, {"kind", kindText}, {"aggregate_id", kindText}, {"due_at", kindTime},
	}
	transferFields = []field{
		{"tenant_id", kindText}, {"transfer_id", kindText}, {"kind", kindText}, {"order_id", kindText}, {"currency", kindText},
		{"booked_at", kindTime},
	}
	entryFields = []field{
		{"tenant_id", kindText}, {"transfer_id", kindText}, {"entry_no", kindInt4}, {"account", kindText}, {"amount_minor", kindInt8},
		{"booked_at", kindTime}, {"number", kindInt8}, {"balance_minor", kindInt8},
	}
)

// list writes names of columns, each behind a prefix.
func list(prefix string, fields []field) string {
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = prefix + field.name
	}
	return strings.Join(names, ", ")
}

// match writes the condition that a row of t has the key of a row of k. The collation is written out where it is met: that of k's
// columns would be the database's, and of the two neither goes before the other.
func match(key []field) string {
	conditions := make([]string, len(key))
	for i, field := range key {
		conditions[i] = fmt.Sprintf(`t.%[1]s = k.%[1]s COLLATE "C"`, field.name)
	}
	return strings.Join(conditions, " AND ")
}

// insert writes the statement that inserts rows in the order in which they come.
func insert(name string, fields []field) string {
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM %s", name, list("", fields), unnest(fields))
}

func (t *table) key() []field { return t.fields[:2] }

// lock writes the statement that locks rows in the order of their keys (PostgreSQL locks above the sort) and answers each as it
// is once it is locked, behind its xmin: who has waited for another transaction is given the row that that one left. Only a
// row's own columns are so: its children must be read by a later statement, under a newer snapshot.
func (t *table) lock() string {
	return fmt.Sprintf("SELECT t.xmin, %s FROM %s JOIN %s t ON %s ORDER BY %s%s",
		list("t.", t.fields), unnest(t.key()), t.name, match(t.key()), list("t.", t.key()), t.forUpdate())
}

// forUpdate is the clause that locks. Shared rows are not locked: a batch that changes one proves its version with the update.
func (t *table) forUpdate() string {
	if t.shared {
		return ""
	}
	return " FOR UPDATE OF t"
}

// read writes the statement that answers rows as lock does, as they are and without locking them.
func (t *table) read() string {
	return fmt.Sprintf("SELECT t.xmin, %s FROM %s JOIN %s t ON %s", list("t.", t.fields), unnest(t.key()), t.name, match(t.key()))
}

// xmin is the column by which a version of a row is known (recent).
var xmin = field{"xmin", kindXid}

// proof answers the columns of the statement prove.
func (t *table) proof() []field { return append(slices.Clip(t.key()), xmin) }

// prove writes the statement that locks rows and demands that each is the version that the batch rests on.
func (t *table) prove() string {
	return fmt.Sprintf(`SELECT expect(count(*), cardinality($1)) FROM (
		SELECT FROM %s JOIN %s t ON %s AND t.xmin = k.xmin ORDER BY %s%s) AS held`,
		unnest(t.proof()), t.name, match(t.key()), list("t.", t.key()), t.forUpdate())
}

// proveAbsent writes the statement that demands that rows are not there.
func (t *table) proveAbsent() string {
	return fmt.Sprintf("SELECT expect(count(*), 0) FROM %s JOIN %s t ON %s", unnest(t.key()), t.name, match(t.key()))
}

func (t *table) insert() string { return insert(t.name, t.fields) }

// changing answers the columns that an update writes, the key's among them.
func (t *table) changing() []field {
	var fields []field
	for _, field := range t.fields {
		if !slices.Contains(t.fixed, field.name) {
			fields = append(fields, field)
		}
	}
	return fields
}

// update writes the statement that writes every column that may change: to PostgreSQL a row is changed as a whole, and which of
// them a rule has changed is not for the store to guess. Every row must be the version that the batch rests on.
func (t *table) update() string {
	changing := t.changing()
	assignments := make([]string, 0, len(changing))
	for _, field := range changing[2:] {
		assignments = append(assignments, fmt.Sprintf("%[1]s = k.%[1]s", field.name))
	}
	return fmt.Sprintf(`WITH written AS (UPDATE %s t SET %s FROM %s WHERE %s AND t.xmin = k.xmin RETURNING 1)
		SELECT expect(count(*), cardinality($1)) FROM written`,
		t.name, strings.Join(assignments, ", "), unnest(append(changing, xmin)), match(t.key()))
}
