// Package pagetoken makes the opaque tokens of lists and feeds: a position in a keyset, bound to the caller and the filters it
// was made for, and authenticated, so that it can be neither read into something else nor made up (requirement O-10).
package pagetoken

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	version = 1
	macSize = 16
)

// Sealer makes and opens tokens with one key. Processes that serve the same clients share the key.
type Sealer struct{ key []byte }

// NewSealer makes a sealer; the key has 32 bytes or more.
func NewSealer(key []byte) *Sealer { return &Sealer{key: key} }

// Seal writes a token for a position. The binding names everything that the token is only good for.
func (s *Sealer) Seal(position string, binding ...string) string {
	token := append([]byte{version}, s.mac(position, binding)...)
	return base64.RawURLEncoding.EncodeToString(append(token, position...))
}

// Open answers the position of a token; false for a broken, foreign or otherwise bound one.
func (s *Sealer) Open(token string, binding ...string) (position string, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < 1+macSize || raw[0] != version {
		return "", false
	}
	position = string(raw[1+macSize:])
	return position, hmac.Equal(raw[1:1+macSize], s.mac(position, binding))
}

func (s *Sealer) mac(position string, binding []string) []byte {
	mac := hmac.New(sha256.New, s.key)
	for _, part := range binding {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	mac.Write([]byte{1})
	mac.Write([]byte(position))
	return mac.Sum(nil)[:macSize]
}

// List joins values of a filter for a binding.
func List[T ~string](values []T) string {
	var text strings.Builder
	for _, value := range values {
		text.WriteString(string(value))
		text.WriteByte(',')
	}
	return text.String()
}
