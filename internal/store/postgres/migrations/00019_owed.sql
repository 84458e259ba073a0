-- +goose Up

-- Seeds that voided triggers should have given back, and that others had won by then. Those of before are owed from now on.
ALTER TABLE jackpots ADD COLUMN owed_minor bigint NOT NULL DEFAULT 0 CHECK (owed_minor >= 0);
COMMENT ON COLUMN jackpots.owed_minor IS 'to the house, of the seeds of triggers that were given up; what comes in next goes there';
UPDATE jackpots j SET owed_minor = greatest(0, coalesce((SELECT sum(g.reseed_minor) FROM jackpot_triggers g WHERE g.tenant_id = j.tenant_id
    AND g.provider_id = j.provider_id AND g.jackpot_id = substr(j.jackpot_id, 10 + length(j.provider_id)) AND g.status = 3), 0) - returned_minor)
    WHERE status = 1;

-- +goose Down
ALTER TABLE jackpots DROP COLUMN owed_minor;
