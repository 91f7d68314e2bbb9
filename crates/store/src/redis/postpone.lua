-- Postpones a deadline that can't be carried out, unless it has changed since it was read.
-- KEYS  the due index   ARGV  1 scope   2 the deadline as read, ms   3 the time of the next attempt, ms
-- Reply 1 if it was postponed
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not at or tonumber(at) ~= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1
