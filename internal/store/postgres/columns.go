package postgres

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// kind is a type of columns; its text is the name in SQL.
type kind string

// The types that columns have.
const (
	kindText  kind = "text"
	kindInt2  kind = "int2"
	kindInt4  kind = "int4"
	kindInt8  kind = "int8"
	kindBool  kind = "bool"
	kindTime  kind = "timestamptz"
	kindJSON  kind = "jsonb"
	kindBytes kind = "bytea"
	kindXid   kind = "xid"
)

// oids are the types' numbers in PostgreSQL's catalog, the same in every version.
var oids = map[kind]uint32{
	kindText: 25, kindInt2: 21, kindInt4: 23, kindInt8: 20, kindBool: 16, kindTime: 1184, kindJSON: 3802, kindBytes: 17,
	kindXid: 28,
}

// rowset collects rows for one statement, as an array of a row type (types.go) in binary form: a header, then each row behind its
// length, then each value of it behind its type and length. It is used again for the next batch, so that its memory is.
type rowset struct {
	fields  []field
	oids    []uint32 // of the fields' types
	leftOut []bool   // fields whose values are taken and thrown away
	rowType rowType  // of the fields that are not
	width   uint32   // how many they are
	data    []byte
	began   int // where the last row begins
	count   int
	next    int // the field that the next value is for
}

// The sizes of the header (dimensions, whether there are nulls, type, length, lower bound) and of a row's own (length, fields).
const (
	arrayHeader = 5 * 4
	rowHeader   = 2 * 4
)

// nullLength stands for the length of a value that is NULL.
const nullLength = 0xffff_ffff

// newRowset makes a rowset of rows of these fields, of which some may be left out.
func newRowset(fields []field, leftOut ...string) *rowset {
	set := &rowset{fields: fields, oids: make([]uint32, len(fields)), leftOut: make([]bool, len(fields))}
	var sent []field
	for i, field := range fields {
		set.oids[i] = oids[field.kind]
		if set.leftOut[i] = slices.Contains(leftOut, field.name); !set.leftOut[i] {
			sent = append(sent, field)
		}
	}
	set.rowType, set.width = typeOf(sent), uint32(len(sent)) //nolint:gosec // few
	set.reset()
	return set
}

// newUpdates makes a rowset for updates: it takes whole rows, each with the version that it replaces behind it, and leaves out
// what never changes.
func newUpdates(t *table) *rowset { return newRowset(append(slices.Clip(t.fields), xmin), t.fixed...) }

// keepAtMost is the memory of a rowset that is kept for the next batch.
const keepAtMost = 16 << 20

func (s *rowset) reset() {
	s.count, s.next = 0, 0
	if cap(s.data) < arrayHeader || cap(s.data) > keepAtMost {
		s.data = make([]byte, arrayHeader, 4096)
	}
	s.data = s.data[:arrayHeader]
}

// row begins the next row; each of its fields must then be given once, in order.
func (s *rowset) row() *rowset {
	s.endRow()
	s.began = len(s.data)
	s.data = binary.BigEndian.AppendUint32(s.data, 0) // the length, when it is known
	s.data = binary.BigEndian.AppendUint32(s.data, s.width)
	s.count++
	s.next = 0
	return s
}

func (s *rowset) endRow() {
	if s.count == 0 {
		return
	}
	if s.next != len(s.fields) {
		panic("postgres: a row with too few fields")
	}
	binary.BigEndian.PutUint32(s.data[s.began:], uint32(len(s.data)-s.began-4)) //nolint:gosec // requests are bounded far below 4 GiB
}

// value begins a value of so many bytes and tells whether it is wanted.
func (s *rowset) value(length uint32) bool {
	at := s.next
	s.next++
	if s.leftOut[at] {
		return false
	}
	s.data = binary.BigEndian.AppendUint32(s.data, s.oids[at])
	s.data = binary.BigEndian.AppendUint32(s.data, length)
	return true
}

// array answers the rows as a parameter whose type has this number in the database. It is good until reset.
func (s *rowset) array(oid uint32) []byte {
	s.endRow()
	for i, word := range [...]uint32{1, 0, oid, uint32(s.count), 1} { //nolint:gosec // the pipeline bounds batches
		binary.BigEndian.PutUint32(s.data[4*i:], word)
	}
	return s.data
}

func (s *rowset) text(value string) {
	if s.value(uint32(len(value))) { //nolint:gosec // as above
		s.data = append(s.data, value...)
	}
}

// card writes what is kept of a card: two texts, NULL where nothing is.
func (s *rowset) card(value state.Card) {
	for _, text := range [...]string{value.Brand, value.LastFour} {
		if text == "" {
			s.value(nullLength)
			continue
		}
		s.text(text)
	}
}

func (s *rowset) bytes(value []byte) {
	if s.value(uint32(len(value))) { //nolint:gosec // as above
		s.data = append(s.data, value...)
	}
}

// json writes a JSON text; nil is NULL. The binary form of jsonb is its version, 1, and the text.
func (s *rowset) json(value []byte) {
	if value == nil {
		s.value(nullLength)
		return
	}
	if s.value(uint32(len(value) + 1)) { //nolint:gosec // as above
		s.data = append(append(s.data, 1), value...)
	}
}

func (s *rowset) int16(value int16) {
	if s.value(2) {
		s.data = binary.BigEndian.AppendUint16(s.data, uint16(value)) //nolint:gosec // the same bits
	}
}

func (s *rowset) int32(value int32) {
	if s.value(4) {
		s.data = binary.BigEndian.AppendUint32(s.data, uint32(value)) //nolint:gosec // the same bits
	}
}

func (s *rowset) xid(value uint32) {
	if s.value(4) {
		s.data = binary.BigEndian.AppendUint32(s.data, value)
	}
}

func (s *rowset) int64(value int64) {
	if s.value(8) {
		s.data = binary.BigEndian.AppendUint64(s.data, uint64(value)) //nolint:gosec // the same bits
	}
}

func (s *rowset) bool(value bool) {
	if !s.value(1) {
		return
	}
	if value {
		s.data = append(s.data, 1)
	} else {
		s.data = append(s.data, 0)
	}
}

// time writes a time; the zero time is NULL.
func (s *rowset) time(value time.Time) {
	if value.IsZero() {
		s.value(nullLength)
		return
	}
	if s.value(8) {
		s.data = appendTime(s.data, value)
	}
}

// epoch is the zero of PostgreSQL's timestamps, in microseconds after Unix's.
const epoch = 946_684_800_000_000

// appendTime writes the binary form of a timestamptz: microseconds since 2000.
func appendTime(data []byte, value time.Time) []byte {
	return binary.BigEndian.AppendUint64(data, uint64(value.UnixMicro()-epoch)) //nolint:gosec // the same bits
}

// fields reads the values of one row in binary form, in order. What is NULL reads as the zero value.
type fields struct {
	values [][]byte
	next   int
}

func (f *fields) bytesInPlace() []byte {
	value := f.values[f.next]
	f.next++
	return value
}

func (f *fields) text() string { return string(f.bytesInPlace()) }

func (f *fields) card() state.Card { return state.Card{Brand: f.text(), LastFour: f.text()} }

// bytes answers a copy; the driver uses its memory again.
func (f *fields) bytes() []byte {
	value := f.bytesInPlace()
	if value == nil {
		return nil
	}
	return append(make([]byte, 0, len(value)), value...)
}

// json answers the text of a jsonb until the next row is read; nil for NULL.
func (f *fields) json() []byte {
	value := f.bytesInPlace()
	if len(value) < 1 {
		return nil
	}
	return value[1:]
}

func (f *fields) int16() int16 {
	if value := f.bytesInPlace(); len(value) == 2 {
		return int16(binary.BigEndian.Uint16(value)) //nolint:gosec // the same bits
	}
	return 0
}

func (f *fields) int32() int32 {
	if value := f.bytesInPlace(); len(value) == 4 {
		return int32(binary.BigEndian.Uint32(value)) //nolint:gosec // the same bits
	}
	return 0
}

func (f *fields) xid() uint32 {
	if value := f.bytesInPlace(); len(value) == 4 {
		return binary.BigEndian.Uint32(value)
	}
	return 0
}

func (f *fields) int64() int64 {
	if value := f.bytesInPlace(); len(value) == 8 {
		return int64(binary.BigEndian.Uint64(value)) //nolint:gosec // the same bits
	}
	return 0
}

func (f *fields) bool() bool {
	value := f.bytesInPlace()
	return len(value) == 1 && value[0] == 1
}

func (f *fields) time() time.Time {
	value := f.bytesInPlace()
	if len(value) != 8 {
		return time.Time{}
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(value)) + epoch).UTC() //nolint:gosec // the same bits
}
