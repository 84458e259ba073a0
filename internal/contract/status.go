package contract

import "github.com/seed-255eabaa/oms/internal/fault"

// HTTPStatus is the table of requirement V-4.
func HTTPStatus(code fault.Code) int {
	switch code {
	case fault.OK:
		return 200
	case fault.InvalidArgument, fault.FailedPrecondition, fault.OutOfRange:
		return 400
	case fault.Unauthenticated:
		return 401
	case fault.PermissionDenied:
		return 403
	case fault.NotFound:
		return 404
	case fault.Aborted, fault.AlreadyExists:
		return 409
	case fault.ResourceExhausted:
		return 429
	case fault.Canceled:
		return 499
	case fault.Unimplemented:
		return 501
	case fault.Unavailable:
		return 503
	case fault.DeadlineExceeded:
		return 504
	default: // UNKNOWN, INTERNAL, DATA_LOSS
		return 500
	}
}
