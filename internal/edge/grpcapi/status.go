package grpcapi

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/seed-255eabaa/oms/internal/fault"
)

// domain is the domain of every ErrorInfo (ruling R-5).
const domain = "oms"

// defaultRetry is when a retry makes sense where the fault does not say.
const defaultRetry = time.Second

// Status translates a fault to a gRPC error: its code, and exactly one ErrorInfo with the other details that apply, each once.
func Status(f *fault.Fault) error {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: f.Reason, Domain: domain, Metadata: f.Metadata}}
	if len(f.Violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, violation := range f.Violations {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: violation.Field, Description: violation.Description, Reason: violation.Reason,
			})
		}
		details = append(details, bad)
	}
	if len(f.Preconditions) > 0 {
		unmet := &errdetails.PreconditionFailure{}
		for _, precondition := range f.Preconditions {
			unmet.Violations = append(unmet.Violations, &errdetails.PreconditionFailure_Violation{
				Type: precondition.Type, Subject: precondition.Subject, Description: precondition.Description,
			})
		}
		details = append(details, unmet)
	}
	if f.Code == fault.ResourceExhausted {
		details = append(details, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{
			{Subject: f.Reason, Description: f.Message},
		}})
	}
	if wait := f.RetryAfter; wait > 0 || f.Code == fault.Unavailable || f.Code == fault.ResourceExhausted {
		if wait <= 0 {
			wait = defaultRetry
		}
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
	}
	if f.TraceID != "" {
		details = append(details, &errdetails.RequestInfo{RequestId: f.TraceID})
	}
	details = append(details, &errdetails.LocalizedMessage{Locale: "en", Message: f.Message})
	answer, err := status.New(codes.Code(f.Code), f.Message).WithDetails(details...)
	if err != nil {
		return status.Error(codes.Code(f.Code), f.Message)
	}
	return answer.Err()
}
