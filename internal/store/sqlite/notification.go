package sqlite

import (
	"cmp"
	"context"

	"github.com/seed-255eabaa/oms/internal/state"
)

var contactTable = table{
	name: "contacts",
	columns: "tenant_id, user_id, email, phone, locale, opted_out, forgotten, paced_until_us, version, created_at_us, " +
		"updated_at_us, waiting",
	fixed: []string{"created_at_us"},
	bind:  bindContact, scan: scanContact,
}

var notificationTable = table{
	name: "notifications",
	columns: "tenant_id, notification_id, user_id, channel, template, locale, parameters, order_id, provider, state, reason, " +
		"attempts, due_at_us, sent_at_us, version, created_at_us, updated_at_us",
	fixed: []string{"user_id", "order_id", "created_at_us"},
	bind:  bindNotification, scan: func(c *columns) state.Row { return scanNotification(c) },
}

func bindContact(r *row, value state.Row) {
	v := value.(*state.Contact) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(v.Tenant)
	r.text(v.UserID)
	r.text(v.Email)
	r.text(v.Phone)
	r.text(v.Locale)
	r.optional(listJSON(v.OptedOut))
	r.flag(v.Forgotten)
	r.moment(v.PacedUntil)
	r.integer(v.Version)
	r.instant(v.CreatedAt)
	r.instant(v.UpdatedAt)
	r.integer(int64(v.Waiting))
}

func scanContact(c *columns) state.Row {
	return &state.Contact{
		Tenant: c.text(), UserID: c.text(), Email: c.text(), Phone: c.text(), Locale: c.text(), OptedOut: list[[]string](c),
		Forgotten: c.flag(), PacedUntil: c.moment(), Version: c.integer(), CreatedAt: c.instant(), UpdatedAt: c.instant(),
		Waiting: small[int32](c),
	}
}

func bindNotification(r *row, value state.Row) {
	n := value.(*state.Notification) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(n.Tenant)
	r.text(n.ID)
	r.text(n.UserID)
	r.text(n.Channel)
	r.text(n.Template)
	r.text(n.Locale)
	r.optional(metadataJSON(n.Parameters))
	r.text(n.OrderID)
	r.text(n.Provider)
	r.integer(int64(n.State))
	r.text(n.Reason)
	r.integer(int64(n.Attempts))
	r.moment(n.DueAt)
	r.moment(n.SentAt)
	r.integer(n.Version)
	r.instant(n.CreatedAt)
	r.instant(n.UpdatedAt)
}

func scanNotification(c *columns) *state.Notification {
	return &state.Notification{
		Tenant: c.text(), ID: c.text(), UserID: c.text(), Channel: c.text(), Template: c.text(), Locale: c.text(),
		Parameters: list[map[string]string](c), OrderID: c.text(), Provider: c.text(), State: small[state.NotificationState](c),
		Reason: c.text(), Attempts: small[int32](c), DueAt: c.moment(), SentAt: c.moment(), Version: c.integer(),
		CreatedAt: c.instant(), UpdatedAt: c.instant(),
	}
}

// Contact implements view.Notifications.
func (s *Store) Contact(ctx context.Context, tenant, user string) (*state.Contact, error) {
	return readRow[*state.Contact](ctx, s, state.Ref{Kind: state.KindContact, Tenant: tenant, ID: user})
}

// AnyContacts implements view.Notifications.
func (s *Store) AnyContacts(ctx context.Context) (found bool, err error) {
	err = s.read(ctx, "any contacts", func(reader *session) error {
		return reader.query("SELECT EXISTS (SELECT 1 FROM contacts)", nil, func(c *columns) bool {
			found = c.flag()
			return false
		})
	})
	return found, err
}

// Notification implements view.Notifications.
func (s *Store) Notification(ctx context.Context, tenant, name string) (*state.Notification, error) {
	return readRow[*state.Notification](ctx, s, state.Ref{Kind: state.KindNotification, Tenant: tenant, ID: name})
}

// Notifications implements view.Notifications.
func (s *Store) Notifications(ctx context.Context, query state.NotificationQuery) ([]*state.Notification, error) {
	condition, of := "user_id = ?2", query.UserID
	if query.OrderID != "" {
		condition, of = "order_id = ?2 AND order_id <> ''", query.OrderID
	}
	return collect(ctx, s, "notifications", "SELECT "+notificationTable.columns+" FROM notifications WHERE tenant_id = ?1 AND "+
		condition+" AND notification_id < ?3 ORDER BY notification_id DESC LIMIT ?4", func(r *row) {
		r.text(query.Tenant)
		r.text(of)
		r.text(cmp.Or(query.BeforeID, beyond))
		r.integer(int64(query.Limit))
	}, scanNotification)
}
