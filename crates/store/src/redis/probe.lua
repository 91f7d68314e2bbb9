-- Executes every operation that Tickcast needs on a scope's keys, on the node's own keys, and publishes a message.
-- A rejection (ACL, read-only replica, full memory) is thereby known before the first commit.
--
-- KEYS  a hash, a sorted set: one hash tag     ARGV  1 PUBLISH or SPUBLISH  2 channel  3 message
-- Reply this server's time in ms
local LIFETIME_MS = 60000

redis.call('HSET', KEYS[1], 'message', ARGV[3], 'removed', '')
redis.call('PEXPIRE', KEYS[1], LIFETIME_MS)
redis.call('ZADD', KEYS[2], 0, ARGV[3])
redis.call('PEXPIRE', KEYS[2], LIFETIME_MS)
redis.call('HDEL', KEYS[1], 'removed')
redis.call('HGET', KEYS[1], 'message')
redis.call('HMGET', KEYS[1], 'message')
redis.call('HSTRLEN', KEYS[1], 'message')
redis.call('HLEN', KEYS[1])
redis.call('PTTL', KEYS[1])
redis.call('ZRANGE', KEYS[2], 0, 0)
redis.call('ZREVRANGE', KEYS[2], 0, 0)
redis.call('ZREVRANGEBYLEX', KEYS[2], '+', '-', 'LIMIT', 0, 1)
redis.call('ZCOUNT', KEYS[2], 0, 0)
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('TYPE', KEYS[1])
redis.call('ZSCORE', KEYS[2], ARGV[3])
redis.call(ARGV[1], ARGV[2], ARGV[3])
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000)
