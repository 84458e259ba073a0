-- What the check of a player has come to: 0 nobody has told, 1 PENDING, 2 VERIFIED, 3 REJECTED.
ALTER TABLE players ADD COLUMN kyc_status INTEGER NOT NULL DEFAULT 0 CHECK (kyc_status BETWEEN 0 AND 3);
ALTER TABLE players ADD COLUMN kyc_reason TEXT NOT NULL DEFAULT '';
