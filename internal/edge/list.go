package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// ReadList reads a file that an operator wrote: one JSON list of entries with known members, and nothing behind it. No error tells
// what the file holds beyond the name of a member.
func ReadList[T any](path string) ([]T, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errors.New("it cannot be read: name a file that is there and that this user may read")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var list []T
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("it must be a JSON list: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it must be one JSON list, and something follows the list")
	}
	return list, nil
}
