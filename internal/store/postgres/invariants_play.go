package postgres

import "github.com/seed-255eabaa/oms/internal/store"

// playInvariants are those of bets (requirement P-4).
var playInvariants = [...]invariant{
	{
		holds: store.BetsAreHeld,
		rows:  "SELECT count(*) FROM bets",
		bad: `SELECT format('%s of %s: status %s, amount %s; hold: status %s, amount %s, captured %s of %s', b.bet_id, b.tenant_id, b.status,
				b.amount_minor, h.status, h.amount_minor, h.captured_minor, h.account_id)
			FROM (SELECT *, amount_minor - coalesce((bonus ->> 'minor')::bigint, 0) AS own FROM bets) b LEFT JOIN account_holds h
				ON h.hold_id = 'hold' || substr(b.bet_id, 4) COLLATE "C" AND h.tenant_id = b.tenant_id
			WHERE b.amount_minor = 0 AND (b.status <> 4 OR b.results > 0 OR b.bonus IS NOT NULL)
				OR CASE WHEN b.own = 0 THEN h.hold_id IS NOT NULL
				ELSE h.hold_id IS NULL OR h.amount_minor <> b.own
					OR h.account_id <> 'account:player_cash:' || b.currency || ':' || b.player_id COLLATE "C"
					OR h.status <> CASE b.status WHEN 1 THEN 1 WHEN 4 THEN 3 ELSE 2 END
					OR h.captured_minor <> CASE WHEN b.status IN (2, 3) THEN b.own ELSE 0 END END`,
	},
	{
		holds: store.BetsWinTheirResults,
		rows:  "SELECT count(*) FROM settlements",
		bad: `SELECT format('%s of %s: status %s, won %s by %s results; told %s by %s, last ones: %s',
				coalesce(b.bet_id, 'settlement' || substr(s.bet, 4) || '/'),
				coalesce(b.tenant_id, s.tenant_id), b.status, b.won_minor, b.results, s.won, s.results, s.last)
			FROM bets b FULL JOIN (
				SELECT tenant_id, ('bet:' || provider_id || '/' || bet_id) COLLATE "C" AS bet, count(*) AS results, sum(win_minor) AS won,
					count(*) FILTER (WHERE NOT partial) AS last FROM settlements GROUP BY 1, 2
			) s ON s.tenant_id = b.tenant_id AND s.bet = b.bet_id
			WHERE b.bet_id IS NULL OR b.won_minor <> coalesce(s.won, 0) OR b.results <> coalesce(s.results, 0)
				OR coalesce(s.last, 0) <> (b.status IN (2, 3))::int OR b.status = 2 AND b.won_minor = 0 OR b.status IN (3, 4) AND b.won_minor > 0
				OR b.status = 4 AND b.results > 0`,
	},
	{
		holds: store.WinsAreBooked,
		rows:  "SELECT count(*) FROM settlements",
		bad: `SELECT format('%s of %s: won %s, credited %s', settlement_id, tenant_id, win_minor, credited) FROM (
				SELECT s.tenant_id, s.settlement_id, s.win_minor, coalesce(sum(e.amount_minor), 0) AS credited FROM settlements s
					LEFT JOIN ledger_entries e ON e.transfer_id = ('transfer' || substr(s.settlement_id, 11) || '/win') COLLATE "C"
						AND e.tenant_id = s.tenant_id AND e.account IN (('account:player_cash:' || s.currency || ':' || s.player_id) COLLATE "C",
							('account:player_bonus:' || s.currency || ':' || s.player_id) COLLATE "C")
				GROUP BY 1, 2, 3) AS wins
			WHERE credited <> win_minor
			UNION ALL
			SELECT format('%s of %s: a win of no result', t.transfer_id, t.tenant_id) FROM ledger_transfers t
			WHERE t.kind = 'bet.win' AND NOT EXISTS (SELECT FROM settlements s WHERE s.tenant_id = t.tenant_id
				AND s.settlement_id = ('settlement' || substr(t.transfer_id, 9, length(t.transfer_id) - 12)) COLLATE "C")
			UNION ALL
			SELECT format('%s of %s: an amount of no bet', t.transfer_id, t.tenant_id) FROM ledger_transfers t
			WHERE t.kind = 'bet.capture' AND NOT EXISTS (SELECT FROM bets b WHERE b.tenant_id = t.tenant_id
				AND b.bet_id = ('bet' || substr(t.transfer_id, 9, length(t.transfer_id) - 16)) COLLATE "C" AND b.status IN (2, 3))`,
	},
	{
		holds: store.BetsHaveSession,
		rows:  "SELECT count(*) FROM bets",
		bad: `SELECT format('%s of %s: session %s of %s in %s, round %s of %s', b.bet_id, b.tenant_id, s.session_id, s.player_id, s.game_id,
				r.round_id, r.game_id)
			FROM bets b LEFT JOIN sessions s ON s.session_id = ('session:' || b.provider_id || '/' || b.session_id) COLLATE "C"
					AND s.tenant_id = b.tenant_id
				LEFT JOIN rounds r ON r.round_id = ('round:' || b.provider_id || '/' || b.round_id) COLLATE "C" AND r.tenant_id = b.tenant_id
				LEFT JOIN players p ON p.player_id = ('player:' || b.player_id) COLLATE "C" AND p.tenant_id = b.tenant_id
			WHERE b.amount_minor > 0 AND (p.player_id IS NULL OR s.session_id IS NULL OR r.round_id IS NULL OR s.player_id <> b.player_id
				OR s.game_id <> b.game_id OR r.game_id <> b.game_id OR s.currency <> b.currency)`,
	},
}
