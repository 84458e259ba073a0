package contract

import (
	"regexp"

	"github.com/seed-255eabaa/oms/internal/fault"
)

// Header is a header that a service can require of every call (requirement P-7).
type Header struct {
	Name        string
	Description string // what it holds, for the documents
	Pattern     string // what it must match
	Words       string // the same in words
	Example     string

	form *regexp.Regexp
}

// Names of the headers that the contract compiler knows.
const (
	HeaderTrace    = "X-Trace-Id"
	HeaderBrand    = "X-Brand-Id"
	HeaderRegion   = "X-Region"
	HeaderProvider = "X-Provider-Id"
)

const (
	partnerPattern = `^(?:[.]*[A-Za-z0-9_:~-](?:[A-Za-z0-9._:~ -]{0,126}[A-Za-z0-9._:~-])?)$`
	partnerWords   = "must be 1 to 128 characters of A-Z a-z 0-9 . _ : ~ - and space, without a space at either end"
)

var headers = compiled(
	&Header{
		Name: HeaderTrace, Example: "tr_a1b2c3", Pattern: `^[!-~](?:[ -~]{0,126}[!-~])?$`,
		Words:       "must be 1 to 128 printable ASCII characters, without a space at either end",
		Description: "Names the trace of this call, in the caller's own words. The answer has it too, and so has the log.",
	},
	&Header{
		Name: HeaderBrand, Example: "brand-7", Pattern: partnerPattern, Words: partnerWords,
		Description: "The brand that the call is made for.",
	},
	&Header{
		Name: HeaderRegion, Example: "EU", Pattern: `^[A-Z0-9](?:[A-Z0-9-]{0,30}[A-Z0-9])?$`,
		Words:       "must be 1 to 32 characters of A-Z 0-9 and -, such as EU",
		Description: "The region whose data the call is about.",
	},
	&Header{
		Name: HeaderProvider, Example: "studio", Pattern: partnerPattern, Words: partnerWords,
		Description: "The provider that makes the call: bets, rounds, sessions and games are its own.",
	},
)

// compiled makes the patterns ready.
func compiled(headers ...*Header) []*Header {
	for _, h := range headers {
		h.form = regexp.MustCompile(h.Pattern)
	}
	return headers
}

// FindHeader answers a header by its name in canonical form, or nil.
func FindHeader(name string) *Header {
	for _, h := range headers {
		if h.Name == name {
			return h
		}
	}
	return nil
}

// Reasons of violations by headers.
const (
	HeaderMissing = "HEADER_MISSING"
	HeaderInvalid = "HEADER_INVALID"
)

// CheckHeaders verifies the headers that the method requires; get answers the values of one by its name.
func (m *Method) CheckHeaders(get func(name string) []string) []fault.Violation {
	var violations []fault.Violation
	for _, h := range m.Headers {
		values := get(h.Name)
		switch {
		case len(values) == 0 || len(values) == 1 && values[0] == "":
			violations = append(violations, fault.Violation{
				Field: h.Name, Reason: HeaderMissing, Description: "is a header that every call needs, such as " + h.Name + ": " + h.Example,
			})
		case len(values) > 1:
			violations = append(violations, fault.Violation{Field: h.Name, Reason: HeaderInvalid, Description: "is given more than once"})
		case !h.form.MatchString(values[0]):
			violations = append(violations, fault.Violation{Field: h.Name, Reason: HeaderInvalid, Description: h.Words})
		}
	}
	return violations
}
