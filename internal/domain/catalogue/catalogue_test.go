package catalogue_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-255eabaa/oms/internal/domain"
	"github.com/seed-255eabaa/oms/internal/domain/catalogue"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/money"
	"github.com/seed-255eabaa/oms/internal/state"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// rows is a store in a map. What a command does not name it cannot see.
type rows map[state.Ref]state.Row

type window struct {
	rows
	named []state.Ref
}

func (w window) Get(ref state.Ref) state.Row {
	for _, named := range w.named {
		if named == ref {
			return w.rows[ref]
		}
	}
	panic(fmt.Sprintf("%v is not named", ref))
}

// do decides and stores; it checks that every change starts from the row that is there.
func (r rows) do(t interface{ Fatalf(string, ...any) }, c domain.Command) *fault.Fault {
	decision, refused := c.Decide(window{r, c.Refs()}, now)
	if refused != nil {
		return refused
	}
	for _, change := range decision.Changes {
		if change.Before != r[change.After.Ref()] {
			t.Fatalf("the change of %v does not start from what is there", change.After.Ref())
		}
		r[change.After.Ref()] = change.After
	}
	return nil
}

func reason(f *fault.Fault) string {
	if f == nil {
		return ""
	}
	return f.Reason
}

func put(sku, currency string, amount int64) catalogue.Put {
	return catalogue.Put{Tenant: "t", Entry: catalogue.Entry{SKU: sku, Currency: currency, AmountMinor: amount}}
}

func TestPutAndWithdraw(t *testing.T) {
	r := rows{}
	steps := []struct {
		command domain.Command
		want    string
	}{
		{catalogue.Withdraw{Tenant: "t", SKU: "P"}, "NOT_FOUND"},
		{put("P", "XXX", 1), "CURRENCY_UNKNOWN"},
		{put("P", "EUR", -1), "NEGATIVE_AMOUNT"},
		{put("P", "EUR", money.Limit+1), "AMOUNT_OVERFLOW"},
		{put("P", "EUR", 0), ""},
		{put("P", "EUR", money.Limit), ""},
		{catalogue.Put{Tenant: "t", Entry: catalogue.Entry{SKU: "P", Currency: "EUR"}, ExpectedVersion: 1}, "VERSION_CONFLICT"},
		{catalogue.Put{Tenant: "t", Entry: catalogue.Entry{SKU: "P", Currency: "EUR"}, ExpectedVersion: 2}, ""},
		{catalogue.Withdraw{Tenant: "t", SKU: "P", ExpectedVersion: 2}, "VERSION_CONFLICT"},
		{catalogue.Withdraw{Tenant: "t", SKU: "P", ExpectedVersion: 3}, ""},
		{catalogue.Withdraw{Tenant: "t", SKU: "P"}, ""},
		{put("P", "JPY", 5), ""},
	}
	for i, step := range steps {
		if got := reason(r.do(t, step.command)); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
	want := state.Price{Tenant: "t", SKU: "P", Currency: "JPY", AmountMinor: 5, Version: 5, UpdatedAt: now}
	if got, _ := r[catalogue.PriceRef("t", "P")].(*state.Price); got == nil || *got != want {
		t.Errorf("price %+v, want %+v", got, want)
	}
}

func TestCheck(t *testing.T) {
	line := func(sku string, price int64) state.Line { return state.Line{SKU: sku, Quantity: 1, PriceMinor: price} }
	check := func(named bool, lines ...state.Line) catalogue.Check {
		return catalogue.Check{Tenant: "t", Currency: "EUR", Lines: lines, Named: named}
	}
	r := rows{}
	if refused := r.do(t, check(false, line("P", 1))); refused != nil {
		t.Errorf("without a catalogue: %v", refused)
	}
	for _, c := range []catalogue.Put{put("P", "EUR", 500), put("Q", "EUR", 700), put("gone", "EUR", 9)} {
		if refused := r.do(t, c); refused != nil {
			t.Fatal(refused)
		}
	}
	if refused := r.do(t, catalogue.Withdraw{Tenant: "t", SKU: "gone"}); refused != nil {
		t.Fatal(refused)
	}
	if got := reason(r.do(t, check(false, line("P", 500)))); got != catalogue.Opened {
		t.Errorf("with a catalogue that was not known of: %q", got)
	}
	if refused := r.do(t, check(true, line("P", 500), line("other", 1), line("gone", 3), line("Q", 700))); refused != nil {
		t.Errorf("right prices: %v", refused)
	}
	refused := r.do(t, check(true, line("P", 501), line("Q", 700), line("Q", 0)))
	if reason(refused) != catalogue.PriceChanged || refused.Code != fault.FailedPrecondition || refused.Metadata["amount_minor"] != "500" ||
		len(refused.Violations) != 2 || refused.Violations[1].Field != "items[2].price" {
		t.Errorf("wrong prices: %+v", refused)
	}
	other := check(true, line("P", 500))
	other.Currency = "USD"
	if got := reason(r.do(t, other)); got != catalogue.PriceChanged {
		t.Errorf("another currency: %q", got)
	}
}

// TestQuoteIsTheSum has any catalogue and any order: what is said is taken exactly when it is the sum, however it is written.
func TestQuoteIsTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]string{"EUR", "JPY", "BHD"}).Draw(t, "currency")
		prices, wanted, sum := map[string]*state.Price{}, []catalogue.Wanted(nil), int64(0)
		for i := range rapid.IntRange(1, 5).Draw(t, "lines") {
			sku := fmt.Sprintf("P%d", rapid.IntRange(0, 3).Draw(t, "sku"))
			if prices[sku] == nil {
				prices[sku] = &state.Price{SKU: sku, Currency: currency, AmountMinor: rapid.Int64Range(0, 1e6).Draw(t, "price")}
			}
			quantity := rapid.Int32Range(1, 1000).Draw(t, "quantity")
			wanted = append(wanted, catalogue.Wanted{SKU: sku, Quantity: quantity})
			sum += prices[sku].AmountMinor * int64(quantity)
			_ = i
		}
		said := money.Format(sum, currency)
		if rapid.Bool().Draw(t, "short") && strings.Contains(said, ".") {
			said = strings.TrimSuffix(strings.TrimRight(said, "0"), ".")
		}
		got, lines, refused := catalogue.Quote(prices, wanted, "amount", said)
		if refused != nil || got != currency || len(lines) != len(wanted) {
			t.Fatalf("%s: %v %v %v", said, got, lines, refused)
		}
		total := int64(0)
		for i, line := range lines {
			total += line * int64(wanted[i].Quantity)
		}
		if total != sum {
			t.Fatalf("lines come to %d, not %d", total, sum)
		}
		off := rapid.Int64Range(1, 1000).Draw(t, "off")
		for _, wrong := range []int64{sum + off, sum - off} {
			if _, _, refused := catalogue.Quote(prices, wanted, "amount", money.Format(wrong, currency)); refused == nil {
				t.Fatalf("%d was taken for %d", wrong, sum)
			}
		}
	})
}

func TestReadCSV(t *testing.T) {
	good := "\ufeffprice,sku,currency\r\n12.50,P001,EUR\r\n\"3\",\"P 2\",JPY\r\n0.5,P3,BHD\r\n"
	entries, refused := catalogue.ReadCSV(good)
	want := []catalogue.Entry{{"P001", "EUR", 1250}, {"P 2", "JPY", 3}, {"P3", "BHD", 500}}
	if refused != nil || fmt.Sprint(entries) != fmt.Sprint(want) {
		t.Fatalf("%v %v", entries, refused)
	}
	_, refused = catalogue.ReadCSV("sku,currency,price\nP1,EUR,1\n ,EUR,1\nP1,EUR,2\nP2,EURO,1\nP3,EUR,1.234\nP4,EUR,-1\nP5,EUR\nP6,EUR,ten\nP7,EUR,1\n")
	var fields []string
	for _, violation := range refused.Violations {
		fields = append(fields, violation.Field+" "+violation.Reason)
	}
	got := strings.Join(fields, "; ")
	if got != "line 3: sku SKU_INVALID; line 4: sku SKU_DOUBLED; line 5: currency CURRENCY_UNKNOWN; line 6: price PRICE_INVALID; "+
		"line 7: price NEGATIVE_AMOUNT; line 8 CSV_COLUMNS; line 9: price PRICE_INVALID" {
		t.Errorf("report: %s", got)
	}
	for text, want := range map[string]string{
		"": "CSV_EMPTY", "sku,price\nP,1": "CSV_HEADER", "sku,currency,price": "CSV_EMPTY", "sku,currency,price,sku\n": "CSV_HEADER",
		"sku,currency,price\nP,EUR,\"1":                                               "IMPORT_INVALID",
		"sku,currency,price\n" + strings.Repeat("P,EUR,1\n", catalogue.ImportLimit+1): "IMPORT_TOO_LONG",
	} {
		if _, refused := catalogue.ReadCSV(text); reason(refused) != want {
			t.Errorf("%.40q: %v, want %s", text, refused, want)
		}
	}
}

func TestImportKeepsWhatIsTheSame(t *testing.T) {
	r := rows{}
	first := catalogue.Import{Tenant: "t", Entries: []catalogue.Entry{{"P", "EUR", 1}, {"Q", "EUR", 2}}}
	second := catalogue.Import{Tenant: "t", Entries: []catalogue.Entry{{"P", "EUR", 1}, {"Q", "EUR", 3}}}
	for _, c := range []catalogue.Import{first, first, second} {
		if refused := r.do(t, c); refused != nil {
			t.Fatal(refused)
		}
	}
	p, _ := r[catalogue.PriceRef("t", "P")].(*state.Price)
	q, _ := r[catalogue.PriceRef("t", "Q")].(*state.Price)
	if p.Version != 1 || q.Version != 2 || q.AmountMinor != 3 || r[catalogue.HeadRef("t")] == nil {
		t.Errorf("%+v %+v", p, q)
	}
}
