package app_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/mailtest"
)

// seedExample is one JSON example of the seed, with its comments, which are no JSON, taken away.
type seedExample struct{ path, kind, body string }

// seedExamples reads the examples out of the seed (testdata/seeds/001.txt, see the README there).
func seedExamples(t *testing.T) (examples []seedExample) {
	t.Helper()
	text, err := os.ReadFile("testdata/seeds/001.txt")
	if err != nil {
		t.Fatal(err)
	}
	comment := regexp.MustCompile(`\s*//[^\n]*`)
	part := regexp.MustCompile("(?s)\\*\\*URL:\\*\\* `([^`]+)`|\\*\\*((?:Request|Response) Example[^*]*):\\*\\*\\s*```\\s*(.*?)```")
	path := ""
	for _, found := range part.FindAllStringSubmatch(string(text), -1) {
		if found[1] != "" {
			path = found[1]
			continue
		}
		body := comment.ReplaceAllString(found[3], "")
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(body)); err != nil {
			t.Fatalf("%s %s: %v", path, found[2], err)
		}
		examples = append(examples, seedExample{path, found[2], compact.String()})
	}
	if len(examples) != 11 {
		t.Fatalf("the seed has %d examples", len(examples))
	}
	return examples
}

// example answers the compact text of one example.
func example(t *testing.T, path, kind string) string {
	t.Helper()
	for _, found := range seedExamples(t) {
		if found.path == path && found.kind == kind {
			return found.body
		}
	}
	t.Fatalf("no example %s of %s", kind, path)
	return ""
}

// post sends a body to the dialect and answers the envelope's text; the HTTP status must be its code.
func (r *running) post(t *testing.T, path, body string, headers ...string) string {
	t.Helper()
	api, _, _, _ := r.Addresses()
	request, err := http.NewRequestWithContext(keyed(t, ""), http.MethodPost, "http://"+api+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var envelope struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(text, &envelope); err != nil || envelope.Code != response.StatusCode || envelope.Message == "" {
		t.Fatalf("%s: HTTP %d, %s", path, response.StatusCode, text)
	}
	readShopDocument(t).hold(t, path, body, response.StatusCode, text)
	return string(text)
}

// refused fails the test unless the answer has the code and the reason.
func refused(t *testing.T, what, got string, code int, reason string) {
	t.Helper()
	if !strings.HasPrefix(got, fmt.Sprintf(`{"code":%d,`, code)) || !strings.Contains(got, `"reason":"`+reason+`"`) {
		t.Errorf("%s: %s, want %d %s", what, got, code, reason)
	}
}

// shelve puts the seed's products on the shelf and into the catalogue, so that its order comes to 100.50.
func (r *running) shelve(t *testing.T) {
	t.Helper()
	_, _, internal, _ := r.Addresses()
	prices := omsv1.NewCatalogueServiceClient(dial(t, internal))
	if _, err := prices.ImportPrices(keyed(t, "prices"), &omsv1.ImportPricesRequest{
		Csv: "sku,currency,price\nP001,EUR,25.25\nP002,EUR,50.00\n",
	}); err != nil {
		t.Fatal(err)
	}
	for _, sku := range []string{"P001", "P002"} {
		if _, err := r.inventory.SetStock(keyed(t, "stock-"+sku), &omsv1.SetStockRequest{Sku: sku, OnHand: proto.Int64(10)}); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *running) stock(t *testing.T, sku string) *omsv1.StockItem {
	t.Helper()
	answer, err := r.inventory.GetStock(keyed(t, ""), &omsv1.GetStockRequest{Sku: sku})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Item
}

var orderIDs = regexp.MustCompile(`order:[0-9a-f-]{36}`)

func TestShopDialect(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		mail := mailtest.Start(t, nil)
		server := start(t, store, withMail(mail))
		shopDialect(t, server)
		shopNotifications(t, server, mail)
	})
}

// The seed's examples, character for character, but for what it cannot know: its ids are others here, and its card expired.
const (
	createPath, lockPath = "/api/orders/create", "/api/inventory/lock"
	payPath, notifyPath  = "/api/payment/process", "/api/notification/send"
	seedOrder, seedCard  = "ORD123456", "12/25"
	asked, answered      = "Request Example", "Response Example (Success)"
	answeredBad          = "Response Example (Failure)"
)

func shopDialect(t *testing.T, server *running) {
	t.Helper()
	expiry := time.Now().AddDate(1, 0, 0).Format("01/06")
	create := example(t, createPath, asked)
	refused(t, "an empty catalogue", server.post(t, createPath, create), 400, "PRODUCT_UNKNOWN")
	server.shelve(t)
	made := func() string {
		got := server.post(t, createPath, create)
		order := orderIDs.FindString(got)
		if want := strings.Replace(example(t, createPath, answered), seedOrder, order, 1); got != want {
			t.Fatalf("created %s, want %s", got, want)
		}
		return order
	}
	order := made()
	about := func(path, order string) string {
		return strings.NewReplacer(seedOrder, order, seedCard, expiry).Replace(example(t, path, asked))
	}
	var twice sync.WaitGroup
	for range 4 { // at once, and beside the event's own reservation
		twice.Go(func() {
			if got := server.post(t, lockPath, about(lockPath, order)); got != example(t, lockPath, answered) {
				t.Errorf("locked %s", got)
			}
		})
	}
	twice.Wait()
	if item := server.stock(t, "P001"); item.Reserved != 2 {
		t.Errorf("an order of two reserves %d", item.Reserved)
	}
	expired := strings.Replace(example(t, payPath, asked), seedOrder, order, 1)
	refused(t, "the seed's card as it stands", server.post(t, payPath, expired), 400, "CARD_EXPIRED")
	for range 3 {
		got := server.post(t, payPath, about(payPath, order), "Idempotency-Key", fmt.Sprint(time.Now().UnixNano()))
		if want := strings.Replace(example(t, payPath, answered), "TXN789012", "payment:"+order[len("order:"):], 1); got != want {
			t.Fatalf("paid %s, want %s", got, want)
		}
	}
	server.await(t, order, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	if item := server.stock(t, "P001"); item.Sold != 2 || item.Reserved != 0 || item.OnHand != 8 {
		t.Errorf("stock %v", item)
	}
	declined := strings.Replace(about(payPath, made()), "4111111111111111", "4000000000009995", 1)
	for range 2 {
		if got := server.post(t, payPath, declined); got != example(t, payPath, answeredBad) {
			t.Errorf("declined %s", got)
		}
	}
	outOfStock(t, server, about)
	shopRefusals(t, server, create, about(payPath, order), about(lockPath, order))
}

// shopNotifications sends the seed's notification, and those that cannot be sent.
func shopNotifications(t *testing.T, server *running, mail *mailtest.Server) {
	t.Helper()
	request := example(t, notifyPath, asked)
	refused(t, "a stranger", server.post(t, notifyPath, request), 400, "CONTACT_MISSING")
	putContact(t, server.notifications(t), &omsv1.PutContactRequest{UserId: "123456", Email: "ann@example.org"})
	if got, want := server.post(t, notifyPath, request), example(t, notifyPath, "Response Example"); got != want {
		t.Fatalf("notified %s, want %s", got, want)
	}
	var sent struct{ Subject, Message string }
	if err := json.Unmarshal([]byte(request), &sent); err != nil {
		t.Fatal(err)
	}
	var letters []mailtest.Letter
	for len(letters) == 0 {
		letters = slices.DeleteFunc(mail.Taken(), func(l mailtest.Letter) bool { return l.Subject != sent.Subject })
		time.Sleep(5 * time.Millisecond)
	}
	if text := parts(t, letters[0])["text/plain"]; !strings.Contains(text, sent.Message) {
		t.Errorf("the letter says %q, want %q", text, sent.Message)
	}
	as := func(kind string) string { return strings.Replace(request, `"email"`, `"`+kind+`"`, 1) }
	refused(t, "a pigeon", server.post(t, notifyPath, as("pigeon")), 400, "NOTIFICATION_TYPE_UNKNOWN")
	refused(t, "a user without a phone", server.post(t, notifyPath, as("sms")), 400, "NOTIFICATION_SUPPRESSED")
	putContact(t, server.notifications(t), &omsv1.PutContactRequest{UserId: "123456", Email: "ann@example.org", Phone: "+15550100"})
	refused(t, "no transport", server.post(t, notifyPath, as("sms")), 501, "CHANNEL_UNCONFIGURED")
	short := `{"userId":"123456","notificationType":"sms","message":"m"}`
	refused(t, "a short message without a subject, and no transport", server.post(t, notifyPath, short), 501, "CHANNEL_UNCONFIGURED")
	refused(t, "no message", server.post(t, notifyPath, `{"userId":"123456","notificationType":"email","subject":"s"}`), 400, "VALIDATION_FAILED")
}

// outOfStock orders more than there is.
func outOfStock(t *testing.T, server *running, about func(path, order string) string) {
	t.Helper()
	got := server.post(t, createPath, `{"userId":"u","orderAmount":2525.0,"items":[{"productId":"P001","quantity":100}]}`)
	order := orderIDs.FindString(got)
	lock := fmt.Sprintf(`{"orderId":%q,"items":[{"productId":"P001","quantity":100}]}`, order)
	for range 2 {
		if got := server.post(t, lockPath, lock); got != example(t, lockPath, answeredBad) {
			t.Errorf("locked %s", got)
		}
	}
	pay := strings.NewReplacer("100.50", "2525", `"123456"`, `"u"`).Replace(about(payPath, order))
	refused(t, "an order without stock", server.post(t, payPath, pay), 400, "ILLEGAL_TRANSITION")
	declined := strings.NewReplacer("100.50", "25.25", `"123456"`, `"u"`, "4111111111111111", "4000000000000002").Replace(about(payPath,
		orderIDs.FindString(server.post(t, createPath, `{"userId":"u","orderAmount":25.25,"items":[{"productId":"P001","quantity":1}]}`))))
	if got := server.post(t, payPath, declined); !strings.HasPrefix(got, `{"code":400,"message":"Payment failed due to a refusal by the bank","paymentS`) {
		t.Errorf("the bank's refusal: %s", got)
	}
}

// shopRefusals sends what is wrong.
func shopRefusals(t *testing.T, server *running, create, pay, lock string) {
	t.Helper()
	for _, test := range []struct {
		path, body, old, changed string
		code                     int
		reason                   string
	}{
		{createPath, create, "100.50", "-100.50", 400, "NEGATIVE_AMOUNT"},
		{createPath, create, "100.50", "100.51", 400, "AMOUNT_MISMATCH"},
		{createPath, create, "100.50", "100.505", 400, "AMOUNT_INVALID"},
		{createPath, create, "100.50", `"100.50"`, 400, "VALIDATION_FAILED"},
		{createPath, create, "100.50", "1.0050000000000000001e2", 400, "VALIDATION_FAILED"},
		{createPath, create, "P002", "P003", 400, "PRODUCT_UNKNOWN"},
		{createPath, create, "P002", " P2", 400, "VALIDATION_FAILED"},
		{createPath, create, `"quantity":2`, `"quantity":0`, 400, "VALIDATION_FAILED"},
		{createPath, create, `"quantity":2`, `"quantity":-2`, 400, "VALIDATION_FAILED"},
		{createPath, create, `"quantity":2`, `"quantity":1.5`, 400, "VALIDATION_FAILED"},
		{createPath, create, `"quantity":2`, `"quantity":"2"`, 400, "VALIDATION_FAILED"},
		{createPath, create, `"quantity":2`, `"quantity":2,"quantity":3`, 400, "VALIDATION_FAILED"},
		{createPath, create, `"userId":`, `"userID":`, 400, "VALIDATION_FAILED"},
		{createPath, create, "123456", "", 400, "VALIDATION_FAILED"},
		{createPath, create, "{", "", 400, "INVALID_JSON"},
		{lockPath, lock, "order:", "ORD", 400, "WRONG_KIND"},
		{payPath, pay, "100.50", "100.51", 400, "AMOUNT_MISMATCH"},
		{payPath, pay, `"123456"`, `"someone else"`, 404, "NOT_FOUND"},
		{payPath, pay, "credit_card", "paypal", 400, "PAYMENT_METHOD_UNSUPPORTED"},
		{"/api/orders/delete", "{}", "", "", 404, "ROUTE_NOT_FOUND"},
	} {
		body := strings.Replace(test.body, test.old, test.changed, 1)
		refused(t, test.changed, server.post(t, test.path, body), test.code, test.reason)
	}
	for _, amount := range []string{"100.5", "100.500", "1005e-1"} {
		if got := server.post(t, createPath, strings.Replace(create, "100.50", amount, 1)); !strings.HasPrefix(got, `{"code":200,`) {
			t.Errorf("%s: %s", amount, got)
		}
	}
	refused(t, "a page of another origin", server.post(t, createPath, create, "Sec-Fetch-Site", "cross-site"), 403, "CROSS_ORIGIN")
	refused(t, "an old browser's", server.post(t, createPath, create, "Origin", "https://evil.example"), 403, "CROSS_ORIGIN")
	refused(t, "a form's", server.post(t, createPath, create, "Content-Type", "text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE")
	first := server.post(t, createPath, create, "Idempotency-Key", "mine")
	if again := server.post(t, createPath, create, "Idempotency-Key", "mine"); again != first {
		t.Errorf("repeated: %s, not %s", again, first)
	}
	other := strings.Replace(create, `"quantity":2`, `"quantity":3`, 1)
	refused(t, "the key of another order", server.post(t, createPath, other, "Idempotency-Key", "mine"), 409, "IDEMPOTENCY_MISMATCH")
}

// signed signs a body as docs/api-dialect.md says.
func signed(t *testing.T, body map[string]any, sign func(message []byte) []byte) string {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	message, err := jcs.Transform(text)
	if err != nil {
		t.Fatal(err)
	}
	body["signature"] = base64.StdEncoding.EncodeToString(sign(message))
	text, _ = json.MarshalIndent(body, "", "  ")
	delete(body, "signature")
	return string(text)
}

func TestShopSignatures(t *testing.T) {
	secret := strings.Repeat("s", 32)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, func(c *config.Config) {
		c.Dev = false
		c.CredentialsFile = filepath.Join(t.TempDir(), "credentials.json")
		c.ShopKeysFile = filepath.Join(t.TempDir(), "keys.json")
		digest := func(token string) string { sum := sha256.Sum256([]byte(token)); return hex.EncodeToString(sum[:]) }
		credentials := fmt.Sprintf(`[{"name":"web","tenant":"acme","token_sha256":%q,"scopes":["*"]},
			{"name":"app","tenant":"acme","token_sha256":%q,"scopes":["*"]},
			{"name":"reader","tenant":"acme","token_sha256":%q,"scopes":["orders:read"]}]`, digest("web-token"), digest("app-token"), digest("reader-token"))
		keys := fmt.Sprintf(`[{"name":"web","tenant":"acme","hmac_secret":%q},{"name":"app","tenant":"acme","ed25519_public_key":%q}]`,
			secret, base64.StdEncoding.EncodeToString(public))
		for path, text := range map[string]string{c.CredentialsFile: credentials, c.ShopKeysFile: keys} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	})
	web := func(message []byte) []byte {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(message)
		return mac.Sum(nil)
	}
	app := func(message []byte) []byte { return ed25519.Sign(private, message) }
	body := func(token string) map[string]any {
		return map[string]any{
			"userId": "ü<&>\u2028", "token": token, "orderAmount": json.Number("100.50"),
			"items": []any{map[string]any{"quantity": 2, "productId": "P001"}},
		}
	}
	// What is signed by the right key comes as far as the catalogue, which is empty; 401 is told before what is wrong with the body.
	const reached = "VALIDATION_FAILED" // the user's name is no identifier
	tampered := strings.Replace(signed(t, body("web-token"), web), `"quantity": 2`, `"quantity": 3`, 1)
	unsigned, _ := json.Marshal(body("web-token"))
	for _, test := range []struct {
		name, body string
		code       int
		reason     string
		headers    []string
	}{
		{"hmac", signed(t, body("web-token"), web), 400, reached, nil},
		{"ed25519", signed(t, body("app-token"), app), 400, reached, nil},
		{"another client's key", signed(t, body("app-token"), web), 401, "SIGNATURE_INVALID", nil},
		{"tampered", tampered, 401, "SIGNATURE_INVALID", nil},
		{"unsigned", string(unsigned), 401, "SIGNATURE_INVALID", nil},
		{"no token", signed(t, body(""), web), 401, "AUTH_FAILED", nil},
		{"a stale token", signed(t, body("old-token"), web), 401, "AUTH_FAILED", nil},
		{"two tokens", signed(t, body("web-token"), web), 401, "AUTH_FAILED", []string{"Authorization", "Bearer app-token"}},
		{"the same token twice", signed(t, body("web-token"), web), 400, reached, []string{"Authorization", "Bearer web-token"}},
		{"a scope too few", signed(t, body("reader-token"), web), 403, "SCOPE_MISSING", nil},
		{"the example's words", example(t, createPath, asked), 401, "AUTH_FAILED", nil},
	} {
		refused(t, test.name, server.post(t, createPath, test.body, test.headers...), test.code, test.reason)
	}
	// The other paths need the token, and no signature; one that is there must be right.
	lock := `{"orderId":"order:0198c0de-0000-7000-8000-000000000000","items":[{"productId":"P001","quantity":1}]}`
	got := server.post(t, lockPath, lock)
	refused(t, "no token", got, 401, "AUTH_FAILED")
	if !strings.Contains(got, "or as token in a body of Content-Type application/json") { // which is asked for before the Content-Type is
		t.Errorf("no token: %s", got)
	}
	refused(t, "unsigned", server.post(t, lockPath, lock, "Authorization", "Bearer web-token"), 404, "NOT_FOUND")
	wrong := strings.Replace(lock, "{", `{"signature":"AAAA",`, 1)
	refused(t, "a wrong one", server.post(t, lockPath, wrong, "Authorization", "Bearer web-token"), 401, "SIGNATURE_INVALID")
}
