package config

import (
	"regexp"
	"time"
)

// Limits of the public stream's settings.
const (
	minPublicBytes = 1 << 20
	maxPublicBytes = 1 << 50
	minPublicAge   = time.Minute
)

// nameForm is what may stand as one part of a NATS subject and as the name of a stream.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkPublic looks at the stream for outside consumers and at how they reach it.
func (c *Config) checkPublic(p *Problems) {
	for _, name := range []struct{ flag, value, such string }{
		{"public-stream-name", c.PublicStreamName, "OMS_EVENTS"}, {"region", c.Region, "eu-1"},
	} {
		if !nameForm.MatchString(name.value) {
			p.add("--%s=%q is no name: write 1 to 64 letters, digits, hyphens and underscores, such as %s.", name.flag, name.value, name.such)
		}
	}
	if c.PublicStreamAge < minPublicAge || c.PublicStreamAge > longestTimeout {
		p.add("--public-stream-age=%v is out of range: write 1m to %v.", c.PublicStreamAge, longestTimeout)
	}
	if c.PublicStreamBytes < minPublicBytes || c.PublicStreamBytes > maxPublicBytes {
		p.add("--public-stream-bytes=%d is out of range: write %d to %d.", c.PublicStreamBytes, minPublicBytes, int64(maxPublicBytes))
	}
	if c.BusToken != "" && len(c.BusToken) < minSecret {
		p.add("--bus-token (OMS_BUS_TOKEN) is too short: set %d characters or more, such as `openssl rand -hex 32` prints.", minSecret)
	}
	switch {
	case c.BusListen == "":
	case !c.EmbeddedBus():
		p.add("--bus-listen is for --bus=embedded: consumers reach an external NATS where that listens, leave --bus-listen out.")
	case !c.PublicStream:
		p.add("--bus-listen lets consumers read the public stream, which is off: write --public-stream too, or leave --bus-listen out.")
	case !Loopback(c.BusListen) && c.BusToken == "" && !c.Dev:
		p.add("--bus-listen=%s can be reached from outside, and nobody is asked for credentials there: set OMS_BUS_TOKEN to %d "+
			"characters or more, such as `openssl rand -hex 32` prints.", c.BusListen, minSecret)
	}
}
