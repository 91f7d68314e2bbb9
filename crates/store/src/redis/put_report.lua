#!lua flags=allow-oom
-- Writes the report of a node, and removes reports that are too old or too many.
-- KEYS  reports: a hash by node, the instants of the reports: a sorted set
-- ARGV  1 node  2 report  3 how long reports are kept, in ms  4 most reports to remove for one reason
--       5 most reports to keep    Reply 1
-- The script runs with a full memory too (`allow-oom`): operators look then, and a report overwrites the node's last one.
local LIFETIME_MS = 3600000 -- of the reports of a cluster whose nodes have all ended

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])

local function remove(nodes)
  if #nodes == 0 then return end
  redis.call('HDEL', KEYS[1], unpack(nodes))
  redis.call('ZREM', KEYS[2], unpack(nodes))
end
remove(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. now - ARGV[3], 'LIMIT', 0, ARGV[4]))
local surplus = math.min(redis.call('ZCARD', KEYS[2]) - ARGV[5], tonumber(ARGV[4]))
if surplus > 0 then remove(redis.call('ZRANGE', KEYS[2], 0, surplus - 1)) end

redis.call('PEXPIRE', KEYS[1], LIFETIME_MS)
redis.call('PEXPIRE', KEYS[2], LIFETIME_MS)
return 1
