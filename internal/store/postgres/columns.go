package postgres

import (
	"encoding/binary"
	"slices"
	"time"
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

// column collects the values of one parameter of unnest in the binary form of an array: a header, then each value behind its
// length. The header is filled in at the end.
type column struct {
	data  []byte
	oid   uint32
	nulls bool
}

// arrayHeader is the size of the header: dimensions, whether there are nulls, type, length, lower bound; four bytes each.
const arrayHeader = 20

// nullLength stands for the length of a value that is NULL.
const nullLength = 0xffff_ffff

// rowset collects rows for one statement, column by column. It is used again for the next batch, so that its memory is.
type rowset struct {
	columns []column
	count   int
	next    int // the column that the next value goes to
	values  [][]byte
	fixed   []bool // columns whose values are taken and thrown away
	nowhere column // where they go
}

// newUpdates makes a rowset for updates: it takes whole rows, each with the version that it replaces behind it, and leaves out
// what never changes.
func newUpdates(t *table) *rowset {
	set := newRowset(kindsOf(append(slices.Clip(t.fields), xmin)))
	for i, field := range t.fields {
		set.fixed[i] = slices.Contains(t.fixed, field.name)
	}
	return set
}

// newRowset makes a rowset of columns of these types.
func newRowset(kinds []kind) *rowset {
	set := &rowset{columns: make([]column, len(kinds)), values: make([][]byte, len(kinds)), fixed: make([]bool, len(kinds))}
	for i, kind := range kinds {
		set.columns[i].oid = oids[kind]
	}
	set.reset()
	return set
}

// keepAtMost is the memory of a column that is kept for the next batch.
const keepAtMost = 4 << 20

func (s *rowset) reset() {
	s.count, s.next = 0, 0
	for i := range s.columns {
		c := &s.columns[i]
		if cap(c.data) < arrayHeader || cap(c.data) > keepAtMost {
			c.data = make([]byte, arrayHeader, 4096)
		}
		c.data, c.nulls = c.data[:arrayHeader], false
	}
}

// row begins the next row; each of its columns must then be given once, in order.
func (s *rowset) row() *rowset {
	if s.count > 0 && s.next != len(s.columns) {
		panic("postgres: a row with too few columns")
	}
	s.count++
	s.next = 0
	return s
}

func (s *rowset) column() *column {
	c := &s.columns[s.next]
	if s.fixed[s.next] {
		c = &s.nowhere
		c.data = c.data[:0]
	}
	s.next++
	return c
}

// parameters answers the arrays, as the statement's parameters. They are good until reset.
func (s *rowset) parameters() [][]byte {
	s.values = s.values[:0]
	for i := range s.columns {
		if s.fixed[i] {
			continue
		}
		c := &s.columns[i]
		binary.BigEndian.PutUint32(c.data[0:], 1)
		binary.BigEndian.PutUint32(c.data[4:], 0)
		if c.nulls {
			binary.BigEndian.PutUint32(c.data[4:], 1)
		}
		binary.BigEndian.PutUint32(c.data[8:], c.oid)
		binary.BigEndian.PutUint32(c.data[12:], uint32(s.count)) //nolint:gosec // the pipeline bounds batches
		binary.BigEndian.PutUint32(c.data[16:], 1)
		s.values = append(s.values, c.data)
	}
	return s.values
}

func (s *rowset) text(value string) {
	c := s.column()
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(len(value))) //nolint:gosec // requests are bounded far below 4 GiB
	c.data = append(c.data, value...)
}

func (s *rowset) bytes(value []byte) {
	c := s.column()
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(len(value))) //nolint:gosec // as above
	c.data = append(c.data, value...)
}

// json writes a JSON text; nil is NULL. The binary form of jsonb is its version, 1, and the text.
func (s *rowset) json(value []byte) {
	c := s.column()
	if value == nil {
		c.null()
		return
	}
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(len(value)+1)) //nolint:gosec // as above
	c.data = append(c.data, 1)
	c.data = append(c.data, value...)
}

func (s *rowset) int16(value int16) {
	c := s.column()
	c.data = append(c.data, 0, 0, 0, 2)
	c.data = binary.BigEndian.AppendUint16(c.data, uint16(value)) //nolint:gosec // the same bits
}

func (s *rowset) int32(value int32) {
	c := s.column()
	c.data = append(c.data, 0, 0, 0, 4)
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(value)) //nolint:gosec // the same bits
}

func (s *rowset) xid(value uint32) {
	c := s.column()
	c.data = append(c.data, 0, 0, 0, 4)
	c.data = binary.BigEndian.AppendUint32(c.data, value)
}

func (s *rowset) int64(value int64) {
	c := s.column()
	c.data = append(c.data, 0, 0, 0, 8)
	c.data = binary.BigEndian.AppendUint64(c.data, uint64(value)) //nolint:gosec // the same bits
}

func (s *rowset) bool(value bool) {
	c := s.column()
	c.data = append(c.data, 0, 0, 0, 1, 0)
	if value {
		c.data[len(c.data)-1] = 1
	}
}

// time writes a time; the zero time is NULL.
func (s *rowset) time(value time.Time) {
	c := s.column()
	if value.IsZero() {
		c.null()
		return
	}
	c.data = append(c.data, 0, 0, 0, 8)
	c.data = appendTime(c.data, value)
}

func (c *column) null() {
	c.nulls = true
	c.data = binary.BigEndian.AppendUint32(c.data, nullLength)
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
