package codec_test

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"

	optionsv1 "github.com/seed-255eabaa/oms/gen/oms/options/v1"
	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/contract/internal/kitchen"
	"github.com/seed-255eabaa/oms/internal/money"
)

func TestDecimals(t *testing.T) {
	for _, test := range []struct {
		text  string
		want  int64
		wrong string // field and reason
	}{
		{`{"amount":14.60,"currency":"EUR"}`, 1460, ""}, {`{"currency":"EUR","amount":14.6}`, 1460, ""},
		{`{"amount":2,"currency":"EUR"}`, 200, ""}, {`{"amount":14.600,"currency":"EUR"}`, 1460, ""}, {`{"amount":15,"currency":"JPY"}`, 15, ""},
		{`{"amount":0.001,"currency":"BHD"}`, 1, ""}, {`{"amount":90071992547409.91,"currency":"EUR"}`, money.Limit, ""},
		{`{"amount":-1,"currency":"EUR"}`, -100, ""}, {`{"amount":-0.0,"currency":"EUR"}`, 0, ""}, // a sign is the rules' to refuse
		{`{"amount":0.1,"currency":"EUR"}`, 10, ""}, {`{"amount":4.35,"currency":"EUR"}`, 435, ""}, // 434 by way of a float
		{`{"amount":5,"currency":"XXX"}`, 1, ""}, {`{"amount":-5,"currency":"XXX"}`, -1, ""}, {`{"amount":0.00}`, 0, ""}, // as good as its sign
		{`{"amount":14.605,"currency":"EUR"}`, 0, "amount AMOUNT_INVALID"}, {`{"amount":15.5,"currency":"JPY"}`, 0, "amount AMOUNT_INVALID"},
		{`{"amount":1e3,"currency":"EUR"}`, 0, "amount AMOUNT_INVALID"}, {`{"amount":1E0}`, 0, "amount AMOUNT_INVALID"},
		{`{"amount":"14.60","currency":"EUR"}`, 0, "amount WRONG_TYPE"}, {`{"amount":[1],"currency":"EUR"}`, 0, "amount WRONG_TYPE"},
		{`{"amount":123456789012345678901234567890,"currency":"EUR"}`, 0, "amount OUT_OF_RANGE"},
		{`{"amount":90071992547409.92,"currency":"EUR"}`, 0, "amount OUT_OF_RANGE"},
		{`{"currency":"EUR"}`, 0, "amount REQUIRED"}, {`{"amount":null,"currency":"EUR"}`, 0, "amount REQUIRED"},
		{`{"amount":1,"amount":2,"currency":"EUR"}`, 0, "amount DUPLICATE_FIELD"}, {`{"amount_minor":1460,"amount":1,"currency":"EUR"}`, 0, "amount_minor UNKNOWN_FIELD"},
		{`{"amount":.5,"currency":"EUR"}`, 0, "amount MALFORMED_JSON"}, {`5`, 0, " WRONG_TYPE"},
	} {
		m := &providerv1.Money{}
		violations := codec.Unmarshal([]byte(test.text), m)
		got := ""
		if len(violations) == 1 {
			got = violations[0].Field + " " + violations[0].Reason
		}
		if len(violations) > 1 || got != test.wrong || test.wrong == "" && m.AmountMinor != test.want {
			t.Errorf("%s = %d, %+v; want %d, %q", test.text, m.AmountMinor, violations, test.want, test.wrong)
		}
	}
}

func TestDecimalsAreWritten(t *testing.T) {
	for want, m := range map[string]codec.Message{
		`{"amount":14.60,"currency":"EUR"}`: &providerv1.Money{AmountMinor: 1460, Currency: "EUR"},
		`{"amount":15,"currency":"JPY"}`:    &providerv1.Money{AmountMinor: 15, Currency: "JPY"},
		`{"amount":0.05,"currency":"EUR"}`:  &providerv1.Money{AmountMinor: 5, Currency: "EUR"},
		`{"price":0,"currency":"","most":5.00,"taste":"very_sour"}`: &kitchen.Priced{
			Most: proto.String("5.00"), Taste: kitchen.Taste_TASTE_VERY_SOUR,
		},
		`{"price":0,"currency":"","most":null,"taste":"unknown"}`: &kitchen.Priced{Most: proto.String("1e3"), Taste: 99},
	} {
		if got := string(m.AppendJSON(nil)); got != want {
			t.Errorf("%v is written %s, want %s", m, got, want)
		}
	}
}

func TestShortNamesAreRead(t *testing.T) {
	for text, want := range map[string]kitchen.Taste{"sweet": 1, "very_sour": 2, "unknown": 0} {
		m := &kitchen.Priced{}
		if wrong := codec.Unmarshal([]byte(`{"price":0,"currency":"EUR","taste":"`+text+`"}`), m); wrong != nil || m.Taste != want {
			t.Errorf("%s is read as %v, %+v", text, m.Taste, wrong)
		}
	}
	wrong := codec.Unmarshal([]byte(`{"price":0,"currency":"EUR","taste":"TASTE_SWEET"}`), &kitchen.Priced{})
	if len(wrong) != 1 || wrong[0].Reason != codec.UnknownValue || !strings.HasSuffix(wrong[0].Description, "must be one of sweet, very_sour") {
		t.Errorf("a long name: %+v", wrong)
	}
}

// FuzzDecimal compares what is read with exact fractions, and has it come back.
func FuzzDecimal(f *testing.F) {
	for _, text := range []string{"14.60", "0", "-1", "14.605", "1e3", `"1"`, "00.1", "90071992547409.91", "0.1,", "1}"} {
		f.Add(text, 0)
		f.Add(text, 1)
	}
	currencies := []struct {
		name  string
		scale int64
	}{{"EUR", 100}, {"JPY", 1}, {"BHD", 1000}}
	plain := regexp.MustCompile(`^\s*-?(?:0|[1-9]\d*)(?:\.\d+)?\s*$`)
	f.Fuzz(func(t *testing.T, text string, which int) {
		currency := currencies[uint(which)%uint(len(currencies))]
		m := &providerv1.Money{}
		if codec.Unmarshal([]byte(`{"amount":`+text+`,"currency":"`+currency.name+`"}`), m) != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(strings.TrimSpace(text))
		if !plain.MatchString(text) || !ok || exact.Mul(exact, big.NewRat(currency.scale, 1)).Cmp(new(big.Rat).SetInt64(m.AmountMinor)) != 0 {
			t.Fatalf("%q is read as %v", text, m)
		}
		back := &providerv1.Money{}
		if wrong := codec.Unmarshal(m.AppendJSON(nil), back); wrong != nil || !proto.Equal(m, back) {
			t.Fatalf("%v came back as %v, %+v", m, back, wrong)
		}
	})
}

// The contract's list of currencies is the one that amounts are scaled by.
func TestCurrenciesOfTheContract(t *testing.T) {
	rules, _ := proto.GetExtension(optionsv1.E_Currency.TypeDescriptor().Options(), validate.E_Predefined).(*validate.PredefinedRules)
	listed := regexp.MustCompile(`'([A-Z]{3})'`).FindAllStringSubmatch(rules.GetCel()[0].GetExpression(), -1)
	var codes []string
	for _, match := range listed {
		if _, known := money.Exponent(match[1]); !known {
			t.Errorf("the contract takes %s, whose decimals nobody knows", match[1])
		}
		codes = append(codes, match[1])
	}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			for c := 'A'; c <= 'Z'; c++ {
				code := string([]rune{a, b, c})
				if _, known := money.Exponent(code); known && !slices.Contains(codes, code) {
					t.Errorf("the contract does not take %s", code)
				}
			}
		}
	}
}
