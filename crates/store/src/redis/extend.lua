-- Postpones the end of a scope. Keys that have no end, or a later one, stay as they are.
--
-- KEYS  board hash, history rows, history index, index of terms: one hash tag     ARGV  1 the time from now, ms
-- Reply 1
for _, key in ipairs(KEYS) do
  local left = redis.call('PTTL', key)
  if left >= 0 and left < tonumber(ARGV[1]) then redis.call('PEXPIRE', key, ARGV[1]) end
end
return 1
