-- Reads entries of a history's index from a place among many rows of one instant, newest first; rows of one instant in the
-- descending order of their ids.
--
-- KEYS  history index
-- ARGV  1 oldest instant, ms   2 newest instant, ms   3 an id: of the newest instant only the rows below it   4 most entries
-- Reply id and score of each
local newest, below = ARGV[2], ARGV[3]

-- Compares as the index does. The comparison of Lua depends on the locale of the server.
local function is_below(a, b)
  for at = 1, math.min(#a, #b) do
    local x, y = string.byte(a, at), string.byte(b, at)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- The row may be gone, so its place is searched.
local first = redis.call('ZCOUNT', KEYS[1], '(' .. newest, '+inf')
local low, high = first, first + redis.call('ZCOUNT', KEYS[1], newest, newest)
while low < high do
  local middle = math.floor((low + high) / 2)
  if is_below(redis.call('ZREVRANGE', KEYS[1], middle, middle)[1], below) then high = middle else low = middle + 1 end
end
local last = math.min(low + tonumber(ARGV[4]), redis.call('ZCOUNT', KEYS[1], ARGV[1], '+inf')) - 1
if last < low then return {} end
return redis.call('ZREVRANGE', KEYS[1], low, last, 'WITHSCORES')
