package shopapi

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/codec"
	"github.com/seed-255eabaa/oms/internal/fault"
	"github.com/seed-255eabaa/oms/internal/id"
)

// significant is how many digits of a number a signature tells apart: canonical JSON (RFC 8785) writes numbers as IEEE 754 doubles,
// which keep any 15 digits. An amount with more could be another one under the same signature.
const significant = 15

// line is one of the items.
type line struct {
	product  string
	quantity int32
}

// credentials are what a body says of its sender.
type credentials struct {
	token     string
	signature string
	signed    bool // there was one
	needed    bool // the path asks for one
}

// reader reads the members of a body into places, strictly: exact names, each once, of the right type; it gathers all that is wrong.
type reader struct {
	violations []fault.Violation
}

// member reads the value of a member at a path.
type member func(d *jx.Decoder, path string) error

func (r *reader) bad(path, reason, format string, arguments ...any) {
	r.violations = append(r.violations, fault.Violation{Field: path, Reason: reason, Description: fmt.Sprintf(format, arguments...)})
}

// read reads a body. Members that are not optional and absent are told, too.
func (in *incoming) read(r *reader, members map[string]member, optional ...string) *fault.Fault {
	members["token"] = func(d *jx.Decoder, _ string) (err error) { in.from.token, err = textOf(d); return err }
	members["signature"] = func(d *jx.Decoder, _ string) (err error) {
		in.from.signed = true
		in.from.signature, err = textOf(d)
		return err
	}
	optional = append(optional, "token", "signature")
	d := jx.DecodeBytes(in.body)
	err := r.object(d, "", members, optional)
	if err == nil && d.Next() != jx.Invalid {
		err = errors.New("something follows the object")
	}
	if err != nil {
		return fault.New(fault.InvalidArgument, "INVALID_JSON", "the body is no JSON object: %s", codec.Cause(err))
	}
	if len(r.violations) > 0 {
		return contract.Invalid(r.violations)
	}
	return nil
}

// typed says that a value is of another type; the reader goes on behind it.
type typed string

func (t typed) Error() string { return "must be " + string(t) }

// object reads an object's members; an error says that the text is no JSON.
func (r *reader) object(d *jx.Decoder, path string, members map[string]member, optional []string) error {
	if d.Next() != jx.Object {
		if path == "" {
			return errors.New("it must begin with a brace")
		}
		r.bad(path, "WRONG_TYPE", "must be an object")
		return d.Skip() //nolint:wrapcheck // told as no JSON
	}
	seen := map[string]bool{}
	err := d.Obj(func(d *jx.Decoder, name string) error {
		at := join(path, name)
		read, known := members[name]
		switch {
		case !known:
			r.bad(codec.Excerpt(at), "UNKNOWN_FIELD", "is not a field of this request")
			return d.Skip() //nolint:wrapcheck // as above
		case seen[name]:
			r.bad(at, "DUPLICATE_FIELD", "stands there twice")
			return d.Skip() //nolint:wrapcheck // as above
		}
		seen[name] = true
		err := read(d, at)
		var wrong typed
		if errors.As(err, &wrong) {
			r.bad(at, "WRONG_TYPE", "%v", wrong)
			return nil
		}
		return err
	})
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err == nil && !seen[name] && !slices.Contains(optional, name) {
			r.bad(join(path, name), "REQUIRED", "is required")
		}
	}
	return err //nolint:wrapcheck // told as no JSON
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// textOf reads a string.
func textOf(d *jx.Decoder) (string, error) {
	if d.Next() != jx.String {
		return "", skipped(d, "a string")
	}
	text, err := d.Str()
	switch {
	case err == nil && strings.ContainsRune(text, 0):
		return "", typed("without the character NUL")
	case err == nil && !utf8.ValidString(text):
		return "", typed("text in UTF-8")
	}
	return text, err //nolint:wrapcheck // told as no JSON
}

func skipped(d *jx.Decoder, want string) error {
	if err := d.Skip(); err != nil {
		return err //nolint:wrapcheck // told as no JSON
	}
	return typed(want)
}

// amountOf reads the text of a number.
func amountOf(d *jx.Decoder) (string, error) {
	if d.Next() != jx.Number {
		return "", skipped(d, "a number, such as 100.50")
	}
	raw, err := d.Raw()
	if err != nil {
		return "", err //nolint:wrapcheck // told as no JSON
	}
	text := strings.TrimSpace(raw.String())
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	digits := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(mantissa), "0")
	if len(digits) > significant {
		return "", typed(fmt.Sprintf("a number of at most %d digits", significant))
	}
	return text, nil
}

// quantityOf reads a positive whole number.
func quantityOf(d *jx.Decoder) (int32, error) {
	const want = "a positive whole number, such as 2"
	if d.Next() != jx.Number {
		return 0, skipped(d, want)
	}
	raw, err := d.Raw()
	if err != nil {
		return 0, err //nolint:wrapcheck // told as no JSON
	}
	quantity, err := strconv.ParseInt(strings.TrimSpace(raw.String()), 10, 32)
	if err != nil || quantity < 1 {
		return 0, typed(want)
	}
	return int32(quantity), nil
}

// lineLimit bounds the items of a request (requirement O-6).
const lineLimit = 1000

// items reads a list of lines.
func (r *reader) items(to *[]line) member {
	return func(d *jx.Decoder, path string) error {
		if d.Next() != jx.Array {
			return skipped(d, "a list of 1 to 1000 items")
		}
		err := d.Arr(func(d *jx.Decoder) error {
			var item line
			at := fmt.Sprintf("%s[%d]", path, len(*to))
			err := r.object(d, at, map[string]member{
				"productId": func(d *jx.Decoder, _ string) (err error) {
					if item.product, err = textOf(d); err == nil && !id.Partner(item.product) {
						return typed("1 to 128 characters of A-Z a-z 0-9 . _ : ~ - and space, without a space at either end")
					}
					return err
				},
				"quantity": func(d *jx.Decoder, _ string) (err error) { item.quantity, err = quantityOf(d); return err },
			}, nil)
			if *to = append(*to, item); len(*to) > lineLimit {
				return errTooMany
			}
			return err
		})
		if err == nil && len(*to) == 0 {
			return typed("a list of 1 to 1000 items")
		}
		return err //nolint:wrapcheck // told as no JSON
	}
}

var errTooMany = errors.New("it has more than 1000 items")
