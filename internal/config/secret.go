package config

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const mask = "***"

// Secret is a text that prints as asterisks, whatever prints it.
type Secret string

// Reveal answers the text itself.
func (s Secret) Reveal() string { return string(s) }

// String masks the text.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString masks the text.
func (s Secret) GoString() string { return s.String() }

// MarshalText masks the text in JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Place is a URL, or a word that stands for one. It prints without its password.
type Place string

// Reveal answers the URL itself, with its password.
func (p Place) Reveal() string { return string(p) }

// userinfo finds the part of a URL before its host; parameter a password among its parameters.
var (
	userinfo  = regexp.MustCompile(`(://)([^/?#]*)@`)
	parameter = regexp.MustCompile(`(?i)([?&](?:ssl)?password=)[^&#]*`)
)

// String answers the URL without its password. It does not parse: what is no valid URL may hold a password as well. A user
// name alone stays, but not where it is NATS's token, which stands in its place.
func (p Place) String() string {
	isNATS := p.hasScheme("nats", "tls")
	masked := userinfo.ReplaceAllStringFunc(string(p), func(found string) string {
		name, _, hasPassword := strings.Cut(strings.TrimSuffix(found, "@"), "://")
		rest := found[len(name)+len("://") : len(found)-1]
		user, _, hasPassword := strings.Cut(rest, ":")
		switch {
		case hasPassword:
			return "://" + user + ":" + mask + "@"
		case isNATS:
			return "://" + mask + "@"
		default:
			return found
		}
	})
	return parameter.ReplaceAllString(masked, "${1}"+mask)
}

// GoString answers the URL without its password.
func (p Place) GoString() string { return p.String() }

// MarshalText answers the URL without its password, for JSON and YAML.
func (p Place) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p Place) hasScheme(schemes ...string) bool {
	scheme, _, found := strings.Cut(string(p), "://")
	return found && slices.Contains(schemes, scheme)
}

// pageTokenFile is where a process without a shared key keeps its own.
const pageTokenFile = "page-token.key"

// PageTokenSecret answers the 32 bytes that page tokens are signed with: from the setting, else, on loopback, from what the
// processes of one database share. On PostgreSQL that is the URL itself: it keeps processes on one machine together, and
// Validate does not let it sign for anybody else. On SQLite it is a file in the data folder, made on first use.
func (c *Config) PageTokenSecret() ([]byte, error) {
	if c.PageTokenKey != "" {
		return digest("key", c.PageTokenKey.Reveal()), nil
	}
	if c.Postgres() {
		return digest("store", c.Store.Reveal()), nil
	}
	text, err := ownSecret(filepath.Join(c.DataDir, pageTokenFile))
	if err != nil {
		return nil, fmt.Errorf("page token key: %w", err)
	}
	return digest("file", text), nil
}

func digest(source, text string) []byte {
	sum := sha256.Sum256([]byte("oms page tokens\x00" + source + "\x00" + text))
	return sum[:]
}

// ownSecret reads a file that only this user may read, and makes it when it is missing. Of two that make it at once one wins.
func ownSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		return string(text), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	fresh := filepath.Join(filepath.Dir(path), "."+pageTokenFile+"."+rand.Text()[:8])
	defer os.Remove(fresh) //nolint:errcheck // left over only when the folder is gone
	var random [32]byte
	rand.Read(random[:]) //nolint:errcheck // never fails, says its documentation
	if err := os.WriteFile(fresh, []byte(hex.EncodeToString(random[:])), 0o600); err != nil {
		return "", err
	}
	if err == nil { // the file is there and empty: a crash left it so
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if err := os.Link(fresh, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	text, err = os.ReadFile(path)
	return string(text), err
}

// parseURL reads a URL without telling its password in the error.
func (p Place) parseURL() (*url.URL, error) {
	parsed, err := url.Parse(string(p))
	if err != nil {
		var syntax *url.Error
		if errors.As(err, &syntax) {
			err = syntax.Err
		}
		if strings.Contains(err.Error(), "userinfo") || strings.Contains(err.Error(), "port") {
			err = errors.New("write special characters of the password percent-encoded")
		}
		return nil, err
	}
	return parsed, nil
}
