package shopapi

import (
	"net/http"
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
	message := f.Message
	if len(f.Violations) > 0 && strings.HasPrefix(message, f.Violations[0].Field) {
		message = fieldName(f.Violations[0].Field) + message[len(f.Violations[0].Field):]
	}
	return answer{
		status: contract.HTTPStatus(f.Code), message: message, reason: f.Reason, wait: edge.RetryDelay(f),
		more: func(e *jx.Encoder) {
			e.FieldStart("reason")
			e.Str(f.Reason)
			if len(f.Violations) > 0 {
				e.FieldStart("errors")
				e.ArrStart()
				for _, violation := range f.Violations {
					e.ObjStart()
					e.FieldStart("field")
					e.Str(fieldName(violation.Field))
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

// names are the contract's names of fields as this dialect has them.
var names = strings.NewReplacer("customer_id", "userId", "order_id", "orderId", ".sku", ".productId", ".qty", ".quantity",
	"card.number", "paymentDetails.cardNumber", "card.exp_month", "paymentDetails.expiryDate", "card.exp_year", "paymentDetails.expiryDate",
	"card.cvv", "paymentDetails.cvv", "user_id", "userId", "parameters", "message")

func fieldName(field string) string { return names.Replace(field) }

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
