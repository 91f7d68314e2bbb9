-- Counts the bytes of a part of a history that was written before bytes were counted. The last call stores the sum, on the
-- condition that the board has not changed since the first.
--
-- KEYS  board hash, history rows, history index: one hash tag
-- ARGV  1 the board's tag ('' if it was never written)   2 rows counted so far   3 their bytes
-- Reply {whether the count is over, rows counted so far, their bytes}
local ROWS_MAX = 1000 -- in one call, during which the server serves nobody else

if (redis.call('HGET', KEYS[1], '@tag') or '') ~= ARGV[1] then return { 1, 0, 0 } end
local counted, bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local ids = redis.call('ZRANGE', KEYS[3], counted, counted + ROWS_MAX - 1)
for _, id in ipairs(ids) do bytes = bytes + #id + redis.call('HSTRLEN', KEYS[2], id) end
counted = counted + #ids
if #ids == ROWS_MAX then return { 0, counted, bytes } end
redis.call('HSET', KEYS[1], '@history', bytes)
return { 1, counted, bytes }
