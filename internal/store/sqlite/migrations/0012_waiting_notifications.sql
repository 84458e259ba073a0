-- Notifications that the pace has put off and that are SCHEDULED still. The allowance was used up by messages that were asked for, also by
-- those due in the far future; it begins anew, and counts messages that go.
ALTER TABLE contacts ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0);
UPDATE contacts SET paced_until_us = NULL, waiting = (
  SELECT count(*) FROM notifications n
  WHERE n.tenant_id = contacts.tenant_id AND n.user_id = contacts.user_id AND n.state = 1 AND n.reason = 'TOO_MANY_FOR_NOW'
);
