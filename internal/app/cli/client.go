package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/seed-255eabaa/oms/internal/config"
)

// callTime is how long a call of the administration may take.
const callTime = 30 * time.Second

// target says which server to ask, and as whom.
type target struct {
	InternalAddr string        `default:"127.0.0.1:9091" placeholder:"HOST:PORT" help:"Internal gRPC of the server."`
	Token        config.Secret `placeholder:"TOKEN" help:"Bearer token of a caller that the server knows; better in OMS_TOKEN than here."`
}

// with calls the server.
func (t *target) with(ctx context.Context, call func(context.Context, *grpc.ClientConn) error) error {
	conn, err := grpc.NewClient(t.InternalAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("--internal-addr=%s: %w", t.InternalAddr, err)
	}
	defer conn.Close() //nolint:errcheck // every answer is there
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	if t.Token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+t.Token.Reveal())
	}
	if err := call(ctx, conn); err != nil {
		return t.explain(err)
	}
	return nil
}

// explain says in a sentence what a server refused, and what to do about what it cannot say itself.
func (t *target) explain(err error) error {
	refused, isStatus := status.FromError(err)
	if !isStatus {
		return err
	}
	reason := ""
	for _, detail := range refused.Details() {
		if info, is := detail.(*errdetails.ErrorInfo); is {
			reason = info.GetReason()
		}
	}
	switch {
	case reason == "" && refused.Code() == codes.Unavailable:
		return fmt.Errorf("no server answers at --internal-addr=%s: start one, or say where it listens (%s)", t.InternalAddr, refused.Message())
	case refused.Code() == codes.Unauthenticated:
		return fmt.Errorf("%s %s: set OMS_TOKEN to a token of the server's credentials", reason, refused.Message())
	case reason == "":
		return fmt.Errorf("%s: %s", refused.Code(), refused.Message())
	default:
		return fmt.Errorf("%s: %s", reason, refused.Message())
	}
}

// freshKey gives a mutation an idempotency key.
func freshKey(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "idempotency-key", "cli-"+strings.ToLower(rand.Text()))
}
