#!lua flags=allow-oom
-- Applies to lead the beat of this second: elects the leader, reads the time and publishes, in one step.
--
-- KEYS  the beat, a hash. In a cluster, the server of its slot defines the time.
-- ARGV  1 node   2 lateness of the leader before another takes over, ms   3 generation, if the store has none
--       4 the node's cluster clock, ms (0: unknown)       5 PUBLISH or SPUBLISH   6 the channel
-- The script runs with a full memory too (`allow-oom`): it overwrites existing fields.
-- Reply {number of the last beat, time in ms, leader, generation, absorbed backward step in ms}
local TOLERANCE_MS = 1000            -- clocks of nodes and servers differ by less
local CONTINUES_WITHIN_MS = 3000     -- a clock this little ahead of the last beat made no large step
local ABSORBED_AS_DATE_MAX_MS = 60000 -- of the port: of what is absorbed beyond this, whole seconds stay absorbed
local SLEW_MS = 5                    -- part of an absorbed step that is returned per beat

local beat = redis.pcall('HMGET', KEYS[1], 'n', 'by', 'gen', 'off')
if beat.err then
  -- Another program has overwritten the key. Nothing else is lost with it, so that it begins again, as in an empty store.
  if not string.find(beat.err, 'WRONGTYPE', 1, true) then error(beat.err, 0) end
  redis.call('DEL', KEYS[1])
  beat = {}
end
local last, by = tonumber(beat[1] or '0') or 0, beat[2] or ''
local gen, off = beat[3] or ARGV[3], tonumber(beat[4] or '0') or 0
if not string.find(gen, '^%x+$') or #gen > 16 then gen = ARGV[3] end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + off

-- Cluster time does not step back: this server's clock stepped back, or the previous server's clock was ahead.
-- While beats continue by this server's clock, a node whose clock is far ahead is wrong, and not the server.
local expected = tonumber(ARGV[4])
local stored_off = off
local since_last = now - last * 1000
local continues = since_last >= 0 and since_last < CONTINUES_WITHIN_MS
if continues and expected - now >= ABSORBED_AS_DATE_MAX_MS then expected = 0 end
local back = math.max(expected, last * 1000) - now
local stepped = back > TOLERANCE_MS
if stepped then
  off = off + back
  now = now + back
elseif expected > 0 and now - math.max(expected, (last + 1) * 1000) > TOLERANCE_MS then
  -- The clock that had stepped back was corrected, or its server was replaced. If only the node's clock is late,
  -- the last beat is not.
  local returned = math.min(off, now - expected)
  off = off - returned
  now = now - returned
end

local n = math.floor(now / 1000)
local late = now - (last + 1) * 1000
local led_by_another = by ~= '' and by ~= ARGV[1]
if n <= last or (led_by_another and late < tonumber(ARGV[2])) then
  if off ~= stored_off then redis.call('HSET', KEYS[1], 'off', off) end
  return { last, now, by, gen, off }
end
if not stepped and off > 0 then
  local kept = off < ABSORBED_AS_DATE_MAX_MS and 0 or off - off % 1000
  off = math.max(kept, off - SLEW_MS)
end
redis.call('HSET', KEYS[1], 'n', n, 'by', ARGV[1], 'gen', gen, 'off', off)
redis.call(ARGV[5], ARGV[6], n .. ' ' .. now .. ' ' .. gen .. ' ' .. off .. ' ' .. ARGV[1])
return { n, now, ARGV[1], gen, off }
