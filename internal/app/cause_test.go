package app_test

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

// What a dependency says of its failure is for the log: a caller is told that the database cannot be reached, and neither where it is nor in
// whose words (requirement V-5).
func TestCausesAreToldNobody(t *testing.T) {
	cluster, err := postgrestest.Start("", postgrestest.Options{TCP: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Stop)
	address, err := cluster.Create(t.Context(), "secret_place")
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, func(c *config.Config) { c.Store = config.Place(address) })
	cluster.Kill()
	t.Cleanup(func() { // before the server ends
		if err := cluster.Resume(); err != nil {
			t.Error(err)
		}
	})
	_, byREST := server.http(t, http.MethodGet, "/v1/orders/"+noOrder, "")
	_, problem := server.http(t, http.MethodGet, "/v1/orders/"+noOrder, "", "Accept: application/problem+json")
	_, byShop := server.http(t, http.MethodGet, "/api/orders/"+noOrder, "")
	_, err = server.orders.GetOrder(keyed(t, ""), &omsv1.GetOrderRequest{OrderId: noOrder})
	byGRPC := prototext.Format(status.Convert(err).Proto())
	_, err = server.inventory.SetStock(keyed(t, "stock"), &omsv1.SetStockRequest{Sku: "A", OnHand: proto.Int64(1)})
	written := prototext.Format(status.Convert(err).Proto())
	for dialect, answer := range map[string]string{"REST": byREST, "problem": problem, "gRPC": byGRPC, "a mutation": written} {
		if !strings.Contains(answer, "STORE_UNAVAILABLE") {
			t.Errorf("%s: told %s", dialect, answer)
		}
	}
	for _, answer := range []string{byREST, problem, byShop, byGRPC, written} {
		for _, word := range []string{"secret_place", "127.0.0.1", "dial", "connect", "refused", "postgres", "SQL", "pgx", "terminat"} {
			if strings.Contains(answer, word) {
				t.Errorf("the answer tells %q: %s", word, answer)
			}
		}
	}
}
