-- Makes what was staged the ledger. After whole.lua.
--
-- KEYS[1..4] slots, counts, meta, seen   KEYS[5] staged slots   KEYS[6] staged counts
-- ARGV[1] the new epoch   ARGV[2] how many holders were staged
-- ARGV[3] cap   ARGV[4] paused, 0 or 1   ARGV[5] reserves, JSON
--
-- It does so only where the new epoch is above the one that is there, whole or not, of this server or another.
-- So a slow rebuild never replaces a later one, whatever the order in which they arrive, and an epoch under which
-- slots were given is never loaded again: they may not be in the table that was read for it. A server that
-- restarted or was promoted takes any epoch above the one it still knows.
--
-- Answers { epoch that is whole afterwards, 1 }, or { the same, 0 } where it did nothing.
--
-- Lua, because the comparison and the switch must be one, and the server's identity that of the same moment.

local EPOCH, STAGED = ARGV[1], tonumber(ARGV[2])

local there = redis.call('HGET', META, 'epoch')
local all_staged = redis.call('HLEN', KEYS[5]) == STAGED and (STAGED == 0 or redis.call('EXISTS', KEYS[6]) == 1)
if (there and tonumber(there) >= tonumber(EPOCH)) or not all_staged then
  return { whole_epoch() or false, 0 }
end

local run_id, master_replid = identity()
-- First what a server without memory or with a full disk refuses: then nothing has changed yet.
redis.call('HSET', META, 'epoch', EPOCH, 'run_id', run_id, 'master_replid', master_replid)
redis.call('HSET', META, 'cap', ARGV[3], 'paused', ARGV[4], 'reserves', ARGV[5])
redis.call('DEL', SLOTS, COUNTS, SEEN)
if STAGED > 0 then
  redis.call('RENAME', KEYS[5], SLOTS)
  redis.call('PERSIST', SLOTS)
  redis.call('RENAME', KEYS[6], COUNTS)
  redis.call('PERSIST', COUNTS)
end
redis.call('HSET', COUNTS, 'epoch', EPOCH)
redis.call('HSET', SEEN, 'epoch', EPOCH)
return { EPOCH, 1 }
