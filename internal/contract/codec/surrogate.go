package codec

import "bytes"

// The JSON library reads half of a surrogate pair (backslash-u D800 to DFFF alone) as U+FFFD, which a text may also hold in its own right.
// So a text with U+FFFD is checked against the escapes of the whole document: one half pair anywhere refuses every such text,
// and with it the document.

// verdict on the document's escapes; it is found once, and only when some text holds U+FFFD.
type verdict uint8

const (
	undecided verdict = iota
	paired
	lone
)

var replacement = []byte("\uFFFD")

func (r *Reader) hasLoneSurrogate() bool {
	if r.surrogates == undecided {
		r.surrogates = paired
		if hasLoneSurrogate(r.data) {
			r.surrogates = lone
		}
	}
	return r.surrogates == lone
}

// hasLoneSurrogate looks for an escaped half of a surrogate pair in a JSON text, well-formed or not.
func hasLoneSurrogate(text []byte) bool {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 || at+1 >= len(text) {
			return false
		}
		first := escapedUnit(text[at:])
		switch {
		case first < 0: // an escape of two characters, the second of which may be a backslash
			text = text[at+2:]
		case first < 0xD800 || first > 0xDFFF:
			text = text[at+6:]
		case first > 0xDBFF:
			return true // a second half without its first
		default:
			second := escapedUnit(text[at+6:])
			if second < 0xDC00 || second > 0xDFFF {
				return true
			}
			text = text[at+12:]
		}
	}
}

// escapedUnit reads the UTF-16 unit of an escape with four hexadecimal digits at the start of text; -1 when there is none.
func escapedUnit(text []byte) int {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit := 0
	for _, c := range text[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		unit = unit<<4 | int(c)
	}
	return unit
}
