-- One bet, or one round of a player, triggers a jackpot once: what rests on the same is looked up among the player's triggers, by the round.
UPDATE jackpot_triggers SET round_id = coalesce((SELECT b.round_id FROM bets b WHERE b.tenant_id = jackpot_triggers.tenant_id
	AND b.bet_id = 'bet:' || jackpot_triggers.provider_id || '/' || jackpot_triggers.bet_id), '')
WHERE bet_id <> '' AND round_id = '';
CREATE INDEX jackpot_triggers_by_player ON jackpot_triggers (tenant_id, provider_id, jackpot_id, player_id, created_at_us, trigger_row);
