// Package id makes and checks identifiers (requirement R-3): URN-like "kind:<uuid v7>" for what the system makes, opaque
// strings of a closed alphabet for what partners bring.
package id

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
)

// Random is the entropy of one identifier. It is drawn at the edge, so that a decision stays a function of values.
type Random [10]byte

// UUID is 16 bytes in network order.
type UUID [16]byte

// V7 makes a UUID version 7 (RFC 9562) of a time in milliseconds and entropy.
func V7(at time.Time, random Random) UUID {
	var u UUID
	binary.BigEndian.PutUint64(u[0:8], uint64(at.UnixMilli())<<16)
	copy(u[6:], random[:])
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80
	return u
}

// String writes the canonical lower-case form of 36 characters.
func (u UUID) String() string {
	var text [36]byte
	hex.Encode(text[0:8], u[0:4])
	text[8] = '-'
	hex.Encode(text[9:13], u[4:6])
	text[13] = '-'
	hex.Encode(text[14:18], u[6:8])
	text[18] = '-'
	hex.Encode(text[19:23], u[8:10])
	text[23] = '-'
	hex.Encode(text[24:36], u[10:16])
	return string(text[:])
}

// Time is the moment that a version 7 UUID was made at, in whole milliseconds.
func (u UUID) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(u[0:8]) >> 16)).UTC()
}

// Member derives the n-th identifier (0 to 65,535) of a UUID whose last two bytes are zero, as batches have it.
func (u UUID) Member(n int) UUID {
	binary.BigEndian.PutUint16(u[14:16], uint16(n)) //nolint:gosec // batches hold fewer than 65,536 events
	return u
}

// New makes "kind:<uuid v7>".
func New(kind string, at time.Time, random Random) string {
	return kind + ":" + V7(at, random).String()
}

// First is below every id of a kind that was made at a time or later, and above all that were made before; times count in whole
// milliseconds, rounded up.
func First(kind string, at time.Time) string {
	if rounded := at.Truncate(time.Millisecond); rounded.Before(at) {
		at = rounded.Add(time.Millisecond) // what was made within this millisecond was made before
	}
	first := V7(at, Random{})
	clear(first[6:])
	return kind + ":" + first.String()
}

// Derive answers the identifier of another kind with the same UUID: the payment of an order is "payment:" and the order's UUID.
func Derive(kind, from string) string {
	return kind + ":" + from[strings.IndexByte(from, ':')+1:]
}

// DeriveStep answers an identifier that belongs to one step of something: its time is that of from's UUID, the rest a hash of
// from and step.
func DeriveStep(kind, from, step string) string {
	sum := sha256.Sum256([]byte(from + "\x00" + step))
	source, _ := ParseUUID(from[strings.IndexByte(from, ':')+1:])
	return New(kind, source.Time(), Random(sum[:10]))
}

// Parse splits "kind:<uuid>" and reads the UUID; false when the text is not of that form.
func Parse(kind, text string) (UUID, bool) {
	rest, found := strings.CutPrefix(text, kind+":")
	if !found {
		return UUID{}, false
	}
	return ParseUUID(rest)
}

// ParseUUID reads the canonical lower-case form.
func ParseUUID(text string) (UUID, bool) {
	var u UUID
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return u, false
	}
	if strings.ToLower(text) != text {
		return u, false
	}
	digits := text[0:8] + text[9:13] + text[14:18] + text[19:23] + text[24:36]
	_, err := hex.Decode(u[:], []byte(digits))
	return u, err == nil
}

// PartnerLimit is the greatest length of an identifier that a partner brings.
const PartnerLimit = 128

// Partner tells whether text may be a partner's identifier: 1 to 128 of [A-Za-z0-9._:~ -], no space at an end, not only dots.
func Partner(text string) bool {
	if text == "" || len(text) > PartnerLimit || text[0] == ' ' || text[len(text)-1] == ' ' {
		return false
	}
	dots := 0
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			c == '_', c == ':', c == '~', c == ' ', c == '-':
		case c == '.':
			dots++
		default:
			return false
		}
	}
	return dots < len(text)
}
