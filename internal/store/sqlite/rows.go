package sqlite

import (
	"slices"
	"strconv"
	"strings"

	"github.com/seed-255eabaa/oms/internal/state"
)

// table tells how a kind of row is kept. The first two columns are its key, tenant and id, and bind and scan go through the
// columns in their order.
type table struct {
	name    string
	columns string
	fixed   []string // columns that never change; an index over them is not touched by an update
	bind    func(r *row, value state.Row)
	scan    func(c *columns) state.Row
}

// find is the statement that reads one row.
func (t table) find() string {
	names := strings.Split(t.columns, ", ")
	return "SELECT " + t.columns + " FROM " + t.name + " WHERE " + names[0] + " = ?1 AND " + names[1] + " = ?2"
}

// update is the statement that changes one row; its parameters are numbered like those of an insert, so bind serves both.
func (t table) update() string {
	names := strings.Split(t.columns, ", ")
	var text strings.Builder
	for i, name := range names[2:] {
		if slices.Contains(t.fixed, name) {
			continue
		}
		if text.Len() > 0 {
			text.WriteString(", ")
		}
		text.WriteString(name + " = " + parameter(i+3))
	}
	return "UPDATE " + t.name + " SET " + text.String() + " WHERE " + names[0] + " = ?1 AND " + names[1] + " = ?2"
}

func parameter(number int) string { return "?" + strconv.Itoa(number) }

const kinds = state.KindBonus + 1 // one more than the greatest kind, for arrays that a kind indexes

// tables by kind.
var tables = [kinds]table{
	state.KindOrder: {
		name: "orders",
		columns: "tenant_id, order_id, customer_id, status, status_reason, status_detail, currency, amount_minor, adjustments, " +
			"client_reference, metadata, payment_status, payment_token, card_brand, card_last_four, keep_on_decline, decline_reason, " +
			"captured_minor, refunded_minor, refund_pending_minor, cancel_requested, expires_at_us, created_at_us, updated_at_us, version, " +
			"disputed_minor, charged_back_minor",
		fixed: []string{"customer_id", "currency", "created_at_us"},
		bind:  bindOrder, scan: func(c *columns) state.Row { return scanOrder(c) },
	},
	state.KindReservation: {
		name:    "reservations",
		columns: "tenant_id, reservation_id, order_id, status, items, rejected_sku, version, updated_at_us",
		fixed:   []string{"order_id"},
		bind:    bindReservation, scan: scanReservation,
	},
	state.KindPayment: {
		name: "payments",
		columns: "tenant_id, payment_id, order_id, status, currency, amount_minor, provider, external_id, token, " +
			"card_brand, card_last_four, capture_before_us, attempt, cancel_requested, captured_minor, refunded_minor, refund_pending_minor, " +
			"decline_reason, refunds, version, created_at_us, updated_at_us, disputed_minor, charged_back_minor, disputes",
		fixed: []string{"order_id", "created_at_us"},
		bind:  bindPayment, scan: func(c *columns) state.Row { return scanPayment(c) },
	},
	state.KindEffect: {
		name: "effects",
		columns: "tenant_id, effect_id, kind, aggregate_id, order_id, provider, token, external_id, currency, amount_minor, " +
			"expires_at_us, state, owner, next_at_us, attempts, called, last_error, trace_id, created_at_us, updated_at_us, settled_by, history",
		fixed: []string{"aggregate_id", "order_id", "created_at_us"},
		bind:  bindEffect, scan: func(c *columns) state.Row { return scanEffect(c) },
	},
	state.KindDeadLetter: {
		name: "dead_letters",
		columns: "tenant_id, dead_letter_id, aggregate_id, kind, payload, position, error, attempts, created_at_us, " +
			"replayed_at_us",
		bind: bindDeadLetter, scan: func(c *columns) state.Row { return scanDeadLetter(c) },
	},
	state.KindItem: {
		name:    "items",
		columns: "tenant_id, sku, on_hand, reserved, sold, version, seq, updated_at_us",
		bind:    bindItem, scan: func(c *columns) state.Row { return scanItem(c) },
	},
	state.KindCatalogue: {
		name: "catalogues", columns: "tenant_id, catalogue_id, opened_at_us", bind: bindCatalogue, scan: scanCatalogue,
	},
	state.KindPrice: {
		name:    "catalogue_prices",
		columns: "tenant_id, sku, currency, price_minor, withdrawn, version, updated_at_us",
		bind:    bindPrice, scan: func(c *columns) state.Row { return scanPrice(c) },
	},
	state.KindContact:      contactTable,
	state.KindNotification: notificationTable,
	state.KindAccount:      accountTable,
	state.KindHold:         holdTable,
	state.KindOrderDetails: detailsTable,
	state.KindChangeBatch:  changesTable,
	state.KindPlayer:       playerTable,
	state.KindSession:      sessionTable,
	state.KindRound:        roundTable,
	state.KindBet:          betTable,
	state.KindSettlement:   settlementTable,

	state.KindPlayerPayment: playerPaymentTable,

	state.KindSandbox:        sandboxTable,
	state.KindJackpot:        jackpotTable,
	state.KindJackpotFeed:    jackpotFeedTable,
	state.KindJackpotTrigger: jackpotTriggerTable,
	state.KindBonus:          bonusTable,
}

func bindOrder(r *row, value state.Row) {
	o := value.(*state.Order) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(o.Tenant)
	r.text(o.ID)
	r.text(o.CustomerID)
	r.integer(int64(o.Status))
	r.text(o.StatusReason)
	r.text(o.StatusDetail)
	r.text(o.Currency)
	r.integer(o.AmountMinor)
	r.optional(listJSON(o.Adjustments))
	r.text(o.ClientReference)
	r.optional(metadataJSON(o.Metadata))
	r.integer(int64(o.PaymentStatus))
	r.text(o.PaymentToken)
	r.card(o.PaymentCard)
	r.flag(o.KeepOnDecline)
	r.text(o.DeclineReason)
	r.integer(o.CapturedMinor)
	r.integer(o.RefundedMinor)
	r.integer(o.RefundPendingMinor)
	r.flag(o.CancelRequested)
	r.moment(o.ExpiresAt)
	r.instant(o.CreatedAt)
	r.instant(o.UpdatedAt)
	r.integer(o.Version)
	r.integer(o.DisputedMinor)
	r.integer(o.ChargedBackMinor)
}

// scanOrder reads an order without its lines.
func scanOrder(c *columns) *state.Order {
	return &state.Order{
		Tenant: c.text(), ID: c.text(), CustomerID: c.text(),
		Status: small[state.OrderStatus](c), StatusReason: c.text(), StatusDetail: c.text(),
		Currency: c.text(), AmountMinor: c.integer(), Adjustments: list[[]state.Adjustment](c),
		ClientReference: c.text(), Metadata: list[map[string]string](c),
		PaymentStatus: small[state.PaymentStatus](c), PaymentToken: c.text(), PaymentCard: c.card(), KeepOnDecline: c.flag(),
		DeclineReason: c.text(), CapturedMinor: c.integer(), RefundedMinor: c.integer(),
		RefundPendingMinor: c.integer(), CancelRequested: c.flag(),
		ExpiresAt: c.moment(), CreatedAt: c.instant(), UpdatedAt: c.instant(), Version: c.integer(),
		DisputedMinor: c.integer(), ChargedBackMinor: c.integer(),
	}
}

func bindReservation(r *row, value state.Row) {
	v := value.(*state.Reservation) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(v.Tenant)
	r.text(v.ID)
	r.text(v.OrderID)
	r.integer(int64(v.Status))
	r.text(string(demandsJSON(v.Items)))
	r.text(v.RejectedSKU)
	r.integer(v.Version)
	r.instant(v.UpdatedAt)
}

func scanReservation(c *columns) state.Row {
	return &state.Reservation{
		Tenant: c.text(), ID: c.text(), OrderID: c.text(), Status: small[state.ReservationStatus](c),
		Items: list[[]state.Demand](c), RejectedSKU: c.text(), Version: c.integer(), UpdatedAt: c.instant(),
	}
}

func bindPayment(r *row, value state.Row) {
	p := value.(*state.Payment) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(p.Tenant)
	r.text(p.ID)
	r.text(p.OrderID)
	r.integer(int64(p.Status))
	r.text(p.Currency)
	r.integer(p.AmountMinor)
	r.text(p.Provider)
	r.text(p.ExternalID)
	r.text(p.Token)
	r.card(p.Card)
	r.moment(p.CaptureBefore)
	r.integer(int64(p.Attempt))
	r.flag(p.CancelRequested)
	r.integer(p.CapturedMinor)
	r.integer(p.RefundedMinor)
	r.integer(p.RefundPendingMinor)
	r.text(p.DeclineReason)
	r.text(string(refundsJSON(p.Refunds)))
	r.integer(p.Version)
	r.instant(p.CreatedAt)
	r.instant(p.UpdatedAt)
	r.integer(p.DisputedMinor)
	r.integer(p.ChargedBackMinor)
	r.optional(listJSON(p.Disputes))
}

func scanPayment(c *columns) *state.Payment {
	return &state.Payment{
		Tenant: c.text(), ID: c.text(), OrderID: c.text(), Status: small[state.PaymentStatus](c),
		Currency: c.text(), AmountMinor: c.integer(), Provider: c.text(), ExternalID: c.text(), Token: c.text(),
		Card: c.card(), CaptureBefore: c.moment(), Attempt: small[int32](c), CancelRequested: c.flag(), CapturedMinor: c.integer(),
		RefundedMinor: c.integer(), RefundPendingMinor: c.integer(), DeclineReason: c.text(),
		Refunds: list[[]state.Refund](c), Version: c.integer(), CreatedAt: c.instant(), UpdatedAt: c.instant(),
		DisputedMinor: c.integer(), ChargedBackMinor: c.integer(), Disputes: list[[]state.Dispute](c),
	}
}

func bindEffect(r *row, value state.Row) {
	e := value.(*state.Effect) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(e.Tenant)
	r.text(e.ID)
	r.text(e.Kind)
	r.text(e.AggregateID)
	r.text(e.OrderID)
	r.text(e.Provider)
	r.text(e.Token)
	r.text(e.ExternalID)
	r.text(e.Currency)
	r.integer(e.AmountMinor)
	r.moment(e.ExpiresAt)
	r.integer(int64(e.State))
	r.text(e.Owner)
	r.instant(e.NextAt)
	r.integer(int64(e.Attempts))
	r.flag(e.Called)
	r.text(e.LastError)
	r.text(e.TraceID)
	r.instant(e.CreatedAt)
	r.instant(e.UpdatedAt)
	r.integer(int64(e.SettledBy))
	r.optional(listJSON(e.History))
}

func scanEffect(c *columns) *state.Effect {
	return &state.Effect{
		Tenant: c.text(), ID: c.text(), Kind: c.text(), AggregateID: c.text(), OrderID: c.text(), Provider: c.text(),
		Token: c.text(), ExternalID: c.text(), Currency: c.text(), AmountMinor: c.integer(), ExpiresAt: c.moment(),
		State: small[state.EffectState](c), Owner: c.text(), NextAt: c.instant(), Attempts: small[int32](c),
		Called: c.flag(), LastError: c.text(), TraceID: c.text(), CreatedAt: c.instant(), UpdatedAt: c.instant(),
		SettledBy: small[state.EffectParty](c), History: list[[]state.EffectAttempt](c),
	}
}

func bindDeadLetter(r *row, value state.Row) {
	d := value.(*state.DeadLetter) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(d.Tenant)
	r.text(d.ID)
	r.text(d.AggregateID)
	r.text(d.Kind)
	r.blob(d.Payload)
	r.integer(d.Position)
	r.text(d.Error)
	r.integer(int64(d.Attempts))
	r.instant(d.CreatedAt)
	r.moment(d.ReplayedAt)
}

func scanDeadLetter(c *columns) *state.DeadLetter {
	return &state.DeadLetter{
		Tenant: c.text(), ID: c.text(), AggregateID: c.text(), Kind: c.text(), Payload: c.blob(), Position: c.integer(),
		Error: c.text(), Attempts: small[int32](c), CreatedAt: c.instant(), ReplayedAt: c.moment(),
	}
}

func bindItem(r *row, value state.Row) {
	i := value.(*state.Item) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(i.Tenant)
	r.text(i.SKU)
	r.integer(i.OnHand)
	r.integer(i.Reserved)
	r.integer(i.Sold)
	r.integer(i.Version)
	r.integer(i.Seq)
	r.instant(i.UpdatedAt)
}

func scanItem(c *columns) *state.Item {
	return &state.Item{
		Tenant: c.text(), SKU: c.text(), OnHand: c.integer(), Reserved: c.integer(), Sold: c.integer(),
		Version: c.integer(), Seq: c.integer(), UpdatedAt: c.instant(),
	}
}
