-- How often the sandboxes of providers were reset; one that never was has no row, and generation 1. What is in a sandbox belongs to a
-- tenant of its own.
CREATE TABLE sandboxes (
  tenant_id   TEXT    NOT NULL, -- <tenant>/sandbox; what is in a sandbox has <tenant>/sandbox/<provider>/<generation>
  sandbox_id  TEXT    NOT NULL, -- sandbox:<provider>
  generation  INTEGER NOT NULL CHECK (generation > 1),
  reset_at_us INTEGER NOT NULL,
  PRIMARY KEY (sandbox_id, tenant_id)
) STRICT, WITHOUT ROWID;
