-- Keeps a record unless what it depends on was invalidated since its load began.
-- KEYS: the record, then generations in its slot. ARGV: the record, its milliseconds,
-- the generations' milliseconds, then each generation as it was seen; empty: there was none.
for i = 2, #KEYS do
  if (redis.call('GET', KEYS[i]) or '') ~= ARGV[i + 2] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
for i = 2, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
return 1
