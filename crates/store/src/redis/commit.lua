-- One commit of one board: compared, written and published in one step.
--
-- KEYS  board hash, due index, history bodies, history index: one hash tag
-- ARGV  1 expected tag ('' if the board was never written)   2 command id, 8 bytes
--       3 stale from, ms    4 late after, ms     5 new tag   6 the board's new time, ms
--       7 scope    8 deadline: '' keeps it, '0' clears it, else ms
--       9 PUBLISH or SPUBLISH   10 channel   11 update
--       12 '' or, for a board that is left empty and does not come again, after how many ms it is forgotten
--       13 number of items to write, then field and value of each
--       then the number of items to delete, then the field of each
--       then the number of rows, then id, ms and body of each
-- Answer  {word, revision, this server's time in ms, receivers of the update or -1 if it was refused}
-- 3 and 4 are on this server's clock, which need not be cluster time.
--
-- A script has no rollback, so everything is checked before the first write: what is wrong is raised as
-- `refused unwritten`, and nothing was done. After it only a right taken away can fail; any
-- other error leaves open what was done. A publication that is refused is told, not raised.
local MOST_ITEMS, MOST_ROWS = 1000, 5000          -- HSET takes all items at once: Lua unpacks < 8,000 values
local REMEMBERED, RECORD, MEMORY_MS = 64, 20, 300000 -- ids: 8 bytes id, 6 revision, 6 time each

local head = redis.call('HMGET', KEYS[1], '@rev', '@tag', '@ids')
local rev, tag, ids = tonumber(head[1] or '0'), head[2] or '', head[3] or ''
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function made_before(id)
  for at = 1, #ids, RECORD do
    if string.sub(ids, at, at + 7) == id then
      local made, when = struct.unpack('>I6I6', ids, at + 8)
      if now - when < MEMORY_MS then return made end
    end
  end
end

local id = ARGV[2]
local made = made_before(id)
if made then return { 'repeated', made, now, 0 } end
if tag ~= ARGV[1] then return { 'conflict', rev, now, 0 } end
if now > tonumber(ARGV[4]) then return { 'late', rev, now, 0 } end
if now >= tonumber(ARGV[3]) then return { 'stale', rev, now, 0 } end

local function refuse(why) error('refused unwritten: ' .. why, 0) end
local next_arg = 13
local function take()
  local value = ARGV[next_arg]
  next_arg = next_arg + 1
  if value == nil then refuse('an argument is missing') end
  return value
end
local function count(most, what)
  local n = tonumber(take())
  if not n or n < 0 or n > most then refuse('too many ' .. what) end
  return n
end

local fields, gone, rows = {}, {}, {}
for _ = 1, 2 * count(MOST_ITEMS, 'items') do fields[#fields + 1] = take() end
for _ = 1, count(MOST_ITEMS, 'deletions') do gone[#gone + 1] = take() end
for _ = 1, count(MOST_ROWS, 'rows') do
  local row, at, body = take(), take(), take()
  if not tonumber(at) then refuse('a row has no time') end
  rows[#rows + 1] = { row, at, body }
end
local deadline, fade = ARGV[8], ARGV[12]
if deadline ~= '' and not tonumber(deadline) then refuse('the deadline is no number') end
if fade ~= '' and not tonumber(fade) then refuse('the fading is no number') end
if #id ~= 8 then refuse('the command id has not 8 bytes') end
local function check_type(key, kind, what)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then refuse(what .. ' is a ' .. found) end
end
if deadline ~= '' then check_type(KEYS[2], 'zset', 'the due index') end
if #rows > 0 then
  check_type(KEYS[3], 'hash', 'the history')
  check_type(KEYS[4], 'zset', 'the index of the history')
end

-- Every check is behind us.
rev = rev + 1
if #ids >= REMEMBERED * RECORD then ids = string.sub(ids, #ids - (REMEMBERED - 1) * RECORD + 1) end
ids = ids .. id .. struct.pack('>I6I6', rev, now)
for _, value in ipairs({ '@rev', rev, '@tag', ARGV[5], '@ids', ids, '@at', ARGV[6] }) do
  fields[#fields + 1] = value
end
redis.call('HSET', KEYS[1], unpack(fields))
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
if fade ~= '' then redis.call('PEXPIRE', KEYS[1], fade) end
if deadline == '0' then
  redis.call('ZREM', KEYS[2], ARGV[7])
elseif deadline ~= '' then
  redis.call('ZADD', KEYS[2], deadline, ARGV[7])
end
for _, row in ipairs(rows) do
  redis.call('HSET', KEYS[3], row[1], row[3])
  redis.call('ZADD', KEYS[4], row[2], row[1])
end
local heard = redis.pcall(ARGV[9], ARGV[10], ARGV[11])
return { 'done', rev, now, type(heard) == 'number' and heard or -1 }
