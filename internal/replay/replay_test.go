package replay

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/load/loadtest"
)

const head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

// dirty has one of everything that is wrong with the real file, and some that is not in it yet.
const dirty = head +
	"1,MUG,A MUG,10,12/1/10 8:26,2.55,17850,United Kingdom\n" +
	"1,CUP,\"A CUP, \",5,12/1/10 8:26,1,17850,United Kingdom\n" +
	"1,MUG,again,2,12/1/10 8:26,2.55,17850,United Kingdom\n" +
	"2,MUG,damages ??,-7,12/1/10 8:30,0,,United Kingdom\n" + // the whole invoice is refused
	"3,PADS,too fine,1,12/1/10 8:31,0.001,13952,United Kingdom\n" +
	"3,GIFT,free,1,12/1/10 8:31,0,13952,United Kingdom\n" +
	"4,BAD*SKU,stray character,1,12/1/10 8:32,3.10,,France\n" + // a guest
	"4,MUG,fine,1,12/1/10 8:32,2.1,,France\n" +
	"C5,MUG,back,-3,12/2/10 8:32,2.55,17850,United Kingdom\n" +
	"C5,MUG,too many,-30,12/2/10 8:32,2.55,17850,United Kingdom\n" +
	"C6,CUP,nobody,-1,12/2/10 8:33,1.00,,United Kingdom\n" +
	"C7,HAT,never sold,-1,12/2/10 8:34,1.00,17850,United Kingdom\n" +
	"C7,CUP,wrong way,1,12/2/10 8:34,1.00,17850,United Kingdom\n" +
	"C7,CUP,no money,-1,12/2/10 8:34,0,17850,United Kingdom\n" +
	"8,MUG,half,1.5,12/3/10 8:35,1.00,17850,United Kingdom\n" +
	"8,MUG,huge,99999999999,12/3/10 8:35,1.00,17850,United Kingdom\n" +
	"8,MUG,word,one,12/3/10 8:35,1.00,17850,United Kingdom\n" +
	"1,CUP,stands apart,1,12/1/10 8:27,1,17850,United Kingdom\n" +
	"9,MUG,pric"

func write(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "data.csv.gz")
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	if err := os.WriteFile(name, zipped.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func connect(t testing.TB, server *loadtest.Server) *load.Client {
	t.Helper()
	conn := server.Connect(t)
	client := load.New(conn, conn)
	client.Policy.First = time.Millisecond
	return client
}

// replayFile replays and reads the report back from its JSON.
func replayFile(ctx context.Context, t testing.TB, client *load.Client, name string, clients int) (*Report, error) {
	t.Helper()
	s, of, err := readFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	failure := replay(ctx, client, s, of, Options{File: name, Clients: clients, JSON: true, Out: &out}.withDefaults())
	report := &Report{}
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), report); err != nil {
			t.Fatalf("%v in %s", err, out.String())
		}
	}
	return report, failure
}

func reasons(all []Reason) string {
	var words []string
	for _, reason := range all {
		words = append(words, fmt.Sprintf("%s %d %s", reason.Reason, reason.Lines, reason.GBP))
	}
	return strings.Join(words, "; ")
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestDirt(t *testing.T) {
	server := loadtest.New()
	client, name := connect(t, server), write(t, dirty)
	report, err := replayFile(t.Context(), t, client, name, 4)
	if err != nil {
		t.Fatalf("%v: %+v", err, report.Checks)
	}
	equal(t, "complete and agreeing", report.Complete && report.Agrees, true)
	equal(t, "lines", report.Lines, 19)
	equal(t, "accepted", fmt.Sprint(report.Sales.Accepted.Invoices, report.Sales.Accepted.Lines, report.Sales.Accepted.GBP), "3 6 38.7")
	equal(t, "sales refused", reasons(report.Sales.Reasons),
		"UNREADABLE 2 0; PRICE_FINER_THAN_PENCE 1 0.001; QTY_NOT_WHOLE 1 1.5; QTY_TOO_LARGE 1 99999999999; qty INT32_GTE 1 0; "+
			"sku PARTNER_ID 1 3.1")
	equal(t, "refunded", fmt.Sprint(report.Credits.Refunded.Lines, report.Credits.Refunded.GBP), "1 7.65")
	equal(t, "unmatched", reasons(report.Credits.Unmatching), "NOT_ENOUGH_LEFT 1 76.5; NO_CUSTOMER 1 1; NO_ORDER_WITH_SKU 1 1")
	equal(t, "credits refused", reasons(report.Credits.Reasons), "CREDIT_WITHOUT_RETURN 1 -1; NOTHING_TO_REFUND 1 0")
	equal(t, "trimmed", report.Sales.Trimmed, 2)
	orders := server.Orders()
	equal(t, "orders", len(orders), 3)
	for _, order := range orders {
		if order.ClientReference == "retail:4" {
			equal(t, "guest", order.CustomerId, "guest:4")
			equal(t, "what was refused", order.Metadata["refused sku PARTNER_ID"], "1")
			equal(t, "country", order.Metadata["country"], "France")
		}
		if order.ClientReference == "retail:1" {
			equal(t, "lines together", len(order.Items), 4)
		}
	}
	equal(t, "stock of MUG", server.Item("MUG").Stocked, 13)
	equal(t, "MUG left", server.Item("MUG").OnHand, 0)

	// Again, days later: nothing is done, and the report says the same.
	server.ForgetKeys()
	commands := commandsOf(server)
	again, err := replayFile(t.Context(), t, client, name, 4)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "commands of the second run", commandsOf(server), commands)
	equal(t, "resumed", again.Sales.Resumed, 3)
	equal(t, "report", outcome(again), outcome(report))
}

func commandsOf(server *loadtest.Server) string {
	return fmt.Sprint(server.Commands("CreateOrder"), server.Commands("PayOrder"), server.Commands("RefundOrder"), server.Commands("SetStock"))
}

// outcome is what became of the file, apart from when and how.
func outcome(r *Report) string {
	sum := func(s Sum) string { return fmt.Sprint(s.Invoices, s.Lines, s.GBP) }
	return strings.Join([]string{
		sum(r.Sales.Accepted), sum(r.Sales.Refused), reasons(r.Sales.Reasons), fmt.Sprint(r.Sales.Trimmed), sum(r.Credits.Refunded),
		reasons(r.Credits.Unmatching), reasons(r.Credits.Reasons), fmt.Sprint(r.Server.CapturedPence, r.Server.RefundedPence),
	}, "\n")
}

func TestReportForPeople(t *testing.T) {
	name := write(t, dirty)
	s, of, err := readFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	client := connect(t, loadtest.New())
	if err := replay(t.Context(), client, s, of, Options{File: name, Out: &out}.withDefaults()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Daqing Chen", "CC BY 4.0", "price finer than pence", "0.001", "captured 3,870 pence", "ok  "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "\x1b") {
			t.Errorf("colours without a terminal: %q", line)
		}
	}
}

func TestNothingIsHiddenWhenTotalsDiffer(t *testing.T) {
	server := loadtest.New()
	client, name := connect(t, server), write(t, dirty)
	if _, err := replayFile(t.Context(), t, client, name, 4); err != nil {
		t.Fatal(err)
	}
	// Somebody else refunds a part of an order: the server's totals are no longer the file's.
	for _, order := range server.Orders() {
		if order.ClientReference == "retail:4" {
			_, err := load.Send(t.Context(), client, load.Key(), client.Orders.RefundOrder, &omsv1.RefundOrderRequest{OrderId: order.Id})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	report, err := replayFile(t.Context(), t, client, name, 4)
	if !errors.Is(err, ErrTotals) || report.Agrees {
		t.Errorf("got %v", err)
	}
}

func TestOrderOfAnotherContentIsNotTakenOver(t *testing.T) {
	server := loadtest.New()
	client := connect(t, server)
	if _, err := replayFile(t.Context(), t, client, write(t, head+"1,MUG,,2,d,1.00,7,UK\n"), 1); err != nil {
		t.Fatal(err)
	}
	report, err := replayFile(t.Context(), t, client, write(t, head+"1,MUG,,3,d,1.00,7,UK\n"), 1)
	if !errors.Is(err, ErrTotals) || reasons(report.Sales.Reasons) != "EXISTS_WITH_OTHER_CONTENT 1 3" {
		t.Errorf("got %v, %s", err, reasons(report.Sales.Reasons))
	}
}

// Pieces that others have reserved are not sold twice, and those that are there are enough.
func TestStockLeavesReservedAlone(t *testing.T) {
	server := loadtest.New()
	client := connect(t, server)
	if _, err := load.Send(t.Context(), client, load.Key(), client.Inventory.SetStock, &omsv1.SetStockRequest{Sku: "MUG", OnHand: proto.Int64(5)}); err != nil {
		t.Fatal(err)
	}
	_, err := load.Send(t.Context(), client, load.Key(), client.Orders.CreateOrder, &omsv1.CreateOrderRequest{
		CustomerId: "other", Currency: "GBP", Items: []*omsv1.OrderItem{{Sku: "MUG", Qty: 4, Price: &omsv1.Money{Currency: "GBP"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for server.Item("MUG").Reserved != 4 {
		time.Sleep(time.Millisecond)
	}
	if _, err := replayFile(t.Context(), t, client, write(t, head+"1,MUG,,3,d,1.00,7,UK\n"), 1); err != nil {
		t.Fatal(err)
	}
	equal(t, "on hand", server.Item("MUG").OnHand, 4)
}

// An order that expires under the replay's hands is tried again under another key.
func TestExpiredOrderIsTriedAgain(t *testing.T) {
	server := loadtest.New()
	client, name := connect(t, server), write(t, head+"1,MUG,,3,d,1.00,7,UK\n")
	first := true
	server.SetTrouble(func(method string, _ int) (error, error) {
		if method == "PayOrder" && first {
			first = false
			go server.ExpireUnpaid()
			return status.Error(codes.Unavailable, "a long time"), nil
		}
		return nil, nil
	})
	client.Policy.First = 100 * time.Millisecond
	report, err := replayFile(t.Context(), t, client, name, 1)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "orders", fmt.Sprint(report.Server.ByStatus), "map[CANCELED:1 CONFIRMED:1]")
}

// What somebody canceled on purpose is not ordered again.
func TestCanceledOrderStaysCanceled(t *testing.T) {
	server := loadtest.New()
	client, name := connect(t, server), write(t, head+"1,MUG,,3,d,1.00,7,UK\n")
	ctx, stop := context.WithCancel(t.Context())
	server.SetTrouble(func(method string, _ int) (error, error) {
		if method == "PayOrder" {
			stop()
			return status.Error(codes.Unavailable, "stopped"), nil
		}
		return nil, nil
	})
	stopped, err := replayFile(ctx, t, client, name, 1)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	equal(t, "not done when stopped", fmt.Sprint(stopped.Sales.NotDone.Lines, stopped.Sales.Refused.Lines, stopped.Complete), "1 0 false")
	server.SetTrouble(nil)
	_, err = load.Send(t.Context(), client, load.Key(), client.Orders.CancelOrder,
		&omsv1.CancelOrderRequest{OrderId: server.Orders()[0].Id})
	if err != nil {
		t.Fatal(err)
	}
	report, err := replayFile(t.Context(), t, client, name, 1)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "refused", reasons(report.Sales.Reasons), "CANCELED_BY_CLIENT 1 3")
	equal(t, "orders", len(server.Orders()), 1)
}

// Credit notes find the newest order with enough left, in pieces and in pence, and never the same pieces twice.
func TestCreditNotes(t *testing.T) {
	const sales = head + "1,MUG,,10,d,1.00,7,UK\n2,MUG,,4,d,2.00,7,UK\n2,CUP,,1,d,9.00,7,UK\n3,MUG,,4,d,2.00,8,UK\n"
	for name, test := range map[string]struct{ credits, want, unmatched string }{
		"the newest":                   {"C4,MUG,,-4,d,1.00,7,UK\n", "retail:2 400", ""},
		"one with enough pieces":       {"C4,MUG,,-5,d,1.00,7,UK\n", "retail:1 500", ""},
		"one with enough pence":        {"C4,MUG,,-3,d,3.00,7,UK\n", "retail:1 900", ""},
		"not the pence of another SKU": {"C4,MUG,,-4,d,3.00,7,UK\n", "", "NOT_ENOUGH_LEFT 1 12"},
		"not the same pieces twice": {
			"C4,MUG,,-4,d,2.00,7,UK\nC4,MUG,,-4,d,2.00,7,UK\nC4,MUG,,-4,d,2.00,7,UK\n", "retail:1 800, retail:2 800", "NOT_ENOUGH_LEFT 1 8",
		},
		"not before it was sold": {"C4,HAT,,-1,d,2.00,7,UK\n5,HAT,,1,d,2.00,7,UK\n", "", "NO_ORDER_WITH_SKU 1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			server := loadtest.New()
			report, err := replayFile(t.Context(), t, connect(t, server), write(t, sales+test.credits), 2)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, order := range server.Orders() {
				if minor := order.Payment.RefundedMinor; minor > 0 {
					got = append(got, fmt.Sprint(order.ClientReference, " ", minor))
				}
			}
			slices.Sort(got)
			equal(t, "refunded", strings.Join(got, ", "), test.want)
			equal(t, "unmatched", reasons(report.Credits.Unmatching), test.unmatched)
		})
	}
}

// A refund whose client was killed while it was on its way is not asked for a second time.
func TestRefundOnItsWayIsNotDoubled(t *testing.T) {
	server := loadtest.New()
	client, name := connect(t, server), write(t, head+"1,MUG,,10,d,1.00,7,UK\nC2,MUG,,-2,d,1.00,7,UK\n")
	ctx, stop := context.WithCancel(t.Context())
	server.SetTrouble(func(method string, _ int) (error, error) {
		if method == "RefundOrder" {
			stop()
			return loadtest.ErrHeld, nil
		}
		return nil, nil
	})
	if _, err := replayFile(ctx, t, client, name, 1); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	server.SetTrouble(nil)
	report, err := replayFile(t.Context(), t, client, name, 1)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "refunded", report.Server.RefundedPence, 200)
}

// What others have refunded is not there to be refunded.
func TestForeignRefundsCount(t *testing.T) {
	server := loadtest.New()
	const sale = head + "1,MUG,,10,d,1.00,7,UK\n"
	client := connect(t, server)
	if _, err := replayFile(t.Context(), t, client, write(t, sale), 1); err != nil {
		t.Fatal(err)
	}
	_, err := load.Send(t.Context(), client, load.Key(), client.Orders.RefundOrder, &omsv1.RefundOrderRequest{
		OrderId: server.Orders()[0].Id, Amount: &omsv1.Money{Currency: "GBP", AmountMinor: 900}, Reason: "by hand",
	})
	if err != nil {
		t.Fatal(err)
	}
	report, err := replayFile(t.Context(), t, client, write(t, sale+"C2,MUG,,-2,d,1.00,7,UK\n"), 1)
	if !errors.Is(err, ErrTotals) {
		t.Fatal(err)
	}
	equal(t, "unmatched", reasons(report.Credits.Unmatching), "NOT_ENOUGH_LEFT 1 2")
}

func TestRefusesWhatIsNotTheData(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "other": "a,b\n1,2\n"} {
		if _, _, err := readFile(write(t, text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, _, err := readFile(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("no error for an absent file")
	}
}

// The server does not know us: one error, not a refusal for every line.
func TestFatalErrorsEndTheReplay(t *testing.T) {
	server := loadtest.New()
	server.SetTrouble(func(method string, _ int) (error, error) {
		if method == "CreateOrder" {
			return status.Error(codes.PermissionDenied, "no"), nil
		}
		return nil, nil
	})
	report, err := replayFile(t.Context(), t, connect(t, server), write(t, dirty), 4)
	if load.RefusalOf(err).Code != codes.PermissionDenied || report.Complete {
		t.Errorf("got %v", err)
	}
}

// shopOf draws a file: a few customers and SKUs, so that credit notes meet orders, with every kind of dirt.
func shopOf(t *rapid.T) string {
	var b strings.Builder
	b.WriteString(head)
	prices := []string{"0", "0.01", "0.5", "1", "1.25", "2.10", "0.001", "3.333"}
	for i := range rapid.IntRange(1, 30).Draw(t, "invoices") {
		customer := rapid.SampledFrom([]string{"", "c1", "c2", "c3"}).Draw(t, "customer")
		credit := rapid.IntRange(0, 2).Draw(t, "kind") == 0
		for range rapid.IntRange(1, 4).Draw(t, "lines") {
			sku := rapid.SampledFrom([]string{"A", "B", "D", "A", "B", "bad*"}).Draw(t, "sku")
			qty := rapid.IntRange(1, 6).Draw(t, "qty")
			if credit != (rapid.IntRange(0, 9).Draw(t, "dirt") == 0) {
				qty = -qty
			}
			number := fmt.Sprint(i)
			if credit {
				number = "C" + number
			}
			fmt.Fprintf(&b, "%s,%s,x,%d,d,%s,%s,UK\n", number, sku, qty, rapid.SampledFrom(prices).Draw(t, "price"), customer)
		}
	}
	return b.String()
}

// paidAndRefunded checks at the server that nothing was given back that was not paid, in pence an order, and in pieces and pence
// a SKU.
func paidAndRefunded(t *rapid.T, server *loadtest.Server, s *shop) {
	for _, order := range server.Orders() {
		payment := order.GetPayment()
		if payment.GetRefundedMinor() > payment.GetCapturedMinor() || payment.GetRefundPendingMinor() != 0 {
			t.Fatalf("%s: %v", order.ClientReference, payment)
		}
	}
	type pair struct{ customer, sku string }
	pieces, pence := map[pair]int64{}, map[pair]int64{}
	for _, inv := range s.invoices {
		for i := range inv.lines {
			if l := &inv.lines[i]; l.fate == accepted || l.fate == refunded {
				at := pair{inv.customer, l.sku}
				pieces[at] += l.qty
				pence[at] += l.qty * l.pence
				if pieces[at] < 0 || pence[at] < 0 {
					t.Fatalf("more of %v is back than was sold before invoice %s", at, inv.number)
				}
			}
		}
	}
}

func TestNeverMoreRefundedThanPaid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		server := loadtest.New()
		client, name := connect(t, server), write(t, shopOf(rt))
		s, of, err := readFile(name)
		if err != nil {
			rt.Fatal(err)
		}
		var out bytes.Buffer
		if err := replay(rt.Context(), client, s, of, Options{File: name, Out: &out, Clients: 3}.withDefaults()); err != nil {
			rt.Fatalf("%v\n%s", err, out.String())
		}
		paidAndRefunded(rt, server, s)
	})
}

// session connects for one run. Its end waits for what the run has left behind at the server.
func session(t *rapid.T, server *loadtest.Server) (*load.Client, func()) {
	conn, end, err := server.Open()
	if err != nil {
		t.Fatal(err)
	}
	client := load.New(conn, conn)
	client.Policy.First = time.Millisecond
	return client, end
}

// A replay that is stopped again and again, with lost answers, keys that are forgotten and orders that expire meanwhile, ends
// like one that was never stopped.
func TestResume(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := write(t, shopOf(rt))
		straight, err := replayFile(rt.Context(), t, connect(t, loadtest.New()), name, 3)
		if err != nil {
			rt.Fatal(err)
		}
		server := loadtest.New()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		stops := 0
		for ; ; stops++ {
			ctx, stop := context.WithCancel(rt.Context())
			left := random.IntN(25) + stops
			server.SetTrouble(func(string, int) (error, error) {
				left--
				switch {
				case left == 0:
					stop()
					return loadtest.ErrHeld, nil
				case left%7 == 3:
					return nil, status.Error(codes.Unavailable, "the answer is lost")
				default:
					return nil, nil
				}
			})
			client, end := session(rt, server)
			report, err := replayFile(ctx, t, client, name, 3)
			end()
			if stopped := ctx.Err() != nil; !stopped || err == nil {
				stop()
				if err != nil {
					rt.Fatalf("%v: %+v", err, report)
				}
				if got, want := outcome(report), outcome(straight); got != want {
					rt.Fatalf("after %d stops\n%s\nwant\n%s", stops, got, want)
				}
				break
			}
			if random.IntN(2) == 0 {
				server.ForgetKeys()
			}
			if random.IntN(2) == 0 {
				server.ExpireUnpaid()
			}
		}
		server.SetTrouble(nil)
		server.ForgetKeys()
		commands := commandsOf(server)
		client, end := session(rt, server)
		defer end()
		if _, err := replayFile(rt.Context(), t, client, name, 3); err != nil {
			rt.Fatal(err)
		}
		if now := commandsOf(server); now != commands {
			rt.Fatalf("a finished replay did something: %s, before %s", now, commands)
		}
	})
}

// TestRealFile replays the whole file against the fake.
func TestRealFile(t *testing.T) {
	name := filepath.Join("..", "..", "..", "shared", "data", "online-retail-h1.csv.gz")
	if _, err := os.Stat(name); err != nil {
		t.Skip("the real data is not here: ", err)
	}
	if testing.Short() || raced {
		t.Skip("12,468 invoices")
	}
	server := loadtest.New()
	report, err := replayFile(t.Context(), t, connect(t, server), name, 32)
	if err != nil {
		t.Fatalf("%v: %+v", err, report.Checks)
	}
	equal(t, "lines", report.Lines, 240007)
	equal(t, "sales", report.Sales.File.Invoices, 10522)
	equal(t, "credit notes", report.Credits.File.Invoices, 1946)
	equal(t, "accepted", report.Sales.Accepted.GBP.String(), "4700382.11")
	equal(t, "refused", reasons(report.Sales.Reasons), "qty INT32_GTE 737 0; PRICE_FINER_THAN_PENCE 1 0.001")
	equal(t, "refunded", fmt.Sprint(report.Credits.Refunded.Lines, report.Credits.Refunded.GBP), "3152 169239.81")
	equal(t, "unmatched", fmt.Sprint(report.Credits.Unmatched.Lines, report.Credits.Unmatched.GBP), "1198 255998.37")
}

func TestReasonsInWords(t *testing.T) {
	for reason, want := range map[string]string{
		"qty INT32_GTE": "qty too small", "sku STRING_MAX_LEN": "sku too long", "PRICE_FINER_THAN_PENCE": "price finer than pence",
		"price.amount_minor NEGATIVE_AMOUNT": "price.amount_minor negative amount", "UNREADABLE": "unreadable",
	} {
		equal(t, reason, inWords(reason), want)
	}
}
