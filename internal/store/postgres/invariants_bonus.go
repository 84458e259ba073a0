package postgres

import "github.com/seed-255eabaa/oms/internal/store"

// bonusInvariants are those of bonuses (requirement P-1, docs/decisions/0019).
var bonusInvariants = [...]invariant{
	{
		holds: store.BonusPartsAreHeld,
		rows:  "SELECT count(*) FROM bets WHERE bonus IS NOT NULL",
		bad: `SELECT format('%s of %s: status %s, %s of a bonus; hold: status %s, amount %s, captured %s of %s', b.bet_id, b.tenant_id, b.status,
				b.part, h.status, h.amount_minor, h.captured_minor, h.account_id)
			FROM (SELECT *, (bonus ->> 'minor')::bigint AS part FROM bets WHERE bonus IS NOT NULL) b
				LEFT JOIN account_holds h ON h.hold_id = ('hold' || substr(b.bet_id, 4) || '/bonus') COLLATE "C" AND h.tenant_id = b.tenant_id
			WHERE CASE WHEN b.part = 0 THEN h.hold_id IS NOT NULL ELSE h.hold_id IS NULL OR h.amount_minor <> b.part
				OR h.account_id <> ('account:player_bonus:' || b.currency || ':' || b.player_id) COLLATE "C"
				OR h.status <> CASE b.status WHEN 1 THEN 1 WHEN 4 THEN 3 ELSE 2 END
				OR h.captured_minor <> CASE WHEN b.status IN (2, 3) THEN b.part ELSE 0 END END
				OR NOT EXISTS (SELECT FROM bonuses o WHERE o.bonus_id = (b.bonus ->> 'id') COLLATE "C" AND o.tenant_id = b.tenant_id
					AND o.player_id = b.player_id AND o.currency = b.currency AND o.activated_at <= b.created_at)
			UNION ALL
			SELECT format('%s of %s: %s of bonus money held for no bet', h.hold_id, h.tenant_id, h.amount_minor) FROM account_holds h
			WHERE h.account_id LIKE 'account:player\_bonus:%' AND NOT EXISTS (SELECT FROM bets b WHERE b.tenant_id = h.tenant_id
				AND b.bet_id = ('bet' || substr(h.hold_id, 5, greatest(length(h.hold_id) - 10, 0))) COLLATE "C" AND (b.bonus ->> 'minor')::bigint > 0)
			UNION ALL
			SELECT format('%s of %s: bonus money of no bet', t.transfer_id, t.tenant_id) FROM ledger_transfers t
			WHERE t.kind = 'bet.capture_bonus' AND NOT EXISTS (SELECT FROM bets b WHERE b.tenant_id = t.tenant_id
				AND b.bet_id = ('bet' || substr(t.transfer_id, 9, greatest(length(t.transfer_id) - 14, 0))) COLLATE "C" AND b.status IN (2, 3)
				AND (b.bonus ->> 'minor')::bigint > 0)`,
	},
	{
		holds: store.OneBonusIsActive,
		rows:  "SELECT count(*) FROM bonuses",
		bad: `SELECT format('%s of %s: %s of bonus money are free, and no bonus is active', a.account_id, a.tenant_id, a.balance_minor - a.held_minor)
			FROM accounts a WHERE a.account_id LIKE 'account:player\_bonus:%' AND a.balance_minor <> a.held_minor
				AND NOT EXISTS (SELECT FROM bonuses b WHERE b.tenant_id = a.tenant_id AND b.status = 2
					AND a.account_id = ('account:player_bonus:' || b.currency || ':' || b.player_id) COLLATE "C")
			UNION ALL
			SELECT format('%s of %s: status %s, and the player''s is "%s"', b.bonus_id, b.tenant_id, b.status, p.bonus_id)
			FROM bonuses b LEFT JOIN players p ON p.player_id = ('player:' || b.player_id) COLLATE "C" AND p.tenant_id = b.tenant_id
			WHERE (b.status = 2) <> (coalesce(p.bonus_id, '') = b.bonus_id) OR p.currency IS DISTINCT FROM b.currency
				OR p.brand_id <> b.brand_id OR p.region <> b.region
			UNION ALL
			SELECT format('%s of %s: the bonus %s, which there is not', p.player_id, p.tenant_id, p.bonus_id) FROM players p
			WHERE p.bonus_id <> '' AND NOT EXISTS (SELECT FROM bonuses b WHERE b.bonus_id = p.bonus_id AND b.tenant_id = p.tenant_id)`,
	},
	{
		holds: store.BonusesAreCredited,
		rows:  "SELECT count(*) FROM bonuses",
		bad: `SELECT format('%s of %s: gives %s, credited %s', bonus_id, tenant_id, gives, credited) FROM (
				SELECT b.tenant_id, b.bonus_id, CASE WHEN b.activated_at IS NULL THEN 0 ELSE b.amount_minor END AS gives,
					coalesce(e.amount_minor, 0) AS credited
				FROM bonuses b LEFT JOIN ledger_entries e ON e.transfer_id = ('transfer' || substr(b.bonus_id, 6) || '/activated') COLLATE "C"
					AND e.tenant_id = b.tenant_id AND e.account = ('account:player_bonus:' || b.currency || ':' || b.player_id) COLLATE "C") AS given
			WHERE gives <> credited
			UNION ALL
			SELECT format('%s of %s: of no bonus', t.transfer_id, t.tenant_id) FROM ledger_transfers t
			WHERE t.kind = 'bonus.activated' AND NOT EXISTS (SELECT FROM bonuses b WHERE b.tenant_id = t.tenant_id
				AND b.bonus_id = ('bonus' || substr(t.transfer_id, 9, greatest(length(t.transfer_id) - 18, 0))) COLLATE "C")
			UNION ALL
			SELECT format('%s of %s: %s converted, %s booked', account, tenant_id, sum(converted), sum(booked)) FROM (
				SELECT tenant_id, ('account:player_cash:' || currency || ':' || player_id) COLLATE "C" AS account, converted_minor AS converted,
					0 AS booked FROM bonuses WHERE converted_minor > 0
				UNION ALL
				SELECT e.tenant_id, e.account, 0, e.amount_minor FROM ledger_transfers t JOIN ledger_entries e USING (tenant_id, transfer_id)
				WHERE t.kind = 'bonus.converted' AND e.account NOT LIKE 'account:player\_bonus:%') AS own
			GROUP BY tenant_id, account HAVING sum(converted) <> sum(booked)
			UNION ALL
			SELECT format('%s of %s: status %s, converted %s of %s', bonus_id, tenant_id, status, converted_minor, max_conversion_minor) FROM bonuses
			WHERE converted_minor > 0 AND (status <> 3 OR max_conversion_minor >= 0 AND converted_minor > max_conversion_minor)`,
	},
	{
		holds: store.BonusesAreWagered,
		rows:  "SELECT count(*) FROM bonuses",
		bad: `SELECT format('%s of %s: status %s, wagered %s hundredths of %s, by its bets %s', bonus_id, tenant_id, status, progress,
				required_minor, counted) FROM (
				SELECT b.tenant_id, b.bonus_id, b.status, b.progress, b.required_minor,
					coalesce(sum(t.amount_minor::numeric * (t.bonus ->> 'weight_percent')::int), 0) AS counted
				FROM bonuses b LEFT JOIN bets t ON (t.bonus ->> 'id') COLLATE "C" = b.bonus_id AND t.tenant_id = b.tenant_id AND t.bonus IS NOT NULL
					AND t.status IN (2, 3) AND t.updated_at < b.expires_at AND t.updated_at <= coalesce(b.ended_at, t.updated_at)
				GROUP BY 1, 2, 3, 4, 5) AS wagered
			WHERE progress > counted OR (progress = 100 * required_minor) <> (status = 3) OR status = 2 AND progress < counted
				OR status <= 1 AND progress > 0`,
	},
	{
		holds: store.BonusesHaveTimer,
		rows:  "SELECT count(*) FROM bonuses",
		bad: `SELECT format('%s of %s has no timer', b.bonus_id, b.tenant_id) FROM bonuses b WHERE b.status <= 2 AND NOT EXISTS (
				SELECT FROM timers t WHERE t.tenant_id = b.tenant_id AND t.kind = 'bonus.expire' AND t.aggregate_id = b.bonus_id)`,
	},
}
