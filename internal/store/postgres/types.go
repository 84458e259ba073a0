package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// rowType names a composite type whose arrays carry rows to a statement. Rows could come as one array a column, too, but unnest
// keeps a store of its own for each array: 16 KiB and a tuple a value, which for an order was 23 of each. One array of rows
// keeps one, and took a quarter off PostgreSQL's time an order.
//
// The name says the types of the fields, a letter each, so statements of the same shape share one, and a program of another
// version, with other tables, finds or makes those that it needs.
type rowType string

// letters stand for the types of fields in the name of a row type.
var letters = map[kind]byte{
	kindText: 't', kindInt2: 's', kindInt4: 'i', kindInt8: 'l', kindBool: 'b', kindTime: 'z', kindJSON: 'j', kindBytes: 'y', kindXid: 'x',
}

const rowTypePrefix = "oms_rows_"

// rowTypes are those that statements use, with their fields.
var rowTypes = map[rowType][]field{}

func typeOf(fields []field) rowType {
	name := []byte(rowTypePrefix)
	for _, field := range fields {
		name = append(name, letters[field.kind])
	}
	return rowType(name)
}

// unnest writes the rows that come as the first parameter as a table named k with the fields' names.
func unnest(fields []field) string {
	return fmt.Sprintf("unnest(%s) AS k(%s)", rowsParameter(1, fields), list("", fields))
}

// rowsParameter writes parameter $number, an array of rows of these fields.
func rowsParameter(number int, fields []field) string {
	name := typeOf(fields)
	rowTypes[name] = fields
	return fmt.Sprintf("$%d::%s[]", number, name)
}

// makeTypes makes the row types that the database does not have yet. The caller holds the lock of migrations.
func makeTypes(ctx context.Context, connection *pgx.Conn) error {
	known, err := typeNumbers(ctx, connection)
	if err != nil {
		return err
	}
	for name, fields := range rowTypes {
		if known[name] != 0 {
			continue
		}
		attributes := make([]string, len(fields))
		for i, field := range fields {
			attributes[i] = fmt.Sprintf("f%d %s", i+1, field.kind)
			if field.kind == kindText {
				attributes[i] += ` COLLATE "C"`
			}
		}
		statement := fmt.Sprintf("CREATE TYPE %s AS (%s)", name, strings.Join(attributes, ", "))
		if _, err := connection.Exec(ctx, statement); err != nil {
			return fmt.Errorf("make the type %s: %w", name, err)
		}
	}
	return nil
}

// typeNumbers answers the numbers of the row types in a database.
func typeNumbers(ctx context.Context, connection *pgx.Conn) (map[rowType]uint32, error) {
	rows, err := connection.Query(ctx, "SELECT typname, oid FROM pg_type WHERE typname LIKE $1 AND pg_type_is_visible(oid) AND typtype = 'c'",
		pgx.QueryExecModeExec, rowTypePrefix+"%")
	if err != nil {
		return nil, fmt.Errorf("read the row types: %w", err)
	}
	numbers := map[rowType]uint32{}
	var name string
	var number uint32
	_, err = pgx.ForEachRow(rows, []any{&name, &number}, func() error {
		numbers[rowType(name)] = number
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the row types: %w", err)
	}
	return numbers, nil
}
