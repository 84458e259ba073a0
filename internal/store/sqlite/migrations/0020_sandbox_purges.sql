-- How far the purge of generations of sandboxes that were reset has come; sandboxes that never were have no row.
CREATE TABLE sandbox_purges (
  tenant_id  TEXT    NOT NULL,
  sandbox_id TEXT    NOT NULL,
  purged     INTEGER NOT NULL CHECK (purged >= 0), -- nothing is left of the generations up to this one
  purging    INTEGER NOT NULL CHECK (purging >= purged), -- those up to this one are deleted, and looked at by no check any more
  seen       INTEGER NOT NULL CHECK (seen > purging), -- the generation that was the present one at seen_at_us; those before it are deleted later
  seen_at_us INTEGER NOT NULL,
  PRIMARY KEY (sandbox_id, tenant_id)
) STRICT, WITHOUT ROWID;
