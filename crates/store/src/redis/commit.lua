-- Executes one commit of one board in one step: compare, write, publish.
--
-- KEYS  board hash, due index, history rows, history index, and the index of terms if the commit has rows, deletes some, or
--       moves the end of the scope: one hash tag
-- ARGV  1 expected tag ('' if the board was never written)   2 command id, 8 bytes
--       3 stale from, ms    4 late after, ms     5 new tag   6 the board's new time, ms
--       7 scope    8 deadline: '' keeps it, '0' clears it, else ms
--       9 PUBLISH or SPUBLISH   10 channel   11 update
--       12 '' or the time in ms after which the scope's board and history end   13 'after' sets that end,
--       'within' only brings it forward   14 '' or most rows of the history   15 '' or its most bytes
--       16 number of items to write, then field and value of each
--       then the number of items to delete, then the field of each
--       then the number of rows, then id, ms and value of each; of several rows of one id the last counts
--       then the number of rows to delete, then the id of each
-- Reply {status, revision, this server's time in ms, receivers of the update or -1 if publishing was rejected}
-- The status `uncounted` asks for `count_history.lua`: the history was written before its bytes were counted.
-- 3 and 4 are on this server's clock, which can differ from cluster time.
--
-- A script has no rollback, so it checks everything before the first write. A failed check raises
-- `rejected before the first write`: nothing was done. After that, only a revoked permission can fail; any
-- other error leaves it unknown what was written. A rejected publication is reported in the reply, not raised.
local ITEMS_MAX, REMOVALS_MAX = 1000, 1000                 -- of the port; HSET unpacks all items: Lua allows < 8,000 values
local ROWS_MAX, ROW_REMOVALS_MAX = 5000, 5000              -- of the port
local UNPACK_MAX = 4000                                    -- even; values that one call gets of a longer list
local HEADER, FIXED = 1, 10                                -- the first byte of a value with terms; their number is the tenth
local RECENT_IDS_MAX, RECENT_ID_AGE_MAX_MS = 64, 300000    -- of the port
local RECORD = 20                                          -- a recent id: 8 bytes id, 6 revision, 6 time

local function reject(reason) error('rejected before the first write: ' .. reason, 0) end
local head = redis.pcall('HMGET', KEYS[1], '@rev', '@tag', '@ids', '@history')
if head.err then reject('the board: ' .. head.err) end
local rev, tag, ids = tonumber(head[1] or '0'), head[2] or '', head[3] or ''
if not rev then reject('the revision of the board is not a number') end
if #ids % RECORD ~= 0 then reject('the recent command ids of the board are cut') end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function revision_of(id)
  for at = 1, #ids, RECORD do
    if string.sub(ids, at, at + 7) == id then
      local made, committed_at = struct.unpack('>I6I6', ids, at + 8)
      if now - committed_at < RECENT_ID_AGE_MAX_MS then return made end
    end
  end
end

local id = ARGV[2]
local made = revision_of(id)
if made then return { 'repeated', made, now, 0 } end
if tag ~= ARGV[1] then return { 'conflict', rev, now, 0 } end
if now > tonumber(ARGV[4]) then return { 'late', rev, now, 0 } end
if now >= tonumber(ARGV[3]) then return { 'stale', rev, now, 0 } end

local next_arg = 16
local function take()
  local value = ARGV[next_arg]
  next_arg = next_arg + 1
  if value == nil then reject('an argument is missing') end
  return value
end
local function take_count(max, what)
  local n = tonumber(take())
  if not n or n < 0 or n > max then reject('too many ' .. what) end
  return n
end

-- Returns the entries of a stored row in the index of terms, if it has any. A row with terms begins with HEADER, its instant in
-- 8 bytes, and the number of terms; the length and the text of each follow. An entry is the term, a zero byte, the instant and the
-- id. A damaged row has no entries: queries skip those that are there.
local function entries_of(row, value)
  if string.byte(value) ~= HEADER then return nil end
  local key, at, entries = '\0' .. string.sub(value, 2, FIXED - 1) .. row, FIXED + 1, {}
  for _ = 1, string.byte(value, FIXED) or 0 do
    local length = string.byte(value, at) or #value
    if at + length > #value then return nil end
    entries[#entries + 1] = string.sub(value, at + 1, at + length) .. key
    at = at + 1 + length
  end
  return entries
end

local fields, removed = {}, {}
local rows, row_ids = {}, {} -- each id once; `false` for a row to delete
for _ = 1, 2 * take_count(ITEMS_MAX, 'items') do fields[#fields + 1] = take() end
for _ = 1, take_count(REMOVALS_MAX, 'deletions') do removed[#removed + 1] = take() end
for _ = 1, take_count(ROWS_MAX, 'rows') do
  local row, at, value = take(), take(), take()
  if not tonumber(at) then reject('a row has no time') end
  if rows[row] == nil then row_ids[#row_ids + 1] = row end
  rows[row] = { at, value }
end
for _ = 1, take_count(ROW_REMOVALS_MAX, 'deletions of rows') do
  local row = take()
  if rows[row] then reject('a row is written and deleted') end
  if rows[row] == nil then row_ids[#row_ids + 1] = row end
  rows[row] = false
end
local deadline, lifetime, rows_max, bytes_max = ARGV[8], ARGV[12], ARGV[14], ARGV[15]
if deadline ~= '' and not tonumber(deadline) then reject('the deadline is not a number') end
if lifetime ~= '' and not tonumber(lifetime) then reject('the lifetime is not a number') end
if ARGV[13] ~= 'after' and ARGV[13] ~= 'within' then reject('the kind of the lifetime is unknown') end
if rows_max ~= '' and not tonumber(rows_max) then reject('the quota of rows is not a number') end
if bytes_max ~= '' and not tonumber(bytes_max) then reject('the quota of bytes is not a number') end
if #id ~= 8 then reject('the command id does not have 8 bytes') end
local function check_type(key, expected, what)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= expected then reject(what .. ' is a ' .. found) end
end
if deadline ~= '' then check_type(KEYS[2], 'zset', 'the due index') end
local history_bytes
local stale, indexed = {}, {} -- entries of the index of terms: to remove, and to add with a score of 0 before each
if #row_ids > 0 then
  check_type(KEYS[3], 'hash', 'the history')
  check_type(KEYS[4], 'zset', 'the index of the history')
  local stored = redis.call('HLEN', KEYS[3])
  local added_rows, added_bytes = 0, 0
  for _, id in ipairs(row_ids) do
    local row, old = rows[id], redis.call('HGET', KEYS[3], id)
    if row then added_rows, added_bytes = added_rows + 1, added_bytes + #id + #row[2] end
    if old then added_rows, added_bytes = added_rows - 1, added_bytes - #id - #old end
    local entries, old_entries = row and entries_of(id, row[2]), old and entries_of(id, old)
    if entries then
      for _, entry in ipairs(entries) do
        indexed[#indexed + 1] = 0
        indexed[#indexed + 1] = entry
      end
    end
    if old_entries then
      local kept = {}
      for _, entry in ipairs(entries or {}) do kept[entry] = true end
      for _, entry in ipairs(old_entries) do
        if not kept[entry] then stale[#stale + 1] = entry end
      end
    end
  end
  -- What makes the history smaller passes, whatever its size.
  if rows_max ~= '' and added_rows > 0 and stored + added_rows > tonumber(rows_max) then
    return { 'rows-full', rev, now, 0 }
  end
  local bytes = stored == 0 and 0 or tonumber(head[4] or '')
  if not bytes then return { 'uncounted', rev, now, 0 } end
  history_bytes = bytes + added_bytes
  if bytes_max ~= '' and added_bytes > 0 and history_bytes > tonumber(bytes_max) then
    return { 'bytes-full', rev, now, 0 }
  end
end
if #indexed > 0 or #stale > 0 then
  if not KEYS[5] then reject('the key of the index of terms is missing') end
  check_type(KEYS[5], 'zset', 'the index of terms')
end

-- All checks have passed; the writes begin here.
rev = rev + 1
if #ids >= RECENT_IDS_MAX * RECORD then ids = string.sub(ids, #ids - (RECENT_IDS_MAX - 1) * RECORD + 1) end
ids = ids .. id .. struct.pack('>I6I6', rev, now)
for _, value in ipairs({ '@rev', rev, '@tag', ARGV[5], '@ids', ids, '@at', ARGV[6] }) do
  fields[#fields + 1] = value
end
if history_bytes then
  fields[#fields + 1] = '@history'
  fields[#fields + 1] = history_bytes
end
redis.call('HSET', KEYS[1], unpack(fields))
if #removed > 0 then redis.call('HDEL', KEYS[1], unpack(removed)) end
if deadline == '0' then
  redis.call('ZREM', KEYS[2], ARGV[7])
elseif deadline ~= '' then
  redis.call('ZADD', KEYS[2], deadline, ARGV[7])
end
for _, id in ipairs(row_ids) do
  local row = rows[id]
  if row then
    redis.call('HSET', KEYS[3], id, row[2])
    redis.call('ZADD', KEYS[4], row[1], id)
  else
    redis.call('HDEL', KEYS[3], id)
    redis.call('ZREM', KEYS[4], id)
  end
end
if #indexed > 0 or #stale > 0 then
  local function call_in_parts(command, values)
    for from = 1, #values, UNPACK_MAX do
      redis.call(command, KEYS[5], unpack(values, from, math.min(from + UNPACK_MAX - 1, #values)))
    end
  end
  call_in_parts('ZREM', stale)
  call_in_parts('ZADD', indexed)
end
if lifetime ~= '' then
  for _, key in ipairs({ KEYS[1], KEYS[3], KEYS[4], KEYS[5] }) do
    local left = ARGV[13] == 'within' and redis.call('PTTL', key) or -1
    if left < 0 or left > tonumber(lifetime) then redis.call('PEXPIRE', key, lifetime) end
  end
end
local receivers = redis.pcall(ARGV[9], ARGV[10], ARGV[11])
return { 'done', rev, now, type(receivers) == 'number' and receivers or -1 }
