package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGateways(t *testing.T) {
	const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	t.Setenv("ACME_SECRET", secret)
	good := "- {name: acme, kind: remote, url: 'http://127.0.0.1:9400', secret: 'env:ACME_SECRET'}\n"
	for name, test := range map[string]struct{ file, gateway, says string }{
		"none":              {"", "", ""},
		"for new payments":  {good, "acme", ""},
		"beside sim":        {good, "sim", ""},
		"sim in the file":   {good + "- {name: sim, kind: simulator}\n", "acme", ""},
		"unknown":           {good, "other", "--gateway=other is unknown"},
		"twice":             {good + good, "acme", "there twice"},
		"kind":              {"- {name: acme, kind: magic}\n", "acme", `kind "magic" is unknown`},
		"field":             {"- {name: acme, kind: remote, pin: geheim}\n", "sim", "must be a YAML list"},
		"no secret":         {strings.Replace(good, "env:ACME_SECRET", "env:NOWHERE", 1), "acme", "variable NOWHERE, which is not set"},
		"short secret":      {strings.Replace(good, "env:ACME_SECRET", "whsec_Z2VoZWlt", 1), "acme", "whsec_$(openssl"},
		"in the clear":      {strings.Replace(good, "127.0.0.1", "10.0.0.1", 1), "acme", "in the clear"},
		"no api key":        {strings.Replace(good, "http://127.0.0.1", "https://pay.example", 1), "acme", "api_key"},
		"password in url":   {strings.Replace(good, "127.0.0.1", "u:geheim@127.0.0.1", 1), "acme", "write it as api_key"},
		"no url":            {strings.Replace(good, "http:", "ftp:", 1), "acme", "its url is none"},
		"remote called sim": {strings.Replace(good, "acme", "sim", 1), "sim", "choose another"},
		"bad name":          {strings.Replace(good, "acme", "a/b", 1), "sim", "as its name"},
	} {
		c := Default()
		c.Dev, c.Gateway = true, test.gateway
		if test.file != "" {
			c.GatewaysFile = filepath.Join(t.TempDir(), "gateways.yaml")
			if err := os.WriteFile(c.GatewaysFile, []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := c.Validate()
		switch {
		case test.says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "geheim")):
			t.Errorf("%s: %v does not say %q, or tells a secret", name, err, test.says)
		}
	}
}
