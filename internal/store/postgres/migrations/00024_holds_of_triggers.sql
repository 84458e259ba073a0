-- +goose Up

-- Holds of triggers were named as a bonus's part of a bet may be; they have a part of their own at the end now.
UPDATE account_holds h SET hold_id = h.hold_id || '/jackpot' FROM jackpot_triggers g
WHERE g.tenant_id = h.tenant_id AND h.hold_id = ('hold' || substr(g.trigger_row, 16)) COLLATE "C" AND h.account_id LIKE 'account:jackpot_pool:%';

-- Secondary indexes do not begin as primary keys do: without statistics PostgreSQL took them for lookups by key and read a whole tenant for each row.
DROP INDEX bonuses_by_time, bonuses_by_player, jackpots_by_time, jackpot_triggers_by_time;
CREATE INDEX bonuses_by_time ON bonuses (brand_id, region, tenant_id, created_at, bonus_id);
CREATE INDEX bonuses_by_player ON bonuses (player_id, tenant_id, created_at, bonus_id);
CREATE INDEX jackpots_by_time ON jackpots (provider_id, tenant_id, created_at, jackpot_id);
CREATE INDEX jackpot_triggers_by_time ON jackpot_triggers (provider_id, jackpot_id, tenant_id, created_at, trigger_row);
COMMENT ON TABLE jackpot_triggers IS 'Winnings of jackpots. The hold is hold:<provider>/<jackpot_id>/<trigger_id>/jackpot.';

-- +goose Down
UPDATE account_holds h SET hold_id = left(h.hold_id, -length('/jackpot')) FROM jackpot_triggers g
WHERE g.tenant_id = h.tenant_id AND h.hold_id = ('hold' || substr(g.trigger_row, 16) || '/jackpot') COLLATE "C";
DROP INDEX bonuses_by_time, bonuses_by_player, jackpots_by_time, jackpot_triggers_by_time;
CREATE INDEX bonuses_by_time ON bonuses (tenant_id, brand_id, region, created_at, bonus_id);
CREATE INDEX bonuses_by_player ON bonuses (tenant_id, player_id, created_at, bonus_id);
CREATE INDEX jackpots_by_time ON jackpots (tenant_id, provider_id, created_at, jackpot_id);
CREATE INDEX jackpot_triggers_by_time ON jackpot_triggers (tenant_id, provider_id, jackpot_id, created_at, trigger_row);
COMMENT ON TABLE jackpot_triggers IS 'Winnings of jackpots. The hold is hold:<provider>/<jackpot_id>/<trigger_id>.';
