-- Reads a part of a scope's history, newest first; rows of one instant in the descending order of their ids.
--
-- KEYS  history rows, history index: one hash tag
-- ARGV  1 oldest instant, ms   2 newest instant, ms   3 '' or an id: of the newest instant only the rows below it
--       4 most rows
-- Reply id, score and value of each row; the value is nil if the row is missing
local index, newest, below = KEYS[2], ARGV[2], ARGV[3]

-- Compares as the index does. The comparison of Lua depends on the locale of the server.
local function is_below(a, b)
  for at = 1, math.min(#a, #b) do
    local x, y = string.byte(a, at), string.byte(b, at)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local first = redis.call('ZCOUNT', index, '(' .. newest, '+inf')
if below ~= '' then
  -- The row may be gone, so its place among the rows of its instant is searched.
  local low, high = first, first + redis.call('ZCOUNT', index, newest, newest)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_below(redis.call('ZREVRANGE', index, middle, middle)[1], below) then high = middle else low = middle + 1 end
  end
  first = low
end
local last = math.min(first + tonumber(ARGV[4]), redis.call('ZCOUNT', index, ARGV[1], '+inf')) - 1
if last < first then return {} end
local entries, ids = redis.call('ZREVRANGE', index, first, last, 'WITHSCORES'), {}
for at = 1, #entries, 2 do ids[#ids + 1] = entries[at] end
local values, reply = redis.call('HMGET', KEYS[1], unpack(ids)), {}
for nth, value in ipairs(values) do
  reply[3 * nth - 2], reply[3 * nth - 1], reply[3 * nth] = entries[2 * nth - 1], entries[2 * nth], value
end
return reply
