package gateway

import (
	"errors"
	"net/http"
	"time"
)

// Outcome is what a callback tells of one call, or of a dispute.
type Outcome struct {
	Tenant, Key string
	Answer      Answer
	Dispute     *Dispute // when it is set, the others are not
}

// Receiver reads the callbacks that a gateway sends by HTTP. Its method is called by many goroutines at once.
type Receiver interface {
	// Receive checks who sent a callback and when, and answers what it tells; none when it is about something else. The error is
	// ErrForged when the signature or the time is wrong; any other says that the body cannot be understood.
	Receive(header http.Header, body []byte, now time.Time) ([]Outcome, error)
}

// ErrForged refuses a callback that is not signed by the gateway, or was signed at another time.
var ErrForged = errors.New("the callback is not signed as it must be")
