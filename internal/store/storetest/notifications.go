package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-255eabaa/oms/internal/id"
	"github.com/seed-255eabaa/oms/internal/state"
)

func sampleContact(user string) *state.Contact {
	at := longAgo()
	return &state.Contact{
		Tenant: tenant, UserID: user, Email: "jörg@bücher.example", Phone: "+4915112345678", Locale: "de-CH",
		OptedOut: []string{"email", "sms"}, PacedUntil: at.Add(time.Hour), Waiting: 7, Version: 3, CreatedAt: at, UpdatedAt: at.Add(time.Minute),
	}
}

func sampleNotification(user string, order *state.Order) *state.Notification {
	at := longAgo()
	return &state.Notification{
		Tenant: tenant, ID: id.New("notification", at, entropy()), UserID: user, Channel: "email", Template: "order_confirmed",
		Locale: "zh-Hant", Parameters: map[string]string{"amount_minor": "1460", "ключ": "\"значение\""}, OrderID: order.ID, Provider: "smtp",
		State: state.NotificationFailed, Reason: "550 no such \"user\"", Attempts: 3, DueAt: at, SentAt: at.Add(time.Second), Version: 2,
		CreatedAt: at, UpdatedAt: at.Add(time.Minute),
	}
}

func testViewNotifications(s *suite) {
	order, other := sampleOrder(longAgo()), sampleOrder(longAgo())
	var rows, ofUser, ofOrder []*state.Notification
	changes := newBatch()
	for i := range 6 {
		n := sampleNotification(fmt.Sprintf("user-%d", i%2), order)
		n.CreatedAt = longAgo().Add(time.Duration(i) * time.Second)
		n.ID = id.New("notification", n.CreatedAt, entropy())
		if i >= 3 {
			n.OrderID = other.ID
		}
		if i == 5 {
			n.OrderID = ""
		}
		rows = append(rows, n)
		insert(changes, n)
	}
	s.put(changes)
	for _, n := range slices.Backward(rows) {
		if n.UserID == "user-0" {
			ofUser = append(ofUser, n)
		}
		if n.OrderID == order.ID {
			ofOrder = append(ofOrder, n)
		}
	}
	got, err := s.store.Notifications(s.context(), state.NotificationQuery{Tenant: tenant, UserID: "user-0", Limit: 2})
	s.must(err)
	s.same("first page of a user", got, ofUser[:2])
	got, err = s.store.Notifications(s.context(), state.NotificationQuery{Tenant: tenant, UserID: "user-0", Limit: 2, BeforeID: got[1].ID})
	s.must(err)
	s.same("second page of a user", got, ofUser[2:])
	got, err = s.store.Notifications(s.context(), state.NotificationQuery{Tenant: tenant, OrderID: order.ID, Limit: 10})
	s.must(err)
	s.same("those of an order", got, ofOrder)
	got, err = s.store.Notifications(s.context(), state.NotificationQuery{Tenant: "other", OrderID: order.ID, Limit: 10})
	s.must(err)
	s.same("those of another tenant", len(got), 0)
}

func testAnyContacts(s *suite) {
	found, err := s.store.AnyContacts(s.context())
	s.must(err)
	s.same("contacts of an empty store", found, false)
	s.put(insert(newBatch(), sampleContact("user-1")))
	found, err = s.store.AnyContacts(s.context())
	s.must(err)
	s.same("contacts", found, true)
}
