-- +goose Up

-- How far the purge of generations of sandboxes that were reset has come.
CREATE TABLE sandbox_purges (
    tenant_id  text COLLATE "C" NOT NULL,
    sandbox_id text COLLATE "C" NOT NULL,
    purged     bigint NOT NULL CHECK (purged >= 0),
    purging    bigint NOT NULL CHECK (purging >= purged),
    seen       bigint NOT NULL CHECK (seen > purging),
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, sandbox_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE sandbox_purges IS 'How far the purge of generations of sandboxes that were reset has come. Sandboxes that never were have no row.';
COMMENT ON COLUMN sandbox_purges.purged IS 'nothing is left of the generations up to this one';
COMMENT ON COLUMN sandbox_purges.purging IS 'those up to this one are deleted, and looked at by no check any more';
COMMENT ON COLUMN sandbox_purges.seen IS 'the generation that was the present one at seen_at; those before it are deleted some time later';

-- +goose Down
DROP TABLE sandbox_purges;
