package reliability

import (
	"slices"
	"sync/atomic"
	"testing"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/load"
)

// tryEdit changes the pieces of an order's only line, as a caller who has seen the order so.
func (w *world) tryEdit(t testing.TB, server int, seen *omsv1.Order, pieces int32) outcome {
	client := w.any(server).client
	_, err := load.Send(within(t), client, load.Key(), client.Orders.ChangeOrder, &omsv1.ChangeOrderRequest{
		OrderId: seen.Id, ChangeToken: seen.ChangeToken, Changes: []*omsv1.FieldChange{{ChangeId: "pieces", Path: "items[0].qty", Qty: pieces}},
	})
	return told(t, err)
}

// Of two callers who change the lines of one order as both have seen it, one wins, in whichever process; the other is told that the order
// has changed.
func TestEditsAtOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 100_000)
		atOnce(rounds(), func(int) {
			seen := w.reserve(draft("c", 1, "mug"))
			outcomes := make([]outcome, 4)
			atOnce(len(outcomes), func(i int) { outcomes[i] = w.tryEdit(t, i, seen, int32(i+2)) })
			if yes(outcomes) != 1 || slices.ContainsFunc(outcomes, func(o outcome) bool { return o != "" && o != "VERSION_CONFLICT" }) {
				t.Errorf("edits of one order: %q", outcomes)
			}
			winner := slices.Index(outcomes, "")
			if got := w.get(seen.Id); got.Version != seen.Version+1 || got.Items[0].Qty != int32(winner+2) {
				t.Errorf("the winner wanted %d pieces, the order is %v", winner+2, got)
			}
		})
		w.checkEdited(0)
	})
}

// Changed lines against what ends the time in which they may be changed: both may win only where the edit came first, and then payment,
// cancellation and stock are of the lines as they are in the end.
func TestEditAgainstTheEnd(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 100_000)
		var sold atomic.Int64
		atOnce(2*rounds(), func(round int) {
			seen := w.reserve(draft("c", 1, "mug"))
			var edit, other outcome
			atOnce(2, func(i int) {
				switch {
				case i == 0:
					edit = w.tryEdit(t, round, seen, 3)
				case round%2 == 0:
					other = w.tryPay(t, round+1, seen.Id, gateway.TokenOK)
				default:
					other = w.tryCancel(t, round+1, seen.Id)
				}
			})
			if other != "" || !slices.Contains([]outcome{"", "VERSION_CONFLICT", "ILLEGAL_TRANSITION", "PAYMENT_IN_PROGRESS"}, edit) {
				t.Errorf("edit %q, payment or cancellation %q", edit, other)
			}
			got := w.await(seen.Id, confirmed, canceled)
			want := int32(1)
			if edit == "" {
				want = 3
			}
			if got.Items[0].Qty != want || (got.Status == confirmed) != (round%2 == 0) {
				t.Errorf("edit %q, the order is %v", edit, got)
			}
			if got.Status == confirmed {
				sold.Add(int64(want))
				if got.Payment.CapturedMinor != int64(want)*price {
					t.Errorf("edit %q, paid %d", edit, got.Payment.CapturedMinor)
				}
			}
		})
		w.checkEdited(sold.Load())
	})
}

// Changed lines against the timer that ends the order: it does not begin anew, and ends the order as it is then, once.
func TestEditAgainstExpiry(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 100_000)
		var edits atomic.Int64
		atOnce(rounds(), func(round int) {
			seen := w.reserve(draft("c", 1, "mug"))
			for pieces := int32(2); ; pieces = pieces%5 + 1 { // until it has expired
				switch o := w.tryEdit(t, round, seen, pieces); o {
				case "":
					edits.Add(1)
				case "VERSION_CONFLICT", "ILLEGAL_TRANSITION":
				default:
					t.Errorf("an edit is refused with %s", o)
				}
				if seen = w.get(seen.Id); seen.Status == canceled {
					break
				}
			}
			if seen.StatusReason != "EXPIRED" {
				t.Errorf("%v", seen)
			}
		})
		if edits.Load() == 0 {
			t.Error("nothing was edited")
		}
		w.checkEdited(0)
	}, "--unpaid-for", "2s")
}

// checkEdited compares the stock with the lines of all orders, and verifies.
func (w *world) checkEdited(sold int64) {
	w.t.Helper()
	var held int64
	for _, o := range w.checkBooks() {
		if o.Status == reserved {
			held += int64(o.Items[0].Qty)
		}
	}
	w.checkItem("mug", 100_000-sold, held, sold)
}
