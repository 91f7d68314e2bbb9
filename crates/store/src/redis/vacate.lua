-- The leader resigns: the next second is open to all, and they are told.
-- KEYS  the beat   ARGV  1 node   2 PUBLISH or SPUBLISH   Answer  1 if it led
if redis.call('HGET', KEYS[1], 'by') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'by', '')
redis.call(ARGV[2], KEYS[1], 'vacant')
return 1
