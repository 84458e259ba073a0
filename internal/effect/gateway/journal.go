package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// record is one line of the journal: an operation that the simulator carried out, declined or lost. Times are Unix microseconds.
type record struct {
	At        int64  `json:"at"`
	Due       int64  `json:"due"` // from then on the outcome is known
	Operation string `json:"op"`
	Tenant    string `json:"tenant"`
	Key       string `json:"key"`
	Payment   string `json:"payment"`
	OrderID   string `json:"order"`
	Until     int64  `json:"until,omitempty"` // of a hold: from then on it has gone by itself
	Hold      string `json:"hold"`            // the external id of the hold that it belongs to; its own for holds
	Token     string `json:"token,omitempty"`
	Currency  string `json:"currency"`
	Amount    int64  `json:"amount_minor"`
	Result    string `json:"result"`
	Reason    string `json:"reason,omitempty"`
	Fee       int64  `json:"fee_minor,omitempty"` // of disputes
}

// Results of an operation.
const (
	resultSucceeded = "succeeded"
	resultDeclined  = "declined"
	resultLost      = "lost"     // never carried out: TokenUnknown
	resultReturned  = "returned" // succeeded, and failed later
)

// journal is the simulator's file: one JSON document a line, only ever appended to, shared by all simulators on the machine.
// Whoever appends holds the file's lock and has read everything before, so no two of them decide on different pasts. It is
// there after kill -9, not after a power cut: nothing is synced.
type journal struct {
	file   *os.File
	offset int64 // everything before has been read; always the start of a line
	buffer []byte
	line   []byte
}

// readAhead is how much is read at a time.
const readAhead = 256 << 10

func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("gateway simulator: open journal: %w", err)
	}
	return &journal{file: file, buffer: make([]byte, readAhead)}, nil
}

// skipTo passes over the beginning of a long journal, so that no more than the tail is read. It answers whether it did.
func (j *journal) skipTo(tail int64) (bool, error) {
	info, err := j.file.Stat()
	if err != nil || info.Size() <= tail {
		return false, err
	}
	at := info.Size() - tail
	for {
		n, err := j.file.ReadAt(j.buffer, at)
		if end := bytes.IndexByte(j.buffer[:n], '\n'); end >= 0 {
			j.offset = at + int64(end) + 1
			return true, nil
		}
		if err != nil {
			return false, nil //nolint:nilerr // no line ends there: read from the beginning
		}
		at += int64(n)
	}
}

// catchUp reads what has been appended since. The caller holds the lock, so a line without an end is what a writer left that was
// killed half-way: it answered nobody, and goes.
func (j *journal) catchUp(apply func(*record)) error {
	for {
		n, err := j.file.ReadAt(j.buffer, j.offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n == 0 {
			return nil
		}
		read, parseErr := eachLine(j.buffer[:n], apply)
		j.offset += int64(read)
		switch {
		case parseErr != nil:
			return fmt.Errorf("gateway simulator: journal at byte %d: %w", j.offset, parseErr)
		case read > 0:
		case errors.Is(err, io.EOF):
			return j.file.Truncate(j.offset)
		default:
			j.buffer = make([]byte, 2*len(j.buffer)) // a line longer than the buffer
		}
	}
}

// eachLine parses the whole lines of data and answers how many bytes they are.
func eachLine(data []byte, apply func(*record)) (read int, err error) {
	for {
		end := bytes.IndexByte(data[read:], '\n')
		if end < 0 {
			return read, nil
		}
		var r record
		if err := json.Unmarshal(data[read:read+end], &r); err != nil {
			return read, err
		}
		read += end + 1
		apply(&r)
	}
}

// append writes a record. The caller holds the lock and has caught up. What was written in part is taken back.
func (j *journal) append(r *record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	j.line = append(append(j.line[:0], text...), '\n')
	if _, err := j.file.Write(j.line); err != nil {
		return errors.Join(err, j.file.Truncate(j.offset))
	}
	j.offset += int64(len(j.line))
	return nil
}

// scan reads the file from its beginning and visits the records whose line holds the text.
func scan(file io.ReaderAt, text string, visit func(*record)) error {
	want, buffer, offset := []byte(text), make([]byte, 4*readAhead), int64(0)
	for {
		n, err := file.ReadAt(buffer, offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		read := bytes.LastIndexByte(buffer[:n], '\n') + 1
		if read == 0 {
			return nil // the end, or a line that is being written
		}
		offset += int64(read)
		for data := buffer[:read]; ; {
			at := bytes.Index(data, want)
			if at < 0 {
				break
			}
			start, end := bytes.LastIndexByte(data[:at], '\n')+1, at+bytes.IndexByte(data[at:], '\n')
			var r record
			if err := json.Unmarshal(data[start:end], &r); err != nil {
				return fmt.Errorf("gateway simulator: read journal: %w", err)
			}
			visit(&r)
			data = data[end+1:]
		}
	}
}
