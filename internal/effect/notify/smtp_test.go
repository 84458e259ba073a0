package notify_test

import (
	"errors"
	"testing"

	"github.com/seed-255eabaa/oms/internal/effect/notify"
	"github.com/seed-255eabaa/oms/internal/message"
)

// An address that was put before such were refused is not sent to a server that might not understand it.
func TestLocalPartOfOtherLettersIsRefused(t *testing.T) {
	transport, err := notify.NewSMTP("smtp+plain://127.0.0.1:1", "shop@example.org")
	if err != nil {
		t.Fatal(err)
	}
	_, err = transport.Deliver(t.Context(), notify.Message{Key: "notification:1", To: "ü@example.org", Text: message.Text{Plain: "x"}})
	var refused *notify.Refusal
	if !errors.As(err, &refused) || refused.Reason != "ADDRESS_UNSUPPORTED: the address cannot be written to mail servers" {
		t.Errorf("%v", err)
	}
}
