-- Ends a lease, or makes it last longer, when it is still its holder's.
-- KEYS: the lease. ARGV: the holder, milliseconds from now on or 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
