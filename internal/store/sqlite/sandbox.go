package sqlite

import (
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

var sandboxTable = table{
	name: "sandboxes", columns: "tenant_id, sandbox_id, generation, reset_at_us", bind: bindSandbox, scan: scanSandbox,
}

func bindSandbox(r *row, value state.Row) {
	s := value.(*state.Sandbox) //nolint:errcheck,forcetypeassert // the kind of its reference says so
	r.text(s.Tenant)
	r.text(s.ID)
	r.integer(s.Generation)
	r.instant(s.ResetAt)
}

func scanSandbox(c *columns) state.Row {
	return &state.Sandbox{Tenant: c.text(), ID: c.text(), Generation: c.integer(), ResetAt: c.instant()}
}

// sandboxInvariants are those of sandboxes (requirement P-14).
var sandboxInvariants = [...]invariant{
	{
		sentence: store.SandboxPaysPlay,
		checked:  "SELECT count(*) FROM player_payments WHERE tenant_id GLOB '*/sandbox/*'",
		violated: `SELECT format('%s %s: through %s', tenant_id, payment_id, provider) FROM player_payments
			WHERE tenant_id GLOB '*/sandbox/*' AND provider <> 'sim'`,
	},
	{
		sentence: store.SandboxHasBegun,
		checked:  "SELECT count(*) FROM players WHERE tenant_id GLOB '*/sandbox/*'",
		violated: `SELECT format('players of %s', p.tenant_id) FROM (SELECT DISTINCT tenant_id FROM players WHERE tenant_id GLOB '*/sandbox/*') p
			WHERE p.tenant_id NOT GLOB '*/1' AND NOT EXISTS (
				SELECT 1 FROM (SELECT tenant_id || '/' || substr(sandbox_id, 9) || '/' AS start, generation FROM sandboxes) s
				WHERE substr(p.tenant_id, 1, length(s.start)) = s.start
					AND CAST(substr(p.tenant_id, length(s.start) + 1) AS INTEGER) <= s.generation)`,
	},
}
