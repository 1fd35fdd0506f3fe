-- Appends to the log under the number that follows the last one. A log that is not there begins a
-- new epoch. KEYS: the log. ARGV: how many lines are kept, the line.
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local id
if #last == 0 then
  local time = redis.call('TIME')
  id = time[1] .. string.format('%03d', math.floor(time[2] / 1000)) .. '-1'
else
  local epoch, sequence = string.match(last[1][1], '(%d+)-(%d+)')
  id = epoch .. '-' .. string.format('%.0f', tonumber(sequence) + 1)
end
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], id, 'd', ARGV[2])
