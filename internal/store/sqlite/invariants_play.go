package sqlite

import "github.com/seed-255eabaa/oms/internal/store"

// playInvariants are those of bets (requirement P-4).
var playInvariants = [...]invariant{
	{
		sentence: store.BetsAreHeld,
		checked:  "SELECT count(*) FROM bets",
		violated: `SELECT format('%s %s: status %d, amount %d; hold: status %d, amount %d, captured %d of %s', b.tenant_id, b.bet_id, b.status,
				b.amount_minor, h.status, h.amount_minor, h.captured_minor, h.account_id)
			FROM (SELECT *, amount_minor - coalesce(bonus ->> 'minor', 0) AS own FROM bets) b LEFT JOIN account_holds h
				ON h.hold_id = 'hold' || substr(b.bet_id, 4) AND h.tenant_id = b.tenant_id
			WHERE b.amount_minor = 0 AND (b.status <> 4 OR b.results > 0 OR b.bonus IS NOT NULL)
				OR iif(b.own = 0, h.hold_id IS NOT NULL, h.hold_id IS NULL OR h.amount_minor <> b.own
					OR h.account_id <> 'account:player_cash:' || b.currency || ':' || b.player_id
					OR h.status <> CASE b.status WHEN 1 THEN 1 WHEN 4 THEN 3 ELSE 2 END
					OR h.captured_minor <> iif(b.status IN (2, 3), b.own, 0))`,
	},
	{
		sentence: store.BetsWinTheirResults,
		checked:  "SELECT count(*) FROM settlements",
		violated: `SELECT format('%s %s: status %d, won %d by %d results; told %d by %d, last ones: %d', tenant_id, bet_id, status, won_minor,
				results, won, told, last) FROM (
				SELECT b.*, coalesce(sum(s.win_minor), 0) AS won, count(s.result) AS told, coalesce(sum(NOT s.partial), 0) AS last
				FROM bets b LEFT JOIN settlements s ON s.result >= 'settlement' || substr(b.bet_id, 4) || '/'
					AND s.result < 'settlement' || substr(b.bet_id, 4) || '0' AND +s.tenant_id = b.tenant_id
				GROUP BY b.bet_id, b.tenant_id)
			WHERE won_minor <> won OR results <> told OR last <> (status IN (2, 3)) OR status = 2 AND won_minor = 0
				OR status IN (3, 4) AND won_minor > 0 OR status = 4 AND results > 0
			UNION ALL
			SELECT format('%s %s: of no bet', s.tenant_id, s.result) FROM settlements s WHERE NOT EXISTS (SELECT 1 FROM bets b
				WHERE b.bet_id = 'bet:' || s.provider_id || '/' || s.bet_id AND b.tenant_id = s.tenant_id)`,
	},
	{
		sentence: store.WinsAreBooked,
		checked:  "SELECT count(*) FROM settlements",
		violated: `SELECT format('%s %s: won %d, credited %d', tenant_id, settlement_id, win_minor, credited) FROM (
				SELECT s.tenant_id, s.settlement_id, s.win_minor, coalesce(sum(e.amount_minor), 0) AS credited FROM settlements s
					LEFT JOIN ledger_entries e ON e.transfer_id = 'transfer' || substr(s.settlement_id, 11) || '/win' AND e.tenant_id = s.tenant_id
						AND e.account IN ('account:player_cash:' || s.currency || ':' || s.player_id,
							'account:player_bonus:' || s.currency || ':' || s.player_id)
				GROUP BY s.tenant_id, s.settlement_id)
			WHERE credited <> win_minor
			UNION ALL
			SELECT format('%s %s: a win of no result', t.tenant_id, t.transfer_id) FROM ledger_transfers t
			WHERE t.kind = 'bet.win' AND NOT EXISTS (SELECT 1 FROM settlements s WHERE s.tenant_id = t.tenant_id
				AND s.settlement_id = 'settlement' || substr(t.transfer_id, 9, length(t.transfer_id) - 12))
			UNION ALL
			SELECT format('%s %s: an amount of no bet', t.tenant_id, t.transfer_id) FROM ledger_transfers t
			WHERE t.kind = 'bet.capture' AND NOT EXISTS (SELECT 1 FROM bets b WHERE b.tenant_id = t.tenant_id
				AND b.bet_id = 'bet' || substr(t.transfer_id, 9, length(t.transfer_id) - 16) AND b.status IN (2, 3))`,
	},
	{
		sentence: store.BetsHaveSession,
		checked:  "SELECT count(*) FROM bets",
		violated: `SELECT format('%s %s: session %s of %s in %s, round %s of %s', b.tenant_id, b.bet_id, s.session_id, s.player_id, s.game_id,
				r.round_id, r.game_id)
			FROM bets b LEFT JOIN sessions s ON s.session_id = 'session:' || b.provider_id || '/' || b.session_id AND s.tenant_id = b.tenant_id
				LEFT JOIN rounds r ON r.round_id = 'round:' || b.provider_id || '/' || b.round_id AND r.tenant_id = b.tenant_id
				LEFT JOIN players p ON p.player_id = 'player:' || b.player_id AND p.tenant_id = b.tenant_id
			WHERE b.amount_minor > 0 AND (p.player_id IS NULL OR s.session_id IS NULL OR r.round_id IS NULL OR s.player_id <> b.player_id
				OR s.game_id <> b.game_id OR r.game_id <> b.game_id OR s.currency <> b.currency)`,
	},
}
