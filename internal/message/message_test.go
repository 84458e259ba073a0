package message_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/language"

	"github.com/seed-255eabaa/oms/internal/message"
)

func TestMoneyIsExact(t *testing.T) {
	for _, test := range []struct{ minor, currency, locale, want string }{
		{"1460", "EUR", "en", "14.60 EUR"}, {"1460", "EUR", "de-CH", "14,60 EUR"}, {"5", "EUR", "ru", "0,05 EUR"}, {"0", "EUR", "zh", "0.00 EUR"},
		{"1500", "JPY", "en", "1500 JPY"}, {"1", "BHD", "en", "0.001 BHD"}, {"-70", "USD", "en", "-0.70 USD"},
		{"9223372036854775807", "EUR", "en", "92233720368547758.07 EUR"}, {"-9223372036854775808", "EUR", "en", "-92233720368547758.08 EUR"},
	} {
		if got, err := message.Money(test.minor, test.currency, language.MustParse(test.locale)); err != nil || got != test.want {
			t.Errorf("%s %s in %s: %q %v, want %q", test.minor, test.currency, test.locale, got, err, test.want)
		}
	}
	for _, minor := range []string{"", "1.5", "9223372036854775808"} {
		if got, err := message.Money(minor, "EUR", language.English); err == nil {
			t.Errorf("%q is written as %q", minor, got)
		}
	}
}

// Each template fits the sample; the nearest language counts, English where there is none.
func TestTemplates(t *testing.T) {
	templates, err := message.Load("", "en")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"order_confirmed", "order_canceled", "order_refunded", "payment_declined", "order_expiring", "message"} {
		if text, err := templates.Render(name, message.Sample()); err != nil || text.Subject == "" || text.SMS == "" || text.Locale != "en" {
			t.Errorf("%s: %+v %v", name, text, err)
		}
	}
	for locale, want := range map[string]string{"de-AT": "de", "zh-Hans-CN": "zh", "ru": "ru", "fr": "en", "en-GB": "en", "": "en"} {
		if text, err := templates.Render("order_confirmed", message.Sample(), "", locale); err != nil || text.Locale != want {
			t.Errorf("%q finds %q %v, want %q", locale, text.Locale, err, want)
		}
	}
	if _, err := templates.Render("nothing", nil); !errors.Is(err, message.ErrUnknown) {
		t.Errorf("an unknown template: %v", err)
	}
	if _, err := templates.Render("order_confirmed", map[string]string{"order_id": "o"}); err == nil {
		t.Error("a missing parameter is passed over")
	}
}

// Parameters are text: they end no header and are no HTML.
func TestParametersAreText(t *testing.T) {
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "en"), 0o700); err != nil {
		t.Fatal(err)
	}
	own := `{{define "subject"}}Hello {{.name}}{{end}}{{define "text"}}Dear {{.name}}{{end}}{{define "sms"}}Hi{{end}}`
	if err := os.WriteFile(filepath.Join(folder, "en", "hello.txt"), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	templates, err := message.Load(folder, "en")
	if err != nil {
		t.Fatal(err)
	}
	text, err := templates.Render("hello", map[string]string{"name": "<b>x</b>\r\nBcc: all@example.org"})
	if err != nil || strings.ContainsAny(text.Subject, "\r\n") || strings.Contains(text.HTML, "<b>") {
		t.Errorf("%+v %v", text, err)
	}
}
