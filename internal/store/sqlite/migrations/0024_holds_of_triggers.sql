-- Holds of triggers were named as a bonus's part of a bet may be; they have a part of their own at the end now.
UPDATE account_holds SET hold_id = hold_id || '/jackpot'
WHERE account_id GLOB 'account:jackpot_pool:*' AND EXISTS (SELECT 1 FROM jackpot_triggers g
  WHERE g.tenant_id = account_holds.tenant_id AND 'hold' || substr(g.trigger_row, 16) = account_holds.hold_id);
