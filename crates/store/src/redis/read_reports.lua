-- Reads the reports of all nodes.
-- KEYS  reports: a hash by node, the instants of the reports: a sorted set    ARGV  none
-- Reply an array of node, report and age in ms, one after the other
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local reply = {}
local instants = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for at = 1, #instants, 2 do
  local report = redis.call('HGET', KEYS[1], instants[at])
  if report then
    reply[#reply + 1] = instants[at]
    reply[#reply + 1] = report
    -- The clock may have been set back since.
    reply[#reply + 1] = math.max(0, now - tonumber(instants[at + 1]))
  end
end
return reply
