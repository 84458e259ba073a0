package postgres

import (
	"fmt"
	"strings"

	"github.com/seed-255eabaa/oms/internal/state"
)

// field is one column of a table.
type field struct {
	name string
	kind kind
	// fixed says that the column never changes once the row exists (package state), so that updates leave it out.
	fixed bool
}

// table is a table whose rows batches load and store. Its first two columns are its key: tenant and id.
type table struct {
	name   string
	fields []field
}

// tables are those of the kinds of rows.
var tables = map[state.Kind]*table{
	state.KindOrder:       {"orders", orderFields},
	state.KindReservation: {"reservations", reservationFields},
	state.KindPayment:     {"payments", paymentFields},
	state.KindEffect:      {"effects", effectFields},
	state.KindDeadLetter:  {"dead_letters", deadLetterFields},
	state.KindItem:        {"items", itemFields},
}

// The columns of the tables, in the order in which rows.go writes and reads them.
var (
	orderFields = []field{
		{"tenant_id", kindText, false}, {"order_id", kindText, false}, {"customer_id", kindText, true}, {"status", kindInt2, false}, {"status_reason", kindText, false},
		{"status_detail", kindText, false}, {"currency", kindText, true}, {"amount_minor", kindInt8, false}, {"adjustments", kindJSON, false},
		{"client_reference", kindText, false}, {"metadata", kindJSON, false}, {"payment_status", kindInt2, false}, {"payment_token", kindText, false},
		{"keep_on_decline", kindBool, false}, {"decline_reason", kindText, false}, {"captured_minor", kindInt8, false}, {"refunded_minor", kindInt8, false},
		{"refund_pending_minor", kindInt8, false}, {"cancel_requested", kindBool, false}, {"expires_at", kindTime, false}, {"created_at", kindTime, true},
		{"updated_at", kindTime, false}, {"version", kindInt8, false},
	}
	lineFields = []field{
		{"tenant_id", kindText, false}, {"order_id", kindText, false}, {"line_no", kindInt4, false}, {"sku", kindText, false}, {"quantity", kindInt4, false},
		{"price_minor", kindInt8, false},
	}
	reservationFields = []field{
		{"tenant_id", kindText, false}, {"reservation_id", kindText, false}, {"order_id", kindText, true}, {"status", kindInt2, false}, {"items", kindJSON, true},
		{"rejected_sku", kindText, false}, {"version", kindInt8, false}, {"updated_at", kindTime, false},
	}
	paymentFields = []field{
		{"tenant_id", kindText, false}, {"payment_id", kindText, false}, {"order_id", kindText, true}, {"status", kindInt2, false}, {"currency", kindText, true},
		{"amount_minor", kindInt8, false}, {"provider", kindText, false}, {"external_id", kindText, false}, {"token", kindText, false}, {"attempt", kindInt4, false},
		{"cancel_requested", kindBool, false}, {"captured_minor", kindInt8, false}, {"refunded_minor", kindInt8, false},
		{"refund_pending_minor", kindInt8, false}, {"decline_reason", kindText, false}, {"refunds", kindJSON, false}, {"version", kindInt8, false},
		{"created_at", kindTime, true}, {"updated_at", kindTime, false},
	}
	effectFields = []field{
		{"tenant_id", kindText, false}, {"effect_id", kindText, false}, {"kind", kindText, true}, {"aggregate_id", kindText, true}, {"order_id", kindText, true},
		{"provider", kindText, true}, {"token", kindText, true}, {"external_id", kindText, false}, {"currency", kindText, true}, {"amount_minor", kindInt8, true},
		{"state", kindInt2, false}, {"owner", kindText, false}, {"next_at", kindTime, false}, {"attempts", kindInt4, false}, {"called", kindBool, false},
		{"last_error", kindText, false}, {"trace_id", kindText, true}, {"created_at", kindTime, true}, {"updated_at", kindTime, false},
	}
	deadLetterFields = []field{
		{"tenant_id", kindText, false}, {"dead_letter_id", kindText, false}, {"aggregate_id", kindText, false}, {"kind", kindText, false}, {"payload", kindBytes, false},
		{"position", kindInt8, false}, {"error", kindText, false}, {"attempts", kindInt4, false}, {"created_at", kindTime, false}, {"replayed_at", kindTime, false},
	}
	itemFields = []field{
		{"tenant_id", kindText, false}, {"sku", kindText, false}, {"on_hand", kindInt8, false}, {"reserved", kindInt8, false}, {"sold", kindInt8, false},
		{"version", kindInt8, false}, {"seq", kindInt8, false}, {"updated_at", kindTime, false},
	}
	answerFields = []field{
		{"tenant_id", kindText, false}, {"principal", kindText, false}, {"key", kindText, false}, {"hash", kindBytes, false}, {"method", kindText, false},
		{"code", kindInt2, false}, {"body", kindBytes, false}, {"created_at", kindTime, false},
	}
	eventFields = []field{
		{"tenant_id", kindText, false}, {"aggregate_id", kindText, false}, {"seq", kindInt8, false}, {"event_type", kindText, false}, {"occurred_at", kindTime, false},
		{"trace_id", kindText, false}, {"idempotency_key", kindText, false}, {"schema_version", kindText, false}, {"payload", kindBytes, false},
	}
	timerFields = []field{
		{"tenant_id", kindText, false}, {"kind", kindText, false}, {"aggregate_id", kindText, false}, {"due_at", kindTime, false},
	}
	transferFields = []field{
		{"tenant_id", kindText, false}, {"transfer_id", kindText, false}, {"kind", kindText, false}, {"order_id", kindText, false}, {"currency", kindText, false},
		{"booked_at", kindTime, false},
	}
	entryFields = []field{
		{"tenant_id", kindText, false}, {"transfer_id", kindText, false}, {"entry_no", kindInt4, false}, {"account", kindText, false}, {"amount_minor", kindInt8, false},
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

// unnest writes the rows that come as parameters as a table named k with the columns' names.
func unnest(fields []field) string {
	return fmt.Sprintf("unnest(%s) AS k(%s)", parameters(1, fields), list("", fields))
}

// parameters writes a parameter for each column, an array of its type, from $first on.
func parameters(first int, fields []field) string {
	all := make([]string, len(fields))
	for i, field := range fields {
		all[i] = fmt.Sprintf("$%d::%s[]", first+i, field.kind)
	}
	return strings.Join(all, ", ")
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
// is once it is locked: who has waited for another transaction is given the row that that one left. Only a row's own columns are
// so: its children must be read by a later statement, under a newer snapshot.
func (t *table) lock() string {
	return fmt.Sprintf("SELECT %s FROM %s JOIN %s t ON %s ORDER BY %s FOR UPDATE OF t",
		list("t.", t.fields), unnest(t.key()), t.name, match(t.key()), list("t.", t.key()))
}

func (t *table) insert() string { return insert(t.name, t.fields) }

// changing answers the columns that an update writes, the key's among them.
func (t *table) changing() []field {
	var fields []field
	for _, field := range t.fields {
		if !field.fixed {
			fields = append(fields, field)
		}
	}
	return fields
}

// update writes the statement that writes every column that may change: to PostgreSQL a row is changed as a whole, and which of
// them a rule has changed is not for the store to guess.
func (t *table) update() string {
	changing := t.changing()
	assignments := make([]string, 0, len(changing))
	for _, field := range changing[2:] {
		assignments = append(assignments, fmt.Sprintf("%[1]s = k.%[1]s", field.name))
	}
	return fmt.Sprintf("UPDATE %s t SET %s FROM %s WHERE %s", t.name, strings.Join(assignments, ", "), unnest(changing), match(t.key()))
}

func kindsOf(fields []field) []kind {
	kinds := make([]kind, len(fields))
	for i, field := range fields {
		kinds[i] = field.kind
	}
	return kinds
}
