-- Reads a part of the rows of a scope's history that have a term, newest first. Removes entries of the index that are not those
-- of their row: a node of a version that does not know terms leaves them when it replaces a row.
--
-- KEYS  history rows, index of terms: one hash tag
-- ARGV  1 the term   2 upper bound of entries   3 lower bound of entries   4 most entries
-- Reply the last entry that was read, or '' if there are no more; then entry and value of each row
local HEADER, FIXED = 1, 10 -- see commit.lua
local TERM = ARGV[1]
local INSTANT = #TERM + 2   -- the place of the instant in an entry; 8 bytes, then the id

local function has_entry(value, instant)
  if not value or string.byte(value) ~= HEADER or string.sub(value, 2, FIXED - 1) ~= instant then return false end
  local at = FIXED + 1
  for _ = 1, string.byte(value, FIXED) or 0 do
    local length = string.byte(value, at) or 0
    if string.sub(value, at + 1, at + length) == TERM then return true end
    at = at + 1 + length
  end
  return false
end

local entries = redis.call('ZREVRANGEBYLEX', KEYS[2], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
if #entries == 0 then return { '' } end
local ids, stale = {}, {}
local reply = { #entries == tonumber(ARGV[4]) and entries[#entries] or '' }
for nth, entry in ipairs(entries) do ids[nth] = string.sub(entry, INSTANT + 8) end
for nth, value in ipairs(redis.call('HMGET', KEYS[1], unpack(ids))) do
  local entry = entries[nth]
  if has_entry(value, string.sub(entry, INSTANT, INSTANT + 7)) then
    reply[#reply + 1] = entry
    reply[#reply + 1] = value
  else
    stale[#stale + 1] = entry
  end
end
-- A server that refuses writes now keeps them until the next query.
if #stale > 0 then redis.pcall('ZREM', KEYS[2], unpack(stale)) end
return reply
