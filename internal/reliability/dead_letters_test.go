package reliability

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

// letter is a dead letter as `oms dlq list --json` tells of it.
type letter struct {
	ID          string `json:"id"`
	AggregateID string `json:"aggregate_id"`
	Kind        string `json:"kind"`
	Error       string `json:"error"`
	Attempts    int    `json:"attempts"`
	ReplayedAt  string `json:"replayed_at"`
}

func (w *world) letters(flags ...string) []letter {
	w.t.Helper()
	text, err := w.oms(append([]string{"dlq", "list", "--json", "--internal-addr", w.servers[0].inner}, flags...)...)
	var all []letter
	if err == nil {
		err = json.Unmarshal([]byte(text), &all)
	}
	if err != nil {
		w.t.Fatalf("%v: %s", err, text)
	}
	return all
}

// letter waits for the only one.
func (w *world) letter() letter {
	w.t.Helper()
	w.eventually("there is a dead letter", func() bool { return len(w.letters()) == 1 })
	return w.letters()[0]
}

// replay shows a letter and carries it out again.
func (w *world) replay(l letter) {
	w.t.Helper()
	text, err := w.oms("dlq", "show", l.ID, "--internal-addr", w.servers[0].inner)
	if err != nil || !strings.Contains(text, l.AggregateID) || !strings.Contains(text, "open") {
		w.t.Errorf("oms dlq show: %s %v", text, err)
	}
	if text, err = w.oms("dlq", "replay", l.ID, "--internal-addr", w.servers[0].inner); err != nil || !strings.Contains(text, "replayed") {
		w.t.Errorf("oms dlq replay: %s %v", text, err)
	}
}

// end checks that no letter is open, that the replayed one is told still, and that it cannot be replayed twice.
func (w *world) end(l letter) {
	w.t.Helper()
	if open := w.letters(); len(open) != 0 {
		w.t.Errorf("still open: %v", open)
	}
	if all := w.letters("--all"); len(all) != 1 || all[0].ReplayedAt == "" {
		w.t.Errorf("of all letters are told %v", all)
	}
	before := w.count("SELECT count(*) FROM events")
	_, _ = w.oms("dlq", "replay", l.ID, "--internal-addr", w.servers[0].inner) // refused, or without effect
	w.checkBooks()
	if after := w.count("SELECT count(*) FROM events"); after != before {
		w.t.Errorf("replaying twice made %d events", after-before)
	}
}

// A call that the gateway refuses for good is written down, parks its order only, and is carried out again when it can be.
func TestDeadLetterOfACall(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 10)
		order := w.reserve(draft("c", 1, "mug"))
		w.plant(order.Id, "hold/1", 1, "declined")
		w.pay(order.Id, "sim:ok")
		l := w.letter()
		if l.Kind != "effect" || l.Error == "" || l.Attempts < 1 {
			t.Errorf("letter %+v", l)
		}
		w.buy(draft("c", 1, "mug")) // others go on
		if got := w.get(order.Id); got.Status != reserved {
			t.Errorf("%v", got)
		}
		w.verify()
		w.plant(order.Id, "hold/1", 1, "lost") // as if the other call had never been made
		w.replay(l)
		w.await(order.Id, confirmed)
		w.end(l)
		w.checkItem("mug", 8, 0, 2)
	})
}

// A void that the gateway refuses leaves money held that nobody will take. It is written down, and asked for anew when an operator
// says so, until the gateway holds nothing any more: of an order that was canceled while it was paid, and of one whose capture was
// refused.
func TestDeadLetterOfARefusedVoid(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 10)
		refused, late := w.reserve(draft("c", 1, "mug")), w.reserve(draft("c", 1, "mug"))
		w.plant(refused.Id, "capture/1", price, "declined")
		for _, step := range []string{"void/1", "void/1/2"} {
			w.plant(refused.Id, step, price, "declined")
		}
		w.plant(late.Id, "void/1", price, "declined")
		w.pay(refused.Id, gateway.TokenOK)
		if got := w.await(refused.Id, canceled); got.StatusReason != "PAYMENT_FAILED" {
			t.Errorf("%v", got)
		}
		first := w.letter()
		w.replay(first)
		w.eventually("the second void is refused too", func() bool { letters := w.letters(); return len(letters) == 1 && letters[0].ID != first.ID })
		w.verify()
		w.replay(w.letter())
		w.eventually("nothing is held any more", func() bool { return w.held(refused.Id) == 0 })

		w.pay(late.Id, gateway.TokenLate)
		if o := w.tryCancel(t, 1, late.Id); o != "" {
			t.Fatalf("cannot cancel: %s", o)
		}
		last := w.letter()
		if w.held(late.Id) != price || !strings.Contains(last.Error, "void") {
			t.Errorf("%d are held, letter %+v", w.held(late.Id), last)
		}
		w.replay(last)
		w.eventually("the hold is voided", func() bool { return w.get(late.Id).Payment.Status == statusVoided })
		w.checkBooks() // nothing is held at the gateway
		effects := w.count("SELECT count(*) FROM effects")
		for _, l := range []letter{first, last} {
			_, _ = w.oms("dlq", "replay", l.ID, "--internal-addr", w.servers[0].inner) // refused, or without effect
		}
		if after := w.count("SELECT count(*) FROM effects"); after != effects {
			t.Errorf("replaying again asked for %d calls", after-effects)
		}
		w.checkItem("mug", 10, 0, 0)
	})
}

// A timer whose command is refused for good does not fire for ever: the row goes, a letter tells, and the order expires when what
// stood in the way is mended and the letter replayed. One whose order is not there goes without a letter.
func TestDeadLetterOfATimer(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 10)
		stuck, gone := w.reserve(draft("c", 1, "mug")), w.create(draft("c", 1, "tea")) // of tea there is none
		w.await(gone.Id, canceled)
		w.rest()
		w.stopAll()
		past := map[string]string{onSQLite: "_us = %[1]s_us - 86400000000"}[w.kind]
		if past == "" {
			past = " = %[1]s - interval '1 day'"
		}
		earlier := func(column string) string { return column + fmt.Sprintf(past, column) }
		w.change("UPDATE items SET reserved = 0 WHERE sku = 'mug'") // releasing the piece would reserve -1
		w.change("UPDATE orders SET " + earlier("expires_at"))
		w.change("UPDATE timers SET " + earlier("due_at"))
		w.change("INSERT INTO timers SELECT tenant_id, kind, '" + strings.Replace(gone.Id, "order:0", "order:f", 1) +
			"', due_at" + w.micro() + ", leased_until" + w.micro() + " FROM timers")
		w.startAll()
		w.eventually("both timers are gone", func() bool { return w.count("SELECT count(*) FROM timers") == 0 })
		l := w.letter()
		if l.Kind != "timer" || l.AggregateID != stuck.Id || !strings.Contains(l.Error, "INTERNAL") {
			t.Errorf("letter %+v", l)
		}
		if got := w.get(stuck.Id); got.Status != reserved {
			t.Errorf("%v", got)
		}
		if text, err := w.oms("dlq", "replay", l.ID, "--internal-addr", w.servers[0].inner); err == nil || len(w.letters()) != 1 {
			t.Errorf("replayed before it can be: %s", text)
		}
		w.change("UPDATE items SET reserved = 1 WHERE sku = 'mug'")
		w.verify()
		w.pay(stuck.Id, gateway.TokenDeclined) // the order is not parked
		if got := w.await(stuck.Id, canceled); got.StatusReason != "PAYMENT_DECLINED" {
			t.Errorf("%v", got)
		}
		w.replay(l)
		w.end(l)
		w.checkItem("mug", 10, 0, 0)
	})
}

// held is what the gateway holds for an order.
func (w *world) held(orderID string) int64 {
	w.t.Helper()
	totals, err := gateway.ReadTotals(w.journal)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, total := range totals {
		if total.OrderID == orderID {
			return total.LeftMinor()
		}
	}
	return 0
}

// plant has the gateway know the key of one of an order's calls, over an amount, with a result.
func (w *world) plant(orderID, step string, amount int64, result string) {
	w.t.Helper()
	uuid := strings.TrimPrefix(orderID, "order:")
	kind, _, _ := strings.Cut(step, "/")
	line := fmt.Sprintf(`{"at":1,"due":1,"op":"gateway.%s","tenant":"default","key":"effect:%s/%s","payment":"payment:%s","order":%q,`+
		`"hold":"sim_00000000000000000000000000000000","token":"sim:ok","currency":"EUR","amount_minor":%d,"result":%q}`+"\n",
		kind, uuid, step, uuid, orderID, amount, result)
	file, err := os.OpenFile(w.journal, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err = file.WriteString(line); err == nil {
		err = file.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// An event that cannot be carried out is written down and parks its order; the others behind it go on, and it follows when it can.
func TestDeadLetterOfAnEvent(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 10)
		w.rest()
		w.stopAll()
		w.servers[0].start("--roles", "api")
		poisoned := w.create(draft("poison", 1, "mug"))
		var behind []*omsv1.Order
		for range 5 {
			behind = append(behind, w.create(draft("c", 1, "mug")))
		}
		w.servers[0].stop()
		payload := w.text("SELECT " + w.asHex("payload") + " FROM events WHERE aggregate_id = '" + poisoned.Id + "'")
		w.spoil(poisoned.Id, "ff")
		w.startAll()
		for _, order := range behind {
			w.await(order.Id, reserved)
		}
		l := w.letter()
		if l.AggregateID != poisoned.Id || l.Kind != "order.status_changed" || l.Attempts < 1 || l.Error == "" {
			t.Errorf("letter %+v", l)
		}
		if got := w.get(poisoned.Id); got.Status != pending {
			t.Errorf("%v", got)
		}
		w.stopAll()
		w.spoil(poisoned.Id, payload)
		w.startAll()
		w.replay(l)
		w.await(poisoned.Id, reserved)
		w.end(l)
		w.checkItem("mug", 10, 6, 0)
	})
}

func (w *world) asHex(column string) string {
	if w.kind == onSQLite {
		return "hex(" + column + ")"
	}
	return "encode(" + column + ", 'hex')"
}

// spoil writes the payload of an order's first event.
func (w *world) spoil(orderID, payload string) {
	w.t.Helper()
	text := fmt.Sprintf(`'\x%s'`, payload)
	if w.kind == onSQLite {
		text = fmt.Sprintf("x'%s'", payload)
	}
	w.change("UPDATE events SET payload = " + text + " WHERE aggregate_id = '" + orderID + "' AND seq = 1")
}

// change changes the database behind the servers' backs.
func (w *world) change(query string) {
	w.t.Helper()
	var err error
	if w.kind == onSQLite {
		var connection *sqlite.Conn
		if connection, err = sqlite.OpenConn(filepath.Join(w.servers[0].folder, "oms.db"), sqlite.OpenReadWrite|sqlite.OpenWAL); err == nil {
			defer connection.Close()
			connection.SetBlockOnBusy()
			err = sqlitex.ExecuteTransient(connection, query, nil)
		}
	} else {
		ctx := within(w.t)
		var connection *pgx.Conn
		if connection, err = pgx.Connect(ctx, w.url); err == nil {
			defer connection.Close(ctx)
			_, err = connection.Exec(ctx, query)
		}
	}
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}
