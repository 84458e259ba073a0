//go:build !pauses

package outbox

// pause is where tests that are built with the tag "pauses" have the relay wait around a publish, so that a kill finds it there.
func pause() {}
