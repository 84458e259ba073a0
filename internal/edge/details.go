package edge

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/seed-255eabaa/oms/internal/fault"
)

// domain is the domain of every ErrorInfo (ruling R-5).
const domain = "oms"

// shortestRetry is told where a fault that passes by itself says nothing of its own.
const shortestRetry = time.Second

// details is the table of ruling R-5: which details a fault has, in the order in which they are told. A nil is left out.
var details = []func(f *fault.Fault) proto.Message{errorInfo, badRequest, preconditionFailure, retryInfo, quotaFailure}

// Details are what a fault tells a program beyond its code and words, each kind once: always an ErrorInfo, and what else
// applies. Every dialect tells these; trace and words stand where the dialect has a place for them.
func Details(f *fault.Fault) []proto.Message {
	told := make([]proto.Message, 0, len(details))
	for _, detail := range details {
		if message := detail(f); message != nil {
			told = append(told, message)
		}
	}
	return told
}

// RetryDelay is how long to wait before a retry makes sense, 0 where the fault says nothing of it.
func RetryDelay(f *fault.Fault) time.Duration {
	if f.RetryAfter <= 0 && (f.Code == fault.Unavailable || f.Code == fault.ResourceExhausted) {
		return shortestRetry
	}
	return max(f.RetryAfter, 0)
}

func errorInfo(f *fault.Fault) proto.Message {
	return &errdetails.ErrorInfo{Reason: f.Reason, Domain: domain, Metadata: f.Metadata}
}

func badRequest(f *fault.Fault) proto.Message {
	if len(f.Violations) == 0 {
		return nil
	}
	bad := &errdetails.BadRequest{}
	for _, violation := range f.Violations {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: violation.Field, Description: violation.Description, Reason: violation.Reason,
		})
	}
	return bad
}

func preconditionFailure(f *fault.Fault) proto.Message {
	if len(f.Preconditions) == 0 {
		return nil
	}
	unmet := &errdetails.PreconditionFailure{}
	for _, precondition := range f.Preconditions {
		unmet.Violations = append(unmet.Violations, &errdetails.PreconditionFailure_Violation{
			Type: precondition.Type, Subject: precondition.Subject, Description: precondition.Description,
		})
	}
	return unmet
}

func retryInfo(f *fault.Fault) proto.Message {
	wait := RetryDelay(f)
	if wait == 0 {
		return nil
	}
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}
}

func quotaFailure(f *fault.Fault) proto.Message {
	if f.Code != fault.ResourceExhausted {
		return nil
	}
	return &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{Subject: f.Reason, Description: f.Message}}}
}
