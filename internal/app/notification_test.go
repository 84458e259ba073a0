package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/mailtest"
	"github.com/seed-255eabaa/oms/internal/postgrestest"
)

func (r *running) notifications(t *testing.T) omsv1.NotificationServiceClient {
	t.Helper()
	_, _, internal, _ := r.Addresses()
	return omsv1.NewNotificationServiceClient(dial(t, internal))
}

// withMail has a server send its e-mails to m.
func withMail(m *mailtest.Server) func(*config.Config) {
	return func(c *config.Config) {
		c.SMTP, c.MailFrom = config.Place("smtp+plain://"+m.Address), "Shop <shop@example.org>"
	}
}

// bothStores runs a test on SQLite and on PostgreSQL.
func bothStores(t *testing.T, test func(t *testing.T, store func(*config.Config))) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, func(*config.Config) {}) })
	t.Run("postgres", func(t *testing.T) {
		address := postgrestest.New(t)
		test(t, func(c *config.Config) { c.Store = config.Place(address) })
	})
}

func putContact(t *testing.T, client omsv1.NotificationServiceClient, request *omsv1.PutContactRequest) {
	t.Helper()
	if _, err := client.PutContact(keyed(t, "contact/"+strconv.QuoteToASCII(request.String())), request); err != nil {
		t.Fatal(err)
	}
}

// settled waits until a notification is in the state.
func settled(t *testing.T, client omsv1.NotificationServiceClient, name string, want omsv1.NotificationState) *omsv1.Notification {
	t.Helper()
	for ctx := keyed(t, ""); ; time.Sleep(5 * time.Millisecond) {
		got, err := client.GetNotification(ctx, &omsv1.GetNotificationRequest{NotificationId: name})
		if err != nil {
			t.Fatal(err)
		}
		if got.Notification.State == want {
			return got.Notification
		}
		if s := got.Notification.State; s != omsv1.NotificationState_NOTIFICATION_STATE_SENDING && s != omsv1.NotificationState_NOTIFICATION_STATE_SCHEDULED {
			t.Fatalf("%s is %v, not %v", name, got.Notification, want)
		}
	}
}

// ofOrder waits until an order has a notification of the template.
func ofOrder(t *testing.T, client omsv1.NotificationServiceClient, orderID, template string) *omsv1.Notification {
	t.Helper()
	for ctx := keyed(t, ""); ; time.Sleep(5 * time.Millisecond) {
		list, err := client.ListNotifications(ctx, &omsv1.ListNotificationsRequest{OrderId: orderID})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range list.Notifications {
			if n.Template == template {
				return n
			}
		}
	}
}

// order makes an order over 10.00 EUR of a user; the same key answers the same order.
func (r *running) order(t *testing.T, user string, key ...string) string {
	t.Helper()
	if _, err := r.inventory.SetStock(keyed(t, "stock"), &omsv1.SetStockRequest{Sku: "A", OnHand: proto.Int64(1000)}); err != nil {
		t.Fatal(err)
	}
	created, err := r.orders.CreateOrder(keyed(t, "create/"+user+t.Name()+strings.Join(key, "")), &omsv1.CreateOrderRequest{
		CustomerId: user, Currency: "EUR",
		Items: []*omsv1.OrderItem{{Sku: "A", Qty: 2, Price: &omsv1.Money{Currency: "EUR", AmountMinor: 500}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return created.Order.Id
}

func (r *running) pay(t *testing.T, orderID, token string) {
	t.Helper()
	if _, err := r.orders.PayOrder(keyed(t, "pay/"+orderID), &omsv1.PayOrderRequest{OrderId: orderID, PaymentToken: token}); err != nil {
		t.Fatal(err)
	}
}

// parts reads the texts of an e-mail by type.
func parts(t *testing.T, l mailtest.Letter) map[string]string {
	t.Helper()
	head, body, _ := strings.Cut(l.Body, "\r\n\r\n")
	kind, parameters, err := mime.ParseMediaType(head)
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("the e-mail is %q: %v", head, err)
	}
	parts := map[string]string{}
	for reader := multipart.NewReader(strings.NewReader(body), parameters["boundary"]); ; {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
		parts[kind] = string(text)
	}
}

// A buyer is told of the confirmed order in the language of the contact, with the exact amount.
func TestConfirmedOrderIsMailed(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		server := mailtest.Start(t, nil)
		r := start(t, store, withMail(server))
		client := r.notifications(t)
		putContact(t, client, &omsv1.PutContactRequest{UserId: "anna", Email: "anna@example.org", Locale: "de-CH"})
		orderID := r.order(t, "anna")
		r.pay(t, orderID, "sim:ok")
		r.await(t, orderID, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
		sent := settled(t, client, ofOrder(t, client, orderID, "order_confirmed").Id, omsv1.NotificationState_NOTIFICATION_STATE_SENT)
		if sent.Attempts != 1 || sent.SentAt == nil || sent.UserId != "anna" {
			t.Errorf("sent as %v", sent)
		}
		letters := server.Taken()
		if len(letters) != 1 {
			t.Fatalf("%d e-mails arrived: %v", len(letters), letters)
		}
		got := letters[0]
		subject, err := new(mime.WordDecoder).DecodeHeader(got.Subject)
		if err != nil || subject != "Ihre Bestellung ist bestätigt" || got.To != "anna@example.org" {
			t.Errorf("to %q: %q %v", got.To, subject, err)
		}
		if want := "<" + strings.ReplaceAll(sent.Id, ":", ".") + "@example.org>"; got.MessageID != want {
			t.Errorf("Message-ID %s, want %s", got.MessageID, want)
		}
		texts := parts(t, got)
		if !strings.Contains(texts["text/plain"], "10,00 EUR") || !strings.Contains(texts["text/html"], `<html lang="de">`) {
			t.Errorf("texts %q", texts)
		}
		alert := ofOrder(t, client, orderID, "order_expiring")
		settled(t, client, alert.Id, omsv1.NotificationState_NOTIFICATION_STATE_DROPPED)
	})
}

// Orders of users without a contact cost what they cost before, also beside users who have one (docs/architecture.md, "Whole orders").
func TestNoContactCostsNothing(t *testing.T) {
	r := start(t, withMail(mailtest.Start(t, nil)))
	client := r.notifications(t)
	putContact(t, client, &omsv1.PutContactRequest{UserId: "other", Email: "other@example.org"})
	before := r.committedCommands(t)
	orderID := r.order(t, "nobody")
	r.pay(t, orderID, "sim:ok")
	r.await(t, orderID, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	if after := r.committedCommands(t); after-before != 5+1 { // five of the order, one of its stock
		t.Errorf("a confirmed order of a user without a contact took %d commands", after-before-1)
	}
	list, err := client.ListNotifications(keyed(t, ""), &omsv1.ListNotificationsRequest{UserId: "nobody"})
	if err != nil || len(list.Notifications) != 0 {
		t.Errorf("notifications %v %v", list, err)
	}
}

// send asks for a message by the API.
func send(t *testing.T, client omsv1.NotificationServiceClient, user, key string, change ...func(*omsv1.SendNotificationRequest)) *omsv1.Notification {
	t.Helper()
	request := &omsv1.SendNotificationRequest{
		UserId: user, Channel: omsv1.Channel_CHANNEL_EMAIL, Template: "order_confirmed",
		Parameters: map[string]string{"order_id": "order-" + key, "currency": "EUR", "amount_minor": "1"},
	}
	for _, f := range change {
		f(request)
	}
	answer, err := client.SendNotification(keyed(t, key), request)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Notification
}

// A thousand messages to a mail server that fails half the time before it has a message arrive once each.
func TestEachMailArrivesOnce(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		const users = 1000
		var mutex sync.Mutex
		seen := map[string]int{}
		// Of four users, one's first e-mail meets a connection that drops, one's is refused for now, one's meets both.
		server := mailtest.Start(t, func(step, to string) error {
			if step != "rcpt" {
				return nil
			}
			number, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(to, "user-"), "@example.org"))
			mutex.Lock()
			defer mutex.Unlock()
			seen[to]++
			switch {
			case seen[to] == 1 && number%4 == 1, seen[to] == 2 && number%4 == 3:
				return mailtest.ErrDrop
			case seen[to] == 1 && number%4 >= 2:
				return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
			default:
				return nil
			}
		})
		r := start(t, store, withMail(server), func(c *config.Config) { c.NotifyBurst = 0 })
		client := r.notifications(t)
		names := make([]string, users)
		var group sync.WaitGroup
		room := make(chan struct{}, 64)
		for i := range users {
			room <- struct{}{}
			group.Go(func() {
				defer func() { <-room }()
				user := fmt.Sprintf("user-%d", i)
				putContact(t, client, &omsv1.PutContactRequest{UserId: user, Email: user + "@example.org"})
				names[i] = send(t, client, user, fmt.Sprint("send-", i)).Id
			})
		}
		group.Wait()
		for _, name := range names {
			for ctx := longer(t); ; time.Sleep(20 * time.Millisecond) {
				got, err := client.GetNotification(ctx, &omsv1.GetNotificationRequest{NotificationId: name})
				if err != nil {
					t.Fatal(err)
				}
				if got.Notification.State == omsv1.NotificationState_NOTIFICATION_STATE_SENT {
					break
				}
			}
		}
		count := map[string]int{}
		for _, l := range server.Taken() {
			count[l.To]++
			count[l.MessageID]++
		}
		for i, name := range names {
			to, message := fmt.Sprintf("user-%d@example.org", i), "<"+strings.ReplaceAll(name, ":", ".")+"@example.org>"
			if count[to] != 1 || count[message] != 1 {
				t.Errorf("%s got %d e-mails, %d of them %s", to, count[to], count[message], message)
			}
		}
		t.Logf("%d e-mails in %d connections", len(server.Taken()), server.Tries.Load())
	})
}

// longer bounds what takes several rounds of retries.
func longer(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// What the mail server refuses for good is FAILED with its code, and is not tried again.
func TestRefusedMailFails(t *testing.T) {
	server := mailtest.Start(t, func(step, _ string) error {
		if step == "rcpt" {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user anna@example.org"}
		}
		return nil
	})
	r := start(t, withMail(server))
	client := r.notifications(t)
	putContact(t, client, &omsv1.PutContactRequest{UserId: "anna", Email: "anna@example.org"})
	got := settled(t, client, send(t, client, "anna", "a").Id, omsv1.NotificationState_NOTIFICATION_STATE_FAILED)
	if got.Reason != "TRANSPORT_REFUSED" || server.Tries.Load() != 1 {
		t.Errorf("failed as %v after %d tries", got, server.Tries.Load())
	}
}

// What a dependency says is for operators: clients are told a machine reason, the same by get and list, and the dead letter has the words.
func TestReasonsAreForMachines(t *testing.T) {
	dead := start(t, func(c *config.Config) {
		c.SMTP, c.MailFrom, c.NotifyAttempts = "smtp+plain://127.0.0.1:1", "shop@example.org", 2
	})
	client := dead.notifications(t)
	putContact(t, client, &omsv1.PutContactRequest{UserId: "anna", Email: "anna@example.org"})
	sent := send(t, client, "anna", "a")
	seen := map[string]bool{}
	for ctx := keyed(t, ""); sent.State != omsv1.NotificationState_NOTIFICATION_STATE_FAILED; time.Sleep(5 * time.Millisecond) {
		list, err := client.ListNotifications(ctx, &omsv1.ListNotificationsRequest{UserId: "anna"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := client.GetNotification(ctx, &omsv1.GetNotificationRequest{NotificationId: sent.Id})
		if err != nil {
			t.Fatal(err)
		}
		if listed := list.Notifications[0]; listed.UpdatedAt.AsTime().Equal(got.Notification.UpdatedAt.AsTime()) && !proto.Equal(listed, got.Notification) {
			t.Fatalf("listed as %v, is %v", listed, got.Notification)
		}
		sent = got.Notification
		seen[fmt.Sprintf("%s %d", sent.Reason, sent.Attempts)] = true
	}
	delete(seen, " 0")
	if len(seen) != 2 || !seen["TRANSPORT_UNREACHABLE 1"] || !seen["TRANSPORT_UNREACHABLE 2"] {
		t.Errorf("seen %v", seen)
	}
	_, _, internal, _ := dead.Addresses()
	letters, err := omsv1.NewAdminServiceClient(dial(t, internal)).ListDeadLetters(keyed(t, ""), &omsv1.ListDeadLettersRequest{})
	if err != nil || len(letters.DeadLetters) != 1 || !strings.Contains(letters.DeadLetters[0].Error, "dial tcp 127.0.0.1:1") {
		t.Errorf("dead letters %v %v", letters, err)
	}
}

// A server that does not offer SMTPUTF8 (RFC 6531) is told nothing but ASCII; an address that it could not take is refused beforehand.
func TestAddressesOfOtherLetters(t *testing.T) {
	var mutex sync.Mutex
	var to []string
	server := mailtest.Start(t, func(step, address string) error {
		mutex.Lock()
		defer mutex.Unlock()
		if step == "rcpt" {
			to = append(to, address)
		}
		return nil
	})
	r := start(t, withMail(server))
	client := r.notifications(t)
	putContact(t, client, &omsv1.PutContactRequest{UserId: "anna", Email: "anna@exämple.org"})
	settled(t, client, send(t, client, "anna", "a").Id, omsv1.NotificationState_NOTIFICATION_STATE_SENT)
	mutex.Lock()
	defer mutex.Unlock()
	if len(to) != 1 || to[0] != "anna@xn--exmple-cua.org" {
		t.Errorf("sent to %q", to)
	}
	for _, address := range []string{"ü@example.org", "anna@-ä.org", "Anna <anna@example.org>"} {
		_, err := client.PutContact(keyed(t, strconv.QuoteToASCII(address)), &omsv1.PutContactRequest{UserId: "anna", Email: address})
		if reason(err) != "ADDRESS_INVALID" {
			t.Errorf("%s: %v", address, err)
		}
	}
	// Everything that is wrong is told at once.
	_, err := client.PutContact(keyed(t, "all wrong"), &omsv1.PutContactRequest{UserId: "anna", Email: "nope", Phone: "0123", Locale: "x!"})
	if fields := fmt.Sprint(violated(err)); reason(err) != "LOCALE_INVALID" || fields != "[locale LOCALE_INVALID email ADDRESS_INVALID phone ADDRESS_INVALID]" {
		t.Errorf("all wrong: %v over %s", err, fields)
	}
}

// Opt-outs, forgotten contacts, channels without a transport and the pace of a user.
func TestWhoIsNotMailed(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		server := mailtest.Start(t, nil)
		r := start(t, store, withMail(server), func(c *config.Config) { c.NotifyBurst, c.NotifyPer = 2, time.Hour })
		client := r.notifications(t)
		putContact(t, client, &omsv1.PutContactRequest{
			UserId: "out", Email: "out@example.org", OptedOut: []omsv1.Channel{omsv1.Channel_CHANNEL_EMAIL},
		})
		if got := send(t, client, "out", "1"); got.State != omsv1.NotificationState_NOTIFICATION_STATE_SUPPRESSED || got.Reason != "OPTED_OUT" {
			t.Errorf("opted out: %v", got)
		}
		putContact(t, client, &omsv1.PutContactRequest{UserId: "anna", Email: "anna@example.org", Phone: "+4915112345678"})
		sms := func(request *omsv1.SendNotificationRequest) { request.Channel = omsv1.Channel_CHANNEL_SMS }
		if got := send(t, client, "anna", "2", sms); got.State != omsv1.NotificationState_NOTIFICATION_STATE_UNCONFIGURED {
			t.Errorf("without a transport: %v", got)
		}
		for i := range 2 {
			settled(t, client, send(t, client, "anna", fmt.Sprint("pace-", i)).Id, omsv1.NotificationState_NOTIFICATION_STATE_SENT)
		}
		third := send(t, client, "anna", "pace-3")
		if wait := time.Until(third.DueAt.AsTime()); third.State != omsv1.NotificationState_NOTIFICATION_STATE_SCHEDULED ||
			third.Reason != "TOO_MANY_FOR_NOW" || wait < 25*time.Minute || wait > 35*time.Minute {
			t.Errorf("beyond the pace: %v", third)
		}
		canceled, err := client.CancelNotification(keyed(t, "cancel"), &omsv1.CancelNotificationRequest{NotificationId: third.Id})
		if err != nil || canceled.Notification.State != omsv1.NotificationState_NOTIFICATION_STATE_DROPPED {
			t.Errorf("withdrawn: %v %v", canceled, err)
		}
		putContact(t, client, &omsv1.PutContactRequest{UserId: "gone", Email: "gone@example.org"})
		soon := func(request *omsv1.SendNotificationRequest) {
			request.DueAt = timestamppb.New(time.Now().Add(1500 * time.Millisecond))
		}
		later := send(t, client, "gone", "later", soon)
		forgotten, err := client.ForgetContact(keyed(t, "forget"), &omsv1.ForgetContactRequest{UserId: "gone"})
		if err != nil || forgotten.Contact.Email != "" || !forgotten.Contact.Forgotten {
			t.Errorf("forgotten: %v %v", forgotten, err)
		}
		if _, err := client.GetContact(keyed(t, ""), &omsv1.GetContactRequest{UserId: "gone"}); reason(err) != "NOT_FOUND" {
			t.Errorf("a forgotten contact: %v", err)
		}
		settled(t, client, later.Id, omsv1.NotificationState_NOTIFICATION_STATE_SUPPRESSED)
		for _, l := range server.Taken() {
			if l.To != "anna@example.org" {
				t.Errorf("%s got an e-mail", l.To)
			}
		}
		if _, err := client.SendNotification(keyed(t, "nobody"), &omsv1.SendNotificationRequest{
			UserId: "nobody", Channel: omsv1.Channel_CHANNEL_EMAIL, Template: "order_confirmed",
			Parameters: map[string]string{"order_id": "o", "currency": "EUR", "amount_minor": "1"},
		}); reason(err) != "CONTACT_MISSING" {
			t.Errorf("to a user without a contact: %v", err)
		}
	})
}

// Only what goes uses a user's allowance: neither the alerts of orders that were paid, nor what is due in a week, nor what was withdrawn.
func TestPaceCountsWhatGoes(t *testing.T) {
	bothStores(t, func(t *testing.T, store func(*config.Config)) {
		r := start(t, store, withMail(mailtest.Start(t, nil)), func(c *config.Config) { c.NotifyBurst, c.NotifyPer = 9, time.Hour })
		client := r.notifications(t)
		putContact(t, client, &omsv1.PutContactRequest{UserId: "anna", Email: "anna@example.org"})
		dueIn := func(d time.Duration) func(*omsv1.SendNotificationRequest) {
			return func(request *omsv1.SendNotificationRequest) { request.DueAt = timestamppb.New(time.Now().Add(d)) }
		}
		for i := range 20 {
			far := send(t, client, "anna", fmt.Sprint("week-", i), dueIn(7*24*time.Hour))
			if i < 10 {
				continue
			}
			if _, err := client.CancelNotification(keyed(t, far.Id), &omsv1.CancelNotificationRequest{NotificationId: far.Id}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 8 {
			orderID := r.order(t, "anna", fmt.Sprint(i))
			r.pay(t, orderID, "sim:ok")
			r.await(t, orderID, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
			confirmed := ofOrder(t, client, orderID, "order_confirmed")
			if confirmed.Reason != "" {
				t.Fatalf("order %d: %v", i, confirmed)
			}
			settled(t, client, confirmed.Id, omsv1.NotificationState_NOTIFICATION_STATE_SENT)
		}
		soon := send(t, client, "anna", "soon", dueIn(time.Second)) // due when the ninth has gone
		settled(t, client, send(t, client, "anna", "ninth").Id, omsv1.NotificationState_NOTIFICATION_STATE_SENT)
		for ctx := keyed(t, ""); soon.Reason == ""; time.Sleep(5 * time.Millisecond) {
			got, err := client.GetNotification(ctx, &omsv1.GetNotificationRequest{NotificationId: soon.Id})
			if err != nil {
				t.Fatal(err)
			}
			soon = got.Notification
		}
		if soon.State != omsv1.NotificationState_NOTIFICATION_STATE_SCHEDULED || soon.Reason != "TOO_MANY_FOR_NOW" || soon.Attempts != 0 {
			t.Errorf("due beyond the pace: %v", soon)
		}
		waiting := send(t, client, "anna", "waiting")
		if _, err := client.CancelNotification(keyed(t, "c"), &omsv1.CancelNotificationRequest{NotificationId: soon.Id}); err != nil {
			t.Fatal(err)
		}
		next := send(t, client, "anna", "next")
		if waiting.Reason != "TOO_MANY_FOR_NOW" || next.Reason != waiting.Reason || next.DueAt.AsTime().Sub(waiting.DueAt.AsTime()) > time.Minute {
			t.Errorf("after a place was left free: %v, then %v", waiting, next)
		}
	})
}

// The buyer of an unpaid order is told before it ends; an order ends and others go on although the mail server is dead.
func TestExpiryAlertAndDeadMailServer(t *testing.T) {
	server := mailtest.Start(t, nil)
	r := start(t, withMail(server), func(c *config.Config) { c.UnpaidFor, c.ExpiryAlert = 3*time.Second, 2*time.Second })
	client := r.notifications(t)
	putContact(t, client, &omsv1.PutContactRequest{UserId: "anna", Email: "anna@example.org"})
	orderID := r.order(t, "anna")
	alert := settled(t, client, ofOrder(t, client, orderID, "order_expiring").Id, omsv1.NotificationState_NOTIFICATION_STATE_SENT)
	ended := r.await(t, orderID, omsv1.OrderStatus_ORDER_STATUS_CANCELED)
	if !alert.SentAt.AsTime().Before(ended.UpdatedAt.AsTime()) || ended.StatusReason != "EXPIRED" {
		t.Errorf("told at %v, ended %v", alert.SentAt.AsTime(), ended)
	}

	dead := start(t, func(c *config.Config) { c.SMTP, c.MailFrom = "smtp+plain://127.0.0.1:1", "shop@example.org" })
	client = dead.notifications(t)
	putContact(t, client, &omsv1.PutContactRequest{UserId: "anna", Email: "anna@example.org"})
	orderID = dead.order(t, "anna")
	dead.pay(t, orderID, "sim:ok")
	dead.await(t, orderID, omsv1.OrderStatus_ORDER_STATUS_CONFIRMED)
	waiting := ofOrder(t, client, orderID, "order_confirmed")
	if waiting.State != omsv1.NotificationState_NOTIFICATION_STATE_SENDING {
		t.Errorf("with a dead mail server: %v", waiting)
	}
}

// committedCommands answers how many commands the server has decided.
func (r *running) committedCommands(t *testing.T) int {
	t.Helper()
	_, _, _, ops := r.Addresses()
	response, err := http.Get("http://" + ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "oms_batch_commands_sum "); found {
			sum, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				t.Fatal(err)
			}
			return sum
		}
	}
	t.Fatal("nobody counts commands")
	return 0
}
