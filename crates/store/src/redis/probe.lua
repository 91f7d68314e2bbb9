-- Does on keys of the node's own all that Tickcast does on those of scopes, and publishes a word: what is
-- refused here (an ACL, a read-only replica, a full memory) is known before the first commit needs it.
--
-- KEYS  a hash, a sorted set: one hash tag     ARGV  1 PUBLISH or SPUBLISH  2 channel  3 word   Answer  this server's time in ms
local GONE_AFTER_MS = 60000

redis.call('HSET', KEYS[1], 'word', ARGV[3], 'gone', '')
redis.call('PEXPIRE', KEYS[1], GONE_AFTER_MS)
redis.call('ZADD', KEYS[2], 0, ARGV[3])
redis.call('PEXPIRE', KEYS[2], GONE_AFTER_MS)
redis.call('HDEL', KEYS[1], 'gone')
redis.call('HGET', KEYS[1], 'word')
redis.call('HMGET', KEYS[1], 'word')
redis.call('ZREM', KEYS[2], ARGV[3])
redis.call('TYPE', KEYS[1])
redis.call('ZSCORE', KEYS[2], ARGV[3])
redis.call(ARGV[1], ARGV[2], ARGV[3])
local time = redis.call('TIME')
return time[1] * 1000 + math.floor(time[2] / 1000)
