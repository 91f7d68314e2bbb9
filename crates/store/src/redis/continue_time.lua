-- Lets the store continue the time of another one.
--
-- KEYS  the beat, a hash
-- ARGV  1 a time that the store's time must not be before, ms   2 backward steps that the other store has absorbed, ms
--       3 '1' if nothing is stored whose instants depend on the time so far
-- Reply the absorbed backward steps in ms
local TOLERANCE_MS = 1000 -- of beat.lua

local off = tonumber(ARGV[2])
if ARGV[3] == '1' then
  redis.call('DEL', KEYS[1])
else
  off = math.max(off, tonumber(redis.call('HGET', KEYS[1], 'off') or '0') or 0)
end
local time = redis.call('TIME')
local back = tonumber(ARGV[1]) - (time[1] * 1000 + math.floor(time[2] / 1000) + off)
if back > TOLERANCE_MS then off = off + back end
redis.call('HSET', KEYS[1], 'off', off)
return off
