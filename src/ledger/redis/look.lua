-- Tells the epoch of a whole ledger (nil: there is none), and shows that the server takes writes. After whole.lua.
--
-- KEYS[1..4] slots, counts, meta, seen   KEYS[5] a key to write to
-- ARGV[1] its lifetime in milliseconds
--
-- Lua, because the server that takes the write must be the one that the epoch is told of: a read-only replica, a
-- server without memory and one that cannot save refuse the write, and so the look.

redis.call('SET', KEYS[5], '1', 'PX', ARGV[1])
return whole_epoch() or false
