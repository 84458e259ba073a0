package app

import (
	"net/http"
	"strings"

	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge"
	"github.com/seed-255eabaa/oms/internal/edge/restapi"
	"github.com/seed-255eabaa/oms/internal/edge/service"
	"github.com/seed-255eabaa/oms/internal/edge/shopapi"
)

// shopBodyLimit bounds the bodies of /api, which are read before their sender is known: a thousand items fit.
const shopBodyLimit = 256 << 10

// shop puts the dialect of /api before the REST handler.
func (a *App) shop(chain edge.Chain, orders *service.Orders, stock *service.Inventory, notifications *service.Notifications,
	methods contract.Table, rest http.Handler,
) http.Handler {
	dialect := shopapi.New(shopapi.Options{
		Chain: chain, Orders: orders, Inventory: stock, Notifications: notifications, Methods: methods, PaymentWait: a.config.PaymentWait,
		BodyLimit: min(shopBodyLimit, a.config.MaxBodyBytes), ReadTimeout: a.config.BodyTimeout, WriteTimeout: a.config.WriteTimeout,
		Log: a.logger, Keys: a.files.keys,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, shopapi.Prefix) && !restapi.IsDocument(r.URL.Path) {
			dialect.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}
