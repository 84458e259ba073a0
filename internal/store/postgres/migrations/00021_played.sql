-- +goose Up

-- What a player has played is written with every bet: six integers a period instead of objects, empty for nothing.
ALTER TABLE players ADD COLUMN numbers text NOT NULL DEFAULT '';
UPDATE players SET numbers = (
    SELECT '[' || string_agg(concat_ws(',', period, extract(epoch FROM "from")::bigint, coalesce(wagered_minor, 0), coalesce(won_minor, 0),
        coalesce(deposited_minor, 0), coalesce(session_seconds, 0)), ',') || ']'
    FROM jsonb_to_recordset(played) AS p(period integer, "from" timestamptz, wagered_minor bigint, won_minor bigint, deposited_minor bigint,
        session_seconds bigint))
WHERE played IS NOT NULL AND played <> '[]';
ALTER TABLE players DROP COLUMN played;
ALTER TABLE players RENAME COLUMN numbers TO played;
COMMENT ON COLUMN players.played IS
    '[period, from in Unix seconds, wagered_minor, won_minor, deposited_minor, session_seconds, ...]: the latest period of each kind; empty for nothing';

-- +goose Down
ALTER TABLE players ADD COLUMN objects jsonb;
UPDATE players SET objects = (
    SELECT jsonb_agg(jsonb_build_object('period', numbers -> (at * 6), 'from', to_timestamp((numbers -> (at * 6 + 1))::bigint),
        'wagered_minor', numbers -> (at * 6 + 2), 'won_minor', numbers -> (at * 6 + 3), 'deposited_minor', numbers -> (at * 6 + 4),
        'session_seconds', numbers -> (at * 6 + 5)))
    FROM (SELECT played::jsonb AS numbers) AS n, generate_series(0, jsonb_array_length(n.numbers) / 6 - 1) AS at)
WHERE played <> '';
ALTER TABLE players DROP COLUMN played;
ALTER TABLE players RENAME COLUMN objects TO played;
