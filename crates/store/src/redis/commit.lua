-- Executes one commit of one board in one step: compare, write, publish.
--
-- KEYS  board hash, due index, history bodies, history index: one hash tag
-- ARGV  1 expected tag ('' if the board was never written)   2 command id, 8 bytes
--       3 stale from, ms    4 late after, ms     5 new tag   6 the board's new time, ms
--       7 scope    8 deadline: '' keeps it, '0' clears it, else ms
--       9 PUBLISH or SPUBLISH   10 channel   11 update
--       12 '' or the time in ms after which the scope's board and history end   13 'after' sets that end,
--       'within' only brings it forward   14 '' or most rows of the history   15 '' or its most bytes
--       16 number of items to write, then field and value of each
--       then the number of items to delete, then the field of each
--       then the number of rows, then id, ms and body of each
-- Reply {status, revision, this server's time in ms, receivers of the update or -1 if publishing was rejected}
-- The status `uncounted` asks for `count_history.lua`: the history was written before its bytes were counted.
-- 3 and 4 are on this server's clock, which can differ from cluster time.
--
-- A script has no rollback, so it checks everything before the first write. A failed check raises
-- `rejected before the first write`: nothing was done. After that, only a revoked permission can fail; any
-- other error leaves it unknown what was written. A rejected publication is reported in the reply, not raised.
local ITEMS_MAX, REMOVALS_MAX, ROWS_MAX = 1000, 1000, 5000 -- of the port; HSET unpacks all items: Lua allows < 8,000 values
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

local fields, removed, rows = {}, {}, {}
for _ = 1, 2 * take_count(ITEMS_MAX, 'items') do fields[#fields + 1] = take() end
for _ = 1, take_count(REMOVALS_MAX, 'deletions') do removed[#removed + 1] = take() end
for _ = 1, take_count(ROWS_MAX, 'rows') do
  local row, at, body = take(), take(), take()
  if not tonumber(at) then reject('a row has no time') end
  rows[#rows + 1] = { row, at, body }
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
if #rows > 0 then
  check_type(KEYS[3], 'hash', 'the history')
  check_type(KEYS[4], 'zset', 'the index of the history')
  local stored = redis.call('HLEN', KEYS[3])
  local added_rows, added_bytes, lengths = 0, 0, {}
  for _, row in ipairs(rows) do
    local row_id, length = row[1], #row[3]
    local replaced = lengths[row_id] or redis.call('HSTRLEN', KEYS[3], row_id)
    lengths[row_id] = length
    if replaced == 0 then added_rows, replaced = added_rows + 1, -#row_id end
    added_bytes = added_bytes + length - replaced
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
for _, row in ipairs(rows) do
  redis.call('HSET', KEYS[3], row[1], row[3])
  redis.call('ZADD', KEYS[4], row[2], row[1])
end
if lifetime ~= '' then
  for _, key in ipairs({ KEYS[1], KEYS[3], KEYS[4] }) do
    local left = ARGV[13] == 'within' and redis.call('PTTL', key) or -1
    if left < 0 or left > tonumber(lifetime) then redis.call('PEXPIRE', key, lifetime) end
  end
end
local receivers = redis.pcall(ARGV[9], ARGV[10], ARGV[11])
return { 'done', rev, now, type(receivers) == 'number' and receivers or -1 }
