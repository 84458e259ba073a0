-- +goose Up

-- How often the sandboxes of providers were reset. What is in them belongs to tenants of their own.
CREATE TABLE sandboxes (
    tenant_id  text COLLATE "C" NOT NULL,
    sandbox_id text COLLATE "C" NOT NULL,
    generation bigint NOT NULL CHECK (generation > 1),
    reset_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, sandbox_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE sandboxes IS 'How often the sandboxes of providers were reset; a sandbox that never was has no row, and generation 1.';
COMMENT ON COLUMN sandboxes.tenant_id IS '<tenant>/sandbox; what is in a sandbox has <tenant>/sandbox/<provider>/<generation>';
COMMENT ON COLUMN sandboxes.sandbox_id IS 'sandbox:<provider>';

-- +goose Down
DROP TABLE sandboxes;
