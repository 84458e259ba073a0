package postgres

import (
	"encoding/json"
	"fmt"

	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/ledger"
	"github.com/seed-255eabaa/oms/internal/state"
)

// encodeRow appends a row to the rowset of its table.
func encodeRow(set *rowset, row state.Row) error {
	set.row()
	switch row := row.(type) {
	case *state.Order:
		return encodeOrder(set, row)
	case *state.Reservation:
		return encodeReservation(set, row)
	case *state.Payment:
		return encodePayment(set, row)
	case *state.Effect:
		return encodeEffect(set, row)
	case *state.DeadLetter:
		encodeDeadLetter(set, row)
	case *state.Item:
		encodeItem(set, row)
	case *state.Catalogue:
		encodeCatalogue(set, row)
	case *state.Price:
		encodePrice(set, row)
	case *state.Contact:
		return encodeContact(set, row)
	case *state.Notification:
		return encodeNotification(set, row)
	case *state.Account:
		encodeAccount(set, row)
	case *state.Hold:
		return encodeHold(set, row)
	case *state.OrderDetails:
		return encodeDetails(set, row)
	case *state.ChangeBatch:
		return encodeChanges(set, row)
	case *state.Player:
		return encodePlayer(set, row)
	case *state.Session:
		encodeSession(set, row)
	case *state.Round:
		encodeRound(set, row)
	case *state.Bet:
		return encodeBet(set, row)
	case *state.Settlement:
		return encodeSettlement(set, row)
	case *state.PlayerPayment:
		encodePlayerPayment(set, row)
	case *state.Sandbox:
		encodeSandbox(set, row)
	case *state.Jackpot:
		return encodeJackpot(set, row)
	case *state.JackpotFeed:
		return encodeJackpotFeed(set, row)
	case *state.JackpotTrigger:
		encodeJackpotTrigger(set, row)
	case *state.Bonus:
		return encodeBonus(set, row)
	default:
		return fmt.Errorf("%w: no table for a %T", state.ErrData, row)
	}
	return nil
}

// decodeRow reads a row of a kind's table.
func decodeRow(kind state.Kind, f *fields) (state.Row, error) {
	switch kind {
	case state.KindOrder:
		return decodeOrder(f)
	case state.KindReservation:
		return decodeReservation(f)
	case state.KindPayment:
		return decodePayment(f)
	case state.KindEffect:
		return decodeEffect(f)
	case state.KindDeadLetter:
		return decodeDeadLetter(f), nil
	case state.KindItem:
		return decodeItem(f), nil
	case state.KindCatalogue:
		return decodeCatalogue(f), nil
	case state.KindPrice:
		return decodePrice(f), nil
	case state.KindContact:
		return decodeContact(f)
	case state.KindNotification:
		return decodeNotification(f)
	case state.KindAccount:
		return decodeAccount(f), nil
	case state.KindHold:
		return decodeHold(f)
	case state.KindOrderDetails:
		return decodeDetails(f)
	case state.KindChangeBatch:
		return decodeChanges(f)
	case state.KindPlayer:
		return decodePlayer(f)
	case state.KindSession:
		return decodeSession(f), nil
	case state.KindRound:
		return decodeRound(f), nil
	case state.KindBet:
		return decodeBet(f)
	case state.KindSettlement:
		return decodeSettlement(f)
	case state.KindPlayerPayment:
		return decodePlayerPayment(f), nil
	case state.KindSandbox:
		return decodeSandbox(f), nil
	case state.KindJackpot:
		return decodeJackpot(f)
	case state.KindJackpotFeed:
		return decodeJackpotFeed(f)
	case state.KindJackpotTrigger:
		return decodeJackpotTrigger(f), nil
	case state.KindBonus:
		return decodeBonus(f)
	default:
		return nil, fmt.Errorf("no table for kind %d", kind)
	}
}

// encodeJSON appends a value as JSON, or NULL when it is empty.
func encodeJSON(set *rowset, size int, value any) error {
	if size == 0 {
		set.json(nil)
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%w: %w", state.ErrData, err)
	}
	set.json(text)
	return nil
}

// decodeJSON reads a value, or leaves it nil for NULL.
func decodeJSON(f *fields, value any) error {
	text := f.json()
	if text == nil {
		return nil
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("a stored JSON value: %w", err)
	}
	return nil
}

func encodeOrder(set *rowset, o *state.Order) error {
	set.text(o.Tenant)
	set.text(o.ID)
	set.text(o.CustomerID)
	set.int16(int16(o.Status))
	set.text(o.StatusReason)
	set.text(o.StatusDetail)
	set.text(o.Currency)
	set.int64(o.AmountMinor)
	if err := encodeJSON(set, len(o.Adjustments), o.Adjustments); err != nil {
		return err
	}
	set.text(o.ClientReference)
	if err := encodeJSON(set, len(o.Metadata), o.Metadata); err != nil {
		return err
	}
	set.int16(int16(o.PaymentStatus))
	set.text(o.PaymentToken)
	set.card(o.PaymentCard)
	set.bool(o.KeepOnDecline)
	set.text(o.DeclineReason)
	set.int64(o.CapturedMinor)
	set.int64(o.RefundedMinor)
	set.int64(o.RefundPendingMinor)
	set.bool(o.CancelRequested)
	set.time(o.ExpiresAt)
	set.time(o.CreatedAt)
	set.time(o.UpdatedAt)
	set.int64(o.Version)
	set.int64(o.DisputedMinor)
	set.int64(o.ChargedBackMinor)
	return nil
}

func decodeOrder(f *fields) (*state.Order, error) {
	o := &state.Order{
		Tenant: f.text(), ID: f.text(), CustomerID: f.text(), Status: state.OrderStatus(f.int16()), StatusReason: f.text(),
		StatusDetail: f.text(), Currency: f.text(), AmountMinor: f.int64(),
	}
	if err := decodeJSON(f, &o.Adjustments); err != nil {
		return nil, err
	}
	o.ClientReference = f.text()
	if err := decodeJSON(f, &o.Metadata); err != nil {
		return nil, err
	}
	o.PaymentStatus, o.PaymentToken, o.PaymentCard, o.KeepOnDecline = state.PaymentStatus(f.int16()), f.text(), f.card(), f.bool()
	o.DeclineReason, o.CapturedMinor, o.RefundedMinor = f.text(), f.int64(), f.int64()
	o.RefundPendingMinor, o.CancelRequested, o.ExpiresAt = f.int64(), f.bool(), f.time()
	o.CreatedAt, o.UpdatedAt, o.Version = f.time(), f.time(), f.int64()
	o.DisputedMinor, o.ChargedBackMinor = f.int64(), f.int64()
	return o, nil
}

// encodeLines appends the lines of an order to the rowset of lines.
func encodeLines(set *rowset, o *state.Order) {
	for i := range o.Lines {
		line := &o.Lines[i]
		set.row()
		set.text(o.Tenant)
		set.text(o.ID)
		set.int32(int32(i + 1))
		set.text(line.SKU)
		set.int32(line.Quantity)
		set.int64(line.PriceMinor)
	}
}

// decodeLine reads a line, puts it in its place among those of its order, and answers the order's name.
func decodeLine(f *fields, orderOf func(tenant, id []byte) *state.Order) error {
	tenant, name := f.bytesInPlace(), f.bytesInPlace()
	number, line := int(f.int32()), state.Line{SKU: f.text(), Quantity: f.int32(), PriceMinor: f.int64()}
	order := orderOf(tenant, name)
	if order == nil || number < 1 {
		return fmt.Errorf("line %d of order %s of %s has no place", number, name, tenant)
	}
	for len(order.Lines) < number {
		order.Lines = append(order.Lines, state.Line{})
	}
	order.Lines[number-1] = line
	return nil
}

func encodeReservation(set *rowset, r *state.Reservation) error {
	set.text(r.Tenant)
	set.text(r.ID)
	set.text(r.OrderID)
	set.int16(int16(r.Status))
	if err := encodeJSON(set, len(r.Items), r.Items); err != nil {
		return err
	}
	set.text(r.RejectedSKU)
	set.int64(r.Version)
	set.time(r.UpdatedAt)
	return nil
}

func decodeReservation(f *fields) (*state.Reservation, error) {
	r := &state.Reservation{Tenant: f.text(), ID: f.text(), OrderID: f.text(), Status: state.ReservationStatus(f.int16())}
	if err := decodeJSON(f, &r.Items); err != nil {
		return nil, err
	}
	r.RejectedSKU, r.Version, r.UpdatedAt = f.text(), f.int64(), f.time()
	return r, nil
}

func encodePayment(set *rowset, p *state.Payment) error {
	set.text(p.Tenant)
	set.text(p.ID)
	set.text(p.OrderID)
	set.int16(int16(p.Status))
	set.text(p.Currency)
	set.int64(p.AmountMinor)
	set.text(p.Provider)
	set.text(p.ExternalID)
	set.text(p.Token)
	set.card(p.Card)
	set.time(p.CaptureBefore)
	set.int32(p.Attempt)
	set.bool(p.CancelRequested)
	set.int64(p.CapturedMinor)
	set.int64(p.RefundedMinor)
	set.int64(p.RefundPendingMinor)
	set.text(p.DeclineReason)
	if err := encodeJSON(set, len(p.Refunds), p.Refunds); err != nil {
		return err
	}
	set.int64(p.Version)
	set.time(p.CreatedAt)
	set.time(p.UpdatedAt)
	set.int64(p.DisputedMinor)
	set.int64(p.ChargedBackMinor)
	return encodeJSON(set, len(p.Disputes), p.Disputes)
}

func decodePayment(f *fields) (*state.Payment, error) {
	p := &state.Payment{
		Tenant: f.text(), ID: f.text(), OrderID: f.text(), Status: state.PaymentStatus(f.int16()), Currency: f.text(),
		AmountMinor: f.int64(), Provider: f.text(), ExternalID: f.text(), Token: f.text(), Card: f.card(),
		CaptureBefore: f.time(), Attempt: f.int32(), CancelRequested: f.bool(), CapturedMinor: f.int64(),
		RefundedMinor: f.int64(), RefundPendingMinor: f.int64(),
		DeclineReason: f.text(),
	}
	if err := decodeJSON(f, &p.Refunds); err != nil {
		return nil, err
	}
	p.Version, p.CreatedAt, p.UpdatedAt = f.int64(), f.time(), f.time()
	p.DisputedMinor, p.ChargedBackMinor = f.int64(), f.int64()
	return p, decodeJSON(f, &p.Disputes)
}

func encodeEffect(set *rowset, e *state.Effect) error {
	set.text(e.Tenant)
	set.text(e.ID)
	set.text(e.Kind)
	set.text(e.AggregateID)
	set.text(e.OrderID)
	set.text(e.Provider)
	set.text(e.Token)
	set.text(e.ExternalID)
	set.text(e.Currency)
	set.int64(e.AmountMinor)
	set.time(e.ExpiresAt)
	set.int16(int16(e.State))
	set.text(e.Owner)
	set.time(e.NextAt)
	set.int32(e.Attempts)
	set.bool(e.Called)
	set.text(e.LastError)
	set.text(e.TraceID)
	set.time(e.CreatedAt)
	set.time(e.UpdatedAt)
	set.int16(int16(e.SettledBy))
	return encodeJSON(set, len(e.History), e.History)
}

func decodeEffect(f *fields) (*state.Effect, error) {
	e := &state.Effect{
		Tenant: f.text(), ID: f.text(), Kind: f.text(), AggregateID: f.text(), OrderID: f.text(), Provider: f.text(), Token: f.text(),
		ExternalID: f.text(), Currency: f.text(), AmountMinor: f.int64(), ExpiresAt: f.time(), State: state.EffectState(f.int16()), Owner: f.text(),
		NextAt: f.time(), Attempts: f.int32(), Called: f.bool(), LastError: f.text(), TraceID: f.text(), CreatedAt: f.time(),
		UpdatedAt: f.time(), SettledBy: state.EffectParty(f.int16()),
	}
	if err := decodeJSON(f, &e.History); err != nil {
		return nil, err
	}
	return e, nil
}

func encodeDeadLetter(set *rowset, d *state.DeadLetter) {
	set.text(d.Tenant)
	set.text(d.ID)
	set.text(d.AggregateID)
	set.text(d.Kind)
	set.bytes(d.Payload)
	set.int64(d.Position)
	set.text(d.Error)
	set.int32(d.Attempts)
	set.time(d.CreatedAt)
	set.time(d.ReplayedAt)
}

func decodeDeadLetter(f *fields) *state.DeadLetter {
	return &state.DeadLetter{
		Tenant: f.text(), ID: f.text(), AggregateID: f.text(), Kind: f.text(), Payload: emptyIsNil(f.bytes()), Position: f.int64(),
		Error: f.text(), Attempts: f.int32(), CreatedAt: f.time(), ReplayedAt: f.time(),
	}
}

func emptyIsNil(value []byte) []byte {
	if len(value) == 0 {
		return nil
	}
	return value
}

func encodeItem(set *rowset, i *state.Item) {
	set.text(i.Tenant)
	set.text(i.SKU)
	set.int64(i.OnHand)
	set.int64(i.Reserved)
	set.int64(i.Sold)
	set.int64(i.Version)
	set.int64(i.Seq)
	set.time(i.UpdatedAt)
}

func decodeItem(f *fields) *state.Item {
	return &state.Item{
		Tenant: f.text(), SKU: f.text(), OnHand: f.int64(), Reserved: f.int64(), Sold: f.int64(), Version: f.int64(), Seq: f.int64(),
		UpdatedAt: f.time(),
	}
}

func encodeAnswer(set *rowset, a *state.KeyedAnswer) {
	set.row()
	set.text(a.Key.Tenant)
	set.text(a.Key.Principal)
	set.text(a.Key.Key)
	set.bytes(a.Answer.Hash[:])
	set.text(a.Answer.Method)
	set.int16(int16(a.Answer.Code))
	set.bytes(a.Answer.Body)
	set.time(a.Answer.At)
}

func decodeAnswer(f *fields) (state.Key, *state.Answer) {
	key := state.Key{Tenant: f.text(), Principal: f.text(), Key: f.text()}
	answer := &state.Answer{}
	copy(answer.Hash[:], f.bytesInPlace())
	answer.Method = f.text()
	answer.Code = fault.Code(f.int16()) //nolint:gosec // a code when it was stored
	answer.Body, answer.At = f.bytes(), f.time()
	return key, answer
}

func encodeTimerKey(set *rowset, t *state.TimerKey) {
	set.row()
	set.text(t.Tenant)
	set.text(t.Kind)
	set.text(t.AggregateID)
}

func decodeTimer(f *fields) state.Timer {
	return state.Timer{TimerKey: state.TimerKey{Tenant: f.text(), Kind: f.text(), AggregateID: f.text()}, DueAt: f.time()}
}

func encodeTransfer(transfers, entries *rowset, t *ledger.Transfer) {
	transfers.row()
	transfers.text(t.Tenant)
	transfers.text(t.ID)
	transfers.text(t.Kind)
	transfers.text(t.OrderID)
	transfers.text(t.Currency)
	transfers.time(t.At)
	for i := range t.Entries {
		entries.row()
		entries.text(t.Tenant)
		entries.text(t.ID)
		entries.int32(int32(i + 1))
		entries.text(t.Entries[i].Account)
		entries.int64(t.Entries[i].AmountMinor)
		entries.time(t.At)
		entries.int64(t.Entries[i].Number)
		entries.int64(t.Entries[i].BalanceMinor)
	}
}
