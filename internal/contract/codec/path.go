package codec

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// step is one part of the way to the value that is being read: a field, an index or a key.
type step struct {
	name  string
	index int
	kind  stepKind
}

type stepKind uint8

const (
	fieldStep stepKind = iota
	indexStep
	keyStep
)

// quoteLimit bounds how much of a client's own text is repeated to it.
const quoteLimit = 64

// render writes the way as protovalidate does: items[3].price.amount_minor, metadata["colour"].
func render(path []step) string {
	var b strings.Builder
	for i, s := range path {
		switch s.kind {
		case fieldStep:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.name)
		case indexStep:
			b.WriteByte('[')
			b.WriteString(strconv.Itoa(s.index))
			b.WriteByte(']')
		case keyStep:
			b.WriteByte('[')
			b.WriteString(strconv.Quote(s.name))
			b.WriteByte(']')
		}
	}
	return b.String()
}

// Excerpt answers the beginning of a client's text, fit to be repeated in an error.
func Excerpt(text string) string {
	if len(text) <= quoteLimit {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	cut := quoteLimit
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return strings.ToValidUTF8(text[:cut], "\uFFFD") + "…"
}
