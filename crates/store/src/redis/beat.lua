#!lua flags=allow-oom
-- One wish to lead the beat of this second: elects, tells the time and publishes, in one step.
--
-- KEYS  the beat, a hash; its name is the channel too   Of a cluster, its slot is the cluster's time.
-- ARGV  1 node   2 how late the leader must be, ms   3 generation, if the store has none
--       4 the node's cluster clock, ms (0: it has none)       5 PUBLISH or SPUBLISH
-- A full memory is no reason to stand still: it writes over what is there.
-- Answer  {number of the last beat, time in ms, who leads, generation, step back absorbed in ms}
local TOLERATED_MS = 1000     -- clocks of nodes and servers differ by less
local LARGEST_STEP_MS = 60000 -- a larger step back is a clock that was put right, and is believed
local SLEW_MS = 5             -- how much of an absorbed step is given back each beat

local beat = redis.call('HMGET', KEYS[1], 'n', 'by', 'gen', 'off')
local last, by = tonumber(beat[1] or '0') or 0, beat[2] or ''
local gen, off = beat[3] or ARGV[3], tonumber(beat[4] or '0') or 0
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + off

-- This server's clock went back, or that of the server before it was ahead: cluster time stays where it was.
local expected = tonumber(ARGV[4])
local known_off = off
local back = math.max(expected, last * 1000) - now
local stepped = back > TOLERATED_MS and back < LARGEST_STEP_MS
if stepped then
  off = off + back
  now = now + back
elseif expected > 0 and now - expected > TOLERATED_MS then
  -- The clock that had gone back is right again, or has gone with its server.
  local given_back = math.min(off, now - expected)
  off = off - given_back
  now = now - given_back
end

local n = math.floor(now / 1000)
if last - n >= LARGEST_STEP_MS / 1000 then last = n - 1 end -- beats are counted anew
local late = now - (last + 1) * 1000
local led_by_another = by ~= '' and by ~= ARGV[1]
if n <= last or (led_by_another and late < tonumber(ARGV[2])) then
  if off ~= known_off then redis.call('HSET', KEYS[1], 'off', off) end
  return { last, now, by, gen, off }
end
if not stepped and off > 0 then off = math.max(0, off - SLEW_MS) end
redis.call('HSET', KEYS[1], 'n', n, 'by', ARGV[1], 'gen', gen, 'off', off)
redis.call(ARGV[5], KEYS[1], n .. ' ' .. now .. ' ' .. gen .. ' ' .. off .. ' ' .. ARGV[1])
return { n, now, ARGV[1], gen, off }
