package message

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// Why an address of e-mail is not taken; sentences for clients.
var (
	ErrAddress = errors.New("must be an address such as name@example.org, without a name beside it")
	ErrLocal   = errors.New("must have nothing but ASCII before the @: most mail servers take no other names (RFC 6531)")
	ErrDomain  = errors.New("must have the name of a domain behind the @, such as example.org or exämple.org")
)

// Deliverable writes an address of e-mail as every mail server takes it: a domain of other letters as IDNA has it (RFC 5891).
func Deliverable(address string) (string, error) {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Name != "" || parsed.Address != address {
		return "", ErrAddress
	}
	at := strings.LastIndexByte(address, '@')
	local, domain := address[:at], address[at+1:]
	if strings.ContainsFunc(local, func(r rune) bool { return r > unicode.MaxASCII }) {
		return "", ErrLocal
	}
	if !strings.ContainsFunc(domain, func(r rune) bool { return r > unicode.MaxASCII }) {
		return address, nil
	}
	if domain, err = idna.Lookup.ToASCII(domain); err != nil {
		return "", ErrDomain
	}
	return local + "@" + domain, nil
}
