-- Resigns leadership: any node may lead the next second, and all nodes are notified.
-- KEYS  the beat   ARGV  1 node   2 PUBLISH or SPUBLISH   3 the channel   Reply 1 if the node was the leader
if redis.call('HGET', KEYS[1], 'by') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'by', '')
redis.call(ARGV[2], ARGV[3], 'vacant')
return 1
