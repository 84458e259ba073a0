-- What a player has played is written with every bet: six integers a period instead of objects, empty for nothing.
-- [period, from in Unix seconds, wagered_minor, won_minor, deposited_minor, session_seconds, the same of the next period …]
UPDATE players SET played = (
  SELECT coalesce('[' || group_concat(
    json_extract(value, '$.period') || ',' || strftime('%s', json_extract(value, '$.from')) || ',' ||
    coalesce(json_extract(value, '$.wagered_minor'), 0) || ',' || coalesce(json_extract(value, '$.won_minor'), 0) || ',' ||
    coalesce(json_extract(value, '$.deposited_minor'), 0) || ',' || coalesce(json_extract(value, '$.session_seconds'), 0)) || ']', '')
  FROM json_each(coalesce(played, '[]')));
