package codec_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/contract/internal/kitchen"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// message is what every message of the contract is.
type message interface {
	proto.Message
	codec.Message
}

// messages answers an empty one of every message of the contract.
func messages(t testing.TB) []message {
	t.Helper()
	var all []message
	protoregistry.GlobalTypes.RangeMessages(func(mt protoreflect.MessageType) bool {
		if pkg := mt.Descriptor().ParentFile().Package(); pkg != "oms.v1" && pkg != "provider.v1" && pkg != "kitchen.v1" || mt.Descriptor().IsMapEntry() {
			return true
		}
		m, ok := mt.New().Interface().(message)
		if !ok {
			t.Errorf("%s has no JSON codec", mt.Descriptor().FullName())
			return true
		}
		all = append(all, m)
		return true
	})
	if len(all) < 40 {
		t.Fatalf("the contract has only %d messages", len(all))
	}
	return all
}

// TestRoundTrip checks that we read what we write, and every message against the reference: protojson reads what we write, we read what
// it writes. It knows no decimals and no short names.
func TestRoundTrip(t *testing.T) {
	reference := protojson.MarshalOptions{UseProtoNames: true}
	for _, empty := range messages(t) {
		t.Run(string(empty.ProtoReflect().Descriptor().Name()), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := fresh(empty)
				random(t, m)
				ours := m.AppendJSON(nil)
				if !json.Valid(ours) || bytes.ContainsAny(ours, "\n\r") {
					t.Fatalf("not one line of JSON: %q", ours)
				}
				if again := m.AppendJSON(nil); !bytes.Equal(ours, again) {
					t.Fatalf("not the same twice:\n%s\n%s", ours, again)
				}
				back := fresh(empty)
				if wrong := codec.Unmarshal(ours, back); wrong != nil || !proto.Equal(m, back) {
					t.Fatalf("we read %s as %v, %v; want %v", ours, back, wrong, m)
				}
				if beyondProtojson(m.ProtoReflect().Descriptor(), nil) {
					return
				}
				theirs := fresh(empty)
				if err := protojson.Unmarshal(ours, theirs); err != nil || !proto.Equal(m, theirs) {
					t.Fatalf("protojson reads %s as %v, %v; want %v", ours, theirs, err, m)
				}
				text, err := reference.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				back = fresh(empty)
				wrong := slices.DeleteFunc(codec.Unmarshal(text, back), func(v fault.Violation) bool {
					return v.Reason == codec.Required // the reference leaves zeros out
				})
				if len(wrong) > 0 || !proto.Equal(m, back) {
					t.Fatalf("we read %s as %v, %v; want %v", text, back, wrong, m)
				}
			})
		})
	}
}

func fresh(m message) message {
	n, _ := m.ProtoReflect().New().Interface().(message)
	return n
}

// FuzzDecode looks for a text that makes the reader panic, that it reads otherwise than protojson does, or that does not come
// back after writing.
func FuzzDecode(f *testing.F) {
	all := []message{
		&omsv1.Order{}, &omsv1.CreateOrderRequest{}, &omsv1.DeadLetter{}, &omsv1.Payment{}, &omsv1.PaymentStatusChanged{},
		&omsv1.GetOperationResponse{}, &omsv1.ListOrdersRequest{}, &kitchen.Sink{}, &kitchen.PutRequest{},
	}
	f.Add(7, []byte(`{"maybe_int":0,"maybe_bytes":"","part":{"name":""},"count":null,"u64":18446744073709551615,"s32":-5,"parts":{"a":{}},"sums":{"b":"7"}}`))
	f.Add(0, []byte(`{"id":"order:1","status":"ORDER_STATUS_PAID","items":[{"sku":"a","qty":2,"price":{"currency":"EUR","amount_minor":-1}}],"metadata":{"k":"v\u0041\ud83d\ude00"},"created_at":"2026-01-31T12:00:00.123456789+02:00"}`))
	f.Add(1, []byte(`{"items":[null,{"qty":1.5}],"metadata":{"":""},"currency":null}`))
	f.Add(2, []byte(`{"payload":"aGk=","attempts":"7","created_at":"0001-01-01T00:00:00Z"}`))
	f.Add(3, []byte(`{"refunds":[{"state":"REFUND_STATE_FAILED"}],"version":9223372036854775807}`))
	f.Fuzz(func(t *testing.T, which int, text []byte) {
		empty := all[uint(which)%uint(len(all))]
		m := fresh(empty)
		if wrong := codec.Unmarshal(text, m); wrong != nil {
			return
		}
		reference := fresh(empty)
		if err := protojson.Unmarshal(text, reference); err != nil {
			t.Fatalf("we read %q, which protojson refuses: %v", text, err)
		}
		if !proto.Equal(m, reference) {
			t.Fatalf("we read %q as %v, protojson as %v", text, m, reference)
		}
		written := m.AppendJSON(nil)
		back := fresh(empty)
		if wrong := codec.Unmarshal(written, back); wrong != nil || !proto.Equal(m, back) {
			t.Fatalf("%s came back as %v, %v", written, back, wrong)
		}
	})
}

func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []fault.Violation // descriptions are prefixes
	}{
		"unknown field":   {`{"colour":1}`, []fault.Violation{{Field: "colour", Reason: codec.UnknownField, Description: "is not a field"}}},
		"unknown inside":  {`{"items":[{},{"price":{"amount_minor":1,"cents":{"a":[1]}}}]}`, []fault.Violation{{Field: "items[1].price.cents", Reason: codec.UnknownField}}},
		"duplicate":       {`{"currency":"EUR","currency":"EUR"}`, []fault.Violation{{Field: "currency", Reason: codec.DuplicateField}}},
		"duplicate key":   {`{"metadata":{"a":"1","\u0061":"2"}}`, []fault.Violation{{Field: `metadata["a"]`, Reason: codec.DuplicateField}}},
		"null then again": {`{"currency":null,"currency":"EUR"}`, []fault.Violation{{Field: "currency", Reason: codec.DuplicateField}}},
		"wrong types, all of them": {
			`{"customer_id":7,"items":[{"sku":true,"qty":"many"},{"qty":[],"price":"free"}],"metadata":{"a":1,"b":null},"adjustments":{}}`,
			[]fault.Violation{
				{Field: "customer_id", Reason: codec.WrongType, Description: "must be a string"},
				{Field: "items[0].sku", Reason: codec.WrongType, Description: "must be a string"},
				{Field: "items[0].qty", Reason: codec.NotAnInteger, Description: "must be an integer"},
				{Field: "items[1].qty", Reason: codec.WrongType, Description: "must be an integer"},
				{Field: "items[1].price", Reason: codec.WrongType, Description: "must be an object"},
				{Field: `metadata["a"]`, Reason: codec.WrongType, Description: "must be a string"},
				{Field: `metadata["b"]`, Reason: codec.WrongType, Description: "must not be null"},
				{Field: "adjustments", Reason: codec.WrongType, Description: "must be a list"},
			},
		},
		"fraction":          {`{"items":[{"qty":1.0}]}`, []fault.Violation{{Field: "items[0].qty", Reason: codec.NotAnInteger, Description: "must be an integer, written without"}}},
		"exponent":          {`{"items":[{"qty":1e3}]}`, []fault.Violation{{Field: "items[0].qty", Reason: codec.NotAnInteger}}},
		"fraction in text":  {`{"items":[{"qty":"1.0"}]}`, []fault.Violation{{Field: "items[0].qty", Reason: codec.NotAnInteger}}},
		"plus":              {`{"items":[{"qty":"+1"}]}`, []fault.Violation{{Field: "items[0].qty", Reason: codec.NotAnInteger}}},
		"leading zero":      {`{"items":[{"qty":"01"}]}`, []fault.Violation{{Field: "items[0].qty", Reason: codec.NotAnInteger}}},
		"int32 range":       {`{"items":[{"qty":2147483648}]}`, []fault.Violation{{Field: "items[0].qty", Reason: codec.OutOfRange, Description: "must be between -2147483648 and 2147483647"}}},
		"int64 range":       {`{"items":[{"price":{"amount_minor":9223372036854775808}}]}`, []fault.Violation{{Field: "items[0].price.amount_minor", Reason: codec.OutOfRange}}},
		"NUL":               {`{"currency":"a\u0000"}`, []fault.Violation{{Field: "currency", Reason: codec.InvalidText, Description: "must not contain the character U+0000"}}},
		"NUL in a key":      {`{"metadata":{"\u0000":"x"}}`, []fault.Violation{{Field: `metadata["\x00"]`, Reason: codec.InvalidText}}},
		"broken UTF-8":      {"{\"currency\":\"\xff\"}", []fault.Violation{{Field: "currency", Reason: codec.InvalidText, Description: "must be valid UTF-8"}}},
		"half a pair":       {`{"currency":"\ud83d"}`, []fault.Violation{{Field: "currency", Reason: codec.InvalidText}}},
		"two second halves": {`{"currency":"\ude00\ude00"}`, []fault.Violation{{Field: "currency", Reason: codec.InvalidText}}},
		"second half":       {`{"currency":"\ude00\ud83d"}`, []fault.Violation{{Field: "currency", Reason: codec.InvalidText}}},
		"null element":      {`{"items":[null]}`, []fault.Violation{{Field: "items[0]", Reason: codec.WrongType, Description: "must not be null"}}},
		"not an object":     {`[1]`, []fault.Violation{{Reason: codec.WrongType, Description: "must be an object"}}},
		"null document":     {`null`, []fault.Violation{{Reason: codec.WrongType, Description: "must be an object"}}},
		"trailing data":     {`{} {}`, []fault.Violation{{Reason: codec.MalformedJSON, Description: "has more text after"}}},
		"trailing byte":     {`{}x`, []fault.Violation{{Reason: codec.MalformedJSON, Description: "has more text after"}}},
		"trailing minus":    {`{}-`, []fault.Violation{{Reason: codec.MalformedJSON, Description: "has more text after"}}},
		"trailing comma":    {`{"currency":"EUR",}`, []fault.Violation{{Reason: codec.MalformedJSON}}},
		"unfinished":        {`{"items":[{"qty":1`, []fault.Violation{{Field: "items[0]", Reason: codec.MalformedJSON}}},
		"syntax after a violation": {`{"currency":1,"items":[}`, []fault.Violation{
			{Field: "currency", Reason: codec.WrongType}, {Field: "items[0]", Reason: codec.MalformedJSON},
		}},
		"empty": {``, []fault.Violation{{Reason: codec.MalformedJSON}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := codec.Unmarshal([]byte(test.text), new(omsv1.CreateOrderRequest))
			if len(got) != len(test.want) {
				t.Fatalf("%s\ngot  %+v\nwant %+v", test.text, got, test.want)
			}
			for i, want := range test.want {
				if strings.HasPrefix(want.Field, `metadata["\x00`) {
					got[i].Field = want.Field // how the NUL is shown does not matter
				}
				if got[i].Field != want.Field || got[i].Reason != want.Reason || !strings.HasPrefix(got[i].Description, want.Description) {
					t.Errorf("%s\ngot  %+v\nwant %+v", test.text, got[i], want)
				}
			}
		})
	}
}

func TestEnumsTimesAndBytes(t *testing.T) {
	for text, want := range map[string]string{
		`{"status":"PAID"}`:                                    `status UNKNOWN_VALUE "PAID" is unknown; must be one of ORDER_STATUS_PENDING`,
		`{"status":3}`:                                         `status WRONG_TYPE must be one of the strings ORDER_STATUS_PENDING`,
		`{"status":"ORDER_STATUS_PAID"}`:                       ``,
		`{"created_at":"2026-01-31"}`:                          `created_at INVALID_TIMESTAMP must be a time of RFC 3339`,
		`{"created_at":1}`:                                     `created_at WRONG_TYPE must be a time`,
		`{"created_at":"2026-01-31T12:00:00"}`:                 `created_at INVALID_TIMESTAMP`,
		`{"created_at":"2026-02-30T12:00:00Z"}`:                `created_at INVALID_TIMESTAMP`,
		`{"created_at":"2026-01-31T12:00:00.1234567890Z"}`:     `created_at INVALID_TIMESTAMP`,
		`{"created_at":"2026-01-31T12:00:00,5Z"}`:              `created_at INVALID_TIMESTAMP`,
		`{"created_at":"2026-01-31T12:00:00+24:00"}`:           `created_at INVALID_TIMESTAMP`,
		`{"created_at":"2026-01-31T12:00:00+23:60"}`:           `created_at INVALID_TIMESTAMP`,
		`{"created_at":"2026-01-31T12:00:00+2:00"}`:            `created_at INVALID_TIMESTAMP`,
		`{"created_at":"0000-12-31T23:59:59Z"}`:                `created_at INVALID_TIMESTAMP`,
		`{"created_at":"2026-01-31T12:00:00.123456789+02:00"}`: ``,
		`{"cancel_requested":"true"}`:                          `cancel_requested WRONG_TYPE must be true or false`,
	} {
		check(t, text, new(omsv1.Order), want)
	}
	for text, want := range map[string]string{
		`{"payload":"aGk"}`:   ``,
		`{"payload":"aGk="}`:  ``,
		`{"payload":"_-8="}`:  ``,
		`{"payload":"aGk=="}`: `payload INVALID_BASE64 must be base64`,
		`{"payload":"aGl="}`:  `payload INVALID_BASE64`, // bits that belong to no byte
		`{"payload":"a"}`:     `payload INVALID_BASE64`,
		`{"payload":"é"}`:     `payload INVALID_BASE64`,
		`{"payload":[1]}`:     `payload WRONG_TYPE must be a string in base64`,
	} {
		check(t, text, new(omsv1.DeadLetter), want)
	}
}

// TestReplacementCharacter checks that U+FFFD may be sent, also beside what only looks like half of a surrogate pair.
func TestReplacementCharacter(t *testing.T) {
	for text, want := range map[string]string{
		`{"id":"\uFFFD"}`: "\uFFFD", "{\"id\":\"\uFFFD\"}": "\uFFFD", `{"id":"\\ud83d \ufffd"}`: `\ud83d ` + "\uFFFD",
		`{"id":"\ufffd\ud83d\ude00"}`: "\uFFFD😀",
	} {
		m := new(omsv1.Order)
		if wrong := codec.Unmarshal([]byte(text), m); wrong != nil || m.GetId() != want {
			t.Errorf("%s: got %q, %v", text, m.GetId(), wrong)
		}
	}
}

// TestChoicesAndAbsence is about what the contract of today does not use: optional fields, oneofs, unsigned numbers, nesting.
func TestChoicesAndAbsence(t *testing.T) {
	for text, want := range map[string]string{
		`{"text":"a","part":{}}`:             `part DUPLICATE_FIELD excludes another field`,
		`{"text":null,"part":{}}`:            ``,
		`{"text":"a","text":"b"}`:            `text DUPLICATE_FIELD is given more than once`,
		`{"u32":-1}`:                         `u32 OUT_OF_RANGE must be between 0 and 4294967295`,
		`{"u32":4294967296}`:                 `u32 OUT_OF_RANGE`,
		`{"u64":18446744073709551616}`:       `u64 OUT_OF_RANGE must be between 0 and 18446744073709551615`,
		`{"u64":"18446744073709551615"}`:     ``,
		`{"u64":1.5}`:                        `u64 NOT_AN_INTEGER`,
		`{"maybe_int":1.5}`:                  `maybe_int NOT_AN_INTEGER`,
		`{"times":["x"]}`:                    `times[0] INVALID_TIMESTAMP`,
		`{"by_colour":{"a":"COLOUR_GREEN"}}`: `by_colour["a"] UNKNOWN_VALUE "COLOUR_GREEN" is unknown; must be one of COLOUR_RED, COLOUR_BLUE`,
		`{"parts":{"a":{"part":{"x":1}}}}`:   `parts["a"].part.x UNKNOWN_FIELD`,
		`{"counts":{"a":1,"b":2,"a":3}}`:     `counts["a"] DUPLICATE_FIELD`,
		`{"first":{"empty":{}}}`:             ``,
		`{"weighed":{"grams":0}}`:            ``,
		`{"weighed":null}`:                   ``,
		`{"weighed":{}}`:                     `weighed.grams REQUIRED is required: name it, also when it is 0`,
		`{"weighed":{"grams":null}}`:         `weighed.grams REQUIRED`,
		`{"weighed":[]}`:                     `weighed WRONG_TYPE must be an object`,
		`{"first":{"empty":{"a":1}}}`:        `first.empty.a UNKNOWN_FIELD`,
		nested(codec.DepthLimit - 1):         ``,
		nested(codec.DepthLimit):             strings.Repeat("part.", codec.DepthLimit-1) + `part NESTED_TOO_DEEPLY`,
	} {
		check(t, text, new(kitchen.Sink), want)
	}
	for want, m := range map[string]codec.Message{
		`{}`:                     &kitchen.Sink_Part{},
		`{"name":""}`:            &kitchen.Sink_Part{Name: proto.String("")},
		`{"part":{}}`:            &kitchen.Sink_Part{Part: &kitchen.Sink_Part{}},
		`{"part":{},"empty":{}}`: &kitchen.Sink_Part{Part: &kitchen.Sink_Part{}, Empty: &kitchen.Sink_Part_Empty{}},
		`{"name":"x","part":{}}`: &kitchen.Sink_Part{Name: proto.String("x"), Part: &kitchen.Sink_Part{}},
	} {
		if got := string(m.AppendJSON(nil)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := string((&kitchen.Sink{Choice: &kitchen.Sink_Count{Count: 0}}).AppendJSON(nil)); !strings.HasPrefix(got, `{"count":0,"u32":0,`) {
		t.Errorf("a choice of zero is lost: %s", got)
	}
}

// nested is a sink with a part in a part, so many deep.
func nested(parts int) string {
	return strings.Repeat(`{"part":`, parts) + `{}` + strings.Repeat(`}`, parts)
}

func check(t *testing.T, text string, m codec.Message, want string) {
	t.Helper()
	got := ""
	for _, v := range codec.Unmarshal([]byte(text), m) {
		got += v.Field + " " + v.Reason + " " + v.Description
	}
	if want == "" && got != "" || !strings.HasPrefix(got, want) {
		t.Errorf("%s: got %q, want %q", text, got, want)
	}
}

// TestLimits checks that a hostile document is bounded.
func TestLimits(t *testing.T) {
	if got := codec.Unmarshal([]byte(`{"items":[`+strings.Repeat(`1,`, 5000)+`1]}`), new(omsv1.Order)); len(got) != codec.ViolationLimit {
		t.Errorf("%d violations, want %d", len(got), codec.ViolationLimit)
	}
	deep := strings.Repeat(`[`, 500_000)
	if got := codec.Unmarshal([]byte(`{"x":`+deep), new(omsv1.Order)); len(got) == 0 || got[len(got)-1].Reason != codec.MalformedJSON {
		t.Errorf("a deep document: %v", got)
	}
	long := codec.Unmarshal([]byte(`{"`+strings.Repeat("ключ", 1000)+`":1}`), new(omsv1.Order))
	if len(long) != 1 || len(long[0].Field) > 80 {
		t.Errorf("a long name is repeated in full: %v", long)
	}
}

// TestWritten fixes the form: every scalar, list and map is there, an absent message is not.
func TestWritten(t *testing.T) {
	got := string((&omsv1.Order{Items: []*omsv1.OrderItem{{}}, Metadata: map[string]string{"b": "\"\n", "a": "ж"}}).AppendJSON(nil))
	want := `{"id":"","customer_id":"","status":"ORDER_STATUS_UNSPECIFIED","items":[{"sku":"","qty":0}],"version":0,` +
		`"status_reason":"","adjustments":[],"client_reference":"","metadata":{"a":"ж","b":"\"\n"},` +
		`"cancel_requested":false,"status_detail":"","change_token":""}`
	want = strings.Replace(want, "\n", `\n`, 1)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = time.FixedZone("elsewhere", 3600)
	at := &omsv1.TimelineEntry{OccurredAt: &timestamppb.Timestamp{Seconds: 1_769_860_800, Nanos: 120_000_000}}
	if got := string(at.AppendJSON(nil)); !strings.HasPrefix(got, `{"occurred_at":"2026-01-31T12:00:00.12Z"`) {
		t.Errorf("the time of another zone: %s", got)
	}
	if got := string((&omsv1.Order{Status: 99}).AppendJSON(nil)); !strings.Contains(got, `"status":99`) {
		t.Errorf("a value of a newer contract is lost: %s", got)
	}
}
