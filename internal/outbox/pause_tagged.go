//go:build pauses

package outbox

import (
	"math/rand/v2"
	"os"
	"time"
)

// longest is how long pause waits at most, from the environment: OMS_TEST_PUBLISH_PAUSE=40ms.
var longest, _ = time.ParseDuration(os.Getenv("OMS_TEST_PUBLISH_PAUSE")) // zero without one

func pause() {
	if longest > 0 {
		time.Sleep(rand.N(longest)) //nolint:gosec // chance, no secret
	}
}
