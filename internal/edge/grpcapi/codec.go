package grpcapi

import (
	"bytes"
	"fmt"

	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/seed-255eabaa/oms/internal/fault"
)

// codec is protobuf, but for requests that cannot be read. grpc-go would answer those by itself, INTERNAL and without details; so
// the codec takes them for empty and marks them, and the interceptor refuses a marked request as REST refuses it (ruling R-5).
type codec struct {
	encoding.CodecV2
	limit int // bytes of a request
}

// markField is the greatest field number that there is; no message has it.
const markField = protowire.Number(1<<29 - 1)

// Marks of requests.
const (
	markUnreadable = "oms:unreadable:"
	markTooLarge   = "oms:too-large"
)

func newCodec(limit int) codec { return codec{encoding.GetCodecV2(protocodec.Name), limit} }

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	request, found := v.(proto.Message)
	if !found {
		return c.CodecV2.Unmarshal(data, v) //nolint:wrapcheck // grpc's own
	}
	if data.Len() > c.limit {
		mark(request, markTooLarge)
		return nil
	}
	if err := c.CodecV2.Unmarshal(data, v); err != nil {
		proto.Reset(request)
		mark(request, markUnreadable+err.Error())
	}
	return nil
}

func mark(request proto.Message, text string) {
	raw := protowire.AppendTag(nil, markField, protowire.BytesType)
	request.ProtoReflect().SetUnknown(protowire.AppendString(raw, text))
}

// unreadable answers why a request could not be read, or nil.
func (c codec) unreadable(request proto.Message) *fault.Fault {
	unknown := request.ProtoReflect().GetUnknown()
	if len(unknown) == 0 || !bytes.HasPrefix(unknown, protowire.AppendTag(nil, markField, protowire.BytesType)) {
		return nil
	}
	if bytes.Contains(unknown, []byte(markTooLarge)) {
		return fault.New(fault.InvalidArgument, "BODY_TOO_LARGE", "the message has more than %d bytes", c.limit)
	}
	_, cause, _ := bytes.Cut(unknown, []byte(markUnreadable))
	return fault.New(fault.InvalidArgument, "MALFORMED_MESSAGE", "the message is not %s in protobuf, or holds text that is not UTF-8",
		request.ProtoReflect().Descriptor().FullName()).Because(fmt.Errorf("%s", cause)) //nolint:err113 // for the log only
}
