package shopapi

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-faster/jx"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// answer is an envelope. Its status is the HTTP status, too.
type answer struct {
	status  int
	message string
	more    func(e *jx.Encoder) // members behind code and message
	reason  string              // of a refusal
	wait    time.Duration       // until a repeat makes sense
}

func said(status int, message string, more func(e *jx.Encoder)) answer {
	return answer{status: status, message: message, more: more}
}

// failed translates a refusal. What the example of the API does not know is told behind what it does: the machine reason, the
// fields, their actual values (requirement C-7).
func (h *Handler) failed(err error) answer {
	f := fault.From(err)
	return answer{
		status: contract.HTTPStatus(f.Code), message: f.Message, reason: f.Reason, wait: edge.RetryDelay(f),
		more: func(e *jx.Encoder) {
			e.FieldStart("reason")
			e.Str(f.Reason)
			if len(f.Violations) > 0 {
				e.FieldStart("errors")
				e.ArrStart()
				for _, violation := range f.Violations {
					e.ObjStart()
					e.FieldStart("field")
					e.Str(violation.Field)
					e.FieldStart("reason")
					e.Str(violation.Reason)
					e.FieldStart("description")
					e.Str(violation.Description)
					e.ObjEnd()
				}
				e.ArrEnd()
			}
			e.FieldStart("retryable")
			e.Bool(f.Retryable())
			e.FieldStart("traceId")
			e.Str(f.TraceID)
		},
	}
}

// declined is a refusal that the command's success leads to. The members that its path answers stand before those of every refusal.
func (h *Handler) declined(in *incoming, f *fault.Fault, more func(e *jx.Encoder)) answer {
	f.TraceID = in.traceID
	given := h.failed(f)
	rest := given.more
	given.more = func(e *jx.Encoder) {
		if more != nil {
			more(e)
		}
		rest(e)
	}
	return given
}

// names are the contract's names of fields as this dialect has them.
var names = map[string]string{
	"customer_id": "userId", "user_id": "userId", "order_id": "orderId", "channel": "notificationType",
	"card": "paymentDetails", "card.number": "paymentDetails.cardNumber", "card.cvv": "paymentDetails.cvv",
	"card.exp_month": "paymentDetails.expiryDate", "card.exp_year": "paymentDetails.expiryDate",
	"parameters": "message", `parameters["message"]`: "message", `parameters["subject"]`: "subject",
}

// ofItem is a field of an order's item.
var ofItem = regexp.MustCompile(`^(items\[\d+\])\.(sku|qty)$`)

func fieldName(field string) string {
	if name, found := names[field]; found {
		return name
	}
	if parts := ofItem.FindStringSubmatch(field); parts != nil {
		return parts[1] + map[string]string{"sku": ".productId", "qty": ".quantity"}[parts[2]]
	}
	return field
}

// translated tells what the contract refuses in the dialect's names. What the reader has refused before, in the names that the client
// itself typed, stands first: it is not renamed, and the contract has nothing to add to it.
func translated(err error, read *fault.Fault) error {
	if err == nil {
		return nil
	}
	f := *fault.From(err)
	known := 0
	if read != nil {
		known = min(len(read.Violations), len(f.Violations))
	}
	all := f.Violations
	f.Violations = slices.Clone(all[:known])
	for i, violation := range all[known:] {
		name := fieldName(violation.Field)
		if rest, first := strings.CutPrefix(f.Message, violation.Field+": "); i+known == 0 && first {
			f.Message = name + ": " + rest
		}
		if !slices.ContainsFunc(all[:known], func(v fault.Violation) bool { return v.Field == name }) {
			violation.Field = name
			f.Violations = append(f.Violations, violation)
		}
	}
	if len(f.Violations) < len(all) {
		f.Message = contract.Invalid(f.Violations).Message
	}
	return &f
}

// placed tells a caller without a token where it may stand here; the other dialects know the header only.
func (in *incoming) placed(err error) error {
	f := fault.From(err)
	if f == nil || f.Reason != "AUTH_FAILED" || in.from.token != "" || in.Header.Get("Authorization") != "" {
		return err
	}
	told := *f
	told.Message = `send the token in one header "Authorization: Bearer <token>", or as token in a body of Content-Type application/json`
	return &told
}

// write writes an envelope within the time that a client has to take it.
func (h *Handler) write(w http.ResponseWriter, a answer) {
	var e jx.Encoder
	e.ObjStart()
	e.FieldStart("code")
	e.Int(a.status)
	e.FieldStart("message")
	e.Str(a.message)
	if a.more != nil {
		a.more(&e)
	}
	e.ObjEnd()
	header := w.Header()
	if a.wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int((a.wait+time.Second-1)/time.Second)))
	}
	if a.status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", "Bearer")
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(e.Bytes())))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(h.WriteTimeout)) // not every test's writer can
	w.WriteHeader(a.status)
	_, _ = w.Write(e.Bytes()) // a client that has gone away needs no answer
}
