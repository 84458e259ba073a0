package config

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
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

// Place is a URL, or a word that stands for one, or several URLs with commas between them. It prints without passwords.
type Place string

// Reveal answers the URL itself, with its password.
func (p Place) Reveal() string { return string(p) }

var (
	// userinfo finds the part of a URL before its host. It is greedy: a password may hold anything that it should not.
	userinfo = regexp.MustCompile(`://(\S*)@`)
	// parameter finds a password among a URL's parameters, or in the other form that PostgreSQL knows.
	parameter = regexp.MustCompile(`(?i)(password=)[^&#\s]*`)
)

// String answers the URL without its password. It does not parse: what is no valid URL may hold a password as well. A user
// name alone stays, but not NATS's, which is a token.
func (p Place) String() string {
	if !p.hasScheme("nats", "tls", "ws", "wss") {
		return hide(string(p), false)
	}
	servers := strings.Split(string(p), ",")
	for i := range servers {
		servers[i] = hide(servers[i], true)
	}
	return strings.Join(servers, ",")
}

func hide(text string, userToo bool) string {
	text = userinfo.ReplaceAllStringFunc(text, func(found string) string {
		user, _, hasPassword := strings.Cut(found[len("://"):len(found)-1], ":")
		switch {
		case hasPassword:
			return "://" + user + ":" + mask + "@"
		case userToo:
			return "://" + mask + "@"
		default:
			return found
		}
	})
	return parameter.ReplaceAllString(text, "${1}"+mask)
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

// PageTokenSecret answers the 32 bytes that page tokens are signed with: from the setting, else from what the processes of one
// database share. On PostgreSQL that is the URL itself: it keeps the processes of a trial together, and Validate lets it sign
// for nobody outside of the machine. On SQLite it is a file in the data folder, made on first use.
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

// ownSecret reads a file that only this user may read, and makes it when it is missing or a crash left it empty. The data
// folder is one process's alone, so nobody else makes it meanwhile.
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
	secret := rand.Text() + rand.Text()
	if err := os.WriteFile(path+".new", []byte(secret), 0o600); err != nil {
		return "", err
	}
	return secret, os.Rename(path+".new", path)
}
