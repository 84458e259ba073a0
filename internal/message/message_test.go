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
		{"1460", "EUR", "en", "14.60 EUR"}, {"1460", "EUR", "de-AT", "14,60 EUR"}, {"1460", "EUR", "de-CH", "14.60 EUR"}, {"5", "EUR", "ru", "0,05 EUR"}, {"0", "EUR", "zh", "0.00 EUR"},
		{"1460", "EUR", "fr", "14,60 EUR"}, {"1460", "EUR", "es", "14,60 EUR"}, {"1460", "EUR", "de-LI", "14.60 EUR"}, {"1460", "EUR", "ar-EG", "14.60 EUR"},
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
		if text, err := templates.Render(name, "", templates.Sample(name)); err != nil || text.Subject == "" || text.SMS == "" || text.Locale != "en" {
			t.Errorf("%s: %+v %v", name, text, err)
		}
	}
	for locale, want := range map[string]string{"de-AT": "de", "zh-Hans-CN": "zh", "ru": "ru", "fr": "en", "en-GB": "en", "": "en"} {
		if text, err := templates.Render("order_confirmed", "email", templates.Sample("order_confirmed"), "", locale); err != nil || text.Locale != want {
			t.Errorf("%q finds %q %v, want %q", locale, text.Locale, err, want)
		}
	}
	if _, err := templates.Render("nothing", "", nil); !errors.Is(err, message.ErrUnknown) {
		t.Errorf("an unknown template: %v", err)
	}
	if _, err := templates.Render("order_confirmed", "sms", map[string]string{"order_id": "o"}); err == nil {
		t.Error("a missing parameter is passed over")
	}
}

// load loads templates with files of a folder over them.
func load(t *testing.T, files map[string]string) (*message.Templates, error) {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Join(folder, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return message.Load(folder, "en")
}

// three writes a template's blocks.
func three(subject, text, sms string) string {
	return `{{define "subject"}}` + subject + `{{end}}{{define "text"}}` + text + `{{end}}{{define "sms"}}` + sms + `{{end}}`
}

// Parameters are text: they end no header and are no HTML.
func TestParametersAreText(t *testing.T) {
	templates, err := load(t, map[string]string{"en/hello.txt": three("Hello {{.name}}", "Dear {{.name}}", "Hi")})
	if err != nil {
		t.Fatal(err)
	}
	text, err := templates.Render("hello", "email", map[string]string{"name": "<b>x</b>\r\nBcc: all@example.org"})
	if err != nil || strings.ContainsAny(text.Subject, "\r\n") || strings.Contains(text.HTML, "<b>") {
		t.Errorf("%+v %v", text, err)
	}
}

// What a file of an operator's gets wrong is told at the start, with the file and the field.
func TestTemplatesAreTriedAtTheStart(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string // "" when they are right
	}{
		"no such parameter": {map[string]string{"de/order_confirmed.txt": three("a", "{{.nope}}", "c")},
			"the template de/order_confirmed.txt names {{.nope}}, which its message does not have; it may name amount_minor, currency, order_id"},
		"another message's": {map[string]string{"en/order_confirmed.txt": three("a", "b", "{{money .refunded_minor .currency}}")},
			"en/order_confirmed.txt names {{.refunded_minor}}"},
		"in its HTML":       {map[string]string{"en/order_confirmed.html": "{{.Parameters.nope}}"}, "en/order_confirmed.html names {{.nope}}"},
		"in the layout":     {map[string]string{"layout.html": "{{.Body}}"}, "layout.html names {{.Body}}"},
		"no amount":         {map[string]string{"en/order_confirmed.txt": three("a", "{{money .order_id .currency}}", "c")}, "en/order_confirmed.txt cannot be filled"},
		"a broken function": {map[string]string{"en/own.txt": three("a", "{{moment .name}}", "c")}, "en/own.txt cannot be filled"},
		"may be absent":     {map[string]string{"en/order_confirmed.txt": three("a", `{{with index . "reason"}}{{.}}{{end}}`, "c")}, ""},
		"a caller's own": {map[string]string{"en/own.txt": three("{{.name}}", "{{money .fee_minor .fee_currency}}", "{{moment .left_at}}"),
			"de/own.txt": three("{{.anrede}}", "b", "c")}, ""},
	} {
		templates, err := load(t, test.files)
		switch {
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", name, err, test.want)
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case err == nil && templates.Has("own"): // a preview of it works
			for _, locale := range []string{"en", "de"} {
				if _, err := templates.Render("own", "", templates.Sample("own"), locale); err != nil {
					t.Errorf("%s: the preview: %v", name, err)
				}
			}
		}
	}
}

// Only what the channel needs is asked for, and what is wrong is named.
func TestUnfitParametersAreNamed(t *testing.T) {
	templates, err := message.Load("", "en")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := templates.Render("message", "sms", map[string]string{"message": "hello"}); err != nil || text.SMS != "hello" {
		t.Errorf("a short message without a subject: %+v %v", text, err)
	}
	for _, test := range []struct {
		template       string
		parameters     map[string]string
		field, problem string
	}{
		{"message", map[string]string{"message": "hello"}, `parameters["subject"]`, "is required by the template"},
		{"order_confirmed", map[string]string{"order_id": "o", "currency": "EUR", "amount_minor": "1.50"}, `parameters["amount_minor"]`,
			`"1.50" is no number of minor units`},
		{"order_confirmed", map[string]string{"order_id": "o", "currency": "EURO", "amount_minor": "1"}, `parameters["currency"]`, `"EURO" is no currency`},
	} {
		_, err := templates.Render(test.template, "email", test.parameters)
		var unfit *message.Unfit
		if !errors.As(err, &unfit) || unfit.Field() != test.field || unfit.Problem != test.problem {
			t.Errorf("%s with %v: %v, want %s %s", test.template, test.parameters, err, test.field, test.problem)
		}
	}
}
