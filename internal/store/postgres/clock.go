package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// clockNow is the database's time: never behind what any committed batch had, so it does not go back when the server's clock
// does, nor when another server takes over.
const clockNow = `greatest(clock_timestamp(), (SELECT max(committed_at) FROM batches))`

// A reading is good for a moment; older ones are refreshed by the next exchange, and very old ones before they are used.
const (
	refreshAfter = time.Second
	distrust     = 5 * time.Second
)

// clock reckons the database's time without asking: the last reading and the time that has passed here since it arrived. So it is
// behind the database's clock by the way of that answer, and never ahead of it but for the drift of seconds. It never goes
// back.
type clock struct {
	mutex   sync.Mutex
	reading time.Time // of the database
	arrived time.Time // here, with a monotonic reading
	latest  time.Time // the greatest time that was given out or seen
}

// saw takes a reading of the database's clock and answers the time that it makes now.
func (c *clock) saw(reading time.Time) time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.reading, c.arrived = reading, time.Now()
	return c.advance(reading)
}

// now answers the reckoned time and how old the reading is.
func (c *clock) now() (now time.Time, age time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	age = time.Since(c.arrived)
	return c.advance(c.reading.Add(age).Truncate(time.Microsecond)), age
}

// age is how old the reading is.
func (c *clock) age() time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return time.Since(c.arrived)
}

func (c *clock) advance(to time.Time) time.Time {
	if to.After(c.latest) {
		c.latest = to
	}
	return c.latest
}

// readClock asks the database.
func (s *Store) readClock(ctx context.Context) error {
	connection, err := s.batches.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	e := s.exchange(ctx, connection)
	e.send(readClock, nil, s.sawClock)
	if err := e.run(); err != nil {
		giveBack(ctx, connection)
		return err
	}
	connection.Release()
	return nil
}

// sawClock reads a row of the statement readClock.
func (s *Store) sawClock(row *fields) error {
	s.clock.saw(row.time())
	return nil
}

// committed takes note of a time that is in the database now.
func (c *clock) committed(at time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.advance(at)
}
