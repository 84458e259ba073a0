package codec

import "strings"

// Enum is the closed set of names of one enum of the contract.
type Enum struct {
	names  []string // by number, for the small numbers that enums have
	byName map[string]int32
	list   string
	// unknown is the name of what has none; empty when such a number is written as it is.
	unknown string
}

// enumLimit bounds the table of names by number.
const enumLimit = 4096

// NewEnum makes it of the maps that protoc-gen-go generates.
func NewEnum(names map[int32]string, numbers map[string]int32) *Enum {
	e := &Enum{byName: numbers}
	var listed []string
	for _, number := range SortedKeys(names) {
		if number < 0 || number >= enumLimit {
			panic("codec: enum number out of the supported range in " + names[number])
		}
		for len(e.names) <= int(number) {
			e.names = append(e.names, "")
		}
		e.names[number] = names[number]
		if number != 0 || !strings.HasSuffix(names[number], unspecified) {
			listed = append(listed, names[number])
		}
	}
	e.list = strings.Join(listed, ", ")
	return e
}

// shortUnknown is how a short name says 0, and a number that this program does not know.
const shortUnknown = "unknown"

// NewShortEnum makes it of the same maps, with names in lower case and without the prefix that they share: BET_STATUS_SETTLED is
// "settled".
func NewShortEnum(prefix string, names map[int32]string, numbers map[string]int32) *Enum {
	short, byShort := map[int32]string{}, map[string]int32{}
	for name, number := range numbers {
		text := strings.ToLower(strings.TrimPrefix(name, prefix))
		if number == 0 {
			text = shortUnknown
		}
		byShort[text] = number
		if names[number] == name { // not an alias
			short[number] = text
		}
	}
	e := NewEnum(short, byShort)
	e.unknown = shortUnknown
	e.list = strings.TrimPrefix(e.list, shortUnknown+", ")
	return e
}

// Name answers the name of a number.
func (e *Enum) Name(number int32) (string, bool) {
	if number < 0 || int(number) >= len(e.names) || e.names[number] == "" {
		return e.unknown, e.unknown != ""
	}
	return e.names[number], true
}

// Number answers the number of a name.
func (e *Enum) Number(name string) (int32, bool) {
	number, known := e.byName[name]
	return number, known
}

// unspecified ends the name of the value 0, which stands for none and is no valid choice.
const unspecified = "_UNSPECIFIED"

// Allowed lists the names that can be chosen, for a refusal.
func (e *Enum) Allowed() string { return e.list }
