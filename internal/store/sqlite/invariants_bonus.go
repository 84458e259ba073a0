package sqlite

import "github.com/seed-255eabaa/oms/internal/store"

// bonusInvariants are those of bonuses (requirement P-1, docs/decisions/0019).
var bonusInvariants = [...]invariant{
	{
		sentence: store.BonusPartsAreHeld,
		checked:  "SELECT count(*) FROM bets WHERE bonus IS NOT NULL",
		violated: `SELECT format('%s %s: status %d, %d of a bonus; hold: status %d, amount %d, captured %d of %s', b.tenant_id, b.bet_id, b.status,
				b.part, h.status, h.amount_minor, h.captured_minor, h.account_id)
			FROM (SELECT *, bonus ->> 'minor' AS part FROM bets WHERE bonus IS NOT NULL) b
				LEFT JOIN account_holds h ON h.hold_id = 'hold' || substr(b.bet_id, 4) || '/bonus' AND h.tenant_id = b.tenant_id
			WHERE iif(b.part = 0, h.hold_id IS NOT NULL, h.hold_id IS NULL OR h.amount_minor <> b.part
				OR h.account_id <> 'account:player_bonus:' || b.currency || ':' || b.player_id
				OR h.status <> CASE b.status WHEN 1 THEN 1 WHEN 4 THEN 3 ELSE 2 END
				OR h.captured_minor <> iif(b.status IN (2, 3), b.part, 0))
				OR NOT EXISTS (SELECT 1 FROM bonuses o WHERE o.bonus_id = b.bonus ->> 'id' AND o.tenant_id = b.tenant_id
					AND o.player_id = b.player_id AND o.currency = b.currency AND o.activated_at_us <= b.created_at_us)
			UNION ALL
			SELECT format('%s %s: %d of bonus money held for no bet', h.tenant_id, h.hold_id, h.amount_minor) FROM account_holds h
			WHERE h.account_id GLOB 'account:player_bonus:*' AND NOT EXISTS (SELECT 1 FROM bets b WHERE b.tenant_id = h.tenant_id
				AND b.bet_id = 'bet' || substr(h.hold_id, 5, length(h.hold_id) - 10) AND b.bonus ->> 'minor' > 0)
			UNION ALL
			SELECT format('%s %s: bonus money of no bet', t.tenant_id, t.transfer_id) FROM ledger_transfers t
			WHERE t.kind = 'bet.capture_bonus' AND NOT EXISTS (SELECT 1 FROM bets b WHERE b.tenant_id = t.tenant_id
				AND b.bet_id = 'bet' || substr(t.transfer_id, 9, length(t.transfer_id) - 14) AND b.status IN (2, 3) AND b.bonus ->> 'minor' > 0)`,
	},
	{
		sentence: store.OneBonusIsActive,
		checked:  "SELECT count(*) FROM bonuses",
		violated: `SELECT format('%s %s: %d of bonus money are free, and no bonus is active', a.tenant_id, a.account_id,
				a.balance_minor - a.held_minor)
			FROM accounts a WHERE a.account_id GLOB 'account:player_bonus:*' AND a.balance_minor <> a.held_minor
				AND NOT EXISTS (SELECT 1 FROM bonuses b WHERE b.tenant_id = a.tenant_id AND b.status = 2
					AND a.account_id = 'account:player_bonus:' || b.currency || ':' || b.player_id)
			UNION ALL
			SELECT format('%s %s: status %d, and the player''s is "%s"', b.tenant_id, b.bonus_id, b.status, p.bonus_id)
			FROM bonuses b LEFT JOIN players p ON p.player_id = 'player:' || b.player_id AND p.tenant_id = b.tenant_id
			WHERE (b.status = 2) <> (coalesce(p.bonus_id, '') = b.bonus_id) OR p.currency IS NOT b.currency
				OR p.brand_id <> b.brand_id OR p.region <> b.region
			UNION ALL
			SELECT format('%s %s: the bonus %s, which there is not', p.tenant_id, p.player_id, p.bonus_id) FROM players p
			WHERE p.bonus_id <> '' AND NOT EXISTS (SELECT 1 FROM bonuses b WHERE b.bonus_id = p.bonus_id AND b.tenant_id = p.tenant_id)`,
	},
	{
		sentence: store.BonusesAreCredited,
		checked:  "SELECT count(*) FROM bonuses",
		violated: `SELECT format('%s %s: gives %d, credited %d', tenant_id, bonus_id, gives, credited) FROM (
				SELECT b.tenant_id, b.bonus_id, iif(b.activated_at_us IS NULL, 0, b.amount_minor) AS gives,
					coalesce((SELECT e.amount_minor FROM ledger_entries e
						WHERE e.transfer_id = 'transfer' || substr(b.bonus_id, 6) || '/activated' AND e.tenant_id = b.tenant_id
							AND e.account = 'account:player_bonus:' || b.currency || ':' || b.player_id), 0) AS credited
				FROM bonuses b)
			WHERE gives <> credited
			UNION ALL
			SELECT format('%s %s: of no bonus', t.tenant_id, t.transfer_id) FROM ledger_transfers t
			WHERE t.kind = 'bonus.activated' AND NOT EXISTS (SELECT 1 FROM bonuses b WHERE b.tenant_id = t.tenant_id
				AND b.bonus_id = 'bonus' || substr(t.transfer_id, 9, length(t.transfer_id) - 18))
			UNION ALL
			SELECT format('%s %s: %d converted, %d booked', tenant_id, account, sum(converted), sum(booked)) FROM (
				SELECT tenant_id, 'account:player_cash:' || currency || ':' || player_id AS account, converted_minor AS converted, 0 AS booked
				FROM bonuses WHERE converted_minor > 0
				UNION ALL
				SELECT e.tenant_id, e.account, 0, e.amount_minor FROM ledger_transfers t
					JOIN ledger_entries e ON e.transfer_id = t.transfer_id AND e.tenant_id = t.tenant_id
				WHERE t.kind = 'bonus.converted' AND e.account NOT GLOB 'account:player_bonus:*')
			GROUP BY tenant_id, account HAVING sum(converted) <> sum(booked)
			UNION ALL
			SELECT format('%s %s: status %d, converted %d of %d', tenant_id, bonus_id, status, converted_minor, max_conversion_minor) FROM bonuses
			WHERE converted_minor > 0 AND (status <> 3 OR max_conversion_minor >= 0 AND converted_minor > max_conversion_minor)`,
	},
	{
		sentence: store.BonusesAreWagered,
		checked:  "SELECT count(*) FROM bonuses",
		violated: `SELECT format('%s %s: status %d, wagered %d hundredths of %d, by its bets %d', tenant_id, bonus_id, status, progress,
				required_minor, counted) FROM (
				SELECT b.*, coalesce(sum(t.amount_minor * (t.bonus ->> 'weight_percent')), 0) AS counted
				FROM bonuses b LEFT JOIN bets t ON t.bonus ->> 'id' = b.bonus_id AND t.tenant_id = b.tenant_id AND t.bonus IS NOT NULL
					AND t.status IN (2, 3) AND t.updated_at_us < b.expires_at_us AND t.updated_at_us <= coalesce(b.ended_at_us, t.updated_at_us)
				GROUP BY b.bonus_id, b.tenant_id)
			WHERE progress > counted OR (progress = 100 * required_minor) <> (status = 3) OR status = 2 AND progress < counted
				OR status <= 1 AND progress > 0`,
	},
	{
		sentence: store.BonusesHaveTimer,
		checked:  "SELECT count(*) FROM bonuses",
		violated: `SELECT format('%s %s: no timer', b.tenant_id, b.bonus_id) FROM bonuses b WHERE b.status <= 2 AND NOT EXISTS (
				SELECT 1 FROM timers t WHERE t.tenant_id = b.tenant_id AND t.kind = 'bonus.expire' AND t.aggregate_id = b.bonus_id)`,
	},
}
