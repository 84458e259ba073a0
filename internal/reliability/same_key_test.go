package reliability

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
)

const (
	createMethod = "/oms.v1.OrderService/CreateOrder"
	payMethod    = "/oms.v1.OrderService/PayOrder"
)

// storm is how many send the same request at once.
const storm = 50

func encoded(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// asJSON writes a message as a REST client does.
func asJSON(t testing.TB, m proto.Message) string {
	t.Helper()
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// atOnce calls a function from many goroutines that begin together.
func atOnce(count int, call func(i int)) {
	var group sync.WaitGroup
	begin := make(chan struct{})
	for i := range count {
		group.Go(func() {
			<-begin
			call(i)
		})
	}
	close(begin)
	group.Wait()
}

// The same request many times at once is one order, and all are told the same, to the byte.
func TestSameRequestAtOnce(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 1_000)
		for round := range 3 {
			t.Run(fmt.Sprintf("gRPC %d", round), func(t *testing.T) { sameByGRPC(t, w, fmt.Sprintf("grpc-%d", round)) })
			t.Run(fmt.Sprintf("REST %d", round), func(t *testing.T) { sameByREST(t, w, fmt.Sprintf("rest-%d", round)) })
			t.Run(fmt.Sprintf("both %d", round), func(t *testing.T) { sameByBoth(t, w, fmt.Sprintf("both-%d", round)) })
		}
		w.checkBooks()
	})
}

// replays checks that one call carried the command out and the others were told its answer.
func replays(t *testing.T, replayed []bool) {
	t.Helper()
	first := 0
	for _, again := range replayed {
		if !again {
			first++
		}
	}
	if first != 1 {
		t.Errorf("%d of %d answers are not marked as replayed, want 1", first, len(replayed))
	}
}

func sameByGRPC(t *testing.T, w *world, key string) {
	before := w.count("SELECT count(*) FROM orders")
	request := encoded(t, draft(key, 2, "mug"))
	answers, replayed := make([]string, storm), make([]bool, storm)
	atOnce(storm, func(i int) {
		response, header, err := w.any(i).invoke(keyed(t, key), createMethod, request)
		if err != nil {
			t.Error(err)
		}
		answers[i], replayed[i] = string(response), len(header.Get("idempotent-replayed")) > 0
	})
	for i := range answers {
		if answers[i] != answers[0] || answers[i] == "" {
			t.Fatalf("answer %d is %x, the first %x", i, answers[i], answers[0])
		}
	}
	replays(t, replayed)
	if made := w.count("SELECT count(*) FROM orders") - before; made != 1 {
		t.Errorf("%d orders were made", made)
	}
}

func sameByREST(t *testing.T, w *world, key string) {
	before := w.count("SELECT count(*) FROM orders")
	request := asJSON(t, draft(key, 2, "mug"))
	answers, replayed := make([]answer, storm), make([]bool, storm)
	atOnce(storm, func(i int) {
		answers[i] = w.any(i).http(t, http.MethodPost, "/v1/orders", key, request)
		replayed[i] = answers[i].header.Get("Idempotent-Replayed") == "true"
	})
	for i := range answers {
		if answers[i].status != http.StatusCreated || answers[i].body != answers[0].body || answers[i].body == "" {
			t.Fatalf("answer %d is %d %s, the first %s", i, answers[i].status, answers[i].body, answers[0].body)
		}
	}
	replays(t, replayed)
	if made := w.count("SELECT count(*) FROM orders") - before; made != 1 {
		t.Errorf("%d orders were made", made)
	}
}

// sameByBoth sends one command in both dialects: the key does not know them.
func sameByBoth(t *testing.T, w *world, key string) {
	message := draft(key, 2, "mug")
	request, body := encoded(t, message), asJSON(t, message)
	ids, replayed := make([]string, storm), make([]bool, storm)
	atOnce(storm, func(i int) {
		order := &omsv1.Order{}
		if i%4 < 2 {
			response, header, err := w.any(i).invoke(keyed(t, key), createMethod, request)
			created := &omsv1.CreateOrderResponse{}
			if err != nil || proto.Unmarshal(response, created) != nil {
				t.Errorf("%v", err)
			}
			order, replayed[i] = created.Order, len(header.Get("idempotent-replayed")) > 0
		} else {
			got := w.any(i).http(t, http.MethodPost, "/v1/orders", key, body)
			if err := protojson.Unmarshal([]byte(got.body), order); err != nil || got.status != http.StatusCreated {
				t.Errorf("%d %s: %v", got.status, got.body, err)
			}
			replayed[i] = got.header.Get("Idempotent-Replayed") == "true"
		}
		ids[i] = order.GetId()
	})
	for i := range ids {
		if ids[i] != ids[0] || ids[i] == "" {
			t.Fatalf("answer %d names %q, the first %q", i, ids[i], ids[0])
		}
	}
	replays(t, replayed)
}

// The same key with another command is refused, however the other command differs, and changes nothing.
func TestSameKeyOtherCommand(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 1_000)
		const key = "taken"
		order := w.reserve(draft("c", 1, "mug"))
		request := draft("c", 2, "mug")
		if _, _, err := w.any(0).invoke(keyed(t, key), createMethod, encoded(t, request)); err != nil {
			t.Fatal(err)
		}
		before := w.count("SELECT count(*) FROM orders")
		other := draft("c", 3, "mug")
		atOnce(20, func(i int) {
			_, _, err := w.any(i).invoke(keyed(t, key), createMethod, encoded(t, other))
			if s := status.Convert(err); s.Code() != codes.AlreadyExists || reasonOf(err) != "IDEMPOTENCY_MISMATCH" {
				t.Errorf("another body by gRPC: %v", err)
			}
			got := w.any(i).http(t, http.MethodPost, "/v1/orders", key, asJSON(t, other))
			if got.status != http.StatusConflict || got.code(t) != "IDEMPOTENCY_MISMATCH" {
				t.Errorf("another body by REST: %d %s", got.status, got.body)
			}
			got = w.any(i).http(t, http.MethodPost, "/v1/orders/"+order.Id+":pay", key, `{"payment_token":"sim:ok"}`)
			if got.status != http.StatusConflict || got.code(t) != "IDEMPOTENCY_MISMATCH" {
				t.Errorf("another method: %d %s", got.status, got.body)
			}
		})
		if w.count("SELECT count(*) FROM orders") != before || w.get(order.Id).Version != order.Version {
			t.Error("a refused command changed something")
		}
		got := w.any(1).http(t, http.MethodPost, "/v1/orders", key, asJSON(t, request))
		if got.status != http.StatusCreated || got.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("the first command's repetition: %d %s", got.status, got.body)
		}
	})
}

func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, is := detail.(*errdetails.ErrorInfo); is {
			return info.Reason
		}
	}
	return ""
}

func traceOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, is := detail.(*errdetails.RequestInfo); is {
			return info.RequestId
		}
	}
	return ""
}

// refused is the body of a refusal.
type refused struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
	TraceID   string `json:"trace_id"`
	Details   []struct {
		Type       string            `json:"type"`
		Reason     string            `json:"reason"`
		Metadata   map[string]string `json:"metadata"`
		Violations []struct {
			Field       string `json:"field"`
			Description string `json:"description"`
		} `json:"field_violations"`
	} `json:"details"`
}

func (a answer) refusal(t testing.TB) refused {
	t.Helper()
	var r refused
	if err := json.Unmarshal([]byte(a.body), &r); err != nil {
		t.Errorf("%d %q: %v", a.status, a.body, err)
	}
	return r
}

func (a answer) code(t testing.TB) string { return a.refusal(t).Code }

// A refusal that read state is an answer: it is replayed as it was, with its first trace, even when it would not be given today.
func TestRefusalsReplay(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 1_000)
		order := w.reserve(draft("c", 1, "mug"))
		path := "/v1/orders/" + order.Id + ":refund"
		first := w.any(0).http(t, http.MethodPost, path, "early", `{}`, "X-Correlation-Id", "trace-one")
		if first.status != http.StatusBadRequest || first.code(t) != "ILLEGAL_TRANSITION" || first.header.Get("Idempotent-Replayed") != "" {
			t.Fatalf("%d %v %s", first.status, first.header, first.body)
		}
		w.pay(order.Id, gateway.TokenOK)
		w.await(order.Id, confirmed) // a refund would be right now
		for i := range 4 {
			again := w.any(i).http(t, http.MethodPost, path, "early", `{}`, "X-Correlation-Id", fmt.Sprintf("trace-%d", i))
			if again.status != first.status || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("replayed as %d %s, first %d %s", again.status, again.body, first.status, first.body)
			}
			if echoed := again.header.Get("X-Correlation-Id"); echoed != fmt.Sprintf("trace-%d", i) {
				t.Errorf("the headers hold the trace %q", echoed)
			}
		}
		if trace := first.refusal(t).TraceID; trace == "" {
			t.Error("the refusal names no trace")
		}
		refusalReplaysByGRPC(t, w, order.Id)
		w.checkBooks()
	})
}

func refusalReplaysByGRPC(t *testing.T, w *world, orderID string) {
	request := encoded(t, &omsv1.PayOrderRequest{OrderId: orderID, PaymentToken: gateway.TokenOK})
	traces, replayed := make([]string, storm), make([]bool, storm)
	atOnce(storm, func(i int) {
		ctx := metadata.AppendToOutgoingContext(keyed(t, "pay again"), "x-correlation-id", fmt.Sprintf("call-%d", i))
		_, header, err := w.any(i).invoke(ctx, payMethod, request)
		if status.Code(err) != codes.FailedPrecondition || reasonOf(err) != "ILLEGAL_TRANSITION" {
			t.Errorf("%v", err)
		}
		traces[i], replayed[i] = traceOf(err), len(header.Get("idempotent-replayed")) > 0
	})
	for i := range traces {
		if traces[i] != traces[0] || traces[i] == "" {
			t.Errorf("call %d got the trace %q, call 0 %q", i, traces[i], traces[0])
		}
	}
	replays(t, replayed)
}
