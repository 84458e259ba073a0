package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
)

// The banner says where the money goes.
func TestTheBannerNamesTheGateway(t *testing.T) {
	for gateway, says := range map[string]string{
		"": "Payments are simulated, nobody", config.Stripe: "Payments go to Stripe's test mode", "acme": `Payments go to the gateway "acme"`,
	} {
		c := config.Default()
		c.Dev, c.Gateway = true, gateway
		var out bytes.Buffer
		banner(&out, &c, addresses{})
		if !strings.Contains(out.String(), says) {
			t.Errorf("%q: %s", gateway, out.String())
		}
	}
}

// What operators are told is in words, and once.
func TestOperatorsAreToldInWords(t *testing.T) {
	var out bytes.Buffer
	tellOrder(&console{out: &out}, &omsv1.Order{Id: "order:1", Status: omsv1.OrderStatus_ORDER_STATUS_CANCELED})
	if want := "order:1 is CANCELED, without a payment; its timeline tells what follows.\n"; out.String() != want {
		t.Errorf("told %q", out.String())
	}
	for _, wrong := range []string{"1.5s", "-1s"} {
		if code, _, errOut := oms("orders", "stuck", "--older-than="+wrong); code != exitUsage || !strings.Contains(errOut, "whole seconds") {
			t.Errorf("%s: %d %s", wrong, code, errOut)
		}
	}
	at, _ := start(t)
	list := filepath.Join(t.TempDir(), "prices.csv")
	for text, says := range map[string]string{
		"": "csv: has no lines", "sku,currency,price\nA,EUR,x\nB,EUR,y\n": "line 2",
	} {
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, errOut := oms("catalogue", "import", list, "--internal-addr="+at["internal gRPC"])
		if code != exitFailed || strings.Count(errOut, says) != 1 {
			t.Errorf("%q: %d %s", text, code, errOut)
		}
	}
}
