package postgres

import "github.com/seed-255eabaa/oms/internal/store"

// jackpotInvariants are those of jackpots (requirement P-3). What belongs to one is named by its own id behind the kind: 'jackpot:' has 8
// characters, 'jackpot_trigger' 15.
var jackpotInvariants = [...]invariant{
	{
		holds: store.PoolsAddUp,
		rows:  "SELECT count(*) FROM jackpots",
		bad: `SELECT format('%s of %s: seeded %s, collected %s, paid %s, given back %s; booked %s, %s, %s, %s, and otherwise %s; held %s of %s',
				jackpot_id, tenant_id, seeded_minor, collected_minor, paid_minor, returned_minor, seeded, collected, paid, returned, others,
				held_minor, held) FROM (
				SELECT j.*, b.*, coalesce((SELECT a.held_minor FROM accounts a WHERE a.tenant_id = j.tenant_id
					AND a.account_id = ('account:jackpot_pool:' || j.currency || ':' || substr(j.jackpot_id, 9)) COLLATE "C"), 0) AS held
				FROM jackpots j CROSS JOIN LATERAL (
					SELECT coalesce(sum(e.amount_minor) FILTER (WHERE t.kind = 'jackpot.seed'), 0) AS seeded,
						coalesce(sum(e.amount_minor) FILTER (WHERE t.kind = 'jackpot.collect'), 0) AS collected,
						coalesce(-sum(e.amount_minor) FILTER (WHERE t.kind = 'jackpot.payout'), 0) AS paid,
						coalesce(-sum(e.amount_minor) FILTER (WHERE t.kind = 'jackpot.return'), 0) AS returned,
						count(*) FILTER (WHERE t.kind NOT IN ('jackpot.seed', 'jackpot.collect', 'jackpot.payout', 'jackpot.return')) AS others
					FROM ledger_entries e JOIN ledger_transfers t USING (tenant_id, transfer_id) WHERE e.tenant_id = j.tenant_id
						AND e.account = ('account:jackpot_pool:' || j.currency || ':' || substr(j.jackpot_id, 9)) COLLATE "C") b) AS pools
			WHERE seeded_minor <> seeded OR collected_minor <> collected OR paid_minor <> paid OR returned_minor <> returned OR others > 0
				OR held_minor <> held
			UNION ALL
			SELECT format('%s of %s: a pool of no jackpot', a.account_id, a.tenant_id) FROM accounts a
			WHERE starts_with(a.account_id, 'account:jackpot_pool:') AND NOT EXISTS (SELECT FROM jackpots j WHERE j.tenant_id = a.tenant_id
				AND j.jackpot_id = ('jackpot:' || substr(a.account_id, 26)) COLLATE "C")`,
	},
	{
		holds: store.ContributionsBooked,
		rows:  "SELECT count(*) FROM bets WHERE contributions IS NOT NULL",
		bad: `SELECT format('%s of %s: gave %s to %s, booked %s', bet_id, tenant_id, given, jackpot, booked) FROM (
				SELECT b.tenant_id, b.bet_id, c.jackpot_id AS jackpot, c.amount_minor AS given,
					coalesce((SELECT sum(e.amount_minor) FROM ledger_entries e WHERE e.tenant_id = b.tenant_id
						AND e.transfer_id = ('transfer' || substr(b.bet_id, 4) || '/jackpots') COLLATE "C" AND e.account =
							('account:jackpot_contributions:' || b.currency || ':' || b.provider_id || '/' || c.jackpot_id) COLLATE "C"), 0) AS booked
				FROM bets b CROSS JOIN LATERAL jsonb_to_recordset(b.contributions) AS c(jackpot_id text, amount_minor bigint)) AS given
			WHERE given <> booked
			UNION ALL
			SELECT format('%s of %s: a contribution of no bet', t.transfer_id, t.tenant_id) FROM ledger_transfers t
			WHERE t.kind = 'jackpot.contribution' AND (SELECT count(*) FROM ledger_entries e WHERE e.transfer_id = t.transfer_id
					AND e.tenant_id = t.tenant_id) IS DISTINCT FROM (SELECT 1 + jsonb_array_length(b.contributions) FROM bets b
				WHERE b.tenant_id = t.tenant_id AND b.status IN (2, 3)
					AND b.bet_id = ('bet' || substr(t.transfer_id, 9, length(t.transfer_id) - 17)) COLLATE "C")`,
	},
	{
		holds: store.ContributionsLast,
		rows:  "SELECT count(*) FROM jackpots",
		bad: `SELECT format('%s of %s: collected %s, booked %s, left %s, and otherwise %s', jackpot_id, tenant_id, collected_minor, collected,
				rest, others) FROM (
				SELECT j.*, b.* FROM jackpots j CROSS JOIN LATERAL (
					SELECT coalesce(-sum(e.amount_minor) FILTER (WHERE t.kind = 'jackpot.collect'), 0) AS collected,
						coalesce(sum(e.amount_minor), 0) AS rest,
						count(*) FILTER (WHERE t.kind NOT IN ('jackpot.contribution', 'jackpot.collect')) AS others
					FROM ledger_entries e JOIN ledger_transfers t USING (tenant_id, transfer_id) WHERE e.tenant_id = j.tenant_id
						AND e.account = ('account:jackpot_contributions:' || j.currency || ':' || substr(j.jackpot_id, 9)) COLLATE "C") b) AS fed
			WHERE collected_minor <> collected OR rest < 0 OR others > 0`,
	},
	{
		holds: store.TriggersAreHeld,
		rows:  "SELECT count(*) FROM jackpot_triggers",
		bad: `SELECT format('%s of %s: status %s, %s of %s; its hold %s of status %s, paid %s', trigger_row, tenant_id, status, amount_minor,
				player_id, set_aside, hold_status, paid) FROM (
				SELECT g.*, h.amount_minor AS set_aside, h.status AS hold_status, h.account_id, coalesce((SELECT sum(e.amount_minor)
					FROM ledger_entries e WHERE e.transfer_id = ('transfer' || substr(g.trigger_row, 16) || '/payout') COLLATE "C"
					AND e.tenant_id = g.tenant_id AND e.account = ('account:player_cash:' || g.currency || ':' || g.player_id) COLLATE "C"), 0)
					AS paid
				FROM jackpot_triggers g LEFT JOIN account_holds h ON h.hold_id = ('hold' || substr(g.trigger_row, 16) || '/jackpot') COLLATE "C"
					AND h.tenant_id = g.tenant_id) AS triggers
			WHERE set_aside IS DISTINCT FROM amount_minor OR hold_status IS DISTINCT FROM status
				OR paid <> CASE status WHEN 2 THEN amount_minor ELSE 0 END
				OR account_id IS DISTINCT FROM 'account:jackpot_pool:' || currency || ':' || provider_id || '/' || jackpot_id
			UNION ALL
			SELECT format('%s of %s: a hold on a pool without a trigger', h.hold_id, h.tenant_id) FROM account_holds h
			WHERE starts_with(h.account_id, 'account:jackpot_pool:') AND NOT EXISTS (SELECT FROM jackpot_triggers g
				WHERE g.trigger_row = ('jackpot_trigger' || substr(h.hold_id, 5, greatest(length(h.hold_id) - 12, 0))) COLLATE "C"
				AND g.tenant_id = h.tenant_id AND h.hold_id = 'hold' || substr(g.trigger_row, 16) || '/jackpot')
			UNION ALL
			SELECT format('%s of %s: a payout of no trigger', t.transfer_id, t.tenant_id) FROM ledger_transfers t
			WHERE t.kind = 'jackpot.payout' AND NOT EXISTS (SELECT FROM jackpot_triggers g WHERE g.tenant_id = t.tenant_id AND g.status = 2
				AND g.trigger_row = ('jackpot_trigger' || substr(t.transfer_id, 9, length(t.transfer_id) - 15)) COLLATE "C")`,
	},
	{
		holds: store.TriggersRestOnBets,
		rows:  "SELECT count(*) FROM jackpot_triggers WHERE status <> 3",
		bad: `SELECT format('%s of %s: no such bet of %s: %s in the round %s', g.trigger_row, g.tenant_id, g.player_id, g.bet_id, g.round_id)
			FROM jackpot_triggers g LEFT JOIN jackpots j ON j.tenant_id = g.tenant_id
				AND j.jackpot_id = ('jackpot:' || g.provider_id || '/' || g.jackpot_id) COLLATE "C"
			WHERE g.status <> 3 AND NOT EXISTS (SELECT FROM bets b WHERE b.tenant_id = g.tenant_id AND b.provider_id = g.provider_id
				AND b.round_id = g.round_id AND b.player_id = g.player_id AND b.brand_id = g.brand_id AND b.region = g.region
				AND (g.bet_id = '' OR b.bet_id = ('bet:' || g.provider_id || '/' || g.bet_id) COLLATE "C")
				AND (b.status <> 4 OR b.updated_at >= g.created_at - interval '2 minutes')
				AND (g.created_at <= j.terms_at + interval '2 minutes' OR j.games ? b.game_id))`,
	},
	{
		holds: store.CausesTriggerOnce,
		rows:  "SELECT count(*) FROM jackpot_triggers WHERE status <> 3",
		bad: `SELECT format('%s of %s: rests on what %s rests on: the bet %s in the round %s of %s', g.trigger_row, g.tenant_id, o.trigger_row,
				g.bet_id, g.round_id, g.player_id)
			FROM jackpot_triggers g JOIN jackpot_triggers o ON o.tenant_id = g.tenant_id AND o.provider_id = g.provider_id
				AND o.jackpot_id = g.jackpot_id AND o.player_id = g.player_id AND o.round_id = g.round_id AND o.trigger_row <> g.trigger_row
			WHERE g.status <> 3 AND o.status <> 3 AND (g.bet_id = '' OR g.bet_id = o.bet_id)`,
	},
	{
		holds: store.SeedsComeBack,
		rows:  "SELECT count(*) FROM jackpots",
		bad: `SELECT format('%s of %s: given back %s, owes %s, has %s free; the seeds of what was given up are %s', jackpot_id, tenant_id,
				returned_minor, owed_minor, free, due) FROM (
				SELECT j.*, seeded_minor + collected_minor - paid_minor - returned_minor - held_minor AS free,
					coalesce((SELECT sum(g.reseed_minor) FROM jackpot_triggers g WHERE g.tenant_id = j.tenant_id AND g.provider_id = j.provider_id
						AND g.jackpot_id = substr(j.jackpot_id, 10 + length(j.provider_id)) COLLATE "C" AND g.status = 3), 0) AS due
				FROM jackpots j) AS seeds
			WHERE CASE status WHEN 1 THEN returned_minor + owed_minor <> due OR (owed_minor > 0 AND free > 0) ELSE owed_minor > 0 END`,
	},
	{
		holds: store.FeedsAreTerms,
		rows:  "SELECT count(*) FROM jackpot_feeds",
		bad: `SELECT format('%s of %s: %s should feed it by %s, and does by %s', coalesce(w.jackpot_id, f.jackpot_id),
				coalesce(w.tenant_id, f.tenant_id), coalesce(w.game, f.game), w.terms, f.terms)
			FROM (
				SELECT j.tenant_id, j.jackpot_id,
					('jackpot_feed:' || j.provider_id || '/' || j.brand_id || '/' || j.region || '/' || g.game) COLLATE "C" AS game,
					format('%s %s %s', j.currency, j.rate_ppm, j.max_minor) AS terms
				FROM jackpots j CROSS JOIN LATERAL jsonb_array_elements_text(j.games) AS g(game) WHERE j.status = 1
			) w FULL JOIN (
				SELECT f.tenant_id, x.jackpot COLLATE "C" AS jackpot_id, f.game, format('%s %s %s', x.currency, x.rate_ppm, x.max_minor) AS terms
				FROM jackpot_feeds f CROSS JOIN LATERAL
					jsonb_to_recordset(f.feeds) AS x(jackpot text, currency text, rate_ppm bigint, max_minor bigint)
			) f ON f.tenant_id = w.tenant_id AND f.jackpot_id = w.jackpot_id AND f.game = w.game
			WHERE w.terms IS DISTINCT FROM f.terms`,
	},
	{
		holds: store.BetsContribute,
		rows:  "SELECT count(*) FROM bets WHERE status IN (2, 3)",
		bad: `SELECT format('%s of %s: gave %s to %s, should have given %s', bet_id, tenant_id, given, jackpot_id, due) FROM (
				SELECT b.tenant_id, b.bet_id, j.jackpot_id,
					least(b.amount_minor / 1000000 * j.rate_ppm + b.amount_minor % 1000000 * j.rate_ppm / 1000000,
						CASE WHEN j.max_minor < 0 THEN b.amount_minor ELSE j.max_minor END) AS due,
					coalesce((SELECT sum(c.amount_minor) FROM jsonb_to_recordset(b.contributions) AS c(jackpot_id text, amount_minor bigint)
						WHERE j.jackpot_id = 'jackpot:' || b.provider_id || '/' || c.jackpot_id), 0) AS given
				FROM bets b JOIN jackpot_feeds f ON f.tenant_id = b.tenant_id
					AND f.game = ('jackpot_feed:' || b.provider_id || '/' || b.brand_id || '/' || b.region || '/' || b.game_id) COLLATE "C"
				CROSS JOIN LATERAL jsonb_to_recordset(f.feeds) AS x(jackpot text)
				JOIN jackpots j ON j.tenant_id = b.tenant_id AND j.jackpot_id = x.jackpot COLLATE "C"
				WHERE b.status IN (2, 3) AND j.status = 1 AND j.currency = b.currency AND b.updated_at > j.terms_at + interval '2 minutes') AS bets
			WHERE given <> due`,
	},
}
