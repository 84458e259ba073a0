-- +goose Up

-- One bet, or one round of a player, triggers a jackpot once: what rests on the same is looked up among the player's triggers, by the round.
UPDATE jackpot_triggers g SET round_id = b.round_id FROM bets b
WHERE b.tenant_id = g.tenant_id AND b.bet_id = ('bet:' || g.provider_id || '/' || g.bet_id) COLLATE "C" AND g.bet_id <> '' AND g.round_id = '';
COMMENT ON COLUMN jackpot_triggers.bet_id IS 'empty of one that rests on the round as a whole';
CREATE INDEX jackpot_triggers_by_player ON jackpot_triggers (provider_id, jackpot_id, player_id, tenant_id, created_at, trigger_row);

-- +goose Down
DROP INDEX jackpot_triggers_by_player;
