package postgres

import (
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

var (
	contactFields = []field{
		{"tenant_id", kindText}, {"user_id", kindText}, {"email", kindText}, {"phone", kindText}, {"locale", kindText},
		{"opted_out", kindJSON}, {"forgotten", kindBool}, {"paced_until", kindTime}, {"version", kindInt8}, {"created_at", kindTime},
		{"updated_at", kindTime}, {"waiting", kindInt4},
	}
	notificationFields = []field{
		{"tenant_id", kindText}, {"notification_id", kindText}, {"user_id", kindText}, {"channel", kindText}, {"template", kindText},
		{"locale", kindText}, {"parameters", kindJSON}, {"order_id", kindText}, {"provider", kindText}, {"state", kindInt2},
		{"reason", kindText}, {"attempts", kindInt4}, {"due_at", kindTime}, {"sent_at", kindTime}, {"version", kindInt8},
		{"created_at", kindTime}, {"updated_at", kindTime},
	}
	selectContacts      = "SELECT " + list("", contactFields) + " FROM contacts "
	selectNotifications = "SELECT " + list("", notificationFields) + " FROM notifications "
)

func encodeContact(set *rowset, c *state.Contact) error {
	set.text(c.Tenant)
	set.text(c.UserID)
	set.text(c.Email)
	set.text(c.Phone)
	set.text(c.Locale)
	if err := encodeJSON(set, len(c.OptedOut), c.OptedOut); err != nil {
		return err
	}
	set.bool(c.Forgotten)
	set.time(c.PacedUntil)
	set.int64(c.Version)
	set.time(c.CreatedAt)
	set.time(c.UpdatedAt)
	set.int32(c.Waiting)
	return nil
}

func decodeContact(f *fields) (*state.Contact, error) {
	c := &state.Contact{Tenant: f.text(), UserID: f.text(), Email: f.text(), Phone: f.text(), Locale: f.text()}
	if err := decodeJSON(f, &c.OptedOut); err != nil {
		return nil, err
	}
	c.Forgotten, c.PacedUntil, c.Version, c.CreatedAt, c.UpdatedAt = f.bool(), f.time(), f.int64(), f.time(), f.time()
	c.Waiting = f.int32()
	return c, nil
}

func encodeNotification(set *rowset, n *state.Notification) error {
	set.text(n.Tenant)
	set.text(n.ID)
	set.text(n.UserID)
	set.text(n.Channel)
	set.text(n.Template)
	set.text(n.Locale)
	if err := encodeJSON(set, len(n.Parameters), n.Parameters); err != nil {
		return err
	}
	set.text(n.OrderID)
	set.text(n.Provider)
	set.int16(int16(n.State))
	set.text(n.Reason)
	set.int32(n.Attempts)
	set.time(n.DueAt)
	set.time(n.SentAt)
	set.int64(n.Version)
	set.time(n.CreatedAt)
	set.time(n.UpdatedAt)
	return nil
}

func decodeNotification(f *fields) (*state.Notification, error) {
	n := &state.Notification{
		Tenant: f.text(), ID: f.text(), UserID: f.text(), Channel: f.text(), Template: f.text(), Locale: f.text(),
	}
	if err := decodeJSON(f, &n.Parameters); err != nil {
		return nil, err
	}
	n.OrderID, n.Provider, n.State, n.Reason = f.text(), f.text(), state.NotificationState(f.int16()), f.text()
	n.Attempts, n.DueAt, n.SentAt = f.int32(), f.time(), f.time()
	n.Version, n.CreatedAt, n.UpdatedAt = f.int64(), f.time(), f.time()
	return n, nil
}

// Contact implements view.Notifications.
func (s *Store) Contact(ctx context.Context, tenant, user string) (*state.Contact, error) {
	return only(read(ctx, s, "contact", decodeContact, selectContacts+"WHERE tenant_id = $1 AND user_id = $2", tenant, user))
}

// AnyContacts implements view.Notifications.
func (s *Store) AnyContacts(ctx context.Context) (bool, error) {
	return only(read(ctx, s, "any contacts", func(f *fields) (bool, error) { return f.bool(), nil },
		"SELECT EXISTS (SELECT 1 FROM contacts)"))
}

// Notification implements view.Notifications.
func (s *Store) Notification(ctx context.Context, tenant, name string) (*state.Notification, error) {
	return only(read(ctx, s, "notification", decodeNotification, selectNotifications+"WHERE tenant_id = $1 AND notification_id = $2",
		tenant, name))
}

// Notifications implements view.Notifications.
func (s *Store) Notifications(ctx context.Context, query state.NotificationQuery) ([]*state.Notification, error) {
	condition, of, before := "user_id = $2", query.UserID, query.BeforeID
	if query.OrderID != "" {
		condition, of = "order_id = $2 AND order_id <> ''", query.OrderID
	}
	if before == "" {
		before = "notification;" // ';' follows ':'
	}
	return read(ctx, s, "notifications", decodeNotification, selectNotifications+"WHERE tenant_id = $1 AND "+condition+
		" AND notification_id < $3 ORDER BY notification_id DESC LIMIT $4", query.Tenant, of, before, query.Limit)
}
