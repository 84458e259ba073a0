package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is wrong in a file that settings name is a setting that is refused, beside the others: exit code 2, which has no service
// manager start the server again.
func TestFilesOfSettings(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0a", 32)
	for name, test := range map[string]struct {
		flag, text string
		says       string // behind the flag; "" where the file is right
	}{
		"right":            {"credentials-file", `[{"name":"a","tenant":"t","token_sha256":"` + digest + `","scopes":["orders:write","wallet:pay","bets:read"]}]`, ""},
		"all scopes":       {"credentials-file", `[{"name":"a","tenant":"t","token_sha256":"` + digest + `","scopes":["*"]}]`, ""},
		"no JSON":          {"credentials-file", `bad`, "it must be a JSON list: invalid character 'b'"},
		"empty":            {"credentials-file", ``, "it must be a JSON list: EOF"},
		"no list":          {"credentials-file", `{}`, "it must be a JSON list"},
		"two lists":        {"credentials-file", `[{"name":"a","tenant":"t","token_sha256":"` + digest + `"}] []`, "something follows the list"},
		"broken behind":    {"credentials-file", `[{"name":"a","tenant":"t","token_sha256":"` + digest + `"}] x`, "something follows the list"},
		"nobody":           {"credentials-file", `[]`, "the list is empty; nobody could call"},
		"unknown member":   {"credentials-file", `[{"user":"a"}]`, `unknown field "user"`},
		"bad digest":       {"credentials-file", `[{"name":"a","tenant":"t","token_sha256":"0a"}]`, "credentials[0].token_sha256: must be 64 hexadecimal digits"},
		"misspelled scope": {"credentials-file", `[{"name":"a","tenant":"t","token_sha256":"` + digest + `","scopes":["orders:wrote"]}]`, `credentials[0].scopes: there is no scope "orders:wrote"; there are "*" for all, and admin:read, `},
		"keys, right":      {"shop-keys-file", `[{"name":"a","tenant":"t","hmac_secret":"` + digest + `"}]`, ""},
		"keys, no JSON":    {"shop-keys-file", `bad`, "it must be a JSON list: invalid character 'b'"},
		"keys, two lists":  {"shop-keys-file", `[] []`, "something follows the list"},
		"keys, no secret":  {"shop-keys-file", `[{"name":"a","tenant":"t"}]`, "write one of hmac_secret and ed25519_public_key"},
	} {
		path := filepath.Join(t.TempDir(), "file.json")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		want := "  - --" + test.flag + "=" + path + ": "
		if test.says == "" {
			want = ""
		}
		refusedSetting(t, name, "--"+test.flag+"="+path, want, test.says)
	}
	for name, test := range map[string]struct{ flag, value, says string }{
		"credentials gone":      {"credentials-file", "/nope", "it cannot be read: name a file"},
		"credentials, a folder": {"credentials-file", t.TempDir(), "it cannot be read: name a file"},
		"keys gone":             {"shop-keys-file", "/nope", "it cannot be read: name a file"},
		"templates gone":        {"notify-templates", "/nope", "read templates: open /nope: no such file or directory"},
		"no locale":             {"notify-locale", "English!", "it is no locale"},
	} {
		refusedSetting(t, name, "--"+test.flag+"="+test.value, "  - --"+test.flag+"="+test.value+": ", test.says)
	}
}

// refusedSetting starts servers with a setting, beside one that is refused in any case, and looks for what is said of it; nothing if
// begin is empty.
func refusedSetting(t *testing.T, name, flag, begin, says string) {
	t.Helper()
	for _, command := range []string{"serve", "dev", "demo"} {
		code, _, errOut := oms(command, flag, "--log-level=loud")
		if code != 2 || !strings.Contains(errOut, "these settings are refused:\n") || !strings.Contains(errOut, "--log-level=loud") {
			t.Errorf("%s, %s: exit code %d, %s", command, name, code, errOut)
		}
		told := strings.Count(errOut, "\n  - ")
		if begin == "" && told != 1 || begin != "" && (told != 2 || !mentions(errOut, begin, says)) {
			t.Errorf("%s, %s: want %q, got\n%s", command, name, begin+says, errOut)
		}
	}
}

// mentions tells whether a line that begins so says something.
func mentions(text, begin, says string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, begin) && strings.Contains(line, says) {
			return true
		}
	}
	return false
}
