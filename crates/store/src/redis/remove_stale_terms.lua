-- Removes entries of the index of terms that are not those of their rows. A node of a version that does not know terms leaves
-- them when it replaces a row.
--
-- KEYS  history rows, index of terms: one hash tag
-- ARGV  1 the term of all entries   2 and following: entries
-- Reply the number of removed entries
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

local removed = 0
for nth = 2, #ARGV do
  local entry = ARGV[nth]
  local value = redis.call('HGET', KEYS[1], string.sub(entry, INSTANT + 8))
  if not has_entry(value, string.sub(entry, INSTANT, INSTANT + 7)) then
    removed = removed + redis.call('ZREM', KEYS[2], entry)
  end
end
return removed
