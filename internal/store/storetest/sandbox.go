package storetest

import (
	"time"

	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

// sampleSandbox is a sandbox that was reset.
func sampleSandbox(provider string, generation int64) *state.Sandbox {
	sandbox := state.NewSandbox(state.SandboxTenant(tenant), provider)
	sandbox.Generation, sandbox.ResetAt = generation, longAgo().Add(time.Microsecond)
	return sandbox
}

// playground is what a world has in a sandbox: a player, and a deposit that was declined.
type playground struct{ played, declined state.Row }

// addSandbox adds to a world a sandbox in its eleventh generation, and something in it.
func (s *suite) addSandbox(changes *state.Changes) playground {
	s.Helper()
	sandbox := sampleSandbox(studio.Provider, 11)
	player, payment := samplePlayer("test_rich"), samplePlayerPayment("test_rich")
	player.Tenant, payment.Tenant = sandbox.Within(), sandbox.Within()
	payment.Type, payment.Provider, payment.AmountMinor = state.PlayerPaymentDeposit, "sim", 200
	player.Version, payment.Version, player.Bonus = 1, 1, ""
	insert(changes, sandbox, player, payment)
	addEvent(changes, player.Ref(), 1, "player.created")
	addEvent(changes, payment.Ref(), 1, "player_payment.status_changed")
	return playground{player, payment}
}

// sandboxPlants are violations of the invariants of sandboxes.
var sandboxPlants = []plant{
	{name: "a payment in a sandbox that a real gateway has", breaks: store.SandboxPaysPlay,
		about: func(w *world) string { return w.declined.Ref().ID },
		sql:   `UPDATE player_payments SET provider = 'stripe' WHERE payment_id = '$id'`},
	{name: "a player in a sandbox that was never reset so often", breaks: store.SandboxHasBegun,
		about: func(w *world) string { return w.played.Ref().Tenant },
		sql:   `DELETE FROM sandboxes`},
	{name: "a player in a generation that has not begun", breaks: store.SandboxHasBegun,
		about: func(w *world) string { return w.played.Ref().Tenant },
		sql:   `UPDATE sandboxes SET generation = 9`},
	{name: "a player in the sandbox of a provider who has reset another", breaks: store.SandboxHasBegun,
		about: func(w *world) string { return w.played.Ref().Tenant },
		sql:   `UPDATE sandboxes SET sandbox_id = 'sandbox:else'`},
}
