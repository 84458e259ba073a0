package view

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Notifications is what reads of contacts and notifications need of a database. Absent rows are state.ErrNotFound.
type Notifications interface {
	// Contact answers how a user is reached, also one who was forgotten.
	Contact(ctx context.Context, tenant, user string) (*state.Contact, error)
	// AnyContacts tells whether any tenant has any contact.
	AnyContacts(ctx context.Context) (bool, error)
	// Notification answers one notification.
	Notification(ctx context.Context, tenant, id string) (*state.Notification, error)
	// Notifications answers a page of a user's or an order's notifications, newest first.
	Notifications(ctx context.Context, query state.NotificationQuery) ([]*state.Notification, error)
}
