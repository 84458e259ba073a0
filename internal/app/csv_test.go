package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-255eabaa/oms/internal/config"
)

// A list of prices is taken as the file that it is, by the rules of the JSON call: all or nothing, and a word on every line.
func TestPricesAsAFile(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		server := start(t, store)
		send := func(key, body string, headers ...string) (int, string) {
			t.Helper()
			return server.http(t, http.MethodPost, "/v1/catalogue/items:import", body, append(headers, "Idempotency-Key: "+key)...)
		}
		const list, csv = "sku,currency,price\nMUG,EUR,12.50\n\"SHOE\",EUR,89.90\n", "Content-Type: text/csv; charset=utf-8"
		if code, text := send("1", list, csv); code != http.StatusOK || !strings.Contains(text, `"prices":2`) {
			t.Fatalf("%d %s", code, text)
		}
		if code, text := send("1", list, csv); code != http.StatusOK || !strings.Contains(text, `"prices":2`) {
			t.Errorf("repeated: %d %s", code, text)
		}
		if code, text := send("1", list+"CAP,EUR,1\n", csv); code != http.StatusConflict || !strings.Contains(text, "IDEMPOTENCY_MISMATCH") {
			t.Errorf("another list under the same key: %d %s", code, text)
		}
		bad := "sku,currency,price\nMUG,EUR,13\nMUG,EUR,14\nCAP,EU,1\nHAT,EUR,1.505\n"
		code, text := send("2", bad, csv)
		for _, line := range []string{"IMPORT_INVALID", "line 3: sku", "line 4: currency", "line 5: price"} {
			if code != http.StatusBadRequest || !strings.Contains(text, line) {
				t.Errorf("a bad list: %d %s, want %s", code, text, line)
			}
		}
		if _, text := server.http(t, http.MethodGet, "/v1/catalogue/items/MUG", ""); !strings.Contains(text, `"amount_minor":1250`) {
			t.Errorf("a bad list was taken in part: %s", text)
		}
		for _, refused := range []struct {
			what, body, header string
			code               int
			reason             string
		}{
			{"JSON", `{"csv":""}`, "Content-Type: application/json", 415, "UNSUPPORTED_MEDIA_TYPE"},
			{"a form", list, "Content-Type: application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"},
			{"Latin-1", list, "Content-Type: text/csv; charset=iso-8859-1", 415, "UNSUPPORTED_MEDIA_TYPE"},
			{"compressed", list, "Content-Encoding: gzip", 415, "UNSUPPORTED_MEDIA_TYPE"},
			{"nothing", "", csv, 400, "BODY_MISSING"},
			{"no UTF-8", "sku,currency,price\n\xff,EUR,1\n", csv, 400, "VALIDATION_FAILED"},
			{"too much", list + strings.Repeat(" ", 256<<10), csv, 400, "VALIDATION_FAILED"},
			{"far too much", list + strings.Repeat(" ", 1<<20), csv, 413, "BODY_TOO_LARGE"},
			{"too many lines", list + strings.Repeat("X,EUR,1\n", 1000), csv, 400, "IMPORT_TOO_LONG"},
			{"other columns", "sku,price\nMUG,1\n", csv, 400, "CSV_HEADER"},
		} {
			headers := []string{refused.header}
			if !strings.HasPrefix(refused.header, "Content-Type") {
				headers = append(headers, csv)
			}
			if code, text := send(refused.what, refused.body, headers...); code != refused.code || !strings.Contains(text, refused.reason) {
				t.Errorf("%s: %d %.300s, want %d %s", refused.what, code, text, refused.code, refused.reason)
			}
		}
	})
}

// A client that resumes a stream by its header is told of the header, whoever finds it wrong: the reader, a rule or the order itself.
func TestLastEventIDIsNamed(t *testing.T) {
	server := start(t)
	_, text := server.http(t, http.MethodPost, "/v1/orders", `{"customer_id":"c","currency":"EUR",
		"items":[{"sku":"MUG","qty":1,"price":{"currency":"EUR","amount_minor":5}}]}`, "Content-Type: application/json", "Idempotency-Key: k")
	path := "/v1/orders/" + orderIDs.FindString(text) + ":watch"
	for _, value := range []string{"x", "-1", "99"} {
		code, text := server.http(t, http.MethodGet, path, "", "Last-Event-ID: "+value)
		if code != http.StatusBadRequest || !strings.Contains(text, `"message":"Last-Event-ID: `) || strings.Contains(text, "after_version") {
			t.Errorf("%s: %d %s", value, code, text)
		}
	}
	if code, text := server.http(t, http.MethodGet, path+"?after_version=-1", ""); code != 400 || !strings.Contains(text, `"message":"after_version: `) {
		t.Errorf("by the query: %d %s", code, text)
	}
	if code, text := server.http(t, http.MethodGet, "/v1/orders:watch", "", "Last-Event-ID: forged"); code != 400 || !strings.Contains(text, "Last-Event-ID") {
		t.Errorf("a token: %d %s", code, text)
	}
}
