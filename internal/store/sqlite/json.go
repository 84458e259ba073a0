package sqlite

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Most orders have neither adjustments nor metadata, and the lists of a reservation are short and written for every order:
// the cases that are frequent are written without reflection.

// demandsJSON writes a reservation's items.
func demandsJSON(items []state.Demand) []byte {
	text := make([]byte, 0, 2+48*len(items))
	text = append(text, '[')
	for i, item := range items {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, `{"sku":`...)
		text = appendString(text, item.SKU)
		text = append(text, `,"qty":`...)
		text = strconv.AppendInt(text, item.Quantity, 10)
		text = append(text, '}')
	}
	return append(text, ']')
}

// metadataJSON writes an order's metadata; nothing when there is none.
func metadataJSON(metadata map[string]string) []byte {
	if len(metadata) == 0 {
		return nil
	}
	text := make([]byte, 0, 32*len(metadata))
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		if len(text) == 0 {
			text = append(text, '{')
		} else {
			text = append(text, ',')
		}
		text = appendString(text, name)
		text = append(text, ':')
		text = appendString(text, metadata[name])
	}
	return append(text, '}')
}

// listJSON writes a list of structs; nothing when it is empty.
func listJSON[T any](list []T) []byte {
	if len(list) == 0 {
		return nil
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err) // the structs hold only what JSON can write
	}
	return text
}

// refundsJSON writes a payment's refunds.
func refundsJSON(refunds []state.Refund) []byte {
	if len(refunds) == 0 {
		return []byte("[]")
	}
	return listJSON(refunds)
}

// appendString quotes text; what needs no escape is copied.
func appendString(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := json.Marshal(text)
			if err != nil {
				panic(err) // a string can always be written
			}
			return append(to, quoted...)
		}
	}
	to = append(to, '"')
	to = append(to, text...)
	return append(to, '"')
}

// parse reads a JSON column. Text that is not what was written there means that somebody else has written it.
func parse[T any](text string) (T, error) {
	var value T
	if text == "" {
		return value, nil
	}
	err := json.Unmarshal([]byte(text), &value)
	return value, err
}
