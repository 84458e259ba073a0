package reliability

import (
	"context"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/card"
	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// Cards of these tests. Each number is looked for in everything that is written. Digits as few as a code's are everywhere by chance, so
// that is looked for in the forms in which it could be part of a message.
const (
	goodCard     = "4111111111111111"
	declinedCard = "4000000000000002"
	poorCard     = "4000000000009995"
	wrongCard    = "4111111111111112"
	amexCard     = "378282246310005"
	cardCode     = "7301"
)

// secrets are what is looked for: numbers, also as they were typed, and codes in JSON, in the text of a message and in its bytes.
var secrets = []string{
	goodCard, declinedCard, poorCard, wrongCard, amexCard, "4111 1111", "1111-1111", "cvv",
	`"730"`, `"7301"`, `:730,`, `:7301,`, "\x22\x03730", "\x22\x047301",
}

// spans is a collector of traces that keeps the bytes it was sent.
type spans struct {
	mutex sync.Mutex
	text  strings.Builder
}

// collect starts one and answers its URL.
func collect(t testing.TB) (s *spans, url string) {
	t.Helper()
	s = &spans{}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		var message []byte
		if err := stream.RecvMsg(&message); err != nil {
			return err
		}
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.text.Write(message)
		empty := []byte{}
		return stream.SendMsg(&empty)
	}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return s, "http://" + listener.Addr().String()
}

func (s *spans) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.String()
}

// No number of a card and no security code is written anywhere, whichever way it comes in: to logs, traces, tables, files of the
// database, of the bus or of the gateway (requirement S-5).
func TestCardsAreWrittenNowhere(t *testing.T) {
	t.Parallel()
	traces, url := collect(t)
	everywhere(t, func(t *testing.T, w *world) {
		w.stock("mug", 1_000)
		w.plantByGRPC(t)
		w.plantByREST(t)
		w.checkBooks()
		w.stopAll() // what is buffered is written
		places := map[string]string{"traces": traces.String()}
		for i, s := range w.servers {
			places[fmt.Sprintf("log of process %d", i)] = s.log.String()
		}
		readFolder(t, w.folder, places)
		if w.kind != onSQLite {
			places["tables"] = dump(t, w.url)
		}
		searched := 0
		for place, text := range places {
			searched += len(text)
			for _, secret := range secrets {
				if found(text, secret) {
					t.Errorf("%s of a card is in %s", secret, place)
				}
			}
		}
		for place, proof := range map[string]string{"traces": "PayOrder", "log of process 0": "PayOrder"} {
			if !strings.Contains(places[place], proof) {
				t.Errorf("%s has nothing about %s: it was not searched", place, proof)
			}
		}
		if searched < 100_000 {
			t.Errorf("only %d bytes were searched", searched)
		}
	}, "--otlp-endpoint", url, "--trace-share", "1", "--log-level", "debug", "--log-samples", "1")
}

// dump is what pg_dump writes of a database: each row of each table, bytes in hex.
func dump(t *testing.T, url string) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), postgrestest.Shared(t).Binary("pg_dump"), "--dbname", url).Output()
	if err != nil {
		t.Fatalf("pg_dump: %v", err)
	}
	return string(text)
}

// found tells whether a secret is in a text, as it is or in hex.
func found(text, secret string) bool {
	return strings.Contains(text, secret) || strings.Contains(text, hex.EncodeToString([]byte(secret)))
}

// readFolder adds each file below a folder: database, write-ahead log, bus, journal of the gateway.
func readFolder(t *testing.T, folder string, places map[string]string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		places[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func cardOf(number string) *omsv1.Card {
	code := cardCode[:3]
	if number == amexCard {
		code = cardCode
	}
	return &omsv1.Card{Number: number, ExpMonth: 12, ExpYear: 2040, Cvv: code}
}

// plantByGRPC pays with cards: declined, again with another one, repeated under its key, wrong in every field.
func (w *world) plantByGRPC(t *testing.T) {
	t.Helper()
	order := w.reserve(draft("c", 1, "mug"))
	declines := map[string]string{declinedCard: "do_not_honor", poorCard: "insufficient_funds"}
	for _, number := range []string{declinedCard, poorCard, amexCard} {
		request := &omsv1.PayOrderRequest{OrderId: order.Id, Card: cardOf(number), KeepOnDecline: true}
		key := load.Key()
		for range 2 { // the repeat is answered as the first was
			if _, err := load.Send(within(t), w.client(), key, w.client().Orders.PayOrder, request); err != nil {
				t.Fatal(err)
			}
		}
		other := &omsv1.PayOrderRequest{OrderId: order.Id, Card: cardOf(goodCard), KeepOnDecline: true}
		if _, err := w.client().Orders.PayOrder(keyed(t, key), other); reasonOf(err) != "IDEMPOTENCY_MISMATCH" {
			t.Errorf("another card under the same key: %v", err)
		}
		if number == amexCard {
			break
		}
		w.eventually("the payment is declined", func() bool { return w.get(order.Id).Payment.Status == statusDeclined })
		if got := w.get(order.Id); got.Status != reserved || got.Payment.DeclineReason != declines[number] {
			t.Errorf("after a kept decline: %v", got)
		}
	}
	paid := w.await(order.Id, confirmed).GetPayment()
	if paid.GetCardBrand() != "amex" || paid.GetCardLastFour() != amexCard[len(amexCard)-4:] {
		t.Errorf("paid with %q %q", paid.GetCardBrand(), paid.GetCardLastFour())
	}
	unpaid := w.reserve(draft("c", 1, "mug"))
	for want, c := range map[string]*omsv1.Card{
		card.ReasonNumber: cardOf(wrongCard), card.ReasonOld: {Number: goodCard, ExpMonth: 1, ExpYear: 2020, Cvv: cardCode[:3]},
		card.ReasonCode: {Number: goodCard, ExpMonth: 1, ExpYear: 2040, Cvv: cardCode}, card.ReasonExpiry: {Number: goodCard, Cvv: cardCode[:3]},
	} {
		_, err := w.client().Orders.PayOrder(keyed(t, load.Key()), &omsv1.PayOrderRequest{OrderId: unpaid.Id, Card: c})
		if reasonOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	_, err := w.client().Orders.PayOrder(keyed(t, load.Key()),
		&omsv1.PayOrderRequest{OrderId: unpaid.Id, PaymentToken: "sim:ok", Card: cardOf(goodCard)})
	if reasonOf(err) != "PAYMENT_MEANS_AMBIGUOUS" {
		t.Errorf("token and card: %v", err)
	}
	for _, misplaced := range []*omsv1.PayOrderRequest{
		{OrderId: unpaid.Id, PaymentToken: goodCard}, {OrderId: goodCard}, {OrderId: unpaid.Id, Card: &omsv1.Card{Number: strings.Repeat(goodCard, 3)}},
		{OrderId: unpaid.Id, Card: &omsv1.Card{Number: goodCard, Cvv: cardCode + cardCode}},
	} {
		if _, err := w.client().Orders.PayOrder(keyed(t, load.Key()), misplaced); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%v: %v", misplaced.OrderId, err)
		}
	}
	canceled, cancel := context.WithCancel(within(t))
	cancel()
	_, _ = w.client().Orders.PayOrder(canceled, &omsv1.PayOrderRequest{OrderId: unpaid.Id, Card: cardOf(goodCard)})
}

// plantByREST pays by REST, rightly and with bodies of every kind of wrong.
func (w *world) plantByREST(t *testing.T) {
	t.Helper()
	order := w.reserve(draft("c", 1, "mug"))
	path := "/v1/orders/" + order.Id + ":pay"
	good := fmt.Sprintf(`{"card": {"number": "4111 1111-1111 1111", "exp_month": 12, "exp_year": 2040, "cvv": %q}}`, cardCode[:3])
	for _, body := range []string{
		strings.Replace(good, "4111 1111-1111 1111", wrongCard, 1), good[:len(good)-1], good + good,
		`{"card": {"number": ` + goodCard + `, "cvv": ` + cardCode + `}}`, `{"card": "` + goodCard + `"}`, `{"` + goodCard + `": "` + cardCode + `"}`,
		`{"card": {"` + goodCard + `": ` + cardCode + `}}`, `{"payment_token": "` + goodCard + `"}`, `["` + goodCard + `"]`,
		`{"card": {"number": "` + goodCard + `\u0000"}}`, `{"card": {"number": "` + goodCard + `", "exp_month": "` + goodCard + `"}}`,
		`{"keep_on_decline": "` + goodCard + `"}`, goodCard,
	} {
		got := w.any(1).http(t, http.MethodPost, path, load.Key(), body)
		if got.status != http.StatusBadRequest {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	for _, misplaced := range []string{"/v1/orders/" + goodCard + ":pay", "/v1/orders?page_token=" + goodCard, "/v1/" + goodCard} {
		w.any(0).http(t, http.MethodPost, misplaced, load.Key(), good)
	}
	w.any(0).http(t, http.MethodPost, path, "", good) // without a key
	for range 2 {
		if got := w.any(1).http(t, http.MethodPost, path, "key-of-a-card", good); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	w.await(order.Id, confirmed)
	if got := w.any(0).http(t, http.MethodPost, path, load.Key(), good); got.status != http.StatusBadRequest {
		t.Errorf("paid twice: %d %s", got.status, got.body)
	}
}
