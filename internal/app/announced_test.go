package app_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/fault"
)

// announced holds a refusal to what the contract announces of its method: whatever a test of this package is refused with stands among the
// reasons of the method, or all methods share it.
func announced(t *testing.T, method *contract.Method, reason string) {
	t.Helper()
	entry := fault.Find(reason)
	if reason != "" && (entry == nil || !entry.Shared() && !slices.Contains(method.Reasons, reason)) {
		t.Errorf("%s refuses with %s, which it does not announce in proto/", method.FullName, reason)
	}
}

// announcing holds the refusals of a gRPC client's calls to the contract.
func announcing(t *testing.T) []grpc.DialOption {
	t.Helper()
	methods := contract.NewTable(omsv1.Methods, providerv1.Methods)
	look := func(name string, err error) {
		for _, detail := range status.Convert(err).Details() {
			if info, is := detail.(*errdetails.ErrorInfo); is && methods[name] != nil && t.Context().Err() == nil {
				announced(t, methods[name], info.GetReason())
			}
		}
	}
	return []grpc.DialOption{grpc.WithUnaryInterceptor(func(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn,
		invoke grpc.UnaryInvoker, options ...grpc.CallOption,
	) error {
		err := invoke(ctx, method, request, reply, connection, options...)
		look(method, err)
		return err
	})}
}

// routes finds the method of a path of REST.
var routes = sync.OnceValues(func() (*contract.Router, error) {
	return contract.NewRouter(contract.WithSandbox(slices.Concat(
		omsv1.OrderServiceRoutes(nil), omsv1.InventoryServiceRoutes(nil), omsv1.CatalogueServiceRoutes(nil), omsv1.NotificationServiceRoutes(nil),
		omsv1.LedgerServiceRoutes(nil), providerv1.PlayerServiceRoutes(nil), providerv1.SessionServiceRoutes(nil), providerv1.BetServiceRoutes(nil),
		providerv1.RoundServiceRoutes(nil), providerv1.PaymentServiceRoutes(nil), providerv1.JackpotServiceRoutes(nil),
		providerv1.BonusServiceRoutes(nil), providerv1.SandboxServiceRoutes(nil),
	)))
})

// announcedAt holds an answer of REST to the contract.
func announcedAt(t *testing.T, verb, path, answer string) {
	t.Helper()
	router, err := routes()
	if err != nil {
		t.Fatal(err)
	}
	path, _, _ = strings.Cut(path, "?")
	found := router.Match(verb, path)
	var refusal struct{ Code string }
	if found.Route != nil && json.Unmarshal([]byte(answer), &refusal) == nil {
		announced(t, found.Route.Method, refusal.Code)
	}
}
