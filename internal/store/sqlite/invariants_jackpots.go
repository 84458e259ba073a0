package sqlite

import "github.com/seed-255eabaa/oms/internal/store"

// jackpotInvariants are those of jackpots (requirement P-3). What belongs to one is named by its own id behind the kind: 'jackpot:' has 8
// characters, 'jackpot_trigger' 15.
var jackpotInvariants = [...]invariant{
	{
		sentence: store.PoolsAddUp,
		checked:  "SELECT count(*) FROM jackpots",
		violated: `SELECT format('%s %s: seeded %d, collected %d, paid %d, given back %d; booked %d, %d, %d, %d, and otherwise %d; held %d of %d',
				tenant_id, jackpot_id, seeded_minor, collected_minor, paid_minor, returned_minor, seeded, collected, paid, returned, others,
				held_minor, held) FROM (
				SELECT j.*, coalesce(sum(iif(t.kind = 'jackpot.seed', e.amount_minor, 0)), 0) AS seeded,
					coalesce(sum(iif(t.kind = 'jackpot.collect', e.amount_minor, 0)), 0) AS collected,
					coalesce(-sum(iif(t.kind = 'jackpot.payout', e.amount_minor, 0)), 0) AS paid,
					coalesce(-sum(iif(t.kind = 'jackpot.return', e.amount_minor, 0)), 0) AS returned,
					coalesce(sum(t.kind NOT IN ('jackpot.seed', 'jackpot.collect', 'jackpot.payout', 'jackpot.return')), 0) AS others,
					coalesce((SELECT a.held_minor FROM accounts a WHERE a.tenant_id = j.tenant_id
						AND a.account_id = 'account:jackpot_pool:' || j.currency || ':' || substr(j.jackpot_id, 9)), 0) AS held
				FROM jackpots j LEFT JOIN ledger_entries e ON e.tenant_id = j.tenant_id
					AND e.account = 'account:jackpot_pool:' || j.currency || ':' || substr(j.jackpot_id, 9)
				LEFT JOIN ledger_transfers t ON t.transfer_id = e.transfer_id AND t.tenant_id = e.tenant_id
				GROUP BY j.jackpot_id, j.tenant_id)
			WHERE seeded_minor <> seeded OR collected_minor <> collected OR paid_minor <> paid OR returned_minor <> returned OR others > 0
				OR held_minor <> held
			UNION ALL
			SELECT format('%s %s: a pool of no jackpot', a.tenant_id, a.account_id) FROM accounts a
			WHERE instr(a.account_id, 'account:jackpot_pool:') = 1 AND NOT EXISTS (SELECT 1 FROM jackpots j WHERE j.tenant_id = a.tenant_id
				AND j.jackpot_id = 'jackpot:' || substr(a.account_id, 26))`,
	},
	{
		sentence: store.ContributionsBooked,
		checked:  "SELECT count(*) FROM bets WHERE contributions IS NOT NULL",
		violated: `SELECT format('%s %s: gave %d to %s, booked %d', tenant_id, bet_id, given, jackpot, booked) FROM (
				SELECT b.tenant_id, b.bet_id, c.value ->> 'jackpot_id' AS jackpot, c.value ->> 'amount_minor' AS given,
					coalesce((SELECT sum(e.amount_minor) FROM ledger_entries e WHERE e.transfer_id = 'transfer' || substr(b.bet_id, 4) || '/jackpots'
						AND e.tenant_id = b.tenant_id AND e.account = 'account:jackpot_contributions:' || b.currency || ':' || b.provider_id || '/' ||
							(c.value ->> 'jackpot_id')), 0) AS booked
				FROM bets b, json_each(b.contributions) c)
			WHERE given <> booked
			UNION ALL
			SELECT format('%s %s: a contribution of no bet', t.tenant_id, t.transfer_id) FROM ledger_transfers t
			WHERE t.kind = 'jackpot.contribution' AND (SELECT count(*) FROM ledger_entries e WHERE e.transfer_id = t.transfer_id
					AND e.tenant_id = t.tenant_id) IS NOT (SELECT 1 + json_array_length(b.contributions) FROM bets b WHERE b.tenant_id = t.tenant_id
				AND b.bet_id = 'bet' || substr(t.transfer_id, 9, length(t.transfer_id) - 17) AND b.status IN (2, 3))`,
	},
	{
		sentence: store.ContributionsLast,
		checked:  "SELECT count(*) FROM jackpots",
		violated: `SELECT format('%s %s: collected %d, booked %d, left %d, and otherwise %d', tenant_id, jackpot_id, collected_minor, collected,
				rest, others) FROM (
				SELECT j.*, coalesce(-sum(iif(t.kind = 'jackpot.collect', e.amount_minor, 0)), 0) AS collected,
					coalesce(sum(e.amount_minor), 0) AS rest,
					coalesce(sum(t.kind NOT IN ('jackpot.contribution', 'jackpot.collect')), 0) AS others
				FROM jackpots j LEFT JOIN ledger_entries e ON e.tenant_id = j.tenant_id
					AND e.account = 'account:jackpot_contributions:' || j.currency || ':' || substr(j.jackpot_id, 9)
				LEFT JOIN ledger_transfers t ON t.transfer_id = e.transfer_id AND t.tenant_id = e.tenant_id
				GROUP BY j.jackpot_id, j.tenant_id)
			WHERE collected_minor <> collected OR rest < 0 OR others > 0`,
	},
	{
		sentence: store.TriggersAreHeld,
		checked:  "SELECT count(*) FROM jackpot_triggers",
		violated: `SELECT format('%s %s: status %d, %d of %s; its hold %d of status %d, paid %d', tenant_id, trigger_row, status, amount_minor,
				player_id, coalesce(set_aside, 0), coalesce(hold_status, 0), paid) FROM (
				SELECT g.*, h.amount_minor AS set_aside, h.status AS hold_status, h.account_id AS of, coalesce((SELECT sum(e.amount_minor)
					FROM ledger_entries e WHERE e.transfer_id = 'transfer' || substr(g.trigger_row, 16) || '/payout' AND e.tenant_id = g.tenant_id
					AND e.account = 'account:player_cash:' || g.currency || ':' || g.player_id), 0) AS paid
				FROM jackpot_triggers g LEFT JOIN account_holds h ON h.hold_id = 'hold' || substr(g.trigger_row, 16) || '/jackpot'
					AND h.tenant_id = g.tenant_id)
			WHERE set_aside IS NOT amount_minor OR hold_status IS NOT status OR paid <> iif(status = 2, amount_minor, 0)
				OR of IS NOT 'account:jackpot_pool:' || currency || ':' || provider_id || '/' || jackpot_id
			UNION ALL
			SELECT format('%s %s: a hold on a pool without a trigger', h.tenant_id, h.hold_id) FROM account_holds h
			WHERE instr(h.account_id, 'account:jackpot_pool:') = 1 AND NOT EXISTS (SELECT 1 FROM jackpot_triggers g
				WHERE g.trigger_row = 'jackpot_trigger' || substr(h.hold_id, 5, length(h.hold_id) - 12) AND g.tenant_id = h.tenant_id
				AND h.hold_id = 'hold' || substr(g.trigger_row, 16) || '/jackpot')
			UNION ALL
			SELECT format('%s %s: a payout of no trigger', t.tenant_id, t.transfer_id) FROM ledger_transfers t
			WHERE t.kind = 'jackpot.payout' AND NOT EXISTS (SELECT 1 FROM jackpot_triggers g WHERE g.tenant_id = t.tenant_id AND g.status = 2
				AND g.trigger_row = 'jackpot_trigger' || substr(t.transfer_id, 9, length(t.transfer_id) - 15))`,
	},
	{
		sentence: store.TriggersRestOnBets,
		checked:  "SELECT count(*) FROM jackpot_triggers WHERE status <> 3",
		violated: `SELECT format('%s %s: no such bet of %s: %s in the round %s', g.tenant_id, g.trigger_row, g.player_id, g.bet_id, g.round_id)
			FROM jackpot_triggers g LEFT JOIN jackpots j ON j.tenant_id = g.tenant_id
				AND j.jackpot_id = 'jackpot:' || g.provider_id || '/' || g.jackpot_id
			WHERE g.status <> 3 AND NOT EXISTS (SELECT 1 FROM bets b WHERE b.tenant_id = g.tenant_id AND b.provider_id = g.provider_id
				AND b.round_id = g.round_id AND b.player_id = g.player_id AND b.brand_id = g.brand_id AND b.region = g.region
				AND (g.bet_id = '' OR b.bet_id = 'bet:' || g.provider_id || '/' || g.bet_id)
				AND (b.status <> 4 OR b.updated_at_us >= g.created_at_us - 120000000)
				AND (g.created_at_us <= j.terms_at_us + 120000000 OR EXISTS (SELECT 1 FROM json_each(j.games) x WHERE x.value = b.game_id)))`,
	},
	{
		sentence: store.CausesTriggerOnce,
		checked:  "SELECT count(*) FROM jackpot_triggers WHERE status <> 3",
		violated: `SELECT format('%s %s: rests on what %s rests on: the bet %s in the round %s of %s', g.tenant_id, g.trigger_row, o.trigger_row,
				g.bet_id, g.round_id, g.player_id)
			FROM jackpot_triggers g JOIN jackpot_triggers o ON o.tenant_id = g.tenant_id AND o.provider_id = g.provider_id
				AND o.jackpot_id = g.jackpot_id AND o.player_id = g.player_id AND o.round_id = g.round_id AND o.trigger_row <> g.trigger_row
			WHERE g.status <> 3 AND o.status <> 3 AND (g.bet_id = '' OR g.bet_id = o.bet_id)`,
	},
	{
		sentence: store.SeedsComeBack,
		checked:  "SELECT count(*) FROM jackpots",
		violated: `SELECT format('%s %s: given back %d, owes %d, has %d free; the seeds of what was given up are %d', tenant_id, jackpot_id,
				returned_minor, owed_minor, free, due) FROM (
				SELECT j.*, seeded_minor + collected_minor - paid_minor - returned_minor - held_minor AS free,
					coalesce((SELECT sum(g.reseed_minor) FROM jackpot_triggers g WHERE g.tenant_id = j.tenant_id AND g.provider_id = j.provider_id
						AND g.jackpot_id = substr(j.jackpot_id, 10 + length(j.provider_id)) AND g.status = 3), 0) AS due
				FROM jackpots j)
			WHERE iif(status = 1, returned_minor + owed_minor <> due OR (owed_minor > 0 AND free > 0), owed_minor > 0)`,
	},
	{
		sentence: store.FeedsAreTerms,
		checked:  "SELECT count(*) FROM jackpot_feeds",
		violated: `WITH wanted AS MATERIALIZED (
				SELECT j.tenant_id, j.jackpot_id, 'jackpot_feed:' || j.provider_id || '/' || j.brand_id || '/' || j.region || '/' || g.value AS game,
					format('%s %d %d', j.currency, j.rate_ppm, j.max_minor) AS terms
				FROM jackpots j, json_each(j.games) g WHERE j.status = 1
			), found AS MATERIALIZED (
				SELECT f.tenant_id, x.value ->> 'jackpot' AS jackpot_id, f.game,
					format('%s %d %d', x.value ->> 'currency', x.value ->> 'rate_ppm', x.value ->> 'max_minor') AS terms
				FROM jackpot_feeds f, json_each(f.feeds) x
			)
			SELECT format('%s %s: %s does not feed it by %s', tenant_id, jackpot_id, game, terms)
			FROM (SELECT * FROM wanted EXCEPT SELECT * FROM found)
			UNION ALL
			SELECT format('%s %s: %s feeds it by %s', tenant_id, jackpot_id, game, terms) FROM (SELECT * FROM found EXCEPT SELECT * FROM wanted)`,
	},
	{
		sentence: store.BetsContribute,
		checked:  "SELECT count(*) FROM bets WHERE status IN (2, 3)",
		violated: `SELECT format('%s %s: gave %d to %s, should have given %d', tenant_id, bet_id, given, jackpot_id, due) FROM (
				SELECT b.tenant_id, b.bet_id, j.jackpot_id,
					min(b.amount_minor / 1000000 * j.rate_ppm + b.amount_minor % 1000000 * j.rate_ppm / 1000000,
						iif(j.max_minor < 0, b.amount_minor, j.max_minor)) AS due,
					coalesce((SELECT sum(c.value ->> 'amount_minor') FROM json_each(b.contributions) c
						WHERE j.jackpot_id = 'jackpot:' || b.provider_id || '/' || (c.value ->> 'jackpot_id')), 0) AS given
				FROM bets b CROSS JOIN jackpot_feeds f CROSS JOIN json_each(f.feeds) x CROSS JOIN jackpots j
				WHERE b.status IN (2, 3) AND f.tenant_id = b.tenant_id
					AND f.game = 'jackpot_feed:' || b.provider_id || '/' || b.brand_id || '/' || b.region || '/' || b.game_id
					AND j.jackpot_id = x.value ->> 'jackpot' AND j.tenant_id = b.tenant_id AND j.status = 1 AND j.currency = b.currency
					AND b.updated_at_us > j.terms_at_us + 120000000)
			WHERE given <> due`,
	},
}
