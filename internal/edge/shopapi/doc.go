// Package shopapi is the dialect of the shop's HTTP API (requirements S-1 to S-4): four paths under /api, their field names and their
// envelopes {"code", "message", …}. It translates; no rule lives here (requirement R-2).
//
//	POST /api/orders/create      OrderService.CreateOrder at the catalogue's prices
//	POST /api/inventory/lock     InventoryService.Reserve
//	POST /api/payment/process    OrderService.PayOrder, and waits for the outcome
//	POST /api/notification/send  NotificationService.SendNotification
//
// A request goes: cross-origin check, body within its limits, token and signature, edge.Chain, service. See docs/api-dialect.md.
package shopapi
