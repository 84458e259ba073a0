package postgres

import (
	"github.com/seed-255eabaa/oms/internal/state"
	"github.com/seed-255eabaa/oms/internal/store"
)

var sandboxFields = []field{
	{"tenant_id", kindText}, {"sandbox_id", kindText}, {"generation", kindInt8}, {"reset_at", kindTime},
}

func encodeSandbox(set *rowset, s *state.Sandbox) {
	set.text(s.Tenant)
	set.text(s.ID)
	set.int64(s.Generation)
	set.time(s.ResetAt)
}

func decodeSandbox(f *fields) *state.Sandbox {
	return &state.Sandbox{Tenant: f.text(), ID: f.text(), Generation: f.int64(), ResetAt: f.time()}
}

// sandboxInvariants are those of sandboxes (requirement P-14).
var sandboxInvariants = [...]invariant{
	{
		holds: store.SandboxPaysPlay,
		rows:  "SELECT count(*) FROM player_payments WHERE tenant_id LIKE '%/sandbox/%'",
		bad: `SELECT format('%s of %s: through %s', payment_id, tenant_id, provider) FROM player_payments
			WHERE tenant_id LIKE '%/sandbox/%' AND provider <> 'sim'`,
	},
	{
		holds: store.SandboxHasBegun,
		rows:  "SELECT count(*) FROM players WHERE tenant_id LIKE '%/sandbox/%'",
		bad: `SELECT format('players of %s', p.tenant_id) FROM (SELECT DISTINCT tenant_id FROM players WHERE tenant_id LIKE '%/sandbox/%') p
			WHERE p.tenant_id NOT LIKE '%/1' AND NOT EXISTS (
				SELECT 1 FROM (SELECT tenant_id || '/' || substr(sandbox_id, 9) || '/' AS start, generation FROM sandboxes) s
				WHERE CASE WHEN substr(p.tenant_id, 1, length(s.start)) = s.start
					THEN substr(p.tenant_id, length(s.start) + 1)::bigint <= s.generation END)`,
	},
}
