package replay

import (
	"github.com/seed-255eabaa/oms/internal/load"
)

// Reasons for which a credit note's line finds no order.
const (
	noCustomer    = "NO_CUSTOMER"
	noOrder       = "NO_ORDER_WITH_SKU"
	notEnoughLeft = "NOT_ENOUGH_LEFT"
)

// sold is a confirmed order of a customer and what of it has not been refunded.
//
// Invariants: no pieces and no pence below zero anywhere; rest is what the gateway has captured less everything given back or
// on its way, by whoever asked.
type sold struct {
	orderID string
	tracked *load.Tracked
	skus    map[string]*left
	rest    int64            // pence of the whole order
	due     int64            // pence that must have been given back in the end
	mine    map[string]*line // refunds of this run, by reason
}

// left is what of one SKU in one order has not been refunded; an order's lines of the same SKU are one.
type left struct{ qty, pence int64 }

// newSold shelves the accepted lines of an invoice.
func newSold(orderID string, lines []line) *sold {
	s := &sold{orderID: orderID, skus: map[string]*left{}, mine: map[string]*line{}}
	for i := range lines {
		l := &lines[i]
		if l.fate != accepted {
			continue
		}
		of, found := s.skus[l.sku]
		if !found {
			of = &left{}
			s.skus[l.sku] = of
		}
		of.qty += l.qty
		of.pence += l.qty * l.pence
		s.rest += l.qty * l.pence
	}
	return s
}

// covers tells whether so much of a SKU can still be refunded, in pieces and in pence.
func (s *sold) covers(sku string, qty, pence int64) bool {
	of, found := s.skus[sku]
	return found && of.qty >= qty && of.pence >= pence && s.rest >= pence
}

// take marks so much as refunded. What was refunded before this run is taken as far as it goes.
func (s *sold) take(sku string, qty, pence int64) {
	if of, found := s.skus[sku]; found {
		of.qty, of.pence = max(of.qty-qty, 0), max(of.pence-pence, 0)
	}
	s.rest = max(s.rest-pence, 0)
}

// putBack undoes take.
func (s *sold) putBack(sku string, qty, pence int64) {
	s.skus[sku].qty += qty
	s.skus[sku].pence += pence
	s.rest += pence
}

// shelf holds a customer's orders, oldest first.
type shelf []*sold

// match answers the newest order that has so much of the SKU left, else why there is none.
func (s shelf) match(sku string, qty, pence int64) (*sold, string) {
	reason := noOrder
	for i := len(s) - 1; i >= 0; i-- {
		if s[i].covers(sku, qty, pence) {
			return s[i], ""
		}
		if _, found := s[i].skus[sku]; found {
			reason = notEnoughLeft
		}
	}
	return nil, reason
}

// find answers the order of an id; nil without one.
func (s shelf) find(orderID string) *sold {
	for _, of := range s {
		if of.orderID == orderID {
			return of
		}
	}
	return nil
}
