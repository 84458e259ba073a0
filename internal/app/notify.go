package app

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-255eabaa/oms/internal/command"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/domain/notification"
	"github.com/seed-255eabaa/oms/internal/domain/order"
	"github.com/seed-255eabaa/oms/internal/effect"
	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/effect/notify"
	"github.com/seed-255eabaa/oms/internal/flow"
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/wire"
)

// Names of the transports, as effects and notifications have them.
const (
	providerSMTP   = "smtp"
	providerTwilio = "twilio"
	providerHTTP   = "sms-http"
)

// Limits of a transport. What a mail server refuses for now (RFC 5321, 4.5.4.1) it may refuse for hours.
const (
	notifyCalls        = 16
	notifyBackoffLeast = time.Second
	notifyBackoffMax   = 5 * time.Minute
)

// notices are the settings that the flow of notifications needs.
func notices(c *config.Config) flow.Notices {
	n := flow.Notices{
		Providers: map[string]string{}, ExpiryAlert: c.ExpiryAlert,
		Pace: notification.Pace{Burst: c.NotifyBurst, Per: c.NotifyPer},
	}
	if c.HasMail() {
		n.Providers[notification.ChannelEmail] = providerSMTP
	}
	switch {
	case c.Twilio():
		n.Providers[notification.ChannelSMS] = providerTwilio
	case c.SMS != "":
		n.Providers[notification.ChannelSMS] = providerHTTP
	}
	return n
}

// addSenders adds the transports of notifications to the gateways of the effect workers.
func (a *App) addSenders(options *effect.Options) error {
	transports := map[string]notify.Transport{}
	if a.config.HasMail() {
		transport, err := notify.NewSMTP(a.config.SMTP.Reveal(), a.config.MailFrom)
		if err != nil {
			return err //nolint:wrapcheck // a sentence for an operator
		}
		transports[providerSMTP] = transport
	}
	switch {
	case a.config.Twilio():
		transport, err := notify.NewTwilio(a.config.SMS.Reveal(), a.config.SMSFrom)
		if err != nil {
			return err //nolint:wrapcheck // as above
		}
		transports[providerTwilio] = transport
	case a.config.SMS != "":
		transport, err := notify.NewWebhook(a.config.SMS.Reveal(), a.config.SMSSecret.Reveal(), time.Now)
		if err != nil {
			return err //nolint:wrapcheck // as above
		}
		transports[providerHTTP] = transport
	}
	options.Own = map[string]effect.Own{}
	for name, transport := range transports {
		options.Gateways[name] = &notify.Sender{Store: a.store, Templates: a.files.templates, Transport: transport, Logger: a.logger}
		options.Own[name] = effect.Own{
			Calls: notifyCalls, Attempts: a.config.NotifyAttempts, BackoffMin: notifyBackoffLeast, BackoffMax: notifyBackoffMax,
		}
	}
	return nil
}

// notices follows events with notifications. Orders do not pay for users who have no contact: while there is no contact at all nothing
// is read, and afterwards one row by its key. Where the read fails, the command is made, and its decision looks.
type noticeTable struct {
	flow.Notices
	store store

	any     atomic.Bool // there is a contact; that never ends, since contacts stay when they are forgotten
	mutex   sync.Mutex
	checked time.Time // when there was none
}

// contactsAge is how old the knowledge may be that there is no contact at all. Contacts of this process are known at once. When another
// process puts the very first one, what happens within this time is not told: the price of not asking at each event.
const contactsAge = 50 * time.Millisecond

// contactLimit bounds a read in the reactor's way.
const contactLimit = time.Second

// committed learns of contacts that are put here.
func (t *noticeTable) committed(rows []state.Written) {
	if t.any.Load() {
		return
	}
	for i := range rows {
		if _, found := rows[i].Row.(*state.Contact); found {
			t.any.Store(true)
			return
		}
	}
}

// may tells whether a user may have a contact.
func (t *noticeTable) may(tenant, user string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), contactLimit)
	defer cancel()
	if !t.anybody(ctx) {
		return false
	}
	contact, err := t.store.Contact(ctx, tenant, user)
	return !isNotFound(err) && (err != nil || !contact.Forgotten)
}

func (t *noticeTable) anybody(ctx context.Context) bool {
	if t.any.Load() {
		return true
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if time.Since(t.checked) < contactsAge {
		return false
	}
	found, err := t.store.AnyContacts(ctx)
	switch {
	case err != nil:
		return true // for this event
	case found:
		t.any.Store(true)
		return true
	default:
		t.checked = time.Now()
		return false
	}
}

// react answers the command that tells the buyer of an event, if anybody can be told.
func (t *noticeTable) react(e *state.Event) ([]command.Command, error) {
	if (e.Type != order.EventStatusChanged && e.Type != order.EventUpdated) || !t.anybody(context.Background()) {
		return nil, nil
	}
	told, err := wire.Told(e)
	if err != nil {
		return nil, err
	}
	if template, _ := t.Template(told); template == "" || !t.may(told.Tenant, told.UserID) {
		return nil, nil
	}
	steps := t.Notify(told)
	return one(*e, "notify", steps, 3*len(steps)), nil
}

// The gateways' kinds are the domain's; the effect room must not know the domains.
var _ = map[bool]struct{}{false: {}, gateway.KindEmail == notification.KindEmail && gateway.KindSMS == notification.KindSMS: {}}
