package contract

import (
	"fmt"
	"strings"
)

// Template is a parsed path of google.api.http, of the subset that the contract uses: literals and whole-segment parameters,
// and a verb after the last segment.
type Template struct {
	Segments []Segment
	// Verb stands after the colon; empty without one.
	Verb string
}

// Segment is a literal, or a parameter when Param is set.
type Segment struct {
	Literal, Param string
}

// ParamLimit is the greatest number of parameters of a path.
const ParamLimit = 4

// ParseTemplate reads "/v1/orders/{order_id}:pay".
func ParseTemplate(text string) (Template, error) {
	var t Template
	rest, found := strings.CutPrefix(text, "/")
	if !found {
		return t, fmt.Errorf("path %q does not begin with a slash", text)
	}
	if colon := strings.LastIndexByte(rest, ':'); colon > strings.LastIndexByte(rest, '/') {
		rest, t.Verb = rest[:colon], rest[colon+1:]
		if !isVerb(t.Verb) {
			return t, fmt.Errorf("path %q: the verb %q is not a word of letters", text, t.Verb)
		}
	}
	for part := range strings.SplitSeq(rest, "/") {
		segment := Segment{Literal: part}
		if strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") {
			segment = Segment{Param: part[1 : len(part)-1]}
		}
		if strings.ContainsAny(segment.Literal+segment.Param, "{}*=:") || part == "" || part == "{}" {
			return t, fmt.Errorf("path %q: segment %q is neither a literal nor {field}", text, part)
		}
		t.Segments = append(t.Segments, segment)
	}
	if n := len(t.Params()); n > ParamLimit {
		return t, fmt.Errorf("path %q has %d parameters; the limit is %d", text, n, ParamLimit)
	}
	return t, nil
}

// Params names the parameters in their order.
func (t Template) Params() []string {
	var names []string
	for _, s := range t.Segments {
		if s.Param != "" {
			names = append(names, s.Param)
		}
	}
	return names
}

// isVerb tells whether text has the form of a custom verb: a lower-case letter, then letters. No UUID has it.
func isVerb(text string) bool {
	if text == "" || text[0] < 'a' || text[0] > 'z' {
		return false
	}
	for i := range len(text) {
		c := text[i] | 0x20
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}
