-- Reads a part of a scope. The first call reads the board and the first rows; each further one reads rows if the board is still
-- at the tag of the first, so that all parts are of one state.
--
-- KEYS  board hash, due index, history rows, history index: one hash tag
-- ARGV  1 '' for the first call, else 't' and the tag of the first   2 scope   3 number of rows read so far
--       4 most rows    5 bytes after which the call ends, during which the server serves nobody else
-- Reply {1, this server's time in ms, fields and values of the board, deadline or '', ms until the end or -1,
--       whether more rows follow, id, instant and value of each row, number of rows passed}, or {0} if the board has changed
local tag = redis.call('HGET', KEYS[1], '@tag') or ''
if ARGV[1] ~= '' and ARGV[1] ~= 't' .. tag then return { 0 } end
local time = redis.call('TIME')
local board, deadline, left = {}, '', -1
if ARGV[1] == '' then
  board = redis.call('HGETALL', KEYS[1])
  deadline = redis.call('ZSCORE', KEYS[2], ARGV[2]) or ''
  left = redis.call('PTTL', KEYS[1])
end
local from = tonumber(ARGV[3])
local index = redis.call('ZRANGE', KEYS[4], from, from + tonumber(ARGV[4]) - 1, 'WITHSCORES')
local rows, bytes, read = {}, 0, 0
for nth = 1, #index, 2 do
  if bytes >= tonumber(ARGV[5]) then break end
  read = read + 1
  local value = redis.call('HGET', KEYS[3], index[nth])
  if value then
    bytes = bytes + #value
    rows[#rows + 1] = index[nth]
    rows[#rows + 1] = index[nth + 1]
    rows[#rows + 1] = value
  end
end
local more = from + read < redis.call('ZCARD', KEYS[4]) and 1 or 0
return { 1, time[1] * 1000 + math.floor(time[2] / 1000), board, deadline, left, more, rows, read }
