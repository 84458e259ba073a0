package cli

import (
	"context"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
)

// operations is a server whose books differ from its gateway's in two pages, or in none.
type operations struct {
	omsv1.UnimplementedOperationsServiceServer
}

func (*operations) ReconcilePayments(_ context.Context, r *omsv1.ReconcilePaymentsRequest) (*omsv1.ReconcilePaymentsResponse, error) {
	sums := &omsv1.PaymentTotals{Currency: "EUR", Payments: 2, HeldMinor: 1000, CapturedMinor: 500, VoidedMinor: 400, RefundedMinor: 1}
	answer := &omsv1.ReconcilePaymentsResponse{Gateway: "sim", Here: []*omsv1.PaymentTotals{sums}, AtGateway: []*omsv1.PaymentTotals{sums}}
	if r.Gateway == "same" {
		return answer, nil
	}
	answer.Differences = []*omsv1.PaymentDifference{
		{PaymentId: "payment:1", OrderId: "order:1" + r.PageToken, Kind: "AMOUNT_DIFFERS", Status: 4, Here: sums, AtGateway: sums},
		{PaymentId: "payment:2", OrderId: "order:2" + r.PageToken, Kind: "MISSING_HERE", AtGateway: sums},
	}
	answer.Open = []*omsv1.PaymentDifference{{PaymentId: "payment:3", OrderId: "order:3" + r.PageToken, Kind: "OPEN", Status: 3, Here: sums}}
	if r.PageToken == "" {
		answer.NextPageToken = "-next"
	}
	return answer, nil
}

func TestPaymentsReconcile(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	omsv1.RegisterOperationsServiceServer(server, &operations{})
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	where := "--internal-addr=" + listener.Addr().String()
	window := []string{"--from=2026-01-01T00:00:00Z", "--to=2026-02-01T00:00:00Z"}
	var all strings.Builder
	for _, c := range []struct {
		code      int
		arguments []string
	}{
		{1, nil}, {1, []string{"--limit=3"}}, {0, []string{"--gateway=same"}}, {0, []string{"--gateway=same", "--json"}},
	} {
		arguments := append([]string{"payments", "reconcile"}, append(c.arguments, window...)...)
		code, out, errOut := oms(append(arguments, where)...)
		if code != c.code {
			t.Errorf("%v: %d %s", arguments, code, errOut)
		}
		if !strings.Contains(strings.Join(c.arguments, ""), "json") { // protojson's blanks are of its own choice
			all.WriteString("$ oms " + strings.Join(arguments, " ") + "\n" + out + "\n")
		}
	}
	golden(t, "payments.golden", all.String())
	for code, arguments := range map[int][]string{
		2: {"--to=2020-01-01T00:00:00Z", where}, 3: {"--internal-addr=127.0.0.1:1"},
	} {
		if got, _, errOut := oms(append([]string{"payments", "reconcile"}, arguments...)...); got != code || errOut == "" {
			t.Errorf("%v: %d %s, want %d", arguments, got, errOut, code)
		}
	}
}
