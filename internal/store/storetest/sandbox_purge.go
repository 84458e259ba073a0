package storetest

import (
	"testing"
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
)

// Owned makes statements about the tables with a column tenant_id, whichever there are. The suite asks the database for them, so that a table
// that is added later is not forgotten.
type Owned interface {
	// Tables are their names.
	Tables(t *testing.T, store Store) []string
	// Count answers how many rows of a tenant a table has.
	Count(t *testing.T, store Store, table, tenant string) int
	// Copy copies the rows of a tenant in a table to another tenant.
	Copy(t *testing.T, store Store, table, from, to string)
}

// sandboxPurgeTests are about what is left of sandboxes that were reset (requirement P-14).
var sandboxPurgeTests = []test{
	{name: "a generation that was reset is purged from every table, while all else stays and is sound", run: testPurgeSandbox},
	{name: "a generation is purged only when nothing can be under way in it any more", run: testPurgeSandboxAge},
}

// within is the tenant of a generation of the world's sandbox, which is in its eleventh.
func within(generation int64) string { return sampleSandbox(studio.Provider, generation).Within() }

// addOther adds rows of the kinds that the world has none of.
func (s *suite) addOther() {
	s.Helper()
	order := sampleOrder(longAgo())
	changes := insert(newBatch(), sampleContact("somebody"), sampleNotification("somebody", order), sampleDetails(order), sampleChanges(order, 1))
	changes.Answers = append(changes.Answers, sampleAnswer("a key", recently()))
	s.put(changes)
}

func (s *suite) purgeSandboxes(age time.Duration, limit int) (purged int, more bool) {
	s.Helper()
	purged, more, err := s.store.PurgeSandboxes(s.context(), age, limit)
	s.must(err)
	return purged, more
}

// rowsOf counts the rows of a tenant by table.
func (s *suite) rowsOf(tenant string) map[string]int {
	s.Helper()
	counts := map[string]int{}
	for _, table := range s.options.Owned.Tables(s.T, s.store) {
		if count := s.options.Owned.Count(s.T, s.store, table, tenant); count > 0 {
			counts[table] = count
		}
	}
	return counts
}

func testPurgeSandbox(s *suite) {
	s.makeWorld()
	s.addOther()
	// A dead generation has everything that real money has; what is missing of it meanwhile must disturb no check.
	dead, lease := within(3), s.lease("relay", "world", time.Minute)
	for _, table := range s.options.Owned.Tables(s.T, s.store) {
		if table != "events" && table != "sandboxes" && table != "sandbox_purges" {
			s.options.Owned.Copy(s.T, s.store, table, tenant, dead)
		}
	}
	changes := newBatch()
	for range 7 {
		ref := sampleOrder(longAgo()).Ref()
		ref.Tenant = dead
		addEvent(changes, ref, 1, "order.created")
	}
	addOrder(changes, state.OrderPending) // of real money, in the same batch
	s.put(changes)
	last, err := s.store.LastPosition(s.context())
	s.must(err)
	s.number(lease, last, 10)
	live, present, resets := s.rowsOf(tenant), s.rowsOf(within(11)), s.rowsOf(state.SandboxTenant(tenant))
	log := s.log(1, 10_000)
	for table := range live {
		if s.rowsOf(dead)[table] == 0 {
			s.Fatalf("the dead generation has no rows of %s", table)
		}
	}
	for _, table := range s.options.Owned.Tables(s.T, s.store) {
		if live[table] == 0 && table != "sandboxes" && table != "sandbox_purges" {
			s.Errorf("nobody has rows of %s: add some to addOther", table)
		}
	}
	for rounds := 0; ; rounds++ {
		purged, more := s.purgeSandboxes(0, 9)
		if purged > 9 || rounds > 2000 {
			s.Fatalf("%d rows at once, %d rounds", purged, rounds)
		}
		if rounds%20 == 0 || !more {
			s.wantSound(false)
		}
		if !more {
			break
		}
	}
	s.same("rows of the dead generation", s.rowsOf(dead), map[string]int{})
	s.same("rows of real money", s.rowsOf(tenant), live)
	s.same("rows of the present generation", s.rowsOf(within(11)), present)
	resets["sandbox_purges"] = 1
	s.same("rows about sandboxes", s.rowsOf(state.SandboxTenant(tenant)), resets)
	s.wantLogWithout(dead, log)
	purged, more := s.purgeSandboxes(0, 9)
	s.same("purged again", purged, 0)
	s.same("more", more, false)
}

// wantLogWithout holds the log to what it was, but for the events of a tenant, of which the place and id are left.
func (s *suite) wantLogWithout(dead string, before []state.Event) {
	s.Helper()
	after := s.log(1, 10_000)
	if len(after) != len(before) {
		s.Fatalf("%d events, want %d", len(after), len(before))
	}
	forgotten := 0
	for i := range after {
		if before[i].Tenant != dead {
			s.same("event", after[i], before[i])
			continue
		}
		forgotten++
		s.same("bytes of a forgotten event", len(after[i].Payload), 0)
		after[i].Payload = nil
		s.same("forgotten event", after[i], state.Event{
			ID: before[i].ID, Position: before[i].Position, Tenant: state.PurgedTenant, AggregateKind: state.KindSandbox,
			AggregateID: state.PurgedAggregate, Seq: before[i].Position, Type: state.PurgedEvent, At: before[i].At,
			SchemaVersion: before[i].SchemaVersion,
		})
	}
	if forgotten == 0 {
		s.Error("no event was forgotten")
	}
}

func testPurgeSandboxAge(s *suite) {
	sandbox := sampleSandbox(studio.Provider, 2)
	first, second := samplePlayer("somebody"), samplePlayer("somebody")
	first.Tenant, second.Tenant = within(1), within(2)
	s.put(insert(newBatch(), sandbox, first, second))
	for range 3 {
		_, more := s.purgeSandboxes(time.Hour, 9) // its generation is seen, and is too young
		s.same("more", more, false)
	}
	s.same("rows", s.rowsOf(within(1)), map[string]int{"players": 1})
	third := *sandbox
	third.Generation = 3
	s.put(update(newBatch(), &third))
	purge := func() {
		for more := true; more; {
			_, more = s.purgeSandboxes(0, 9)
		}
	}
	purge()
	s.same("rows of what was reset first", s.rowsOf(within(1)), map[string]int{})
	purge() // the second reset is seen later than the first
	s.same("rows of what was reset then", s.rowsOf(within(2)), map[string]int{})
	late := samplePlayer("late")
	late.Tenant = within(3)
	s.put(insert(newBatch(), late))
	purge()
	s.same("rows of the present", s.rowsOf(within(3)), map[string]int{"players": 1})
}
