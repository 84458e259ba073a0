package grpcapi

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// Status translates a fault to a gRPC error: its code and words, its details, and the trace.
func Status(f *fault.Fault) error {
	var details []protoadapt.MessageV1
	for _, detail := range edge.Details(f) {
		details = append(details, protoadapt.MessageV1Of(detail))
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
