package cli

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// admin is a server with dead letters, numbered from 0; every third was replayed.
type admin struct {
	omsv1.UnimplementedAdminServiceServer
	letters int
	keys    []string
}

func (a *admin) letter(n int) *omsv1.DeadLetter {
	at := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	letter := &omsv1.DeadLetter{
		Id: fmt.Sprintf("deadletter:%03d", n), TenantId: "default", AggregateId: fmt.Sprintf("order:%03d", n), Kind: "gateway.capture",
		Error: "the gateway\x1b[31m said\nno " + strings.Repeat("x", 80), Attempts: 7, CreatedAt: timestamppb.New(at), Payload: []byte{0, 1, 0xff},
	}
	if n%3 == 2 {
		letter.ReplayedAt = timestamppb.New(at.Add(time.Hour))
	}
	return letter
}

func (a *admin) ListDeadLetters(ctx context.Context, r *omsv1.ListDeadLettersRequest) (*omsv1.ListDeadLettersResponse, error) {
	if headers, _ := metadata.FromIncomingContext(ctx); len(headers["authorization"]) != 1 || headers["authorization"][0] != "Bearer secret" {
		refused, _ := status.New(codes.Unauthenticated, "the token is not known").WithDetails(&errdetails.ErrorInfo{Reason: "AUTH_FAILED", Domain: "oms"})
		return nil, refused.Err()
	}
	from := 0
	fmt.Sscanf(r.PageToken, "%d", &from)
	answer := &omsv1.ListDeadLettersResponse{}
	for n := from; n < a.letters; n++ {
		if len(answer.DeadLetters) == int(r.PageSize) {
			answer.NextPageToken = fmt.Sprint(n)
			break
		}
		if letter := a.letter(n); r.IncludeReplayed || letter.ReplayedAt == nil {
			answer.DeadLetters = append(answer.DeadLetters, letter)
		}
	}
	return answer, nil
}

func (a *admin) GetDeadLetter(_ context.Context, r *omsv1.GetDeadLetterRequest) (*omsv1.GetDeadLetterResponse, error) {
	var n int
	if _, err := fmt.Sscanf(r.Id, "deadletter:%d", &n); err != nil {
		return nil, status.Error(codes.NotFound, "no dead letter")
	}
	return &omsv1.GetDeadLetterResponse{DeadLetter: a.letter(n)}, nil
}

func (a *admin) ReplayDeadLetter(ctx context.Context, r *omsv1.ReplayDeadLetterRequest) (*omsv1.ReplayDeadLetterResponse, error) {
	headers, _ := metadata.FromIncomingContext(ctx)
	a.keys = append(a.keys, headers["idempotency-key"]...)
	if r.Id == "deadletter:bad" {
		return nil, status.Error(codes.FailedPrecondition, "it failed again")
	}
	return &omsv1.ReplayDeadLetterResponse{}, nil
}

func serveAdmin(t *testing.T, a *admin) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	omsv1.RegisterAdminServiceServer(server, a)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return "--internal-addr=" + listener.Addr().String()
}

func TestDLQ(t *testing.T) {
	t.Setenv("OMS_TOKEN", "secret")
	server := &admin{letters: 4}
	where := serveAdmin(t, server)
	var all strings.Builder
	for _, arguments := range [][]string{
		{"dlq", "list"}, {"dlq", "list", "--all"}, {"dlq", "list", "--limit=2"}, {"dlq", "list", "--json", "--limit=1"},
		{"dlq", "show", "deadletter:002"}, {"dlq", "show", "--json", "deadletter:002"}, {"dlq", "replay", "deadletter:000", "deadletter:001"},
	} {
		code, out, errOut := oms(append(arguments, where)...)
		if code != 0 {
			t.Errorf("%v: %d %s", arguments, code, errOut)
		}
		all.WriteString("$ oms " + strings.Join(arguments, " ") + "\n" + out + "\n")
	}
	golden(t, "dlq.golden", all.String())
	if strings.ContainsRune(all.String(), 0x1b) {
		t.Error("a control character reaches the terminal")
	}
	if len(server.keys) != 2 || server.keys[0] == server.keys[1] {
		t.Errorf("replays were sent with the keys %q", server.keys)
	}
}

func TestDLQReadsEveryPage(t *testing.T) {
	where := serveAdmin(t, &admin{letters: 350})
	_, out, _ := oms("dlq", "list", "--all", "--limit=1000", "--token=secret", where)
	if lines := strings.Count(out, "\n"); lines != 351 {
		t.Errorf("%d lines", lines)
	}
}

func TestDLQFailures(t *testing.T) {
	where := serveAdmin(t, &admin{letters: 1})
	code, out, errOut := oms("dlq", "replay", "deadletter:bad", "deadletter:000", where)
	if code != 1 || !strings.Contains(out, "deadletter:bad  failed: FailedPrecondition: it failed again\ndeadletter:000  replayed\n") ||
		!strings.Contains(errOut, "1 of 2") {
		t.Errorf("%d %s%s", code, out, errOut)
	}
	code, _, errOut = oms("dlq", "list", "--token=geheim", where)
	if code != 1 || !strings.Contains(errOut, "AUTH_FAILED") || !strings.Contains(errOut, "OMS_TOKEN") || strings.Contains(errOut, "geheim") {
		t.Errorf("%d %s", code, errOut)
	}
}
