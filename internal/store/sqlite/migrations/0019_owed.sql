-- Seeds that voided triggers should have given back to the house, and that others had won by then: what comes in next goes there. Those of
-- before are owed from now on.
ALTER TABLE jackpots ADD COLUMN owed_minor INTEGER NOT NULL DEFAULT 0 CHECK (owed_minor >= 0);
UPDATE jackpots SET owed_minor = max(0, coalesce((SELECT sum(g.reseed_minor) FROM jackpot_triggers g WHERE g.tenant_id = jackpots.tenant_id
    AND g.provider_id = jackpots.provider_id AND g.jackpot_id = substr(jackpots.jackpot_id, 10 + length(jackpots.provider_id)) AND g.status = 3), 0)
    - returned_minor) WHERE status = 1;
