package contract_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/contract/internal/kitchen"
)

const uuid = "0198c0de-7b1a-7c3d-8e4f-5a6b7c8d9e0f"

// contractRouter routes everything of the contract.
func contractRouter(t *testing.T) *contract.Router {
	t.Helper()
	r, err := contract.NewRouter(slices.Concat(
		omsv1.OrderServiceRoutes(omsv1.UnimplementedOrderServiceServer{}),
		omsv1.InventoryServiceRoutes(omsv1.UnimplementedInventoryServiceServer{}),
		kitchen.KitchenRoutes(kitchenServer{}),
	))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMatch(t *testing.T) {
	r := contractRouter(t)
	for _, test := range []struct {
		verb, path string
		want       string // method and parameters, or the Allow header in brackets, or nothing
	}{
		{"POST", "/v1/orders", "CreateOrder"},
		{"GET", "/v1/orders", "ListOrders"},
		{"HEAD", "/v1/orders", "ListOrders"},
		{"DELETE", "/v1/orders", "[GET, HEAD, OPTIONS, POST]"},
		{"GET", "/v1/users/a:b/orders", "ListOrders a:b"},
		{"GET", "/v1/orders/order:" + uuid, "GetOrder order:" + uuid},
		{"GET", "/v1/orders/order%3A" + uuid, "GetOrder order:" + uuid},
		{"GET", "/v1/orders/order%3a" + uuid, "GetOrder order:" + uuid},
		{"POST", "/v1/orders/order:" + uuid + ":pay", "PayOrder order:" + uuid},
		{"POST", "/v1/orders/order%3A" + uuid + ":pay", "PayOrder order:" + uuid},
		{"POST", "/v1/orders/order:" + uuid + ":cancel", "CancelOrder order:" + uuid},
		{"POST", "/v1/orders/order:" + uuid + ":refund", "RefundOrder order:" + uuid},
		{"GET", "/v1/orders/order:" + uuid + ":watch", "WatchOrder order:" + uuid},
		{"GET", "/v1/orders:watch", "WatchOrders"},
		{"HEAD", "/v1/orders:watch", "[GET, OPTIONS]"},
		{"GET", "/v1/orders/order:" + uuid + "/timeline", "GetTimeline order:" + uuid},
		{"GET", "/v1/orders/order:" + uuid + ":pay", "[OPTIONS, POST]"},
		{"POST", "/v1/orders/order:" + uuid, "[GET, HEAD, OPTIONS]"},
		{"GET", "/v1/orders/123", "GetOrder 123"},                         // refused by its kind, later
		{"GET", "/v1/orders/payment:" + uuid, "GetOrder payment:" + uuid}, // likewise
		{"GET", "/v1/orders/order:abc", "GetOrder order:abc"},             // likewise
		{"POST", "/v1/orders/123:pay", "PayOrder 123"},
		// Verbs that the path does not have.
		{"POST", "/v1/orders/order:" + uuid + ":ship", ""},
		{"GET", "/v1/orders/order:" + uuid + ":ship", ""},
		{"POST", "/v1/orders/order%3A" + uuid + ":ship", ""},
		{"POST", "/v1/orders:pay", ""},
		{"GET", "/v1/orders/order:" + uuid + "/timeline:watch", ""},
		// %3A begins no verb.
		{"POST", "/v1/orders/order:" + uuid + "%3Apay", "[GET, HEAD, OPTIONS]"},
		// An opaque id keeps its colons, but for the verbs of its path.
		{"GET", "/v1/inventory/items/a:b", "GetStock a:b"},
		{"POST", "/v1/inventory/items/a:b:adjust", "AdjustStock a:b"},
		{"PUT", "/v1/inventory/items/a%3Aadjust", "SetStock a:adjust"},
		{"GET", "/v1/inventory/items/a%2Fb%20c", "GetStock a/b c"},
		{"GET", "/v1/operations/key:pay", "GetOperation key:pay"},
		{"GET", "/v1/operations/a%2Fb", "GetOperation a/b"},
		// No path.
		{"GET", "/", ""}, {"GET", "", ""}, {"GET", "/v1", ""}, {"GET", "/v1/orders/", ""}, {"GET", "/v1//orders", ""},
		{"GET", "/v1/orders/:pay", ""}, {"POST", "/v1/orders/:pay", ""}, {"GET", "/v2/orders", ""}, {"GET", "/v1/Orders", ""},
		{"GET", "/v1/orders/a/b", ""}, {"GET", "/v1/orders/a/timeline/", ""},
	} {
		m := r.Match(test.verb, test.path)
		got := ""
		switch {
		case m.Route != nil:
			got = strings.Join(append([]string{m.Route.Method.Name}, m.Params()...), " ")
		case m.Allow != "":
			got = "[" + m.Allow + "]"
		}
		if got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.verb, test.path, got, test.want)
		}
	}
}

// TestLiteralsWin checks that a literal wins over a parameter, and that a dead end behind it is left again.
func TestLiteralsWin(t *testing.T) {
	route := func(template string) *contract.Route {
		return &contract.Route{
			Method: &contract.Method{Name: template}, Verb: "GET", Template: template,
			Call: func(context.Context, proto.Message) (proto.Message, error) { return nil, nil },
		}
	}
	r, err := contract.NewRouter([]*contract.Route{
		route("/a/{x}"), route("/a/export"), route("/a/export/now"), route("/a/{x}/{y}"), route("/a/{x}/{y}:go"),
		route("/b/x/{p}/end"), route("/b/{q}/{r}/stop"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/a/1": "/a/{x} 1", "/a/export": "/a/export", "/a/export/now": "/a/export/now", "/a/export/later": "/a/{x}/{y} export later",
		"/a/b/c:go": "/a/{x}/{y}:go b c", "/b/x/1/stop": "/b/{q}/{r}/stop x 1", "/a/export/now:go": "/a/{x}/{y}:go export now",
	} {
		m := r.Match("GET", path)
		if m.Route == nil {
			t.Errorf("%s matches nothing", path)
			continue
		}
		if got := strings.Join(append([]string{m.Route.Template}, m.Params()...), " "); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if _, err := contract.NewRouter([]*contract.Route{route("/a/{x}"), route("/a/{y}")}); err == nil {
		t.Error("two routes of one path and verb were taken")
	}
}

// A word of the contract that takes another HTTP method is an id, so that no bet is hidden by its name.
func TestLiteralsOfAnotherMethod(t *testing.T) {
	r, err := contract.NewRouter([]*contract.Route{
		{Method: &contract.Method{}, Verb: "POST", Template: "/bets/settle"}, {Method: &contract.Method{}, Verb: "GET", Template: "/bets/{id}"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Match("GET", "/bets/settle"); m.Route == nil || m.Route.Verb != "GET" || !slices.Equal(m.Params(), []string{"settle"}) {
		t.Errorf("GET finds %+v", m)
	}
	if m := r.Match("HEAD", "/bets/other"); m.Route == nil || m.Route.Verb != "GET" {
		t.Errorf("HEAD finds %+v", m)
	}
	if m := r.Match("POST", "/bets/settle"); m.Route == nil || m.Route.Verb != "POST" || len(m.Params()) != 0 {
		t.Errorf("POST finds %+v", m)
	}
	if m := r.Match("PUT", "/bets/settle"); m.Route != nil || m.Allow != "OPTIONS, POST" {
		t.Errorf("PUT finds %+v", m)
	}
}

func TestParseTemplate(t *testing.T) {
	for _, bad := range []string{"", "v1/x", "/", "/v1/", "/v1/{}", "/v1/{a", "/v1/a}b", "/v1/{a=*}", "/v1/**", "/v1/x:", "/v1/x:1", "/a:b:c", "/{a}/{b}/{c}/{d}/{e}"} {
		if template, err := contract.ParseTemplate(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, template)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, path := range []string{"/v1/orders/order:" + uuid + ":pay", "/v1/operations/a%2Fb", "/v1/users/%/orders", "//", "/v1/orders:watch"} {
		f.Add(path)
	}
	r, err := contract.NewRouter(omsv1.OrderServiceRoutes(omsv1.UnimplementedOrderServiceServer{}))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		m := r.Match("GET", path)
		if m.Route != nil && slices.Contains(m.Params(), "") {
			t.Errorf("%q has an empty parameter", path)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	r, err := contract.NewRouter(omsv1.OrderServiceRoutes(omsv1.UnimplementedOrderServiceServer{}))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if m := r.Match("POST", "/v1/orders/order:"+uuid+":pay"); m.Route == nil {
			b.Fatal("no route")
		}
	}
}
