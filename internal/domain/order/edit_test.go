package order_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

// edit decides an edit on an order and what is known of its persons, which may be nil.
func edit(o *state.Order, details *state.OrderDetails, e order.Edit) (domain.Decision, *fault.Fault) {
	w := world{o.Ref(): o}
	if details != nil {
		w[details.Ref()] = details
	}
	e.Name = name
	plan, refusal := e.Plan(w, now)
	if refusal != nil {
		return domain.Decision{}, refusal
	}
	return plan.Decide(now)
}

func listed(parts ...order.Part) order.Edit { return order.Edit{Listed: true, Parts: parts} }

func added(sku string, quantity int32, price int64) order.Part {
	return order.Part{Target: order.TargetAddLine, Path: "items", Currency: "EUR",
		Added: state.Line{SKU: sku, Quantity: quantity, PriceMinor: price}}
}

var (
	gone  = order.Part{Target: order.TargetRemoveLine, Path: "items[0]"}
	town  = order.Part{Target: order.TargetDelivery, Path: "delivery_details.city", Field: "city", Value: "Bern"}
	email = order.Part{Target: order.TargetClient, Path: "client_details.email", Field: "email", Value: "a@b.example"}
	ref   = order.Part{Target: order.TargetReference, Path: "client_reference", Value: "r"}
)

func quantity(line int, of int32) order.Part {
	return order.Part{Target: order.TargetQuantity, Path: fmt.Sprintf("items[%d].qty", line), Line: line, Quantity: of}
}

// What may be changed when: lines while nobody has been asked for the money, the address until the goods are sold, the rest until the end.
func TestStatusesOfEdits(t *testing.T) {
	for _, test := range []struct {
		status  state.OrderStatus
		payment state.PaymentStatus
		reasons [3]string // of lines, address, e-mail
	}{
		{state.OrderPending, state.PaymentNone, [3]string{}},
		{state.OrderPending, state.PaymentRequested, [3]string{"PAYMENT_IN_PROGRESS"}},
		{state.OrderReserved, state.PaymentDeclined, [3]string{}},
		{state.OrderReserved, state.PaymentProcessing, [3]string{"PAYMENT_IN_PROGRESS"}},
		{state.OrderReserved, state.PaymentUnknown, [3]string{"PAYMENT_IN_PROGRESS"}},
		{state.OrderPaid, state.PaymentAuthorized, [3]string{"ILLEGAL_TRANSITION"}},
		{state.OrderConfirmed, state.PaymentCaptured, [3]string{"ILLEGAL_TRANSITION", "ILLEGAL_TRANSITION"}},
		{state.OrderCanceled, state.PaymentNone, [3]string{"ILLEGAL_TRANSITION", "ILLEGAL_TRANSITION", "ILLEGAL_TRANSITION"}},
	} {
		for i, part := range []order.Part{quantity(0, 2), town, email} {
			o := given(test.status, test.payment)
			decision, _ := edit(o, nil, listed(part))
			reason := ""
			if decision.Refusal != nil {
				reason = decision.Refusal.Reason
			}
			if reason != test.reasons[i] {
				t.Errorf("%s of an order that is %s with payment %s: %q, want %q", part.Path, test.status, test.payment, reason, test.reasons[i])
			}
		}
	}
	if decision, refusal := edit(given(state.OrderCanceled, state.PaymentNone), &state.OrderDetails{
		Tenant: "t", OrderID: orderID, Client: map[string]string{"name": "A"}, Version: 1,
	}, order.Edit{Forget: true, Parts: []order.Part{{Target: order.TargetDelivery}, {Target: order.TargetClient}}}); refusal != nil ||
		len(decision.Changes) != 3 || len(decision.Changes[1].After.(*state.OrderDetails).Client) != 0 {
		t.Errorf("forgotten: %v %+v", refusal, decision)
	}
}

// One edit is one version and one event, however many parts it has; it is noted without values.
func TestEditIsOneVersion(t *testing.T) {
	o := given(state.OrderReserved, state.PaymentNone)
	decision, refusal := edit(o, nil, listed(quantity(0, 3), added("B", 2, 5), town, email, ref))
	if refusal != nil || decision.Refusal != nil {
		t.Fatal(refusal, decision.Refusal)
	}
	after := decision.Changes[0].After.(*state.Order)
	details := decision.Changes[1].After.(*state.OrderDetails)
	batch := decision.Changes[2].After.(*state.ChangeBatch)
	if after.Version != o.Version+1 || after.AmountMinor != 3010 || len(after.Lines) != 2 || after.ClientReference != "r" ||
		decision.Changes[0].Event != order.EventUpdated || decision.Changes[0].Reason != order.ItemsChanged {
		t.Errorf("the order: %+v", after)
	}
	if details.Delivery["city"] != "Bern" || details.Client["email"] != "a@b.example" || details.Batches != 1 {
		t.Errorf("the details: %+v", details)
	}
	if batch.OrderVersion != after.Version || len(batch.Changes) != 5 || batch.Changes[2] != (state.Changed{Path: town.Path, Status: state.ChangeApplied}) {
		t.Errorf("the note: %+v", batch)
	}
}

// A part that is wrong has the whole list refused, and every part that is wrong is told and noted; nothing else changes.
func TestListIsRefusedAsAWhole(t *testing.T) {
	o := given(state.OrderReserved, state.PaymentNone)
	known := &state.OrderDetails{Tenant: "t", OrderID: orderID, Delivery: map[string]string{"city": "Basel"}, Batches: 4, Version: 2}
	decision, refusal := edit(o, known, listed(town, quantity(7, 1), gone, quantity(0, 2)))
	if refusal != nil || decision.Refusal == nil || decision.Refusal.Reason != "LINE_UNKNOWN" || len(decision.Refusal.Violations) != 2 ||
		decision.Refusal.Violations[1].Field != "changes[3]" || decision.Refusal.Metadata["batch"] != "5" {
		t.Fatalf("%v %+v", refusal, decision.Refusal)
	}
	if len(decision.Changes) != 2 {
		t.Fatalf("changed: %+v", decision.Changes)
	}
	details, batch := decision.Changes[0].After.(*state.OrderDetails), decision.Changes[1].After.(*state.ChangeBatch)
	if details.Delivery["city"] != "Basel" || details.Batches != 5 || batch.OrderVersion != 0 {
		t.Errorf("%+v %+v", details, batch)
	}
	for i, want := range []state.ChangeStatus{state.ChangeNotApplied, state.ChangeRefused, state.ChangeNotApplied, state.ChangeRefused} {
		if batch.Changes[i].Status != want {
			t.Errorf("change %d is noted as %d, want %d", i, batch.Changes[i].Status, want)
		}
	}
}

func TestEditRefusals(t *testing.T) {
	many := make([]order.Part, 1000)
	for i := range many {
		many[i] = added("B", 1, 0)
	}
	pairs := make([]order.Part, 33)
	for i := range pairs {
		pairs[i] = order.Part{Target: order.TargetMetadata, Path: "metadata.k", Field: fmt.Sprint(i), Value: "v"}
	}
	foreign := added("B", 1, 1)
	foreign.Currency = "USD"
	static := town
	static.Refused = fault.Invalid(town.Path, "CHANGE_VALUE_INVALID", "is no town")
	for reason, e := range map[string]order.Edit{
		"LINES_MISSING":        listed(gone),
		"TOO_MANY_LINES":       listed(many...),
		"AMOUNT_OVERFLOW":      listed(added("B", 2, money.Limit)),
		"NEGATIVE_AMOUNT":      listed(gone, added("B", 1, 1)),
		"CURRENCY_MISMATCH":    listed(foreign),
		"LINE_UNKNOWN":         listed(gone, gone),
		"CHANGE_VALUE_INVALID": listed(quantity(7, 1), static),
	} {
		o := given(state.OrderPending, state.PaymentNone, func(o *state.Order) {
			if reason == "NEGATIVE_AMOUNT" {
				o.Adjustments = []state.Adjustment{{Name: "discount", AmountMinor: -500}}
			}
		})
		if decision, refusal := edit(o, nil, e); refusal != nil || decision.Refusal == nil || decision.Refusal.Reason != reason {
			t.Errorf("%s: %v %v", reason, refusal, decision.Refusal)
		}
	}
	if decision, _ := edit(given(state.OrderPending, state.PaymentNone), nil, listed(pairs...)); decision.Refusal == nil {
		t.Error("33 pairs of metadata are taken")
	}
}

// A token is that of one version of one order. A stale one is told the current one, and nothing is noted, so that a repeat under the same key is
// decided anew.
func TestStaleToken(t *testing.T) {
	o := given(state.OrderReserved, state.PaymentNone)
	e := listed(town)
	e.Token = order.ChangeToken(o.ID, o.Version-1)
	decision, refusal := edit(o, nil, e)
	if refusal == nil || refusal.Reason != "VERSION_CONFLICT" || refusal.Stored() || len(decision.Changes) != 0 ||
		refusal.Metadata["change_token"] != order.ChangeToken(o.ID, o.Version) || refusal.Metadata["status"] != "RESERVED" {
		t.Fatalf("%+v", refusal)
	}
	e.Token = refusal.Metadata["change_token"]
	if decision, refusal := edit(o, nil, e); refusal != nil || decision.Refusal != nil {
		t.Errorf("%v %v", refusal, decision.Refusal)
	}
	if other := order.ChangeToken("order:019b0000-0000-7000-8000-000000000002", o.Version); other == e.Token {
		t.Error("two orders have one token")
	}
}

// Against a model: lines are named by their places before the list, whatever the list takes away and adds, and the amount is their sum.
func TestLinesAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := given(state.OrderReserved, state.PaymentNone)
		o.Lines = nil
		for i := range rapid.IntRange(1, 5).Draw(t, "lines") {
			o.Lines = append(o.Lines, state.Line{SKU: fmt.Sprint(i), Quantity: 1, PriceMinor: 10})
		}
		model, more := map[int]int32{}, int64(0)
		for i := range o.Lines {
			model[i] = 1
		}
		var parts []order.Part
		for range rapid.IntRange(1, 6).Draw(t, "parts") {
			line, of := rapid.IntRange(0, len(o.Lines)-1).Draw(t, "line"), rapid.Int32Range(1, 9).Draw(t, "qty")
			switch _, there := model[line]; rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				parts, more = append(parts, added("new", of, 3)), more+3*int64(of)
			case 1:
				if there {
					parts = append(parts, order.Part{Target: order.TargetRemoveLine, Path: "items", Line: line})
					delete(model, line)
				}
			default:
				if there {
					parts, model[line] = append(parts, quantity(line, of)), of
				}
			}
		}
		if len(parts) == 0 {
			return
		}
		decision, _ := edit(o, nil, listed(parts...))
		want := more
		for _, of := range model {
			want += 10 * int64(of)
		}
		if want == 0 {
			if decision.Refusal == nil || decision.Refusal.Reason != "LINES_MISSING" {
				t.Fatalf("an order without lines: %v", decision.Refusal)
			}
			return
		}
		if after := decision.Changes[0].After.(*state.Order); decision.Refusal != nil || after.AmountMinor != want {
			t.Fatalf("%v: %d, want %d", decision.Refusal, after.AmountMinor, want)
		}
	})
}
