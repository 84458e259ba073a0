package load

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Violation names one bad field of a request.
type Violation struct {
	Field, Reason, Description string
}

// Refusal is an error of the server, taken apart (requirement R-5).
type Refusal struct {
	Code       codes.Code
	Reason     string // the machine code of ErrorInfo; the code's name when there is none
	Message    string
	Violations []Violation
	Metadata   map[string]string
	RetryAfter time.Duration

	err error
}

// Error implements error.
func (r *Refusal) Error() string { return fmt.Sprintf("%s %s: %s", r.Code, r.Reason, r.Message) }

// Unwrap answers the error of the transport.
func (r *Refusal) Unwrap() error { return r.err }

// Transient tells whether the same request can succeed later. A version conflict cannot: the expected version is in the request.
func (r *Refusal) Transient() bool {
	switch r.Code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Canceled, codes.Internal:
		return true
	case codes.Aborted:
		return r.Reason != "VERSION_CONFLICT"
	default:
		return false
	}
}

// RefusalOf takes an error apart; nil for nil.
func RefusalOf(err error) *Refusal {
	if err == nil {
		return nil
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	s := status.Convert(err)
	refusal = &Refusal{Code: s.Code(), Reason: s.Code().String(), Message: s.Message(), err: err}
	for _, detail := range s.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			refusal.Reason, refusal.Metadata = detail.GetReason(), detail.GetMetadata()
		case *errdetails.RetryInfo:
			refusal.RetryAfter = detail.GetRetryDelay().AsDuration()
		case *errdetails.BadRequest:
			for _, v := range detail.GetFieldViolations() {
				refusal.Violations = append(refusal.Violations, Violation{v.GetField(), v.GetReason(), v.GetDescription()})
			}
		}
	}
	return refusal
}

// Reason answers the machine code of an error; empty when it is not a server's.
func Reason(err error) string {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Reason
	}
	return ""
}
