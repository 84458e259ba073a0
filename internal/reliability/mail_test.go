package reliability

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	"github.com/seed-255eabaa/oms/internal/load"
	"github.com/seed-255eabaa/oms/internal/mailtest"
)

// mails are how many notifications are sent, by so many callers at once; killedAt is after how many of them the process is killed.
const (
	mails   = 1000
	callers = 16
)

var killedAt = []int{150, 400, 700}

// failHalf refuses the first attempt at every second address, half of them by dropping the connection.
func failHalf() func(step, to string) error {
	var mutex sync.Mutex
	seen := map[string]bool{}
	return func(step, to string) error {
		if step != "rcpt" {
			return nil
		}
		mutex.Lock()
		defer mutex.Unlock()
		var number int
		_, _ = fmt.Sscanf(to, "user-%d@", &number) // 0 otherwise, which does not fail
		first := !seen[to]
		seen[to] = true
		switch {
		case first && number%4 == 1:
			return mailtest.ErrDrop
		case first && number%4 == 3:
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
		default:
			return nil
		}
	}
}

// notify asks for a message to a user of its own.
func (w *world) notify(t *testing.T, number int) {
	client, user := omsv1.NewNotificationServiceClient(w.servers[0].internal), fmt.Sprintf("user-%d", number)
	_, err := load.Send(within(t), w.client(), load.Key(), client.PutContact,
		&omsv1.PutContactRequest{UserId: user, Email: user + "@example.org"})
	if err == nil {
		_, err = load.Send(within(t), w.client(), load.Key(), client.SendNotification, &omsv1.SendNotificationRequest{
			UserId: user, Channel: omsv1.Channel_CHANNEL_EMAIL, Template: "order_confirmed",
			Parameters: map[string]string{"order_id": user, "currency": "EUR", "amount_minor": "1"},
		})
	}
	if err != nil {
		t.Errorf("%s: %v", user, err)
	}
}

// told answers the Message-IDs of the notifications that the tables say were sent.
func (w *world) told() []string {
	var ids []string
	separated := w.text("SELECT COALESCE(" + map[bool]string{true: "group_concat", false: "string_agg"}[w.url == onSQLite] +
		"(notification_id, ' '), '') FROM notifications WHERE state = 3")
	for _, name := range strings.Fields(separated) {
		ids = append(ids, "<"+strings.ReplaceAll(name, ":", ".")+"@example.org>")
	}
	return ids
}

// A thousand notifications to a mail server that fails half the time, and a process that is killed among them: each arrives. One arrives
// twice only when its 250 did not come to be a row before a kill: never by the same process, and never after it was SENT.
func TestMailThroughKills(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{onSQLite, onPostgres} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Start(t, failHalf())
			w := newWorld(t, kind, "--smtp", "smtp+plain://"+server.Address, "--mail-from", "Shop <shop@example.org>", "--notify-burst", "0")
			w.startAll()
			var group sync.WaitGroup
			room := make(chan struct{}, 32)
			group.Go(func() {
				for i := range mails {
					room <- struct{}{}
					group.Go(func() {
						defer func() { <-room }()
						w.notify(t, i)
					})
				}
			})
			arrived := map[string]int{} // by the processes that were killed
			sent := map[string]bool{}   // what the tables said then
			seen, twice := 0, 0
			// look reads what arrived while one process lived.
			look := func() {
				letters := server.Taken()
				own := map[string]bool{}
				for _, l := range letters[seen:] {
					switch {
					case own[l.MessageID]:
						t.Errorf("%s was sent twice by one process", l.MessageID)
					case sent[l.MessageID]:
						t.Errorf("%s was SENT, and sent again", l.MessageID)
					case arrived[l.MessageID] > 0:
						twice++
					}
					own[l.MessageID] = true
					arrived[l.MessageID]++
				}
				seen = len(letters)
			}
			for _, count := range killedAt {
				w.eventually("messages are under way", func() bool { return len(server.Taken()) >= count })
				w.servers[0].kill()
				w.eventually("the mail server notices", func() bool { return server.Open.Load() == 0 })
				look()
				for _, id := range w.told() {
					sent[id] = true
				}
				w.servers[0].start()
			}
			group.Wait()
			w.eventually("all were sent", func() bool { return w.count("SELECT count(*) FROM notifications WHERE state = 3") == mails })
			look()
			if len(arrived) != mails {
				t.Errorf("%d of %d messages arrived", len(arrived), mails)
			}
			for _, id := range w.told() {
				if arrived[id] == 0 {
					t.Errorf("%s is SENT and did not arrive", id)
				}
			}
			if twice > len(killedAt)*callers {
				t.Errorf("%d e-mails came twice, and at most %d can have been between 250 and commit", twice, len(killedAt)*callers)
			}
			t.Logf("%d e-mails, %d kills; %d came twice, as their 250 was lost", mails, len(killedAt), twice)
			w.verify()
		})
	}
}
