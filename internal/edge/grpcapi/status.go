package grpcapi

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// detailsLimit bounds the details in bytes. They go as a trailer in base64, a third longer, and many clients take 8 KiB of trailers.
const detailsLimit = 4500

// Status translates a fault to a gRPC error: its code and words, its details, and the trace. Violations that do not fit are left out;
// the metadata counts them all.
func Status(f *fault.Fault) error {
	answer := statusOf(f)
	for most := len(f.Violations) / 2; most > 0 && proto.Size(answer.Proto()) > detailsLimit; most /= 2 {
		f = f.Bounded(most)
		answer = statusOf(f)
	}
	return answer.Err()
}

func statusOf(f *fault.Fault) *status.Status {
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
		return status.New(codes.Code(f.Code), f.Message)
	}
	return answer
}
